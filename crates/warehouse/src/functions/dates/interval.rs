//! Intervals as many times as a number says: `n * INTERVAL '1 second'`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, IntervalMonthDayNanoArray};
use datafusion::arrow::datatypes::{DataType, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF};

use super::part::DAY;
use super::span::Span;
use crate::error::{ErrorKind, SqlError};
use crate::functions::function::{Function, no_match};
use crate::types::SqlType;

/// `interval * number`.
pub(crate) fn times(interval: Expr, number: Expr) -> Expr {
    ScalarUDF::from(scaled("interval_times", |length, number| length * number)).call(vec![interval, number])
}

/// `interval / number`.
pub(crate) fn divided(interval: Expr, number: Expr) -> Expr {
    ScalarUDF::from(scaled("interval_divided", |length, number| length / number)).call(vec![interval, number])
}

fn scaled(name: &'static str, scale: fn(f64, f64) -> f64) -> Function {
    let arguments = move |types: &[DataType]| match types {
        // The difference of two moments is of another type to the engine.
        [_, number] if number.is_numeric() => Ok(vec![SqlType::Interval.arrow(), DataType::Float64]),
        types => no_match(name, types),
    };
    let run = move |args: &ScalarFunctionArgs| {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let lengths = arrays[0].as_primitive::<IntervalMonthDayNanoType>();
        let numbers = arrays[1].as_primitive::<Float64Type>();
        let rows = lengths.iter().zip(numbers).map(|(length, number)| {
            let (Some(length), Some(number)) = (length, number) else { return Ok(None) };
            let (months, days) = (scale(f64::from(length.months), number), scale(f64::from(length.days), number));
            combined(months, days, scale(length.nanoseconds as f64, number)).map(Some)
        });
        let scaled: ArrayRef = Arc::new(rows.collect::<Result<IntervalMonthDayNanoArray, SqlError>>()?);
        Ok(ColumnarValue::Array(scaled))
    };
    Function::new(name, arguments, move |_| Ok(SqlType::Interval.field_ref(name)), run)
}

/// What is not a whole month becomes days, 30 of them to a month, and what is not a whole day time. Microseconds are the least.
fn combined(months: f64, days: f64, nanos: f64) -> Result<IntervalMonthDayNano, SqlError> {
    if !(months.is_finite() && days.is_finite() && nanos.is_finite()) {
        return Err(SqlError::new(ErrorKind::DivisionByZero, "division by zero"));
    }
    let days = days + months.fract() * 30.0;
    let micros = (nanos + days.fract() * DAY as f64 * 1_000.0) / 1_000.0;
    let span = Span { months: months.trunc() as i64, days: days.trunc() as i64, micros: micros.round() as i64 };
    span.kept().ok_or_else(|| SqlError::new(ErrorKind::DatetimeFieldOverflow, "interval out of range"))
}
