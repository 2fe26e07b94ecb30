//! Reading the current snapshot.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::common::ScalarValue;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqlitePool};
use tidemill_clock::Timestamp;

use super::description::{Description, ViewDescription, parse_dist};
use super::unreadable;
use crate::error::Result;
use crate::storage::catalog::Loaded;
use crate::storage::file::ColumnStats;
use crate::storage::{
    Base, Column, DataFile, DeadLetter, DerivedView, ExternalSchema, Grants, Layout, Positions, Privilege, Relation,
    RelationKind, SchemaEntry, Snapshot, StreamingView, User,
};
use crate::types::SqlType;

/// Reads the current snapshot.
pub(in crate::storage) struct Loader<'p> {
    pool: &'p SqlitePool,
}

impl<'p> Loader<'p> {
    pub(in crate::storage) fn new(pool: &'p SqlitePool) -> Self {
        Self { pool }
    }

    pub(in crate::storage) async fn load(&self) -> Result<Loaded> {
        let last = sqlx::query("SELECT * FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1")
            .fetch_one(self.pool)
            .await?;
        let mut snapshot = Snapshot {
            id: last.try_get("snapshot_id")?,
            schema_version: last.try_get("schema_version")?,
            ..Snapshot::default()
        };
        self.load_schemas(&mut snapshot).await?;
        self.load_users(&mut snapshot).await?;
        self.load_relations(&mut snapshot).await?;
        Ok(Loaded { snapshot, next_id: last.try_get("next_catalog_id")?, next_file: last.try_get("next_file_id")? })
    }

    /// The records that were set aside, by view, oldest first; with their bytes only if wanted.
    pub(in crate::storage) async fn load_dead_letters(&self, with_data: bool) -> Result<Vec<(i64, Arc<DeadLetter>)>> {
        let sql = "
SELECT table_id, shard, sequence_number, partition_key, arrival, recorded, code, reason,
  CASE WHEN $1 THEN data ELSE x'' END AS data
FROM tidemill_dead_letter ORDER BY recorded, table_id, sequence_number";
        let rows = sqlx::query(sql).bind(with_data);
        let letter = |row: SqliteRow| -> Result<(i64, Arc<DeadLetter>)> {
            let letter = DeadLetter {
                shard: row.try_get("shard")?,
                sequence_number: row.try_get("sequence_number")?,
                partition_key: row.try_get("partition_key")?,
                arrival: Timestamp::from_millis(row.try_get("arrival")?),
                recorded: Timestamp::from_millis(row.try_get("recorded")?),
                code: row.try_get("code")?,
                reason: row.try_get("reason")?,
                data: row.try_get::<Vec<u8>, _>("data")?.into(),
            };
            Ok((row.try_get("table_id")?, Arc::new(letter)))
        };
        rows.fetch_all(self.pool).await?.into_iter().map(letter).collect()
    }

    async fn load_schemas(&self, snapshot: &mut Snapshot) -> Result<()> {
        let sql = "SELECT schema_id, schema_name, owner FROM ducklake_schema JOIN tidemill_schema_owner USING (schema_id) WHERE end_snapshot IS NULL";
        for row in sqlx::query(sql).fetch_all(self.pool).await? {
            let name: String = row.try_get("schema_name")?;
            let schema =
                SchemaEntry { id: row.try_get("schema_id")?, name: name.clone(), owner: row.try_get("owner")? };
            snapshot.schemas.insert(name, Arc::new(schema));
        }
        for row in sqlx::query("SELECT * FROM tidemill_external_schema").fetch_all(self.pool).await? {
            let name: String = row.try_get("name")?;
            let schema = ExternalSchema {
                id: row.try_get("schema_id")?,
                name: name.clone(),
                owner: row.try_get("owner")?,
                role: row.try_get("role_arn")?,
            };
            snapshot.external_schemas.insert(name, Arc::new(schema));
        }
        Ok(())
    }

    async fn load_users(&self, snapshot: &mut Snapshot) -> Result<()> {
        for row in sqlx::query("SELECT * FROM tidemill_user").fetch_all(self.pool).await? {
            let name: String = row.try_get("name")?;
            let user = User {
                id: row.try_get("user_id")?,
                name: name.clone(),
                md5: row.try_get("md5")?,
                superuser: row.try_get("superuser")?,
            };
            snapshot.users.insert(name, Arc::new(user));
        }
        let mut grants = Grants::default();
        for row in sqlx::query("SELECT * FROM tidemill_grant").fetch_all(self.pool).await? {
            let privilege: String = row.try_get("privilege")?;
            let privilege = Privilege::parse(&privilege).ok_or_else(|| unreadable(&privilege))?;
            grants.grant(row.try_get("object_id")?, row.try_get("grantee")?, privilege);
        }
        snapshot.grants = Arc::new(grants);
        let mut settings = BTreeMap::new();
        for row in sqlx::query("SELECT * FROM tidemill_setting").fetch_all(self.pool).await? {
            settings.insert((row.try_get("user_name")?, row.try_get("name")?), row.try_get("value")?);
        }
        snapshot.settings = Arc::new(settings);
        Ok(())
    }

    async fn load_relations(&self, snapshot: &mut Snapshot) -> Result<()> {
        let sql = "
SELECT t.table_id, t.table_name, s.schema_name, r.owner, r.description,
  coalesce(st.next_row_id, 0) AS next_row_id, coalesce(rw.rewrites, 0) AS rewrites
FROM ducklake_table t JOIN ducklake_schema s USING (schema_id) JOIN tidemill_relation r USING (table_id)
LEFT JOIN ducklake_table_stats st USING (table_id) LEFT JOIN tidemill_rewrites rw USING (table_id)
WHERE t.end_snapshot IS NULL AND s.end_snapshot IS NULL";
        let mut stats = self.load_stats().await?;
        for row in sqlx::query(sql).fetch_all(self.pool).await? {
            let id: i64 = row.try_get("table_id")?;
            let description: Description = serde_json::from_str(row.try_get("description")?).map_err(unreadable)?;
            let stored = self.load_columns(id, &description).await?;
            let files = self.load_files(id, &stored, &mut stats).await?;
            let (columns, partials) = match &description.shown {
                Some(shown) => (shown_columns(shown)?, Some(stored)),
                None => (stored, None),
            };
            snapshot.put(Relation {
                id,
                schema: row.try_get("schema_name")?,
                name: row.try_get("table_name")?,
                owner: row.try_get("owner")?,
                layout: Layout { dist: parse_dist(&description.dist), sort: description.sort },
                kind: self.kind(id, description.view).await?,
                columns,
                partials,
                files,
                next_row_id: row.try_get("next_row_id")?,
                rewrites: row.try_get("rewrites")?,
            });
        }
        Ok(())
    }

    async fn load_columns(&self, relation: i64, description: &Description) -> Result<Vec<Column>> {
        let sql = "SELECT * FROM ducklake_column WHERE table_id = $1 AND end_snapshot IS NULL ORDER BY column_order";
        let rows = sqlx::query(sql).bind(relation).fetch_all(self.pool).await?;
        let column = |(row, name): (&SqliteRow, &String)| -> Result<Column> {
            Ok(Column {
                id: row.try_get("column_id")?,
                name: row.try_get("column_name")?,
                sql_type: SqlType::parse(name).ok_or_else(|| unreadable(name))?,
                nullable: row.try_get("nulls_allowed")?,
            })
        };
        rows.iter().zip(&description.types).map(column).collect()
    }

    async fn load_stats(&self) -> Result<HashMap<i64, HashMap<i64, SqliteRow>>> {
        let sql = "SELECT st.* FROM ducklake_file_column_stats st JOIN ducklake_data_file f USING (data_file_id) WHERE f.end_snapshot IS NULL";
        let mut stats: HashMap<i64, HashMap<i64, SqliteRow>> = HashMap::new();
        for row in sqlx::query(sql).fetch_all(self.pool).await? {
            stats.entry(row.try_get("data_file_id")?).or_default().insert(row.try_get("column_id")?, row);
        }
        Ok(stats)
    }

    async fn load_files(
        &self,
        relation: i64,
        columns: &[Column],
        stats: &mut HashMap<i64, HashMap<i64, SqliteRow>>,
    ) -> Result<Vec<Arc<DataFile>>> {
        let sql = "SELECT * FROM ducklake_data_file WHERE table_id = $1 AND end_snapshot IS NULL ORDER BY row_id_start, data_file_id";
        let rows = sqlx::query(sql).bind(relation).fetch_all(self.pool).await?;
        rows.iter().map(|row| read_file(row, columns, stats)).collect()
    }

    /// The files that a relation had in a snapshot, without what is known of their values.
    pub(in crate::storage) async fn load_files_at(
        &self,
        relation: &Relation,
        snapshot: i64,
    ) -> Result<Vec<Arc<DataFile>>> {
        let sql = "
SELECT * FROM ducklake_data_file
WHERE table_id = $1 AND begin_snapshot <= $2 AND (end_snapshot IS NULL OR end_snapshot > $2)
ORDER BY row_id_start, data_file_id";
        let rows = sqlx::query(sql).bind(relation.id).bind(snapshot).fetch_all(self.pool).await?;
        rows.iter().map(|row| read_file(row, relation.stored(), &mut HashMap::new())).collect()
    }

    async fn kind(&self, id: i64, view: Option<ViewDescription>) -> Result<RelationKind> {
        Ok(match view {
            None => RelationKind::Table,
            Some(ViewDescription::Tables { definition, query, auto_refresh, backup, incremental }) => {
                let bases = self.bases(id).await?;
                RelationKind::Derived(DerivedView { definition, query, auto_refresh, backup, incremental, bases })
            }
            Some(ViewDescription::Stream {
                external_schema,
                stream,
                stream_id,
                definition,
                query,
                auto_refresh,
                backup,
            }) => RelationKind::Streaming(StreamingView {
                external_schema,
                stream,
                stream_id,
                definition,
                query,
                auto_refresh,
                backup,
                positions: self.positions("SELECT * FROM tidemill_position WHERE table_id = $1", id).await?,
                promised: self.positions("SELECT * FROM tidemill_promise WHERE table_id = $1", id).await?,
            }),
        })
    }

    async fn bases(&self, view: i64) -> Result<Vec<Base>> {
        let sql = "SELECT * FROM tidemill_base WHERE table_id = $1 ORDER BY base_id";
        let rows = sqlx::query(sql).bind(view).fetch_all(self.pool).await?;
        let base = |row: &SqliteRow| -> Result<Base> {
            Ok(Base {
                relation: row.try_get("base_id")?,
                next_row_id: row.try_get("next_row_id")?,
                rewrites: row.try_get("rewrites")?,
            })
        };
        rows.iter().map(base).collect()
    }

    async fn positions(&self, sql: &'static str, relation: i64) -> Result<Positions> {
        let rows = sqlx::query(sql).bind(relation).fetch_all(self.pool).await?;
        let position = |row: &SqliteRow| -> Result<(u32, u64)> {
            Ok((row.try_get("shard")?, row.try_get::<i64, _>("next_ordinal")? as u64))
        };
        rows.iter().map(position).collect::<Result<BTreeMap<_, _>>>()
    }
}

fn shown_columns(shown: &[(String, String)]) -> Result<Vec<Column>> {
    let column = |(id, (name, sql_type)): (i64, &(String, String))| {
        let sql_type = SqlType::parse(sql_type).ok_or_else(|| unreadable(sql_type))?;
        Ok(Column { id, name: name.clone(), sql_type, nullable: true })
    };
    (1..).zip(shown).map(column).collect()
}

fn read_file(
    row: &SqliteRow,
    columns: &[Column],
    stats: &mut HashMap<i64, HashMap<i64, SqliteRow>>,
) -> Result<Arc<DataFile>> {
    let id: i64 = row.try_get("data_file_id")?;
    let stats = stats.remove(&id).unwrap_or_default();
    let stats = columns.iter().map(|column| match stats.get(&column.id) {
        Some(row) => read_stats(column, row),
        None => Ok(ColumnStats { column: column.id, ..ColumnStats::default() }),
    });
    Ok(Arc::new(DataFile {
        id,
        path: row.try_get("path")?,
        records: row.try_get("record_count")?,
        bytes: row.try_get("file_size_bytes")?,
        footer: row.try_get("footer_size")?,
        row_id_start: row.try_get("row_id_start")?,
        stats: stats.collect::<Result<_>>()?,
    }))
}

fn read_stats(column: &Column, row: &SqliteRow) -> Result<ColumnStats> {
    let bound = |name: &str| -> Result<Option<ScalarValue>> {
        let text: Option<String> = row.try_get(name)?;
        // A bound that cannot be read back only means that the file is not skipped.
        Ok(text.and_then(|text| ScalarValue::try_from_string(text, &column.sql_type.arrow()).ok()))
    };
    Ok(ColumnStats {
        column: column.id,
        bytes: row.try_get("column_size_bytes")?,
        nulls: row.try_get("null_count")?,
        min: bound("min_value")?,
        max: bound("max_value")?,
    })
}
