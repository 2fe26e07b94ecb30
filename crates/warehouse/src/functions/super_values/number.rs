//! Numbers in SUPER: integers, DECIMALs and floats, told apart by how they are written; arithmetic of them, and what type they are.
//!
//! Redshift: the result is SUPER; what is not a number gives NULL, but overflow and division by zero stay errors.

use std::fmt;

use datafusion::common::Result;
use datafusion::logical_expr::{Expr, ScalarUDF};
use datafusion::prelude::lit;

use super::kind::is;
use crate::error::{ErrorKind, SqlError};
use crate::functions::Function;
use crate::functions::casts::cast::overflow;
use crate::functions::casts::super_value::scalar_text;
use crate::functions::row::Kind::{Super, Text};
use crate::functions::row::{Json, by_row};

/// The most digits of a DECIMAL.
const DIGITS: u32 = 38;

/// `left op right` of SUPER values, where `op` is one of `+ - * / %`.
pub(crate) fn super_arithmetic(left: Expr, op: &'static str, right: Expr) -> Expr {
    let function = by_row("super_arithmetic", &[Super, Text, Super], &[], |row| {
        Ok(compute(row.text(0), row.text(1), row.text(2))?.map(Json))
    });
    ScalarUDF::from(function).call(vec![left, lit(op), right])
}

pub(crate) fn functions() -> Vec<Function> {
    vec![
        is("is_smallint", |json| integer(json).is_some_and(|value| i16::try_from(value).is_ok())),
        is("is_integer", |json| integer(json).is_some_and(|value| i32::try_from(value).is_ok())),
        is("is_bigint", |json| integer(json).is_some_and(|value| i64::try_from(value).is_ok())),
        is("is_decimal", |json| exact(json).is_some()),
        is("is_float", |json| matches!(Number::parse(json), Some(Number::Float(_)))),
        by_row("decimal_precision", &[Super], &[], |row| Ok(exact(row.text(0)).map(|number| number.digits() as i32))),
        by_row("decimal_scale", &[Super], &[], |row| Ok(exact(row.text(0)).map(|number| number.scale as i32))),
    ]
}

/// An integer or a DECIMAL: `value` of so many tenths, hundredths, ….
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exact {
    pub(crate) value: i128,
    pub(crate) scale: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Exact(Exact),
    Float(f64),
}

fn exact(json: &str) -> Option<Exact> {
    match Number::parse(json)? {
        Number::Exact(exact) => Some(exact),
        Number::Float(_) => None,
    }
}

fn integer(json: &str) -> Option<i128> {
    exact(json).filter(|number| number.scale == 0).map(|number| number.value)
}

impl Number {
    /// Reads a JSON number. One with an exponent, or of too many digits for a DECIMAL, is a float.
    pub(crate) fn parse(json: &str) -> Option<Self> {
        if !json.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return None;
        }
        Exact::parse(json).map(Self::Exact).or_else(|| json.parse().ok().map(Self::Float))
    }

    fn as_float(self) -> f64 {
        match self {
            Self::Float(float) => float,
            Self::Exact(exact) => exact.to_string().parse().unwrap_or(f64::NAN),
        }
    }
}

impl Exact {
    fn parse(json: &str) -> Option<Self> {
        let (whole, fraction) = json.split_once('.').unwrap_or((json, ""));
        let number =
            Self { value: [whole, fraction].concat().parse().ok()?, scale: u32::try_from(fraction.len()).ok()? };
        (number.digits() <= DIGITS).then_some(number)
    }

    fn digits(self) -> u32 {
        (self.value.unsigned_abs().checked_ilog10().unwrap_or(0) + 1).max(self.scale)
    }

    /// Its value in units of a finer scale.
    fn in_scale(self, scale: u32) -> Option<i128> {
        self.value.checked_mul(10_i128.checked_pow(scale - self.scale)?)
    }

    /// `self op other`; none if it has too many digits.
    fn compute(self, op: &str, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let number = match op {
            "*" => Self { value: self.value.checked_mul(other.value)?, scale: self.scale + other.scale },
            "/" => return self.over(other),
            _ => {
                let (left, right) = (self.in_scale(scale)?, other.in_scale(scale)?);
                let value = match op {
                    "+" => left.checked_add(right)?,
                    "-" => left.checked_sub(right)?,
                    _ => left.checked_rem(right)?,
                };
                Self { value, scale }
            }
        };
        (number.digits() <= DIGITS).then_some(number)
    }

    /// Integers give integers, cut off; DECIMALs have the scale of Redshift's division.
    fn over(self, other: Self) -> Option<Self> {
        let scale = match (self.scale, other.scale) {
            (0, 0) => 0,
            // A DECIMAL has no more than so many digits.
            (scale, divisor) => (scale + other.digits() + 1 - divisor).clamp(4, DIGITS - 1),
        };
        let value = self.value.checked_mul(10_i128.checked_pow((scale + other.scale).checked_sub(self.scale)?)?)?;
        Some(Self { value: value.checked_div(other.value)?, scale })
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = self.scale as usize;
        let digits = format!("{:0width$}", self.value.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let (sign, point) = (if self.value < 0 { "-" } else { "" }, if scale > 0 { "." } else { "" });
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

/// A float in JSON, told from a DECIMAL by its exponent: `2.22e+0`.
pub(crate) fn float_text(float: f64) -> String {
    let text = format!("{float:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if !exponent.starts_with('-') => format!("{mantissa}e+{exponent}"),
        _ => text,
    }
}

pub(crate) fn compute(left: &str, op: &str, right: &str) -> Result<Option<String>> {
    let (Some(left_number), Some(right_number)) = (Number::parse(left), Number::parse(right)) else {
        return Ok(if op == "+" { concatenated(left, right) } else { None });
    };
    if matches!(op, "/" | "%") && right_number.as_float() == 0.0 {
        return Err(SqlError::new(ErrorKind::DivisionByZero, "division by zero").into_engine());
    }
    let result = match (left_number, right_number) {
        (Number::Exact(left), Number::Exact(right)) => left.compute(op, right).map(|number| number.to_string()),
        (left, right) => {
            let (left, right) = (left.as_float(), right.as_float());
            let float = match op {
                "+" => left + right,
                "-" => left - right,
                "*" => left * right,
                "/" => left / right,
                _ => left % right,
            };
            float.is_finite().then(|| float_text(float))
        }
    };
    result.map(Some).ok_or_else(|| overflow().into_engine())
}

/// Redshift: `+` puts two strings together.
fn concatenated(left: &str, right: &str) -> Option<String> {
    if !(left.starts_with('"') && right.starts_with('"')) {
        return None;
    }
    let both = [scalar_text(left)?, scalar_text(right)?].concat();
    sonic_rs::to_string(&both).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(left: &str, op: &str, right: &str) -> String {
        compute(left, op, right).map_or_else(|error| error.to_string(), |result| result.unwrap_or("NULL".into()))
    }

    #[test]
    fn numbers_keep_their_kind() {
        assert_eq!(result("7", "/", "2"), "3");
        assert_eq!(result("1.5", "*", "-0.25"), "-0.375");
        assert_eq!(result("1", "+", "0.05"), "1.05");
        assert_eq!(result("1e+0", "+", "1"), "2e+0");
        assert_eq!(result("\"a\"", "+", "\"b\""), "\"ab\"");
        assert_eq!(result("\"a\"", "-", "1"), "NULL");
    }

    #[test]
    fn too_many_digits_are_an_error() {
        let most = "9".repeat(38);
        assert_eq!(result(&most, "+", "1"), "External error: Numeric data overflow (result precision)");
    }
}
