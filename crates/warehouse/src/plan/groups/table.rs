//! The table that finds a row's group by the integer it is grouped by.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Int64Array, PrimitiveArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{Result, internal_err};

/// More groups than this do not fit into a processor's nearer caches, where this table would have no advantage.
const MAX_GROUPS: usize = 1 << 15;
/// A key that hashes to a place this far from a free one makes the table full, so that no choice of keys makes it slow.
const MAX_DISTANCE: usize = 64;
/// Keys from 0 up to here have their groups in an array: numbers of stations and customers, dates, flags.
const SMALL: usize = 1 << 16;
const FIRST_SLOTS: usize = 1 << 8;
/// Slots a group at least: with so many free ones, most keys are where their search begins.
const SLOTS_A_GROUP: usize = 4;
/// 2^64 divided by the golden ratio: its products spread near and evenly spaced keys well over their upper bits.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// Groups in the order in which they were found.
#[derive(Debug)]
pub(super) struct GroupTable {
    /// The groups of small keys, by key.
    small: Vec<u32>,
    /// The groups of the other keys: an open-addressing table.
    slots: Vec<Slot>,
    keys: Vec<Option<i64>>,
    null_group: Option<u32>,
    is_full: bool,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    key: i64,
    group: u32,
}

const NONE: u32 = u32::MAX;
const FREE: Slot = Slot { key: 0, group: NONE };

impl GroupTable {
    pub(super) fn new() -> Self {
        let slots = vec![FREE; FIRST_SLOTS];
        Self { small: Vec::new(), slots, keys: Vec::new(), null_group: None, is_full: false }
    }

    /// Whether rows can be grouped by values of `key_type` here.
    pub(super) fn takes(key_type: &DataType) -> bool {
        matches!(
            key_type,
            DataType::Int16
                | DataType::Int32
                | DataType::Int64
                | DataType::Date32
                | DataType::Timestamp(TimeUnit::Microsecond, _)
        )
    }

    /// The number of groups.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Bytes of memory held.
    pub(super) fn size(&self) -> usize {
        size_of_val(self.slots.as_slice())
            + size_of_val(self.small.as_slice())
            + self.keys.capacity() * size_of::<Option<i64>>()
    }

    /// Puts the group of each of `keys` into `groups`. False if the table is full: then it can
    /// only give the keys that it had before.
    pub(super) fn find(&mut self, keys: &ArrayRef, groups: &mut Vec<usize>) -> Result<bool> {
        let before = self.keys.len();
        match keys.data_type() {
            DataType::Int16 => self.find_all(keys.as_primitive::<Int16Type>(), groups),
            DataType::Int32 => self.find_all(keys.as_primitive::<Int32Type>(), groups),
            DataType::Int64 => self.find_all(keys.as_primitive::<Int64Type>(), groups),
            DataType::Date32 => self.find_all(keys.as_primitive::<Date32Type>(), groups),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                self.find_all(keys.as_primitive::<TimestampMicrosecondType>(), groups);
            }
            other => return internal_err!("{other} is not grouped as an integer"),
        }
        if self.is_full {
            self.keys.truncate(before);
        }
        Ok(!self.is_full)
    }

    /// The keys of all groups, as values of `key_type`.
    pub(super) fn into_keys(self, key_type: &DataType) -> Result<ArrayRef> {
        let keys: ArrayRef = Arc::new(Int64Array::from(self.keys));
        Ok(cast(&keys, key_type)?)
    }

    fn find_all<T: ArrowPrimitiveType>(&mut self, keys: &PrimitiveArray<T>, groups: &mut Vec<usize>)
    where
        T::Native: Into<i64>,
    {
        groups.clear();
        match keys.null_count() {
            0 => groups.extend(keys.values().iter().map(|key| self.group_of((*key).into()))),
            _ => groups.extend(keys.iter().map(|key| match key {
                Some(key) => self.group_of(key.into()),
                None => self.group_of_null(),
            })),
        }
    }

    fn group_of(&mut self, key: i64) -> usize {
        // A negative key is a large one here.
        match self.small.get(key as usize) {
            Some(group) if *group != NONE => *group as usize,
            Some(_) => self.add(key),
            None => self.group_of_large(key),
        }
    }

    fn group_of_large(&mut self, key: i64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = first_slot(key, self.slots.len());
        loop {
            let slot = self.slots[at & mask];
            if slot.group == NONE {
                return self.add(key);
            }
            if slot.key == key {
                return slot.group as usize;
            }
            at += 1;
        }
    }

    fn group_of_null(&mut self) -> usize {
        let next = self.keys.len() as u32;
        let group = *self.null_group.get_or_insert(next);
        if group == next {
            self.keys.push(None);
        }
        group as usize
    }

    #[cold]
    fn add(&mut self, key: i64) -> usize {
        let group = self.keys.len();
        self.is_full |= group >= MAX_GROUPS;
        if self.is_full {
            return 0;
        }
        self.keys.push(Some(key));
        match usize::try_from(key) {
            Ok(key) if key < SMALL => self.put_small(key, group as u32),
            _ if self.keys.len() * SLOTS_A_GROUP > self.slots.len() => self.grow(),
            _ => self.put(Slot { key, group: group as u32 }),
        }
        group
    }

    fn put_small(&mut self, key: usize, group: u32) {
        if key >= self.small.len() {
            self.small.resize((key + 1).next_power_of_two(), NONE);
        }
        self.small[key] = group;
    }

    fn grow(&mut self) {
        self.slots = vec![FREE; self.slots.len() * 2];
        for group in 0..self.keys.len() {
            if let Some(key) = self.keys[group]
                && !(0..SMALL as i64).contains(&key)
            {
                self.put(Slot { key, group: group as u32 });
            }
        }
    }

    fn put(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let first = first_slot(slot.key, self.slots.len());
        let mut distance = 0;
        while self.slots[(first + distance) & mask].group != NONE {
            distance += 1;
        }
        self.is_full |= distance > MAX_DISTANCE;
        self.slots[(first + distance) & mask] = slot;
    }
}

/// Where the search for a key begins among so many slots, a power of two.
fn first_slot(key: i64, slots: usize) -> usize {
    ((key as u64).wrapping_mul(MULTIPLIER) >> (64 - slots.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn find(table: &mut GroupTable, keys: Vec<Option<i64>>) -> Option<Vec<usize>> {
        let keys: ArrayRef = Arc::new(Int64Array::from(keys));
        let mut groups = Vec::new();
        table.find(&keys, &mut groups).unwrap().then_some(groups)
    }

    #[test]
    fn a_key_has_one_group_in_the_order_of_first_appearance() {
        let mut table = GroupTable::new();
        let mut known = HashMap::new();
        for step in [1, 60_000_000, -7, i64::MAX / 5000, 1 << 32] {
            let keys: Vec<_> = (0..5000).map(|n| (n % 11 > 0).then_some(n * n % 4999 * step)).collect();
            let wanted = keys.iter().map(|key| {
                let next = known.len();
                *known.entry(*key).or_insert(next)
            });
            let wanted: Vec<_> = wanted.collect();
            assert_eq!(find(&mut table, keys), Some(wanted));
        }
        assert_eq!(table.len(), known.len());
        let keys = table.into_keys(&DataType::Int64).unwrap();
        for (group, key) in keys.as_primitive::<Int64Type>().iter().enumerate() {
            assert_eq!(known[&key], group);
        }
    }

    #[test]
    fn a_full_table_keeps_the_groups_that_it_had() {
        let mut table = GroupTable::new();
        assert!(find(&mut table, (0..1000).map(Some).collect()).is_some());
        assert_eq!(find(&mut table, (0..MAX_GROUPS as i64 + 1).map(Some).collect()), None);
        assert_eq!(table.len(), 1000);
        let keys = table.into_keys(&DataType::Int32).unwrap();
        assert!(keys.as_primitive::<Int32Type>().values().iter().copied().eq(0..1000));
    }

    #[test]
    fn keys_chosen_to_collide_make_a_table_full() {
        // The multiplier's inverse turns the products, and so the hashes, into small numbers.
        let inverse = (0..6)
            .fold(MULTIPLIER, |inverse, _| inverse.wrapping_mul(2_u64.wrapping_sub(MULTIPLIER.wrapping_mul(inverse))));
        let keys = (0..1000_u64).map(|n| Some(n.wrapping_mul(inverse) as i64));
        assert_eq!(find(&mut GroupTable::new(), keys.collect()), None);
    }
}
