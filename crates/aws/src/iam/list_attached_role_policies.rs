//! ListAttachedRolePolicies.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;

use super::shapes::{AttachedPolicyShape, Members};
use crate::Api;
use crate::error::{Result, from_iam};
use crate::operation::Operation;

pub(super) struct ListAttachedRolePolicies;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    role_name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    attached_policies: Members<AttachedPolicyShape>,
    is_truncated: bool,
}

impl Operation for ListAttachedRolePolicies {
    const ACTION: &'static str = "iam:ListAttachedRolePolicies";
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        super::role_arn(api, &input.role_name)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let attached = api.iam.attached_policies(&input.role_name).await.map_err(from_iam)?;
        let attached_policies = attached.into_iter().map(AttachedPolicyShape::from).collect();
        Ok(Output { attached_policies, is_truncated: false })
    }
}
