//! Where reading a shard starts, as GetShardIterator and SubscribeToShard name it.

use tidemill_stream::{SequenceNumber, Shard, Stream};

use super::stream_ref::from_stream;
use crate::Api;
use crate::error::{AwsError, Result};
use crate::protocol::Time;

/// A starting position.
pub(super) struct Position<'i> {
    pub(super) kind: &'i str,
    pub(super) sequence_number: Option<&'i str>,
    pub(super) time: Option<Time>,
}

impl Position<'_> {
    /// The ordinal of the first record to read.
    pub(super) async fn ordinal(&self, api: &Api, stream: &Stream, shard: &Shard) -> Result<u64> {
        match self.kind {
            "LATEST" => Ok(stream.next_ordinal(shard.id)),
            "AT_SEQUENCE_NUMBER" => Ok(self.sequence(stream, shard)?.max(1)),
            "AFTER_SEQUENCE_NUMBER" => Ok(self.sequence(stream, shard)?.saturating_add(1)),
            "AT_TIMESTAMP" => {
                let Time(time) = self.time.ok_or_else(|| {
                    AwsError::invalid("Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP.")
                })?;
                if time > api.clock.now() {
                    let message =
                        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis.";
                    return Err(AwsError::invalid(message));
                }
                stream.first_ordinal_at(shard.id, time).await.map_err(|error| from_stream(api, error))
            }
            _ => Ok(1),
        }
    }

    fn sequence(&self, stream: &Stream, shard: &Shard) -> Result<u64> {
        let Some(text) = self.sequence_number else {
            return Err(AwsError::invalid(format!(
                "Must specify startingSequenceNumber parameter for iterator of type {}.",
                self.kind
            )));
        };
        let number = SequenceNumber::parse(text).filter(|number| *number == shard.sequence_number(number.ordinal));
        number.map(|number| number.ordinal).ok_or_else(|| {
            AwsError::invalid(format!(
                "StartingSequenceNumber {text} used in GetShardIterator on shard {} in stream {} is invalid.",
                shard.id,
                stream.name()
            ))
        })
    }
}
