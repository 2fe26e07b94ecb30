//! ListStreams.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;
use tidemill_stream::Stream;

use super::members::{LIMIT, NAME, NEXT_TOKEN};
use super::stream_ref::{ModeOutput, arn};
use super::token;
use crate::Api;
use crate::error::Result;
use crate::model::Member;
use crate::operation::Operation;
use crate::protocol::Time;

/// Streams of one answer, unless the caller asks for fewer.
const DEFAULT_LIMIT: usize = 100;

pub(super) struct ListStreams;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    limit: Option<usize>,
    exclusive_start_stream_name: Option<String>,
    /// Holds the name of the last stream of the answer before.
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    stream_names: Vec<String>,
    stream_summaries: Vec<Summary>,
    has_more_streams: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    stream_name: String,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_status: &'static str,
    stream_mode_details: ModeOutput,
    stream_creation_timestamp: Time,
}

impl Operation for ListStreams {
    const ACTION: &'static str = "kinesis:ListStreams";
    const MEMBERS: &'static [Member] = &[LIMIT, Member::new("ExclusiveStartStreamName", NAME), NEXT_TOKEN];
    type Input = Input;
    type Output = Output;

    fn resource(_: &Api, _: &Input) -> Result<String> {
        Ok("*".into())
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let (limit, now) = (input.limit.unwrap_or(DEFAULT_LIMIT), api.clock.now());
        let of_token: Option<String> = input.next_token.map(|text| token::read(&text, now)).transpose()?;
        let after = of_token.or(input.exclusive_start_stream_name).unwrap_or_default();
        let mut streams = api.streams.list();
        streams.retain(|stream| stream.name().as_str() > after.as_str());
        let has_more_streams = streams.len() > limit;
        streams.truncate(limit);
        let summary = |stream: &Arc<Stream>| Summary {
            stream_name: stream.name().to_string(),
            stream_arn: arn(api, stream.name()),
            stream_status: stream.status().as_str(),
            stream_mode_details: ModeOutput::of(stream),
            stream_creation_timestamp: Time(stream.created()),
        };
        let last = streams.last().filter(|_| has_more_streams);
        Ok(Output {
            stream_names: streams.iter().map(|stream| stream.name().to_string()).collect(),
            stream_summaries: streams.iter().map(summary).collect(),
            next_token: last.map(|stream| token::issue(stream.name().as_str(), now)).transpose()?,
            has_more_streams,
        })
    }
}
