//! VARBYTE and its texts: FROM_VARBYTE, TO_VARBYTE, FROM_HEX, TO_HEX.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BinaryViewArray, StringViewArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use crate::functions::function::{Function, constant_text, invalid, is_bytes, is_text, map_first, no_match};
use crate::functions::row::Kind::{Bytes, Text, WholeOrBytes};
use crate::functions::row::by_row;
use crate::types::{MAX_VARBYTE, MAX_VARCHAR, SqlType};

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new(
            "from_varbyte",
            |types| match types {
                [bytes, format] if (is_bytes(bytes) || is_text(bytes)) && is_text(format) => {
                    Ok(vec![DataType::BinaryView, DataType::Utf8View])
                }
                types => no_match("from_varbyte", types),
            },
            |_| Ok(SqlType::Varchar(MAX_VARCHAR).field_ref("from_varbyte")),
            from_varbyte,
        ),
        Function::new(
            "to_varbyte",
            |types| match types {
                [text, format] if is_text(text) && is_text(format) => Ok(vec![DataType::Utf8View, DataType::Utf8View]),
                types => no_match("to_varbyte", types),
            },
            |_| Ok(SqlType::Varbyte(MAX_VARBYTE).field_ref("to_varbyte")),
            to_varbyte,
        ),
        by_row("to_hex", &[WholeOrBytes], &[], |row| {
            Ok(Some(match row.sql_type(0) {
                Some(SqlType::BigInt) => format!("{:x}", row.whole(0)),
                Some(number) if number.is_numeric() => format!("{:x}", row.whole(0) as i32),
                _ => tidemill_clock::hex(row.bytes(0)),
            }))
        }),
        by_row("is_utf8", &[Bytes], &[], |row| Ok(Some(std::str::from_utf8(row.bytes(0)).is_ok()))),
        by_row("from_hex", &[Text], &[], |row| decoded(row.text(0), from_hex).map(Some)),
    ]
}

fn from_varbyte(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let format = format_of(args)?;
    map_first(args, |bytes| match format {
        Format::Utf8 => to_utf8(bytes.as_binary_view()),
        Format::Hex => Ok(encode(bytes.as_binary_view(), tidemill_clock::hex)),
        Format::Binary => Ok(encode(bytes.as_binary_view(), to_bits)),
    })
}

fn to_varbyte(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let format = format_of(args)?;
    map_first(args, |text| match format {
        Format::Utf8 => Ok(Arc::new(text.as_string_view().clone().to_binary_view())),
        Format::Hex => decode(text.as_string_view(), from_hex),
        Format::Binary => decode(text.as_string_view(), from_bits),
    })
}

#[derive(Clone, Copy)]
enum Format {
    Utf8,
    Hex,
    Binary,
}

fn format_of(args: &ScalarFunctionArgs) -> Result<Format> {
    let format = constant_text(args, 1).unwrap_or_default();
    match format.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" => Ok(Format::Utf8),
        "hex" => Ok(Format::Hex),
        "binary" => Ok(Format::Binary),
        _ => Err(invalid(format!("unknown format '{format}', it must be 'utf-8', 'hex' or 'binary'"))),
    }
}

/// The same bytes seen as text: nothing is copied.
fn to_utf8(bytes: &BinaryViewArray) -> Result<ArrayRef> {
    match bytes.clone().to_string_view() {
        Ok(text) => Ok(Arc::new(text)),
        Err(_) => Err(invalid("the VARBYTE value is not valid UTF-8")),
    }
}

fn encode(bytes: &BinaryViewArray, encode: impl Fn(&[u8]) -> String) -> ArrayRef {
    Arc::new(bytes.iter().map(|value| value.map(&encode)).collect::<StringViewArray>())
}

fn decode(texts: &StringViewArray, decode: fn(&str) -> Option<Vec<u8>>) -> Result<ArrayRef> {
    let decoded = texts.iter().map(|text| text.map(|text| decoded(text, decode)).transpose());
    Ok(Arc::new(decoded.collect::<Result<BinaryViewArray>>()?))
}

fn decoded(text: &str, decode: fn(&str) -> Option<Vec<u8>>) -> Result<Vec<u8>> {
    decode(text).ok_or_else(|| invalid(format!("'{text}' cannot be read as VARBYTE")))
}

fn to_bits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:08b}")).collect()
}

/// A zero is missing in front of an odd number of digits.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let even = if text.len().is_multiple_of(2) { Cow::Borrowed(text) } else { Cow::Owned(format!("0{text}")) };
    chunks(&even, 2)?.map(|digits| u8::from_str_radix(digits, 16).ok()).collect()
}

fn from_bits(text: &str) -> Option<Vec<u8>> {
    chunks(text, 8)?.map(|digits| u8::from_str_radix(digits, 2).ok()).collect()
}

/// ASCII text in pieces of `length`; none if it does not come out even or is something else.
fn chunks(text: &str, length: usize) -> Option<impl Iterator<Item = &str>> {
    let even =
        text.is_ascii() && text.len().is_multiple_of(length) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    even.then(|| (0..text.len()).step_by(length).map(move |at| &text[at..at + length]))
}
