//! DescribeAccountSettings and UpdateAccountSettings: the account's commitment to a minimum of throughput.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidemill_clock::Timestamp;
use tidemill_iam::Principal;
use tidemill_stream::Commitment;

use super::stream_ref::from_stream;
use crate::Api;
use crate::error::Result;
use crate::model::{Member, Shape};
use crate::operation::Operation;
use crate::protocol::Time;

/// How long a commitment lasts at least.
const SHORTEST: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    minimum_throughput_billing_commitment: Wanted,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wanted {
    status: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct NoInput {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    minimum_throughput_billing_commitment: CommitmentOutput,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct CommitmentOutput {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    earliest_allowed_end_at: Option<Time>,
}

impl Output {
    fn of(commitment: Commitment, now: Timestamp) -> Self {
        let earliest = commitment.started.map(|started| started.plus(SHORTEST));
        let status = match (commitment.started, commitment.ended) {
            (Some(_), None) => "ENABLED",
            (Some(_), Some(ended)) if ended > now => "ENABLED_UNTIL_EARLIEST_ALLOWED_END",
            _ => "DISABLED",
        };
        let is_on = status != "DISABLED";
        Self {
            minimum_throughput_billing_commitment: CommitmentOutput {
                status,
                started_at: commitment.started.map(Time),
                ended_at: commitment.ended.map(Time),
                earliest_allowed_end_at: earliest.filter(|_| is_on).map(Time),
            },
        }
    }
}

/// Whether the account is committed now.
pub(super) fn is_committed(api: &Api) -> bool {
    let commitment = api.streams.commitment();
    let now = api.clock.now();
    commitment.started.is_some() && commitment.ended.is_none_or(|ended| ended > now)
}

pub(super) struct Describe;

impl Operation for Describe {
    const ACTION: &'static str = "kinesis:DescribeAccountSettings";
    type Input = NoInput;
    type Output = Output;

    fn resource(_: &Api, _: &NoInput) -> Result<String> {
        Ok("*".into())
    }

    async fn run(api: &Api, _: NoInput, _: &Principal) -> Result<Output> {
        Ok(Output::of(api.streams.commitment(), api.clock.now()))
    }
}

pub(super) struct Update;

impl Operation for Update {
    const ACTION: &'static str = "kinesis:UpdateAccountSettings";
    const MEMBERS: &'static [Member] = &[Member::new(
        "MinimumThroughputBillingCommitment",
        Shape::Structure(&[Member::new("Status", Shape::Choice(&["ENABLED", "DISABLED"])).required()]),
    )
    .required()];
    type Input = Input;
    type Output = Output;

    fn resource(_: &Api, _: &Input) -> Result<String> {
        Ok("*".into())
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let (now, was_on) = (api.clock.now(), is_committed(api));
        let before = api.streams.commitment();
        let wants = input.minimum_throughput_billing_commitment.status == "ENABLED";
        let commitment = match (wants, was_on) {
            (true, true) => Commitment { ended: None, ..before },
            (true, false) => Commitment { started: Some(now), ended: None },
            (false, true) => {
                let earliest = before.started.map_or(now, |started| started.plus(SHORTEST));
                Commitment { ended: Some(before.ended.unwrap_or(earliest.max(now))), ..before }
            }
            (false, false) => before,
        };
        api.streams.set_commitment(commitment).await.map_err(|error| from_stream(api, error))?;
        Ok(Output::of(commitment, now))
    }
}
