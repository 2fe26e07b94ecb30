//! Columns of a query around: what a subquery says of their types is told again once something has changed these.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ExprSchema, Result};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

/// Runs when types have changed.
#[derive(Debug)]
pub(super) struct OuterTypes;

impl AnalyzerRule for OuterTypes {
    fn name(&self) -> &str {
        "outer_types"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let told = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Join(mut join) if is_lateral(&join.right) => {
                join.right = Arc::new(retold((*join.right).clone(), join.left.schema())?);
                Ok(Transformed::yes(LogicalPlan::Join(join)))
            }
            plan => {
                let around = merge_schema(&plan.inputs());
                plan.map_expressions(|expr| expr.transform_up(|expr| of_subquery(expr, &around)))
            }
        })?;
        Ok(told.data)
    }
}

fn is_lateral(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => is_lateral(&alias.input),
        plan => matches!(plan, LogicalPlan::Subquery(_)),
    }
}

fn of_subquery(mut expr: Expr, around: &DFSchema) -> Result<Transformed<Expr>> {
    let subquery = match &mut expr {
        Expr::ScalarSubquery(subquery) => subquery,
        Expr::Exists(exists) => &mut exists.subquery,
        Expr::InSubquery(query) => &mut query.subquery,
        _ => return Ok(Transformed::no(expr)),
    };
    *subquery = subquery.with_plan(Arc::new(retold((*subquery.subquery).clone(), around)?));
    Ok(Transformed::yes(expr))
}

/// A query that may refer to columns of `around`.
fn retold(query: LogicalPlan, around: &DFSchema) -> Result<LogicalPlan> {
    let told = |expr: Expr| match expr {
        Expr::OuterReferenceColumn(field, column) => match around.field_from_column(&column) {
            Ok(now) if now.data_type() != field.data_type() => {
                Ok(Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(now), column)))
            }
            _ => Ok(Transformed::no(Expr::OuterReferenceColumn(field, column))),
        },
        expr => Ok(Transformed::no(expr)),
    };
    let retold = query.transform_up_with_subqueries(|plan| {
        plan.map_expressions(|expr| expr.transform_up(told))?.map_data(LogicalPlan::recompute_schema)
    });
    Ok(retold?.data)
}
