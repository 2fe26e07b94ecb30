//! What one condition of a WHERE has left out, the conditions after it do not see: `can_json_parse(x) AND json_parse(x).a::int > 5`
//! does not fail where the first is false. The engine may evaluate all of them for all rows, and puts those of a subquery last.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr};
use datafusion::physical_expr::utils::{conjunction_opt, split_conjunction};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};

use crate::functions::{CAN_JSON_PARSE, IS_VALID_JSON};

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
        plan.transform_up(|plan| match plan.downcast_ref::<FilterExec>() {
            Some(filter) => split(filter).map(|split| split.map_or_else(|| Transformed::no(plan), Transformed::yes)),
            None => Ok(Transformed::no(plan)),
        })
        .data()
    }
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

/// Whether there may be values for which a condition is an error.
fn may_fail(condition: &Arc<dyn PhysicalExpr>) -> bool {
    let mut may_fail = false;
    let visited = condition.apply(|expr| {
        may_fail |= match expr.downcast_ref::<ScalarFunctionExpr>() {
            Some(call) => !matches!(call.name(), CAN_JSON_PARSE | IS_VALID_JSON),
            None => {
                expr.is::<CastExpr>() || expr.downcast_ref::<BinaryExpr>().is_some_and(|expr| is_arithmetic(*expr.op()))
            }
        };
        Ok(if may_fail { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    may_fail || visited.is_err()
}

fn is_arithmetic(operator: Operator) -> bool {
    use Operator::{Divide, Minus, Modulo, Multiply, Plus};
    matches!(operator, Plus | Minus | Multiply | Divide | Modulo)
}
