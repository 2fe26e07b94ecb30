//! UpdateStreamMode.

use std::time::Duration;

use serde::Deserialize;
use tidemill_clock::Timestamp;
use tidemill_iam::Principal;
use tidemill_stream::{Distribution, Mode, Settings};

use super::create_stream::ModeDetails;
use super::describe_limits::{ON_DEMAND_LIMIT, on_demand_streams};
use super::members::{MODE_DETAILS, STREAM_ARN, STREAM_ID, WARM_THROUGHPUT};
use super::refused::Refused;
use super::stream_ref::{find, name_of};
use super::update_warm_throughput::check_warm_throughput;
use crate::Api;
use crate::error::{AwsError, Result};
use crate::model::Member;
use crate::operation::{Empty, Operation};

/// How often a stream's mode may change within a day, where limits are enforced.
const MOST_A_DAY: usize = 2;
const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) struct UpdateStreamMode;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_mode_details: ModeDetails,
    #[serde(rename = "WarmThroughputMiBps")]
    warm_throughput: Option<u32>,
}

impl Operation for UpdateStreamMode {
    const ACTION: &'static str = "kinesis:UpdateStreamMode";
    const MEMBERS: &'static [Member] = &[STREAM_ARN.required(), STREAM_ID, MODE_DETAILS.required(), WARM_THROUGHPUT];
    type Input = Input;
    type Output = Empty;

    fn resource(_: &Api, input: &Input) -> Result<String> {
        Ok(input.stream_arn.clone())
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Empty> {
        let stream = find(api, &name_of(api, &input.stream_arn)?)?;
        let mode = input.stream_mode_details.stream_mode;
        if let Some(mib) = input.warm_throughput {
            check_warm_throughput(api, mode, mib)?;
        }
        if mode == Mode::OnDemand && stream.mode() != mode && api.kinesis.enforces_limits() {
            check_on_demand_count(api)?;
        }
        let (now, enforced) = (api.clock.now(), api.kinesis.enforces_limits());
        let change = |settings: &mut Settings| {
            if settings.mode == mode {
                return Ok(());
            }
            note_change(settings, now, enforced)?;
            settings.mode = mode;
            match mode {
                Mode::OnDemand => settings.warm_mib = input.warm_throughput.unwrap_or(0),
                Mode::Provisioned => (settings.warm_mib, settings.distribution) = (0, Distribution::UserPartitionKey),
            }
            Ok(())
        };
        api.streams.change(&stream, change).await.map_err(|error: Refused| error.of(api))?;
        Ok(Empty {})
    }
}

fn note_change(settings: &mut Settings, now: Timestamp, enforced: bool) -> Result<(), Refused> {
    settings.mode_changes.retain(|time| *time > now.minus(DAY));
    if enforced && settings.mode_changes.len() >= MOST_A_DAY {
        return Err(
            AwsError::limit(format!("The mode of a stream can be changed {MOST_A_DAY} times in 24 hours.")).into()
        );
    }
    settings.mode_changes.push(now);
    Ok(())
}

/// Refuses one more on-demand stream than an account has.
pub(super) fn check_on_demand_count(api: &Api) -> Result<()> {
    if on_demand_streams(api) >= ON_DEMAND_LIMIT {
        return Err(AwsError::limit(format!(
            "This request would exceed the on-demand stream limit of {ON_DEMAND_LIMIT} for the account {}.",
            api.account().id
        )));
    }
    Ok(())
}
