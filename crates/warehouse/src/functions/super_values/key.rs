//! Keys by which SUPER values are compared and ordered: as bytes, they are in the order of the values.
//!
//! ```text
//! null     NULL
//! boolean  1, 0 or 1
//! number   2, then 0, 1 or 2 by its sign, the exponent and the digits, all but leading and trailing zeros; inverted if negative
//! string   3, the string itself, but for blanks at its end
//! array    4, then 1 and the key of each element, then 0
//! object   5, then 1, the name and the key of each attribute in the order of the names, then 0
//! ```
//!
//! Of what is in arrays and objects, a byte 0 is written as 0 and 255, and 0 and 0 are behind it.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, StringViewArray};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, ScalarUDF};

use crate::functions::Function;
use crate::functions::casts::super_value::scalar_text;
use crate::functions::function::map_first;

/// The name by which the optimizer finds keys.
pub(crate) const SUPER_KEY: &str = "super_key";

/// The key of a SUPER value: equal for values that are equal, whatever their numbers are spelled like; by type, then by value.
pub(crate) fn super_key(value: Expr) -> Expr {
    let function = Function::new(
        SUPER_KEY,
        |_| Ok(vec![DataType::Utf8View]),
        |_| Ok(Arc::new(Field::new(SUPER_KEY, DataType::Binary, true))),
        |args| map_first(args, keys),
    );
    ScalarUDF::from(function.of_super()).call(vec![value])
}

/// The same key in hexadecimal digits, which are in the same order: windows are ordered by texts, not by bytes.
pub(crate) fn super_key_text(value: Expr) -> Expr {
    let function = Function::new(
        "super_key_text",
        |_| Ok(vec![DataType::Utf8View]),
        |_| Ok(Arc::new(Field::new("super_key_text", DataType::Utf8View, true))),
        |args| {
            map_first(args, |documents| {
                let texts = keys(documents)?
                    .as_binary::<i32>()
                    .iter()
                    .map(|key| key.map(tidemill_clock::hex))
                    .collect::<StringViewArray>();
                Ok(Arc::new(texts))
            })
        },
    );
    ScalarUDF::from(function.of_super()).call(vec![value])
}

/// The keys of SUPER values.
pub(crate) fn keys(documents: &ArrayRef) -> Result<ArrayRef> {
    let documents = documents.as_string_view();
    let (mut keys, mut key) = (BinaryBuilder::with_capacity(documents.len(), documents.len() * 8), Vec::new());
    for document in documents {
        key.clear();
        match document {
            None | Some("null") => keys.append_null(),
            Some(document) => {
                write_key(document, &mut key);
                keys.append_value(&key);
            }
        }
    }
    Ok(Arc::new(keys.finish()))
}

/// The key of one value; that of null is less than any other.
pub(crate) fn key(document: &str) -> Vec<u8> {
    let mut key = Vec::new();
    if document != "null" {
        write_key(document, &mut key);
    }
    key
}

fn write_key(document: &str, key: &mut Vec<u8>) {
    match document.as_bytes().first() {
        Some(b't') => key.extend([1, 1]),
        Some(b'f') => key.extend([1, 0]),
        Some(b'"') => {
            key.push(3);
            let text = scalar_text(document).unwrap_or(Cow::Borrowed(document));
            key.extend(text.trim_end_matches(' ').as_bytes());
        }
        Some(b'[') => {
            key.push(4);
            for element in sonic_rs::to_array_iter(document).flatten() {
                key.push(1);
                write_inner(&self::key(element.as_raw_str()), key);
            }
            key.push(0);
        }
        Some(b'{') => {
            key.push(5);
            let attributes = sonic_rs::to_object_iter(document).flatten();
            let mut attributes: Vec<_> =
                attributes.map(|(name, value)| (name, self::key(value.as_raw_str()))).collect();
            attributes.sort();
            for (name, value) in attributes {
                key.push(1);
                write_inner(name.as_bytes(), key);
                write_inner(&value, key);
            }
            key.push(0);
        }
        _ => write_number(document, key),
    }
}

/// Bytes that end where no other ones go on.
fn write_inner(bytes: &[u8], key: &mut Vec<u8>) {
    for byte in bytes {
        key.push(*byte);
        if *byte == 0 {
            key.push(u8::MAX);
        }
    }
    key.extend([0, 0]);
}

fn write_number(number: &str, key: &mut Vec<u8>) {
    key.push(2);
    let (sign, number) = number.strip_prefix('-').map_or((2, number), |number| (0, number));
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = whole.bytes().chain(fraction.bytes());
    let zeros = digits.clone().take_while(|digit| *digit == b'0').count();
    if zeros == whole.len() + fraction.len() {
        return key.push(1);
    }
    key.push(sign);
    let start = key.len();
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let magnitude = exponent.saturating_add(whole.len() as i64 - zeros as i64);
    // The sign bit is turned, so that the bytes of negative exponents are less than those of positive ones.
    key.extend((magnitude ^ i64::MIN).to_be_bytes());
    key.extend(digits.skip(zeros));
    while key.last() == Some(&b'0') && key.len() > start + size_of::<i64>() {
        key.pop();
    }
    if sign == 0 {
        key[start..].iter_mut().for_each(|byte| *byte = !*byte);
        // Fewer digits are a greater number here.
        key.push(u8::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_the_values() {
        let ordered = [
            "false",
            "true",
            "-1e400",
            "-123456789012345678901",
            "-100",
            "-15",
            "-1.5",
            "-1",
            "-0.25",
            "-1e-9",
            "0",
            "1e-9",
            "0.25",
            "1",
            "1.5",
            "2",
            "9",
            "10",
            "12",
            "99.5",
            "100",
            "123456789012345678901",
            "123456789012345678902",
            "1e400",
            "\"\"",
            "\"1\"",
            "\"A\"",
            "\"a\"",
            "\"a\\\"\"",
            "\"ab\"",
            "[]",
            "[null]",
            "[1]",
            "[1,2]",
            "[2]",
            "{}",
            "{\"a\":1}",
            "{\"a\":1,\"b\":1}",
            "{\"b\":0}",
        ];
        for pair in ordered.windows(2) {
            assert!(key(pair[0]) < key(pair[1]), "{} is not below {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn a_number_has_one_key_however_it_is_spelled() {
        for same in
            [["1", "1.0"], ["100", "1e2"], ["-0.50", "-5e-1"], ["0", "-0.00"], ["1200.0", "1.2E+3"], ["0e5", "0"]]
        {
            assert_eq!(key(same[0]), key(same[1]), "{same:?}");
        }
        assert_ne!(key("1"), key("\"1\""));
        assert_eq!(key(r#"{"a":[1,"x  "],"b":2}"#), key(r#"{"b":2.0,"a":[1e0,"x"]}"#));
    }
}
