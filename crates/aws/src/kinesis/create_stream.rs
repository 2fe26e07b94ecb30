//! CreateStream.

use serde::Deserialize;
use tidemill_iam::Principal;
use tidemill_stream::{Distribution, Mode, Settings, Status, StreamName, Tags};

use super::members::{DISTRIBUTION, MAX_RECORD_SIZE, MODE_DETAILS, SHARD_COUNT, STREAM_NAME, TAGS, WARM_THROUGHPUT};
use super::stream_ref::from_stream;
use super::tags::check_tags;
use super::update_warm_throughput::check_warm_throughput;
use crate::Api;
use crate::error::{AwsError, Result};
use crate::model::Member;
use crate::operation::{Empty, Operation};

/// Shards of a new on-demand stream.
const ON_DEMAND_SHARDS: u32 = 4;
/// The most shards that a stream may have.
pub(super) const MOST_SHARDS: u32 = 10_000;
/// Streams that may be in creation at the same time, where limits are enforced.
const MOST_CREATING: usize = 5;

pub(super) struct CreateStream;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    stream_name: String,
    shard_count: Option<u32>,
    stream_mode_details: Option<ModeDetails>,
    #[serde(default)]
    tags: Tags,
    #[serde(rename = "WarmThroughputMiBps")]
    warm_throughput: Option<u32>,
    #[serde(rename = "MaxRecordSizeInKiB")]
    max_record_size: Option<u32>,
    record_distribution_strategy: Option<Distribution>,
}

/// The capacity mode that a request asks for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ModeDetails {
    pub(super) stream_mode: Mode,
}

impl Operation for CreateStream {
    const ACTION: &'static str = "kinesis:CreateStream";
    const MEMBERS: &'static [Member] =
        &[STREAM_NAME.required(), SHARD_COUNT, MODE_DETAILS, TAGS, WARM_THROUGHPUT, MAX_RECORD_SIZE, DISTRIBUTION];
    type Input = Input;
    type Output = Empty;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        Ok(api.account().arn("kinesis", &format!("stream/{}", input.stream_name)))
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Empty> {
        let to_aws = |error| from_stream(api, error);
        let name = StreamName::parse(&input.stream_name).map_err(to_aws)?;
        let mode = input.stream_mode_details.as_ref().map_or(Mode::Provisioned, |details| details.stream_mode);
        let shards = shards(mode, input.shard_count)?;
        check_tags(&input.tags)?;
        let mut settings = Settings { tags: input.tags, ..Settings::of(mode) };
        if let Some(kib) = input.max_record_size {
            settings.max_record_kib = kib;
        }
        if let Some(mib) = input.warm_throughput {
            check_warm_throughput(api, mode, mib)?;
            settings.warm_mib = mib;
        }
        if let Some(distribution) = input.record_distribution_strategy {
            super::update_distribution::check(mode, distribution)?;
            settings.distribution = distribution;
        }
        check_limits(api, mode, shards)?;
        api.streams.create(name, settings, shards).await.map_err(to_aws)?;
        Ok(Empty {})
    }
}

fn shards(mode: Mode, count: Option<u32>) -> Result<u32> {
    match (mode, count) {
        (Mode::OnDemand, None) => Ok(ON_DEMAND_SHARDS),
        (Mode::OnDemand, Some(_)) => {
            Err(AwsError::validation("ShardCount must not be set for a stream in ON_DEMAND mode."))
        }
        (Mode::Provisioned, None) => {
            Err(AwsError::validation("ShardCount must be set for a stream in PROVISIONED mode."))
        }
        (Mode::Provisioned, Some(shards @ 1..=MOST_SHARDS)) => Ok(shards),
        (Mode::Provisioned, Some(shards)) => {
            Err(AwsError::limit(format!("A stream can have at most {MOST_SHARDS} shards, not {shards}.")))
        }
    }
}

fn check_limits(api: &Api, mode: Mode, shards: u32) -> Result<()> {
    if !api.kinesis.enforces_limits() {
        return Ok(());
    }
    let streams = api.streams.list();
    let account = &api.account().id;
    if streams.iter().filter(|stream| stream.status() == Status::Creating).count() >= MOST_CREATING {
        return Err(AwsError::limit(format!(
            "Limit of {MOST_CREATING} streams being created at the same time under account {account} is reached."
        )));
    }
    match mode {
        Mode::OnDemand => super::update_stream_mode::check_on_demand_count(api),
        Mode::Provisioned => super::update_shard_count::check_shard_limit(api, shards),
    }
}
