//! Functions of DOUBLE PRECISION numbers.

use std::f64::consts::PI;

use datafusion::common::Result;

use crate::error::{ErrorKind, SqlError};
use crate::functions::function::{Function, invalid};
use crate::functions::row::Kind::Number;
use crate::functions::row::{Row, by_row, by_row_with};

type OfOne = (&'static str, fn(f64) -> f64);

/// Functions of one number that are defined for all of them.
const TOTAL: [OfOne; 9] = [
    ("atan", f64::atan),
    ("cbrt", f64::cbrt),
    ("cos", f64::cos),
    ("degrees", f64::to_degrees),
    ("dexp", f64::exp),
    ("exp", f64::exp),
    ("radians", f64::to_radians),
    ("sin", f64::sin),
    ("tan", f64::tan),
];

/// Functions of one number that are not: what is not a number is out of their range.
const PARTIAL: [OfOne; 7] = [
    ("acos", f64::acos),
    ("asin", f64::asin),
    ("cot", |x| if x == 0.0 { f64::NAN } else { x.tan().recip() }),
    ("dlog1", ln),
    ("dlog10", log10),
    ("ln", ln),
    ("sqrt", f64::sqrt),
];

pub(crate) fn functions() -> Vec<Function> {
    let total = TOTAL.map(|(name, compute)| of_one(name, compute));
    let partial = PARTIAL.map(|(name, compute)| of_one(name, compute));
    let others = [
        by_row("pi", &[], &[], |_| Ok(Some(PI))),
        by_row("atan2", &[Number, Number], &[], |row| checked(row.number(0).atan2(row.number(1)), row)),
        by_row("power", &[Number, Number], &[], |row| checked(row.number(0).powf(row.number(1)), row)).also(&["pow"]),
        by_row("log", &[Number], &[Number], |row| match row.len() {
            1 => checked(log10(row.number(0)), row),
            _ => checked(ln(row.number(1)) / ln(row.number(0)), row),
        }),
    ];
    total.into_iter().chain(partial).chain(others).map(Function::dynamic).collect()
}

fn of_one(name: &'static str, compute: fn(f64) -> f64) -> Function {
    by_row_with(name, &[Number], &[], move |(), row| checked(compute(row.number(0)), row))
}

/// Not a number for what has no logarithm, 0 included.
fn ln(x: f64) -> f64 {
    if x > 0.0 { x.ln() } else { f64::NAN }
}

fn log10(x: f64) -> f64 {
    if x > 0.0 { x.log10() } else { f64::NAN }
}

/// Fails for what the numbers that it was computed from do not account for.
fn checked(result: f64, row: &Row<'_>) -> Result<Option<f64>> {
    let arguments = || (0..row.len()).map(|place| row.number(place));
    if result.is_nan() && !arguments().any(f64::is_nan) {
        return Err(invalid("input is out of range"));
    }
    if result.is_infinite() && arguments().all(f64::is_finite) {
        return Err(SqlError::new(ErrorKind::NumericValueOutOfRange, "value out of range: overflow").into_engine());
    }
    Ok(Some(result))
}
