//! GetPolicy.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;

use super::shapes::PolicyShape;
use crate::Api;
use crate::error::{Result, from_iam};
use crate::operation::Operation;

pub(super) struct GetPolicy;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    policy_arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    policy: PolicyShape,
}

impl Operation for GetPolicy {
    const ACTION: &'static str = "iam:GetPolicy";
    type Input = Input;
    type Output = Output;

    fn resource(_: &Api, input: &Input) -> Result<String> {
        Ok(input.policy_arn.clone())
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let policy = api.iam.policy(&input.policy_arn).await.map_err(from_iam)?;
        Ok(Output { policy: policy.into() })
    }
}
