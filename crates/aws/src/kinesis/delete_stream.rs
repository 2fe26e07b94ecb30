//! DeleteStream.

use tidemill_iam::Principal;

use super::stream_ref::StreamRef;
use crate::Api;
use crate::error::{Result, from_stream};
use crate::operation::{Empty, Operation};

pub(super) struct DeleteStream;

impl Operation for DeleteStream {
    const ACTION: &'static str = "kinesis:DeleteStream";
    type Input = StreamRef;
    type Output = Empty;

    fn resource(api: &Api, input: &StreamRef) -> Result<String> {
        input.resource(api)
    }

    async fn run(api: &Api, input: StreamRef, _: &Principal) -> Result<Empty> {
        let deleted = api.streams.delete(&input.name()?).await;
        deleted.map_err(|error| from_stream(&api.account().id, error))?;
        Ok(Empty {})
    }
}
