//! MergeShards.

use serde::Deserialize;
use tidemill_iam::Principal;

use super::members::{NAME, STREAM_ARN, STREAM_ID, STREAM_NAME};
use super::stream_ref::{StreamRef, from_stream, shard_of};
use super::update_shard_count::must_be_provisioned;
use crate::Api;
use crate::error::Result;
use crate::model::Member;
use crate::operation::{Empty, Operation};

pub(super) struct MergeShards;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    #[serde(flatten)]
    stream: StreamRef,
    shard_to_merge: String,
    adjacent_shard_to_merge: String,
}

impl Operation for MergeShards {
    const ACTION: &'static str = "kinesis:MergeShards";
    const MEMBERS: &'static [Member] = &[
        STREAM_NAME,
        STREAM_ARN,
        STREAM_ID,
        Member::new("ShardToMerge", NAME).required(),
        Member::new("AdjacentShardToMerge", NAME).required(),
    ];
    type Input = Input;
    type Output = Empty;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        input.stream.resource(api)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Empty> {
        let stream = input.stream.stream(api)?;
        must_be_provisioned(&stream, "MergeShards")?;
        let shard = shard_of(api, &stream, &input.shard_to_merge)?.id;
        let adjacent = shard_of(api, &stream, &input.adjacent_shard_to_merge)?.id;
        api.streams.merge(&stream, shard, adjacent).await.map_err(|error| from_stream(api, error))?;
        Ok(Empty {})
    }
}
