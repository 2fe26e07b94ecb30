//! Registered consumers: names under which enhanced fan-out reads a stream.

use serde::{Deserialize, Serialize};
use tidemill_clock::Timestamp;

use crate::{Status, StreamId, Tags};

/// A consumer that is registered with a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamConsumer {
    /// The stream that it reads.
    pub stream: StreamId,
    /// Its name, unique within the stream.
    pub name: String,
    /// When it was registered: tells it from others of its name before.
    pub created: Timestamp,
    /// What it is going through.
    pub status: Status,
    /// What can be changed about it.
    pub settings: ConsumerSettings,
}

/// The settings of a consumer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerSettings {
    /// Tags.
    pub tags: Tags,
    /// The resource policy, as it was given.
    pub policy: Option<String>,
}
