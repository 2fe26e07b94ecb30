//! UpdateStreamRecordDistributionStrategy.

use serde::Deserialize;
use tidemill_iam::Principal;
use tidemill_stream::{Distribution, Mode, Settings};

use super::members::{DISTRIBUTION, STREAM_ARN, STREAM_ID};
use super::refused::Refused;
use super::stream_ref::{find, name_of};
use crate::Api;
use crate::error::{AwsError, Result};
use crate::model::Member;
use crate::operation::{Empty, Operation};

pub(super) struct UpdateDistribution;

#[derive(Debug, Deserialize)]
pub(super) struct Input {
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    #[serde(rename = "RecordDistributionStrategy")]
    distribution: Distribution,
}

impl Operation for UpdateDistribution {
    const ACTION: &'static str = "kinesis:UpdateStreamRecordDistributionStrategy";
    const MEMBERS: &'static [Member] = &[STREAM_ARN.required(), STREAM_ID, DISTRIBUTION.required()];
    type Input = Input;
    type Output = Empty;

    fn resource(_: &Api, input: &Input) -> Result<String> {
        Ok(input.stream_arn.clone())
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Empty> {
        let stream = find(api, &name_of(api, &input.stream_arn)?)?;
        let set = |settings: &mut Settings| {
            check(settings.mode, input.distribution)?;
            settings.distribution = input.distribution;
            Ok::<(), Refused>(())
        };
        api.streams.change(&stream, set).await.map_err(|error| error.of(api))?;
        Ok(Empty {})
    }
}

/// Refuses a distribution that streams of this mode do not have.
pub(super) fn check(mode: Mode, distribution: Distribution) -> Result<()> {
    match (mode, distribution) {
        (Mode::Provisioned, Distribution::Auto) => {
            Err(AwsError::invalid("RecordDistributionStrategy AUTO is only supported for streams in ON_DEMAND mode."))
        }
        _ => Ok(()),
    }
}
