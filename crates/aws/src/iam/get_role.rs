//! GetRole.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;

use super::shapes::RoleShape;
use crate::Api;
use crate::error::{Result, from_iam};
use crate::operation::Operation;

pub(super) struct GetRole;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    role_name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    role: RoleShape,
}

impl Operation for GetRole {
    const ACTION: &'static str = "iam:GetRole";
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        super::role_arn(api, &input.role_name)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let role = api.iam.role(&input.role_name).await.map_err(from_iam)?;
        Ok(Output { role: role.into() })
    }
}
