//! ListTagsForStream.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;

use super::members::{EXCLUSIVE_START_TAG_KEY, STREAM_ARN, STREAM_ID, STREAM_NAME};
use super::stream_ref::StreamRef;
use super::tags::TagOutput;
use crate::Api;
use crate::error::Result;
use crate::model::{Member, Shape};
use crate::operation::Operation;

/// Tags of one answer.
const MOST: usize = 50;

pub(super) struct ListTagsForStream;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    #[serde(flatten)]
    stream: StreamRef,
    exclusive_start_tag_key: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    tags: Vec<TagOutput>,
    has_more_tags: bool,
}

impl Operation for ListTagsForStream {
    const ACTION: &'static str = "kinesis:ListTagsForStream";
    const MEMBERS: &'static [Member] = &[
        STREAM_NAME,
        STREAM_ARN,
        STREAM_ID,
        EXCLUSIVE_START_TAG_KEY,
        Member::new("Limit", Shape::Number { least: 1, most: MOST as i64 }),
    ];
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        input.stream.resource(api)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let settings = input.stream.stream(api)?.settings();
        let start = input.exclusive_start_tag_key;
        let mut rest = settings.tags.iter().filter(|(key, _)| start.as_ref().is_none_or(|start| *key > start));
        let tags = rest.by_ref().take(input.limit.unwrap_or(MOST)).map(TagOutput::new).collect();
        Ok(Output { tags, has_more_tags: rest.next().is_some() })
    }
}
