//! DescribeLimits.

use serde::Serialize;
use tidemill_iam::Principal;
use tidemill_stream::Mode;

use super::account_settings::NoInput;
use crate::Api;
use crate::error::Result;
use crate::operation::Operation;

/// Shards of an account's provisioned streams (Kinesis: 20,000 in the largest regions).
pub(super) const SHARD_LIMIT: usize = 20_000;
/// On-demand streams of an account.
pub(super) const ON_DEMAND_LIMIT: usize = 50;

pub(super) struct DescribeLimits;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    shard_limit: usize,
    open_shard_count: usize,
    on_demand_stream_count: usize,
    on_demand_stream_count_limit: usize,
    channel_count: usize,
    channel_count_limit: usize,
}

/// Open shards of all provisioned streams.
pub(super) fn open_shards(api: &Api) -> usize {
    let provisioned = api.streams.list().into_iter().filter(|stream| stream.mode() == Mode::Provisioned);
    provisioned.map(|stream| stream.shards().open().len()).sum()
}

/// On-demand streams.
pub(super) fn on_demand_streams(api: &Api) -> usize {
    api.streams.list().iter().filter(|stream| stream.mode() == Mode::OnDemand).count()
}

impl Operation for DescribeLimits {
    const ACTION: &'static str = "kinesis:DescribeLimits";
    type Input = NoInput;
    type Output = Output;

    fn resource(_: &Api, _: &NoInput) -> Result<String> {
        Ok("*".into())
    }

    async fn run(api: &Api, _: NoInput, _: &Principal) -> Result<Output> {
        Ok(Output {
            shard_limit: SHARD_LIMIT,
            open_shard_count: open_shards(api),
            on_demand_stream_count: on_demand_streams(api),
            on_demand_stream_count_limit: ON_DEMAND_LIMIT,
            channel_count: 0,
            channel_count_limit: 0,
        })
    }
}
