//! The queries that define views.

use std::ops::ControlFlow;

use datafusion::execution::context::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{Expr, Query, Statement, VisitMut, VisitorMut};

use super::rewrite::{has_no_arguments, spell_out_paths, time_value};
use crate::error::{Result, SqlError};
use crate::sql::name_outputs;

/// What the query of a view says.
pub(crate) struct Definition {
    /// Over leaves, and analyzed.
    pub(crate) plan: LogicalPlan,
    /// Whether its rows depend on when it runs. Then the plan is that of one moment.
    pub(crate) is_mutable: bool,
}

/// Plans the query that defines a view, as it is at `now`, in microseconds since the epoch.
pub(crate) async fn plan_definition(planner: &SessionState, mut query: Query, now: i64) -> Result<Definition> {
    let mut fix = FixMoment { now, is_mutable: false };
    if let ControlFlow::Break(name) = query.visit(&mut fix) {
        let message = format!("a materialized view cannot call {name}, which depends on who asks");
        return Err(SqlError::unsupported(message));
    }
    spell_out_paths(&mut query);
    name_outputs(&mut query);
    let statement = EngineStatement::Statement(Box::new(Statement::Query(Box::new(query))));
    let plan = planner.statement_to_plan(statement).await?;
    let plan = planner.analyzer().execute_and_check(plan, planner.config_options(), |_, _| {})?;
    Ok(Definition { plan, is_mutable: fix.is_mutable })
}

/// Functions whose value depends on the session; a view has none.
const OF_SESSION: [&str; 9] = [
    "current_database",
    "current_schema",
    "current_schemas",
    "current_user",
    "current_user_id",
    "pg_backend_pid",
    "session_user",
    "user",
    "version",
];

/// Functions whose value changes by itself.
const MUTABLE: [&str; 8] =
    ["current_date", "current_time", "current_timestamp", "getdate", "now", "random", "sysdate", "timeofday"];

/// Those of both that are called without parentheses; no column has such a name.
const WORDS: [&str; 7] =
    ["current_date", "current_timestamp", "current_user", "current_user_id", "session_user", "sysdate", "user"];

/// Puts the moment in the place of functions of the time; breaks off at one of the session.
struct FixMoment {
    now: i64,
    is_mutable: bool,
}

impl VisitorMut for FixMoment {
    type Break = String;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<String> {
        let Some(name) = called(expr) else { return ControlFlow::Continue(()) };
        if OF_SESSION.contains(&name.as_str()) {
            return ControlFlow::Break(name);
        }
        if MUTABLE.contains(&name.as_str()) {
            self.is_mutable = true;
            if let Some(value) = time_value(&name, self.now) {
                *expr = value;
            }
        }
        ControlFlow::Continue(())
    }
}

/// The function that an expression calls without arguments.
fn called(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Function(function) if has_no_arguments(function) => {
            Some(function.name.0.last()?.as_ident()?.value.to_lowercase())
        }
        Expr::Identifier(ident) if ident.quote_style.is_none() && WORDS.contains(&ident.value.as_str()) => {
            Some(ident.value.clone())
        }
        _ => None,
    }
}
