//! ListPolicies.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;

use super::shapes::{Members, PolicyShape};
use crate::Api;
use crate::error::{Result, from_iam};
use crate::operation::Operation;

pub(super) struct ListPolicies;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    scope: Option<String>,
    path_prefix: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    policies: Members<PolicyShape>,
    is_truncated: bool,
}

impl Operation for ListPolicies {
    const ACTION: &'static str = "iam:ListPolicies";
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, _: &Input) -> Result<String> {
        Ok(api.account().arn("iam", "policy/*"))
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let mut policies = api.iam.policies().await.map_err(from_iam)?;
        let prefix = input.path_prefix.unwrap_or_default();
        // There are no policies of AWS' own here.
        policies.retain(|policy| policy.path.starts_with(&prefix) && input.scope.as_deref() != Some("AWS"));
        Ok(Output { policies: policies.into_iter().map(PolicyShape::from).collect(), is_truncated: false })
    }
}
