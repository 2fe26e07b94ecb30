//! CreateRole.

use serde::{Deserialize, Serialize};
use tidemill_iam::{NewRole, Principal};

use super::shapes::RoleShape;
use crate::Api;
use crate::error::{Result, from_iam};
use crate::operation::Operation;

pub(super) struct CreateRole;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    role_name: String,
    path: Option<String>,
    assume_role_policy_document: String,
    description: Option<String>,
    #[serde(default, deserialize_with = "crate::operation::number")]
    max_session_duration: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    role: RoleShape,
}

impl Operation for CreateRole {
    const ACTION: &'static str = "iam:CreateRole";
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        super::role_arn(api, &input.role_name)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let new = NewRole {
            name: input.role_name,
            path: input.path.unwrap_or_else(|| "/".into()),
            description: input.description,
            trust: input.assume_role_policy_document,
            max_session: input.max_session_duration.unwrap_or(3600),
        };
        let role = api.iam.create_role(new).await.map_err(from_iam)?;
        Ok(Output { role: role.into() })
    }
}
