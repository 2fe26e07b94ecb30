//! How a request names a stream: by name or by ARN.

use std::sync::Arc;

use serde::Deserialize;
use tidemill_stream::{Shard, Stream, StreamName};

use crate::Api;
use crate::error::{AwsError, Result, from_stream};

/// A stream's name, its ARN, or both.
#[derive(Debug, Deserialize)]
pub(super) struct StreamRef {
    #[serde(rename = "StreamName")]
    pub(super) name: Option<String>,
    #[serde(rename = "StreamARN")]
    pub(super) arn: Option<String>,
}

impl StreamRef {
    /// The name that is meant.
    pub(super) fn name(&self) -> Result<StreamName> {
        let of_arn = self.arn.as_deref().map(|arn| {
            let found = arn.split_once(":stream/").filter(|_| arn.starts_with("arn:aws:kinesis:"));
            found
                .map(|(_, name)| name)
                .ok_or_else(|| AwsError::new("InvalidArgumentException", format!("{arn} is not the ARN of a stream")))
        });
        let name = match (of_arn.transpose()?, self.name.as_deref()) {
            (Some(of_arn), Some(name)) if of_arn != name => {
                let message = "StreamARN and StreamName name different streams";
                return Err(AwsError::new("InvalidArgumentException", message));
            }
            (Some(name), _) | (None, Some(name)) => name,
            (None, None) => {
                return Err(AwsError::new(
                    "InvalidArgumentException",
                    "Either StreamName or StreamARN should be provided.",
                ));
            }
        };
        StreamName::parse(name).map_err(|error| from_stream("", error))
    }

    /// The ARN that policies are evaluated against.
    pub(super) fn resource(&self, api: &Api) -> Result<String> {
        Ok(arn(api, &self.name()?))
    }

    /// The stream that is meant.
    pub(super) fn stream(&self, api: &Api) -> Result<Arc<Stream>> {
        api.streams.get(&self.name()?).map_err(|error| from_stream(&api.account().id, error))
    }
}

/// The ARN of a stream.
pub(super) fn arn(api: &Api, name: &StreamName) -> String {
    api.account().arn("kinesis", &format!("stream/{name}"))
}

/// A shard as DescribeStream and ListShards show it.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ShardOutput {
    shard_id: String,
    hash_key_range: HashKeyRange,
    sequence_number_range: SequenceNumberRange,
}

#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct HashKeyRange {
    starting_hash_key: String,
    ending_hash_key: String,
}

#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct SequenceNumberRange {
    starting_sequence_number: String,
}

impl From<&Shard> for ShardOutput {
    fn from(shard: &Shard) -> Self {
        Self {
            shard_id: shard.id.to_string(),
            hash_key_range: HashKeyRange {
                starting_hash_key: shard.range.start.to_string(),
                ending_hash_key: shard.range.end.to_string(),
            },
            sequence_number_range: SequenceNumberRange {
                starting_sequence_number: shard.sequence_number(0).to_string(),
            },
        }
    }
}
