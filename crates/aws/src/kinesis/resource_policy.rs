//! PutResourcePolicy, GetResourcePolicy and DeleteResourcePolicy, and the policy that a request meets.

use serde::{Deserialize, Serialize};
use tidemill_iam::{Principal, ResourceDocument};
use tidemill_stream::{ConsumerSettings, Settings};

use super::members::{POLICY, RESOURCE_ARN, STREAM_ID};
use super::refused::Refused;
use super::resource_tags::Resource;
use crate::Api;
use crate::error::{AwsError, Result, from_iam};
use crate::model::Member;
use crate::operation::{Empty, Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NewPolicy {
    #[serde(rename = "ResourceARN")]
    arn: String,
    policy: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Named {
    #[serde(rename = "ResourceARN")]
    arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    policy: String,
}

impl Resource {
    fn policy(&self) -> Option<String> {
        match self {
            Self::Stream(stream) => stream.settings().policy.clone(),
            Self::Consumer(_, consumer) => consumer.settings.policy.clone(),
        }
    }

    async fn set_policy(self, api: &Api, policy: Option<String>) -> Result<Empty> {
        match self {
            Self::Stream(stream) => {
                let set = |settings: &mut Settings| {
                    settings.policy = policy;
                    Ok::<(), Refused>(())
                };
                api.streams.change(&stream, set).await.map_err(|error| error.of(api))?;
            }
            Self::Consumer(stream, consumer) => {
                let set = move |settings: &mut ConsumerSettings| {
                    settings.policy = policy;
                    Ok::<(), Refused>(())
                };
                let set = api.streams.change_consumer(&stream, &consumer.name, set);
                set.await.map_err(|error| error.of(api))?;
            }
        }
        Ok(Empty {})
    }
}

/// The policy of the stream or consumer that a request touches. The operations on policies themselves meet none, so that
/// the account cannot lock itself out.
pub(crate) fn resource_policy(api: &Api, action: &str, arn: &str) -> Result<Option<ResourceDocument>> {
    if !arn.starts_with("arn:aws:kinesis:") || action.ends_with("ResourcePolicy") {
        return Ok(None);
    }
    // What does not exist has no policy; the operation will say so.
    let policy = Resource::of(api, arn).ok().and_then(|resource| resource.policy());
    policy.map(|text| ResourceDocument::parse(&text).map_err(from_iam)).transpose()
}

pub(super) struct PutResourcePolicy;

impl Operation for PutResourcePolicy {
    const ACTION: &'static str = "kinesis:PutResourcePolicy";
    const MEMBERS: &'static [Member] = &[RESOURCE_ARN, STREAM_ID, POLICY];
    type Input = NewPolicy;
    type Output = Empty;

    fn resource(_: &Api, input: &NewPolicy) -> Result<String> {
        Ok(input.arn.clone())
    }

    async fn run(api: &Api, input: NewPolicy, _: &Principal) -> Result<Empty> {
        ResourceDocument::parse(&input.policy).map_err(|error| AwsError::invalid(error.to_string()))?;
        Resource::of(api, &input.arn)?.set_policy(api, Some(input.policy)).await
    }
}

pub(super) struct GetResourcePolicy;

impl Operation for GetResourcePolicy {
    const ACTION: &'static str = "kinesis:GetResourcePolicy";
    const MEMBERS: &'static [Member] = &[RESOURCE_ARN, STREAM_ID];
    type Input = Named;
    type Output = Output;

    fn resource(_: &Api, input: &Named) -> Result<String> {
        Ok(input.arn.clone())
    }

    async fn run(api: &Api, input: Named, _: &Principal) -> Result<Output> {
        Ok(Output { policy: Resource::of(api, &input.arn)?.policy().unwrap_or_else(|| "{}".to_owned()) })
    }
}

pub(super) struct DeleteResourcePolicy;

impl Operation for DeleteResourcePolicy {
    const ACTION: &'static str = "kinesis:DeleteResourcePolicy";
    const MEMBERS: &'static [Member] = &[RESOURCE_ARN, STREAM_ID];
    type Input = Named;
    type Output = Empty;

    fn resource(_: &Api, input: &Named) -> Result<String> {
        Ok(input.arn.clone())
    }

    async fn run(api: &Api, input: Named, _: &Principal) -> Result<Empty> {
        let resource = Resource::of(api, &input.arn)?;
        if resource.policy().is_none() {
            let message = format!("No resource policy found for resource ARN {}.", input.arn);
            return Err(AwsError::new("ResourceNotFoundException", message));
        }
        resource.set_policy(api, None).await
    }
}
