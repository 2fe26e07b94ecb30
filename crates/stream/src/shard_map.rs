//! The shards of a stream at one moment, and which of them takes a record.

use std::ops::Deref;

use tidemill_clock::Timestamp;

use crate::{Shard, ShardId};

/// All shards that still have a place in a stream, open and closed, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShardMap {
    shards: Vec<Shard>,
    /// Lowest hash key and place in `shards` of each open shard, by hash key.
    open: Vec<(u128, usize)>,
}

impl ShardMap {
    /// The map of these shards. The open ones take every hash key exactly once.
    pub fn new(mut shards: Vec<Shard>) -> Self {
        shards.sort_by_key(|shard| shard.id);
        let open = shards.iter().enumerate().filter(|(_, shard)| shard.closed.is_none());
        let mut open: Vec<_> = open.map(|(place, shard)| (shard.range.start, place)).collect();
        open.sort_unstable();
        Self { shards, open }
    }

    /// The shard `id`.
    pub fn get(&self, id: ShardId) -> Option<&Shard> {
        self.place(id).map(|place| &self.shards[place])
    }

    /// The open shard that takes records of this hash key.
    pub fn of_hash(&self, key: u128) -> ShardId {
        let after = self.open.partition_point(|(start, _)| *start <= key);
        self.shards[self.open[after.saturating_sub(1)].1].id
    }

    /// One of the open shards after the other.
    pub fn open_in_turn(&self, turn: usize) -> ShardId {
        self.shards[self.open[turn % self.open.len()].1].id
    }

    /// The place of the shard `id` in the map.
    pub fn place(&self, id: ShardId) -> Option<usize> {
        self.shards.binary_search_by_key(&id, |shard| shard.id).ok()
    }

    /// The open shards, by hash key.
    pub fn open(&self) -> impl ExactSizeIterator<Item = &Shard> {
        self.open.iter().map(|(_, place)| &self.shards[*place])
    }

    /// The shards that came from `id`.
    pub fn children(&self, id: ShardId) -> impl Iterator<Item = &Shard> {
        self.shards.iter().filter(move |shard| shard.parents().any(|parent| parent == id))
    }

    /// The id of the next shard to be made. The newest shard is always open, so an id is never given twice.
    pub(crate) fn next_id(&self) -> ShardId {
        ShardId(self.shards.last().map_or(0, |shard| shard.id.0 + 1))
    }

    /// The shards in generations: those of one come after all of their parents.
    pub fn generations(&self) -> Vec<Vec<&Shard>> {
        let mut generations: Vec<Vec<&Shard>> = Vec::new();
        let mut place_of: Vec<(ShardId, usize)> = Vec::new();
        for shard in &self.shards {
            let of_parent = |parent: ShardId| {
                let place = place_of.binary_search_by_key(&parent, |(id, _)| *id).ok()?;
                Some(place_of[place].1 + 1)
            };
            let generation = shard.parents().filter_map(of_parent).max().unwrap_or(0);
            if generations.len() == generation {
                generations.push(Vec::new());
            }
            generations[generation].push(shard);
            place_of.push((shard.id, generation));
        }
        generations
    }

    /// The map without the shards that were closed before `horizon` and are not needed, and those shards.
    pub(crate) fn without_closed_before(
        &self,
        horizon: Timestamp,
        is_needed: impl Fn(ShardId) -> bool,
    ) -> (Self, Vec<ShardId>) {
        let is_over = |shard: &&Shard| shard.closed.is_some_and(|closed| closed.at < horizon) && !is_needed(shard.id);
        let over: Vec<ShardId> = self.shards.iter().filter(is_over).map(|shard| shard.id).collect();
        let left = self.shards.iter().filter(|shard| !is_over(shard)).cloned().collect();
        (Self::new(left), over)
    }
}

impl Deref for ShardMap {
    type Target = [Shard];

    fn deref(&self) -> &[Shard] {
        &self.shards
    }
}
