//! UpdateStreamWarmThroughput.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;
use tidemill_stream::{Mode, Settings};

use super::members::{STREAM_ARN, STREAM_ID, STREAM_NAME, WARM_THROUGHPUT};
use super::refused::Refused;
use super::stream_ref::{StreamRef, arn, from_stream};
use crate::Api;
use crate::error::{AwsError, Result};
use crate::model::Member;
use crate::operation::Operation;

/// The most that a stream can be kept ready for, in MiB/s.
const MOST_MIB: u32 = 10 << 10;

pub(super) struct UpdateWarmThroughput;

#[derive(Debug, Deserialize)]
pub(super) struct Input {
    #[serde(flatten)]
    stream: StreamRef,
    #[serde(rename = "WarmThroughputMiBps")]
    mib: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    stream_name: String,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    warm_throughput: WarmThroughput,
}

/// What a stream is kept ready for.
#[derive(Debug, Serialize)]
pub(super) struct WarmThroughput {
    #[serde(rename = "TargetMiBps")]
    target: u32,
    #[serde(rename = "CurrentMiBps")]
    current: u32,
}

impl WarmThroughput {
    pub(super) fn of(mib: u32) -> Self {
        Self { target: mib, current: mib }
    }
}

impl Operation for UpdateWarmThroughput {
    const ACTION: &'static str = "kinesis:UpdateStreamWarmThroughput";
    const MEMBERS: &'static [Member] = &[STREAM_NAME, STREAM_ARN, STREAM_ID, WARM_THROUGHPUT.required()];
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        input.stream.resource(api)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let stream = input.stream.stream(api)?;
        check_warm_throughput(api, stream.mode(), input.mib)?;
        let set = |settings: &mut Settings| {
            settings.warm_mib = input.mib;
            Ok::<(), Refused>(())
        };
        api.streams.change(&stream, set).await.map_err(|error| error.of(api))?;
        api.streams.scale_up(&stream).await.map_err(|error| from_stream(api, error))?;
        Ok(Output {
            stream_name: stream.name().to_string(),
            stream_arn: arn(api, stream.name()),
            warm_throughput: WarmThroughput::of(input.mib),
        })
    }
}

/// Refuses a warm throughput that the account or the mode does not have.
pub(super) fn check_warm_throughput(api: &Api, mode: Mode, mib: u32) -> Result<()> {
    if mode == Mode::Provisioned {
        return Err(AwsError::validation("WarmThroughputMiBps is only supported for streams in ON_DEMAND mode."));
    }
    if !super::account_settings::is_committed(api) {
        return Err(AwsError::validation(
            "WarmThroughputMiBps needs MinimumThroughputBillingCommitment to be enabled for the account.",
        ));
    }
    if mib > MOST_MIB {
        return Err(AwsError::limit(format!("WarmThroughputMiBps can be at most {MOST_MIB}, not {mib}.")));
    }
    Ok(())
}
