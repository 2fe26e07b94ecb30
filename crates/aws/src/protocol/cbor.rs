//! AWS CBOR 1.1, which the SDKs for Java speak to Kinesis: JSON's shapes, with byte strings for blobs and whole
//! milliseconds under tag 1 for times.

use axum::body::Body;
use base64_simd::STANDARD;
use http::{Response, StatusCode};
use serde::Serialize;
use serde_cbor_2::Value as Cbor;
use serde_json::{Map, Number, Value};

use crate::error::{AwsError, Result};

pub(crate) const CONTENT_TYPE: &str = "application/x-amz-cbor-1.1";
/// CBOR's tag for a time.
pub(crate) const TIME: u64 = 1;

/// Reads a request as the JSON that would have meant the same.
pub(crate) fn read(bytes: &[u8]) -> Result<Value> {
    if bytes.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    serde_cbor_2::from_slice(bytes).map_err(malformed).and_then(to_json)
}

/// The error for bytes that are no CBOR of the expected shape.
pub(crate) fn malformed(error: serde_cbor_2::Error) -> AwsError {
    AwsError::serialization(error.to_string())
}

fn to_json(value: Cbor) -> Result<Value> {
    Ok(match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(flag) => Value::Bool(flag),
        Cbor::Integer(number) => Value::Number(Number::from_i128(number).ok_or_else(|| unfit("number"))?),
        Cbor::Float(number) => Value::Number(Number::from_f64(number).ok_or_else(|| unfit("number"))?),
        Cbor::Bytes(bytes) => Value::String(STANDARD.encode_to_string(bytes)),
        Cbor::Text(text) => Value::String(text),
        Cbor::Array(items) => Value::Array(items.into_iter().map(to_json).collect::<Result<_>>()?),
        Cbor::Map(members) => {
            let member = |(name, value)| match name {
                Cbor::Text(name) => Ok((name, to_json(value)?)),
                _ => Err(unfit("name of a member")),
            };
            Value::Object(members.into_iter().map(member).collect::<Result<_>>()?)
        }
        Cbor::Tag(TIME, time) => {
            let millis = to_json(*time)?.as_f64().ok_or_else(|| unfit("time"))?;
            Value::Number(Number::from_f64(millis / 1000.0).ok_or_else(|| unfit("time"))?)
        }
        Cbor::Tag(_, value) => to_json(*value)?,
        _ => return Err(unfit("value")),
    })
}

fn unfit(what: &str) -> AwsError {
    AwsError::serialization(format!("a {what} in the request is none that JSON has"))
}

/// Writes an answer.
pub(crate) fn write(output: &impl Serialize) -> Result<Vec<u8>> {
    serde_cbor_2::to_vec(output).map_err(AwsError::internal)
}

pub(crate) fn answer(request_id: &str, body: Vec<u8>) -> Response<Body> {
    super::respond(request_id, StatusCode::OK, CONTENT_TYPE, Body::from(body))
}

pub(crate) fn error(request_id: &str, error: &AwsError) -> Response<Body> {
    let body = serde_cbor_2::to_vec(&super::json::error_body(error)).unwrap_or_default();
    super::respond(request_id, error.status, CONTENT_TYPE, Body::from(body))
}

/// Writes the parts of an answer one by one, where it is too large to be made as a whole first.
#[derive(Debug)]
pub(crate) struct Writer<'o>(pub(crate) &'o mut Vec<u8>);

impl Writer<'_> {
    /// Starts a map of so many members.
    pub(crate) fn map(&mut self, members: usize) {
        self.head(5, members as u64);
    }

    /// Starts a list of so many items.
    pub(crate) fn list(&mut self, items: usize) {
        self.head(4, items as u64);
    }

    /// Writes a text.
    pub(crate) fn text(&mut self, text: &[u8]) {
        self.head(3, text.len() as u64);
        self.0.extend_from_slice(text);
    }

    /// Writes a blob.
    pub(crate) fn blob(&mut self, bytes: &[u8]) {
        self.head(2, bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// Writes a number.
    pub(crate) fn number(&mut self, number: u64) {
        self.head(0, number);
    }

    /// Writes a time.
    pub(crate) fn time(&mut self, millis: u64) {
        self.head(6, TIME);
        self.number(millis);
    }

    /// Writes a value that is made as a whole.
    pub(crate) fn value(&mut self, value: &impl Serialize) -> Result<()> {
        self.0.extend_from_slice(&write(value)?);
        Ok(())
    }

    fn head(&mut self, major: u8, number: u64) {
        let major = major << 5;
        match number {
            0..=23 => self.0.push(major | number as u8),
            24..=0xff => self.0.extend_from_slice(&[major | 24, number as u8]),
            0x100..=0xffff => {
                self.0.push(major | 25);
                self.0.extend_from_slice(&(number as u16).to_be_bytes());
            }
            0x1_0000..=0xffff_ffff => {
                self.0.push(major | 26);
                self.0.extend_from_slice(&(number as u32).to_be_bytes());
            }
            _ => {
                self.0.push(major | 27);
                self.0.extend_from_slice(&number.to_be_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_milliseconds_under_a_tag() {
        let mut bytes = Vec::new();
        let mut writer = Writer(&mut bytes);
        writer.map(2);
        writer.text(b"Timestamp");
        writer.time(1_700_000_000_123);
        writer.text(b"Data");
        writer.blob(b"\x00\xff");
        let expected = serde_json::json!({"Timestamp": 1_700_000_000.123, "Data": "AP8="});
        assert_eq!(read(&bytes).unwrap(), expected);
    }

    #[test]
    fn heads_of_every_length_read_back() {
        for length in [0, 1, 23, 24, 255, 256, 65_535, 65_536, 100_000] {
            let mut bytes = Vec::new();
            Writer(&mut bytes).blob(&vec![7; length]);
            let read: Cbor = serde_cbor_2::from_slice(&bytes).unwrap();
            assert_eq!(read, Cbor::Bytes(vec![7; length]));
        }
    }
}
