//! All streams, and what is kept of them in the control database.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Row, SqlitePool, sqlite::SqliteRow};
use tidemill_clock::Timestamp;

use crate::shard::HashRange;
use crate::stream::Definition;
use crate::{Machine, Mode, Result, Shard, ShardId, Stream, StreamError, StreamId, StreamName};

const DEFAULT_RETENTION: Duration = Duration::from_secs(24 * 3600);
/// How often expired segments are looked for.
const RETENTION_TICK: Duration = Duration::from_secs(60);

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS stream (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, mode TEXT NOT NULL,
  created_ms INTEGER NOT NULL, retention_s INTEGER NOT NULL, deleting INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS shard (
  stream_id TEXT NOT NULL REFERENCES stream(id) ON DELETE CASCADE, number INTEGER NOT NULL,
  hash_start TEXT NOT NULL, hash_end TEXT NOT NULL, created_ms INTEGER NOT NULL,
  PRIMARY KEY (stream_id, number));";

/// Something that reads streams and remembers how far, for which the log must not be cut too early.
#[async_trait]
pub trait Consumer: Send + Sync {
    /// Called before a stream's records are removed for good: returns when nothing read so far depends on them.
    async fn before_delete(&self, stream: &Arc<Stream>);

    /// From where on, in each shard, records were read but would have to be read again after a crash.
    fn needed(&self, stream: &Stream) -> Vec<(ShardId, u64)>;
}

/// The streams of this process.
pub struct Streams {
    control: SqlitePool,
    dir: PathBuf,
    machine: Machine,
    /// By name. Held for look-ups and single changes only.
    streams: RwLock<BTreeMap<StreamName, Arc<Stream>>>,
    consumers: RwLock<Vec<Weak<dyn Consumer>>>,
}

impl Streams {
    /// Opens the streams that `control` knows, with their logs below `dir`.
    pub async fn open(control: SqlitePool, dir: PathBuf, machine: Machine) -> Result<Arc<Self>> {
        sqlx::raw_sql(SCHEMA).execute(&control).await?;
        let streams =
            Arc::new(Self { control, dir, machine, streams: RwLock::default(), consumers: RwLock::default() });
        for (definition, deleting) in streams.definitions().await? {
            if deleting {
                streams.remove_files(&definition.id).await?;
                continue;
            }
            let stream = streams.open_log(definition).await?;
            streams.write().insert(stream.name().clone(), stream);
        }
        tokio::spawn(expire_regularly(Arc::downgrade(&streams)));
        Ok(streams)
    }

    /// Creates a stream; it is durable and active on return.
    pub async fn create(&self, name: StreamName, mode: Mode, shards: u32) -> Result<Arc<Stream>> {
        if self.read().contains_key(&name) {
            return Err(StreamError::Exists(name));
        }
        let created = self.machine.clock.now();
        let shard = |(number, range)| Shard { id: ShardId(number), range, created };
        let definition = Definition {
            id: StreamId::new(&self.machine.random.hex(16)),
            name: name.clone(),
            mode,
            created,
            retention: DEFAULT_RETENTION,
            shards: (0..).zip(HashRange::split_evenly(shards)).map(shard).collect(),
        };
        self.insert(&definition).await.map_err(|error| match error {
            // Two creations at once: the database lets one through.
            sqlx::Error::Database(error) if error.is_unique_violation() => StreamError::Exists(name),
            error => error.into(),
        })?;
        let stream = self.open_log(definition).await?;
        self.write().insert(stream.name().clone(), Arc::clone(&stream));
        Ok(stream)
    }

    /// The stream called `name`.
    pub fn get(&self, name: &StreamName) -> Result<Arc<Stream>> {
        self.read().get(name).cloned().ok_or_else(|| StreamError::NotFound(name.clone()))
    }

    /// The stream with this id, whatever its name.
    pub fn by_id(&self, id: &StreamId) -> Option<Arc<Stream>> {
        self.read().values().find(|stream| stream.id() == id).cloned()
    }

    /// All streams, by name.
    pub fn list(&self) -> Vec<Arc<Stream>> {
        self.read().values().cloned().collect()
    }

    /// Deletes a stream. On return that is decided for good; its records go away in the background, after
    /// consumers have made what they read independent of them.
    pub async fn delete(self: &Arc<Self>, name: &StreamName) -> Result<()> {
        let stream = self.get(name)?;
        if stream.status() == crate::Status::Deleting {
            return Err(StreamError::Deleting(name.clone()));
        }
        sqlx::query("UPDATE stream SET deleting = 1 WHERE id = $1")
            .bind(stream.id().as_str())
            .execute(&self.control)
            .await?;
        stream.set_deleting();
        let streams = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = streams.finish_delete(&stream).await {
                tracing::error!(stream = %stream.name(), %error, "deletion goes on at the next start");
            }
        });
        Ok(())
    }

    /// Registers a reader that deletion and retention must respect for as long as it lives.
    pub fn add_consumer(&self, consumer: &Arc<dyn Consumer>) {
        self.consumers.write().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(consumer));
    }

    /// Waits until everything acknowledged or about to be is on disk.
    pub async fn drain(&self) {
        for stream in self.list() {
            stream.drain().await;
        }
    }

    async fn finish_delete(&self, stream: &Arc<Stream>) -> Result<()> {
        stream.drain().await;
        for consumer in self.consumers() {
            consumer.before_delete(stream).await;
        }
        self.remove_files(stream.id()).await?;
        self.write().remove(stream.name());
        Ok(())
    }

    async fn remove_files(&self, id: &StreamId) -> Result<()> {
        let (disk, dir) = (Arc::clone(&self.machine.disk), self.dir.join(id.as_str()));
        in_background(move || Ok(disk.remove_dir(&dir)?)).await?;
        sqlx::query("DELETE FROM stream WHERE id = $1").bind(id.as_str()).execute(&self.control).await?;
        Ok(())
    }

    async fn open_log(&self, definition: Definition) -> Result<Arc<Stream>> {
        let (dir, machine) = (self.dir.join(definition.id.as_str()), self.machine.clone());
        let runtime = tokio::runtime::Handle::current();
        in_background(move || {
            let _runtime = runtime.enter();
            Stream::open(definition, &dir, &machine).map(Arc::new)
        })
        .await
    }

    async fn insert(&self, definition: &Definition) -> Result<(), sqlx::Error> {
        let mut transaction = self.control.begin().await?;
        sqlx::query("INSERT INTO stream (id, name, mode, created_ms, retention_s) VALUES ($1, $2, $3, $4, $5)")
            .bind(definition.id.as_str())
            .bind(definition.name.as_str())
            .bind(definition.mode.as_str())
            .bind(definition.created.millis())
            .bind(definition.retention.as_secs() as i64)
            .execute(&mut *transaction)
            .await?;
        for shard in &definition.shards {
            sqlx::query("INSERT INTO shard VALUES ($1, $2, $3, $4, $5)")
                .bind(definition.id.as_str())
                .bind(i64::from(shard.id.0))
                .bind(shard.range.start.to_string())
                .bind(shard.range.end.to_string())
                .bind(shard.created.millis())
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    }

    async fn definitions(&self) -> Result<Vec<(Definition, bool)>> {
        let mut definitions = Vec::new();
        for row in sqlx::query("SELECT * FROM stream").fetch_all(&self.control).await? {
            let id: String = row.try_get("id")?;
            let shards = sqlx::query("SELECT * FROM shard WHERE stream_id = $1 ORDER BY number")
                .bind(&id)
                .fetch_all(&self.control)
                .await?;
            let definition = Definition {
                id: StreamId::new(&id),
                name: StreamName::parse(row.try_get("name")?)?,
                mode: if row.try_get::<&str, _>("mode")? == "ON_DEMAND" { Mode::OnDemand } else { Mode::Provisioned },
                created: Timestamp::from_millis(row.try_get("created_ms")?),
                retention: Duration::from_secs(row.try_get::<i64, _>("retention_s")? as u64),
                shards: shards.iter().map(read_shard).collect::<Result<_>>()?,
            };
            definitions.push((definition, row.try_get("deleting")?));
        }
        Ok(definitions)
    }

    fn consumers(&self) -> Vec<Arc<dyn Consumer>> {
        let consumers = self.consumers.read().unwrap_or_else(PoisonError::into_inner);
        consumers.iter().filter_map(Weak::upgrade).collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<StreamName, Arc<Stream>>> {
        self.streams.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<StreamName, Arc<Stream>>> {
        self.streams.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_shard(row: &SqliteRow) -> Result<Shard> {
    let hash = |column| -> Result<u128> {
        let text: &str = row.try_get(column)?;
        text.parse().map_err(|_| StreamError::Control(format!("'{text}' is no hash key")))
    };
    Ok(Shard {
        id: ShardId(row.try_get("number")?),
        range: HashRange { start: hash("hash_start")?, end: hash("hash_end")? },
        created: Timestamp::from_millis(row.try_get("created_ms")?),
    })
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
        let consumers = streams.consumers();
        for stream in streams.list() {
            let needed: Vec<_> = consumers.iter().flat_map(|consumer| consumer.needed(&stream)).collect();
            if let Err(error) = stream.expire(&needed).await {
                tracing::warn!(stream = %stream.name(), %error, "retention was not applied");
            }
        }
    }
}
