//! Operators of the bits of VARBYTE values.

use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::functions::function::invalid;
use crate::functions::row::Kind::Bytes;
use crate::functions::row::{Row, by_row};

/// The function that does `op` with two VARBYTE values, if it is one of `& | #`.
pub(crate) fn varbyte_operator(op: &BinaryOperator) -> Option<ScalarUDF> {
    let function = match op {
        BinaryOperator::BitwiseAnd => {
            by_row("varbyte_and", &[Bytes, Bytes], &[], |row| both(row, |one, other| one & other))
        }
        BinaryOperator::BitwiseOr => {
            by_row("varbyte_or", &[Bytes, Bytes], &[], |row| both(row, |one, other| one | other))
        }
        BinaryOperator::PGBitwiseXor => {
            by_row("varbyte_xor", &[Bytes, Bytes], &[], |row| both(row, |one, other| one ^ other))
        }
        _ => return None,
    };
    Some(ScalarUDF::from(function))
}

fn both(row: &Row<'_>, operator: fn(u8, u8) -> u8) -> Result<Option<Vec<u8>>> {
    let (one, other) = (row.bytes(0), row.bytes(1));
    if one.len() != other.len() {
        return Err(invalid("operators of bits take VARBYTE values of the same length"));
    }
    Ok(Some(one.iter().zip(other).map(|(one, other)| operator(*one, *other)).collect()))
}
