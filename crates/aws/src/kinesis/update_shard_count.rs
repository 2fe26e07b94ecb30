//! UpdateShardCount.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;
use tidemill_stream::{Mode, Stream};

use super::create_stream::MOST_SHARDS;
use super::describe_limits::{SHARD_LIMIT, open_shards};
use super::members::{SCALING_TYPE, STREAM_ARN, STREAM_ID, STREAM_NAME, TARGET_SHARD_COUNT};
use super::stream_ref::{StreamRef, arn, from_stream};
use crate::Api;
use crate::error::{AwsError, Result};
use crate::model::Member;
use crate::operation::Operation;

/// How often a stream may be rescaled within a day, where limits are enforced.
const MOST_A_DAY: usize = 10;

pub(super) struct UpdateShardCount;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    #[serde(flatten)]
    stream: StreamRef,
    target_shard_count: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    stream_name: String,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    current_shard_count: u32,
    target_shard_count: u32,
}

impl Operation for UpdateShardCount {
    const ACTION: &'static str = "kinesis:UpdateShardCount";
    const MEMBERS: &'static [Member] = &[STREAM_NAME, STREAM_ARN, STREAM_ID, TARGET_SHARD_COUNT, SCALING_TYPE];
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        input.stream.resource(api)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let stream = input.stream.stream(api)?;
        must_be_provisioned(&stream, "UpdateShardCount")?;
        let (current, target) = (stream.shards().open().len() as u32, input.target_shard_count);
        if target > MOST_SHARDS {
            return Err(AwsError::limit(format!("A stream can have at most {MOST_SHARDS} shards, not {target}.")));
        }
        if api.kinesis.enforces_limits() {
            check_scale(&stream, current, target)?;
            check_shard_limit(api, target.saturating_sub(current))?;
            check_day(api, &stream)?;
        }
        api.streams.rescale(&stream, target, true).await.map_err(|error| from_stream(api, error))?;
        Ok(Output {
            stream_name: stream.name().to_string(),
            stream_arn: arn(api, stream.name()),
            current_shard_count: current,
            target_shard_count: target,
        })
    }
}

fn check_scale(stream: &Stream, current: u32, target: u32) -> Result<()> {
    let counts = format!("Current open shard count: {current} Target shard count: {target}");
    let name = stream.name();
    if target > 2 * current {
        return Err(AwsError::invalid(format!(
            "UpdateShardCount cannot scale up over double your current open shard count of stream {name}. {counts}"
        )));
    }
    if target < current.div_ceil(2) {
        return Err(AwsError::invalid(format!(
            "UpdateShardCount cannot scale down below half your current open shard count of stream {name}. {counts}"
        )));
    }
    Ok(())
}

fn check_day(api: &Api, stream: &Stream) -> Result<()> {
    let day_ago = api.clock.now().minus(std::time::Duration::from_secs(24 * 3600));
    let today = stream.settings().rescalings.iter().filter(|time| **time > day_ago).count();
    if today >= MOST_A_DAY {
        return Err(AwsError::limit(format!(
            "UpdateShardCount can be called {MOST_A_DAY} times in 24 hours for stream {}.",
            stream.name()
        )));
    }
    Ok(())
}

/// Refuses shards beyond what an account has.
pub(super) fn check_shard_limit(api: &Api, more: u32) -> Result<()> {
    let open = open_shards(api);
    if open + more as usize > SHARD_LIMIT {
        return Err(AwsError::limit(format!(
            "This request would exceed the shard limit for the account {} in {}. Current shard count for the account: \
             {open}. Limit: {SHARD_LIMIT}. Number of additional shards that would have resulted from this request: {more}.",
            api.account().id,
            api.account().region
        )));
    }
    Ok(())
}

/// Refuses to change the shards of a stream that scales itself.
pub(super) fn must_be_provisioned(stream: &Stream, operation: &str) -> Result<()> {
    match stream.mode() {
        Mode::Provisioned => Ok(()),
        Mode::OnDemand => Err(AwsError::validation(format!(
            "{operation} is not supported for stream {}, which is in ON_DEMAND mode.",
            stream.name()
        ))),
    }
}
