//! TagResource, UntagResource and ListTagsForResource: tags of streams and consumers by ARN.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;
use tidemill_stream::{Settings, Stream, StreamConsumer, Tags};

use super::members::{RESOURCE_ARN, STREAM_ID, TAG_KEYS, TAGS};
use super::refused::Refused;
use super::stream_ref::{ConsumerRef, find, name_of};
use super::tags::{TagOutput, add_tags, check_tags, remove_tags};
use crate::Api;
use crate::error::{AwsError, Result};
use crate::model::Member;
use crate::operation::{Empty, Operation};

/// What an ARN names.
pub(super) enum Resource {
    Stream(Arc<Stream>),
    Consumer(Arc<Stream>, StreamConsumer),
}

impl Resource {
    /// Finds what `arn` names.
    pub(super) fn of(api: &Api, arn: &str) -> Result<Self> {
        if arn.contains(":channel/") || arn.contains(":queue/") {
            return Err(AwsError::invalid("Channels and Queues are not supported by this endpoint."));
        }
        if arn.contains("/consumer/") {
            let (stream, consumer) = ConsumerRef::of_arn(arn.to_owned()).find(api)?;
            return Ok(Self::Consumer(stream, consumer));
        }
        find(api, &name_of(api, arn)?).map(Self::Stream)
    }

    fn tags(&self) -> Tags {
        match self {
            Self::Stream(stream) => stream.settings().tags.clone(),
            Self::Consumer(_, consumer) => consumer.settings.tags.clone(),
        }
    }

    /// Changes the tags.
    async fn change(
        self,
        api: &Api,
        change: impl FnOnce(&mut Tags) -> Result<(), Refused> + Send + 'static,
    ) -> Result<()> {
        match self {
            Self::Stream(stream) => {
                let changed = api.streams.change(&stream, |settings: &mut Settings| change(&mut settings.tags));
                changed.await.map_err(|error| error.of(api))
            }
            Self::Consumer(stream, consumer) => {
                let changed =
                    api.streams.change_consumer(&stream, &consumer.name, move |settings| change(&mut settings.tags));
                changed.await.map_err(|error| error.of(api))
            }
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Tagging {
    #[serde(rename = "ResourceARN")]
    arn: String,
    #[serde(rename = "Tags")]
    tags: Tags,
}

#[derive(Debug, Deserialize)]
pub(super) struct Untagging {
    #[serde(rename = "ResourceARN")]
    arn: String,
    #[serde(rename = "TagKeys")]
    keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Listing {
    #[serde(rename = "ResourceARN")]
    arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    tags: Vec<TagOutput>,
}

pub(super) struct TagResource;

impl Operation for TagResource {
    const ACTION: &'static str = "kinesis:TagResource";
    const MEMBERS: &'static [Member] = &[RESOURCE_ARN, STREAM_ID, TAGS.required()];
    type Input = Tagging;
    type Output = Empty;

    fn resource(_: &Api, input: &Tagging) -> Result<String> {
        Ok(input.arn.clone())
    }

    async fn run(api: &Api, input: Tagging, _: &Principal) -> Result<Empty> {
        check_tags(&input.tags)?;
        Resource::of(api, &input.arn)?.change(api, move |tags| add_tags(tags, input.tags)).await?;
        Ok(Empty {})
    }
}

pub(super) struct UntagResource;

impl Operation for UntagResource {
    const ACTION: &'static str = "kinesis:UntagResource";
    const MEMBERS: &'static [Member] = &[RESOURCE_ARN, STREAM_ID, TAG_KEYS];
    type Input = Untagging;
    type Output = Empty;

    fn resource(_: &Api, input: &Untagging) -> Result<String> {
        Ok(input.arn.clone())
    }

    async fn run(api: &Api, input: Untagging, _: &Principal) -> Result<Empty> {
        let remove = move |tags: &mut Tags| {
            remove_tags(tags, &input.keys);
            Ok(())
        };
        Resource::of(api, &input.arn)?.change(api, remove).await?;
        Ok(Empty {})
    }
}

pub(super) struct ListTagsForResource;

impl Operation for ListTagsForResource {
    const ACTION: &'static str = "kinesis:ListTagsForResource";
    const MEMBERS: &'static [Member] = &[RESOURCE_ARN, STREAM_ID];
    type Input = Listing;
    type Output = Output;

    fn resource(_: &Api, input: &Listing) -> Result<String> {
        Ok(input.arn.clone())
    }

    async fn run(api: &Api, input: Listing, _: &Principal) -> Result<Output> {
        Ok(Output { tags: Resource::of(api, &input.arn)?.tags().iter().map(TagOutput::new).collect() })
    }
}
