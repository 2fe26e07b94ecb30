//! The catalog as rows: each change of a snapshot written to, and snapshots read from, the DuckLake tables
//! and Tidemill's own beside them. One SQL text for SQLite and PostgreSQL.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::ScalarValue;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqlitePool, Transaction};
use uuid::Uuid;

use super::catalog::Loaded;
use super::file::ColumnStats;
use super::{
    Change, Column, DataFile, DerivedView, DistStyle, ExternalSchema, Layout, Positions, Relation, RelationKind,
    SchemaEntry, Snapshot, StreamingView, User,
};
use crate::error::{ErrorKind, Result, SqlError};
use crate::types::SqlType;

/// What Tidemill knows of a relation beyond DuckLake.
#[derive(Serialize, Deserialize)]
struct Description {
    /// SQL types of the columns, in order.
    types: Vec<String>,
    dist: String,
    sort: Vec<usize>,
    view: Option<ViewDescription>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "over", rename_all = "snake_case")]
enum ViewDescription {
    Stream {
        external_schema: String,
        stream: String,
        stream_id: String,
        definition: String,
        query: String,
        auto_refresh: bool,
        backup: bool,
    },
    Tables {
        definition: String,
        query: String,
        backup: bool,
    },
}

/// What is noted of a whole transaction.
pub(super) struct Entry {
    pub(super) time: String,
    pub(super) next_id: i64,
    pub(super) next_file: i64,
}

/// Writes one transaction.
pub(super) struct Record<'t, 'c> {
    transaction: &'t mut Transaction<'c, Sqlite>,
    before: &'t Snapshot,
    after: &'t Snapshot,
    /// DuckLake's words for the changes.
    changes: Vec<String>,
}

impl<'t, 'c> Record<'t, 'c> {
    pub(super) fn new(transaction: &'t mut Transaction<'c, Sqlite>, before: &'t Snapshot, after: &'t Snapshot) -> Self {
        Self { transaction, before, after, changes: Vec::new() }
    }

    pub(super) async fn change(&mut self, change: &Change) -> Result<()> {
        match change {
            Change::CreateSchema(schema) => self.create_schema(schema).await,
            Change::CreateExternalSchema(schema) => self.create_external_schema(schema).await,
            Change::DropSchema(name) => self.drop_schema(name).await,
            Change::CreateRelation(relation) => self.create_relation(relation).await,
            Change::DropRelation(id) => self.drop_relation(*id).await,
            Change::AppendFiles { relation, files, positions } => {
                self.add_files(*relation, files).await?;
                match positions {
                    Some(positions) => self.set_positions("tidemill_position", *relation, positions).await,
                    None => Ok(()),
                }
            }
            Change::ReplaceFiles { relation, gone, files } => {
                self.end_files(gone).await?;
                self.changes.push(format!("deleted_from_table:{relation}"));
                self.add_files(*relation, files).await
            }
            Change::Promise { relation, promised, .. } => {
                if let Some(view) = self.after.relations.get(relation).and_then(|relation| relation.streaming()) {
                    self.set_positions("tidemill_position", *relation, &view.positions).await?;
                }
                self.describe(*relation).await?;
                self.set_positions("tidemill_promise", *relation, promised).await
            }
            Change::SetAutoRefresh { relation, .. } => self.describe(*relation).await,
            Change::PutUser(user) => self.put_user(user).await,
        }
    }

    /// Ends the transaction with the snapshot that it makes.
    pub(super) async fn snapshot(&mut self, entry: Entry) -> Result<()> {
        sqlx::query("INSERT INTO ducklake_snapshot VALUES ($1, $2, $3, $4, $5)")
            .bind(self.after.id)
            .bind(entry.time)
            .bind(self.after.schema_version)
            .bind(entry.next_id)
            .bind(entry.next_file)
            .execute(&mut **self.transaction)
            .await?;
        sqlx::query("INSERT INTO ducklake_snapshot_changes VALUES ($1, $2, NULL, NULL, NULL)")
            .bind(self.after.id)
            .bind(self.changes.join(","))
            .execute(&mut **self.transaction)
            .await?;
        Ok(())
    }

    async fn create_schema(&mut self, schema: &SchemaEntry) -> Result<()> {
        sqlx::query("INSERT INTO ducklake_schema VALUES ($1, $2, $3, NULL, $4, $5, 1)")
            .bind(schema.id)
            .bind(Uuid::new_v4().to_string())
            .bind(self.after.id)
            .bind(&schema.name)
            .bind(format!("{}/", schema.name))
            .execute(&mut **self.transaction)
            .await?;
        sqlx::query("INSERT INTO tidemill_schema_owner VALUES ($1, $2)")
            .bind(schema.id)
            .bind(&schema.owner)
            .execute(&mut **self.transaction)
            .await?;
        self.changes.push(format!("created_schema:{}", quoted(&schema.name)));
        Ok(())
    }

    async fn create_external_schema(&mut self, schema: &ExternalSchema) -> Result<()> {
        sqlx::query("INSERT INTO tidemill_external_schema VALUES ($1, $2, $3, $4)")
            .bind(schema.id)
            .bind(&schema.name)
            .bind(&schema.owner)
            .bind(&schema.role)
            .execute(&mut **self.transaction)
            .await?;
        Ok(())
    }

    async fn drop_schema(&mut self, name: &str) -> Result<()> {
        sqlx::query("DELETE FROM tidemill_external_schema WHERE name = $1")
            .bind(name)
            .execute(&mut **self.transaction)
            .await?;
        if let Some(schema) = self.before.schemas.get(name) {
            sqlx::query("UPDATE ducklake_schema SET end_snapshot = $1 WHERE schema_id = $2 AND end_snapshot IS NULL")
                .bind(self.after.id)
                .bind(schema.id)
                .execute(&mut **self.transaction)
                .await?;
            self.changes.push(format!("dropped_schema:{}", schema.id));
        }
        Ok(())
    }

    async fn create_relation(&mut self, relation: &Relation) -> Result<()> {
        let schema = self.after.schemas.get(&relation.schema).map_or(0, |schema| schema.id);
        sqlx::query("INSERT INTO ducklake_table VALUES ($1, $2, $3, NULL, $4, $5, $6, 1)")
            .bind(relation.id)
            .bind(Uuid::new_v4().to_string())
            .bind(self.after.id)
            .bind(schema)
            .bind(&relation.name)
            .bind(format!("{}/", relation.name))
            .execute(&mut **self.transaction)
            .await?;
        for (order, column) in (1..).zip(&relation.columns) {
            let sql = "INSERT INTO ducklake_column VALUES ($1, $2, NULL, $3, $4, $5, $6, NULL, 'NULL', $7, NULL, 'literal', 'duckdb')";
            sqlx::query(sql)
                .bind(column.id)
                .bind(self.after.id)
                .bind(relation.id)
                .bind(order)
                .bind(&column.name)
                .bind(column.sql_type.ducklake())
                .bind(i64::from(column.nullable))
                .execute(&mut **self.transaction)
                .await?;
        }
        sqlx::query("INSERT INTO ducklake_schema_versions VALUES ($1, $2, $3)")
            .bind(self.after.id)
            .bind(self.after.schema_version)
            .bind(relation.id)
            .execute(&mut **self.transaction)
            .await?;
        sqlx::query("INSERT INTO tidemill_relation VALUES ($1, $2, $3)")
            .bind(relation.id)
            .bind(&relation.owner)
            .bind(describe(relation)?)
            .execute(&mut **self.transaction)
            .await?;
        let name = format!("{}.{}", quoted(&relation.schema), quoted(&relation.name));
        self.changes.push(format!("created_table:{name}"));
        Ok(())
    }

    async fn drop_relation(&mut self, id: i64) -> Result<()> {
        for sql in [
            "UPDATE ducklake_table SET end_snapshot = $1 WHERE table_id = $2 AND end_snapshot IS NULL",
            "UPDATE ducklake_column SET end_snapshot = $1 WHERE table_id = $2 AND end_snapshot IS NULL",
            "UPDATE ducklake_data_file SET end_snapshot = $1 WHERE table_id = $2 AND end_snapshot IS NULL",
        ] {
            sqlx::query(sql).bind(self.after.id).bind(id).execute(&mut **self.transaction).await?;
        }
        for sql in [
            "DELETE FROM tidemill_relation WHERE table_id = $1",
            "DELETE FROM tidemill_position WHERE table_id = $1",
            "DELETE FROM tidemill_promise WHERE table_id = $1",
        ] {
            sqlx::query(sql).bind(id).execute(&mut **self.transaction).await?;
        }
        self.changes.push(format!("dropped_table:{id}"));
        Ok(())
    }

    async fn add_files(&mut self, id: i64, files: &[DataFile]) -> Result<()> {
        let Some(relation) = self.after.relations.get(&id).cloned() else { return Ok(()) };
        for file in files {
            let placed = relation.files.iter().find(|placed| placed.id == file.id);
            let row_id_start = placed.map_or(0, |placed| placed.row_id_start);
            let sql = "INSERT INTO ducklake_data_file VALUES ($1, $2, $3, NULL, NULL, $4, 1, 'parquet', $5, $6, $7, $8, NULL, NULL, NULL, NULL)";
            sqlx::query(sql)
                .bind(file.id)
                .bind(id)
                .bind(self.after.id)
                .bind(&file.path)
                .bind(file.records)
                .bind(file.bytes)
                .bind(file.footer)
                .bind(row_id_start)
                .execute(&mut **self.transaction)
                .await?;
            for stats in &file.stats {
                self.add_file_stats(id, file, stats).await?;
            }
        }
        if !files.is_empty() {
            self.changes.push(format!("inserted_into_table:{id}"));
        }
        self.set_table_stats(&relation).await
    }

    async fn add_file_stats(&mut self, relation: i64, file: &DataFile, stats: &ColumnStats) -> Result<()> {
        sqlx::query("INSERT INTO ducklake_file_column_stats VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, NULL)")
            .bind(file.id)
            .bind(relation)
            .bind(stats.column)
            .bind(stats.bytes)
            .bind(file.records - stats.nulls)
            .bind(stats.nulls)
            .bind(stats.min.as_ref().map(bound_text).transpose()?)
            .bind(stats.max.as_ref().map(bound_text).transpose()?)
            .execute(&mut **self.transaction)
            .await?;
        Ok(())
    }

    async fn set_table_stats(&mut self, relation: &Relation) -> Result<()> {
        for sql in [
            "DELETE FROM ducklake_table_stats WHERE table_id = $1",
            "DELETE FROM ducklake_table_column_stats WHERE table_id = $1",
        ] {
            sqlx::query(sql).bind(relation.id).execute(&mut **self.transaction).await?;
        }
        sqlx::query("INSERT INTO ducklake_table_stats VALUES ($1, $2, $3, $4)")
            .bind(relation.id)
            .bind(relation.rows_in_files())
            .bind(relation.next_row_id)
            .bind(relation.bytes_in_files())
            .execute(&mut **self.transaction)
            .await?;
        for (place, column) in relation.columns.iter().enumerate() {
            let stats = || relation.files.iter().filter_map(|file| file.stats.get(place));
            let (min, max) =
                (merged(stats().map(|stats| &stats.min), false), merged(stats().map(|stats| &stats.max), true));
            sqlx::query("INSERT INTO ducklake_table_column_stats VALUES ($1, $2, $3, NULL, $4, $5, NULL)")
                .bind(relation.id)
                .bind(column.id)
                .bind(i64::from(stats().any(|stats| stats.nulls > 0)))
                .bind(min.map(bound_text).transpose()?)
                .bind(max.map(bound_text).transpose()?)
                .execute(&mut **self.transaction)
                .await?;
        }
        Ok(())
    }

    async fn end_files(&mut self, files: &[i64]) -> Result<()> {
        for file in files {
            sqlx::query("UPDATE ducklake_data_file SET end_snapshot = $1 WHERE data_file_id = $2")
                .bind(self.after.id)
                .bind(file)
                .execute(&mut **self.transaction)
                .await?;
        }
        Ok(())
    }

    async fn set_positions(&mut self, table: &str, relation: i64, positions: &Positions) -> Result<()> {
        let (delete, insert) = match table {
            "tidemill_promise" => {
                ("DELETE FROM tidemill_promise WHERE table_id = $1", "INSERT INTO tidemill_promise VALUES ($1, $2, $3)")
            }
            _ => (
                "DELETE FROM tidemill_position WHERE table_id = $1",
                "INSERT INTO tidemill_position VALUES ($1, $2, $3)",
            ),
        };
        sqlx::query(delete).bind(relation).execute(&mut **self.transaction).await?;
        for (shard, next) in positions {
            sqlx::query(insert)
                .bind(relation)
                .bind(i64::from(*shard))
                .bind(*next as i64)
                .execute(&mut **self.transaction)
                .await?;
        }
        Ok(())
    }

    /// Writes a relation's description anew.
    async fn describe(&mut self, id: i64) -> Result<()> {
        let Some(relation) = self.after.relations.get(&id) else { return Ok(()) };
        sqlx::query("UPDATE tidemill_relation SET description = $1 WHERE table_id = $2")
            .bind(describe(relation)?)
            .bind(id)
            .execute(&mut **self.transaction)
            .await?;
        Ok(())
    }

    async fn put_user(&mut self, user: &User) -> Result<()> {
        sqlx::query("DELETE FROM tidemill_user WHERE name = $1")
            .bind(&user.name)
            .execute(&mut **self.transaction)
            .await?;
        sqlx::query("INSERT INTO tidemill_user VALUES ($1, $2, $3, $4)")
            .bind(user.id)
            .bind(&user.name)
            .bind(&user.md5)
            .bind(i64::from(user.superuser))
            .execute(&mut **self.transaction)
            .await?;
        Ok(())
    }
}

/// Reads the current snapshot.
pub(super) struct Loader<'p> {
    pool: &'p SqlitePool,
}

impl<'p> Loader<'p> {
    pub(super) fn new(pool: &'p SqlitePool) -> Self {
        Self { pool }
    }

    pub(super) async fn load(&self) -> Result<Loaded> {
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

fn describe(relation: &Relation) -> Result<String> {
    let view = match &relation.kind {
        RelationKind::Table => None,
        RelationKind::Derived(view) => Some(ViewDescription::Tables {
            definition: view.definition.clone(),
            query: view.query.clone(),
            backup: view.backup,
        }),
        RelationKind::Streaming(view) => Some(ViewDescription::Stream {
            external_schema: view.external_schema.clone(),
            stream: view.stream.clone(),
            stream_id: view.stream_id.clone(),
            definition: view.definition.clone(),
            query: view.query.clone(),
            auto_refresh: view.auto_refresh,
            backup: view.backup,
        }),
    };
    let description = Description {
        types: relation.columns.iter().map(|column| column.sql_type.to_string()).collect(),
        dist: format_dist(relation.layout.dist),
        sort: relation.layout.sort.clone(),
        view,
    };
    serde_json::to_string(&description).map_err(unreadable)
}

fn format_dist(dist: DistStyle) -> String {
    match dist {
        DistStyle::Auto => "auto".into(),
        DistStyle::Even => "even".into(),
        DistStyle::All => "all".into(),
        DistStyle::Key(column) => format!("key:{column}"),
    }
}

fn parse_dist(text: &str) -> DistStyle {
    match text.split_once(':') {
        Some(("key", column)) => column.parse().map_or(DistStyle::Auto, DistStyle::Key),
        _ if text == "even" => DistStyle::Even,
        _ if text == "all" => DistStyle::All,
        _ => DistStyle::Auto,
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

/// The smallest or largest of the files' bounds; none unless every file has one.
fn merged<'a>(bounds: impl Iterator<Item = &'a Option<ScalarValue>>, largest: bool) -> Option<&'a ScalarValue> {
    let bounds: Option<Vec<&ScalarValue>> = bounds.map(Option::as_ref).collect();
    bounds?.into_iter().reduce(|best, next| {
        let better = match next.partial_cmp(best) {
            Some(order) if largest => order.is_gt(),
            Some(order) => order.is_lt(),
            None => false,
        };
        if better { next } else { best }
    })
}

/// A bound as DuckLake writes it.
fn bound_text(value: &ScalarValue) -> Result<String> {
    if let ScalarValue::Boolean(Some(value)) = value {
        return Ok(i64::from(*value).to_string());
    }
    let format = FormatOptions::default()
        .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.6f"))
        .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.6f+00"));
    let array = value.to_array()?;
    Ok(ArrayFormatter::try_new(&array, &format)?.value(0).try_to_string()?)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn unreadable(what: impl std::fmt::Display) -> SqlError {
    SqlError::new(ErrorKind::Internal, format!("the catalog holds what cannot be read: {what}"))
}
