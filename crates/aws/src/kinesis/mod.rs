//! Kinesis Data Streams (2013-12-02), one operation a file.

mod account_settings;
mod add_tags_to_stream;
mod consumers;
mod create_stream;
mod delete_stream;
mod describe_limits;
mod describe_stream;
mod describe_stream_summary;
mod encryption;
mod enhanced_monitoring;
mod get_records;
mod get_shard_iterator;
mod limits;
mod list_shards;
mod list_stream_consumers;
mod list_streams;
mod list_tags_for_stream;
mod members;
mod merge_shards;
mod place;
mod put_record;
mod put_records;
mod record;
mod refused;
mod remove_tags_from_stream;
mod resource_policy;
mod resource_tags;
mod retention;
mod split_shard;
mod stream_ref;
mod subscribe_to_shard;
mod subscriptions;
mod tags;
mod token;
mod update_distribution;
mod update_max_record_size;
mod update_shard_count;
mod update_stream_mode;
mod update_warm_throughput;

use crate::error::{AwsError, Result};
use crate::operation::{Answer, Call, unknown_operation};

pub use limits::Front;
pub(crate) use resource_policy::resource_policy;

/// Calls the operation called `name`.
pub(crate) async fn dispatch(name: &str, call: Call<'_>) -> Result<Answer> {
    call.api.kinesis.count_call(name, call.api.clock.now())?;
    match name {
        "AddTagsToStream" => call.run::<add_tags_to_stream::AddTagsToStream>().await,
        "CreateStream" => call.run::<create_stream::CreateStream>().await,
        "DecreaseStreamRetentionPeriod" => call.run::<retention::Decrease>().await,
        "DeleteResourcePolicy" => call.run::<resource_policy::DeleteResourcePolicy>().await,
        "DeleteStream" => call.run::<delete_stream::DeleteStream>().await,
        "DeregisterStreamConsumer" => call.run::<consumers::Deregister>().await,
        "DescribeAccountSettings" => call.run::<account_settings::Describe>().await,
        "DescribeLimits" => call.run::<describe_limits::DescribeLimits>().await,
        "DescribeStream" => call.run::<describe_stream::DescribeStream>().await,
        "DescribeStreamConsumer" => call.run::<consumers::Describe>().await,
        "DescribeStreamSummary" => call.run::<describe_stream_summary::DescribeStreamSummary>().await,
        "DisableEnhancedMonitoring" => call.run::<enhanced_monitoring::Disable>().await,
        "EnableEnhancedMonitoring" => call.run::<enhanced_monitoring::Enable>().await,
        "GetRecords" => get_records::call(call).await,
        "GetResourcePolicy" => call.run::<resource_policy::GetResourcePolicy>().await,
        "GetShardIterator" => call.run::<get_shard_iterator::GetShardIterator>().await,
        "IncreaseStreamRetentionPeriod" => call.run::<retention::Increase>().await,
        "ListShards" => call.run::<list_shards::ListShards>().await,
        "ListStreamConsumers" => call.run::<list_stream_consumers::ListStreamConsumers>().await,
        "ListStreams" => call.run::<list_streams::ListStreams>().await,
        "ListTagsForResource" => call.run::<resource_tags::ListTagsForResource>().await,
        "ListTagsForStream" => call.run::<list_tags_for_stream::ListTagsForStream>().await,
        "MergeShards" => call.run::<merge_shards::MergeShards>().await,
        "PutRecord" => put_record::call(call).await,
        "PutRecords" => put_records::call(call).await,
        "PutResourcePolicy" => call.run::<resource_policy::PutResourcePolicy>().await,
        "RegisterStreamConsumer" => call.run::<consumers::Register>().await,
        "RemoveTagsFromStream" => call.run::<remove_tags_from_stream::RemoveTagsFromStream>().await,
        "SplitShard" => call.run::<split_shard::SplitShard>().await,
        "StartStreamEncryption" => call.run::<encryption::Start>().await,
        "StopStreamEncryption" => call.run::<encryption::Stop>().await,
        "SubscribeToShard" => subscribe_to_shard::call(call).await,
        "TagResource" => call.run::<resource_tags::TagResource>().await,
        "UntagResource" => call.run::<resource_tags::UntagResource>().await,
        "UpdateAccountSettings" => call.run::<account_settings::Update>().await,
        "UpdateMaxRecordSize" => call.run::<update_max_record_size::UpdateMaxRecordSize>().await,
        "UpdateShardCount" => call.run::<update_shard_count::UpdateShardCount>().await,
        "UpdateStreamMode" => call.run::<update_stream_mode::UpdateStreamMode>().await,
        "UpdateStreamRecordDistributionStrategy" => call.run::<update_distribution::UpdateDistribution>().await,
        "UpdateStreamWarmThroughput" => call.run::<update_warm_throughput::UpdateWarmThroughput>().await,
        name if name.contains("Channel") || name.contains("Queue") => Err(AwsError::invalid(format!(
            "{name} is not supported by this endpoint: Tidemill has no Channels and Queues."
        ))),
        name => Err(unknown_operation(name)),
    }
}
