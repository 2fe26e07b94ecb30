//! JSON functions: JSON_EXTRACT_PATH_TEXT, JSON_PARSE, CAN_JSON_PARSE, JSON_SERIALIZE, JSON_TYPEOF,
//! IS_VALID_JSON, JSON_SIZE.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, StringViewArray, StringViewBuilder,
};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF};
use memchr::{memchr_iter, memchr2, memchr2_iter};
use sonic_rs::{JsonType, JsonValueTrait};

use super::path::{Form, JsonPath, extract, invalid_json};
use super::twins::{has_twins, without_twins};
use crate::error::{ErrorKind, SqlError};
use crate::functions::function::{Function, constant_flag, constant_text, is_bytes, is_text, map_first, no_match};
use crate::functions::row::Kind::Document;
use crate::functions::row::by_row;
use crate::functions::super_values::value::Step;
use crate::types::{MAX_VARCHAR, SqlType};

/// Names by which optimizer rules find calls.
pub(crate) const EXTRACT_PATH_TEXT: &str = "json_extract_path_text";
pub(crate) const JSON_PARSE: &str = "json_parse";
pub(crate) const CAN_JSON_PARSE: &str = "can_json_parse";
/// The same functions where an object may have an attribute twice.
pub(crate) const JSON_PARSE_LAST: &str = "json_parse_last";
pub(crate) const CAN_JSON_PARSE_LAST: &str = "can_json_parse_last";
pub(crate) const JSON_TYPEOF: &str = "json_typeof";
pub(crate) const IS_VALID_JSON: &str = "is_valid_json";

pub(crate) fn functions() -> Vec<Function> {
    let functions = [
        Function::new(
            EXTRACT_PATH_TEXT,
            path_text_arguments,
            |_| Ok(SqlType::Varchar(MAX_VARCHAR).field_ref(EXTRACT_PATH_TEXT)),
            extract_path_text,
        ),
        parser(JSON_PARSE, |args| map_first(args, |json| parse(json, is_document))),
        parser(JSON_PARSE_LAST, |args| map_first(args, |json| with_last(&parse(json, is_json)?))),
        tester(CAN_JSON_PARSE, |args| map_first(args, |json| Ok(Arc::new(can_parse(json, is_document))))),
        tester(CAN_JSON_PARSE_LAST, |args| map_first(args, |json| Ok(Arc::new(can_parse(json, is_json))))),
        Function::new(
            IS_VALID_JSON,
            |types| one_text(IS_VALID_JSON, types),
            |_| Ok(Arc::new(Field::new(IS_VALID_JSON, DataType::Boolean, true))),
            |args| map_first(args, |json| Ok(Arc::new(can_parse(json, is_object)))),
        ),
        Function::new(
            "json_serialize",
            |types| one_text("json_serialize", types),
            |_| Ok(SqlType::Varchar(MAX_VARCHAR).field_ref("json_serialize")),
            |args| Ok(args.args[0].clone()),
        ),
        typeof_function(),
        by_row("json_size", &[Document], &[], |row| Ok(Some(row.text(0).len() as i64))),
        by_row("json_serialize_to_varbyte", &[Document], &[], |row| Ok(Some(row.text(0).as_bytes().to_vec()))),
    ];
    functions.map(Function::of_super).into()
}

/// JSON_TYPEOF of a SUPER value.
pub(crate) fn json_typeof(value: Expr) -> Expr {
    ScalarUDF::from(typeof_function()).call(vec![value])
}

fn typeof_function() -> Function {
    let function = Function::new(
        JSON_TYPEOF,
        |types| one_text(JSON_TYPEOF, types),
        |_| Ok(SqlType::Varchar(MAX_VARCHAR).field_ref(JSON_TYPEOF)),
        |args| map_first(args, |json| Ok(Arc::new(type_of(json.as_string_view())))),
    );
    function.of_super()
}

/// JSON_PARSE of what CAN_JSON_PARSE has taken.
pub(crate) fn parse_known_json() -> Function {
    parser("json_parse_known", |args| map_first(args, |json| parse(json, |_| true)))
}

fn parser(name: &'static str, run: fn(&ScalarFunctionArgs) -> Result<ColumnarValue>) -> Function {
    let arguments = |types: &[DataType]| text_or_bytes(JSON_PARSE, types);
    Function::new(name, arguments, |_| Ok(SqlType::Super.field_ref(JSON_PARSE)), run).of_super()
}

fn tester(name: &'static str, run: fn(&ScalarFunctionArgs) -> Result<ColumnarValue>) -> Function {
    let returns = move |_: &ReturnFieldArgs<'_>| Ok(Arc::new(Field::new(name, DataType::Boolean, true)));
    Function::new(name, |types| text_or_bytes(CAN_JSON_PARSE, types), returns, run)
}

fn one_text(name: &str, types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [text] if is_text(text) => Ok(vec![DataType::Utf8View]),
        types => no_match(name, types),
    }
}

fn text_or_bytes(name: &str, types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [bytes] if is_bytes(bytes) => Ok(vec![DataType::BinaryView]),
        types => one_text(name, types),
    }
}

/// Redshift: up to five path elements, then whether invalid JSON gives NULL.
fn path_text_arguments(types: &[DataType]) -> Result<Vec<DataType>> {
    let (paths, flag) = match types {
        [rest @ .., DataType::Boolean] => (rest, true),
        all => (all, false),
    };
    if !(2..=6).contains(&paths.len()) || !is_text(&paths[0]) {
        return no_match(EXTRACT_PATH_TEXT, types);
    }
    let mut wanted = vec![DataType::Utf8View; paths.len()];
    wanted.extend(flag.then_some(DataType::Boolean));
    Ok(wanted)
}

fn extract_path_text(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let has_flag = args.arg_fields.last().is_some_and(|field| field.data_type() == &DataType::Boolean);
    let paths = 1..args.args.len() - usize::from(has_flag);
    let null_if_invalid = has_flag && constant_flag(args, args.args.len() - 1);
    let constant: Option<Vec<Step>> =
        paths.clone().map(|place| constant_text(args, place).map(|key| Step::Key(key.to_owned()))).collect();
    if let Some(steps) = constant {
        let path = JsonPath { steps, form: Form::Text };
        return map_first(args, |json| one_column(json.as_string_view(), &path, null_if_invalid));
    }
    let json = args.args[0].to_array(args.number_rows)?;
    let keys = paths.map(|place| args.args[place].to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
    let rows = (0..args.number_rows).map(|row| {
        let steps = keys.iter().map(|keys| {
            let keys = keys.as_string_view();
            keys.is_valid(row).then(|| Step::Key(keys.value(row).to_owned()))
        });
        let Some(steps) = steps.collect() else { return Ok(None) };
        let text =
            one_column(&json.as_string_view().slice(row, 1), &JsonPath { steps, form: Form::Text }, null_if_invalid)?;
        let text = text.as_string_view();
        Ok(text.is_valid(0).then(|| text.value(0).to_owned()))
    });
    Ok(ColumnarValue::Array(Arc::new(rows.collect::<Result<StringViewArray>>()?)))
}

fn one_column(json: &StringViewArray, path: &JsonPath, null_if_invalid: bool) -> Result<ArrayRef> {
    let mut columns = extract(json, std::slice::from_ref(path), null_if_invalid)?;
    Ok(columns.swap_remove(0))
}

/// JSON text to SUPER: the same bytes if they are compact already.
fn parse(json: &ArrayRef, is_taken: fn(&[u8]) -> bool) -> Result<ArrayRef> {
    let texts = match json.as_binary_view_opt() {
        Some(bytes) => bytes.clone(),
        None => json.as_string_view().clone().to_binary_view(),
    };
    match texts.iter().flatten().find(|text| !is_taken(text)) {
        Some(text) => Err(not_taken(text)),
        None if texts.iter().flatten().all(is_compact) => Ok(Arc::new(texts.to_string_view().map_err(no_text)?)),
        None => compacted(&texts),
    }
}

/// Why a text is no document.
fn not_taken(text: &[u8]) -> DataFusionError {
    match is_json(text) {
        true => SqlError::new(ErrorKind::InvalidTextRepresentation, "JSON parsing error")
            .with_detail("an object has an attribute twice")
            .into_engine(),
        false => invalid_json(&String::from_utf8_lossy(text)),
    }
}

fn no_text(_: ArrowError) -> DataFusionError {
    invalid_json("(the bytes are not valid UTF-8)")
}

/// JSON without the white space between its tokens, all of it in one block.
fn compacted(texts: &BinaryViewArray) -> Result<ArrayRef> {
    let bytes: usize = texts.iter().flatten().map(<[u8]>::len).sum();
    if u32::try_from(bytes).is_err() {
        let (half, rows) = (texts.len() / 2, texts.len());
        let (first, second) = (compacted(&texts.slice(0, half))?, compacted(&texts.slice(half, rows - half))?);
        return Ok(concat(&[&first, &second])?);
    }
    let mut block = Vec::with_capacity(bytes);
    let mut ends = Vec::with_capacity(texts.len());
    for text in texts.iter() {
        text.into_iter().for_each(|text| compact(text, &mut block));
        ends.push(block.len() as u32);
    }
    let mut documents = StringViewBuilder::with_capacity(texts.len());
    let (block, mut start) = (documents.append_block(block.into()), 0);
    for (row, end) in ends.into_iter().enumerate() {
        match texts.is_valid(row) {
            true => documents.try_append_view(block, start, end - start).map_err(no_text)?,
            false => documents.append_null(),
        }
        start = end;
    }
    Ok(Arc::new(documents.finish()))
}

/// Documents in which the last one of attributes of one name is kept.
fn with_last(documents: &ArrayRef) -> Result<ArrayRef> {
    let kept = documents.as_string_view().iter().map(|json| json.map(without_twins).transpose());
    Ok(Arc::new(kept.collect::<Result<StringViewArray>>()?))
}

fn can_parse(json: &ArrayRef, is_taken: fn(&[u8]) -> bool) -> BooleanArray {
    match json.as_binary_view_opt() {
        Some(bytes) => bytes.iter().map(|bytes| bytes.map(is_taken)).collect(),
        None => json.as_string_view().iter().map(|text| Some(is_taken(text?.as_bytes()))).collect(),
    }
}

fn type_of(json: &StringViewArray) -> StringViewArray {
    let name = |value: &str| {
        sonic_rs::from_str::<sonic_rs::LazyValue<'_>>(value).ok().map(|value| match value.get_type() {
            JsonType::Null => "null",
            JsonType::Boolean => "boolean",
            JsonType::Number => "number",
            JsonType::String => "string",
            JsonType::Object => "object",
            JsonType::Array => "array",
        })
    };
    json.iter().map(|value| value.and_then(name)).collect()
}

/// Whether a text is one JSON value.
pub(crate) fn is_json(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(is_value)
}

fn is_value(text: &str) -> bool {
    !is_too_deep(text.as_bytes()) && sonic_rs::from_str::<sonic_rs::LazyValue<'_>>(text).is_ok()
}

/// Whether a text is one JSON value that SUPER can have.
fn is_document(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| is_value(text) && !has_twins(text))
}

/// Whether values are in more arrays and objects than Redshift allows. Whoever reads them does so by calling itself.
fn is_too_deep(json: &[u8]) -> bool {
    const MOST: usize = 1_000;
    // Most are too short for it.
    if json.len() <= 2 * MOST || memchr2_iter(b'[', b'{', json).count() <= MOST {
        return false;
    }
    let (mut rest, mut depth) = (json, 0_usize);
    while let Some(byte) = rest.first() {
        let length = match byte {
            b'"' => string_length(rest),
            b'[' | b'{' => {
                depth += 1;
                1
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                1
            }
            _ => 1,
        };
        if depth > MOST {
            return true;
        }
        rest = &rest[length..];
    }
    false
}

/// IS_VALID_JSON takes objects only (Redshift: IS_VALID_JSON_ARRAY takes the arrays).
fn is_object(text: &[u8]) -> bool {
    is_json(text) && text.trim_ascii_start().starts_with(b"{")
}

/// Whether JSON has no white space between its tokens.
fn is_compact(json: &[u8]) -> bool {
    blanks_are_in_strings(json) || tokens_touch(json)
}

/// Whether the only white space is blanks with a letter or the like on either side. Such a blank is in a string: between tokens,
/// a quote, a bracket, a comma, a colon or another blank is next to it. Quicker than a look at each token.
fn blanks_are_in_strings(json: &[u8]) -> bool {
    let is_inner = |byte: Option<&u8>| {
        byte.is_some_and(|byte| !matches!(byte, b' ' | b'"' | b'{' | b'}' | b'[' | b']' | b',' | b':'))
    };
    let has_controls = json.iter().fold(false, |found, byte| found | (*byte < b' '));
    !has_controls && memchr_iter(b' ', json).all(|at| is_inner(json[..at].last()) && is_inner(json.get(at + 1)))
}

fn tokens_touch(mut rest: &[u8]) -> bool {
    while let Some(byte) = rest.first() {
        match byte {
            b'"' => rest = &rest[string_length(rest)..],
            b' ' | b'\t' | b'\n' | b'\r' => return false,
            _ => rest = &rest[1..],
        }
    }
    true
}

/// Writes JSON without the white space between its tokens.
fn compact(json: &[u8], compact: &mut Vec<u8>) {
    // What is kept since the last white space.
    let (mut start, mut at) = (0, 0);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => at += string_length(&json[at..]),
            b' ' | b'\t' | b'\n' | b'\r' => {
                compact.extend_from_slice(&json[start..at]);
                at += 1;
                start = at;
            }
            _ => at += 1,
        }
    }
    compact.extend_from_slice(&json[start..]);
}

/// The length of the string that `json` starts with, with its quotes.
pub(super) fn string_length(json: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = json.get(at..).and_then(quote_or_escape) {
        at += found;
        match json[at] {
            b'"' => return at + 1,
            _ => at += 2,
        }
    }
    json.len()
}

/// Where the first quote or backslash is. Most strings are so short that a search for it takes longer to begin than to end.
fn quote_or_escape(text: &[u8]) -> Option<usize> {
    const SHORT: usize = 8;
    let (words, _) = text.as_chunks();
    for (place, word) in words.iter().take(SHORT).enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = places_of(b'"', word) | places_of(b'\\', word);
        if found != 0 {
            return Some(place * size_of::<u64>() + (found.trailing_zeros() / 8) as usize);
        }
    }
    let start = words.len().min(SHORT) * size_of::<u64>();
    memchr2(b'"', b'\\', &text[start..]).map(|found| start + found)
}

/// The highest bit of each byte of `word` that is `byte`.
pub(super) fn places_of(byte: u8, word: u64) -> u64 {
    const LOW_BITS: u64 = u64::from_ne_bytes([0x7f; 8]);
    let differs = word ^ u64::from_ne_bytes([byte; 8]);
    !(((differs & LOW_BITS) + LOW_BITS) | differs | LOW_BITS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The tokens of an array of strings and literals.
    fn tokens() -> impl Strategy<Value = Vec<String>> {
        let token = r#""([a-b ,:\[}]|\\["\\n])*"|-?[1-9]|true"#;
        prop::collection::vec(token, 1..4).prop_map(|values| {
            let separated = values.into_iter().flat_map(|value| [",".to_owned(), value]).skip(1);
            ["[".to_owned()].into_iter().chain(separated).chain(["]".to_owned()]).collect()
        })
    }

    proptest! {
        #[test]
        fn a_text_is_compact_if_making_it_so_changes_nothing(
            tokens in tokens(),
            blanks in prop::collection::vec("|||| |  |\n|\t ", 8),
        ) {
            let json: String = blanks.iter().zip(&tokens).flat_map(|(blank, token)| [blank.as_str(), token]).collect();
            prop_assert!(is_json(json.as_bytes()), "{}", json);
            let mut made = Vec::new();
            compact(json.as_bytes(), &mut made);
            prop_assert_eq!(&made, &tokens.concat().into_bytes());
            prop_assert_eq!(is_compact(json.as_bytes()), json.len() == made.len());
        }
    }
}
