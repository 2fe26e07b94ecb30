//! One stream: its shards, its settings and its log.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwap;
use tidemill_clock::{Clock, Timestamp};
use tokio::sync::watch;

use crate::log::{Log, RecentBlocks, TailBudget, Wanted};
use crate::shard::hash_key;
use crate::store::Definition;
use crate::{
    Appended, Batch, Machine, Mode, Read, ReadLimit, Result, SequenceNumber, Settings, Shard, ShardId, ShardMap,
    StreamError, StreamId, StreamMetrics, StreamName,
};

/// What a stream or a consumer is going through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is not usable yet.
    Creating,
    /// It can be used.
    Active,
    /// It can be used while it changes.
    Updating,
    /// It is going away.
    Deleting,
}

impl Status {
    /// Kinesis' word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Active => "ACTIVE",
            Self::Updating => "UPDATING",
            Self::Deleting => "DELETING",
        }
    }
}

/// A stream.
#[derive(Debug)]
pub struct Stream {
    id: StreamId,
    name: StreamName,
    created: Timestamp,
    settings: ArcSwap<Settings>,
    shards: ArcSwap<ShardMap>,
    status: watch::Sender<Status>,
    /// Counts the changes of `shards`, for appends that met a closed shard.
    reshards: watch::Sender<u64>,
    /// Held by whoever changes the settings or the shards.
    pub(crate) turn: Arc<tokio::sync::Mutex<()>>,
    pub(crate) log: Log,
    /// Held to look it up or replace it.
    recent: Mutex<Weak<RecentBlocks>>,
    clock: Arc<dyn Clock>,
}

impl Stream {
    pub(crate) fn open(
        definition: Definition,
        status: Status,
        dir: &Path,
        machine: &Machine,
        tails: &Arc<TailBudget>,
    ) -> Result<Self> {
        let closed = definition.shards.iter().filter(|shard| shard.closed.is_some());
        let log = Log::open(dir, closed.map(|shard| shard.id).collect(), machine, tails)?;
        Ok(Self {
            id: definition.id,
            name: definition.name,
            created: definition.created,
            settings: ArcSwap::from_pointee(definition.settings),
            shards: ArcSwap::from_pointee(definition.shards),
            status: watch::Sender::new(status),
            reshards: watch::Sender::new(0),
            turn: Arc::default(),
            log,
            recent: Mutex::default(),
            clock: Arc::clone(&machine.clock),
        })
    }

    /// Its name.
    pub fn name(&self) -> &StreamName {
        &self.name
    }

    /// What tells it from others that had the same name.
    pub fn id(&self) -> &StreamId {
        &self.id
    }

    /// When it was created.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// Its settings now.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    pub(crate) fn set_settings(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
    }

    /// Its capacity mode.
    pub fn mode(&self) -> Mode {
        self.settings.load().mode
    }

    /// What it is going through.
    pub fn status(&self) -> Status {
        *self.status.borrow()
    }

    /// Changes with its status, so that a caller can wait for one.
    pub fn statuses(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Changes the status. A stream that is going away stays so.
    pub(crate) fn set_status(&self, status: Status) {
        self.status.send_if_modified(|current| {
            let changes = *current != status && *current != Status::Deleting;
            if changes {
                *current = status;
            }
            changes
        });
    }

    /// Its shards now.
    pub fn shards(&self) -> Arc<ShardMap> {
        self.shards.load_full()
    }

    pub(crate) fn set_shards(&self, shards: ShardMap) {
        self.shards.store(Arc::new(shards));
        self.wake_placements();
    }

    /// Lets appends that met a closed shard look at the shards again.
    pub(crate) fn wake_placements(&self) {
        self.reshards.send_modify(|count| *count += 1);
    }

    /// The shard `id`.
    pub fn shard(&self, id: ShardId) -> Result<Shard> {
        let found = self.shards.load().get(id).cloned();
        found.ok_or_else(|| StreamError::NoShard(self.name.clone(), id.to_string()))
    }

    /// The shard that takes records of this partition key.
    pub fn shard_for(&self, partition_key: &[u8]) -> ShardId {
        self.shards.load().of_hash(hash_key(partition_key))
    }

    /// What it has done since the process started.
    pub fn metrics(&self) -> &StreamMetrics {
        self.log.metrics()
    }

    /// Bytes and records that wait to be written.
    pub fn queued(&self) -> (usize, usize) {
        self.log.queued()
    }

    /// Appends records; returns when they are on disk. Fails with [`StreamError::Resharded`] if one of their shards was
    /// closed since they were placed; [`Self::place`] places them anew then.
    pub async fn append(&self, batch: Batch) -> Result<Appended> {
        match self.status() {
            Status::Deleting => Err(StreamError::NotActive(self.name.clone(), Status::Deleting)),
            Status::Creating => Err(StreamError::NotFound(self.name.clone())),
            _ if batch.is_empty() => Ok(Appended::nothing(self.clock.now())),
            Status::Active | Status::Updating => self.log.append(batch).await,
        }
    }

    /// Appends the records that `fill` puts into a batch, each into the shard that it belongs to; returns when they are
    /// on disk. `fill` is called again if the shards change meanwhile.
    pub async fn place<T, E: From<StreamError>>(
        &self,
        mut fill: impl FnMut(&ShardMap, &mut Batch) -> Result<T, E>,
    ) -> Result<Placed<T>, E> {
        let mut reshards = self.reshards.subscribe();
        loop {
            reshards.mark_unchanged();
            let shards = self.shards();
            let mut batch = Batch::default();
            let filled = fill(&shards, &mut batch)?;
            match self.append(batch).await {
                // The stream outlives the call, so its sender is there.
                Err(StreamError::Resharded) => drop(reshards.changed().await),
                other => return Ok(Placed { filled, appended: other?, shards }),
            }
        }
    }

    /// Reads the records of `shard` from `ordinal` on, as far as retention has kept them.
    pub async fn read(&self, shard: ShardId, ordinal: u64, limit: ReadLimit) -> Result<Read> {
        self.read_log(Wanted { shard, ordinal, horizon: self.horizon(), limit, recent: None }).await
    }

    /// The blocks that readers from far back share, while there are such readers.
    pub(crate) fn recent_blocks(&self) -> Arc<RecentBlocks> {
        let mut shared = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let blocks = Arc::default();
            *shared = Arc::downgrade(&blocks);
            blocks
        })
    }

    pub(crate) async fn read_log(&self, wanted: Wanted) -> Result<Read> {
        self.log.read(wanted).await
    }

    /// The ordinal that the next record of `shard` will get.
    pub fn next_ordinal(&self, shard: ShardId) -> u64 {
        let closed = self.shards.load().get(shard).and_then(|shard| shard.closed);
        closed.map_or_else(|| self.log.next_ordinal(shard), |closed| closed.end)
    }

    /// When the newest record of `shard` arrived, if one is known.
    pub fn last_arrival(&self, shard: ShardId) -> Option<Timestamp> {
        self.log.last_arrival(shard)
    }

    /// The ordinal of the first record of `shard` that arrived at `time` or later.
    pub async fn first_ordinal_at(&self, shard: ShardId, time: Timestamp) -> Result<u64> {
        let mut ordinal = self.log.ordinal_before(shard, time).await?;
        loop {
            let read = self.read(shard, ordinal, ReadLimit::default()).await?;
            if let Some(run) = read.runs.iter().find(|run| run.arrival >= time) {
                return Ok(run.first);
            }
            let is_stuck = std::mem::replace(&mut ordinal, read.next) == read.next;
            if read.at_tip || is_stuck {
                return Ok(ordinal);
            }
        }
    }

    /// Changes with each commit, so that a reader can wait for the next records.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.log.commits()
    }

    /// Changes with each change of the shards.
    pub fn reshards(&self) -> watch::Receiver<u64> {
        self.reshards.subscribe()
    }

    /// Waits until every append made before is written.
    pub(crate) async fn drain(&self) {
        self.log.drain().await;
    }

    /// Frees what retention no longer keeps, except what a dependent still needs from the given ordinals on.
    pub(crate) async fn expire(&self, needed: &[(ShardId, u64)]) -> Result<()> {
        let blocks = needed.iter().map(|(shard, ordinal)| self.log.block_of(*shard, *ordinal));
        self.log.expire(self.horizon(), blocks.min().unwrap_or(u64::MAX)).await
    }

    /// What arrived before this time cannot be read any more.
    pub fn horizon(&self) -> Timestamp {
        let settings = self.settings.load();
        self.clock.now().minus(settings.retention).max(settings.trimmed)
    }
}

/// Records that are on disk.
#[derive(Debug)]
pub struct Placed<T> {
    /// What placing them returned.
    pub filled: T,
    /// What they were given.
    pub appended: Appended,
    /// The shards that they were placed in.
    pub shards: Arc<ShardMap>,
}

impl<T> Placed<T> {
    /// The sequence number of the record at `place` among the batch's records of `shard`, and the shard's place in the
    /// map.
    pub fn number(&self, shard: ShardId, place: u32) -> Option<(usize, SequenceNumber)> {
        let at = self.shards.place(shard)?;
        let ordinal = self.appended.first_ordinal(shard)? + u64::from(place);
        Some((at, self.shards[at].sequence_number(ordinal)))
    }
}
