//! GetPolicyVersion.

use serde::{Deserialize, Serialize};
use tidemill_iam::{IamError, Principal};

use super::shapes::date;
use crate::Api;
use crate::error::{Result, from_iam};
use crate::operation::Operation;

pub(super) struct GetPolicyVersion;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    policy_arn: String,
    version_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    policy_version: Version,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    document: String,
    version_id: String,
    is_default_version: bool,
    create_date: String,
}

impl Operation for GetPolicyVersion {
    const ACTION: &'static str = "iam:GetPolicyVersion";
    type Input = Input;
    type Output = Output;

    fn resource(_: &Api, input: &Input) -> Result<String> {
        Ok(input.policy_arn.clone())
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let policy = api.iam.policy(&input.policy_arn).await.map_err(from_iam)?;
        if input.version_id != "v1" {
            let missing = format!("Policy {} version {}", policy.arn, input.version_id);
            return Err(from_iam(IamError::NoSuchEntity(missing)));
        }
        let policy_version = Version {
            document: urlencoding::encode(&policy.document).into_owned(),
            version_id: input.version_id,
            is_default_version: true,
            create_date: date(policy.created),
        };
        Ok(Output { policy_version })
    }
}
