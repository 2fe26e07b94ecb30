//! Records that a view has set aside, because it could not make rows of them.

use bytes::Bytes;
use tidemill_clock::Timestamp;

/// A record that is in no view, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeadLetter {
    pub(crate) shard: String,
    pub(crate) sequence_number: String,
    pub(crate) partition_key: String,
    /// When the record arrived in the stream.
    pub(crate) arrival: Timestamp,
    /// When it was set aside.
    pub(crate) recorded: Timestamp,
    pub(crate) code: i32,
    pub(crate) reason: String,
    pub(crate) data: Bytes,
}

impl DeadLetter {
    /// Memory that it holds, roughly.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.partition_key.len() + self.reason.len() + self.data.len()
    }
}
