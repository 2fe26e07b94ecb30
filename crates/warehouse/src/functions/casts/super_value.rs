//! Casts from SUPER, which are lenient, and to SUPER.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Decimal128Array, PrimitiveArray, StringViewArray,
};
use datafusion::arrow::compute::kernels::cast_utils::Parser;
use datafusion::arrow::datatypes::{Float64Type, Int16Type, Int32Type, Int64Type};
use datafusion::common::Result;

use super::cast::{as_text, cast, cut};
use super::decimal_text::parse_decimal;
use super::from_text::{convert_leniently, moments, spans};
use crate::error::{ErrorKind, SqlError};
use crate::functions::super_values::number::float_text;
use crate::types::SqlType;

/// SUPER to a scalar: a string without its quotes; an object, an array or a value that does not fit gives NULL
/// (Redshift: `cast_super_null_on_error`).
pub(crate) fn from_super(documents: &StringViewArray, to: SqlType) -> Result<ArrayRef> {
    let texts = || documents.iter().map(|json| json.and_then(scalar_text));
    match to {
        SqlType::Varchar(length) | SqlType::Char(length) => Ok(cut(&texts().collect(), length as usize)),
        SqlType::Decimal(precision, scale) => {
            let decimals = texts().map(|text| parse_decimal(&text?, precision, scale).ok());
            Ok(Arc::new(decimals.collect::<Decimal128Array>().with_precision_and_scale(precision, scale)?))
        }
        SqlType::SmallInt => Ok(integers::<Int16Type>(documents)),
        SqlType::Integer => Ok(integers::<Int32Type>(documents)),
        SqlType::BigInt => Ok(integers::<Int64Type>(documents)),
        SqlType::Boolean => Ok(Arc::new(documents.iter().map(|json| json.and_then(truth)).collect::<BooleanArray>())),
        SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::TimestampTz => {
            moments(&texts().collect(), to, true)
        }
        SqlType::Interval => spans(&texts().collect(), true),
        to => convert_leniently(&(Arc::new(texts().collect::<StringViewArray>()) as ArrayRef), &to.arrow()),
    }
}

/// The truth value that a SUPER value is; of numbers, integers are one.
fn truth(json: &str) -> Option<bool> {
    match scalar_text(json)?.as_ref() {
        "true" => Some(true),
        "false" => Some(false),
        number if !json.starts_with('"') => number.parse::<i64>().ok().map(|number| number != 0),
        _ => None,
    }
}

/// The text of a SUPER value that is a scalar and not null.
pub(crate) fn scalar_text(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes() {
        [b'{' | b'[', ..] | b"null" => None,
        [b'"', inner @ .., b'"'] if inner.contains(&b'\\') => sonic_rs::from_str(json).ok().map(Cow::Owned),
        [b'"', _, .., b'"'] | b"\"\"" => json.get(1..json.len() - 1).map(Cow::Borrowed),
        _ => Some(Cow::Borrowed(json)),
    }
}

/// JSON values as integers: a number is rounded, a string must be one. What is none, or does not fit, gives NULL.
fn integers<T: ArrowPrimitiveType + Parser>(documents: &StringViewArray) -> ArrayRef
where
    T::Native: TryFrom<i128>,
{
    let integer = |json: &str| {
        T::parse(&scalar_text(json)?).or_else(|| match json.starts_with('"') {
            true => None,
            false => T::Native::try_from(parse_decimal(json, 38, 0).ok()?).ok(),
        })
    };
    Arc::new(documents.iter().map(|json| json.and_then(integer)).collect::<PrimitiveArray<T>>())
}

/// A scalar to SUPER: numbers and truth values as they are, the rest as JSON strings.
pub(crate) fn to_super(values: &ArrayRef, from: SqlType) -> Result<ArrayRef> {
    if matches!(from, SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::TimestampTz) {
        let message = format!("cannot cast type {from} to super");
        return Err(SqlError::new(ErrorKind::DatatypeMismatch, message).into_engine());
    }
    if matches!(from, SqlType::Real | SqlType::Double) {
        let floats = cast(values, from, SqlType::Double)?;
        let written = |float: f64| if float.is_finite() { float_text(float) } else { "null".into() };
        let floats = floats.as_primitive::<Float64Type>().iter();
        return Ok(Arc::new(floats.map(|float| float.map(written)).collect::<StringViewArray>()));
    }
    let texts = as_text(values, from)?;
    let written = |text: &str| match from {
        number if number.is_numeric() || matches!(number, SqlType::Boolean | SqlType::Oid) => text.to_owned(),
        _ => sonic_rs::to_string(text).unwrap_or_default(),
    };
    Ok(Arc::new(texts.iter().map(|text| text.map(written)).collect::<StringViewArray>()))
}
