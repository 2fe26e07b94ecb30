//! Planning a reshard: which shards to close and which to make. Nothing here touches a stream.

use tidemill_clock::Timestamp;

use crate::shard::Closed;
use crate::{HashRange, Result, Shard, ShardId, ShardMap, StreamError};

/// A change of the open shards of a stream.
#[derive(Debug)]
pub(crate) struct Reshape {
    /// The open shards as they are to be, by hash key.
    open: Vec<Shard>,
    /// Shards of the stream to close.
    pub(crate) close: Vec<ShardId>,
    /// Shards that are made and closed on the way, without a record.
    passing: Vec<Shard>,
    /// The first id of a new shard.
    first_new: ShardId,
    next: ShardId,
    now: Timestamp,
}

impl Reshape {
    /// No change yet.
    pub(crate) fn of(shards: &ShardMap, now: Timestamp) -> Self {
        let next = shards.next_id();
        let open = shards.open().cloned().collect();
        Self { open, close: Vec::new(), passing: Vec::new(), first_new: next, next, now }
    }

    /// The shards to make, by id.
    pub(crate) fn created(&self) -> Vec<Shard> {
        let new = self.open.iter().filter(|shard| shard.id >= self.first_new);
        let mut created: Vec<_> = new.chain(&self.passing).cloned().collect();
        created.sort_by_key(|shard| shard.id);
        created
    }

    /// Splits `shard` so that one of its children starts at the hash key `at`.
    pub(crate) fn split(&mut self, shard: ShardId, at: u128) -> Result<()> {
        let place = self.place(shard)?;
        let range = self.open[place].range;
        // Kinesis: greater than one plus the first hash key, and less than the last.
        if !(range.start.saturating_add(1) < at && at < range.end) {
            return Err(StreamError::BadSplit { shard, range, at });
        }
        self.cut(place, at);
        Ok(())
    }

    /// Splits the open shard at `place`, anywhere behind its first hash key.
    fn cut(&mut self, place: usize, at: u128) {
        let range = self.open[place].range;
        let parent = self.retire(place);
        let ranges = [HashRange { start: range.start, end: at - 1 }, HashRange { start: at, end: range.end }];
        let children = ranges.map(|range| self.child(range, &parent, None));
        self.open.splice(place..place, children);
    }

    /// Merges two shards whose hash keys are neighbours.
    pub(crate) fn merge(&mut self, shard: ShardId, adjacent: ShardId) -> Result<()> {
        let (one, other) = (self.place(shard)?, self.place(adjacent)?);
        if one.abs_diff(other) != 1 {
            return Err(StreamError::NotAdjacent(shard, adjacent));
        }
        let (low, high) = (one.min(other), one.max(other));
        let range = HashRange { start: self.open[low].range.start, end: self.open[high].range.end };
        let after = self.retire(high);
        let before = self.retire(low);
        let (parent, other) = if one == low { (before, after) } else { (after, before) };
        let child = self.child(range, &parent, Some(&other));
        self.open.insert(low, child);
        Ok(())
    }

    /// Splits and merges until there are `count` shards of even ranges (Kinesis: UNIFORM_SCALING).
    pub(crate) fn rescale(&mut self, count: u32) -> Result<()> {
        let targets = HashRange::split_evenly(count);
        for target in &targets[1..] {
            let within = |shard: &Shard| shard.range.start < target.start && shard.range.contains(target.start);
            if let Some(place) = self.open.iter().position(within) {
                self.cut(place, target.start);
            }
        }
        for (place, target) in targets.iter().enumerate() {
            while self.open[place].range.end < target.end {
                self.merge(self.open[place].id, self.open[place + 1].id)?;
            }
        }
        Ok(())
    }

    fn place(&self, shard: ShardId) -> Result<usize> {
        self.open.iter().position(|open| open.id == shard).ok_or(StreamError::ShardClosed(shard))
    }

    /// Takes an open shard out.
    fn retire(&mut self, place: usize) -> Shard {
        let shard = self.open.remove(place);
        if shard.id < self.first_new {
            self.close.push(shard.id);
        } else {
            let closed = Some(Closed { at: self.now, end: 1 });
            self.passing.push(Shard { closed, ..shard.clone() });
        }
        shard
    }

    /// A new shard. It is created later than its parents, so that its sequence numbers are greater than theirs.
    fn child(&mut self, range: HashRange, parent: &Shard, adjacent: Option<&Shard>) -> Shard {
        let id = self.next;
        self.next = ShardId(id.0 + 1);
        let newest = adjacent.map_or(parent.created, |adjacent| adjacent.created.max(parent.created));
        let created = self.now.max(Timestamp::from_millis(newest.millis() + 1));
        let adjacent_parent = adjacent.map(|shard| shard.id);
        Shard { id, range, created, parent: Some(parent.id), adjacent_parent, closed: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn even(count: u32) -> ShardMap {
        let created = Timestamp::from_millis(1);
        let shards = (0..).zip(HashRange::split_evenly(count));
        ShardMap::new(shards.map(|(id, range)| Shard::new(ShardId(id), range, created)).collect())
    }

    #[test]
    fn rescaling_ends_in_even_ranges_that_descend_from_what_was_there() {
        for (from, to) in [(4, 8), (4, 6), (6, 4), (3, 5), (8, 4), (5, 5), (1, 2), (7, 4)] {
            let map = even(from);
            let mut reshape = Reshape::of(&map, Timestamp::from_millis(5));
            reshape.rescale(to).unwrap();
            let ranges: Vec<_> = reshape.open.iter().map(|shard| shard.range).collect();
            assert_eq!(ranges, HashRange::split_evenly(to), "{from} to {to}");
            for shard in reshape.created() {
                let parents: Vec<_> = shard.parents().collect();
                assert!(!parents.is_empty() && parents.iter().all(|parent| *parent < shard.id));
            }
        }
    }

    #[test]
    fn only_neighbours_merge_and_only_inner_keys_split() {
        let map = even(3);
        let mut reshape = Reshape::of(&map, Timestamp::from_millis(5));
        assert!(matches!(reshape.merge(ShardId(0), ShardId(2)), Err(StreamError::NotAdjacent(..))));
        assert!(matches!(reshape.split(ShardId(0), 0), Err(StreamError::BadSplit { .. })));
        reshape.merge(ShardId(1), ShardId(0)).unwrap();
        let merged = &reshape.created()[0];
        assert_eq!((merged.parent, merged.adjacent_parent), (Some(ShardId(1)), Some(ShardId(0))));
        assert!(matches!(reshape.split(ShardId(0), 9), Err(StreamError::ShardClosed(ShardId(0)))));
    }
}
