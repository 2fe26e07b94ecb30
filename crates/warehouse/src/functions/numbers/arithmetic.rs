//! Arithmetic that is an error where the engine's own has a result: integers that do not fit wrap around there, and a float divided by
//! zero is infinite.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Datum, new_empty_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::numeric::{add, div, mul, rem, sub};
use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, DecimalType, Float64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply;

use crate::error::{ErrorKind, SqlError};
use crate::functions::Function;
use crate::functions::function::no_match;
use crate::functions::row::Kind::{Bytes, Whole};
use crate::functions::row::by_row;
use crate::types::SqlType;

/// The function that does `op` with two numbers, the second of which is of this type; none if the engine's does.
pub(crate) fn checked_operator(op: Operator, of: &DataType) -> Option<ScalarUDF> {
    let (name, kernel): (_, Kernel) = match op {
        Operator::Plus if of.is_decimal() => ("plus", |left, right| in_digits(add(left, right)?)),
        Operator::Minus if of.is_decimal() => ("minus", |left, right| in_digits(sub(left, right)?)),
        Operator::Multiply if of.is_decimal() => ("times", |left, right| in_digits(mul(left, right)?)),
        Operator::Plus if of.is_integer() => ("plus", add),
        Operator::Minus if of.is_integer() => ("minus", sub),
        Operator::Multiply if of.is_integer() => ("times", mul),
        Operator::Divide if of.is_floating() => ("over", |left, right| by_float(left, right, div)),
        Operator::Modulo if of.is_floating() => ("modulo", |left, right| by_float(left, right, rem)),
        _ => return None,
    };
    Some(ScalarUDF::from(Arithmetic { name, kernel, signature: Signature::any(2, Volatility::Immutable) }))
}

/// The name of the function that `-value` is until it is known whether the value is SUPER.
pub(crate) const NEGATIVE: &str = "negative";

/// The name of the function that `~value` is.
pub(crate) const BITWISE_NOT: &str = "bitwise_not";

pub(crate) fn functions() -> Vec<Function> {
    let negative = Function::new(
        NEGATIVE,
        |types| if types.len() == 1 { Ok(types.to_vec()) } else { no_match(NEGATIVE, types) },
        |args| Ok(Arc::clone(&args.arg_fields[0])),
        |_| internal_err!("a negation is planned before it is computed"),
    );
    vec![
        negative.of_super(),
        by_row(BITWISE_NOT, &[Whole], &[], |row| Ok(Some(!row.whole(0)))).returning(|types| Some(types[0])).or(by_row(
            BITWISE_NOT,
            &[Bytes],
            &[],
            |row| Ok(Some(flipped(row.bytes(0)))),
        )),
    ]
}

fn flipped(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| !byte).collect()
}

pub(super) type Kernel = fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError>;

/// Division by floats. What is divided by zero is neither infinite nor no number.
pub(super) fn by_float(left: &dyn Datum, right: &dyn Datum, kernel: Kernel) -> Result<ArrayRef, ArrowError> {
    let (result, (divisors, is_constant)) = (kernel(left, right)?, right.get());
    let divisors = cast(divisors, &DataType::Float64)?;
    let divisors = divisors.as_primitive::<Float64Type>();
    let is_zero = |row: usize| divisors.is_valid(row) && divisors.value(row) == 0.0;
    let has_failed = |row: usize| result.is_valid(row) && is_zero(if is_constant { 0 } else { row });
    let may_fail = (0..divisors.len()).any(is_zero);
    if may_fail && (0..result.len()).any(has_failed) { Err(ArrowError::DivideByZero) } else { Ok(result) }
}

/// A result that has no more digits than a DECIMAL can have.
fn in_digits(result: ArrayRef) -> Result<ArrayRef, ArrowError> {
    let values = result.as_primitive::<Decimal128Type>();
    match values
        .iter()
        .flatten()
        .all(|value| Decimal128Type::is_valid_decimal_precision(value, DECIMAL128_MAX_PRECISION))
    {
        true => Ok(result),
        false => Err(ArrowError::ArithmeticOverflow(String::new())),
    }
}

#[derive(Debug, Clone)]
struct Arithmetic {
    name: &'static str,
    kernel: Kernel,
    signature: Signature,
}

impl PartialEq for Arithmetic {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Arithmetic {}

impl std::hash::Hash for Arithmetic {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Arithmetic {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let [left, right] = [&arguments[0], &arguments[1]].map(new_empty_array);
        Ok((self.kernel)(&left, &right)?.data_type().clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        apply(&args.args[0], &args.args[1], self.kernel).map_err(|error| match error {
            DataFusionError::ArrowError(error, _) if matches!(*error, ArrowError::ArithmeticOverflow(_)) => {
                let message = format!("{} out of range", SqlType::of_arrow(args.return_field.data_type()));
                SqlError::new(ErrorKind::NumericValueOutOfRange, message).into_engine()
            }
            error => error,
        })
    }
}
