//! Reading several shards of one stream side by side, from far back up to the tip.

use std::sync::Arc;

use tidemill_clock::Timestamp;

use crate::log::{RecentBlocks, Wanted};
use crate::{Read, ReadLimit, Result, ShardId, Stream};

/// Readers of several shards that go through a stream's log side by side. A block of the log has records of all shards: while
/// they are not too far from each other it is read and checked once, and all that is made of it shares its memory. All backlogs
/// of a stream share their blocks.
#[derive(Debug)]
pub struct Backlog {
    stream: Arc<Stream>,
    blocks: Arc<RecentBlocks>,
    expired: bool,
}

impl Backlog {
    /// The records of `stream` that its retention has kept.
    pub fn new(stream: Arc<Stream>) -> Self {
        Self { blocks: stream.recent_blocks(), stream, expired: false }
    }

    /// The same, and those that retention has kept for a [`Dependent`](crate::Dependent) although their time is over.
    pub fn with_expired(self) -> Self {
        Self { expired: true, ..self }
    }

    /// Reads the records of `shard` from `ordinal` on.
    pub async fn read(&self, shard: ShardId, ordinal: u64, limit: ReadLimit) -> Result<Read> {
        let horizon = if self.expired { Timestamp::default() } else { self.stream.horizon() };
        let recent = Some(Arc::clone(&self.blocks));
        self.stream.read_log(Wanted { shard, ordinal, horizon, limit, recent }).await
    }
}
