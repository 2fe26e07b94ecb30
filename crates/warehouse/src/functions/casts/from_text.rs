//! Casts from texts.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringViewArray};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::Date32Type;
use datafusion::arrow::util::display::FormatOptions;
use datafusion::common::Result;

use super::cast::convert;
use crate::error::{ErrorKind, SqlError};
use crate::functions::dates::literal;
use crate::types::SqlType;

pub(crate) fn from_text(texts: &StringViewArray, to: SqlType) -> Result<ArrayRef> {
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
