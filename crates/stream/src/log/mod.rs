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
mod recovery;
mod segment;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tidemill_clock::Timestamp;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

pub use block::{Record, RecordRun};
pub use read::{Read, ReadLimit};

use crate::{Batch, Machine, Result, ShardId, StreamError};
use committer::{Command, Committer};
use index::Index;

/// Bytes of records that may wait for the committer; an append beyond them waits its turn.
const QUEUE_BYTES: usize = 64 << 20;
/// Appends that may wait for the committer.
const QUEUE_LENGTH: usize = 1024;

/// The log of one stream.
#[derive(Debug)]
pub(crate) struct Log {
    dir: PathBuf,
    queue: mpsc::Sender<Command>,
    /// One permit a KiB of records in the queue: pushes back instead of growing.
    room: Arc<Semaphore>,
    index: SharedIndex,
    commits: watch::Receiver<u64>,
}

/// What an append was given.
#[derive(Debug, Clone)]
pub struct Appended {
    /// When the records arrived.
    pub arrival: Timestamp,
    firsts: Vec<(ShardId, u64)>,
}

impl Appended {
    /// The ordinal of the batch's first record in `shard`.
    pub fn first_ordinal(&self, shard: ShardId) -> Option<u64> {
        self.firsts.iter().find(|(id, _)| *id == shard).map(|(_, first)| *first)
    }
}

impl Log {
    /// Opens the log in `dir`, which is created if need be: recovers what was committed.
    pub(crate) fn open(dir: &Path, machine: &Machine) -> Result<Self> {
        machine.disk.create_dir(dir)?;
        let recovered = recovery::recover(dir, &*machine.disk)?;
        let index = SharedIndex::new(recovered.index);
        let (queue, commands) = mpsc::channel(QUEUE_LENGTH);
        let (commit, commits) = watch::channel(recovered.next_block);
        let committer = Committer::new(dir, machine, recovered.active, recovered.next_block, index.clone(), commit);
        tokio::spawn(committer.run(commands));
        Ok(Self { dir: dir.to_owned(), queue, room: Arc::new(Semaphore::new(QUEUE_BYTES >> 10)), index, commits })
    }

    /// Appends a batch; returns when it is on disk.
    pub(crate) async fn append(&self, batch: Batch) -> Result<Appended> {
        let kib = (batch.bytes() >> 10).clamp(1, QUEUE_BYTES >> 10) as u32;
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await.map_err(|_| closed())?;
        let (done, acknowledged) = oneshot::channel();
        self.queue.send(Command::Append { batch, done, room }).await.map_err(|_| closed())?;
        acknowledged.await.map_err(|_| closed())?
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

    /// Reads records of `shard` from `ordinal` on that arrived at `horizon` or later.
    pub(crate) async fn read(
        &self,
        shard: ShardId,
        ordinal: u64,
        horizon: Timestamp,
        limit: ReadLimit,
    ) -> Result<Read> {
        read::read(&self.index, &self.dir, shard, ordinal, horizon, limit).await
    }

    /// The ordinal that the next record of `shard` will get.
    pub(crate) fn next_ordinal(&self, shard: ShardId) -> u64 {
        self.index.read().shard(shard).map_or(1, |shard| shard.next)
    }

    /// The ordinal of the last record of `shard` known to have arrived before `time`; a place to search from.
    pub(crate) fn ordinal_before(&self, shard: ShardId, time: Timestamp) -> u64 {
        self.index.read().shard(shard).map_or(1, |shard| shard.before(time))
    }

    /// The number of the next block; changes with each commit.
    pub(crate) fn commits(&self) -> watch::Receiver<u64> {
        self.commits.clone()
    }

    /// The number of the block that record `ordinal` of `shard`, or a record shortly before it, is in.
    pub(crate) fn block_of(&self, shard: ShardId, ordinal: u64) -> u64 {
        self.index.read().block_of(shard, ordinal)
    }
}

fn closed() -> StreamError {
    StreamError::Poisoned("the log was closed".into())
}

/// The index, written by the committer alone and read by every reader. Held for look-ups only.
#[derive(Debug, Clone)]
pub(crate) struct SharedIndex(Arc<RwLock<Index>>);

impl SharedIndex {
    fn new(index: Index) -> Self {
        Self(Arc::new(RwLock::new(index)))
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
