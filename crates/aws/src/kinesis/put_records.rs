//! PutRecords. The hottest operation: the request is decoded in place, each record's data straight into the layout
//! of the log.

use serde::Deserialize;
use tidemill_stream::{Placed, ShardMap, Stream};

use super::limits::{EXCEEDED, rate_exceeded};
use super::record::{Base64, Blob, Bytes, Outcome, Placing, Record};
use super::refused::Refused;
use super::stream_ref::StreamRef;
use crate::error::{AwsError, Result};
use crate::model::{failure, is_null};
use crate::operation::{Answer, Call, Input, would_succeed};
use crate::protocol::{Wire, cbor, json};

/// Records of one request.
const MOST_RECORDS: usize = 500;
/// Bytes of one request's keys and data.
const MOST_BYTES: usize = 10 << 20;

/// The stream is not a flattened [`StreamRef`]: flattening would copy the records.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "D: Deserialize<'de>"))]
struct Request<'a, D> {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    #[serde(borrow)]
    records: Option<Vec<Record<'a, D>>>,
    dry_run: Option<bool>,
}

pub(super) async fn call(call: Call<'_>) -> Result<Answer> {
    match &call.input {
        Input::Json(body) => {
            let request: Request<'_, Base64<'_>> = serde_json::from_slice(body).map_err(json::malformed)?;
            put(&call, request).await
        }
        Input::Cbor(body) => {
            let request: Request<'_, Bytes<'_>> = serde_cbor_2::from_slice(body).map_err(cbor::malformed)?;
            put(&call, request).await
        }
        Input::Form(_) => Err(AwsError::serialization("PutRecords takes JSON or CBOR")),
    }
}

async fn put<D: Blob>(call: &Call<'_>, request: Request<'_, D>) -> Result<Answer> {
    let api = call.api;
    let records = request.records.ok_or_else(|| is_null("records"))?;
    check_count(records.len())?;
    let stream = StreamRef { name: request.stream_name, arn: request.stream_arn };
    api.authorize(&call.principal, "kinesis:PutRecords", &stream.resource(api)?).await?;
    let stream = stream.readable(api)?;
    if request.dry_run == Some(true) {
        return Err(would_succeed());
    }
    let (settings, now) = (stream.settings(), api.clock.now());
    let placed = stream.place(|shards, batch| {
        let placing = Placing { front: &api.kinesis, stream: &stream, settings: &settings, shards, now };
        let mut outcomes = Vec::with_capacity(records.len());
        for (index, record) in records.iter().enumerate() {
            outcomes.push(record.place(|| format!("records.{}.member.", index + 1), &placing, batch)?);
        }
        if batch.payload() > MOST_BYTES {
            let message = format!("Records size exceeds {} MB limit", MOST_BYTES >> 20);
            return Err(Refused::from(AwsError::invalid(message)));
        }
        Ok(outcomes)
    });
    let placed = placed.await.map_err(|error| error.of(api))?;
    let encrypted = settings.encryption_key.is_some();
    Ok(match call.wire {
        Wire::Cbor => Answer::Cbor(write_cbor(&stream, &placed, encrypted)),
        Wire::Json | Wire::Query => Answer::Json(write_json(&stream, &placed, encrypted)),
    })
}

fn check_count(records: usize) -> Result<()> {
    let demand = match records {
        0 => "Member must have length greater than or equal to 1".to_owned(),
        1..=MOST_RECORDS => return Ok(()),
        _ => format!("Member must have length less than or equal to {MOST_RECORDS}"),
    };
    let shown = if records == 0 { "'[]'".to_owned() } else { format!("'[{records} records]'") };
    let wrong = failure(&shown, "records", &demand);
    Err(AwsError::validation(format!("1 validation error detected: {wrong}")))
}

type PutRecords = Placed<Vec<Outcome>>;

/// Records that their shards did not take.
fn throttled(placed: &PutRecords) -> usize {
    placed.filled.iter().filter(|outcome| matches!(outcome, Outcome::Throttled(_))).count()
}

/// The names of all shards, so that they are made once an answer.
fn names(shards: &ShardMap) -> Vec<String> {
    shards.iter().map(|shard| shard.id.to_string()).collect()
}

fn write_json(stream: &Stream, placed: &PutRecords, encrypted: bool) -> Vec<u8> {
    let names = names(&placed.shards);
    let mut out = Vec::with_capacity(placed.filled.len() * 128 + 96);
    out.extend_from_slice(br#"{"FailedRecordCount":"#);
    out.extend_from_slice(throttled(placed).to_string().as_bytes());
    if encrypted {
        out.extend_from_slice(br#","EncryptionType":"KMS""#);
    }
    out.extend_from_slice(br#","Records":["#);
    for (index, outcome) in placed.filled.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match outcome {
            Outcome::Placed(id, place) => {
                let Some((at, number)) = placed.number(*id, *place) else { continue };
                out.extend_from_slice(br#"{"SequenceNumber":""#);
                out.extend_from_slice(&number.digits());
                out.extend_from_slice(br#"","ShardId":""#);
                out.extend_from_slice(names[at].as_bytes());
                out.extend_from_slice(br#""}"#);
            }
            Outcome::Throttled(id) => {
                let error = serde_json::json!({ "ErrorCode": EXCEEDED, "ErrorMessage": rate_exceeded(stream, *id) });
                out.extend_from_slice(error.to_string().as_bytes());
            }
        }
    }
    out.extend_from_slice(b"]}");
    out
}

fn write_cbor(stream: &Stream, placed: &PutRecords, encrypted: bool) -> Vec<u8> {
    let names = names(&placed.shards);
    let mut bytes = Vec::with_capacity(placed.filled.len() * 112 + 96);
    let mut out = cbor::Writer(&mut bytes);
    out.map(2 + usize::from(encrypted));
    out.text(b"FailedRecordCount");
    out.number(throttled(placed) as u64);
    if encrypted {
        out.text(b"EncryptionType");
        out.text(b"KMS");
    }
    out.text(b"Records");
    out.list(placed.filled.len());
    for outcome in &placed.filled {
        out.map(2);
        match outcome {
            Outcome::Placed(id, place) => {
                let Some((at, number)) = placed.number(*id, *place) else { continue };
                out.text(b"SequenceNumber");
                out.text(&number.digits());
                out.text(b"ShardId");
                out.text(names[at].as_bytes());
            }
            Outcome::Throttled(id) => {
                out.text(b"ErrorCode");
                out.text(EXCEEDED.as_bytes());
                out.text(b"ErrorMessage");
                out.text(rate_exceeded(stream, *id).as_bytes());
            }
        }
    }
    bytes
}
