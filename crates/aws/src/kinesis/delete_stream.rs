//! DeleteStream.

use serde::Deserialize;
use tidemill_iam::Principal;

use super::members::{STREAM_ARN, STREAM_ID, STREAM_NAME};
use super::stream_ref::{StreamRef, from_stream};
use crate::Api;
use crate::error::Result;
use crate::model::{Member, Shape};
use crate::operation::{Empty, Operation};

pub(super) struct DeleteStream;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    #[serde(flatten)]
    stream: StreamRef,
    enforce_consumer_deletion: Option<bool>,
}

impl Operation for DeleteStream {
    const ACTION: &'static str = "kinesis:DeleteStream";
    const MEMBERS: &'static [Member] =
        &[STREAM_NAME, STREAM_ARN, STREAM_ID, Member::new("EnforceConsumerDeletion", Shape::Flag)];
    type Input = Input;
    type Output = Empty;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        input.stream.resource(api)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Empty> {
        let with_consumers = input.enforce_consumer_deletion.unwrap_or(false);
        let deleted = api.streams.delete(&input.stream.name(api)?, with_consumers).await;
        deleted.map_err(|error| from_stream(api, error))?;
        Ok(Empty {})
    }
}
