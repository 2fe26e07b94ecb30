//! StartStreamEncryption and StopStreamEncryption. Tidemill has no KMS: it remembers the key, and shows records as
//! encrypted, but what protects them on disk is the disk's own encryption.

use serde::Deserialize;
use tidemill_iam::Principal;
use tidemill_stream::Settings;

use super::members::{ENCRYPTION_TYPE, KEY_ID, STREAM_ARN, STREAM_ID, STREAM_NAME};
use super::refused::Refused;
use super::stream_ref::StreamRef;
use crate::Api;
use crate::error::{AwsError, Result};
use crate::model::Member;
use crate::operation::{Empty, Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    #[serde(flatten)]
    stream: StreamRef,
    encryption_type: String,
    key_id: String,
}

impl Input {
    async fn set(&self, api: &Api, key: Option<String>) -> Result<Empty> {
        if self.encryption_type != "KMS" {
            return Err(AwsError::invalid("EncryptionType must be KMS."));
        }
        if !is_key(&self.key_id) {
            let message = format!("{} is not the id, the alias or the ARN of a key.", self.key_id);
            return Err(AwsError::new("KMSNotFoundException", message));
        }
        let set = |settings: &mut Settings| {
            settings.encryption_key = key;
            Ok::<(), Refused>(())
        };
        api.streams.change(&self.stream.stream(api)?, set).await.map_err(|error| error.of(api))?;
        Ok(Empty {})
    }
}

/// Whether a text can name a key of KMS: an alias, a UUID, a multi-region id, or the ARN of one of them.
fn is_key(text: &str) -> bool {
    let named = match text.strip_prefix("arn:") {
        Some(rest) => rest.splitn(5, ':').nth(4).map(|resource| resource.strip_prefix("key/").unwrap_or(resource)),
        None => Some(text),
    };
    named.is_some_and(|name| {
        name.strip_prefix("alias/").is_some_and(|alias| !alias.is_empty())
            || uuid::Uuid::try_parse(name.strip_prefix("mrk-").unwrap_or(name)).is_ok()
    })
}

pub(super) struct Start;

impl Operation for Start {
    const ACTION: &'static str = "kinesis:StartStreamEncryption";
    const MEMBERS: &'static [Member] = &[STREAM_NAME, STREAM_ARN, STREAM_ID, ENCRYPTION_TYPE, KEY_ID];
    type Input = Input;
    type Output = Empty;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        input.stream.resource(api)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Empty> {
        input.set(api, Some(input.key_id.clone())).await
    }
}

pub(super) struct Stop;

impl Operation for Stop {
    const ACTION: &'static str = "kinesis:StopStreamEncryption";
    const MEMBERS: &'static [Member] = &[STREAM_NAME, STREAM_ARN, STREAM_ID, ENCRYPTION_TYPE, KEY_ID];
    type Input = Input;
    type Output = Empty;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        input.stream.resource(api)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Empty> {
        input.set(api, None).await
    }
}
