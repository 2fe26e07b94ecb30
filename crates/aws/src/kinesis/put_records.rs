//! PutRecords. The hottest operation: the request is decoded in place, each record's data straight into the layout
//! of the log.

use std::io::Write;

use serde::Deserialize;
use tidemill_stream::Batch;

use super::put_record::Record;
use super::stream_ref::StreamRef;
use crate::error::{AwsError, Result, from_stream};
use crate::operation::{Answer, Call, Input, read_json};

/// Records of one request.
const MOST_RECORDS: usize = 500;
/// Bytes of one request's keys and data.
const MOST_BYTES: usize = 10 << 20;

/// The stream is not a flattened [`StreamRef`]: flattening would copy the records.
#[derive(Debug, Deserialize)]
struct Request<'a> {
    #[serde(rename = "StreamName")]
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    #[serde(rename = "Records", borrow)]
    records: Vec<Record<'a>>,
}

pub(super) async fn call(call: Call<'_>) -> Result<Answer> {
    let Input::Json(body) = &call.input else { return Err(AwsError::validation("PutRecords takes JSON")) };
    let request: Request<'_> = read_json(body)?;
    if !(1..=MOST_RECORDS).contains(&request.records.len()) {
        return Err(AwsError::validation(format!(
            "1 validation error detected: Value at 'records' failed to satisfy constraint: Member must have length less than \
             or equal to {MOST_RECORDS}, and at least 1"
        )));
    }
    let stream = StreamRef { name: request.stream_name, arn: request.stream_arn };
    call.api.authorize(&call.principal, "kinesis:PutRecords", &stream.resource(call.api)?).await?;
    let stream = stream.stream(call.api)?;
    let mut batch = Batch::default();
    let places = request.records.iter().map(|record| record.push(&stream, &mut batch));
    let places = places.collect::<Result<Vec<_>>>()?;
    if batch.bytes() > MOST_BYTES + 8 * places.len() {
        let message = format!("Records size exceeds {} MB limit", MOST_BYTES >> 20);
        return Err(AwsError::new("InvalidArgumentException", message));
    }
    let to_aws = |error| from_stream(&call.api.account().id, error);
    let appended = stream.append(batch).await.map_err(to_aws)?;
    let mut out = Vec::with_capacity(places.len() * 128 + 64);
    out.extend_from_slice(br#"{"FailedRecordCount":0,"Records":["#);
    for (index, (id, place)) in places.iter().enumerate() {
        let ordinal = appended.first_ordinal(*id).unwrap_or_default() + u64::from(*place);
        let number = stream.shard(*id).map_err(to_aws)?.sequence_number(ordinal);
        out.extend_from_slice(if index == 0 { b"" } else { b"," });
        out.extend_from_slice(br#"{"SequenceNumber":""#);
        out.extend_from_slice(&number.digits());
        write!(out, r#"","ShardId":"{id}"}}"#).map_err(AwsError::internal)?;
    }
    out.extend_from_slice(b"]}");
    Ok(Answer::Json(out))
}
