//! ModifyClusterIamRoles.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;

use super::shapes::{ClusterShape, RoleArns};
use crate::Api;
use crate::error::{Result, from_cluster};
use crate::operation::Operation;

pub(super) struct ModifyClusterIamRoles;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    cluster_identifier: String,
    #[serde(default)]
    add_iam_roles: RoleArns,
    #[serde(default)]
    remove_iam_roles: RoleArns,
    default_iam_role_arn: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    cluster: ClusterShape,
}

impl Operation for ModifyClusterIamRoles {
    const ACTION: &'static str = "redshift:ModifyClusterIamRoles";
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        super::cluster_arn(api, &input.cluster_identifier)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let (add, remove) = (input.add_iam_roles.into_vec(), input.remove_iam_roles.into_vec());
        let name = &input.cluster_identifier;
        let modified = api.clusters.modify_roles(name, &add, &remove, input.default_iam_role_arn).await;
        Ok(Output { cluster: ClusterShape::new(api, modified.map_err(from_cluster)?, "available") })
    }
}
