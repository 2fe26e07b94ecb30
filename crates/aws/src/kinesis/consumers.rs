//! RegisterStreamConsumer, DeregisterStreamConsumer and DescribeStreamConsumer.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;
use tidemill_stream::{ConsumerSettings, Status, Tags};

use super::members::{CONSUMER_ARN, CONSUMER_NAME, STREAM_ARN, STREAM_ID, TAGS};
use super::stream_ref::{ConsumerOutput, ConsumerRef, arn, find, from_stream, name_of};
use super::tags::check_tags;
use crate::Api;
use crate::error::{AwsError, Result};
use crate::model::Member;
use crate::operation::{Empty, Operation};

/// Consumers of a stream, where limits are enforced; of a committed account's on-demand streams the second.
const MOST_CONSUMERS: (usize, usize) = (20, 50);
/// Consumers of a stream that may be in creation, where limits are enforced.
const MOST_CREATING: usize = 5;

#[derive(Debug, Deserialize)]
pub(super) struct Registration {
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    #[serde(rename = "ConsumerName")]
    name: String,
    #[serde(rename = "Tags", default)]
    tags: Tags,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Registered {
    consumer: ConsumerOutput,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Description {
    consumer_description: Described,
}

#[derive(Debug, Serialize)]
struct Described {
    #[serde(flatten)]
    consumer: ConsumerOutput,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
}

pub(super) struct Register;

impl Operation for Register {
    const ACTION: &'static str = "kinesis:RegisterStreamConsumer";
    const MEMBERS: &'static [Member] = &[STREAM_ARN.required(), CONSUMER_NAME.required(), STREAM_ID, TAGS];
    type Input = Registration;
    type Output = Registered;

    fn resource(_: &Api, input: &Registration) -> Result<String> {
        Ok(input.stream_arn.clone())
    }

    async fn run(api: &Api, input: Registration, _: &Principal) -> Result<Registered> {
        let stream = find(api, &name_of(api, &input.stream_arn)?)?;
        check_tags(&input.tags)?;
        check_limits(api, &stream)?;
        let settings = ConsumerSettings { tags: input.tags, ..ConsumerSettings::default() };
        let registered = api.streams.register(&stream, &input.name, settings).await;
        let consumer = registered.map_err(|error| from_stream(api, error))?;
        Ok(Registered { consumer: ConsumerOutput::new(api, &stream, &consumer) })
    }
}

fn check_limits(api: &Api, stream: &tidemill_stream::Stream) -> Result<()> {
    if !api.kinesis.enforces_limits() {
        return Ok(());
    }
    let consumers = api.streams.consumers_of(stream);
    let advantage = stream.mode() == tidemill_stream::Mode::OnDemand && super::account_settings::is_committed(api);
    let most = if advantage { MOST_CONSUMERS.1 } else { MOST_CONSUMERS.0 };
    if consumers.len() >= most {
        return Err(AwsError::limit(format!(
            "Stream {} has {most} consumers, the most that it can have.",
            stream.name()
        )));
    }
    if consumers.iter().filter(|consumer| consumer.status == Status::Creating).count() >= MOST_CREATING {
        return Err(AwsError::limit(format!(
            "Stream {} has {MOST_CREATING} consumers in CREATING status.",
            stream.name()
        )));
    }
    Ok(())
}

pub(super) struct Deregister;

impl Operation for Deregister {
    const ACTION: &'static str = "kinesis:DeregisterStreamConsumer";
    const MEMBERS: &'static [Member] = &[STREAM_ARN, CONSUMER_NAME, CONSUMER_ARN, STREAM_ID];
    type Input = ConsumerRef;
    type Output = Empty;

    fn resource(api: &Api, input: &ConsumerRef) -> Result<String> {
        input.resource(api)
    }

    async fn run(api: &Api, input: ConsumerRef, _: &Principal) -> Result<Empty> {
        let (stream, consumer) = input.find(api)?;
        let deregistered = api.streams.deregister(&stream, &consumer.name).await;
        deregistered.map_err(|error| from_stream(api, error))?;
        api.kinesis.subscriptions.end_all(stream.id(), &consumer);
        Ok(Empty {})
    }
}

pub(super) struct Describe;

impl Operation for Describe {
    const ACTION: &'static str = "kinesis:DescribeStreamConsumer";
    const MEMBERS: &'static [Member] = &[STREAM_ARN, CONSUMER_NAME, CONSUMER_ARN, STREAM_ID];
    type Input = ConsumerRef;
    type Output = Description;

    fn resource(api: &Api, input: &ConsumerRef) -> Result<String> {
        input.resource(api)
    }

    async fn run(api: &Api, input: ConsumerRef, _: &Principal) -> Result<Description> {
        let (stream, consumer) = input.find(api)?;
        let consumer = ConsumerOutput::new(api, &stream, &consumer);
        Ok(Description { consumer_description: Described { consumer, stream_arn: arn(api, stream.name()) } })
    }
}
