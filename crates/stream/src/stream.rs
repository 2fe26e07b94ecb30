//! One stream: its shards and its log.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidemill_clock::{Clock, Timestamp};
use tokio::sync::watch;

use crate::log::Log;
use crate::shard::hash_key;
use crate::{Appended, Batch, Machine, Read, ReadLimit, Result, Shard, ShardId, StreamError, StreamId, StreamName};

/// Where a stream's capacity comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A fixed number of shards.
    Provisioned,
    /// As many shards as the traffic needs, at least four.
    OnDemand,
}

impl Mode {
    /// Kinesis' word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioned => "PROVISIONED",
            Self::OnDemand => "ON_DEMAND",
        }
    }
}

/// What a stream is going through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It can be used.
    Active,
    /// It is going away.
    Deleting,
}

/// What is known of a stream besides its records.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    pub(crate) id: StreamId,
    pub(crate) name: StreamName,
    pub(crate) mode: Mode,
    pub(crate) created: Timestamp,
    pub(crate) retention: Duration,
    pub(crate) shards: Vec<Shard>,
}

/// A stream.
#[derive(Debug)]
pub struct Stream {
    definition: Definition,
    deleting: AtomicBool,
    log: Log,
    clock: Arc<dyn Clock>,
}

impl Stream {
    pub(crate) fn open(definition: Definition, dir: &Path, machine: &Machine) -> Result<Self> {
        let log = Log::open(dir, machine)?;
        Ok(Self { definition, deleting: AtomicBool::new(false), log, clock: Arc::clone(&machine.clock) })
    }

    /// Its name.
    pub fn name(&self) -> &StreamName {
        &self.definition.name
    }

    /// What tells it from others that had the same name.
    pub fn id(&self) -> &StreamId {
        &self.definition.id
    }

    /// Its capacity mode.
    pub fn mode(&self) -> Mode {
        self.definition.mode
    }

    /// When it was created.
    pub fn created(&self) -> Timestamp {
        self.definition.created
    }

    /// How long a record can be read after its arrival.
    pub fn retention(&self) -> Duration {
        self.definition.retention
    }

    /// What it is going through.
    pub fn status(&self) -> Status {
        if self.deleting.load(Ordering::Acquire) { Status::Deleting } else { Status::Active }
    }

    pub(crate) fn set_deleting(&self) {
        self.deleting.store(true, Ordering::Release);
    }

    /// Its shards, by id.
    pub fn shards(&self) -> &[Shard] {
        &self.definition.shards
    }

    /// The shard `id`.
    pub fn shard(&self, id: ShardId) -> Result<&Shard> {
        let found = self.shards().get(id.0 as usize);
        found.ok_or_else(|| StreamError::NoShard(self.name().clone(), id.to_string()))
    }

    /// The shard that takes records of this partition key.
    pub fn shard_for(&self, partition_key: &[u8]) -> ShardId {
        self.shard_for_hash(hash_key(partition_key))
    }

    /// The shard that takes records of this hash key.
    pub fn shard_for_hash(&self, key: u128) -> ShardId {
        let after = self.shards().partition_point(|shard| shard.range.start <= key);
        self.shards()[after.saturating_sub(1)].id
    }

    /// Appends records; returns when they are on disk.
    pub async fn append(&self, batch: Batch) -> Result<Appended> {
        if self.status() == Status::Deleting {
            return Err(StreamError::Deleting(self.name().clone()));
        }
        self.log.append(batch).await
    }

    /// Reads the records of `shard` from `ordinal` on, as far as retention has kept them.
    pub async fn read(&self, shard: ShardId, ordinal: u64, limit: ReadLimit) -> Result<Read> {
        self.log.read(shard, ordinal, self.horizon(), limit).await
    }

    /// The ordinal that the next record of `shard` will get.
    pub fn next_ordinal(&self, shard: ShardId) -> u64 {
        self.log.next_ordinal(shard)
    }

    /// The ordinal of the first record of `shard` that arrived at `time` or later.
    pub async fn first_ordinal_at(&self, shard: ShardId, time: Timestamp) -> Result<u64> {
        let mut ordinal = self.log.ordinal_before(shard, time);
        loop {
            let read = self.read(shard, ordinal, ReadLimit::default()).await?;
            if let Some(run) = read.runs.iter().find(|run| run.arrival >= time) {
                return Ok(run.first);
            }
            ordinal = read.next;
            if read.at_tip {
                return Ok(ordinal);
            }
        }
    }

    /// Changes with each commit, so that a reader can wait for the next records.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.log.commits()
    }

    /// Waits until every append made before is written.
    pub(crate) async fn drain(&self) {
        self.log.drain().await;
    }

    /// Frees what retention no longer keeps, except what a consumer still needs from the given ordinals on.
    pub(crate) async fn expire(&self, needed: &[(ShardId, u64)]) -> Result<()> {
        let blocks = needed.iter().map(|(shard, ordinal)| self.log.block_of(*shard, *ordinal));
        self.log.expire(self.horizon(), blocks.min().unwrap_or(u64::MAX)).await
    }

    fn horizon(&self) -> Timestamp {
        self.clock.now().minus(self.retention())
    }
}
