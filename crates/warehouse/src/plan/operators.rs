//! Operators that mean something else to the engine.

use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, Operator, binary_expr};
use datafusion::sql::sqlparser::ast::BinaryOperator::{And, Divide, Minus, Modulo, Multiply, Or, Plus, StringConcat};

use super::super_compare::type_of;
use crate::functions::{cast_to, divide, divided, times};
use crate::types::{MAX_VARCHAR, SqlType};

#[derive(Debug)]
pub(super) struct RedshiftOperators;

impl ExprPlanner for RedshiftOperators {
    fn plan_binary_op(&self, mut expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        if matches!(expr.op, And | Or) {
            return Ok(PlannerResult::Original(expr));
        }
        for side in [&mut expr.left, &mut expr.right] {
            if side.get_type(schema)?.is_unsigned_integer() {
                // Numbers of rows. Redshift: a BIGINT, from which more than it is can be taken.
                *side = cast_to(side.clone(), SqlType::BigInt);
            }
        }
        let is_computed = matches!(expr.op, Divide | Minus | Modulo | Multiply | Plus | StringConcat);
        let types = if is_computed { type_of(&expr.left, schema).zip(type_of(&expr.right, schema)) } else { None };
        let is_null = [&expr.left, &expr.right].into_iter().any(is_null);
        Ok(match types.filter(|_| !is_null) {
            Some((left, right)) => plan_operator(expr, left, right),
            None => PlannerResult::Original(expr),
        })
    }
}

/// Whether a value is NULL of no type, or a parameter of which nothing is known.
fn is_null(value: &Expr) -> bool {
    matches!(value, Expr::Literal(ScalarValue::Null, _) | Expr::Placeholder(_))
}

fn plan_operator(mut expr: RawBinaryExpr, left: SqlType, right: SqlType) -> PlannerResult<RawBinaryExpr> {
    use SqlType::{Date, Interval, Timestamp};
    PlannerResult::Planned(match (&expr.op, left, right) {
        (Multiply, Interval, number) if number.is_numeric() => times(expr.left, expr.right),
        (Multiply, number, Interval) if number.is_numeric() => times(expr.right, expr.left),
        (Divide, Interval, number) if number.is_numeric() => divided(expr.left, expr.right),
        (Divide, SqlType::Decimal(..), other) | (Divide, other, SqlType::Decimal(..)) if is_exact(other) => {
            divide(as_integer(expr.left), as_integer(expr.right))
        }
        (Plus, left, right) if is_text(left) && is_text(right) || is_bytes(left) && is_bytes(right) => {
            binary_expr(expr.left, Operator::StringConcat, expr.right)
        }
        (StringConcat, ..) => {
            binary_expr(written_out(expr.left, left), Operator::StringConcat, written_out(expr.right, right))
        }
        _ => {
            // Redshift: a DATE and an interval make a TIMESTAMP.
            for (side, this, other) in [(&mut expr.left, left, right), (&mut expr.right, right, left)] {
                if this == Date && other == Interval {
                    *side = cast_to(side.clone(), Timestamp);
                }
            }
            return PlannerResult::Original(expr);
        }
    })
}

fn is_exact(sql_type: SqlType) -> bool {
    sql_type.is_numeric() && !matches!(sql_type, SqlType::Real | SqlType::Double)
}

fn is_text(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::Varchar(_) | SqlType::Char(_))
}

fn is_bytes(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::Varbyte(_))
}

/// A number that is written out is an INTEGER, if it fits. The engine takes it for a BIGINT.
fn as_integer(value: Expr) -> Expr {
    match value {
        Expr::Literal(ScalarValue::Int64(Some(number)), _) if i32::try_from(number).is_ok() => {
            cast_to(value, SqlType::Integer)
        }
        value => value,
    }
}

/// What `||` puts together: a value that is no text as its text. SUPER is looked at later.
fn written_out(value: Expr, sql_type: SqlType) -> Expr {
    match sql_type {
        kept if is_text(kept) || is_bytes(kept) || kept == SqlType::Super => value,
        _ => cast_to(value, SqlType::Varchar(MAX_VARCHAR)),
    }
}
