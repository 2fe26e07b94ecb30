//! VARBYTE and its texts: FROM_VARBYTE, TO_VARBYTE, FROM_HEX, TO_HEX.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, BinaryViewBuilder, StringViewArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use super::function::{Function, constant_text, is_bytes, is_text, map_first, no_match};
use crate::error::{ErrorKind, SqlError};
use crate::types::{MAX_VARBYTE, MAX_VARCHAR, SqlType};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new(
            "from_varbyte",
            |types| match types {
                [bytes, format] if is_bytes(bytes) && is_text(format) => {
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
        Function::new(
            "to_hex",
            |types| match types {
                [bytes] if is_bytes(bytes) => Ok(vec![DataType::BinaryView]),
                types => no_match("to_hex", types),
            },
            |_| Ok(SqlType::Varchar(MAX_VARCHAR).field_ref("to_hex")),
            |args| map_first(args, |bytes| Ok(encode(bytes.as_binary_view(), tidemill_clock::hex))),
        ),
        Function::new(
            "from_hex",
            |types| match types {
                [text] if is_text(text) => Ok(vec![DataType::Utf8View]),
                types => no_match("from_hex", types),
            },
            |_| Ok(SqlType::Varbyte(MAX_VARBYTE).field_ref("from_hex")),
            |args| map_first(args, |text| decode(text.as_string_view(), from_hex)),
        ),
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
        Err(_) => Err(invalid("the VARBYTE value is not valid UTF-8".into())),
    }
}

fn encode(bytes: &BinaryViewArray, encode: impl Fn(&[u8]) -> String) -> ArrayRef {
    Arc::new(bytes.iter().map(|value| value.map(&encode)).collect::<StringViewArray>())
}

fn decode(text: &StringViewArray, decode: impl Fn(&str) -> Option<Vec<u8>>) -> Result<ArrayRef> {
    let mut bytes = BinaryViewBuilder::with_capacity(text.len());
    for value in text {
        match value.map(|value| decode(value).ok_or_else(|| invalid(format!("'{value}' cannot be read as VARBYTE")))) {
            Some(decoded) => bytes.append_value(decoded?),
            None => bytes.append_null(),
        }
    }
    Ok(Arc::new(bytes.finish()))
}

fn to_bits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:08b}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    chunks(text, 2)?.map(|digits| u8::from_str_radix(digits, 16).ok()).collect()
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

fn invalid(message: String) -> datafusion::common::DataFusionError {
    SqlError::new(ErrorKind::InvalidParameterValue, message).into_engine()
}
