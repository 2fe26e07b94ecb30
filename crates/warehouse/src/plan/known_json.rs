//! `json_parse(x)` over `can_json_parse(x)`: what a filter has found to be JSON is not checked a second time.

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, ScalarUDF};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::named::rewrite_named;
use crate::functions::{CAN_JSON_PARSE, JSON_PARSE, parse_known_json};

#[derive(Debug)]
pub(super) struct TrustKnownJson;

impl OptimizerRule for TrustKnownJson {
    fn name(&self) -> &str {
        "trust_known_json"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Projection(projection) = &plan else { return Ok(Transformed::no(plan)) };
        let LogicalPlan::Filter(filter) = &*projection.input else { return Ok(Transformed::no(plan)) };
        let conditions = split_conjunction(&filter.predicate);
        let known: Vec<&Expr> = conditions.into_iter().filter_map(|expr| argument(expr, CAN_JSON_PARSE)).collect();
        if known.is_empty() {
            return Ok(Transformed::no(plan));
        }
        let (names, mut changed) = (NamePreserver::new(&plan), false);
        let mut trust = |expr: Expr| {
            expr.transform_up(|expr| match argument(&expr, JSON_PARSE) {
                Some(text) if known.contains(&text) => {
                    let trusting = ScalarUDF::from(parse_known_json()).call(vec![text.clone()]);
                    Ok(Transformed::yes(trusting))
                }
                _ => Ok(Transformed::no(expr)),
            })
        };
        let expressions = plan.expressions().into_iter().map(|expr| {
            let trusting = rewrite_named(expr, &names, &mut trust)?;
            changed |= trusting.transformed;
            Ok(trusting.data)
        });
        let expressions = expressions.collect::<Result<Vec<_>>>()?;
        let rewritten = plan.with_new_exprs(expressions, vec![(*projection.input).clone()])?;
        Ok(Transformed::new_transformed(rewritten, changed))
    }
}

/// The argument of a call of the function `name`.
fn argument<'e>(expr: &'e Expr, name: &str) -> Option<&'e Expr> {
    match expr {
        Expr::ScalarFunction(call) if call.name() == name => call.args.first(),
        _ => None,
    }
}
