//! PutRecord, and what one record must be.

use std::borrow::Cow;

use serde::Deserialize;
use tidemill_stream::{Batch, ShardId, Stream};

use super::stream_ref::StreamRef;
use crate::error::{AwsError, Result, from_stream};
use crate::operation::{Answer, Call, Input, read_json};

/// A record's data and key together.
pub(super) const LARGEST_RECORD: usize = 1 << 20;

#[derive(Debug, Deserialize)]
struct Request<'a> {
    #[serde(flatten)]
    stream: StreamRef,
    #[serde(flatten, borrow)]
    record: Record<'a>,
}

/// A record as a request sends it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(borrow)]
    partition_key: Cow<'a, str>,
    #[serde(borrow, default)]
    explicit_hash_key: Option<Cow<'a, str>>,
}

impl Record<'_> {
    /// Decodes the record into `batch`. Returns its shard and its place there.
    pub(super) fn push(&self, stream: &Stream, batch: &mut Batch) -> Result<(ShardId, u32)> {
        let key = self.partition_key.as_ref();
        if !(1..=256).contains(&key.chars().count()) {
            return Err(AwsError::validation(format!(
                "1 validation error detected: Value '{key}' at 'partitionKey' failed to satisfy constraint: Member must have \
                 length less than or equal to 256, and at least 1"
            )));
        }
        let shard = match &self.explicit_hash_key {
            None => stream.shard_for(key.as_bytes()),
            Some(text) => stream.shard_for_hash(text.parse().map_err(|_| {
                let message = format!("Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {text}");
                AwsError::new("InvalidArgumentException", message)
            })?),
        };
        let place = batch.push_with(shard, key, |bytes| {
            let start = bytes.len();
            let decoded = base64_simd::STANDARD.decode_append(self.data.as_bytes(), bytes);
            decoded.map_err(|_| AwsError::new("SerializationException", "Data is not valid base64"))?;
            let length = bytes.len() - start;
            if length + key.len() > LARGEST_RECORD {
                return Err(AwsError::validation(format!(
                    "1 validation error detected: Value at 'data' failed to satisfy constraint: Member must have length less \
                     than or equal to {LARGEST_RECORD}"
                )));
            }
            Ok(())
        })?;
        Ok((shard, place))
    }
}

pub(super) async fn call(call: Call<'_>) -> Result<Answer> {
    let Input::Json(body) = &call.input else { return Err(AwsError::validation("PutRecord takes JSON")) };
    let request: Request<'_> = read_json(body)?;
    call.api.authorize(&call.principal, "kinesis:PutRecord", &request.stream.resource(call.api)?).await?;
    let stream = request.stream.stream(call.api)?;
    let mut batch = Batch::default();
    let (id, place) = request.record.push(&stream, &mut batch)?;
    let to_aws = |error| from_stream(&call.api.account().id, error);
    let appended = stream.append(batch).await.map_err(to_aws)?;
    let ordinal = appended.first_ordinal(id).unwrap_or_default() + u64::from(place);
    let number = stream.shard(id).map_err(to_aws)?.sequence_number(ordinal);
    Ok(Answer::Json(format!(r#"{{"ShardId":"{id}","SequenceNumber":"{number}"}}"#).into_bytes()))
}
