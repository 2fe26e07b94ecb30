//! Casts from texts.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, IntervalMonthDayNanoArray, StringViewArray,
};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Date32Type, Int64Type};
use datafusion::arrow::util::display::FormatOptions;
use datafusion::common::Result;

use super::cast::{convert, cut_bytes};
use crate::error::{ErrorKind, SqlError};
use crate::functions::dates::literal;
use crate::functions::dates::span::Span;
use crate::types::SqlType;

pub(crate) fn from_text(texts: &StringViewArray, to: SqlType) -> Result<ArrayRef> {
    match to {
        SqlType::Varbyte(length) => {
            let bytes: ArrayRef = Arc::new(texts.clone().to_binary_view());
            return cut_bytes(&bytes, length as usize);
        }
        SqlType::Boolean => return booleans(texts),
        SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::TimestampTz => return moments(texts, to, false),
        SqlType::Interval => return spans(texts, false),
        _ => {}
    }
    let source: ArrayRef = Arc::new(texts.iter().map(|text| text.map(str::trim)).collect::<StringViewArray>());
    convert(&source, &to.arrow()).map_err(|_| bad_text(first_bad(&source, to), to).into_engine())
}

/// The first text that cannot be converted.
fn first_bad(source: &ArrayRef, to: SqlType) -> &str {
    let converted = convert_leniently(source, &to.arrow()).ok();
    let is_bad = |row: &usize| source.is_valid(*row) && converted.as_ref().is_none_or(|array| array.is_null(*row));
    (0..source.len()).find(is_bad).map(|row| source.as_string_view().value(row)).unwrap_or_default()
}

/// The engine's own conversion; NULL for a value that cannot be converted.
pub(crate) fn convert_leniently(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let options = CastOptions { safe: true, format_options: FormatOptions::default() };
    Ok(cast_with_options(values, to, &options)?)
}

/// Texts that say moments. The engine reads those that are written as most are, [`literal`] all others. One that says none is NULL
/// if the reading `is_lenient`.
pub(crate) fn moments(texts: &StringViewArray, to: SqlType, is_lenient: bool) -> Result<ArrayRef> {
    let plain: ArrayRef =
        Arc::new(texts.iter().map(|text| text.and_then(|text| plain(text.trim(), to))).collect::<StringViewArray>());
    let converted = convert_leniently(&plain, &to.arrow())?;
    if converted.null_count() == texts.null_count() {
        return Ok(converted);
    }
    let whole = if to == SqlType::Date { DataType::Int32 } else { DataType::Int64 };
    let whole = convert(&convert(&converted, &whole)?, &DataType::Int64)?;
    let rows = whole.as_primitive::<Int64Type>().iter().zip(texts).map(|(read, text)| match (read, text) {
        (None, Some(text)) => match literal::read(text.trim(), to) {
            Err(_) if is_lenient => Ok(None),
            read => read.map(Some),
        },
        (read, _) => Ok(read),
    });
    let rows = rows.collect::<Result<Int64Array, SqlError>>()?;
    match to {
        SqlType::Date => Ok(Arc::new(rows.unary::<_, Date32Type>(|day| day as i32))),
        to => convert(&(Arc::new(rows) as ArrayRef), &to.arrow()),
    }
}

/// A text as the engine reads it with the meaning that it has: `YYYY-MM-DD HH:MM:SS`. A type without a time zone does not look at
/// an offset (Redshift). Zones with names, which the engine has other ones of, and times without colons are for [`literal`].
fn plain(text: &str, to: SqlType) -> Option<&str> {
    const DATE: usize = "YYYY-MM-DD".len();
    let is_date = text.len() >= DATE && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
    if to == SqlType::Time || !is_date {
        return None;
    }
    let behind = text.get(DATE + 1..).unwrap_or_default();
    let end = behind.find(|letter: char| !matches!(letter, '0'..='9' | ':' | '.'));
    match end.map(|end| (end, &behind[end..])) {
        None => Some(text),
        Some((end, zone)) if is_offset(zone) => match to {
            SqlType::TimestampTz => Some(text),
            _ => Some(&text[..DATE + 1 + end]),
        },
        Some(_) => None,
    }
}

fn is_offset(zone: &str) -> bool {
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    zone == "Z" || zone.strip_prefix(['+', '-']).is_some_and(|digits| !digits.is_empty() && is_number(digits))
}

/// Texts that say intervals. One that says none is NULL if the reading `is_lenient`.
pub(crate) fn spans(texts: &StringViewArray, is_lenient: bool) -> Result<ArrayRef> {
    let span = |text: &str| match Span::parse(text, None, None).and_then(Span::kept) {
        None if !is_lenient => Err(bad_text(text, SqlType::Interval).into_engine()),
        span => Ok(span),
    };
    let spans = texts.iter().map(|text| text.map_or(Ok(None), span));
    Ok(Arc::new(spans.collect::<Result<IntervalMonthDayNanoArray>>()?))
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
    let read = |text: &str| match text.trim().to_ascii_lowercase().as_str() {
        "t" | "true" | "y" | "yes" | "1" | "on" => Ok(true),
        "f" | "false" | "n" | "no" | "0" | "off" => Ok(false),
        _ => Err(bad_text(text, SqlType::Boolean).into_engine()),
    };
    let values = texts.iter().map(|text| text.map(read).transpose());
    Ok(Arc::new(values.collect::<Result<BooleanArray>>()?))
}
