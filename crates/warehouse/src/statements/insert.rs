//! INSERT, and the writing of rows for other statements.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, new_null_array};
use datafusion::sql::sqlparser::ast::{Insert, TableObject};
use futures::{Stream, TryStreamExt};

use crate::error::{ErrorKind, Result, SqlError};
use crate::plan::Streaming;
use crate::session::{Outcome, Session};
use crate::storage::{Change, DataFile, Relation, Store};
use crate::types::SqlType;
use crate::views::{as_columns, write_file};

/// Rows of one data file.
const FILE_ROWS: usize = 1 << 20;

pub(super) async fn run(session: &mut Session, insert: Insert, text: &str) -> Result<Outcome> {
    let TableObject::TableName(name) = &insert.table else {
        return Err(SqlError::syntax("INSERT needs the name of a table"));
    };
    let (schema, name) = session.resolve(name)?;
    let view = session.read_view()?;
    let relation = Arc::clone(view.snapshot.expect_relation(&schema, &name)?);
    if relation.is_view() {
        let message = format!("cannot insert into materialized view \"{name}\"");
        return Err(SqlError::new(ErrorKind::WrongObjectType, message));
    }
    let Some(source) = &insert.source else {
        return Err(SqlError::unsupported("INSERT with default values is not supported"));
    };
    let places = target_places(&insert, &relation)?;
    let planner = session.planner(Streaming::Refused)?;
    let plan = session.plan(&planner, source, text).await?;
    let types: Vec<SqlType> = plan.schema().fields().iter().map(|field| SqlType::of(field)).collect();
    if types.len() > places.len() {
        return Err(SqlError::syntax("INSERT has more expressions than target columns"));
    }
    if types.len() < places.len() && !insert.columns.is_empty() {
        return Err(SqlError::syntax("INSERT has more target columns than expressions"));
    }
    let rows = planner.create_physical_plan(&plan).await?;
    let rows = datafusion::physical_plan::execute_stream(rows, planner.task_ctx())?;
    let rows = rows.err_into().and_then(|batch| {
        let placed = place(&relation, &places, &types, &batch);
        async move { placed }
    });
    let written = write_rows(&session.cluster.store, &relation, rows).await?;
    let append = Change::AppendFiles { relation: relation.id, files: written.files, positions: None };
    session.change(vec![append]).await?;
    Ok(Outcome::Done(format!("INSERT 0 {}", written.rows)))
}

/// What [`write_rows`] has written.
pub(super) struct Written {
    pub(super) files: Vec<DataFile>,
    pub(super) rows: usize,
}

/// Writes the rows of a query into files of `relation` that no transaction names yet.
pub(super) async fn write_rows(
    store: &Store,
    relation: &Relation,
    rows: impl Stream<Item = Result<RecordBatch>>,
) -> Result<Written> {
    let schema = relation.arrow_schema();
    let mut written = Written { files: Vec::new(), rows: 0 };
    let (mut pending, mut pending_rows) = (Vec::new(), 0);
    let mut rows = std::pin::pin!(rows);
    while let Some(batch) = rows.try_next().await? {
        pending_rows += batch.num_rows();
        written.rows += batch.num_rows();
        pending.push(as_columns(&batch, &relation.columns, &schema)?);
        if pending_rows >= FILE_ROWS {
            written.files.push(write_file(store, relation, std::mem::take(&mut pending)).await?);
            pending_rows = 0;
        }
    }
    if pending_rows > 0 {
        written.files.push(write_file(store, relation, pending).await?);
    }
    Ok(written)
}

/// The positions of the columns that an INSERT fills, in its order.
fn target_places(insert: &Insert, relation: &Relation) -> Result<Vec<usize>> {
    if insert.columns.is_empty() {
        return Ok((0..relation.columns.len()).collect());
    }
    let place = |name: String| {
        let found = relation.columns.iter().position(|column| column.name == name);
        found.ok_or_else(|| {
            let message = format!("column \"{name}\" of relation \"{}\" does not exist", relation.name);
            SqlError::new(ErrorKind::UndefinedColumn, message)
        })
    };
    let names = insert.columns.iter().map(|name| crate::sql::split_name(name).map(|(_, name)| name));
    names.map(|name| place(name?)).collect()
}

/// Puts the source's columns where they belong, NULL in the others.
fn place(relation: &Relation, places: &[usize], types: &[SqlType], batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = relation.columns.iter().enumerate().map(|(place, column)| -> Result<ArrayRef> {
        let source = places.iter().position(|target| *target == place).filter(|source| *source < types.len());
        let values = match source {
            Some(source) => crate::functions::assign(batch.column(source), types[source], column.sql_type)?,
            None => new_null_array(&column.sql_type.arrow(), batch.num_rows()),
        };
        if !column.nullable && values.null_count() > 0 {
            let message = format!("null value in column \"{}\" violates not-null constraint", column.name);
            return Err(SqlError::new(ErrorKind::NotNullViolation, message));
        }
        Ok(values)
    });
    Ok(RecordBatch::try_new(relation.arrow_schema(), columns.collect::<Result<_>>()?)?)
}
