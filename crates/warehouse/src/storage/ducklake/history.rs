//! Past snapshots: reading them, and forgetting them.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use sqlx::{Row, SqlitePool};
use tidemill_clock::Timestamp;

use super::Loader;
use crate::error::{ErrorKind, Result, SqlError};
use crate::storage::catalog::time_text;
use crate::storage::file::dir_name;
use crate::storage::{DataFile, Moment, Relation};

/// Past snapshots of a catalog.
pub(in crate::storage) struct History<'p> {
    pool: &'p SqlitePool,
}

impl<'p> History<'p> {
    pub(in crate::storage) fn new(pool: &'p SqlitePool) -> Self {
        Self { pool }
    }

    /// The files that a relation had at a moment.
    pub(in crate::storage) async fn files_at(&self, relation: &Relation, moment: Moment) -> Result<Vec<Arc<DataFile>>> {
        let snapshot = match moment {
            Moment::Snapshot(snapshot) => self.existing(snapshot).await?,
            Moment::Time(time) => self.at(time).await?,
        };
        let snapshot = snapshot.ok_or_else(|| {
            SqlError::new(ErrorKind::InvalidParameterValue, format!("there is no snapshot {moment} of the catalog"))
                .with_hint("Snapshots are kept for the time that `serve --history` says.")
        })?;
        Loader::new(self.pool).load_files_at(relation, snapshot).await
    }

    async fn existing(&self, snapshot: i64) -> Result<Option<i64>> {
        let sql = "SELECT snapshot_id FROM ducklake_snapshot WHERE snapshot_id = $1";
        Ok(sqlx::query_scalar(sql).bind(snapshot).fetch_optional(self.pool).await?)
    }

    /// The snapshot that was the current one at `time`.
    async fn at(&self, time: Timestamp) -> Result<Option<i64>> {
        let sql = "SELECT max(snapshot_id) FROM ducklake_snapshot WHERE snapshot_time <= $1";
        Ok(sqlx::query_scalar(sql).bind(time_text(time)).fetch_one(self.pool).await?)
    }

    /// Forgets the snapshots before the one that was current at `horizon`. Returns the paths of the files that none names
    /// any more, relative to the directory of all data.
    pub(in crate::storage) async fn forget_before(&self, horizon: Timestamp) -> Result<Vec<PathBuf>> {
        let Some(kept) = self.at(horizon).await? else { return Ok(Vec::new()) };
        let mut transaction = self.pool.begin().await?;
        let sql = "
SELECT s.schema_name, t.table_name, f.path FROM ducklake_data_file f
JOIN ducklake_table t USING (table_id) JOIN ducklake_schema s USING (schema_id)
WHERE f.end_snapshot <= $1";
        let rows = sqlx::query(sql).bind(kept).fetch_all(&mut *transaction).await?;
        for sql in [
            "DELETE FROM ducklake_file_column_stats WHERE data_file_id IN (SELECT data_file_id FROM ducklake_data_file WHERE end_snapshot <= $1)",
            "DELETE FROM ducklake_data_file WHERE end_snapshot <= $1",
            "DELETE FROM ducklake_column WHERE end_snapshot <= $1",
            "DELETE FROM ducklake_table WHERE end_snapshot <= $1",
            "DELETE FROM ducklake_schema WHERE end_snapshot <= $1",
            "DELETE FROM ducklake_snapshot_changes WHERE snapshot_id < $1",
            "DELETE FROM ducklake_snapshot WHERE snapshot_id < $1",
        ] {
            sqlx::query(sql).bind(kept).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        rows.iter().map(path_of).collect()
    }

    /// The paths of all files that a snapshot names, relative to the directory of all data.
    pub(in crate::storage) async fn named_files(&self) -> Result<HashSet<PathBuf>> {
        let sql = "
SELECT s.schema_name, t.table_name, f.path FROM ducklake_data_file f
JOIN ducklake_table t USING (table_id) JOIN ducklake_schema s USING (schema_id)";
        sqlx::query(sql).fetch_all(self.pool).await?.iter().map(path_of).collect()
    }
}

fn path_of(row: &sqlx::sqlite::SqliteRow) -> Result<PathBuf> {
    let (schema, table, file): (String, String, String) =
        (row.try_get("schema_name")?, row.try_get("table_name")?, row.try_get("path")?);
    Ok([dir_name(&schema), dir_name(&table), file].iter().collect())
}
