//! GetShardIterator.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;
use tidemill_stream::ShardIterator;

use super::members::{DRY_RUN, POSITION_TYPES, SEQUENCE_NUMBER, SHARD_ID, STREAM_ARN, STREAM_ID, STREAM_NAME};
use super::place::Position;
use super::stream_ref::{StreamRef, shard_of};
use crate::Api;
use crate::error::Result;
use crate::model::{Member, Shape};
use crate::operation::{Operation, would_succeed};
use crate::protocol::Time;

pub(super) struct GetShardIterator;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    #[serde(flatten)]
    stream: StreamRef,
    shard_id: String,
    shard_iterator_type: String,
    starting_sequence_number: Option<String>,
    timestamp: Option<Time>,
    dry_run: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    shard_iterator: String,
}

impl Operation for GetShardIterator {
    const ACTION: &'static str = "kinesis:GetShardIterator";
    const MEMBERS: &'static [Member] = &[
        STREAM_NAME,
        STREAM_ARN,
        STREAM_ID,
        SHARD_ID.required(),
        Member::new("ShardIteratorType", POSITION_TYPES).required(),
        Member::new("StartingSequenceNumber", SEQUENCE_NUMBER),
        Member::new("Timestamp", Shape::Time),
        DRY_RUN,
    ];
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        input.stream.resource(api)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let stream = input.stream.readable(api)?;
        let shard = shard_of(api, &stream, &input.shard_id)?;
        api.kinesis.count_iterator(&stream, shard.id, api.clock.now())?;
        let position = Position {
            kind: &input.shard_iterator_type,
            sequence_number: input.starting_sequence_number.as_deref(),
            time: input.timestamp,
        };
        let ordinal = position.ordinal(api, &stream, &shard).await?;
        if input.dry_run == Some(true) {
            return Err(would_succeed());
        }
        let iterator = ShardIterator { stream: stream.id().clone(), shard: shard.id, ordinal };
        Ok(Output { shard_iterator: iterator.token(api.clock.now()) })
    }
}
