//! CreateStream.

use serde::Deserialize;
use tidemill_iam::Principal;
use tidemill_stream::{Mode, StreamName};

use crate::Api;
use crate::error::{AwsError, Result, from_stream};
use crate::operation::{Empty, Operation};

/// Shards of a new on-demand stream.
const ON_DEMAND_SHARDS: u32 = 4;
/// The most shards that a stream may be created with.
const MOST_SHARDS: u32 = 10_000;

pub(super) struct CreateStream;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    stream_name: String,
    shard_count: Option<u32>,
    stream_mode_details: Option<ModeDetails>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ModeDetails {
    stream_mode: String,
}

impl Operation for CreateStream {
    const ACTION: &'static str = "kinesis:CreateStream";
    type Input = Input;
    type Output = Empty;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        Ok(api.account().arn("kinesis", &format!("stream/{}", input.stream_name)))
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Empty> {
        let to_aws = |error| from_stream(&api.account().id, error);
        let name = StreamName::parse(&input.stream_name).map_err(to_aws)?;
        let mode = input.stream_mode_details.as_ref().map_or("PROVISIONED", |details| details.stream_mode.as_str());
        let (mode, shards) = match (mode, input.shard_count) {
            ("ON_DEMAND", None) => (Mode::OnDemand, ON_DEMAND_SHARDS),
            ("ON_DEMAND", Some(_)) => {
                return Err(AwsError::validation("ShardCount must not be set when StreamMode is ON_DEMAND"));
            }
            ("PROVISIONED", Some(shards @ 1..=MOST_SHARDS)) => (Mode::Provisioned, shards),
            ("PROVISIONED", shards) => {
                let shown = shards.map_or("null".to_owned(), |shards| shards.to_string());
                return Err(AwsError::validation(format!(
                    "1 validation error detected: Value '{shown}' at 'shardCount' failed to satisfy constraint: Member \
                     must have value between 1 and {MOST_SHARDS}"
                )));
            }
            (other, _) => {
                return Err(AwsError::validation(format!(
                    "1 validation error detected: Value '{other}' at 'streamModeDetails.streamMode' failed to satisfy \
                     constraint: Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]"
                )));
            }
        };
        api.streams.create(name, mode, shards).await.map_err(to_aws)?;
        Ok(Empty {})
    }
}
