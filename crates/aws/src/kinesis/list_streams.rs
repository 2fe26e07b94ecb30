//! ListStreams.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;

use super::describe_stream::{ModeDetails, status};
use super::stream_ref::arn;
use crate::Api;
use crate::error::Result;
use crate::operation::Operation;

/// Streams of one answer, unless the caller asks for fewer.
const DEFAULT_LIMIT: usize = 100;

pub(super) struct ListStreams;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    limit: Option<usize>,
    exclusive_start_stream_name: Option<String>,
    /// The name of the last stream of the answer before.
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
    stream_mode_details: ModeDetails,
    stream_creation_timestamp: f64,
}

impl Operation for ListStreams {
    const ACTION: &'static str = "kinesis:ListStreams";
    type Input = Input;
    type Output = Output;

    fn resource(_: &Api, _: &Input) -> Result<String> {
        Ok("*".into())
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let limit = input.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, 10_000);
        let after = input.next_token.or(input.exclusive_start_stream_name).unwrap_or_default();
        let mut streams = api.streams.list();
        streams.retain(|stream| stream.name().as_str() > after.as_str());
        let has_more_streams = streams.len() > limit;
        streams.truncate(limit);
        let summary = |stream: &std::sync::Arc<tidemill_stream::Stream>| Summary {
            stream_name: stream.name().to_string(),
            stream_arn: arn(api, stream.name()),
            stream_status: status(stream),
            stream_mode_details: ModeDetails::of(stream),
            stream_creation_timestamp: stream.created().seconds(),
        };
        Ok(Output {
            stream_names: streams.iter().map(|stream| stream.name().to_string()).collect(),
            stream_summaries: streams.iter().map(summary).collect(),
            next_token: streams.last().filter(|_| has_more_streams).map(|stream| stream.name().to_string()),
            has_more_streams,
        })
    }
}
