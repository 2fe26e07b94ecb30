//! Bodies of requests, and what is read from answers, without decoding them as a whole.

use memchr::memmem;
use serde::Serialize;
use serde_bytes::ByteBuf;

use crate::client::Failure;
use crate::{Format, Options, Payload, Workload};

/// A body in the wanted format.
pub fn body(format: Format, value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    Ok(match format {
        Format::Json => serde_json::to_vec(value)?,
        Format::Cbor => serde_cbor_2::to_vec(value)?,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecords<'a> {
    stream_name: &'a str,
    records: Vec<Record>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecord<'a> {
    stream_name: &'a str,
    #[serde(flatten)]
    record: Record,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Record {
    data: Data,
    partition_key: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data {
    Text(String),
    Bytes(ByteBuf),
}

/// The body of the `number`th put.
pub fn put(options: &Options, number: u64) -> Result<Vec<u8>, Failure> {
    let first = number * options.batch as u64;
    let stream_name = &options.stream;
    match options.workload {
        Workload::Put => body(options.format, &PutRecord { stream_name, record: record(options, number) }),
        _ => {
            let records = (first..first + options.batch as u64).map(|number| record(options, number)).collect();
            body(options.format, &PutRecords { stream_name, records })
        }
    }
}

fn record(options: &Options, number: u64) -> Record {
    let bytes = match options.payload {
        Payload::Text => plain_text(number, options.size),
        Payload::Lab => lab_event(number, options.records),
    };
    let data = match options.format {
        Format::Json => Data::Text(base64_simd::STANDARD.encode_to_string(&bytes)),
        Format::Cbor => Data::Bytes(ByteBuf::from(bytes)),
    };
    Record { data, partition_key: format!("key-{}", number % 1000) }
}

/// Text that is not like another, as JSON is.
fn plain_text(number: u64, size: usize) -> Vec<u8> {
    let mut bytes = format!("{{\"_id\": {number}, \"text\": \"").into_bytes();
    while bytes.len() < size {
        bytes.push(b'a' + (bytes.len() as u64 * 7 + number) as u8 % 26);
    }
    bytes
}

/// Different connection times among the events of a measurement.
const SECONDS: u64 = 400;

/// An event as the lab's template makes it. Values are spread as random ones are; time goes on with the numbers.
fn lab_event(number: u64, all: u64) -> Vec<u8> {
    let spread = |salt: u64| {
        let mixed = (number ^ salt << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 16
    };
    let id = spread(1) << 40 | number;
    let (a, b, c, d) = (id >> 32 & 0xffff_ffff, id >> 16 & 0xffff, spread(2) & 0xffff, number & 0xffff_ffff);
    let second = number * SECONDS / all.max(1) % SECONDS;
    format!(
        r#"{{ "_id" : "{a:08x}-{b:04x}-4{:03x}-{c:04x}-{:04x}{d:08x}", "clusterID": "{}", "connectionTime": "2026-01-02 03:{:02}:{:02}", "kWhDelivered": "{}.{:02}", "stationID": "{}", "spaceID": "word{}-{}", "timezone": "America/Los_Angeles", "userID": "{}" }}"#,
        spread(3) & 0xfff,
        spread(4) & 0xffff,
        spread(5) % 50 + 1,
        second / 60,
        second % 60,
        spread(6) % 1000,
        spread(7) % 100,
        spread(8) % 467 + 1,
        spread(9) % 500,
        spread(10) % 20 + 1,
        spread(11) % 499_001 + 1000,
    )
    .into_bytes()
}

/// The text of a member of an answer.
pub fn text<'a>(answer: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let at = memmem::rfind(answer, name.as_bytes())? + name.len();
    let rest = &answer[at..];
    if let Some(quoted) = rest.strip_prefix(b"\":\"").or_else(|| rest.strip_prefix(b"\": \"")) {
        return quoted.get(..memchr::memchr(b'"', quoted)?);
    }
    let (head, rest) = rest.split_first()?;
    let (length, rest) = match head & 0x1f {
        short @ 0..=23 => (usize::from(short), rest),
        24 => (usize::from(*rest.first()?), &rest[1..]),
        25 => (usize::from(*rest.first()?) << 8 | usize::from(*rest.get(1)?), &rest[2..]),
        _ => return None,
    };
    (head >> 5 == 3).then(|| rest.get(..length)).flatten()
}

/// How many records an answer of GetRecords has.
pub fn records(answer: &[u8]) -> u64 {
    memmem::find_iter(answer, b"PartitionKey").count() as u64
}
