//! CreatePolicy.

use serde::{Deserialize, Serialize};
use tidemill_iam::{NewPolicy, Principal};

use super::shapes::PolicyShape;
use crate::Api;
use crate::error::{Result, from_iam};
use crate::operation::Operation;

pub(super) struct CreatePolicy;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    policy_name: String,
    path: Option<String>,
    policy_document: String,
    description: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    policy: PolicyShape,
}

impl Operation for CreatePolicy {
    const ACTION: &'static str = "iam:CreatePolicy";
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        Ok(api.account().arn("iam", &format!("policy/{}", input.policy_name)))
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let new = NewPolicy {
            name: input.policy_name,
            path: input.path.unwrap_or_else(|| "/".into()),
            description: input.description,
            document: input.policy_document,
        };
        let policy = api.iam.create_policy(new).await.map_err(from_iam)?;
        Ok(Output { policy: policy.into() })
    }
}
