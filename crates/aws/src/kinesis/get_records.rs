//! GetRecords. One of the hot operations: its answer is written straight from the log's blocks.

use std::sync::Arc;

use serde::Deserialize;
use tidemill_clock::Timestamp;
use tidemill_stream::{IteratorError, Read, ReadLimit, RecordRun, Shard, ShardIterator, Status, Stream};

use super::members::{DRY_RUN, LIMIT, STREAM_ARN, STREAM_ID};
use super::stream_ref::{ChildOutput, arn, children, from_stream};
use crate::Api;
use crate::error::{AwsError, Result};
use crate::model::{Member, Shape};
use crate::operation::{Answer, Call, would_succeed};
use crate::protocol::{Wire, cbor};

/// The most records of one answer.
const MOST_RECORDS: usize = 10_000;

const MEMBERS: &[Member] = &[
    Member::new("ShardIterator", Shape::Text { shortest: 1, longest: 512, pattern: None }).required(),
    LIMIT,
    STREAM_ARN,
    STREAM_ID,
    DRY_RUN,
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    shard_iterator: String,
    limit: Option<usize>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    dry_run: Option<bool>,
}

/// What an answer says besides the records.
struct Around {
    /// None at the end of a closed shard.
    next: Option<String>,
    children: Vec<ChildOutput>,
    behind: u64,
}

pub(super) async fn call(call: Call<'_>) -> Result<Answer> {
    let api = call.api;
    let request: Request = call.input.read(MEMBERS)?;
    let now = api.clock.now();
    let (stream, iterator) = resolve(api, &request, now)?;
    api.authorize(&call.principal, "kinesis:GetRecords", &arn(api, stream.name())).await?;
    let to_aws = |error| from_stream(api, error);
    let shard = stream.shard(iterator.shard).map_err(to_aws)?;
    api.kinesis.count_read(&stream, shard.id, now)?;
    if request.dry_run == Some(true) {
        return Err(would_succeed());
    }
    let limit = ReadLimit { records: request.limit.unwrap_or(MOST_RECORDS), ..ReadLimit::default() };
    let read = stream.read(shard.id, iterator.ordinal, limit).await.map_err(to_aws)?;
    api.kinesis.note_read(&stream, shard.id, read.runs.iter().map(RecordRun::payload).sum(), now);
    let over = read.is_over(&shard);
    let around = Around {
        next: (!over).then(|| ShardIterator { ordinal: read.next, ..iterator }.token(now)),
        children: if over { children(&stream, shard.id) } else { Vec::new() },
        behind: behind(&read, now),
    };
    let encrypted = stream.settings().encryption_key.is_some();
    match call.wire {
        Wire::Cbor => write_cbor(&shard, &read, &around, encrypted).map(Answer::Cbor),
        Wire::Json | Wire::Query => write_json(&shard, &read, &around, encrypted).map(Answer::Json),
    }
}

/// The place that the request's iterator names.
fn resolve(api: &Api, request: &Request, now: Timestamp) -> Result<(Arc<Stream>, ShardIterator)> {
    let iterator = ShardIterator::parse(&request.shard_iterator, now).map_err(|error| match error {
        IteratorError::Invalid => AwsError::invalid("Invalid ShardIterator."),
        IteratorError::Expired(issued) => {
            let age = now.millis() - issued.millis();
            AwsError::new(
                "ExpiredIteratorException",
                format!("Iterator expired. The iterator was created {age} milliseconds ago, which is further than the tolerated delay of 300000 milliseconds."),
            )
        }
    })?;
    let gone =
        || AwsError::new("ResourceNotFoundException", "The stream of the ShardIterator does not exist any more.");
    let stream = api.streams.by_id(&iterator.stream).filter(|stream| stream.status() != Status::Creating);
    let stream = stream.ok_or_else(gone)?;
    match &request.stream_arn {
        Some(named) if *named != arn(api, stream.name()) => {
            Err(AwsError::invalid("StreamARN and ShardIterator name different streams."))
        }
        _ => Ok((stream, iterator)),
    }
}

/// How long ago the last record arrived that was read, unless it is the last of all.
pub(super) fn behind(read: &Read, now: Timestamp) -> u64 {
    match (read.at_tip, read.runs.last()) {
        (false, Some(run)) => (now.millis() - run.arrival.millis()).max(0) as u64,
        _ => 0,
    }
}

fn write_json(shard: &Shard, read: &Read, around: &Around, encrypted: bool) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(json_size(&read.runs));
    out.extend_from_slice(br#"{"MillisBehindLatest":"#);
    out.extend_from_slice(around.behind.to_string().as_bytes());
    if let Some(next) = &around.next {
        out.extend_from_slice(br#","NextShardIterator":""#);
        out.extend_from_slice(next.as_bytes());
        out.push(b'"');
    }
    if !around.children.is_empty() {
        out.extend_from_slice(br#","ChildShards":"#);
        serde_json::to_writer(&mut out, &around.children).map_err(AwsError::internal)?;
    }
    out.extend_from_slice(br#","Records":"#);
    write_json_records(&mut out, shard, &read.runs, encrypted)?;
    out.push(b'}');
    Ok(out)
}

/// About how many bytes records take in JSON.
pub(super) fn json_size(runs: &[RecordRun]) -> usize {
    let bytes: usize = runs.iter().map(|run| run.bytes() * 4 / 3 + 160 * run.count as usize).sum();
    bytes + 512
}

/// Writes records as a list in JSON.
pub(super) fn write_json_records(out: &mut Vec<u8>, shard: &Shard, runs: &[RecordRun], encrypted: bool) -> Result<()> {
    out.push(b'[');
    let mut first = true;
    for run in runs {
        let arrival = format!("{:.3}", run.arrival.seconds());
        for record in run.records() {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            out.extend_from_slice(br#"{"SequenceNumber":""#);
            out.extend_from_slice(&shard.sequence_number(record.ordinal).digits());
            out.extend_from_slice(br#"","ApproximateArrivalTimestamp":"#);
            out.extend_from_slice(arrival.as_bytes());
            if !record.partition_key().is_empty() {
                out.extend_from_slice(br#","PartitionKey":"#);
                serde_json::to_writer(&mut *out, record.partition_key()).map_err(AwsError::internal)?;
            }
            if encrypted {
                out.extend_from_slice(br#","EncryptionType":"KMS""#);
            }
            out.extend_from_slice(br#","Data":""#);
            base64_simd::STANDARD.encode_append(record.data, out);
            out.extend_from_slice(br#""}"#);
        }
    }
    out.push(b']');
    Ok(())
}

fn write_cbor(shard: &Shard, read: &Read, around: &Around, encrypted: bool) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(cbor_size(&read.runs));
    let mut out = cbor::Writer(&mut bytes);
    out.map(2 + usize::from(around.next.is_some()) + usize::from(!around.children.is_empty()));
    out.text(b"MillisBehindLatest");
    out.number(around.behind);
    if let Some(next) = &around.next {
        out.text(b"NextShardIterator");
        out.text(next.as_bytes());
    }
    if !around.children.is_empty() {
        out.text(b"ChildShards");
        out.value(&around.children)?;
    }
    out.text(b"Records");
    write_cbor_records(&mut out, shard, &read.runs, encrypted);
    Ok(bytes)
}

/// About how many bytes records take in CBOR.
pub(super) fn cbor_size(runs: &[RecordRun]) -> usize {
    let bytes: usize = runs.iter().map(|run| run.bytes() + 160 * run.count as usize).sum();
    bytes + 512
}

/// Writes records as a list in CBOR.
pub(super) fn write_cbor_records(out: &mut cbor::Writer<'_>, shard: &Shard, runs: &[RecordRun], encrypted: bool) {
    out.list(runs.iter().map(|run| run.count as usize).sum());
    for run in runs {
        for record in run.records() {
            out.map(3 + usize::from(!record.partition_key().is_empty()) + usize::from(encrypted));
            out.text(b"SequenceNumber");
            out.text(&shard.sequence_number(record.ordinal).digits());
            out.text(b"ApproximateArrivalTimestamp");
            out.time(run.arrival.millis().max(0) as u64);
            if !record.partition_key().is_empty() {
                out.text(b"PartitionKey");
                out.text(record.partition_key().as_bytes());
            }
            if encrypted {
                out.text(b"EncryptionType");
                out.text(b"KMS");
            }
            out.text(b"Data");
            out.blob(record.data);
        }
    }
}
