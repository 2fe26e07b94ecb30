//! INSERT.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, new_null_array};
use datafusion::sql::sqlparser::ast::{Expr, Insert, Query, SetExpr, TableObject};
use futures::TryStreamExt;

use crate::error::{ErrorKind, Result, SqlError};
use crate::plan::{analyzed, assigned};
use crate::session::{Outcome, Session};
use crate::storage::{Change, Privilege, Reached, Relation};
use crate::types::SqlType;
use crate::views::write_rows;

pub(super) async fn run(session: &mut Session, mut insert: Insert, text: &str) -> Result<Outcome> {
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
    let places = target_places(&insert, &relation)?;
    let Some(source) = &mut insert.source else {
        return Err(SqlError::unsupported("INSERT with default values is not supported"));
    };
    assign_values(source, places.iter().map(|place| relation.columns[*place].sql_type));
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

/// Has the values of rows that are written out assigned to their columns one by one, where they are more than literals: the engine
/// does not take values of several types for one column.
fn assign_values(source: &mut Query, types: impl Iterator<Item = SqlType>) {
    let SetExpr::Values(values) = source.body.as_mut() else { return };
    for (column, sql_type) in types.enumerate() {
        if values.rows.iter().all(|row| row.content.get(column).is_none_or(is_literal)) {
            continue;
        }
        for value in values.rows.iter_mut().filter_map(|row| row.content.get_mut(column)) {
            *value = assigned(value.clone(), sql_type);
        }
    }
}

fn is_literal(value: &Expr) -> bool {
    match value {
        Expr::Value(_) => true,
        Expr::Nested(value) | Expr::UnaryOp { expr: value, .. } => is_literal(value),
        _ => false,
    }
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
