//! Arithmetic with SUPER values, whose types are known only when it is computed.

use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, Operator, lit};

use super::super_compare::{as_super, type_of};
use crate::functions::super_arithmetic;
use crate::types::SqlType;

/// `left op right` where one of them is SUPER and the other may be a number.
pub(super) fn arithmetic(left: &Expr, op: Operator, right: &Expr, schema: &DFSchema) -> Option<Expr> {
    let sign = match op {
        Operator::Plus => "+",
        Operator::Minus => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::Modulo => "%",
        _ => return None,
    };
    let types = (type_of(left, schema)?, type_of(right, schema)?);
    let is_computed = match types {
        (SqlType::Super, other) | (other, SqlType::Super) => !matches!(
            other,
            SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::TimestampTz | SqlType::Interval
        ),
        _ => false,
    };
    is_computed.then(|| super_arithmetic(as_super(left, types.0), sign, as_super(right, types.1)))
}

/// `-value` of a SUPER value.
pub(super) fn negative(value: &Expr) -> Expr {
    super_arithmetic(as_super(&lit(0), SqlType::Integer), "-", value.clone())
}
