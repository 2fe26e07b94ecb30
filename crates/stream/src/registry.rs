//! All streams of a process: opening, finding, creating and deleting them.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use sqlx::SqlitePool;

use crate::log::TailBudget;
use crate::store::{Definition, StreamStore};
use crate::{
    Commitment, HashRange, Machine, Result, Settings, Shard, ShardId, ShardMap, Status, Stream, StreamConsumer,
    StreamError, StreamId, StreamName, scaling,
};

/// How often expired segments and shards are looked for.
const RETENTION_TICK: Duration = Duration::from_secs(60);
/// Logs that are opened at the same time.
const OPENING: usize = 8;

/// Something that reads streams and remembers how far, for which the log must not be cut too early.
#[async_trait]
pub trait Dependent: Send + Sync {
    /// Called before a stream's records are removed for good: returns when nothing read so far depends on them.
    async fn before_delete(&self, stream: &Arc<Stream>);

    /// From where on, in each shard, records were read but would have to be read again after a crash.
    fn needed(&self, stream: &Stream) -> Vec<(ShardId, u64)>;
}

/// The streams of this process.
pub struct Streams {
    pub(crate) store: StreamStore,
    pub(crate) machine: Machine,
    /// How long a stream or a consumer shows that it is being created, changed or deleted.
    pub(crate) transition: Duration,
    dir: PathBuf,
    tails: Arc<TailBudget>,
    registered: RwLock<Registered>,
    dependents: RwLock<Vec<Weak<dyn Dependent>>>,
}

/// What there is. Held for look-ups and single changes only.
#[derive(Default)]
pub(crate) struct Registered {
    by_name: BTreeMap<StreamName, Arc<Stream>>,
    by_id: HashMap<StreamId, Arc<Stream>>,
    pub(crate) consumers: BTreeMap<(StreamId, String), StreamConsumer>,
    pub(crate) commitment: Commitment,
}

impl Registered {
    fn add(&mut self, stream: &Arc<Stream>) {
        self.by_name.insert(stream.name().clone(), Arc::clone(stream));
        self.by_id.insert(stream.id().clone(), Arc::clone(stream));
    }

    fn remove(&mut self, stream: &Stream) {
        self.by_name.remove(stream.name());
        self.by_id.remove(stream.id());
        self.consumers.retain(|(id, _), _| id != stream.id());
    }
}

impl Streams {
    /// Opens the streams that `control` knows, with their logs below `dir`. Changes of state take `transition`.
    pub async fn open(control: SqlitePool, dir: PathBuf, machine: Machine, transition: Duration) -> Result<Arc<Self>> {
        let store = StreamStore::open(control).await?;
        let streams = Arc::new(Self {
            store,
            machine,
            transition,
            dir,
            tails: Arc::default(),
            registered: RwLock::default(),
            dependents: RwLock::default(),
        });
        let (deleting, kept): (Vec<_>, Vec<_>) =
            streams.store.streams().await?.into_iter().partition(|(_, deleting)| *deleting);
        for (definition, _) in deleting {
            streams.remove_files(&definition.id).await?;
        }
        let open = kept.into_iter().map(|(definition, _)| streams.open_stream(definition, Status::Active));
        let opened: Vec<_> = futures::stream::iter(open).buffer_unordered(OPENING).try_collect().await?;
        opened.iter().for_each(|stream| streams.write().add(stream));
        for consumer in streams.store.consumers().await? {
            streams.write().consumers.insert((consumer.stream.clone(), consumer.name.clone()), consumer);
        }
        let commitment = streams.store.commitment().await?;
        streams.write().commitment = commitment;
        Ok(streams)
    }

    /// Starts what goes on by itself: retention and scaling. Before, every [`Dependent`] must be registered.
    pub fn start(self: &Arc<Self>) {
        tokio::spawn(expire_regularly(Arc::downgrade(self)));
        tokio::spawn(scaling::scale_regularly(Arc::downgrade(self)));
    }

    /// Creates a stream with `shards` even shards; it is durable on return.
    pub async fn create(self: &Arc<Self>, name: StreamName, settings: Settings, shards: u32) -> Result<Arc<Stream>> {
        if self.read().by_name.contains_key(&name) {
            return Err(StreamError::Exists(name));
        }
        let created = self.machine.clock.now();
        let shard = |(number, range)| Shard::new(ShardId(number), range, created);
        let definition = Definition {
            id: StreamId::new(&self.machine.random.hex(16)),
            name,
            created,
            settings,
            shards: ShardMap::new((0..).zip(HashRange::split_evenly(shards)).map(shard).collect()),
        };
        let streams = Arc::clone(self);
        to_the_end(async move {
            streams.store.insert(&definition).await.map_err(|error| match error {
                // Two creations at once: the database lets one through.
                sqlx::Error::Database(error) if error.is_unique_violation() => {
                    StreamError::Exists(definition.name.clone())
                }
                error => error.into(),
            })?;
            let id = definition.id.clone();
            let stream = match streams.open_stream(definition, Status::Creating).await {
                Ok(stream) => stream,
                Err(error) => {
                    streams.remove_files(&id).await?;
                    return Err(error);
                }
            };
            streams.write().add(&stream);
            streams.settle(&stream);
            Ok(stream)
        })
        .await
    }

    /// The stream called `name`.
    pub fn get(&self, name: &StreamName) -> Result<Arc<Stream>> {
        self.read().by_name.get(name).cloned().ok_or_else(|| StreamError::NotFound(name.clone()))
    }

    /// The stream with this id, whatever its name.
    pub fn by_id(&self, id: &StreamId) -> Option<Arc<Stream>> {
        self.read().by_id.get(id).cloned()
    }

    /// All streams, by name.
    pub fn list(&self) -> Vec<Arc<Stream>> {
        self.read().by_name.values().cloned().collect()
    }

    /// Deletes a stream, and its consumers if `with_consumers` allows it. On return that is decided for good; its
    /// records go away in the background, after dependents have made what they read independent of them.
    pub async fn delete(self: &Arc<Self>, name: &StreamName, with_consumers: bool) -> Result<()> {
        let stream = self.get(name)?;
        let streams = Arc::clone(self);
        to_the_end(async move {
            let _turn = stream.turn.lock().await;
            if stream.status() != Status::Active {
                return Err(StreamError::NotActive(stream.name().clone(), stream.status()));
            }
            if !with_consumers && !streams.consumers_of(&stream).is_empty() {
                return Err(StreamError::HasConsumers(stream.name().clone()));
            }
            streams.store.mark_deleting(stream.id()).await?;
            stream.set_status(Status::Deleting);
            tokio::spawn(Arc::clone(&streams).finish_delete(Arc::clone(&stream)));
            Ok(())
        })
        .await
    }

    /// Registers a reader that deletion and retention must respect for as long as it lives.
    pub fn add_dependent(&self, dependent: &Arc<dyn Dependent>) {
        self.dependents.write().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(dependent));
    }

    /// Waits until everything acknowledged or about to be is on disk.
    pub async fn drain(&self) {
        for stream in self.list() {
            stream.drain().await;
        }
    }

    /// Lets a stream be active: now, or after the time that a transition takes.
    pub(crate) fn settle(&self, stream: &Arc<Stream>) {
        if self.transition.is_zero() {
            return stream.set_status(Status::Active);
        }
        let (stream, transition) = (Arc::clone(stream), self.transition);
        tokio::spawn(async move {
            tokio::time::sleep(transition).await;
            stream.set_status(Status::Active);
        });
    }

    async fn finish_delete(self: Arc<Self>, stream: Arc<Stream>) {
        tokio::time::sleep(self.transition).await;
        stream.drain().await;
        for dependent in self.dependents() {
            dependent.before_delete(&stream).await;
        }
        match self.remove_files(stream.id()).await {
            Ok(()) => self.write().remove(&stream),
            Err(error) => tracing::error!(stream = %stream.name(), %error, "deletion goes on at the next start"),
        }
    }

    async fn remove_files(&self, id: &StreamId) -> Result<()> {
        let (disk, dir) = (Arc::clone(&self.machine.disk), self.dir.join(id.as_str()));
        in_background(move || Ok(disk.remove_dir(&dir)?)).await?;
        self.store.remove(id).await
    }

    async fn open_stream(&self, definition: Definition, status: Status) -> Result<Arc<Stream>> {
        let (dir, machine) = (self.dir.join(definition.id.as_str()), self.machine.clone());
        let (runtime, tails) = (tokio::runtime::Handle::current(), Arc::clone(&self.tails));
        in_background(move || {
            let _runtime = runtime.enter();
            Stream::open(definition, status, &dir, &machine, &tails).map(Arc::new)
        })
        .await
    }

    /// Applies retention to a stream: to its records, and to shards that were closed before the oldest of them.
    pub(crate) async fn expire(&self, stream: &Stream) -> Result<()> {
        let needed: Vec<_> = self.dependents().iter().flat_map(|dependent| dependent.needed(stream)).collect();
        stream.expire(&needed).await?;
        let _turn = stream.turn.lock().await;
        let is_needed = |shard: ShardId| needed.iter().any(|(needed, _)| *needed == shard);
        let (left, over) = stream.shards().without_closed_before(stream.horizon(), is_needed);
        if !over.is_empty() {
            self.store.remove_shards(stream.id(), &over).await?;
            stream.set_shards(left);
            stream.log.forget(over).await?;
        }
        Ok(())
    }

    fn dependents(&self) -> Vec<Arc<dyn Dependent>> {
        let dependents = self.dependents.read().unwrap_or_else(PoisonError::into_inner);
        dependents.iter().filter_map(Weak::upgrade).collect()
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Registered> {
        self.registered.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Registered> {
        self.registered.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a change that must not stop half-way, even if whoever asked for it goes away.
pub(crate) async fn to_the_end<T: Send + 'static>(
    change: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(change).await.map_err(|error| StreamError::Control(error.to_string()))?
}

async fn in_background<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StreamError::Disk(error.to_string()))?
}

/// Applies retention for as long as the streams live.
async fn expire_regularly(streams: Weak<Streams>) {
    let mut tick = tokio::time::interval(RETENTION_TICK);
    loop {
        tick.tick().await;
        let Some(streams) = streams.upgrade() else { return };
        for stream in streams.list() {
            if let Err(error) = streams.expire(&stream).await {
                tracing::warn!(stream = %stream.name(), %error, "retention was not applied");
            }
        }
    }
}
