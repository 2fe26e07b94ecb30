//! DeleteCluster.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;

use super::shapes::ClusterShape;
use crate::Api;
use crate::error::{Result, from_cluster};
use crate::operation::Operation;

pub(super) struct DeleteCluster;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    cluster_identifier: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    cluster: ClusterShape,
}

impl Operation for DeleteCluster {
    const ACTION: &'static str = "redshift:DeleteCluster";
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        super::cluster_arn(api, &input.cluster_identifier)
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let info = api.clusters.delete(&input.cluster_identifier).await.map_err(from_cluster)?;
        Ok(Output { cluster: ClusterShape::new(api, info, "deleting") })
    }
}
