//! Numbers that are written out are INTEGERs in Redshift, if they fit. The engine takes them for BIGINTs, which makes a difference to sums
//! and hashes of them; elsewhere it makes none to speak of.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{DataType, Expr, Value, VisitorMut};

use super::rewrite::{arguments_of, is_named};
use crate::sql::cast;

/// Makes INTEGERs of the numbers in the arguments of such functions.
pub(super) struct IntegerLiterals;

impl VisitorMut for IntegerLiterals {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && is_named(&function.name, &["sum", "fnv_hash"])
        {
            arguments_of(function).for_each(as_integer);
        }
        ControlFlow::Continue(())
    }
}

/// Makes INTEGERs of the numbers that an expression is computed from.
fn as_integer(expr: &mut Expr) {
    match expr {
        Expr::Value(value) => {
            if let Value::Number(number, _) = &value.value
                && number.parse::<i32>().is_ok()
            {
                *expr = cast(expr.clone(), DataType::Integer(None));
            }
        }
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => as_integer(inner),
        Expr::BinaryOp { left, right, .. } => {
            as_integer(left);
            as_integer(right);
        }
        Expr::Case { conditions, else_result, .. } => {
            conditions.iter_mut().for_each(|branch| as_integer(&mut branch.result));
            else_result.iter_mut().for_each(|value| as_integer(value));
        }
        Expr::Function(function) if is_named(&function.name, &["coalesce", "negative", "nullif", "nvl"]) => {
            arguments_of(function).for_each(as_integer);
        }
        _ => {}
    }
}
