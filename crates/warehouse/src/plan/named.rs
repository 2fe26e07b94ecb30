//! Rewrites of a plan node's expressions that keep the names of its columns.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// Rewrites the expressions of a node, each told the columns that the node reads.
pub(super) fn rewrite_node(
    plan: LogicalPlan,
    rewrite: impl Fn(Expr, &DFSchema) -> Result<Transformed<Expr>>,
) -> Result<Transformed<LogicalPlan>> {
    let (names, schema) = (NamePreserver::new(&plan), merge_schema(&plan.inputs()));
    plan.map_expressions(|expr| rewrite_named(expr, &names, &mut |expr| rewrite(expr, &schema)))
}

/// Rewrites one expression of the node whose `names` are to be kept.
pub(super) fn rewrite_named(
    expr: Expr,
    names: &NamePreserver,
    rewrite: &mut impl FnMut(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<Expr>> {
    match expr {
        // Its elements are columns of the node; the set itself is none.
        Expr::GroupingSet(_) => expr.map_children(|element| rewrite_one(element, names, rewrite)),
        expr => rewrite_one(expr, names, rewrite),
    }
}

fn rewrite_one(
    expr: Expr,
    names: &NamePreserver,
    rewrite: &mut impl FnMut(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<Expr>> {
    let name = names.save(&expr);
    Ok(rewrite(expr)?.update_data(|expr| name.restore(expr)))
}
