//! How a request names a stream or a consumer, and how an answer shows them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidemill_stream::{Shard, ShardId, Status, Stream, StreamConsumer, StreamError, StreamName};

use crate::Api;
use crate::error::{AwsError, Result};
use crate::protocol::Time;

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
    pub(super) fn name(&self, api: &Api) -> Result<StreamName> {
        let of_arn = self.arn.as_deref().map(|arn| name_of(api, arn)).transpose()?;
        let name = match (of_arn, self.name.as_deref()) {
            (Some(of_arn), Some(name)) if of_arn.as_str() != name => {
                return Err(AwsError::invalid("StreamARN and StreamName name different streams."));
            }
            (Some(name), _) => return Ok(name),
            (None, Some(name)) => name,
            (None, None) => return Err(AwsError::invalid("Either StreamName or StreamARN should be provided.")),
        };
        StreamName::parse(name).map_err(|error| AwsError::validation(error.to_string()))
    }

    /// The ARN that policies are evaluated against.
    pub(super) fn resource(&self, api: &Api) -> Result<String> {
        Ok(arn(api, &self.name(api)?))
    }

    /// The stream that is meant.
    pub(super) fn stream(&self, api: &Api) -> Result<Arc<Stream>> {
        find(api, &self.name(api)?)
    }

    /// The stream that is meant, whose records are wanted: one that is being created has none.
    pub(super) fn readable(&self, api: &Api) -> Result<Arc<Stream>> {
        let stream = self.stream(api)?;
        match stream.status() {
            Status::Creating => Err(from_stream(api, StreamError::NotFound(stream.name().clone()))),
            _ => Ok(stream),
        }
    }
}

/// The stream called `name`.
pub(super) fn find(api: &Api, name: &StreamName) -> Result<Arc<Stream>> {
    api.streams.get(name).map_err(|error| from_stream(api, error))
}

/// The ARN of a stream.
pub(super) fn arn(api: &Api, name: &StreamName) -> String {
    api.account().arn("kinesis", &format!("stream/{name}"))
}

/// The name of the stream with this ARN.
pub(super) fn name_of(api: &Api, arn: &str) -> Result<StreamName> {
    let name = arn.strip_prefix(api.account().arn("kinesis", "stream/").as_str());
    name.and_then(|name| StreamName::parse(name).ok()).ok_or_else(|| {
        AwsError::new(
            "ResourceNotFoundException",
            format!("{arn} is not the ARN of a stream of this account and region."),
        )
    })
}

/// A consumer as a request names it: by its own ARN, or by its name and its stream's ARN.
#[derive(Debug, Deserialize)]
pub(super) struct ConsumerRef {
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    #[serde(rename = "ConsumerName")]
    name: Option<String>,
    #[serde(rename = "ConsumerARN")]
    arn: Option<String>,
}

impl ConsumerRef {
    /// A consumer named by its ARN.
    pub(super) fn of_arn(arn: String) -> Self {
        Self { stream_arn: None, name: None, arn: Some(arn) }
    }

    /// The ARN that policies are evaluated against.
    pub(super) fn resource(&self, api: &Api) -> Result<String> {
        match (&self.arn, self.find(api)) {
            (Some(arn), _) => Ok(arn.clone()),
            (None, Ok((stream, consumer))) => Ok(consumer_arn(api, &stream, &consumer)),
            (None, Err(error)) => Err(error),
        }
    }

    /// The consumer that is meant, and its stream.
    pub(super) fn find(&self, api: &Api) -> Result<(Arc<Stream>, StreamConsumer)> {
        let (stream, name, created) = match (&self.arn, &self.stream_arn, &self.name) {
            (Some(arn), _, _) => {
                let (stream, rest) = arn.split_once("/consumer/").ok_or_else(|| not_found(arn))?;
                let (name, created) = rest.rsplit_once(':').ok_or_else(|| not_found(arn))?;
                (find(api, &name_of(api, stream)?)?, name, Some(created))
            }
            (None, Some(stream), Some(name)) => (find(api, &name_of(api, stream)?)?, name.as_str(), None),
            _ => {
                let message = "Either ConsumerARN or both StreamARN and ConsumerName must be provided.";
                return Err(AwsError::invalid(message));
            }
        };
        let consumer = api.streams.consumer(&stream, name).map_err(|error| from_stream(api, error))?;
        match created {
            Some(created) if created != (consumer.created.millis() / 1000).to_string() => {
                Err(not_found(self.arn.as_deref().unwrap_or_default()))
            }
            _ => Ok((stream, consumer)),
        }
    }
}

fn not_found(arn: &str) -> AwsError {
    AwsError::new("ResourceNotFoundException", format!("Consumer {arn} not found."))
}

/// The ARN of a consumer.
pub(super) fn consumer_arn(api: &Api, stream: &Stream, consumer: &StreamConsumer) -> String {
    let created = consumer.created.millis() / 1000;
    format!("{}/consumer/{}:{created}", arn(api, stream.name()), consumer.name)
}

/// A consumer as answers show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ConsumerOutput {
    consumer_name: String,
    #[serde(rename = "ConsumerARN")]
    consumer_arn: String,
    consumer_status: &'static str,
    consumer_creation_timestamp: Time,
}

impl ConsumerOutput {
    pub(super) fn new(api: &Api, stream: &Stream, consumer: &StreamConsumer) -> Self {
        Self {
            consumer_name: consumer.name.clone(),
            consumer_arn: consumer_arn(api, stream, consumer),
            consumer_status: consumer.status.as_str(),
            consumer_creation_timestamp: Time(consumer.created),
        }
    }
}

/// The id of a shard that a request names, which must exist.
pub(super) fn shard_of(api: &Api, stream: &Stream, text: &str) -> Result<Shard> {
    let unknown = || StreamError::NoShard(stream.name().clone(), text.to_owned());
    let shard = ShardId::parse(text).ok_or_else(unknown).and_then(|id| stream.shard(id));
    shard.map_err(|error| from_stream(api, error))
}

/// The capacity mode of a stream.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ModeOutput {
    stream_mode: &'static str,
}

impl ModeOutput {
    pub(super) fn of(stream: &Stream) -> Self {
        Self { stream_mode: stream.mode().as_str() }
    }
}

/// A shard as DescribeStream and ListShards show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ShardOutput {
    shard_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_shard_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adjacent_parent_shard_id: Option<String>,
    hash_key_range: HashKeyRange,
    sequence_number_range: SequenceNumberRange,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct HashKeyRange {
    starting_hash_key: String,
    ending_hash_key: String,
}

impl HashKeyRange {
    fn of(shard: &Shard) -> Self {
        Self { starting_hash_key: shard.range.start.to_string(), ending_hash_key: shard.range.end.to_string() }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SequenceNumberRange {
    starting_sequence_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ending_sequence_number: Option<String>,
}

impl From<&Shard> for ShardOutput {
    fn from(shard: &Shard) -> Self {
        let number = |ordinal| shard.sequence_number(ordinal).to_string();
        Self {
            shard_id: shard.id.to_string(),
            parent_shard_id: shard.parent.map(|parent| parent.to_string()),
            adjacent_parent_shard_id: shard.adjacent_parent.map(|parent| parent.to_string()),
            hash_key_range: HashKeyRange::of(shard),
            sequence_number_range: SequenceNumberRange {
                starting_sequence_number: number(0),
                ending_sequence_number: shard.closed.map(|closed| number(closed.end - 1)),
            },
        }
    }
}

/// A child of a shard, as the last answer from its parent shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChildOutput {
    shard_id: String,
    parent_shards: Vec<String>,
    hash_key_range: HashKeyRange,
}

/// The children of a shard.
pub(super) fn children(stream: &Stream, shard: ShardId) -> Vec<ChildOutput> {
    let child = |child: &Shard| ChildOutput {
        shard_id: child.id.to_string(),
        parent_shards: child.parents().map(|parent| parent.to_string()).collect(),
        hash_key_range: HashKeyRange::of(child),
    };
    stream.shards().children(shard).map(child).collect()
}

/// What an error of a stream is called by Kinesis.
pub(super) fn from_stream(api: &Api, error: StreamError) -> AwsError {
    let account = &api.account().id;
    let not_found = |message| AwsError::new("ResourceNotFoundException", message);
    let in_use = |message| AwsError::new("ResourceInUseException", message);
    match error {
        StreamError::NotFound(name) => not_found(format!("Stream {name} under account {account} not found.")),
        StreamError::Exists(name) => in_use(format!("Stream {name} under account {account} already exists.")),
        StreamError::NotActive(name, status) => {
            in_use(format!("Stream {name} under account {account} not ACTIVE, instead in state {}", status.as_str()))
        }
        StreamError::NoShard(name, shard) => {
            not_found(format!("Could not find shard {shard} in stream {name} under account {account}."))
        }
        StreamError::HasConsumers(name) => in_use(format!(
            "Stream {name} under account {account} has registered consumers. Deregister them first, or set \
             EnforceConsumerDeletion."
        )),
        StreamError::ConsumerExists(name) => in_use(format!("Consumer {name} under account {account} already exists.")),
        StreamError::NoConsumer(name) => not_found(format!("Consumer {name} under account {account} not found.")),
        StreamError::ShardClosed(shard) => AwsError::invalid(format!("Shard {shard} is not open.")),
        StreamError::NotAdjacent(shard, adjacent) => AwsError::invalid(format!(
            "Shards {shard} and {adjacent} are not an adjacent pair of shards eligible for merging."
        )),
        StreamError::BadSplit { shard, range, at } => AwsError::invalid(format!(
            "NewStartingHashKey {at} used in SplitShard() on shard {shard} is not both greater than one plus the shard's \
             StartingHashKey {} and less than the shard's EndingHashKey {}.",
            range.start, range.end
        )),
        StreamError::BadName(_) => AwsError::validation(error.to_string()),
        StreamError::DiskFull => {
            AwsError { message: "The disk of this Tidemill is full.".into(), ..AwsError::internal(error) }
        }
        other => AwsError::internal(other),
    }
}
