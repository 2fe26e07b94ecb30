//! PutRecord.

use std::borrow::Cow;

use serde::Deserialize;
use tidemill_stream::SequenceNumber;

use super::limits::{EXCEEDED, rate_exceeded};
use super::members::check_sequence_number;
use super::record::{Base64, Blob, Bytes, Outcome, Placing, Record};
use super::refused::Refused;
use super::stream_ref::StreamRef;
use crate::error::{AwsError, Result};
use crate::operation::{Answer, Call, Input, would_succeed};
use crate::protocol::{Wire, cbor, json};

/// The record and the stream are not flattened: that would copy the data.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a, D> {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    data: Option<D>,
    #[serde(borrow, default)]
    partition_key: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    explicit_hash_key: Option<Cow<'a, str>>,
    sequence_number_for_ordering: Option<String>,
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
        Input::Form(_) => Err(AwsError::serialization("PutRecord takes JSON or CBOR")),
    }
}

async fn put<D: Blob>(call: &Call<'_>, request: Request<'_, D>) -> Result<Answer> {
    let api = call.api;
    let stream = StreamRef { name: request.stream_name, arn: request.stream_arn };
    let Request { data, partition_key, explicit_hash_key, .. } = request;
    let record = Record { data, partition_key, explicit_hash_key };
    if let Some(number) = &request.sequence_number_for_ordering {
        check_sequence_number(number)?;
    }
    api.authorize(&call.principal, "kinesis:PutRecord", &stream.resource(api)?).await?;
    let stream = stream.readable(api)?;
    if request.dry_run == Some(true) {
        return Err(would_succeed());
    }
    let (settings, now) = (stream.settings(), api.clock.now());
    let placed = stream.place(|shards, batch| {
        let placing = Placing { front: &api.kinesis, stream: &stream, settings: &settings, shards, now };
        match record.place(String::new, &placing, batch)? {
            Outcome::Placed(shard, place) => Ok((shard, place)),
            Outcome::Throttled(shard) => Err(Refused::from(AwsError::new(EXCEEDED, rate_exceeded(&stream, shard)))),
        }
    });
    let placed = placed.await.map_err(|error| error.of(api))?;
    let (shard, place) = placed.filled;
    let ordinal = placed.appended.first_ordinal(shard).unwrap_or_default() + u64::from(place);
    let number = placed.shards.get(shard).map(|shard| shard.sequence_number(ordinal));
    let number = number.ok_or_else(|| AwsError::internal("a record was placed in no shard"))?;
    write_answer(call.wire, &shard.to_string(), number, settings.encryption_key.is_some())
}

fn write_answer(wire: Wire, shard: &str, number: SequenceNumber, encrypted: bool) -> Result<Answer> {
    if wire == Wire::Cbor {
        let mut bytes = Vec::with_capacity(160);
        let mut out = cbor::Writer(&mut bytes);
        out.map(2 + usize::from(encrypted));
        out.text(b"ShardId");
        out.text(shard.as_bytes());
        out.text(b"SequenceNumber");
        out.text(&number.digits());
        if encrypted {
            out.text(b"EncryptionType");
            out.text(b"KMS");
        }
        return Ok(Answer::Cbor(bytes));
    }
    let encryption = if encrypted { r#","EncryptionType":"KMS""# } else { "" };
    Ok(Answer::Json(format!(r#"{{"ShardId":"{shard}","SequenceNumber":"{number}"{encryption}}}"#).into_bytes()))
}
