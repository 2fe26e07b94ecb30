//! AddTagsToStream.

use serde::Deserialize;
use tidemill_iam::Principal;
use tidemill_stream::Tags;

use super::members::{STREAM_ARN, STREAM_ID, STREAM_NAME, TAGS};
use super::stream_ref::StreamRef;
use super::tags::add_tags;
use crate::Api;
use crate::error::Result;
use crate::model::Member;
use crate::operation::{Empty, Operation};

pub(super) struct AddTagsToStream;

#[derive(Debug, Deserialize)]
pub(super) struct Input {
    #[serde(flatten)]
    stream: StreamRef,
    #[serde(rename = "Tags")]
    tags: Tags,
}

impl Operation for AddTagsToStream {
    const ACTION: &'static str = "kinesis:AddTagsToStream";
    const MEMBERS: &'static [Member] = &[STREAM_NAME, STREAM_ARN, STREAM_ID, TAGS.required()];
    type Input = Input;
    type Output = Empty;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        input.stream.resource(api)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Empty> {
        let stream = input.stream.stream(api)?;
        api.streams
            .change(&stream, |settings| add_tags(&mut settings.tags, input.tags))
            .await
            .map_err(|e| e.of(api))?;
        Ok(Empty {})
    }
}
