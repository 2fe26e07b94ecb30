//! SplitShard.

use serde::Deserialize;
use tidemill_iam::Principal;

use super::members::{HASH_KEY, NAME, STREAM_ARN, STREAM_ID, STREAM_NAME};
use super::record::hash_key;
use super::stream_ref::{StreamRef, from_stream, shard_of};
use super::update_shard_count::{check_shard_limit, must_be_provisioned};
use crate::Api;
use crate::error::Result;
use crate::model::Member;
use crate::operation::{Empty, Operation};

pub(super) struct SplitShard;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    #[serde(flatten)]
    stream: StreamRef,
    shard_to_split: String,
    new_starting_hash_key: String,
}

impl Operation for SplitShard {
    const ACTION: &'static str = "kinesis:SplitShard";
    const MEMBERS: &'static [Member] = &[
        STREAM_NAME,
        STREAM_ARN,
        STREAM_ID,
        Member::new("ShardToSplit", NAME).required(),
        Member::new("NewStartingHashKey", HASH_KEY).required(),
    ];
    type Input = Input;
    type Output = Empty;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        input.stream.resource(api)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Empty> {
        let stream = input.stream.stream(api)?;
        must_be_provisioned(&stream, "SplitShard")?;
        let shard = shard_of(api, &stream, &input.shard_to_split)?.id;
        let at = hash_key("NewStartingHashKey", &input.new_starting_hash_key)?;
        if api.kinesis.enforces_limits() {
            check_shard_limit(api, 1)?;
        }
        api.streams.split(&stream, shard, at).await.map_err(|error| from_stream(api, error))?;
        Ok(Empty {})
    }
}
