//! Kinesis Data Streams (`Kinesis_20131202`).

mod create_stream;
mod delete_stream;
mod describe_stream;
mod describe_stream_summary;
mod get_records;
mod get_shard_iterator;
mod list_shards;
mod list_streams;
mod put_record;
mod put_records;
mod stream_ref;

use crate::error::Result;
use crate::operation::{Answer, Call, unknown_operation};

/// Calls the operation called `name`.
pub(crate) async fn dispatch(name: &str, call: Call<'_>) -> Result<Answer> {
    match name {
        "CreateStream" => call.run::<create_stream::CreateStream>().await,
        "DeleteStream" => call.run::<delete_stream::DeleteStream>().await,
        "DescribeStream" => call.run::<describe_stream::DescribeStream>().await,
        "DescribeStreamSummary" => call.run::<describe_stream_summary::DescribeStreamSummary>().await,
        "GetRecords" => get_records::call(call).await,
        "GetShardIterator" => call.run::<get_shard_iterator::GetShardIterator>().await,
        "ListShards" => call.run::<list_shards::ListShards>().await,
        "ListStreams" => call.run::<list_streams::ListStreams>().await,
        "PutRecord" => put_record::call(call).await,
        "PutRecords" => put_records::call(call).await,
        name => Err(unknown_operation(name)),
    }
}
