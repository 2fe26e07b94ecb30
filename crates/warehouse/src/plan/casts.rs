//! Casts that a statement writes become Redshift's. Casts that the engine adds itself have no tagged field and
//! stay as they are.

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::named::rewrite_named;
use crate::functions::{cast_to, written_cast};
use crate::types::SqlType;

#[derive(Debug)]
pub(super) struct RedshiftCasts;

impl AnalyzerRule for RedshiftCasts {
    fn name(&self) -> &str {
        "redshift_casts"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| rewrite_named(expr, &names, &mut |expr| expr.transform_up(rewrite)))
        })
        .map(|plan| plan.data)?
        .recompute_schema()
    }
}

fn rewrite(expr: Expr) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Cast(cast) => match SqlType::tag_of(&cast.field) {
            Some(to) => Ok(Transformed::yes(cast_to(*cast.expr, to))),
            None => Ok(Transformed::no(Expr::Cast(cast))),
        },
        Expr::ScalarFunction(call) => match written_cast(&call) {
            Some((value, to)) => Ok(Transformed::yes(cast_to(value.clone(), to))),
            None => Ok(Transformed::no(Expr::ScalarFunction(call))),
        },
        expr => Ok(Transformed::no(expr)),
    }
}
