//! GetShardIterator.

use serde::{Deserialize, Serialize};
use tidemill_clock::Timestamp;
use tidemill_iam::Principal;
use tidemill_stream::{SequenceNumber, Shard, ShardId, ShardIterator, Stream};

use super::stream_ref::StreamRef;
use crate::Api;
use crate::error::{AwsError, Result, from_stream};
use crate::operation::Operation;

pub(super) struct GetShardIterator;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    #[serde(flatten)]
    stream: StreamRef,
    shard_id: String,
    shard_iterator_type: String,
    starting_sequence_number: Option<String>,
    timestamp: Option<f64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    shard_iterator: String,
}

impl Operation for GetShardIterator {
    const ACTION: &'static str = "kinesis:GetShardIterator";
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        input.stream.resource(api)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let stream = input.stream.stream(api)?;
        let to_aws = |error| from_stream(&api.account().id, error);
        let unknown = || tidemill_stream::StreamError::NoShard(stream.name().clone(), input.shard_id.clone());
        let id = ShardId::parse(&input.shard_id).ok_or_else(unknown).map_err(to_aws)?;
        let shard = stream.shard(id).map_err(to_aws)?;
        let ordinal = match input.shard_iterator_type.as_str() {
            "TRIM_HORIZON" => 1,
            "LATEST" => stream.next_ordinal(id),
            "AT_SEQUENCE_NUMBER" => sequence(&input, &stream, shard)?.max(1),
            "AFTER_SEQUENCE_NUMBER" => sequence(&input, &stream, shard)? + 1,
            "AT_TIMESTAMP" => {
                let seconds = input.timestamp.ok_or_else(|| {
                    AwsError::new(
                        "InvalidArgumentException",
                        "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP.",
                    )
                })?;
                let time = Timestamp::from_millis((seconds * 1000.0) as i64);
                if time > api.clock.now() {
                    let message = format!(
                        "The timestampInMillis parameter cannot be greater than the current time, it was {seconds}"
                    );
                    return Err(AwsError::new("InvalidArgumentException", message));
                }
                stream.first_ordinal_at(id, time).await.map_err(to_aws)?
            }
            other => {
                return Err(AwsError::validation(format!(
                    "1 validation error detected: Value '{other}' at 'shardIteratorType' failed to satisfy constraint: \
                     Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, \
                     AT_SEQUENCE_NUMBER, TRIM_HORIZON]"
                )));
            }
        };
        let iterator = ShardIterator { stream: stream.id().clone(), shard: id, ordinal };
        Ok(Output { shard_iterator: iterator.token(api.clock.now()) })
    }
}

/// The ordinal of the sequence number that a request starts from.
fn sequence(input: &Input, stream: &Stream, shard: &Shard) -> Result<u64> {
    let kind = &input.shard_iterator_type;
    let Some(text) = &input.starting_sequence_number else {
        let message = format!("Must specify startingSequenceNumber parameter for iterator of type {kind}.");
        return Err(AwsError::new("InvalidArgumentException", message));
    };
    let number = SequenceNumber::parse(text).filter(|number| *number == shard.sequence_number(number.ordinal));
    number.map(|number| number.ordinal).ok_or_else(|| {
        let message = format!(
            "StartingSequenceNumber {text} used in GetShardIterator on shard {} in stream {} is invalid.",
            shard.id,
            stream.name()
        );
        AwsError::new("InvalidArgumentException", message)
    })
}
