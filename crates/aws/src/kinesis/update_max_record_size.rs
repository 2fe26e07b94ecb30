//! UpdateMaxRecordSize.

use serde::Deserialize;
use tidemill_iam::Principal;
use tidemill_stream::Settings;

use super::members::{MAX_RECORD_SIZE, STREAM_ARN, STREAM_ID};
use super::refused::Refused;
use super::stream_ref::{find, name_of};
use crate::Api;
use crate::error::{AwsError, Result};
use crate::model::Member;
use crate::operation::{Empty, Operation};

pub(super) struct UpdateMaxRecordSize;

#[derive(Debug, Deserialize)]
pub(super) struct Input {
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    #[serde(rename = "MaxRecordSizeInKiB")]
    kib: u32,
}

impl Operation for UpdateMaxRecordSize {
    const ACTION: &'static str = "kinesis:UpdateMaxRecordSize";
    const MEMBERS: &'static [Member] = &[STREAM_ARN, STREAM_ID, MAX_RECORD_SIZE.required()];
    type Input = Input;
    type Output = Empty;

    fn resource(_: &Api, input: &Input) -> Result<String> {
        input.stream_arn.clone().ok_or_else(|| AwsError::invalid("StreamARN must be provided."))
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Empty> {
        let stream = find(api, &name_of(api, input.stream_arn.as_deref().unwrap_or_default())?)?;
        let set = |settings: &mut Settings| {
            settings.max_record_kib = input.kib;
            Ok::<(), Refused>(())
        };
        api.streams.change(&stream, set).await.map_err(|error| error.of(api))?;
        Ok(Empty {})
    }
}
