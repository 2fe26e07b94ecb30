//! The durable log of one stream: blocks in segments, an index over them, and the newest blocks in memory.
//!
//! ```text
//! append ─▶ queue ─▶ committer: drain, lay out one block, write, sync ─▶ index + tail ─▶ acknowledge, wake readers
//! read   ─▶ tail (memory) or, further back, index ─▶ segment
//! ```

pub(crate) mod block;
mod committer;
mod index;
mod read;
mod recent;
mod recovery;
mod segment;
mod tail;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tidemill_clock::Timestamp;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

pub use block::{Record, RecordRun};
pub use read::{Read, ReadLimit};

pub(crate) use read::Wanted;
pub(crate) use recent::RecentBlocks;
pub(crate) use tail::TailBudget;

use crate::{Batch, Machine, Rate, Result, ShardId, StreamError, StreamMetrics};
use block::Block;
use committer::{Command, Committer, Start};
use index::Index;
use read::Reader;

/// Bytes of records that may wait for the committer; an append beyond them waits its turn.
const QUEUE_BYTES: usize = 64 << 20;
/// Appends that may wait for the committer.
const QUEUE_LENGTH: usize = 1024;

/// The log of one stream.
#[derive(Debug)]
pub(crate) struct Log {
    queue: mpsc::Sender<Command>,
    /// One permit a KiB of records in the queue: pushes back instead of growing.
    room: Arc<Semaphore>,
    reader: Reader,
    commits: watch::Receiver<u64>,
    metrics: StreamMetrics,
}

/// What an append was given.
#[derive(Debug, Clone)]
pub struct Appended {
    /// When the records arrived.
    pub arrival: Timestamp,
    firsts: Vec<(ShardId, u64)>,
}

impl Appended {
    /// What an append of no records was given.
    pub(crate) fn nothing(arrival: Timestamp) -> Self {
        Self { arrival, firsts: Vec::new() }
    }

    /// The ordinal of the batch's first record in `shard`.
    pub fn first_ordinal(&self, shard: ShardId) -> Option<u64> {
        self.firsts.iter().find(|(id, _)| *id == shard).map(|(_, first)| *first)
    }
}

impl Log {
    /// Opens the log in `dir`, which is created if need be: recovers what was committed. Must be called within a runtime.
    /// `closed` shards take no more records.
    pub(crate) fn open(
        dir: &Path,
        closed: HashSet<ShardId>,
        machine: &Machine,
        tails: &Arc<TailBudget>,
    ) -> Result<Self> {
        machine.disk.create_dir(dir)?;
        if let Some(parent) = dir.parent() {
            machine.disk.sync_dir(parent)?;
        }
        let recovered = recovery::recover(dir, &machine.disk)?;
        let index = SharedIndex::new(recovered.index, Arc::clone(tails));
        for block in recovered.tail {
            index.keep(block);
        }
        let (queue, commands) = mpsc::channel(QUEUE_LENGTH);
        let (commit, commits) = watch::channel(recovered.next_block);
        let metrics = StreamMetrics::default();
        let start = Start { active: recovered.active, next_block: recovered.next_block, closed };
        let committer = Committer::new(dir, machine, start, index.clone(), commit, metrics.clone());
        tokio::spawn(committer.run(commands));
        let reader = Reader::new(index, Arc::clone(&machine.disk));
        Ok(Self { queue, room: Arc::new(Semaphore::new(QUEUE_BYTES >> 10)), reader, commits, metrics })
    }

    /// Appends a batch; returns when it is on disk.
    pub(crate) async fn append(&self, batch: Batch) -> Result<Appended> {
        let kib = (batch.bytes() >> 10).clamp(1, QUEUE_BYTES >> 10) as u32;
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await.map_err(|_| closed())?;
        let (done, acknowledged) = oneshot::channel();
        self.queue.send(Command::Append { batch, done, room }).await.map_err(|_| closed())?;
        acknowledged.await.map_err(|_| closed())?
    }

    /// Lets shards take no more records. Returns the ordinals after their last ones.
    pub(crate) async fn close(&self, shards: Vec<ShardId>) -> Result<Vec<u64>> {
        let (done, ends) = oneshot::channel();
        self.queue.send(Command::Close { shards, done }).await.map_err(|_| closed())?;
        ends.await.map_err(|_| closed())?
    }

    /// Lets shards take records again whose closing came to nothing.
    pub(crate) async fn reopen(&self, shards: Vec<ShardId>) -> Result<()> {
        self.queue.send(Command::Reopen(shards)).await.map_err(|_| closed())
    }

    /// Forgets closed shards that retention has emptied.
    pub(crate) async fn forget(&self, shards: Vec<ShardId>) -> Result<()> {
        self.queue.send(Command::Forget(shards)).await.map_err(|_| closed())
    }

    /// Frees segments of which every record arrived before `horizon` and no block reaches `keep_from`.
    pub(crate) async fn expire(&self, horizon: Timestamp, keep_from: u64) -> Result<()> {
        self.queue.send(Command::Expire { horizon, keep_from }).await.map_err(|_| closed())
    }

    /// Waits until nothing queued before is left to write.
    pub(crate) async fn drain(&self) {
        let (done, drained) = oneshot::channel();
        if self.queue.send(Command::Drain(done)).await.is_ok() {
            // The committer dropping the sender means that it has ended, so nothing is left either.
            let _ = drained.await;
        }
    }

    /// Reads records of one shard.
    pub(crate) async fn read(&self, wanted: Wanted) -> Result<Read> {
        let read = self.reader.read(wanted).await?;
        let records = read.runs.iter().map(|run| u64::from(run.count)).sum();
        let bytes = read.runs.iter().map(|run| run.payload() as u64).sum();
        self.metrics.read(records, bytes);
        Ok(read)
    }

    /// The ordinal that the next record of `shard` will get.
    pub(crate) fn next_ordinal(&self, shard: ShardId) -> u64 {
        self.reader.index.read().shard(shard).map_or(1, |shard| shard.next)
    }

    /// When the newest record of `shard` arrived.
    pub(crate) fn last_arrival(&self, shard: ShardId) -> Option<Timestamp> {
        let index = self.reader.index.read();
        index.shard(shard).filter(|shard| shard.next > 1).map(|shard| shard.last_arrival)
    }

    /// What `shard` was given since the log was opened.
    pub(crate) fn traffic(&self, shard: ShardId) -> Rate {
        self.reader.index.read().shard(shard).map(|shard| shard.traffic).unwrap_or_default()
    }

    /// The ordinal of the last record of `shard` known to have arrived before `time`; a place to search from.
    pub(crate) async fn ordinal_before(&self, shard: ShardId, time: Timestamp) -> Result<u64> {
        self.reader.ordinal_before(shard, time).await
    }

    /// The number of the next block; changes with each commit.
    pub(crate) fn commits(&self) -> watch::Receiver<u64> {
        self.commits.clone()
    }

    /// The number of the block that record `ordinal` of `shard`, or a record shortly before it, is in.
    pub(crate) fn block_of(&self, shard: ShardId, ordinal: u64) -> u64 {
        self.reader.index.read().block_of(shard, ordinal)
    }

    pub(crate) fn metrics(&self) -> &StreamMetrics {
        &self.metrics
    }

    /// KiB of records and commands that wait for the committer.
    pub(crate) fn queued(&self) -> (usize, usize) {
        let kib = (QUEUE_BYTES >> 10) - self.room.available_permits();
        (kib << 10, self.queue.max_capacity() - self.queue.capacity())
    }
}

fn closed() -> StreamError {
    StreamError::Poisoned("the log was closed".into())
}

/// The index, written by the committer alone and read by every reader. Held for look-ups only.
#[derive(Debug, Clone)]
pub(crate) struct SharedIndex {
    index: Arc<RwLock<Index>>,
    tails: Arc<TailBudget>,
}

impl SharedIndex {
    fn new(index: Index, tails: Arc<TailBudget>) -> Self {
        Self { index: Arc::new(RwLock::new(index)), tails }
    }

    /// Notes a block of the last segment and keeps it in memory: a reader sees both or neither.
    fn publish(&self, offset: u64, block: &Block) {
        {
            let mut index = self.write();
            index.add_block(offset, block);
            index.add_to_tail(block.clone());
        }
        self.tails.admit(Arc::downgrade(&self.index), block.len());
    }

    /// Keeps a block in memory that was noted before.
    fn keep(&self, block: Block) {
        let bytes = block.len();
        self.write().add_to_tail(block);
        self.tails.admit(Arc::downgrade(&self.index), bytes);
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}
