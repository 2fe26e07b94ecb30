//! AttachRolePolicy.

use serde::Deserialize;
use tidemill_iam::Principal;

use crate::Api;
use crate::error::{Result, from_iam};
use crate::operation::{Empty, Operation};

pub(super) struct AttachRolePolicy;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    role_name: String,
    policy_arn: String,
}

impl Operation for AttachRolePolicy {
    const ACTION: &'static str = "iam:AttachRolePolicy";
    type Input = Input;
    type Output = Empty;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        super::role_arn(api, &input.role_name)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Empty> {
        api.iam.attach_role_policy(&input.role_name, &input.policy_arn).await.map_err(from_iam)?;
        Ok(Empty {})
    }
}
