//! DeletePolicy.

use serde::Deserialize;
use tidemill_iam::Principal;

use crate::Api;
use crate::error::{Result, from_iam};
use crate::operation::{Empty, Operation};

pub(super) struct DeletePolicy;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    policy_arn: String,
}

impl Operation for DeletePolicy {
    const ACTION: &'static str = "iam:DeletePolicy";
    type Input = Input;
    type Output = Empty;

    fn resource(_: &Api, input: &Input) -> Result<String> {
        Ok(input.policy_arn.clone())
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Empty> {
        api.iam.delete_policy(&input.policy_arn).await.map_err(from_iam)?;
        Ok(Empty {})
    }
}
