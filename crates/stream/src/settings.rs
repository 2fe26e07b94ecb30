//! What a stream's owner can change about it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidemill_clock::Timestamp;

/// Tags of a stream or a consumer.
pub type Tags = BTreeMap<String, String>;

/// Where a stream's capacity comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mode {
    /// A number of shards that its owner sets.
    Provisioned,
    /// As many shards as the traffic needs, at least four.
    OnDemand,
}

impl Mode {
    /// Kinesis' word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioned => "PROVISIONED",
            Self::OnDemand => "ON_DEMAND",
        }
    }
}

/// What places a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Distribution {
    /// Its key.
    #[default]
    UserPartitionKey,
    /// Tidemill, evenly, whatever its key (on-demand streams only).
    Auto,
}

/// The traffic of a shard, or of a stream's busiest minute of a day, a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rate {
    /// Bytes of keys and data.
    pub bytes: u64,
    /// Records.
    pub records: u64,
}

/// The settings of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Where its capacity comes from. Kept in a column of its own.
    #[serde(skip)]
    pub mode: Mode,
    /// How long a record can be read after its arrival. Kept in a column of its own.
    #[serde(skip)]
    pub retention: Duration,
    /// What arrived before was too old before the retention was made longer, and stays so.
    pub trimmed: Timestamp,
    /// The largest record, key and data together, in KiB.
    pub max_record_kib: u32,
    /// What places a record.
    pub distribution: Distribution,
    /// The key that records are said to be encrypted with.
    pub encryption_key: Option<String>,
    /// The shard-level metrics that are on.
    pub shard_metrics: BTreeSet<String>,
    /// The throughput that an on-demand stream is kept ready for, in MiB/s.
    pub warm_mib: u32,
    /// Tags.
    pub tags: Tags,
    /// The resource policy, as it was given.
    pub policy: Option<String>,
    /// When the mode was changed, within the last day.
    pub mode_changes: Vec<Timestamp>,
    /// When the shard count was changed, within the last day.
    pub rescalings: Vec<Timestamp>,
    /// The busiest minute of each of the last 30 days, by days since 1970.
    pub peaks: BTreeMap<i64, Rate>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Provisioned,
            retention: Duration::from_secs(24 * 3600),
            trimmed: Timestamp::default(),
            max_record_kib: 1024,
            distribution: Distribution::default(),
            encryption_key: None,
            shard_metrics: BTreeSet::new(),
            warm_mib: 0,
            tags: Tags::new(),
            policy: None,
            mode_changes: Vec::new(),
            rescalings: Vec::new(),
            peaks: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// The defaults of a stream of this mode.
    pub fn of(mode: Mode) -> Self {
        Self { mode, ..Self::default() }
    }
}

/// An account's commitment to a minimum of throughput.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Commitment {
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended or is to end.
    pub ended: Option<Timestamp>,
}
