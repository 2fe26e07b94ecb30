//! ListStreamConsumers.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;

use super::members::{MAX_RESULTS, NEXT_TOKEN, STREAM_ARN, STREAM_CREATED, STREAM_ID};
use super::stream_ref::{ConsumerOutput, find, name_of};
use super::{list_shards::check_created, token};
use crate::Api;
use crate::error::Result;
use crate::model::Member;
use crate::operation::Operation;
use crate::protocol::Time;

/// Consumers of one answer, unless the caller asks for fewer.
const DEFAULT_LIMIT: usize = 100;

pub(super) struct ListStreamConsumers;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    next_token: Option<String>,
    max_results: Option<usize>,
    stream_creation_timestamp: Option<Time>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    consumers: Vec<ConsumerOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for ListStreamConsumers {
    const ACTION: &'static str = "kinesis:ListStreamConsumers";
    const MEMBERS: &'static [Member] = &[STREAM_ARN.required(), NEXT_TOKEN, MAX_RESULTS, STREAM_CREATED, STREAM_ID];
    type Input = Input;
    type Output = Output;

    fn resource(_: &Api, input: &Input) -> Result<String> {
        Ok(input.stream_arn.clone())
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let stream = find(api, &name_of(api, &input.stream_arn)?)?;
        check_created(api, &stream, input.stream_creation_timestamp)?;
        let now = api.clock.now();
        let after: Option<String> = input.next_token.map(|text| token::read(&text, now)).transpose()?;
        let mut consumers = api.streams.consumers_of(&stream);
        consumers.retain(|consumer| after.as_ref().is_none_or(|after| consumer.name > *after));
        let limit = input.max_results.unwrap_or(DEFAULT_LIMIT);
        let more = consumers.len() > limit;
        consumers.truncate(limit);
        let last = consumers.last().filter(|_| more);
        Ok(Output {
            next_token: last.map(|consumer| token::issue(&consumer.name, now)).transpose()?,
            consumers: consumers.iter().map(|consumer| ConsumerOutput::new(api, &stream, consumer)).collect(),
        })
    }
}
