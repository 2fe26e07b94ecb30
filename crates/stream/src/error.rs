//! What can go wrong with a stream.

use std::io::ErrorKind;
use std::path::PathBuf;

use crate::{HashRange, ShardId, Status, StreamName};

/// The result of an operation on streams.
pub type Result<T, E = StreamError> = std::result::Result<T, E>;

/// Why an operation on a stream failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// No stream has this name.
    #[error("stream {0} not found")]
    NotFound(StreamName),
    /// A stream of this name exists already.
    #[error("stream {0} already exists")]
    Exists(StreamName),
    /// The stream is going through something else.
    #[error("stream {0} is not ACTIVE but {status}", status = .1.as_str())]
    NotActive(StreamName, Status),
    /// The stream has no such shard.
    #[error("stream {0} has no shard {1}")]
    NoShard(StreamName, String),
    /// The shard was split or merged before.
    #[error("{0} is closed")]
    ShardClosed(ShardId),
    /// A hash key at which a shard cannot be split.
    #[error("{shard} cannot be split at {at}, which is not well inside its hash keys")]
    BadSplit {
        /// The shard.
        shard: ShardId,
        /// Its hash keys.
        range: HashRange,
        /// Where it was to be split.
        at: u128,
    },
    /// Two shards whose hash keys are not neighbours.
    #[error("{0} and {1} are not adjacent")]
    NotAdjacent(ShardId, ShardId),
    /// A shard of the batch was closed after the batch was made.
    #[error("the shards have changed")]
    Resharded,
    /// A stream is deleted, but consumers are registered with it.
    #[error("stream {0} has registered consumers")]
    HasConsumers(StreamName),
    /// A consumer of this name is registered with the stream already.
    #[error("consumer {0} already exists")]
    ConsumerExists(String),
    /// The stream has no such consumer.
    #[error("consumer {0} not found")]
    NoConsumer(String),
    /// A stream name that breaks Kinesis' rule.
    #[error("stream name '{0}' must have 1 to 128 characters out of a-z, A-Z, 0-9, '_', '.' and '-'")]
    BadName(String),
    /// An earlier write or sync failed, so nothing more can be promised until a restart.
    #[error("the log is closed for writing after a failed write: {0}")]
    Poisoned(String),
    /// The log on disk is damaged other than by a torn last write.
    #[error("log segment {path} is damaged at byte {offset}: {what}")]
    Damaged {
        /// The segment file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What was expected there.
        what: String,
    },
    /// The log was written by a newer Tidemill.
    #[error("log segment {path} has format {found}, this version reads up to {known}")]
    NewerFormat {
        /// The segment file.
        path: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// The disk has no room.
    #[error("the disk is full")]
    DiskFull,
    /// The disk refused.
    #[error("disk: {0}")]
    Disk(String),
    /// The control database refused.
    #[error("control database: {0}")]
    Control(String),
}

impl From<std::io::Error> for StreamError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Disk(error.to_string()),
        }
    }
}

impl From<sqlx::Error> for StreamError {
    fn from(error: sqlx::Error) -> Self {
        Self::Control(error.to_string())
    }
}
