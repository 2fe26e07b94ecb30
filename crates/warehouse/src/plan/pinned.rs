//! Functions that are told the types of their arguments for good. Where a file is read, a value has no more type than Arrow's: a
//! SUPER value would be a text, a CHAR a VARCHAR.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::named::rewrite_node;
use super::super_compare::type_of;
use crate::functions::pinned;
use crate::types::SqlType;

/// Runs last.
#[derive(Debug)]
pub(super) struct PinTypes;

impl AnalyzerRule for PinTypes {
    fn name(&self) -> &str {
        "pin_types"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let pinned = plan.transform_up_with_subqueries(|plan| {
            rewrite_node(plan, |expr, schema| expr.transform_up(|expr| Ok(with_pinned_types(expr, schema))))
        })?;
        Ok(pinned.data)
    }
}

fn with_pinned_types(mut expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let Expr::ScalarFunction(call) = &mut expr else { return Transformed::no(expr) };
    let types = || {
        let types: Option<Vec<SqlType>> = call.args.iter().map(|argument| type_of(argument, schema)).collect();
        types.filter(|types| types.iter().any(|told| matches!(told, SqlType::Super | SqlType::Char(_))))
    };
    match pinned(&call.func, types) {
        Some(function) => {
            call.func = Arc::new(function);
            Transformed::yes(expr)
        }
        None => Transformed::no(expr),
    }
}
