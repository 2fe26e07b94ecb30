//! Arithmetic fails where its result does not fit, or something is divided by zero.

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Operator, lit};
use datafusion::optimizer::AnalyzerRule;

use super::guards::is_arithmetic;
use super::named::rewrite_node;
use crate::functions::checked_operator;

/// Runs when both sides have been given one type.
#[derive(Debug)]
pub(super) struct CheckedArithmetic;

impl AnalyzerRule for CheckedArithmetic {
    fn name(&self) -> &str {
        "checked_arithmetic"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let checked = plan.transform_up_with_subqueries(|plan| {
            // From above: the type of what is not a call yet is told quickly.
            rewrite_node(plan, |expr, input| expr.transform_down(|expr| checked_expr(expr, input)))
        })?;
        Ok(checked.data)
    }
}

fn checked_expr(expr: Expr, input: &DFSchema) -> Result<Transformed<Expr>> {
    let (left, op, right) = match &expr {
        Expr::BinaryExpr(binary) => (Some(&*binary.left), binary.op, &*binary.right),
        Expr::Negative(value) => (None, Operator::Minus, &**value),
        _ => return Ok(Transformed::no(expr)),
    };
    if !is_arithmetic(op) {
        return Ok(Transformed::no(expr));
    }
    let right_type = right.get_type(input)?;
    // Of DECIMALs, only one of all digits may have too many.
    if right_type.is_decimal() && !matches!(expr.get_type(input)?, DataType::Decimal128(DECIMAL128_MAX_PRECISION, _)) {
        return Ok(Transformed::no(expr));
    }
    let Some(function) = checked_operator(op, &right_type) else { return Ok(Transformed::no(expr)) };
    let left = match left {
        Some(left) if right_type.is_decimal() && left.get_type(input)?.is_decimal() => left.clone(),
        Some(left) if left.get_type(input)? != right_type => return Ok(Transformed::no(expr)),
        Some(left) => left.clone(),
        None => lit(ScalarValue::new_zero(&right_type)?),
    };
    Ok(Transformed::yes(function.call(vec![left, right.clone()])))
}
