//! DescribeStreamSummary.

use serde::Serialize;
use tidemill_iam::Principal;
use tidemill_stream::{Distribution, Mode};

use super::describe_stream::Common;
use super::members::{STREAM_ARN, STREAM_ID, STREAM_NAME};
use super::stream_ref::StreamRef;
use super::update_warm_throughput::WarmThroughput;
use crate::Api;
use crate::error::Result;
use crate::model::Member;
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
    #[serde(flatten)]
    common: Common,
    open_shard_count: usize,
    consumer_count: usize,
    channel_count: usize,
    queue_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    warm_throughput: Option<WarmThroughput>,
    #[serde(rename = "MaxRecordSizeInKiB")]
    max_record_size: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_distribution_strategy: Option<Distribution>,
}

impl Operation for DescribeStreamSummary {
    const ACTION: &'static str = "kinesis:DescribeStreamSummary";
    const MEMBERS: &'static [Member] = &[STREAM_NAME, STREAM_ARN, STREAM_ID];
    type Input = StreamRef;
    type Output = Output;

    fn resource(api: &Api, input: &StreamRef) -> Result<String> {
        input.resource(api)
    }

    async fn run(api: &Api, input: StreamRef, _: &Principal) -> Result<Output> {
        let stream = input.stream(api)?;
        let settings = stream.settings();
        let on_demand = settings.mode == Mode::OnDemand;
        Ok(Output {
            stream_description_summary: Summary {
                common: Common::of(api, &stream),
                open_shard_count: stream.shards().open().len(),
                consumer_count: api.streams.consumers_of(&stream).len(),
                channel_count: 0,
                queue_count: 0,
                warm_throughput: (on_demand && settings.warm_mib > 0).then(|| WarmThroughput::of(settings.warm_mib)),
                max_record_size: settings.max_record_kib,
                record_distribution_strategy: on_demand.then_some(settings.distribution),
            },
        })
    }
}
