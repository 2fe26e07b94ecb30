//! DescribeStream.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;
use tidemill_stream::{ShardId, Status, Stream};

use super::stream_ref::{ShardOutput, StreamRef, arn};
use crate::Api;
use crate::error::{AwsError, Result};
use crate::operation::Operation;

/// Shards of one answer, unless the caller asks for fewer.
const DEFAULT_LIMIT: usize = 100;

pub(super) struct DescribeStream;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    #[serde(flatten)]
    stream: StreamRef,
    limit: Option<usize>,
    exclusive_start_shard_id: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    stream_description: Description,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    stream_name: String,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_status: &'static str,
    stream_mode_details: ModeDetails,
    shards: Vec<ShardOutput>,
    has_more_shards: bool,
    retention_period_hours: u64,
    stream_creation_timestamp: f64,
    enhanced_monitoring: [EnhancedMonitoring; 1],
    encryption_type: &'static str,
}

/// The capacity mode of a stream.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ModeDetails {
    stream_mode: &'static str,
}

/// The metrics of shards that are watched.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EnhancedMonitoring {
    shard_level_metrics: Vec<&'static str>,
}

impl ModeDetails {
    pub(super) fn of(stream: &Stream) -> Self {
        Self { stream_mode: stream.mode().as_str() }
    }
}

/// Kinesis' word for what a stream goes through.
pub(super) fn status(stream: &Stream) -> &'static str {
    match stream.status() {
        Status::Active => "ACTIVE",
        Status::Deleting => "DELETING",
    }
}

impl Operation for DescribeStream {
    const ACTION: &'static str = "kinesis:DescribeStream";
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        input.stream.resource(api)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let stream = input.stream.stream(api)?;
        let start = match &input.exclusive_start_shard_id {
            None => 0,
            Some(text) => ShardId::parse(text)
                .map(|shard| shard.0 as usize + 1)
                .ok_or_else(|| AwsError::new("InvalidArgumentException", format!("{text} is not the id of a shard")))?,
        };
        let limit = input.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, 10_000);
        let rest = stream.shards().get(start..).unwrap_or_default();
        Ok(Output {
            stream_description: Description {
                stream_name: stream.name().to_string(),
                stream_arn: arn(api, stream.name()),
                stream_status: status(&stream),
                stream_mode_details: ModeDetails::of(&stream),
                shards: rest.iter().take(limit).map(ShardOutput::from).collect(),
                has_more_shards: rest.len() > limit,
                retention_period_hours: stream.retention().as_secs() / 3600,
                stream_creation_timestamp: stream.created().seconds(),
                enhanced_monitoring: [EnhancedMonitoring::default()],
                encryption_type: "NONE",
            },
        })
    }
}
