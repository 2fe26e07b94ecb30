//! EnableEnhancedMonitoring and DisableEnhancedMonitoring.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;
use tidemill_stream::Settings;

use super::members::{SHARD_METRICS, STREAM_ARN, STREAM_ID, STREAM_NAME};
use super::refused::Refused;
use super::stream_ref::{StreamRef, arn};
use crate::Api;
use crate::error::Result;
use crate::model::Member;
use crate::operation::Operation;

/// The metrics that there are; the last stands for all others.
pub(super) const METRICS: &[&str] = &[
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
    "ALL",
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    #[serde(flatten)]
    stream: StreamRef,
    shard_level_metrics: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    stream_name: String,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    current_shard_level_metrics: BTreeSet<String>,
    desired_shard_level_metrics: BTreeSet<String>,
}

impl Input {
    /// The metrics that are meant.
    fn metrics(&self) -> BTreeSet<String> {
        if self.shard_level_metrics.iter().any(|metric| metric == "ALL") {
            return METRICS.iter().filter(|metric| **metric != "ALL").map(|metric| (*metric).to_owned()).collect();
        }
        self.shard_level_metrics.iter().cloned().collect()
    }

    async fn set(
        &self,
        api: &Api,
        change: fn(&BTreeSet<String>, &BTreeSet<String>) -> BTreeSet<String>,
    ) -> Result<Output> {
        let stream = self.stream.stream(api)?;
        let (mut current, mut desired) = (BTreeSet::new(), BTreeSet::new());
        let set = |settings: &mut Settings| {
            current.clone_from(&settings.shard_metrics);
            desired = change(&current, &self.metrics());
            settings.shard_metrics.clone_from(&desired);
            Ok::<(), Refused>(())
        };
        api.streams.change(&stream, set).await.map_err(|error| error.of(api))?;
        Ok(Output {
            stream_name: stream.name().to_string(),
            stream_arn: arn(api, stream.name()),
            current_shard_level_metrics: current,
            desired_shard_level_metrics: desired,
        })
    }
}

pub(super) struct Enable;

impl Operation for Enable {
    const ACTION: &'static str = "kinesis:EnableEnhancedMonitoring";
    const MEMBERS: &'static [Member] = &[STREAM_NAME, STREAM_ARN, STREAM_ID, SHARD_METRICS];
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        input.stream.resource(api)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        input.set(api, |current, named| current | named).await
    }
}

pub(super) struct Disable;

impl Operation for Disable {
    const ACTION: &'static str = "kinesis:DisableEnhancedMonitoring";
    const MEMBERS: &'static [Member] = &[STREAM_NAME, STREAM_ARN, STREAM_ID, SHARD_METRICS];
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        input.stream.resource(api)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        input.set(api, |current, named| current - named).await
    }
}
