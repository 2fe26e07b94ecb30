//! INSERT.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, new_null_array};
use datafusion::sql::sqlparser::ast::{Insert, TableObject};
use futures::TryStreamExt;

use crate::error::{ErrorKind, Result, SqlError};
use crate::plan::analyzed;
use crate::session::{Outcome, Session};
use crate::storage::{Change, Privilege, Reached, Relation};
use crate::types::SqlType;
use crate::views::write_rows;

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
    session.require(&relation, Privilege::Insert)?;
    let Some(source) = &insert.source else {
        return Err(SqlError::unsupported("INSERT with default values is not supported"));
    };
    let places = target_places(&insert, &relation)?;
    let planner = session.planner()?;
    let plan = analyzed(&planner, session.plan(&planner, source, text).await?)?;
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
    let append = Change::AppendFiles { relation: relation.id, files: written.files, reached: Reached::Same };
    session.change(vec![append]).await?;
    Ok(Outcome::Done(format!("INSERT 0 {}", written.rows)))
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
    Ok(RecordBatch::try_new(relation.stored_schema(), columns.collect::<Result<_>>()?)?)
}
