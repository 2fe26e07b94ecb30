//! DECIMALs that are written out.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Decimal128Builder, StringViewArray};
use datafusion::common::Result;

use super::cast::overflow;
use crate::error::{ErrorKind, SqlError};

/// Texts to DECIMAL: blanks around are ignored, surplus digits of the fraction round half away from zero.
pub(crate) fn text_to_decimal(texts: &StringViewArray, precision: u8, scale: i8) -> Result<ArrayRef> {
    let mut decimals = Decimal128Builder::with_capacity(texts.len());
    for text in texts {
        match text {
            None => decimals.append_null(),
            Some(text) => decimals.append_value(parse_decimal(text, precision, scale).map_err(SqlError::into_engine)?),
        }
    }
    Ok(Arc::new(decimals.finish().with_precision_and_scale(precision, scale)?))
}

pub(crate) fn parse_decimal(text: &str, precision: u8, scale: i8) -> Result<i128, SqlError> {
    if let Some(value) = parse_short_decimal(text.as_bytes(), precision, scale) {
        return Ok(i128::from(value));
    }
    let trimmed = text.trim();
    let (negative, digits) = match trimmed.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let invalid = |at: usize| {
        SqlError::new(
            ErrorKind::InvalidTextRepresentation,
            format!("Invalid digit, Value '{}', Pos {at}, Type: Decimal", shown(text, at)),
        )
    };
    if trimmed.bytes().any(|byte| matches!(byte, b'e' | b'E')) {
        return parse_exponent(trimmed, precision, scale).ok_or_else(|| invalid(0));
    }
    let (mut value, mut fraction, mut point, mut round) = (0_i128, 0_i8, false, false);
    let mut seen = false;
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' if point && fraction >= scale => {
                round |= fraction == scale && *byte >= b'5';
                fraction += i8::from(fraction == scale);
                seen = true;
            }
            b'0'..=b'9' => {
                value = value
                    .checked_mul(10)
                    .and_then(|value| value.checked_add(i128::from(byte - b'0')))
                    .ok_or_else(overflow)?;
                fraction += i8::from(point);
                seen = true;
            }
            b'.' if !point => point = true,
            _ => return Err(invalid(at + usize::from(negative))),
        }
    }
    if !seen {
        return Err(invalid(0));
    }
    let missing = (scale - fraction.min(scale)) as u32;
    let value = 10_i128.checked_pow(missing).and_then(|factor| value.checked_mul(factor)).ok_or_else(overflow)?;
    let value = value + i128::from(round);
    if value >= 10_i128.checked_pow(u32::from(precision)).unwrap_or(i128::MAX) {
        return Err(overflow());
    }
    Ok(if negative { -value } else { value })
}

/// The value of a plain number, such as most are: few digits, none too many behind the point. None for any other text.
fn parse_short_decimal(text: &[u8], precision: u8, scale: i8) -> Option<i64> {
    const DIGITS: usize = 15;
    let (negative, digits) = text.strip_prefix(b"-").map_or((false, text), |digits| (true, digits));
    if digits.len() > DIGITS || !digits.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let (mut value, mut point) = (0_i64, None);
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => value = value * 10 + i64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(at),
            _ => return None,
        }
    }
    let fraction = point.map_or(0, |point| digits.len() - point - 1);
    let missing = usize::try_from(scale).ok()?.checked_sub(fraction)?;
    let value = value.checked_mul(10_i64.checked_pow(missing as u32)?)?;
    let fits = 10_i64.checked_pow(u32::from(precision)).is_none_or(|limit| value < limit);
    fits.then_some(if negative { -value } else { value })
}

fn parse_exponent(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let value: f64 = text.parse().ok()?;
    let scaled = (value * 10_f64.powi(i32::from(scale))).round();
    (scaled.abs() < 10_f64.powi(i32::from(precision))).then_some(scaled as i128)
}

/// The character that Redshift shows for a bad digit.
fn shown(text: &str, at: usize) -> String {
    text.trim().chars().nth(at).map(String::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_and_rounded() {
        assert_eq!(parse_decimal("12.345", 10, 2).unwrap(), 1235);
        assert_eq!(parse_decimal(" -0.5 ", 10, 2).unwrap(), -50);
        assert_eq!(parse_decimal("7", 10, 2).unwrap(), 700);
        assert_eq!(parse_decimal("1e3", 10, 2).unwrap(), 100_000);
        assert_eq!(parse_decimal("0.994999", 3, 2).unwrap(), 99);
    }

    #[test]
    fn texts_that_are_no_decimals_are_refused() {
        let error = |text| parse_decimal(text, 4, 2).unwrap_err().message;
        assert_eq!(error("12x"), "Invalid digit, Value 'x', Pos 2, Type: Decimal");
        assert_eq!(error(""), "Invalid digit, Value '', Pos 0, Type: Decimal");
        assert_eq!(error("123"), "Numeric data overflow (result precision)");
    }
}
