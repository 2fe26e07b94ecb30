//! DescribeStream.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;
use tidemill_stream::ShardId;

use super::members::{EXCLUSIVE_START_SHARD_ID, LIMIT, STREAM_ARN, STREAM_ID, STREAM_NAME};
use super::stream_ref::{ModeOutput, ShardOutput, StreamRef, arn};
use crate::Api;
use crate::error::{AwsError, Result};
use crate::model::Member;
use crate::operation::Operation;
use crate::protocol::Time;

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
    #[serde(flatten)]
    common: Common,
    shards: Vec<ShardOutput>,
    has_more_shards: bool,
}

/// What DescribeStream and DescribeStreamSummary both tell.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Common {
    stream_name: String,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_status: &'static str,
    stream_mode_details: ModeOutput,
    retention_period_hours: u64,
    stream_creation_timestamp: Time,
    enhanced_monitoring: [EnhancedMonitoring; 1],
    encryption_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
}

/// The metrics of shards that are watched.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct EnhancedMonitoring {
    shard_level_metrics: Vec<String>,
}

impl Common {
    pub(super) fn of(api: &Api, stream: &tidemill_stream::Stream) -> Self {
        let settings = stream.settings();
        Self {
            stream_name: stream.name().to_string(),
            stream_arn: arn(api, stream.name()),
            stream_status: stream.status().as_str(),
            stream_mode_details: ModeOutput::of(stream),
            retention_period_hours: settings.retention.as_secs() / 3600,
            stream_creation_timestamp: Time(stream.created()),
            enhanced_monitoring: [EnhancedMonitoring {
                shard_level_metrics: settings.shard_metrics.iter().cloned().collect(),
            }],
            encryption_type: if settings.encryption_key.is_some() { "KMS" } else { "NONE" },
            key_id: settings.encryption_key.clone(),
        }
    }
}

/// The shard that a list starts after.
pub(super) fn start_after(text: Option<&str>) -> Result<Option<ShardId>> {
    let parse =
        |text| ShardId::parse(text).ok_or_else(|| AwsError::invalid(format!("{text} is not the id of a shard.")));
    text.map(parse).transpose()
}

impl Operation for DescribeStream {
    const ACTION: &'static str = "kinesis:DescribeStream";
    const MEMBERS: &'static [Member] = &[STREAM_NAME, STREAM_ARN, STREAM_ID, LIMIT, EXCLUSIVE_START_SHARD_ID];
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        input.stream.resource(api)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let stream = input.stream.stream(api)?;
        let start = start_after(input.exclusive_start_shard_id.as_deref())?;
        let shards = stream.shards();
        let mut rest = shards.iter().filter(|shard| start.is_none_or(|start| shard.id > start));
        let shown = rest.by_ref().take(input.limit.unwrap_or(DEFAULT_LIMIT)).map(ShardOutput::from).collect();
        let has_more_shards = rest.next().is_some();
        let common = Common::of(api, &stream);
        Ok(Output { stream_description: Description { common, shards: shown, has_more_shards } })
    }
}
