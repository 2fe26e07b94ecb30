//! Reading the current snapshot.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::common::ScalarValue;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqlitePool};

use super::description::{Description, ViewDescription, parse_dist};
use super::unreadable;
use crate::error::Result;
use crate::storage::catalog::Loaded;
use crate::storage::file::ColumnStats;
use crate::storage::{
    Column, DataFile, DerivedView, ExternalSchema, Layout, Positions, Relation, RelationKind, SchemaEntry, Snapshot,
    StreamingView, User,
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
        Ok(())
    }

    async fn load_relations(&self, snapshot: &mut Snapshot) -> Result<()> {
        let sql = "
SELECT t.table_id, t.table_name, s.schema_name, r.owner, r.description, coalesce(st.next_row_id, 0) AS next_row_id
FROM ducklake_table t JOIN ducklake_schema s USING (schema_id) JOIN tidemill_relation r USING (table_id)
LEFT JOIN ducklake_table_stats st USING (table_id)
WHERE t.end_snapshot IS NULL AND s.end_snapshot IS NULL";
        let mut stats = self.load_stats().await?;
        for row in sqlx::query(sql).fetch_all(self.pool).await? {
            let id: i64 = row.try_get("table_id")?;
            let description: Description = serde_json::from_str(row.try_get("description")?).map_err(unreadable)?;
            let columns = self.load_columns(id, &description).await?;
            let files = self.load_files(id, &columns, &mut stats).await?;
            snapshot.put(Relation {
                id,
                schema: row.try_get("schema_name")?,
                name: row.try_get("table_name")?,
                owner: row.try_get("owner")?,
                layout: Layout { dist: parse_dist(&description.dist), sort: description.sort },
                kind: self.kind(id, description.view).await?,
                columns,
                files,
                next_row_id: row.try_get("next_row_id")?,
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
        let sql = "SELECT * FROM ducklake_data_file WHERE table_id = $1 AND end_snapshot IS NULL ORDER BY data_file_id";
        let mut files = Vec::new();
        for row in sqlx::query(sql).bind(relation).fetch_all(self.pool).await? {
            let id: i64 = row.try_get("data_file_id")?;
            let stats = stats.remove(&id).unwrap_or_default();
            let stats = columns.iter().map(|column| match stats.get(&column.id) {
                Some(row) => read_stats(column, row),
                None => Ok(ColumnStats { column: column.id, ..ColumnStats::default() }),
            });
            files.push(Arc::new(DataFile {
                id,
                path: row.try_get("path")?,
                records: row.try_get("record_count")?,
                bytes: row.try_get("file_size_bytes")?,
                footer: row.try_get("footer_size")?,
                row_id_start: row.try_get("row_id_start")?,
                stats: stats.collect::<Result<_>>()?,
            }));
        }
        Ok(files)
    }

    async fn kind(&self, id: i64, view: Option<ViewDescription>) -> Result<RelationKind> {
        Ok(match view {
            None => RelationKind::Table,
            Some(ViewDescription::Tables { definition, query, backup }) => {
                RelationKind::Derived(DerivedView { definition, query, backup })
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

    async fn positions(&self, sql: &'static str, relation: i64) -> Result<Positions> {
        let rows = sqlx::query(sql).bind(relation).fetch_all(self.pool).await?;
        let position = |row: &SqliteRow| -> Result<(u32, u64)> {
            Ok((row.try_get("shard")?, row.try_get::<i64, _>("next_ordinal")? as u64))
        };
        rows.iter().map(position).collect::<Result<BTreeMap<_, _>>>()
    }
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
