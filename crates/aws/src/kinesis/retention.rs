//! IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod.

use std::time::Duration;

use serde::Deserialize;
use tidemill_iam::Principal;
use tidemill_stream::Settings;

use super::members::{RETENTION, STREAM_ARN, STREAM_ID, STREAM_NAME};
use super::refused::Refused;
use super::stream_ref::StreamRef;
use crate::Api;
use crate::error::{AwsError, Result};
use crate::model::Member;
use crate::operation::{Empty, Operation};

/// The shortest and the longest retention, in hours.
const HOURS: (i64, i64) = (24, 8760);

#[derive(Debug, Deserialize)]
pub(super) struct Input {
    #[serde(flatten)]
    stream: StreamRef,
    #[serde(rename = "RetentionPeriodHours")]
    hours: i64,
}

impl Input {
    /// Sets the retention if `fits` the one before.
    async fn set(self, api: &Api, fits: fn(i64, i64) -> bool, wrong: &'static str) -> Result<Empty> {
        let stream = self.stream.stream(api)?;
        let (wanted, name) = (self.hours, stream.name().clone());
        let (least, most) = HOURS;
        if wanted < least {
            return Err(AwsError::invalid(format!(
                "Minimum allowed retention period is {least} hours. Requested retention period ({wanted} hours) is too short."
            )));
        }
        if wanted > most {
            return Err(AwsError::invalid(format!(
                "Maximum allowed retention period is {most} hours. Requested retention period ({wanted} hours) is too long."
            )));
        }
        let change = |settings: &mut Settings| {
            let current = (settings.retention.as_secs() / 3600) as i64;
            if !fits(wanted, current) {
                return Err(Refused::from(AwsError::invalid(format!(
                    "Requested retention period ({wanted} hours) for stream {name} can not be {wrong} than existing \
                     retention period ({current} hours)."
                ))));
            }
            settings.retention = Duration::from_secs(wanted as u64 * 3600);
            Ok(())
        };
        api.streams.change(&stream, change).await.map_err(|error| error.of(api))?;
        Ok(Empty {})
    }
}

pub(super) struct Increase;

impl Operation for Increase {
    const ACTION: &'static str = "kinesis:IncreaseStreamRetentionPeriod";
    const MEMBERS: &'static [Member] = &[STREAM_NAME, STREAM_ARN, STREAM_ID, RETENTION];
    type Input = Input;
    type Output = Empty;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        input.stream.resource(api)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Empty> {
        input.set(api, |wanted, current| wanted >= current, "shorter").await
    }
}

pub(super) struct Decrease;

impl Operation for Decrease {
    const ACTION: &'static str = "kinesis:DecreaseStreamRetentionPeriod";
    const MEMBERS: &'static [Member] = &[STREAM_NAME, STREAM_ARN, STREAM_ID, RETENTION];
    type Input = Input;
    type Output = Empty;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        input.stream.resource(api)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Empty> {
        input.set(api, |wanted, current| wanted <= current, "longer").await
    }
}
