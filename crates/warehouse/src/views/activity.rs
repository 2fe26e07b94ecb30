//! What refreshes did, for the system views. The newest are remembered, in memory.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use tidemill_clock::Timestamp;
use tidemill_stream::{RecordRun, Shard};

use crate::storage::{Part, Relation};

/// Refreshes, and readings of a shard, that are remembered.
const REMEMBERED: usize = 10_000;

/// What one refresh read of one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShardScan {
    pub(crate) shard: String,
    pub(crate) at: Timestamp,
    /// The sequence number of the last record that was read.
    pub(crate) latest_position: String,
    pub(crate) scanned_rows: i64,
    /// Records that were set aside.
    pub(crate) skipped_rows: i64,
    pub(crate) scanned_bytes: i64,
    /// When the first and the last of the records arrived.
    pub(crate) oldest: Timestamp,
    pub(crate) newest: Timestamp,
}

impl ShardScan {
    /// Nothing read yet.
    pub(super) fn new(shard: &Shard, at: Timestamp) -> Self {
        Self {
            shard: shard.id.to_string(),
            at,
            latest_position: String::new(),
            scanned_rows: 0,
            skipped_rows: 0,
            scanned_bytes: 0,
            oldest: Timestamp::from_millis(i64::MAX),
            newest: Timestamp::default(),
        }
    }

    pub(super) fn note(&mut self, runs: &[RecordRun], part: &Part) {
        self.scanned_rows += runs.iter().map(|run| i64::from(run.count)).sum::<i64>();
        self.scanned_bytes += runs.iter().map(|run| run.payload() as i64).sum::<i64>();
        self.skipped_rows += part.letters.len() as i64;
        self.oldest = runs.iter().map(|run| run.arrival).fold(self.oldest, Timestamp::min);
        self.newest = runs.iter().map(|run| run.arrival).fold(self.newest, Timestamp::max);
    }
}

/// Who asked for a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// A statement of the session with this number.
    Manual { backend: i32 },
    /// The view itself.
    Auto,
}

/// One refresh.
#[derive(Debug, Clone)]
pub(crate) struct RefreshEvent {
    pub(crate) transaction: i64,
    pub(crate) relation: i64,
    pub(crate) schema: String,
    pub(crate) view: String,
    pub(crate) user: String,
    pub(crate) trigger: Trigger,
    pub(crate) status: String,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

/// One reading of a shard, and the view that it was for.
#[derive(Debug, Clone)]
pub(crate) struct ScanEvent {
    pub(crate) transaction: i64,
    pub(crate) external_schema: String,
    pub(crate) stream: String,
    pub(crate) view: String,
    pub(crate) scan: ShardScan,
}

/// The newest events.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// Numbers refreshes as if each were a transaction.
    transactions: AtomicI64,
    /// Held to add and to copy events.
    refreshes: Mutex<VecDeque<RefreshEvent>>,
    scans: Mutex<VecDeque<ScanEvent>>,
}

impl Activity {
    pub(super) fn new_transaction(&self) -> i64 {
        self.transactions.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn note_refresh(&self, event: RefreshEvent) {
        push(&self.refreshes, event);
    }

    pub(super) fn note_scans(&self, transaction: i64, relation: &Relation, scans: Vec<ShardScan>) {
        let Some(view) = relation.streaming() else { return };
        for scan in scans {
            push(
                &self.scans,
                ScanEvent {
                    transaction,
                    external_schema: view.external_schema.clone(),
                    stream: view.stream.clone(),
                    view: relation.name.clone(),
                    scan,
                },
            );
        }
    }

    /// The refreshes, oldest first.
    pub(crate) fn refreshes(&self) -> Vec<RefreshEvent> {
        all(&self.refreshes)
    }

    /// The readings of shards, oldest first.
    pub(crate) fn scans(&self) -> Vec<ScanEvent> {
        all(&self.scans)
    }
}

fn push<T>(events: &Mutex<VecDeque<T>>, event: T) {
    let mut events = events.lock().unwrap_or_else(PoisonError::into_inner);
    if events.len() == REMEMBERED {
        events.pop_front();
    }
    events.push_back(event);
}

fn all<T: Clone>(events: &Mutex<VecDeque<T>>) -> Vec<T> {
    events.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}
