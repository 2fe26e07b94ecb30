//! Redshift's control plane (2012-12-01).

mod create_cluster;
mod delete_cluster;
mod describe_clusters;
mod modify_cluster_iam_roles;
mod shapes;

use crate::Api;
use crate::error::Result;
use crate::operation::{Answer, Call, unknown_operation};

/// Calls the operation called `name`.
pub(crate) async fn dispatch(name: &str, call: Call<'_>) -> Result<Answer> {
    match name {
        "CreateCluster" => call.run::<create_cluster::CreateCluster>().await,
        "DeleteCluster" => call.run::<delete_cluster::DeleteCluster>().await,
        "DescribeClusters" => call.run::<describe_clusters::DescribeClusters>().await,
        "ModifyClusterIamRoles" => call.run::<modify_cluster_iam_roles::ModifyClusterIamRoles>().await,
        name => Err(unknown_operation(name)),
    }
}

/// The ARN of a cluster that a request names.
fn cluster_arn(api: &Api, name: &str) -> Result<String> {
    Ok(api.account().arn("redshift", &format!("cluster:{name}")))
}
