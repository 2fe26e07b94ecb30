//! RemoveTagsFromStream.

use serde::Deserialize;
use tidemill_iam::Principal;

use super::members::{STREAM_ARN, STREAM_ID, STREAM_NAME, TAG_KEYS};
use super::refused::Refused;
use super::stream_ref::StreamRef;
use super::tags::remove_tags;
use crate::Api;
use crate::error::Result;
use crate::model::Member;
use crate::operation::{Empty, Operation};

pub(super) struct RemoveTagsFromStream;

#[derive(Debug, Deserialize)]
pub(super) struct Input {
    #[serde(flatten)]
    stream: StreamRef,
    #[serde(rename = "TagKeys")]
    keys: Vec<String>,
}

impl Operation for RemoveTagsFromStream {
    const ACTION: &'static str = "kinesis:RemoveTagsFromStream";
    const MEMBERS: &'static [Member] = &[STREAM_NAME, STREAM_ARN, STREAM_ID, TAG_KEYS];
    type Input = Input;
    type Output = Empty;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        input.stream.resource(api)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Empty> {
        let stream = input.stream.stream(api)?;
        let remove = |settings: &mut tidemill_stream::Settings| {
            remove_tags(&mut settings.tags, &input.keys);
            Ok::<(), Refused>(())
        };
        api.streams.change(&stream, remove).await.map_err(|error| error.of(api))?;
        Ok(Empty {})
    }
}
