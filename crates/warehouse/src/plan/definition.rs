//! The queries that define views.

use std::ops::ControlFlow;

use datafusion::arrow::datatypes::Field;
use datafusion::common::Column;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{Expr as SqlExpr, Query, VisitMut, VisitorMut};

use super::lateral::plan_query;
use super::rewrite::{has_no_arguments, spell_out, spell_out_paths, time_value};
use crate::error::{Result, SqlError};
use crate::functions::{Collation, case_sensitive};
use crate::sql::{is_call, name_outputs};

/// What the query of a view says.
pub(crate) struct Definition {
    /// Over leaves, and analyzed.
    pub(crate) plan: LogicalPlan,
    /// Whether its rows depend on when it runs. Then the plan is that of one moment.
    pub(crate) is_mutable: bool,
}

/// Plans the query that defines a view, as it is at `now`, in microseconds since the epoch.
pub(crate) async fn plan_definition(planner: &SessionState, mut query: Query, now: i64) -> Result<Definition> {
    spell_out_paths(&mut query);
    name_outputs(&mut query);
    let mut fix = FixMoment { now, has_time: false };
    if let ControlFlow::Break(name) = query.visit(&mut fix) {
        let message = format!("a materialized view cannot call {name}, which depends on who asks");
        return Err(SqlError::unsupported(message));
    }
    spell_out(&mut query);
    let plan = plan_query(planner, query).await?;
    let plan = analyzed(planner, without_collations(plan)?)?;
    let is_mutable = fix.has_time || is_volatile(&plan)?;
    Ok(Definition { plan, is_mutable })
}

/// The plan with columns that are compared by their bytes, as those of a relation are.
fn without_collations(plan: LogicalPlan) -> Result<LogicalPlan> {
    let is_plain = |field: &Field| Collation::of(field) == Collation::CaseSensitive;
    if plan.schema().fields().iter().all(|field| is_plain(field)) {
        return Ok(plan);
    }
    let columns = plan.schema().iter().map(|(relation, field)| {
        let column = Expr::Column(Column::from((relation, field)));
        if is_plain(field) { column } else { case_sensitive(column).alias(field.name()) }
    });
    Ok(LogicalPlanBuilder::from(plan.clone()).project(columns.collect::<Vec<_>>())?.build()?)
}

/// The plan with the types that its columns will have, which are not all known before.
pub(crate) fn analyzed(planner: &SessionState, plan: LogicalPlan) -> Result<LogicalPlan> {
    Ok(planner.analyzer().execute_and_check(plan, planner.config_options(), |_, _| {})?)
}

/// Whether a plan calls a function that gives another value each time, such as RANDOM.
fn is_volatile(plan: &LogicalPlan) -> Result<bool> {
    let mut volatile = false;
    plan.apply_with_subqueries(|node| {
        volatile |= node.expressions().iter().any(Expr::is_volatile);
        Ok(if volatile { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(volatile)
}

/// Puts the moment in the place of functions of the time; breaks off at one of the session, which a view does not have.
struct FixMoment {
    now: i64,
    has_time: bool,
}

impl VisitorMut for FixMoment {
    type Break = String;

    fn pre_visit_expr(&mut self, expr: &mut SqlExpr) -> ControlFlow<String> {
        const OF_SESSION: [&str; 8] = [
            "current_database",
            "current_schema",
            "current_user",
            "current_user_id",
            "pg_backend_pid",
            "session_user",
            "user",
            "version",
        ];
        let Some(name) = called(expr) else { return ControlFlow::Continue(()) };
        if OF_SESSION.contains(&name.as_str()) {
            return ControlFlow::Break(name);
        }
        if let Some(value) = time_value(&name, self.now) {
            self.has_time = true;
            *expr = value;
        }
        ControlFlow::Continue(())
    }
}

/// The function that an expression calls without arguments.
fn called(expr: &SqlExpr) -> Option<String> {
    match expr {
        SqlExpr::Function(function) if has_no_arguments(function) => {
            Some(function.name.0.last()?.as_ident()?.value.to_lowercase())
        }
        SqlExpr::Identifier(ident) if is_call(ident) => Some(ident.value.clone()),
        _ => None,
    }
}
