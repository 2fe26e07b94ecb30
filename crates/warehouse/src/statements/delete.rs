//! DELETE, TRUNCATE and ALTER TABLE … APPEND FROM: rows of tables, and of views over streams, that go.
//!
//! What goes from a view over a stream does not come back: the view has read the stream beyond it.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, new_null_array};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::execute_stream;
use datafusion::sql::sqlparser::ast::{Delete, FromTable, Ident, ObjectName, TableAlias, TableFactor, TableWithJoins};
use futures::TryStreamExt;

use crate::error::{ErrorKind, Result, SqlError};
use crate::session::{Outcome, Session};
use crate::sql::{AppendFrom, Part, parse_query};
use crate::storage::{Change, Column, DataFile, Privilege, Reached, Relation};
use crate::views::{Turn, Written, write_rows};

pub(super) async fn run(session: &mut Session, delete: &Delete, text: &str) -> Result<Outcome> {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    let [TableWithJoins { relation: TableFactor::Table { name, alias, .. }, joins }] = from.as_slice() else {
        return Err(SqlError::syntax("DELETE needs the name of one table"));
    };
    if !joins.is_empty() {
        return Err(SqlError::syntax("DELETE needs the name of one table; use USING for others"));
    }
    let (_turn, relation) = take_rows(session, name, Privilege::Delete).await?;
    if relation.partials.is_some() {
        let message = format!("rows cannot be deleted from \"{}\", which groups", relation.name);
        return Err(SqlError::unsupported(message).with_hint("Use TRUNCATE to remove all of them."));
    }
    let stays = stays(delete);
    let (mut gone, mut files, mut deleted) = (Vec::new(), Vec::new(), 0);
    for file in &relation.files {
        let kept = kept_rows(session, &relation, file, alias.as_ref(), stays.as_deref(), text).await?;
        let Some(kept) = kept else { continue };
        deleted += file.records - kept.iter().map(|file| file.records).sum::<i64>();
        gone.push(file.id);
        files.extend(kept);
    }
    if !gone.is_empty() {
        let replace = Change::ReplaceFiles { relation: relation.id, gone, files, reached: Reached::Same };
        session.change(vec![replace]).await?;
    }
    Ok(Outcome::Done(format!("DELETE {deleted}")))
}

pub(super) async fn truncate(session: &mut Session, name: &ObjectName) -> Result<Outcome> {
    // TRUNCATE commits the transaction that it runs in (Redshift).
    session.commit_so_far().await?;
    session.renew_view();
    let (_turn, relation) = take_rows(session, name, Privilege::Truncate).await?;
    if !relation.files.is_empty() {
        session.cluster.commit(vec![all_gone(&relation)]).await?;
    }
    session.renew_view();
    Ok(Outcome::Done("TRUNCATE TABLE".into()))
}

pub(super) async fn append_from(session: &mut Session, append: &AppendFrom) -> Result<Outcome> {
    if session.is_in_transaction() {
        let message = "ALTER TABLE APPEND cannot run inside a transaction block";
        return Err(SqlError::new(ErrorKind::InvalidTransactionState, message));
    }
    let target = session.relation(&append.target)?;
    session.require_owner("relation", &target.name, &target.owner)?;
    if target.is_view() {
        let message = format!("\"{}\" is not a table", target.name);
        return Err(SqlError::new(ErrorKind::WrongObjectType, message));
    }
    if session.relation(&append.source)?.id == target.id {
        let message = format!("cannot append \"{}\" to itself", target.name);
        return Err(SqlError::new(ErrorKind::InvalidParameterValue, message));
    }
    let (_turn, source) = take_rows(session, &append.source, Privilege::Delete).await?;
    session.require_owner("relation", &source.name, &source.owner)?;
    let places = matching(append, &source, &target)?;
    let rows = session.cluster.views.rows_of_files(&source, source.files.clone()).await?;
    let moved = rows.err_into().and_then(|batch| {
        let columns = target.columns.iter().zip(&places).map(|(column, place)| -> ArrayRef {
            place.map_or_else(
                || new_null_array(&column.sql_type.arrow(), batch.num_rows()),
                |place| Arc::clone(batch.column(place)),
            )
        });
        std::future::ready(RecordBatch::try_new(target.stored_schema(), columns.collect()).map_err(SqlError::from))
    });
    let Written { files, rows } = write_rows(&session.cluster.store, &target, moved).await?;
    let append = Change::AppendFiles { relation: target.id, files, reached: Reached::Same };
    session.cluster.commit(vec![all_gone(&source), append]).await?;
    session.notice(format!("ALTER TABLE APPEND \"{}\" moved {rows} rows.", source.name));
    Ok(Outcome::Done("ALTER TABLE APPEND".into()))
}

/// The turn of a relation whose rows may be taken away, and the relation with all of its rows in files.
async fn take_rows(session: &mut Session, name: &ObjectName, privilege: Privilege) -> Result<(Turn, Arc<Relation>)> {
    let relation = session.relation(name)?;
    session.require(&relation, privilege)?;
    if relation.derived().is_some() {
        let message = format!("cannot change materialized view \"{}\"", relation.name);
        return Err(SqlError::new(ErrorKind::WrongObjectType, message)
            .with_hint("Rows can be removed from views over streams only."));
    }
    let views = Arc::clone(&session.cluster.views);
    let turn = views.turn(relation.id).await;
    if relation.streaming().is_some() {
        if session.has_changes() {
            return Err(SqlError::unsupported(
                "rows of a view over a stream can be removed only before other changes of the transaction",
            ));
        }
        views.flush_in_turn(relation.id).await?;
    }
    if !session.has_changes() {
        session.renew_view();
    }
    let now = session.relation(name)?;
    if now.id != relation.id {
        let message = format!("relation \"{}\" was replaced by another", relation.name);
        return Err(SqlError::new(ErrorKind::SerializationFailure, message));
    }
    Ok((turn, now))
}

fn all_gone(relation: &Relation) -> Change {
    let gone = relation.files.iter().map(|file| file.id).collect();
    Change::ReplaceFiles { relation: relation.id, gone, files: Vec::new(), reached: Reached::Same }
}

/// What a row must fulfil to stay; none if none does. With USING a row goes together with any row of the other tables.
fn stays(delete: &Delete) -> Option<String> {
    let selection = delete.selection.as_ref();
    match delete.using.as_deref() {
        None | Some([]) => Some(format!("({}) IS NOT TRUE", selection?)),
        Some(using) => {
            let tables: Vec<String> = using.iter().map(ToString::to_string).collect();
            let selection = selection.map_or_else(|| "TRUE".to_owned(), ToString::to_string);
            Some(format!("NOT EXISTS (SELECT 1 FROM {} WHERE {selection})", tables.join(", ")))
        }
    }
}

/// The rows of one file that stay, in new files; none if all of them do.
async fn kept_rows(
    session: &Session,
    relation: &Relation,
    file: &DataFile,
    alias: Option<&TableAlias>,
    stays: Option<&str>,
    text: &str,
) -> Result<Option<Vec<DataFile>>> {
    let Some(stays) = stays else { return Ok(Some(Vec::new())) };
    let quoted = |name: &str| Ident::with_quote('"', name).to_string();
    let part = quoted(&Part::File(file.id).name(&relation.name));
    let alias = alias.map_or_else(|| quoted(&relation.name), |alias| alias.name.to_string());
    let from = format!("FROM {}.{part} AS {alias} WHERE {stays}", quoted(&relation.schema));
    let columns: Vec<String> =
        relation.columns.iter().map(|column| format!("{alias}.{}", quoted(&column.name))).collect();

    let counted: Vec<RecordBatch> =
        rows(session, &format!("SELECT count(*) {from}"), text).await?.try_collect().await?;
    let count = counted.first().map_or(0, |batch| batch.column(0).as_primitive::<Int64Type>().value(0));
    if count == file.records {
        return Ok(None);
    }
    let kept = rows(session, &format!("SELECT {} {from}", columns.join(", ")), text).await?;
    Ok(Some(write_rows(&session.cluster.store, relation, kept.err_into()).await?.files))
}

async fn rows(session: &Session, select: &str, text: &str) -> Result<SendableRecordBatchStream> {
    let query = parse_query(select)?;
    let planner = session.planner()?;
    let plan = session.plan(&planner, &query, text).await?;
    let plan = planner.create_physical_plan(&plan).await?;
    Ok(execute_stream(plan, planner.task_ctx())?)
}

/// For each column of the target, the place of the source's column that fills it.
fn matching(append: &AppendFrom, source: &Relation, target: &Relation) -> Result<Vec<Option<usize>>> {
    if source.partials.is_some() {
        return Err(SqlError::unsupported(format!("rows cannot be moved from \"{}\", which groups", source.name)));
    }
    let differ = |what: String| SqlError::new(ErrorKind::DatatypeMismatch, what);
    let is_in = |columns: &[Column], name: &str| columns.iter().any(|column| column.name == name);
    if let Some(extra) = source.columns.iter().find(|column| !is_in(&target.columns, &column.name))
        && !append.ignore_extra
    {
        return Err(differ(format!("column \"{}\" of the source is not in the target; use IGNOREEXTRA", extra.name)));
    }
    let place = |column: &Column| {
        let place = source.columns.iter().position(|other| other.name == column.name);
        match place {
            Some(place) if source.columns[place].sql_type == column.sql_type => Ok(Some(place)),
            Some(_) => Err(differ(format!("column \"{}\" has another type in the source", column.name))),
            None if append.fill_target && column.nullable => Ok(None),
            None => {
                Err(differ(format!("column \"{}\" of the target is not in the source; use FILLTARGET", column.name)))
            }
        }
    };
    target.columns.iter().map(place).collect()
}
