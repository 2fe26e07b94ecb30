//! ListRoles.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;

use super::shapes::{Members, RoleShape};
use crate::Api;
use crate::error::{Result, from_iam};
use crate::operation::Operation;

pub(super) struct ListRoles;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    path_prefix: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    roles: Members<RoleShape>,
    is_truncated: bool,
}

impl Operation for ListRoles {
    const ACTION: &'static str = "iam:ListRoles";
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, _: &Input) -> Result<String> {
        super::role_arn(api, "*")
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let mut roles = api.iam.roles().await.map_err(from_iam)?;
        let prefix = input.path_prefix.unwrap_or_default();
        roles.retain(|role| role.path.starts_with(&prefix));
        Ok(Output { roles: roles.into_iter().map(RoleShape::from).collect(), is_truncated: false })
    }
}
