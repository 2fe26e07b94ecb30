//! Operators that mean something else to the engine.

use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, Operator, binary_expr};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::functions::{cast_to, divide, divided, times};
use crate::types::SqlType;

#[derive(Debug)]
pub(super) struct RedshiftOperators;

impl ExprPlanner for RedshiftOperators {
    fn plan_binary_op(&self, mut expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let types = (type_of(&expr.left, schema)?, type_of(&expr.right, schema)?);
        if let Some(planned) = plan_operator(&expr, types) {
            return Ok(PlannerResult::Planned(planned));
        }
        for (side, other) in [(&mut expr.left, types.1), (&mut expr.right, types.0)] {
            let data_type = side.get_type(schema)?;
            if data_type.is_unsigned_integer() {
                // Numbers of rows. Redshift: a BIGINT, from which more than it is can be taken.
                *side = cast_to(side.clone(), SqlType::BigInt);
            } else if SqlType::of_arrow(&data_type) == SqlType::Date && other == SqlType::Interval {
                // Redshift: a TIMESTAMP.
                *side = cast_to(side.clone(), SqlType::Timestamp);
            }
        }
        Ok(PlannerResult::Original(expr))
    }
}

/// Operators that are other ones to the engine, or functions.
fn plan_operator(expr: &RawBinaryExpr, types: (SqlType, SqlType)) -> Option<Expr> {
    let (left, right) = (expr.left.clone(), expr.right.clone());
    let is_decimal = |sql_type| matches!(sql_type, SqlType::Decimal(..));
    let is_exact = |sql_type: SqlType| sql_type.is_numeric() && !matches!(sql_type, SqlType::Real | SqlType::Double);
    let is_text = |sql_type| matches!(sql_type, SqlType::Varchar(_) | SqlType::Char(_));
    let is_bytes = |sql_type| matches!(sql_type, SqlType::Varbyte(_));
    Some(match (&expr.op, types) {
        (BinaryOperator::Multiply, (SqlType::Interval, number)) if number.is_numeric() => times(left, right),
        (BinaryOperator::Multiply, (number, SqlType::Interval)) if number.is_numeric() => times(right, left),
        (BinaryOperator::Divide, (SqlType::Interval, number)) if number.is_numeric() => divided(left, right),
        (BinaryOperator::Divide, (one, other))
            if is_decimal(one) && is_exact(other) || is_exact(one) && is_decimal(other) =>
        {
            divide(left, right)
        }
        (BinaryOperator::Plus, (one, other)) if is_text(one) && is_text(other) || is_bytes(one) && is_bytes(other) => {
            binary_expr(left, Operator::StringConcat, right)
        }
        _ => return None,
    })
}

fn type_of(expr: &Expr, schema: &DFSchema) -> Result<SqlType> {
    let (_, field) = expr.to_field(schema)?;
    Ok(SqlType::of(&field))
}
