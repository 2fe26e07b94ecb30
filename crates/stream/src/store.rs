//! What the control database keeps of streams: definitions, shards, consumers.

use std::time::Duration;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqlitePool, Transaction};
use tidemill_clock::Timestamp;

use crate::shard::Closed;
use crate::{
    Commitment, HashRange, Mode, Result, Settings, Shard, ShardId, ShardMap, Status, StreamConsumer, StreamError,
    StreamId, StreamName,
};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS stream (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, mode TEXT NOT NULL,
  created_ms INTEGER NOT NULL, retention_s INTEGER NOT NULL, deleting INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS shard (
  stream_id TEXT NOT NULL REFERENCES stream(id) ON DELETE CASCADE, number INTEGER NOT NULL,
  hash_start TEXT NOT NULL, hash_end TEXT NOT NULL, created_ms INTEGER NOT NULL,
  PRIMARY KEY (stream_id, number));
CREATE TABLE IF NOT EXISTS consumer (
  stream_id TEXT NOT NULL REFERENCES stream(id) ON DELETE CASCADE, name TEXT NOT NULL,
  created_ms INTEGER NOT NULL, settings TEXT NOT NULL, PRIMARY KEY (stream_id, name));
CREATE TABLE IF NOT EXISTS stream_account (only INTEGER PRIMARY KEY CHECK (only = 1), commitment TEXT NOT NULL);";

/// Columns that later versions added: table, column, statement.
const ADDED: [(&str, &str, &str); 5] = [
    ("stream", "settings", "ALTER TABLE stream ADD COLUMN settings TEXT NOT NULL DEFAULT '{}'"),
    ("shard", "parent", "ALTER TABLE shard ADD COLUMN parent INTEGER"),
    ("shard", "adjacent_parent", "ALTER TABLE shard ADD COLUMN adjacent_parent INTEGER"),
    ("shard", "closed_ms", "ALTER TABLE shard ADD COLUMN closed_ms INTEGER"),
    ("shard", "end_ordinal", "ALTER TABLE shard ADD COLUMN end_ordinal INTEGER"),
];

/// What is known of a stream besides its records.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    pub(crate) id: StreamId,
    pub(crate) name: StreamName,
    pub(crate) created: Timestamp,
    pub(crate) settings: Settings,
    pub(crate) shards: ShardMap,
}

/// The tables of streams.
#[derive(Debug, Clone)]
pub(crate) struct StreamStore {
    pool: SqlitePool,
}

impl StreamStore {
    /// Makes the tables, or brings those of an older version up to date.
    pub(crate) async fn open(pool: SqlitePool) -> Result<Self> {
        sqlx::raw_sql(SCHEMA).execute(&pool).await?;
        for (table, column, statement) in ADDED {
            let known = sqlx::query("SELECT 1 FROM pragma_table_info($1) WHERE name = $2").bind(table).bind(column);
            if known.fetch_optional(&pool).await?.is_none() {
                sqlx::raw_sql(statement).execute(&pool).await?;
            }
        }
        Ok(Self { pool })
    }

    /// All streams, and whether each is being deleted.
    pub(crate) async fn streams(&self) -> Result<Vec<(Definition, bool)>> {
        let mut streams = Vec::new();
        // With `*`, a connection that was open before the tables were altered would be surprised by the new columns.
        let all = "SELECT id, name, mode, created_ms, retention_s, deleting, settings FROM stream";
        let all_shards = "SELECT number, hash_start, hash_end, created_ms, parent, adjacent_parent, closed_ms, \
                          end_ordinal FROM shard WHERE stream_id = $1";
        for row in sqlx::query(all).fetch_all(&self.pool).await? {
            let id: String = row.try_get("id")?;
            let shards = sqlx::query(all_shards).bind(&id).fetch_all(&self.pool).await?;
            let definition = Definition {
                id: StreamId::new(&id),
                name: StreamName::parse(row.try_get("name")?)?,
                created: Timestamp::from_millis(row.try_get("created_ms")?),
                settings: read_settings(&row)?,
                shards: ShardMap::new(shards.iter().map(read_shard).collect::<Result<_>>()?),
            };
            streams.push((definition, row.try_get("deleting")?));
        }
        Ok(streams)
    }

    pub(crate) async fn insert(&self, definition: &Definition) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let statement = "INSERT INTO stream (id, name, mode, created_ms, retention_s, settings) \
                         VALUES ($1, $2, $3, $4, $5, $6)";
        sqlx::query(statement)
            .bind(definition.id.as_str())
            .bind(definition.name.as_str())
            .bind(definition.settings.mode.as_str())
            .bind(definition.created.millis())
            .bind(definition.settings.retention.as_secs() as i64)
            .bind(json(&definition.settings))
            .execute(&mut *transaction)
            .await?;
        for shard in definition.shards.iter() {
            insert_shard(&mut transaction, &definition.id, shard).await?;
        }
        transaction.commit().await
    }

    pub(crate) async fn update(&self, id: &StreamId, settings: &Settings) -> Result<()> {
        sqlx::query("UPDATE stream SET mode = $1, retention_s = $2, settings = $3 WHERE id = $4")
            .bind(settings.mode.as_str())
            .bind(settings.retention.as_secs() as i64)
            .bind(json(settings))
            .bind(id.as_str())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Closes shards and adds others, together with the settings that say when.
    pub(crate) async fn reshard(
        &self,
        id: &StreamId,
        settings: &Settings,
        closed: &[(ShardId, Closed)],
        created: &[Shard],
    ) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        for (shard, closed) in closed {
            sqlx::query("UPDATE shard SET closed_ms = $1, end_ordinal = $2 WHERE stream_id = $3 AND number = $4")
                .bind(closed.at.millis())
                .bind(closed.end as i64)
                .bind(id.as_str())
                .bind(i64::from(shard.0))
                .execute(&mut *transaction)
                .await?;
        }
        for shard in created {
            insert_shard(&mut transaction, id, shard).await?;
        }
        sqlx::query("UPDATE stream SET settings = $1 WHERE id = $2")
            .bind(json(settings))
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    pub(crate) async fn remove_shards(&self, id: &StreamId, shards: &[ShardId]) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        for shard in shards {
            sqlx::query("DELETE FROM shard WHERE stream_id = $1 AND number = $2")
                .bind(id.as_str())
                .bind(i64::from(shard.0))
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    pub(crate) async fn mark_deleting(&self, id: &StreamId) -> Result<()> {
        sqlx::query("UPDATE stream SET deleting = 1 WHERE id = $1").bind(id.as_str()).execute(&self.pool).await?;
        Ok(())
    }

    pub(crate) async fn remove(&self, id: &StreamId) -> Result<()> {
        sqlx::query("DELETE FROM stream WHERE id = $1").bind(id.as_str()).execute(&self.pool).await?;
        Ok(())
    }

    pub(crate) async fn commitment(&self) -> Result<Commitment> {
        let found = sqlx::query("SELECT commitment FROM stream_account").fetch_optional(&self.pool).await?;
        let Some(row) = found else { return Ok(Commitment::default()) };
        serde_json::from_str(row.try_get("commitment")?).map_err(unreadable)
    }

    pub(crate) async fn set_commitment(&self, commitment: &Commitment) -> Result<()> {
        sqlx::query("INSERT OR REPLACE INTO stream_account VALUES (1, $1)")
            .bind(json(commitment))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// All consumers of all streams.
    pub(crate) async fn consumers(&self) -> Result<Vec<StreamConsumer>> {
        let rows =
            sqlx::query("SELECT stream_id, name, created_ms, settings FROM consumer").fetch_all(&self.pool).await?;
        let read = |row: &SqliteRow| -> Result<StreamConsumer> {
            Ok(StreamConsumer {
                stream: StreamId::new(row.try_get("stream_id")?),
                name: row.try_get("name")?,
                created: Timestamp::from_millis(row.try_get("created_ms")?),
                status: Status::Active,
                settings: serde_json::from_str(row.try_get("settings")?).map_err(unreadable)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Adds a consumer or replaces its settings.
    pub(crate) async fn put_consumer(&self, consumer: &StreamConsumer) -> Result<()> {
        sqlx::query("INSERT OR REPLACE INTO consumer VALUES ($1, $2, $3, $4)")
            .bind(consumer.stream.as_str())
            .bind(&consumer.name)
            .bind(consumer.created.millis())
            .bind(json(&consumer.settings))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub(crate) async fn remove_consumer(&self, stream: &StreamId, name: &str) -> Result<()> {
        sqlx::query("DELETE FROM consumer WHERE stream_id = $1 AND name = $2")
            .bind(stream.as_str())
            .bind(name)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

async fn insert_shard(
    transaction: &mut Transaction<'_, Sqlite>,
    stream: &StreamId,
    shard: &Shard,
) -> Result<(), sqlx::Error> {
    let statement = "INSERT INTO shard (stream_id, number, hash_start, hash_end, created_ms, parent, adjacent_parent, \
                     closed_ms, end_ordinal) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    sqlx::query(statement)
        .bind(stream.as_str())
        .bind(i64::from(shard.id.0))
        .bind(shard.range.start.to_string())
        .bind(shard.range.end.to_string())
        .bind(shard.created.millis())
        .bind(shard.parent.map(|parent| i64::from(parent.0)))
        .bind(shard.adjacent_parent.map(|parent| i64::from(parent.0)))
        .bind(shard.closed.map(|closed| closed.at.millis()))
        .bind(shard.closed.map(|closed| closed.end as i64))
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

fn read_shard(row: &SqliteRow) -> Result<Shard> {
    let hash = |column| -> Result<u128> {
        let text: &str = row.try_get(column)?;
        text.parse().map_err(|_| StreamError::Control(format!("'{text}' is no hash key")))
    };
    let closed_at: Option<i64> = row.try_get("closed_ms")?;
    let end: Option<i64> = row.try_get("end_ordinal")?;
    Ok(Shard {
        id: ShardId(row.try_get("number")?),
        range: HashRange { start: hash("hash_start")?, end: hash("hash_end")? },
        created: Timestamp::from_millis(row.try_get("created_ms")?),
        parent: row.try_get::<Option<u32>, _>("parent")?.map(ShardId),
        adjacent_parent: row.try_get::<Option<u32>, _>("adjacent_parent")?.map(ShardId),
        closed: closed_at.zip(end).map(|(at, end)| Closed { at: Timestamp::from_millis(at), end: end as u64 }),
    })
}

fn read_settings(row: &SqliteRow) -> Result<Settings> {
    let mut settings: Settings = serde_json::from_str(row.try_get("settings")?).map_err(unreadable)?;
    settings.mode = if row.try_get::<&str, _>("mode")? == "ON_DEMAND" { Mode::OnDemand } else { Mode::Provisioned };
    settings.retention = Duration::from_secs(row.try_get::<i64, _>("retention_s")? as u64);
    Ok(settings)
}

fn json(settings: &impl serde::Serialize) -> String {
    serde_json::to_string(settings).unwrap_or_default()
}

fn unreadable(error: serde_json::Error) -> StreamError {
    StreamError::Control(format!("settings in the control database: {error}"))
}
