//! JSON arrays in texts: JSON_ARRAY_LENGTH, JSON_EXTRACT_ARRAY_ELEMENT_TEXT, IS_VALID_JSON_ARRAY.

use std::borrow::Cow;

use datafusion::common::Result;

use super::documents::is_json;
use super::path::invalid_json;
use crate::functions::Function;
use crate::functions::casts::super_value::scalar_text;
use crate::functions::row::Kind::{Document, Flag, Text, Whole};
use crate::functions::row::{Row, by_row};

pub(crate) fn functions() -> Vec<Function> {
    vec![
        by_row("json_array_length", &[Document], &[Flag], |row| {
            Ok(array(row, 1)?.map(|array| sonic_rs::to_array_iter(array).count() as i32))
        }),
        by_row("json_extract_array_element_text", &[Document, Whole], &[Flag], |row| {
            let (Some(array), Ok(place)) = (array(row, 2)?, usize::try_from(row.whole(1))) else { return Ok(None) };
            let element = sonic_rs::to_array_iter(array).nth(place).and_then(|element| element.ok());
            Ok(element.and_then(|element| said(element.as_raw_str()).map(Cow::into_owned)))
        }),
        by_row("is_valid_json_array", &[Text], &[], |row| Ok(Some(is_array(row.text(0))))),
    ]
}

/// The first argument, which must be an array; none if it is not one and the argument at `null_if_invalid` allows that.
fn array<'r>(row: &Row<'r>, null_if_invalid: usize) -> Result<Option<&'r str>> {
    match row.text(0) {
        json if is_array(json) => Ok(Some(json)),
        _ if row.flag(null_if_invalid) => Ok(None),
        json => Err(invalid_json(json)),
    }
}

fn is_array(text: &str) -> bool {
    text.trim_start().starts_with('[') && is_json(text.as_bytes())
}

/// What a value says: a string without its quotes, arrays and objects as they are written; none for null.
fn said(json: &str) -> Option<Cow<'_, str>> {
    match json.starts_with(['[', '{']) {
        true => Some(Cow::Borrowed(json)),
        false => scalar_text(json),
    }
}
