//! CreateCluster.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;
use tidemill_warehouse::{DEFAULT_PORT, NewCluster, Roles};

use super::shapes::{ClusterShape, RoleArns};
use crate::Api;
use crate::error::{AwsError, Result, from_cluster};
use crate::operation::Operation;

pub(super) struct CreateCluster;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    cluster_identifier: String,
    node_type: String,
    master_username: String,
    master_user_password: Option<String>,
    #[serde(rename = "DBName")]
    db_name: Option<String>,
    cluster_type: Option<String>,
    #[serde(default, deserialize_with = "crate::operation::number")]
    number_of_nodes: Option<u32>,
    #[serde(default, deserialize_with = "crate::operation::number")]
    port: Option<u16>,
    #[serde(default)]
    iam_roles: RoleArns,
    default_iam_role_arn: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    cluster: ClusterShape,
}

impl Operation for CreateCluster {
    const ACTION: &'static str = "redshift:CreateCluster";
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        super::cluster_arn(api, &input.cluster_identifier)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        if input.db_name.as_deref().is_some_and(|name| name != "dev") {
            return Err(AwsError::new("InvalidParameterValue", "the database of a cluster is called dev here"));
        }
        let single = input.cluster_type.as_deref() == Some("single-node");
        let nodes = match (single, input.number_of_nodes) {
            (true, Some(2..)) => {
                let message = "NumberOfNodes must be 1 for a single-node cluster";
                return Err(AwsError::new("InvalidParameterCombination", message));
            }
            (_, nodes) => nodes.unwrap_or(1),
        };
        let password = input.master_user_password.ok_or_else(|| {
            let message = "The parameter MasterUserPassword must be provided and must not be blank.";
            AwsError::new("InvalidParameterValue", message)
        })?;
        let new = NewCluster {
            name: input.cluster_identifier,
            node_type: input.node_type,
            nodes,
            admin: input.master_username,
            password,
            port: input.port.unwrap_or(DEFAULT_PORT),
            roles: Roles { arns: input.iam_roles.into_vec(), default: input.default_iam_role_arn },
        };
        let info = api.clusters.create(new).await.map_err(from_cluster)?;
        // The answer shows what the caller asked for; DescribeClusters shows what has become of it.
        Ok(Output { cluster: ClusterShape::new(api, info, "creating") })
    }
}
