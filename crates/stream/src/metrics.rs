//! What a stream has done since the process started.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

/// Upper bounds of the commit latency's buckets, in seconds.
const COMMIT_BUCKETS: [f64; 12] = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0];

/// Counters of a stream, shared with whoever exports them.
#[derive(Debug, Clone)]
pub struct StreamMetrics {
    /// Records put.
    pub records_in: Counter,
    /// Bytes of keys and data put.
    pub bytes_in: Counter,
    /// Records read, once for each reader.
    pub records_out: Counter,
    /// Bytes of keys and data read, once for each reader.
    pub bytes_out: Counter,
    /// How long a group commit took, from layout to sync.
    pub commit_seconds: Histogram,
}

impl Default for StreamMetrics {
    fn default() -> Self {
        Self {
            records_in: Counter::default(),
            bytes_in: Counter::default(),
            records_out: Counter::default(),
            bytes_out: Counter::default(),
            commit_seconds: Histogram::new(COMMIT_BUCKETS),
        }
    }
}

impl StreamMetrics {
    pub(crate) fn committed(&self, records: u64, bytes: u64, took: Duration) {
        self.records_in.inc_by(records);
        self.bytes_in.inc_by(bytes);
        self.commit_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn read(&self, records: u64, bytes: u64) {
        self.records_out.inc_by(records);
        self.bytes_out.inc_by(bytes);
    }
}
