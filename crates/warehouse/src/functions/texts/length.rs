//! LEN and LENGTH: characters of a text, bytes of a VARBYTE; trailing blanks of a CHAR do not count.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Result;

use crate::functions::function::{Function, is_bytes, is_text, map_first, no_match};
use crate::types::SqlType;

pub(crate) fn functions() -> Vec<Function> {
    let length = Function::new(
        "len",
        |types| bytes_or_text("len", types),
        |_| Ok(Arc::new(Field::new("len", DataType::Int32, true))),
        |args| {
            let is_char = matches!(SqlType::of(&args.arg_fields[0]), SqlType::Char(_));
            map_first(args, |values| Ok(length(values, is_char)))
        },
    );
    let octets = Function::new(
        "octet_length",
        |types| bytes_or_text("octet_length", types),
        |_| Ok(Arc::new(Field::new("octet_length", DataType::Int32, true))),
        |args| {
            let is_char = matches!(SqlType::of(&args.arg_fields[0]), SqlType::Char(_));
            map_first(args, |values| Ok(if is_char { trimmed_length(values) } else { octet_length(values) }))
        },
    );
    let aliases = ["length", "char_length", "character_length", "textlen"];
    vec![length.also(&aliases).by_type(), octets.by_type()]
}

fn bytes_or_text(name: &str, types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [bytes] if is_bytes(bytes) => Ok(vec![DataType::BinaryView]),
        [text] if is_text(text) => Ok(vec![DataType::Utf8View]),
        types => no_match(name, types),
    }
}

fn length(values: &ArrayRef, is_char: bool) -> ArrayRef {
    let Some(text) = values.as_string_view_opt() else { return octet_length(values) };
    let characters = |text: &str| {
        let counted = if is_char { text.trim_end_matches(' ') } else { text };
        counted.chars().count() as i32
    };
    Arc::new(text.iter().map(|text| text.map(characters)).collect::<Int32Array>())
}

/// Bytes of a CHAR, whose characters have one each.
fn trimmed_length(values: &ArrayRef) -> ArrayRef {
    let texts = values.as_string_view().iter();
    Arc::new(texts.map(|text| text.map(|text| text.trim_end_matches(' ').len() as i32)).collect::<Int32Array>())
}

fn octet_length(values: &ArrayRef) -> ArrayRef {
    // The length is in the view itself: the bytes need not be looked at.
    let (views, nulls) = match values.as_string_view_opt() {
        Some(text) => (text.views(), text.nulls()),
        None => {
            let bytes = values.as_binary_view();
            (bytes.views(), bytes.nulls())
        }
    };
    Arc::new(Int32Array::new(views.iter().map(|view| *view as u32 as i32).collect(), nulls.cloned()))
}
