//! Operators that mean something else to the engine.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, Operator, binary_expr};
use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion::sql::sqlparser::ast::BinaryOperator::{
    And, Divide, Eq, Gt, GtEq, Lt, LtEq, Minus, Modulo, Multiply, NotEq, Or, Plus, StringConcat,
};

use super::mixed_types::{converted, read_flag};
use super::super_compare::type_of;
use crate::functions::{cast_to, divide, divided, interval_length, times, varbyte_operator};
use crate::types::{MAX_VARCHAR, SqlType, common_type};

#[derive(Debug)]
pub(super) struct RedshiftOperators;

impl ExprPlanner for RedshiftOperators {
    fn plan_binary_op(&self, mut expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        if matches!(expr.op, And | Or) || is_null(&expr.left) || is_null(&expr.right) {
            return Ok(PlannerResult::Original(expr));
        }
        // By what they are kept as: whether a text is SUPER is asked only where it matters.
        let left = kept_type(&mut expr.left, schema)?;
        let right = kept_type(&mut expr.right, schema)?;
        if expr.op == StringConcat {
            let (left, right) = (written_out(expr.left, left), written_out(expr.right, right));
            return Ok(PlannerResult::Planned(binary_expr(left, Operator::StringConcat, right)));
        }
        if let Some(common) = common_type([left, right]) {
            (expr.left, expr.right) = (converted(expr.left, left, common), converted(expr.right, right, common));
            return Ok(PlannerResult::Original(expr));
        }
        let is_text = |side: &Expr, kept| is_text(kept) && type_of(side, schema) != Some(SqlType::Super);
        let are_texts = is_text(&expr.left, left) && is_text(&expr.right, right);
        Ok(plan_operator(expr, left, right, are_texts))
    }
}

/// The type that a side is kept as. Numbers of rows, which have a sign in Redshift, become BIGINTs.
fn kept_type(side: &mut Expr, schema: &DFSchema) -> Result<SqlType> {
    let kept = match side.get_type(schema) {
        Ok(kept) => kept,
        // Of the columns that are called alike in a natural join, the engine will take one.
        Err(error) => first_named(side, schema)?.get_type(schema).map_err(|_| error)?,
    };
    if kept.is_unsigned_integer() {
        *side = cast_to(side.clone(), SqlType::BigInt);
        return Ok(SqlType::BigInt);
    }
    Ok(SqlType::of_arrow(&kept))
}

/// The value with the first column of its name for each that has no qualifier.
fn first_named(value: &Expr, schema: &DFSchema) -> Result<Expr> {
    let qualified = value.clone().transform(|expr| match expr {
        Expr::Column(Column { relation: None, name, spans }) => {
            let field = schema.iter().find(|(_, field)| *field.name() == name);
            let relation = field.and_then(|(relation, _)| relation.cloned());
            Ok(Transformed::yes(Expr::Column(Column { relation, name, spans })))
        }
        expr => Ok(Transformed::no(expr)),
    });
    Ok(qualified?.data)
}

/// Whether a value is NULL of no type, or a parameter of which nothing is known.
fn is_null(value: &Expr) -> bool {
    matches!(value, Expr::Literal(ScalarValue::Null, _) | Expr::Placeholder(_))
}

fn plan_operator(
    mut expr: RawBinaryExpr,
    left: SqlType,
    right: SqlType,
    are_texts: bool,
) -> PlannerResult<RawBinaryExpr> {
    use SqlType::{Boolean, Date, Interval, Timestamp};
    PlannerResult::Planned(match (&expr.op, left, right) {
        (Multiply, Interval, number) if number.is_numeric() => times(expr.left, expr.right),
        (Multiply, number, Interval) if number.is_numeric() => times(expr.right, expr.left),
        (Divide, Interval, number) if number.is_numeric() => divided(expr.left, expr.right),
        (Divide, SqlType::Decimal(..), other) | (Divide, other, SqlType::Decimal(..)) if is_exact(other) => {
            divide(expr.left, expr.right)
        }
        (op, number, _) if is_arithmetic(op) && number.is_numeric() && is_written_text(&expr.right) => {
            expr.right = read_number(expr.right, number);
            return PlannerResult::Original(expr);
        }
        (op, _, number) if is_arithmetic(op) && number.is_numeric() && is_written_text(&expr.left) => {
            expr.left = read_number(expr.left, number);
            return PlannerResult::Original(expr);
        }
        (Plus, one, other) if are_texts || is_bytes(one) && is_bytes(other) => {
            binary_expr(expr.left, Operator::StringConcat, expr.right)
        }
        (op, one, other)
            if is_bytes(one)
                && is_bytes(other)
                && let Some(operator) = varbyte_operator(op) =>
        {
            operator.call(vec![expr.left, expr.right])
        }
        (op, Boolean, _) | (op, _, Boolean) if is_comparison(op) => {
            (expr.left, expr.right) = (read_flag(expr.left), read_flag(expr.right));
            return PlannerResult::Original(expr);
        }
        (op, Interval, Interval) if is_comparison(op) => {
            (expr.left, expr.right) = (interval_length(expr.left), interval_length(expr.right));
            return PlannerResult::Original(expr);
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

fn is_arithmetic(op: &BinaryOperator) -> bool {
    matches!(op, Plus | Minus | Multiply | Divide | Modulo)
}

fn is_comparison(op: &BinaryOperator) -> bool {
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

fn is_exact(sql_type: SqlType) -> bool {
    sql_type.is_numeric() && !matches!(sql_type, SqlType::Real | SqlType::Double)
}

fn is_text(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::Varchar(_) | SqlType::Char(_))
}

/// Whether a value is a text that is written out, which may stand for a value of any type.
fn is_written_text(value: &Expr) -> bool {
    matches!(value, Expr::Literal(value, _) if value.data_type().is_string())
}

/// A text that is written out beside a number, as one. Beside a DECIMAL, it has its own digits.
fn read_number(text: Expr, beside: SqlType) -> Expr {
    let own = match (&text, beside) {
        (Expr::Literal(value, _), SqlType::Decimal(..)) => value.try_as_str().flatten().and_then(decimal_of),
        _ => None,
    };
    cast_to(text, own.unwrap_or(beside))
}

/// The type of a number that is written with digits and maybe a point.
fn decimal_of(text: &str) -> Option<SqlType> {
    let digits = text.trim().trim_start_matches('-');
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = whole.chars().chain(fraction.chars()).all(|digit| digit.is_ascii_digit());
    let count = whole.len() + fraction.len();
    (is_number && (1..=38).contains(&count)).then_some(SqlType::Decimal(count as u8, fraction.len() as i8))
}

fn is_bytes(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::Varbyte(_))
}

/// What `||` puts together: a value that is no text as its text. SUPER is looked at later.
fn written_out(value: Expr, sql_type: SqlType) -> Expr {
    match sql_type {
        kept if is_text(kept) || is_bytes(kept) => value,
        _ => cast_to(value, SqlType::Varchar(MAX_VARCHAR)),
    }
}
