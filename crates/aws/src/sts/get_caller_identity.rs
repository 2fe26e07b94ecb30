//! GetCallerIdentity.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;

use crate::Api;
use crate::error::{AwsError, Result};
use crate::operation::Operation;

pub(super) struct GetCallerIdentity;

#[derive(Debug, Deserialize)]
pub(super) struct Input {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    user_id: String,
    account: String,
    arn: String,
}

impl Operation for GetCallerIdentity {
    const ACTION: &'static str = "sts:GetCallerIdentity";
    type Input = Input;
    type Output = Output;

    fn resource(_: &Api, _: &Input) -> Result<String> {
        Ok("*".into())
    }

    async fn run(api: &Api, _: Input, caller: &Principal) -> Result<Output> {
        let account = api.account();
        match caller {
            Principal::Root => {
                Ok(Output { user_id: account.id.clone(), account: account.id.clone(), arn: account.arn("iam", "root") })
            }
            other => Err(AwsError::internal(format!("{other:?} has no access key"))),
        }
    }
}
