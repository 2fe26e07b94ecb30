//! EXPLAIN: the plan that a query would run.

use datafusion::physical_plan::displayable;
use datafusion::sql::sqlparser::ast::Statement;

use super::texts;
use crate::error::{Result, SqlError};
use crate::plan::Streaming;
use crate::session::{Outcome, Session};

pub(super) async fn run(session: &Session, statement: &Statement, text: &str) -> Result<Outcome> {
    let Statement::Query(query) = statement else {
        return Err(SqlError::unsupported("EXPLAIN is supported for queries only"));
    };
    let planner = session.planner(Streaming::Refused)?;
    let plan = session.plan(&planner, query, text).await?;
    let plan = planner.create_physical_plan(&plan).await?;
    let shown = displayable(plan.as_ref()).indent(false).to_string();
    texts("QUERY PLAN", shown.lines().map(str::to_owned))
}
