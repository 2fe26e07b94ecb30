//! Writing one transaction.

use std::sync::Arc;

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::ScalarValue;
use sqlx::{Sqlite, Transaction};
use uuid::Uuid;

use super::description::describe;
use crate::error::Result;
use crate::storage::file::{ColumnStats, dir_name};
use crate::storage::{
    Change, DataFile, DeadLetter, ExternalSchema, Positions, Privilege, Reached, Relation, SchemaEntry, Snapshot, User,
};

/// What is noted of a whole transaction.
pub(in crate::storage) struct Entry {
    pub(in crate::storage) time: String,
    pub(in crate::storage) next_id: i64,
    pub(in crate::storage) next_file: i64,
}

/// Writes one transaction.
pub(in crate::storage) struct Record<'t, 'c> {
    transaction: &'t mut Transaction<'c, Sqlite>,
    before: &'t Snapshot,
    after: &'t Snapshot,
    /// DuckLake's words for the changes.
    changes: Vec<String>,
}

impl<'t, 'c> Record<'t, 'c> {
    pub(in crate::storage) fn new(
        transaction: &'t mut Transaction<'c, Sqlite>,
        before: &'t Snapshot,
        after: &'t Snapshot,
    ) -> Self {
        Self { transaction, before, after, changes: Vec::new() }
    }

    pub(in crate::storage) async fn change(&mut self, change: &Change) -> Result<()> {
        match change {
            Change::CreateSchema(schema) => self.create_schema(schema).await,
            Change::CreateExternalSchema(schema) => self.create_external_schema(schema).await,
            Change::DropSchema(name) => self.drop_schema(name).await,
            Change::CreateRelation(relation) => self.create_relation(relation).await,
            Change::DropRelation(id) => self.drop_relation(*id).await,
            Change::AppendFiles { relation, files, reached } => {
                self.add_files(*relation, files).await?;
                self.set_reached(*relation, reached).await
            }
            Change::ReplaceFiles { relation, gone, files, reached } => {
                self.end_files(gone).await?;
                self.count_rewrite(*relation).await?;
                self.changes.push(format!("deleted_from_table:{relation}"));
                self.add_files(*relation, files).await?;
                self.set_reached(*relation, reached).await
            }
            Change::CompactFiles { relation, gone, file } => self.compact_files(*relation, gone, file).await,
            Change::SetAside { relation, letters } => self.set_aside(*relation, letters).await,
            Change::Promise { relation, promised, .. } => {
                if let Some(view) = self.after.relations.get(relation).and_then(|relation| relation.streaming()) {
                    self.set_positions("tidemill_position", *relation, &view.positions).await?;
                }
                self.describe(*relation).await?;
                self.set_positions("tidemill_promise", *relation, promised).await
            }
            Change::SetAutoRefresh { relation, .. } => self.describe(*relation).await,
            Change::SetOwner { relation, owner } => self.set_owner(*relation, owner).await,
            Change::PutUser(user) => self.put_user(user).await,
            Change::AlterUser { name, .. } => match self.after.users.get(name).cloned() {
                Some(user) => self.put_user(&user).await,
                None => Ok(()),
            },
            Change::DropUser(name) => self.drop_user(name).await,
            Change::Grant { object, grantee, privilege, granted } => {
                self.grant(*object, grantee, *privilege, *granted).await
            }
            Change::Keep { user, name, value } => self.keep(user, name, value.as_deref()).await,
        }
    }

    /// Ends the transaction with the snapshot that it makes.
    pub(in crate::storage) async fn snapshot(&mut self, entry: Entry) -> Result<()> {
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
            .bind(format!("{}/", dir_name(&schema.name)))
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
        let local = self.before.schemas.get(name).map(|schema| schema.id);
        if let Some(id) = local.or_else(|| self.before.external_schemas.get(name).map(|schema| schema.id)) {
            let sql = "DELETE FROM tidemill_grant WHERE object_id = $1";
            sqlx::query(sql).bind(id).execute(&mut **self.transaction).await?;
        }
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
            .bind(format!("{}/", dir_name(&relation.name)))
            .execute(&mut **self.transaction)
            .await?;
        for (order, column) in (1..).zip(relation.stored()) {
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
        match relation.derived() {
            Some(view) => self.set_reached(relation.id, &Reached::Bases(view.bases.clone())).await,
            None => Ok(()),
        }
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
            "DELETE FROM tidemill_base WHERE table_id = $1",
            "DELETE FROM tidemill_rewrites WHERE table_id = $1",
            "DELETE FROM tidemill_dead_letter WHERE table_id = $1",
            "DELETE FROM tidemill_grant WHERE object_id = $1",
        ] {
            sqlx::query(sql).bind(id).execute(&mut **self.transaction).await?;
        }
        self.changes.push(format!("dropped_table:{id}"));
        Ok(())
    }

    async fn add_files(&mut self, id: i64, files: &[DataFile]) -> Result<()> {
        self.insert_files(id, files).await?;
        if !files.is_empty() {
            self.changes.push(format!("inserted_into_table:{id}"));
        }
        Ok(())
    }

    async fn compact_files(&mut self, id: i64, gone: &[i64], file: &DataFile) -> Result<()> {
        self.end_files(gone).await?;
        self.changes.push(format!("merge_adjacent:{id}"));
        self.insert_files(id, std::slice::from_ref(file)).await
    }

    async fn insert_files(&mut self, id: i64, files: &[DataFile]) -> Result<()> {
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
        self.set_table_stats(&relation).await
    }

    async fn add_file_stats(&mut self, relation: i64, file: &DataFile, stats: &ColumnStats) -> Result<()> {
        sqlx::query("INSERT INTO ducklake_file_column_stats VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, NULL)")
            .bind(file.id)
            .bind(relation)
            .bind(stats.column)
            .bind(stats.bytes)
            .bind(stats.nulls.map(|nulls| file.records - nulls))
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
        for (place, column) in relation.stored().iter().enumerate() {
            let stats = || relation.files.iter().filter_map(|file| file.stats.get(place));
            let (min, max) =
                (merged(stats().map(|stats| &stats.min), false), merged(stats().map(|stats| &stats.max), true));
            sqlx::query("INSERT INTO ducklake_table_column_stats VALUES ($1, $2, $3, NULL, $4, $5, NULL)")
                .bind(relation.id)
                .bind(column.id)
                .bind(i64::from(stats().any(|stats| stats.nulls != Some(0))))
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

    async fn count_rewrite(&mut self, id: i64) -> Result<()> {
        let rewrites = self.after.relations.get(&id).map_or(0, |relation| relation.rewrites);
        let sql = "INSERT INTO tidemill_rewrites VALUES ($1, $2) ON CONFLICT (table_id) DO UPDATE SET rewrites = $2";
        sqlx::query(sql).bind(id).bind(rewrites).execute(&mut **self.transaction).await?;
        Ok(())
    }

    async fn set_reached(&mut self, id: i64, reached: &Reached) -> Result<()> {
        match reached {
            Reached::Same => Ok(()),
            Reached::Stream(positions) => self.set_positions("tidemill_position", id, positions).await,
            Reached::Bases(bases) => {
                let sql = "DELETE FROM tidemill_base WHERE table_id = $1";
                sqlx::query(sql).bind(id).execute(&mut **self.transaction).await?;
                for base in bases {
                    sqlx::query("INSERT INTO tidemill_base VALUES ($1, $2, $3, $4)")
                        .bind(id)
                        .bind(base.relation)
                        .bind(base.next_row_id)
                        .bind(base.rewrites)
                        .execute(&mut **self.transaction)
                        .await?;
                }
                Ok(())
            }
        }
    }

    async fn set_aside(&mut self, id: i64, letters: &[Arc<DeadLetter>]) -> Result<()> {
        for letter in letters {
            sqlx::query("INSERT INTO tidemill_dead_letter VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
                .bind(id)
                .bind(&letter.shard)
                .bind(&letter.sequence_number)
                .bind(&letter.partition_key)
                .bind(letter.arrival.millis())
                .bind(letter.recorded.millis())
                .bind(letter.code)
                .bind(&letter.reason)
                .bind(&letter.data[..])
                .execute(&mut **self.transaction)
                .await?;
        }
        Ok(())
    }

    async fn set_owner(&mut self, id: i64, owner: &str) -> Result<()> {
        sqlx::query("UPDATE tidemill_relation SET owner = $1 WHERE table_id = $2")
            .bind(owner)
            .bind(id)
            .execute(&mut **self.transaction)
            .await?;
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

    async fn drop_user(&mut self, name: &str) -> Result<()> {
        for sql in ["DELETE FROM tidemill_user WHERE name = $1", "DELETE FROM tidemill_setting WHERE user_name = $1"] {
            sqlx::query(sql).bind(name).execute(&mut **self.transaction).await?;
        }
        Ok(())
    }

    async fn grant(&mut self, object: i64, grantee: &str, privilege: Privilege, granted: bool) -> Result<()> {
        let sql = match granted {
            true => "INSERT INTO tidemill_grant VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            false => "DELETE FROM tidemill_grant WHERE object_id = $1 AND grantee = $2 AND privilege = $3",
        };
        let query = sqlx::query(sql).bind(object).bind(grantee).bind(privilege.as_str());
        query.execute(&mut **self.transaction).await?;
        Ok(())
    }

    async fn keep(&mut self, user: &str, name: &str, value: Option<&str>) -> Result<()> {
        let sql = "DELETE FROM tidemill_setting WHERE user_name = $1 AND name = $2";
        sqlx::query(sql).bind(user).bind(name).execute(&mut **self.transaction).await?;
        if let Some(value) = value {
            let sql = "INSERT INTO tidemill_setting VALUES ($1, $2, $3)";
            sqlx::query(sql).bind(user).bind(name).bind(value).execute(&mut **self.transaction).await?;
        }
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
