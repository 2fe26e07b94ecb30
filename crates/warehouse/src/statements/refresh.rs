//! REFRESH MATERIALIZED VIEW, and turning automatic refresh on and off.

use datafusion::sql::sqlparser::ast::ObjectName;
use futures::TryStreamExt;

use super::insert::write_rows;
use crate::error::{ErrorKind, Result, SqlError};
use crate::plan::Streaming;
use crate::session::{Outcome, Session};
use crate::sql::{AlterMaterializedView, Statement, parse};
use crate::storage::{Change, Relation, RelationKind};

pub(super) async fn run(session: &mut Session, name: &ObjectName) -> Result<Outcome> {
    session.commit_so_far().await?;
    session.renew_view();
    let relation = view_named(session, name)?;
    let shown = relation.name.clone();
    match &relation.kind {
        RelationKind::Streaming(_) => {
            let refreshed = session.cluster.views.refresh(relation.id).await?;
            session.renew_view();
            session.notice(match refreshed.advanced {
                true => format!("Materialized view {shown} was incrementally updated successfully."),
                false => format!("Materialized view {shown} is already up to date."),
            });
        }
        _ => {
            recompute(session, &relation).await?;
            session.renew_view();
            session.notice(format!("Materialized view {shown} was recomputed successfully."));
        }
    }
    Ok(Outcome::Done("REFRESH".into()))
}

pub(super) async fn set_auto(session: &mut Session, alter: &AlterMaterializedView) -> Result<Outcome> {
    let relation = view_named(session, &alter.name)?;
    if relation.streaming().is_none() && alter.auto_refresh {
        return Err(SqlError::unsupported("AUTO REFRESH is supported for materialized views over streams only"));
    }
    if relation.streaming().is_some() {
        session.change(vec![Change::SetAutoRefresh { relation: relation.id, on: alter.auto_refresh }]).await?;
    }
    Ok(Outcome::Done("ALTER MATERIALIZED VIEW".into()))
}

/// The materialized view that a statement names.
fn view_named(session: &Session, name: &ObjectName) -> Result<Relation> {
    let (schema, name) = session.resolve(name)?;
    let view = session.read_view()?;
    let relation = view.snapshot.expect_relation(&schema, &name)?;
    if !relation.is_view() {
        let message = format!("\"{name}\" is not a materialized view");
        return Err(SqlError::new(ErrorKind::WrongObjectType, message));
    }
    Ok(Relation::clone(relation))
}

/// Replaces the rows of a view over tables by what its query gives now.
async fn recompute(session: &mut Session, relation: &Relation) -> Result<()> {
    let Some((_, query)) = relation.view_definition() else { return Ok(()) };
    let parsed = parse(query, false)?.into_iter().next();
    let Some(Statement::Sql(statement)) = parsed.map(|parsed| parsed.statement) else { return Ok(()) };
    let datafusion::sql::sqlparser::ast::Statement::Query(select) = *statement else { return Ok(()) };
    let planner = session.planner(Streaming::Refused)?;
    let plan = session.plan(&planner, &select, query).await?;
    let rows = planner.create_physical_plan(&plan).await?;
    let rows = datafusion::physical_plan::execute_stream(rows, planner.task_ctx())?;
    let files = write_rows(&session.cluster.store, relation, rows.err_into()).await?.files;
    let gone = relation.files.iter().map(|file| file.id).collect();
    session.cluster.commit(vec![Change::ReplaceFiles { relation: relation.id, gone, files }]).await
}
