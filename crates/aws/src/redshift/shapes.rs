//! A cluster as answers show it.

use serde::{Deserialize, Serialize};
use tidemill_warehouse::ClusterInfo;

use crate::Api;

/// A cluster.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ClusterShape {
    cluster_identifier: String,
    node_type: String,
    cluster_status: &'static str,
    cluster_availability_status: &'static str,
    master_username: String,
    #[serde(rename = "DBName")]
    db_name: &'static str,
    endpoint: Endpoint,
    cluster_create_time: String,
    number_of_nodes: u32,
    publicly_accessible: bool,
    encrypted: bool,
    iam_roles: IamRoles,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_iam_role_arn: Option<String>,
    cluster_namespace_arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    address: String,
    port: u16,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct IamRoles {
    cluster_iam_role: Vec<IamRole>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct IamRole {
    iam_role_arn: String,
    apply_status: &'static str,
}

/// A list of role ARNs in a request, which forms wrap in a name and JSON does not.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
pub(super) enum RoleArns {
    /// `IamRoles.IamRoleArn.1=…`
    Form {
        /// The ARNs.
        #[serde(rename = "IamRoleArn")]
        arns: Vec<String>,
    },
    /// `"IamRoles": […]`
    List(Vec<String>),
    /// Nothing.
    #[default]
    None,
}

impl RoleArns {
    pub(super) fn into_vec(self) -> Vec<String> {
        match self {
            Self::Form { arns } | Self::List(arns) => arns,
            Self::None => Vec::new(),
        }
    }
}

impl ClusterShape {
    pub(super) fn new(api: &Api, info: ClusterInfo, status: &'static str) -> Self {
        let created = chrono::DateTime::from_timestamp_millis(info.created.millis()).unwrap_or_default();
        let role = |arn: String| IamRole { iam_role_arn: arn, apply_status: "in-sync" };
        Self {
            cluster_namespace_arn: api.account().arn("redshift", &format!("namespace:{}", info.id)),
            cluster_identifier: info.name,
            node_type: info.node_type,
            cluster_status: status,
            cluster_availability_status: "Available",
            master_username: info.admin,
            db_name: "dev",
            endpoint: Endpoint { address: info.address.ip().to_string(), port: info.address.port() },
            cluster_create_time: created.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            number_of_nodes: info.nodes,
            publicly_accessible: false,
            encrypted: false,
            iam_roles: IamRoles { cluster_iam_role: info.roles.arns.into_iter().map(role).collect() },
            default_iam_role_arn: info.roles.default,
        }
    }
}
