//! GetRecords. One of the hot operations: its answer is written straight from the log's blocks.

use std::io::Write;

use serde::Deserialize;
use tidemill_stream::{IteratorError, Read, ReadLimit, Shard, ShardIterator};

use super::stream_ref::arn;
use crate::error::{AwsError, Result, from_stream};
use crate::operation::{Answer, Call, Input, read_json};

/// The most records of one answer.
const MOST_RECORDS: usize = 10_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    shard_iterator: String,
    limit: Option<usize>,
}

pub(super) async fn call(call: Call<'_>) -> Result<Answer> {
    let api = call.api;
    let Input::Json(body) = &call.input else { return Err(AwsError::validation("GetRecords takes JSON")) };
    let request: Request = read_json(body)?;
    let limit = request.limit.unwrap_or(MOST_RECORDS);
    if !(1..=MOST_RECORDS).contains(&limit) {
        return Err(AwsError::validation(format!(
            "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have value \
             less than or equal to {MOST_RECORDS}"
        )));
    }
    let now = api.clock.now();
    let iterator = ShardIterator::parse(&request.shard_iterator, now).map_err(|error| match error {
        IteratorError::Invalid => AwsError::new("InvalidArgumentException", "Invalid ShardIterator."),
        IteratorError::Expired(issued) => {
            let age = now.millis() - issued.millis();
            AwsError::new(
                "ExpiredIteratorException",
                format!("Iterator expired. The iterator was created {age} milliseconds ago, which is further than the tolerated delay of 300000 milliseconds."),
            )
        }
    })?;
    let stream = api.streams.by_id(&iterator.stream).ok_or_else(|| {
        AwsError::new("ResourceNotFoundException", "the stream of the ShardIterator does not exist any more")
    })?;
    api.authorize(&call.principal, "kinesis:GetRecords", &arn(api, stream.name())).await?;
    let to_aws = |error| from_stream(&api.account().id, error);
    let shard = stream.shard(iterator.shard).map_err(to_aws)?;
    let limit = ReadLimit { records: limit, ..ReadLimit::default() };
    let read = stream.read(iterator.shard, iterator.ordinal, limit).await.map_err(to_aws)?;
    let behind = match (read.at_tip, read.runs.last()) {
        (false, Some(run)) => (now.millis() - run.arrival.millis()).max(0),
        _ => 0,
    };
    let next = ShardIterator { ordinal: read.next, ..iterator }.token(now);
    write_answer(shard, &read, behind, &next).map(Answer::Json).map_err(AwsError::internal)
}

fn write_answer(shard: &Shard, read: &Read, behind: i64, next: &str) -> std::io::Result<Vec<u8>> {
    let bytes: usize = read.runs.iter().map(|run| run.bytes() + 160 * run.count as usize).sum();
    let mut out = Vec::with_capacity(bytes * 4 / 3 + 512);
    write!(out, r#"{{"MillisBehindLatest":{behind},"NextShardIterator":"{next}","Records":["#)?;
    let mut first = true;
    for run in &read.runs {
        let arrival = format!("{:.3}", run.arrival.seconds());
        for record in run.records() {
            out.extend_from_slice(if std::mem::take(&mut first) { b"" } else { b"," });
            out.extend_from_slice(br#"{"SequenceNumber":""#);
            out.extend_from_slice(&shard.sequence_number(record.ordinal).digits());
            write!(out, r#"","ApproximateArrivalTimestamp":{arrival},"PartitionKey":"#)?;
            serde_json::to_writer(&mut out, record.partition_key)?;
            out.extend_from_slice(br#","Data":""#);
            base64_simd::STANDARD.encode_append(record.data, &mut out);
            out.extend_from_slice(br#""}"#);
        }
    }
    out.extend_from_slice(b"]}");
    Ok(out)
}
