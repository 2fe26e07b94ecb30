//! ListShards.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;
use tidemill_stream::ShardId;

use super::stream_ref::{ShardOutput, StreamRef};
use crate::Api;
use crate::error::{AwsError, Result};
use crate::operation::Operation;

/// Shards of one answer, unless the caller asks for fewer.
const DEFAULT_LIMIT: usize = 1000;

pub(super) struct ListShards;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    #[serde(flatten)]
    stream: StreamRef,
    exclusive_start_shard_id: Option<String>,
    max_results: Option<usize>,
    /// `STREAM/SHARD`: the stream, which a request with a token may not name, and the last shard listed.
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    shards: Vec<ShardOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Input {
    fn name(&self) -> Result<tidemill_stream::StreamName> {
        match self.next_token.as_ref().and_then(|token| token.split_once('/')) {
            Some((name, _)) => tidemill_stream::StreamName::parse(name).map_err(|_| invalid("NextToken is invalid.")),
            None => self.stream.name(),
        }
    }

    fn start(&self) -> Result<usize> {
        let of_token = self.next_token.as_ref().and_then(|token| token.split_once('/')).map(|(_, shard)| shard);
        match of_token.or(self.exclusive_start_shard_id.as_deref()) {
            None => Ok(0),
            Some(text) => ShardId::parse(text)
                .map(|shard| shard.0 as usize + 1)
                .ok_or_else(|| invalid(&format!("{text} is not the id of a shard"))),
        }
    }
}

impl Operation for ListShards {
    const ACTION: &'static str = "kinesis:ListShards";
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        Ok(super::stream_ref::arn(api, &input.name()?))
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let name = input.name()?;
        let stream = api.streams.get(&name).map_err(|error| crate::error::from_stream(&api.account().id, error))?;
        let limit = input.max_results.unwrap_or(DEFAULT_LIMIT).clamp(1, 10_000);
        let rest = stream.shards().get(input.start()?..).unwrap_or_default();
        let shown = &rest[..limit.min(rest.len())];
        let more = shown.last().filter(|_| rest.len() > limit);
        Ok(Output {
            shards: shown.iter().map(ShardOutput::from).collect(),
            next_token: more.map(|shard| format!("{name}/{}", shard.id)),
        })
    }
}

fn invalid(message: &str) -> AwsError {
    AwsError::new("InvalidArgumentException", message)
}
