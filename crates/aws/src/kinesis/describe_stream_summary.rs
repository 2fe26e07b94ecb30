//! DescribeStreamSummary.

use serde::Serialize;
use tidemill_iam::Principal;

use super::describe_stream::{EnhancedMonitoring, ModeDetails, status};
use super::stream_ref::{StreamRef, arn};
use crate::Api;
use crate::error::Result;
use crate::operation::Operation;

pub(super) struct DescribeStreamSummary;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    stream_description_summary: Summary,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    stream_name: String,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_status: &'static str,
    stream_mode_details: ModeDetails,
    retention_period_hours: u64,
    stream_creation_timestamp: f64,
    enhanced_monitoring: [EnhancedMonitoring; 1],
    encryption_type: &'static str,
    open_shard_count: usize,
    consumer_count: usize,
}

impl Operation for DescribeStreamSummary {
    const ACTION: &'static str = "kinesis:DescribeStreamSummary";
    type Input = StreamRef;
    type Output = Output;

    fn resource(api: &Api, input: &StreamRef) -> Result<String> {
        input.resource(api)
    }

    async fn run(api: &Api, input: StreamRef, _: &Principal) -> Result<Output> {
        let stream = input.stream(api)?;
        Ok(Output {
            stream_description_summary: Summary {
                stream_name: stream.name().to_string(),
                stream_arn: arn(api, stream.name()),
                stream_status: status(&stream),
                stream_mode_details: ModeDetails::of(&stream),
                retention_period_hours: stream.retention().as_secs() / 3600,
                stream_creation_timestamp: stream.created().seconds(),
                enhanced_monitoring: [EnhancedMonitoring::default()],
                encryption_type: "NONE",
                open_shard_count: stream.shards().len(),
                consumer_count: 0,
            },
        })
    }
}
