//! Rewrites of a plan node's expressions that keep the names of its columns.

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr_rewriter::NamePreserver;

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
