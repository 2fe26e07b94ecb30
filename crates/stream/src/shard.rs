//! Shards and the hash keys that records are placed by.

use md5::{Digest, Md5};
use tidemill_clock::Timestamp;

use crate::{SequenceNumber, ShardId};

/// The 128-bit hash key of a partition key (Kinesis: MD5 of it, big-endian).
pub fn hash_key(partition_key: &[u8]) -> u128 {
    u128::from_be_bytes(Md5::digest(partition_key).into())
}

/// The hash keys that a shard takes, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashRange {
    /// The lowest hash key.
    pub start: u128,
    /// The highest hash key.
    pub end: u128,
}

impl HashRange {
    /// The whole space cut into `count` even ranges, in order. Range `i` starts at `i · 2^128 / count`, rounded down, so
    /// that twice as many ranges have all the same starts and as many between them.
    pub fn split_evenly(count: u32) -> Vec<Self> {
        let parts = u128::from(count.max(1));
        let (width, rest) = (u128::MAX / parts, u128::MAX % parts + 1);
        let start = |index: u32| u128::from(index) * width + u128::from(index) * rest / parts;
        let range = |index: u32| Self {
            start: start(index),
            end: if index + 1 == count { u128::MAX } else { start(index + 1) - 1 },
        };
        (0..count).map(range).collect()
    }

    /// Whether a record of this hash key belongs here.
    pub fn contains(&self, key: u128) -> bool {
        (self.start..=self.end).contains(&key)
    }
}

/// One shard of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Which one.
    pub id: ShardId,
    /// What it takes.
    pub range: HashRange,
    /// When it was created.
    pub created: Timestamp,
    /// The shard that it was split or merged from.
    pub parent: Option<ShardId>,
    /// The other shard that it was merged from.
    pub adjacent_parent: Option<ShardId>,
    /// Set when it was split or merged itself: it takes no more records.
    pub closed: Option<Closed>,
}

/// The end of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// When it was closed.
    pub at: Timestamp,
    /// The ordinal after its last record.
    pub end: u64,
}

impl Shard {
    /// A shard without parents.
    pub fn new(id: ShardId, range: HashRange, created: Timestamp) -> Self {
        Self { id, range, created, parent: None, adjacent_parent: None, closed: None }
    }

    /// The sequence number of this shard's record `ordinal`.
    pub fn sequence_number(&self, ordinal: u64) -> SequenceNumber {
        SequenceNumber { shard_created: self.created, shard: self.id, ordinal }
    }

    /// The shards that it came from.
    pub fn parents(&self) -> impl Iterator<Item = ShardId> {
        self.parent.into_iter().chain(self.adjacent_parent)
    }

    /// Whether it was open at `time`.
    pub fn was_open_at(&self, time: Timestamp) -> bool {
        self.created <= time && self.closed.is_none_or(|closed| closed.at >= time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_ranges_cover_every_hash_key_once() {
        for count in [1, 2, 3, 4, 7, 500] {
            let ranges = HashRange::split_evenly(count);
            assert_eq!(ranges.len(), count as usize);
            assert_eq!(ranges[0].start, 0);
            assert_eq!(ranges[ranges.len() - 1].end, u128::MAX);
            assert!(ranges.windows(2).all(|pair| pair[0].end + 1 == pair[1].start));
        }
    }
}
