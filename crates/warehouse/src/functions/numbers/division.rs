//! Division of DECIMALs, with the scale that Redshift gives its result.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Decimal128Array};
use datafusion::arrow::compute::kernels::numeric::div;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, i256};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF};
use datafusion::physical_expr_common::datum::apply;

use super::arithmetic::by_float;
use crate::error::{ErrorKind, SqlError};
use crate::functions::casts::cast::{cast, overflow};
use crate::functions::function::{Function, no_match};
use crate::types::SqlType;

/// The name by which division is found whose sides turn out to be SUPER.
pub(crate) const DIVIDE: &str = "divide";

/// `left / right`, of which one is a DECIMAL and the other one, too, or an integer.
pub(crate) fn divide(left: Expr, right: Expr) -> Expr {
    let arguments = |types: &[DataType]| match types {
        [left, right] if is_exact(left) && is_exact(right) => Ok(types.to_vec()),
        [left, right] if left.is_numeric() && right.is_numeric() => Ok(vec![DataType::Float64; 2]),
        // What turns out to be SUPER is divided by another function.
        [left, right] if left.is_string() || right.is_string() => Ok(types.to_vec()),
        types => no_match(DIVIDE, types),
    };
    let returns = |args: &ReturnFieldArgs<'_>| {
        if args.arg_fields.iter().any(|field| field.data_type().is_floating()) {
            return Ok(SqlType::Double.field_ref(DIVIDE));
        }
        let operand = |place: usize| precision_and_scale(SqlType::of(&args.arg_fields[place]));
        let (precision, scale) = quotient(operand(0), operand(1));
        Ok(SqlType::Decimal(precision, scale).field_ref(DIVIDE))
    };
    ScalarUDF::from(Function::new(DIVIDE, arguments, returns, run)).call(vec![left, right])
}

fn is_exact(data_type: &DataType) -> bool {
    data_type.is_integer() || matches!(data_type, DataType::Decimal128(..) | DataType::Decimal64(..))
}

/// Integers are DECIMALs without a fraction.
fn precision_and_scale(sql_type: SqlType) -> (i32, i32) {
    match sql_type {
        SqlType::Decimal(precision, scale) => (i32::from(precision), i32::from(scale)),
        SqlType::SmallInt => (5, 0),
        SqlType::Integer => (10, 0),
        _ => (19, 0),
    }
}

/// Redshift: computations with numeric values, division. Of more than 38 digits, those of the scale are given up first.
fn quotient((p1, s1): (i32, i32), (p2, s2): (i32, i32)) -> (u8, i8) {
    let scale = (s1 + p2 - s2 + 1).max(4);
    let precision = p1 - s1 + s2 + scale;
    let scale = if precision > 38 { (38 + scale - precision).max(4) } else { scale };
    (precision.min(38) as u8, scale.min(37) as i8)
}

fn run(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    if SqlType::of(&args.return_field) == SqlType::Double {
        return apply(&args.args[0], &args.args[1], |left, right| by_float(left, right, div));
    }
    let wide = |place: usize| -> Result<(ArrayRef, i32)> {
        let values = args.args[place].to_array(args.number_rows)?;
        let from = SqlType::of(&args.arg_fields[place]);
        let (_, scale) = precision_and_scale(from);
        Ok((cast(&values, from, SqlType::Decimal(38, scale as i8))?, scale))
    };
    let ((left, left_scale), (right, right_scale)) = (wide(0)?, wide(1)?);
    let SqlType::Decimal(precision, scale) = SqlType::of(&args.return_field) else { return no_match(DIVIDE, &[]) };
    let shift = i32::from(scale) - left_scale + right_scale;
    let rows = left.as_primitive::<Decimal128Type>().iter().zip(right.as_primitive::<Decimal128Type>());
    let quotients = rows.map(|(left, right)| left.zip(right).map(|(left, right)| one(left, right, shift)).transpose());
    let quotients = quotients.collect::<Result<Decimal128Array, SqlError>>()?;
    let quotients: ArrayRef = Arc::new(quotients.with_precision_and_scale(38, scale)?);
    Ok(ColumnarValue::Array(cast(&quotients, SqlType::Decimal(38, scale), SqlType::Decimal(precision, scale))?))
}

/// `left` of so many more tenths over `right`, cut off.
fn one(left: i128, right: i128, shift: i32) -> Result<i128, SqlError> {
    if right == 0 {
        return Err(SqlError::new(ErrorKind::DivisionByZero, "division by zero"));
    }
    let shift = u32::try_from(shift).map_err(|_| overflow())?;
    if let Some(shifted) = 10_i128.checked_pow(shift).and_then(|unit| left.checked_mul(unit)) {
        return Ok(shifted / right);
    }
    let unit = i256::from_i128(10).checked_pow(shift);
    let shifted = unit.and_then(|unit| i256::from_i128(left).checked_mul(unit));
    let quotient = shifted.and_then(|shifted| shifted.checked_div(i256::from_i128(right)));
    quotient.and_then(i256::to_i128).ok_or_else(overflow)
}
