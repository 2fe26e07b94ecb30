//! The catalog's database: opening it, and writing one transaction of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tidemill_clock::Timestamp;
use tidemill_stream::Machine;
use uuid::Uuid;

use super::activity::Events;
use super::ducklake::{Entry, History, Loader, Record, load_events, save_events};
use super::{Change, DeadLetter, Snapshot};
use crate::error::{ErrorKind, Result, SqlError};

const SCHEMA: &str = include_str!("ducklake.sql");
/// What leads from each format to the next; the first is what [`SCHEMA`] makes.
const MIGRATIONS: [&str; 2] = [include_str!("format-2.sql"), include_str!("format-3.sql")];
const FORMAT: i64 = 1 + MIGRATIONS.len() as i64;
/// The schema that DuckDB takes for its default. It is empty, and not shown to Tidemill's users.
const MAIN: &str = "main";

/// The database of one cluster's catalog.
#[derive(Debug)]
pub(super) struct Catalog {
    pool: SqlitePool,
    machine: Machine,
    /// Set when a commit has failed: whether it is durable is unknown, so nothing may be built on either.
    poisoned: AtomicBool,
}

/// A catalog as it was left.
pub(in crate::storage) struct Loaded {
    pub(super) snapshot: Snapshot,
    pub(super) next_id: i64,
    pub(super) next_file: i64,
}

impl Catalog {
    pub(super) async fn open(path: &Path, data: &Path, machine: Machine) -> Result<(Self, Loaded)> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(30));
        let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await?;
        let catalog = Self { pool, machine, poisoned: AtomicBool::new(false) };
        let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE name = 'tidemill_format'")
            .fetch_one(&catalog.pool)
            .await?;
        if tables == 0 {
            catalog.create().await?;
        }
        catalog.migrate().await?;
        catalog.set_data_path(data).await?;
        let loaded = Loader::new(&catalog.pool).load().await?;
        Ok((catalog, loaded))
    }

    /// Writes `changes`, which lead from `before` to `after`, as one transaction and DuckLake snapshot.
    pub(super) async fn write(
        &self,
        before: &Snapshot,
        after: &Snapshot,
        changes: &[Change],
        (next_id, next_file): (i64, i64),
    ) -> Result<()> {
        self.check_health()?;
        self.machine.disk.checkpoint()?;
        let mut transaction = self.pool.begin().await?;
        let mut record = Record::new(&mut transaction, before, after);
        for change in changes {
            record.change(change).await?;
        }
        let entry = Entry { time: self.now(), next_id, next_file };
        record.snapshot(entry).await?;
        let committed = transaction.commit().await.map_err(SqlError::from);
        let committed = committed.and_then(|()| Ok(self.machine.disk.checkpoint()?));
        if committed.is_err() {
            self.poisoned.store(true, Ordering::Relaxed);
        }
        committed
    }

    /// Adds to what is remembered of refreshes.
    pub(super) async fn save_events(&self, events: &Events) -> Result<()> {
        self.check_health()?;
        self.machine.disk.checkpoint()?;
        let mut transaction = self.pool.begin().await?;
        save_events(&mut transaction, events).await?;
        Ok(transaction.commit().await?)
    }

    /// What is remembered of refreshes.
    pub(super) async fn events(&self) -> Result<Events> {
        load_events(&self.pool).await
    }

    pub(super) async fn dead_letters(&self, with_data: bool) -> Result<Vec<(i64, Arc<DeadLetter>)>> {
        Loader::new(&self.pool).load_dead_letters(with_data).await
    }

    /// Past snapshots.
    pub(super) fn history(&self) -> History<'_> {
        History::new(&self.pool)
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    fn check_health(&self) -> Result<()> {
        if self.poisoned.load(Ordering::Relaxed) {
            let message = "a commit of the catalog has failed, and what became of it is unknown";
            return Err(SqlError::new(ErrorKind::Io, message).with_hint("Start the server again."));
        }
        Ok(())
    }

    async fn create(&self) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO ducklake_metadata VALUES ('version', '1.0', NULL, NULL), ('created_by', $1, NULL, NULL), ('encrypted', 'false', NULL, NULL)")
            .bind(concat!("Tidemill ", env!("CARGO_PKG_VERSION")))
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO ducklake_snapshot VALUES (0, $1, 0, 1, 0)")
            .bind(self.now())
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO ducklake_snapshot_changes VALUES (0, 'created_schema:\"main\"', NULL, NULL, NULL)")
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO ducklake_schema VALUES (0, $1, 0, NULL, $2, 'main/', 1)")
            .bind(Uuid::new_v4().to_string())
            .bind(MAIN)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn migrate(&self) -> Result<()> {
        let found: i64 = sqlx::query_scalar("SELECT version FROM tidemill_format").fetch_one(&self.pool).await?;
        if found > FORMAT {
            let message = format!("the catalog has format {found}, this version reads up to {FORMAT}");
            return Err(SqlError::new(ErrorKind::Io, message).with_hint("Use a newer Tidemill."));
        }
        for migration in MIGRATIONS.into_iter().skip(found as usize - 1) {
            let mut transaction = self.pool.begin().await?;
            sqlx::raw_sql(migration).execute(&mut *transaction).await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Notes where the files are, for other readers of the catalog; the directory may have been moved.
    async fn set_data_path(&self, data: &Path) -> Result<()> {
        sqlx::query("DELETE FROM ducklake_metadata WHERE \"key\" = 'data_path'").execute(&self.pool).await?;
        sqlx::query("INSERT INTO ducklake_metadata VALUES ('data_path', $1, NULL, NULL)")
            .bind(format!("{}/", data.display()))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    fn now(&self) -> String {
        time_text(self.machine.clock.now())
    }
}

/// A time as DuckLake writes it. Texts compare as their times do.
pub(super) fn time_text(time: Timestamp) -> String {
    let time = chrono::DateTime::from_timestamp_micros(time.micros()).unwrap_or_default();
    time.format("%Y-%m-%d %H:%M:%S%.6f+00").to_string()
}
