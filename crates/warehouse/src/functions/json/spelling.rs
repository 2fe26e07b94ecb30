//! Numbers in JSON that are all spelled alike, kept as integers from which the same text can be made again.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, StringViewArray, StringViewBuilder};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::Decimal128Type;
use datafusion::common::Result;

use super::path::{Form, shown};
use crate::types::SqlType;

/// Digits of a number, with the zeros in front of it that its fraction needs, at most.
const DIGITS: usize = 18;

/// How the numbers of a column are spelled. Kept are integers of so many tenths, hundredths, ….
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Spelling {
    /// Digits behind the point, at most.
    scale: u8,
    /// The same, at least. Zeros at the end of a longer fraction are left out.
    least: u8,
    /// Whether they are JSON strings: `"7.50"`.
    quoted: bool,
}

/// A number as it is spelled.
struct Spelled {
    /// All of its digits, and its sign, as one integer.
    value: i64,
    fraction: u8,
    quoted: bool,
}

impl Spelled {
    /// Reads a plain number, such as has one spelling only: no exponent, no zeros in front.
    fn parse(json: &str) -> Option<Self> {
        let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let (text, quoted) = inner.map_or((json, false), |inner| (inner, true));
        let (negative, number) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mut value, mut digits, mut point) = (0_i64, 0, None);
        for byte in number.bytes() {
            match byte {
                b'0'..=b'9' if digits < DIGITS => {
                    value = value * 10 + i64::from(byte - b'0');
                    digits += 1;
                }
                b'.' if point.is_none() && digits > 0 => point = Some(digits),
                _ => return None,
            }
        }
        let whole = point.unwrap_or(digits);
        let fraction = (digits - whole) as u8;
        let is_plain = whole > 0 && (whole == 1 || !number.starts_with('0')) && (point.is_none() || fraction > 0);
        let is_minus_zero = negative && value == 0;
        let value = if negative { -value } else { value };
        (is_plain && !is_minus_zero).then_some(Self { value, fraction, quoted })
    }
}

impl Spelling {
    /// How all of these JSON values are spelled, if there are any and they are numbers spelled alike.
    pub(crate) fn of(values: &StringViewArray) -> Option<Self> {
        let spelled = values.iter().flatten().map(Spelled::parse).collect::<Option<Vec<_>>>()?;
        let first = spelled.first()?;
        let scale = spelled.iter().map(|number| number.fraction).max()?;
        let least = spelled.iter().map(|number| number.fraction).min()?;
        let spelling = Self { scale, least, quoted: first.quoted };
        spelled.iter().all(|number| spelling.has(number)).then_some(spelling)
    }

    /// The integers of these JSON values; none if one is not spelled this way.
    pub(crate) fn read(self, values: &StringViewArray) -> Option<Int64Array> {
        values.iter().map(|json| json.map_or(Some(None), |json| self.read_one(json).map(Some))).collect()
    }

    fn read_one(self, json: &str) -> Option<i64> {
        let number = Spelled::parse(json).filter(|number| self.has(number))?;
        let missing = u32::from(self.scale - number.fraction);
        let value = number.value.checked_mul(10_i64.checked_pow(missing)?)?;
        (value.unsigned_abs() < 10_u64.pow(DIGITS as u32)).then_some(value)
    }

    fn has(self, number: &Spelled) -> bool {
        let is_short = number.fraction == self.least || number.value % 10 != 0;
        number.quoted == self.quoted && (self.least..=self.scale).contains(&number.fraction) && is_short
    }

    /// The JSON values of integers, in some form. Casts to numbers need no text.
    pub(crate) fn shown(self, values: &Int64Array, form: Form) -> Result<ArrayRef> {
        match form {
            Form::Cast(to @ (SqlType::SmallInt | SqlType::Integer | SqlType::BigInt)) if self.scale == 0 => {
                let null_on_overflow = CastOptions { safe: true, ..CastOptions::default() };
                Ok(cast_with_options(values, &to.arrow(), &null_on_overflow)?)
            }
            Form::Cast(SqlType::Decimal(precision, scale)) if scale >= self.scale as i8 => {
                let factor = 10_i128.pow(u32::from(scale as u8 - self.scale));
                let limit = 10_i128.pow(u32::from(precision));
                let fits = |value: &i128| value.abs() < limit;
                let decimals = values.unary_opt::<_, Decimal128Type>(|value| {
                    Some(i128::from(value)).and_then(|value| value.checked_mul(factor)).filter(fits)
                });
                Ok(Arc::new(decimals.with_precision_and_scale(precision, scale)?))
            }
            form => shown(&self.texts(values), form),
        }
    }

    fn texts(self, values: &Int64Array) -> StringViewArray {
        let (mut texts, mut text) = (StringViewBuilder::with_capacity(values.len()), String::new());
        for value in values {
            let Some(value) = value else {
                texts.append_null();
                continue;
            };
            text.clear();
            self.write(value, &mut text);
            texts.append_value(&text);
        }
        texts.finish()
    }

    fn write(self, value: i64, text: &mut String) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(value.unsigned_abs());
        let scale = usize::from(self.scale);
        let sign = if value < 0 { "-" } else { "" };
        let quote = if self.quoted { "\"" } else { "" };
        text.push_str(quote);
        text.push_str(sign);
        let whole = digits.len().saturating_sub(scale);
        text.push_str(if whole == 0 { "0" } else { &digits[..whole] });
        if scale > 0 {
            text.push('.');
            text.extend(std::iter::repeat_n('0', scale.saturating_sub(digits.len())));
            text.push_str(&digits[whole..]);
            let surplus = text.bytes().rev().take_while(|byte| *byte == b'0').count();
            text.truncate(text.len() - surplus.min(scale - usize::from(self.least)));
            text.truncate(text.trim_end_matches('.').len());
        }
        text.push_str(quote);
    }

    /// Reads a spelling back from how it is shown.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (digits, quoted) = text.strip_suffix(" quoted").map_or((text, false), |digits| (digits, true));
        let (least, scale) = digits.split_once('-').unwrap_or((digits, digits));
        let (least, scale) = (least.parse().ok()?, scale.parse().ok()?);
        (least <= scale && usize::from(scale) <= DIGITS).then_some(Self { scale, least, quoted })
    }
}

impl fmt::Display for Spelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.least < self.scale {
            write!(f, "{}-", self.least)?;
        }
        write!(f, "{}{}", self.scale, if self.quoted { " quoted" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spelling(texts: &[&str]) -> Option<String> {
        Spelling::of(&texts.iter().map(Some).collect()).map(|spelling| spelling.to_string())
    }

    #[test]
    fn numbers_that_are_spelled_alike_are_known() {
        assert_eq!(spelling(&["7", "-12", "0"]).unwrap(), "0");
        assert_eq!(spelling(&["7.50", "-0.25", "0.00"]).unwrap(), "2");
        assert_eq!(spelling(&["7", "7.5", "0.125"]).unwrap(), "0-3");
        assert_eq!(spelling(&["7.0", "-7.25"]).unwrap(), "1-2");
        assert_eq!(spelling(&["\"467\"", "\"1\""]).unwrap(), "0 quoted");
        for different in [
            &["7", "\"7\""][..],
            &["7.5", "7.50"],
            &["7", "7.0"],
            &["07"],
            &["-0"],
            &["1e3"],
            &["7."],
            &[".5"],
            &["\"\""],
            &["\""],
            &["true"],
            &["1234567890123456789"],
            &[],
        ] {
            assert_eq!(spelling(different), None, "{different:?}");
        }
    }

    #[test]
    fn a_number_that_is_spelled_otherwise_is_not_read() {
        let whole = Spelling::parse("0").unwrap();
        assert_eq!(whole.read_one("12"), Some(12));
        for other in ["12.0", "\"12\"", "x", "null", "-0", "012"] {
            assert_eq!(whole.read_one(other), None, "{other}");
        }
        assert_eq!(Spelling::parse("5").unwrap().read_one("12345678901234.56789"), None);
        assert_eq!(Spelling::parse("0-5").unwrap().read_one("12345678901234"), None);
    }

    proptest! {
        #[test]
        fn what_is_read_is_shown_again(
            numbers in prop::collection::vec("(\"?)-?(0|[1-9][0-9]{0,5})(\\.[0-9]{1,4})?(\"?)", 1..4),
        ) {
            let values: StringViewArray = numbers.iter().map(Some).collect();
            if let Some(spelling) = Spelling::of(&values) {
                prop_assert_eq!(Spelling::parse(&spelling.to_string()), Some(spelling));
                let read = spelling.read(&values).unwrap();
                let casts = [SqlType::Integer, SqlType::Decimal(7, 2), SqlType::Decimal(9, 4)].map(Form::Cast);
                for form in [Form::Json, Form::Text].into_iter().chain(casts) {
                    prop_assert_eq!(&spelling.shown(&read, form).unwrap(), &shown(&values, form).unwrap());
                }
            }
        }
    }
}
