//! What one condition of a WHERE has left out, the conditions after it do not see: `can_json_parse(x) AND
//! json_extract_path_text(x, 'n')::int > 5` does not fail where the first is false. Conditions that cannot fail come first, wherever
//! they are written: in the plan ([`OrderConditions`]), so that scans and the search for common parts find them so. In filters the
//! engine may evaluate all of them for all rows, so there each of the others has its own ([`GuardConditions`]). Nor is anything that may
//! fail computed for rows that a filter leaves out, though the engine moves projections below it.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::logical_plan::Filter;
use datafusion::logical_expr::{Expr, LogicalPlan, Operator, lit, utils as logical};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr};
use datafusion::physical_expr::projection::{ProjectionExpr, update_expr};
use datafusion::physical_expr::utils::{conjunction_opt, split_conjunction};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::ProjectionExec;

use crate::functions::{
    CAN_JSON_PARSE, CAN_JSON_PARSE_LAST, COMPARABLE, IS_VALID_JSON, JSON_TYPEOF, SUPER_GET, SUPER_KEY,
};

/// Puts conditions that cannot fail first.
#[derive(Debug)]
pub(super) struct OrderConditions;

impl AnalyzerRule for OrderConditions {
    fn name(&self) -> &str {
        "order_conditions"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let ordered = plan.transform_up_with_subqueries(|plan| {
            let LogicalPlan::Filter(filter) = plan else { return Ok(Transformed::no(plan)) };
            let conditions = logical::split_conjunction_owned(filter.predicate);
            let (fallible, safe) = conditions.into_iter().partition::<Vec<_>, _>(expr_may_fail);
            let predicate = safe.into_iter().chain(fallible).reduce(Expr::and).unwrap_or_else(|| lit(true));
            Ok(Transformed::yes(LogicalPlan::Filter(Filter::try_new(predicate, filter.input)?)))
        })?;
        Ok(ordered.data)
    }
}

/// Whether there may be values for which a condition is an error.
fn expr_may_fail(condition: &Expr) -> bool {
    let may_fail = condition.exists(|expr| {
        Ok(match expr {
            Expr::ScalarFunction(call) => !is_safe(call.name()),
            Expr::Cast(_) => true,
            Expr::BinaryExpr(expr) => is_arithmetic(expr.op),
            _ => false,
        })
    });
    may_fail.unwrap_or(true)
}

/// Gives each condition that may fail a filter of its own, behind those that cannot.
#[derive(Debug)]
pub(super) struct GuardConditions;

impl PhysicalOptimizerRule for GuardConditions {
    fn name(&self) -> &str {
        "guard_conditions"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|plan| match plan.downcast_ref::<FilterExec>() {
            Some(filter) => lift(filter).map(|lifted| lifted.map_or_else(|| Transformed::no(plan), Transformed::yes)),
            None => Ok(Transformed::no(plan)),
        })
        .data()?
        .transform_up(|plan| match plan.downcast_ref::<FilterExec>() {
            Some(filter) => split(filter).map(|split| split.map_or_else(|| Transformed::no(plan), Transformed::yes)),
            None => Ok(Transformed::no(plan)),
        })
        .data()
    }
}

/// The filter below the projection that it reads, if that computes what may fail.
fn lift(filter: &FilterExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(projection) = filter.input().downcast_ref::<ProjectionExec>() else { return Ok(None) };
    let computed = || projection.expr().iter().map(|computed| &computed.expr);
    // What the filter has looked at is not to be made again: it might be something else.
    if !computed().any(may_fail) || computed().any(is_volatile) {
        return Ok(None);
    }
    let Some(predicate) = update_expr(filter.predicate(), projection.expr(), true)? else { return Ok(None) };
    let below = FilterExecBuilder::new(predicate, Arc::clone(projection.input())).build()?;
    let kept: Vec<ProjectionExpr> = match filter.projection() {
        Some(places) => places.iter().map(|place| projection.expr()[*place].clone()).collect(),
        None => projection.expr().to_vec(),
    };
    Ok(Some(Arc::new(ProjectionExec::try_new(kept, Arc::new(below))?)))
}

/// The filter as several, if it has more than one condition of which one may fail.
fn split(filter: &FilterExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let conditions = split_conjunction(filter.predicate()).into_iter().cloned();
    let (mut fallible, safe) = conditions.partition::<Vec<_>, _>(may_fail);
    let first = conjunction_opt(safe).or_else(|| (!fallible.is_empty()).then(|| fallible.remove(0)));
    let (Some(first), Some(last)) = (first, fallible.pop()) else { return Ok(None) };
    let mut input = Arc::clone(filter.input());
    for condition in std::iter::once(first).chain(fallible) {
        input = Arc::new(FilterExecBuilder::new(condition, input).build()?);
    }
    let last = FilterExecBuilder::from(filter).with_input(input).with_predicate(last).build()?;
    Ok(Some(Arc::new(last)))
}

/// The same of a compiled condition.
fn may_fail(condition: &Arc<dyn PhysicalExpr>) -> bool {
    let mut may_fail = false;
    let visited = condition.apply(|expr| {
        may_fail |= match expr.downcast_ref::<ScalarFunctionExpr>() {
            Some(call) => !is_safe(call.name()),
            None => {
                expr.is::<CastExpr>() || expr.downcast_ref::<BinaryExpr>().is_some_and(|expr| is_arithmetic(*expr.op()))
            }
        };
        Ok(if may_fail { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    may_fail || visited.is_err()
}

/// Functions that have a result for every value.
fn is_safe(function: &str) -> bool {
    const SAFE: [&str; 10] = [
        CAN_JSON_PARSE,
        CAN_JSON_PARSE_LAST,
        COMPARABLE,
        IS_VALID_JSON,
        SUPER_GET,
        SUPER_KEY,
        JSON_TYPEOF,
        "lower",
        "upper",
        "length",
    ];
    SAFE.contains(&function)
}

/// Whether an operator computes a number.
pub(super) fn is_arithmetic(operator: Operator) -> bool {
    use Operator::{Divide, Minus, Modulo, Multiply, Plus};
    matches!(operator, Plus | Minus | Multiply | Divide | Modulo)
}
