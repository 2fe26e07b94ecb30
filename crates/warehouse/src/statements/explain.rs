//! EXPLAIN: the plan that a query would run.

use datafusion::physical_plan::displayable;
use datafusion::sql::sqlparser::ast::{ObjectName, Statement};

use super::texts;
use crate::error::{Result, SqlError};
use crate::session::{Outcome, Session};
use crate::views::Obstacle;

pub(super) async fn run(session: &Session, statement: &Statement, text: &str) -> Result<Outcome> {
    let Statement::Query(query) = statement else {
        return Err(SqlError::unsupported("EXPLAIN is supported for queries only"));
    };
    let planner = session.planner()?;
    let plan = session.plan(&planner, query, text).await?;
    let plan = planner.create_physical_plan(&plan).await?;
    let shown = displayable(plan.as_ref()).indent(false).to_string();
    texts("QUERY PLAN", shown.lines().map(str::to_owned))
}

/// EXPLAIN REFRESH MATERIALIZED VIEW: whether the view is brought up to date from new rows, and by which plan.
pub(super) async fn refresh(session: &Session, name: &ObjectName) -> Result<Outcome> {
    let relation = super::refresh::owned_view(session, name)?;
    let plan = session.cluster.views.plan_of(&relation).await?;
    let (way, plan) = match &plan.maintenance {
        Ok(parts) => ("Incremental refresh".to_owned(), &parts.partial),
        Err(Obstacle(what)) => (format!("Full recomputation, because the query has {what}"), &plan.whole),
    };
    let shown = plan.display_indent().to_string();
    let lines =
        std::iter::once(format!("{way} of {}", relation.name)).chain(shown.lines().map(|line| format!("  {line}")));
    texts("QUERY PLAN", lines)
}
