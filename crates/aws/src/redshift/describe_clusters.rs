//! DescribeClusters.

use serde::{Deserialize, Serialize};
use tidemill_iam::Principal;

use super::shapes::ClusterShape;
use crate::Api;
use crate::error::{Result, from_cluster};
use crate::operation::Operation;

pub(super) struct DescribeClusters;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    cluster_identifier: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    clusters: Clusters,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Clusters {
    cluster: Vec<ClusterShape>,
}

impl Operation for DescribeClusters {
    const ACTION: &'static str = "redshift:DescribeClusters";
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        super::cluster_arn(api, input.cluster_identifier.as_deref().unwrap_or("*"))
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let infos = match &input.cluster_identifier {
            Some(name) => vec![api.clusters.get(name).map_err(from_cluster)?],
            None => api.clusters.list(),
        };
        let cluster = infos.into_iter().map(|info| ClusterShape::new(api, info, "available")).collect();
        Ok(Output { clusters: Clusters { cluster } })
    }
}
