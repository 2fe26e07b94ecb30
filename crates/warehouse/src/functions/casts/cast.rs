//! Casts as Redshift does them: texts are cut to a VARCHAR's bytes, digits checked, SUPER cast leniently.

use std::borrow::Cow;
use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryViewArray, BooleanArray, Decimal128Array, Decimal128Builder,
    Int64Array, PrimitiveArray, StringViewArray, StringViewBuilder,
};
use datafusion::arrow::compute::kernels::cast_utils::Parser;
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, FieldRef, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
};
use datafusion::arrow::util::display::FormatOptions;
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::integer_bytes;
use crate::error::{ErrorKind, SqlError};
use crate::functions::dates::interval::interval_text;
use crate::functions::dates::literal;
use crate::functions::function::map_first;
use crate::functions::super_values::number::float_text;
use crate::types::SqlType;

/// `value` cast to `to`.
pub(crate) fn cast_to(value: Expr, to: SqlType) -> Expr {
    ScalarUDF::from(Cast { to, signature: Signature::any(1, Volatility::Immutable) }).call(vec![value])
}

/// What a function casts its argument to, if it is a cast.
pub(crate) fn cast_target(function: &ScalarUDF) -> Option<SqlType> {
    function.inner().downcast_ref::<Cast>().map(|cast| cast.to)
}

/// The name of a cast in a plan.
pub(crate) const CAST: &str = "cast";

/// The name of a cast in a statement's syntax tree, whose second argument is the type. The engine's own casts have the names of
/// what they cast, so that it would take `sum(x::int)` and `sum(x::float)` for one column.
pub(crate) const CAST_AS: &str = "cast_as";

/// [`CAST_AS`] for the planner; [`written_cast`] takes its place.
pub(crate) fn cast_as() -> ScalarUDF {
    ScalarUDF::from(CastAs { signature: Signature::any(2, Volatility::Immutable) })
}

/// What a call of [`CAST_AS`] casts and to what.
pub(crate) fn written_cast(call: &ScalarFunction) -> Option<(&Expr, SqlType)> {
    match call.args.as_slice() {
        [value, Expr::Literal(to, _)] if call.name() == CAST_AS => Some((value, SqlType::parse(to.try_as_str()??)?)),
        _ => None,
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct CastAs {
    signature: Signature,
}

impl ScalarUDFImpl for CastAs {
    fn name(&self) -> &str {
        CAST_AS
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        internal_err!("the type of a cast is one of its arguments")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let to = args.scalar_arguments[1].and_then(|to| SqlType::parse(to.try_as_str()??));
        to.map_or_else(|| plan_err!("the type of a cast must be a constant"), |to| Ok(to.field_ref("cast")))
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        match args {
            [value, Expr::Literal(to, _)] => Ok(name_of(value, to.try_as_str().flatten().unwrap_or_default())),
            _ => plan_err!("the type of a cast must be a constant"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (from, to) = (SqlType::of(&args.arg_fields[0]), SqlType::of(&args.return_field));
        map_first(&args, |values| cast(values, from, to))
    }
}

/// The name of the column that a cast is.
fn name_of(value: &Expr, to: &str) -> String {
    format!("CAST({} AS {to})", value.schema_name())
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Cast {
    to: SqlType,
    signature: Signature,
}

impl ScalarUDFImpl for Cast {
    fn name(&self) -> &str {
        CAST
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.to.arrow())
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(self.to.field_ref("cast"))
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(args.first().map(|value| name_of(value, &self.to.to_string())).unwrap_or_default())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let from = SqlType::of(&args.arg_fields[0]);
        map_first(&args, |values| cast(values, from, self.to))
    }
}

pub(crate) fn cast(values: &ArrayRef, from: SqlType, to: SqlType) -> Result<ArrayRef> {
    if values.data_type().is_null() {
        return Ok(datafusion::arrow::array::new_null_array(&to.arrow(), values.len()));
    }
    match (from, to) {
        (SqlType::Super, SqlType::Super) => Ok(Arc::clone(values)),
        (SqlType::Super, to) => from_super(values.as_string_view(), to),
        (from, SqlType::Super) => to_super(values, from),
        (_, SqlType::Varchar(length)) => Ok(cut(&as_text(values, from)?, length as usize)),
        (_, SqlType::Char(length)) => Ok(cut(&as_text(values, from)?, length as usize)),
        (SqlType::Varchar(_) | SqlType::Char(_), SqlType::Decimal(precision, scale)) => {
            text_to_decimal(&as_text(values, from)?, precision, scale)
        }
        (SqlType::Varchar(_) | SqlType::Char(_), to) => from_text(&as_text(values, from)?, to),
        (SqlType::SmallInt | SqlType::Integer | SqlType::BigInt, SqlType::Varbyte(_)) => {
            integer_bytes::to_bytes(values)
        }
        (SqlType::Varbyte(_), SqlType::SmallInt | SqlType::Integer | SqlType::BigInt) => {
            integer_bytes::from_bytes(values.as_binary_view(), to)
        }
        (SqlType::Varbyte(_), SqlType::Varbyte(length)) => Ok(cut_bytes(values, length as usize)?),
        (from, to) if from.is_numeric() && to.is_numeric() => number_to_number(values, from, to),
        (_, to) => convert(values, &to.arrow()),
    }
}

/// Surplus digits of a fraction round half away from zero.
fn number_to_number(values: &ArrayRef, from: SqlType, to: SqlType) -> Result<ArrayRef> {
    let is_rounded =
        matches!((from, to), (SqlType::Decimal(..), SqlType::SmallInt | SqlType::Integer | SqlType::BigInt));
    let converted = match is_rounded {
        true => convert(values, &DataType::Decimal128(38, 0)).and_then(|whole| convert(&whole, &to.arrow())),
        false => convert(values, &to.arrow()),
    };
    converted.map_err(|_| match to {
        SqlType::Decimal(..) => overflow().into_engine(),
        to => SqlError::new(ErrorKind::NumericValueOutOfRange, format!("{to} out of range")).into_engine(),
    })
}

/// The error for a DECIMAL of too many digits.
pub(crate) fn overflow() -> SqlError {
    SqlError::new(ErrorKind::NumericValueOutOfRange, "Numeric data overflow (result precision)")
}

/// The engine's own conversion; a value that cannot be converted is an error.
fn convert(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let options = CastOptions { safe: false, format_options: FormatOptions::default() };
    Ok(cast_with_options(values, to, &options)?)
}

pub(crate) fn as_text(values: &ArrayRef, from: SqlType) -> Result<StringViewArray> {
    if from == SqlType::Boolean {
        let texts = values.as_boolean().iter().map(|value| value.map(|value| if value { "true" } else { "false" }));
        return Ok(texts.collect());
    }
    if let SqlType::Interval = from {
        let spans = convert(values, &SqlType::Interval.arrow())?;
        let spans = spans.as_primitive::<IntervalMonthDayNanoType>().iter();
        return Ok(spans.map(|span| span.map(interval_text)).collect());
    }
    if values.data_type().is_binary() {
        let bytes = convert(values, &DataType::BinaryView)?;
        let text = bytes.as_binary_view().clone().to_string_view();
        return text.map_err(|_| failed("the VARBYTE value is not valid UTF-8".into()));
    }
    let format = FormatOptions::default()
        .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
        .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f+00"));
    let options = CastOptions { safe: false, format_options: format };
    Ok(cast_with_options(values, &DataType::Utf8View, &options)?.as_string_view().clone())
}

/// Cuts texts to `length` bytes, at a character's end (Redshift: an explicit cast truncates silently).
/// Nothing is copied: a shorter text is another view on the same bytes.
pub(crate) fn cut(texts: &StringViewArray, length: usize) -> ArrayRef {
    if texts.lengths().all(|bytes| bytes as usize <= length) {
        return Arc::new(texts.clone());
    }
    let mut cut = StringViewBuilder::with_capacity(texts.len());
    for text in texts {
        cut.append_option(text.map(|text| &text[..text.floor_char_boundary(length)]));
    }
    Arc::new(cut.finish())
}

fn cut_bytes(values: &ArrayRef, length: usize) -> Result<ArrayRef> {
    let bytes = convert(values, &DataType::BinaryView)?;
    let cut = bytes.as_binary_view().iter().map(|bytes| bytes.map(|bytes| &bytes[..bytes.len().min(length)]));
    Ok(Arc::new(cut.collect::<BinaryViewArray>()))
}

/// Texts to DECIMAL: blanks around are ignored, surplus digits of the fraction round half away from zero.
fn text_to_decimal(texts: &StringViewArray, precision: u8, scale: i8) -> Result<ArrayRef> {
    let mut decimals = Decimal128Builder::with_capacity(texts.len());
    for text in texts {
        match text {
            None => decimals.append_null(),
            Some(text) => decimals.append_value(parse_decimal(text, precision, scale).map_err(SqlError::into_engine)?),
        }
    }
    Ok(Arc::new(decimals.finish().with_precision_and_scale(precision, scale)?))
}

fn parse_decimal(text: &str, precision: u8, scale: i8) -> Result<i128, SqlError> {
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

fn from_text(texts: &StringViewArray, to: SqlType) -> Result<ArrayRef> {
    let trimmed: StringViewArray = texts.iter().map(|text| text.map(str::trim)).collect();
    match to {
        SqlType::Varbyte(_) => return Ok(Arc::new(texts.clone().to_binary_view())),
        SqlType::Boolean => return booleans(&trimmed),
        // The engine takes times without colons for something else.
        SqlType::Time => return moments(&trimmed, to),
        _ => {}
    }
    // Redshift: a TIMESTAMP does not look at a zone; the engine does.
    if to == SqlType::Timestamp && trimmed.iter().flatten().any(has_zone) {
        return moments(&trimmed, to);
    }
    let source: ArrayRef = Arc::new(trimmed);
    match convert(&source, &to.arrow()) {
        Err(_) if matches!(to, SqlType::Date | SqlType::Timestamp | SqlType::TimestampTz) => {
            moments(source.as_string_view(), to)
        }
        converted => converted.map_err(|_| bad_text(first_bad(&source, to), to).into_engine()),
    }
}

/// Whether something is behind a date and a time that is none of their digits.
fn has_zone(text: &str) -> bool {
    let behind_date = text.as_bytes().get(11..).unwrap_or_default();
    behind_date.iter().any(|byte| matches!(byte, b'+' | b'-')) || behind_date.iter().any(u8::is_ascii_alphabetic)
}

/// The first text that cannot be converted.
fn first_bad(source: &ArrayRef, to: SqlType) -> &str {
    let options = CastOptions { safe: true, format_options: FormatOptions::default() };
    let converted = cast_with_options(source, &to.arrow(), &options).ok();
    let is_bad = |row: &usize| source.is_valid(*row) && converted.as_ref().is_none_or(|array| array.is_null(*row));
    (0..source.len()).find(is_bad).map(|row| source.as_string_view().value(row)).unwrap_or_default()
}

/// Texts that say moments in one of Redshift's other ways.
fn moments(texts: &StringViewArray, to: SqlType) -> Result<ArrayRef> {
    let moments = texts.iter().map(|text| text.map(|text| literal::read(text, to)).transpose());
    let moments = moments.collect::<Result<Int64Array, SqlError>>()?;
    match to {
        SqlType::Date => Ok(Arc::new(moments.unary::<_, Date32Type>(|day| day as i32))),
        to => convert(&(Arc::new(moments) as ArrayRef), &to.arrow()),
    }
}

fn bad_text(text: &str, to: SqlType) -> SqlError {
    let message = match to {
        SqlType::SmallInt => format!("invalid input syntax for type smallint: \"{text}\""),
        SqlType::Integer => format!("invalid input syntax for integer: \"{text}\""),
        to => format!("invalid input syntax for type {to}: \"{text}\""),
    };
    SqlError::new(ErrorKind::InvalidTextRepresentation, message)
}

fn booleans(texts: &StringViewArray) -> Result<ArrayRef> {
    let read = |text: &str| match text.to_ascii_lowercase().as_str() {
        "t" | "true" | "y" | "yes" | "1" | "on" => Ok(true),
        "f" | "false" | "n" | "no" | "0" | "off" => Ok(false),
        _ => Err(bad_text(text, SqlType::Boolean).into_engine()),
    };
    let values = texts.iter().map(|text| text.map(read).transpose());
    Ok(Arc::new(values.collect::<Result<BooleanArray>>()?))
}

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
        to => {
            let options = CastOptions { safe: true, format_options: FormatOptions::default() };
            Ok(cast_with_options(&texts().collect::<StringViewArray>(), &to.arrow(), &options)?)
        }
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
fn to_super(values: &ArrayRef, from: SqlType) -> Result<ArrayRef> {
    if matches!(from, SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::TimestampTz) {
        let message = format!("cannot cast type {from} to super");
        return Err(SqlError::new(ErrorKind::DatatypeMismatch, message).into_engine());
    }
    let texts = as_text(values, from)?;
    let written = |text: &str| match from {
        SqlType::Varchar(_) | SqlType::Char(_) | SqlType::Varbyte(_) => sonic_rs::to_string(text).unwrap_or_default(),
        SqlType::Real | SqlType::Double => text.parse().map_or_else(|_| "null".into(), float_text),
        _ => text.to_owned(),
    };
    Ok(Arc::new(texts.iter().map(|text| text.map(written)).collect::<StringViewArray>()))
}

fn failed(message: String) -> datafusion::common::DataFusionError {
    SqlError::new(ErrorKind::InvalidTextRepresentation, message).into_engine()
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
