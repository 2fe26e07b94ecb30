//! What refreshes did, for the system views. The newest are remembered in memory, and the more telling ones in the catalog.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidemill_clock::Timestamp;
use tidemill_stream::{RecordRun, Shard};
use tokio::sync::Notify;

use super::{Part, Relation};

/// Refreshes, and readings of a shard, that are remembered.
pub(super) const REMEMBERED: usize = 10_000;

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
    pub(crate) fn new(shard: &Shard, at: Timestamp) -> Self {
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

    /// Takes in what was read behind it.
    pub(crate) fn add(&mut self, next: Self) {
        self.latest_position = next.latest_position;
        self.scanned_rows += next.scanned_rows;
        self.skipped_rows += next.skipped_rows;
        self.scanned_bytes += next.scanned_bytes;
        self.oldest = self.oldest.min(next.oldest);
        self.newest = self.newest.max(next.newest);
    }

    pub(crate) fn note(&mut self, runs: &[RecordRun], part: &Part) {
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
    /// Numbers refreshes as if each were a transaction; given when it is noted.
    pub(crate) transaction: i64,
    pub(crate) relation: i64,
    pub(crate) schema: String,
    pub(crate) view: String,
    pub(crate) user: String,
    pub(crate) trigger: Trigger,
    pub(crate) succeeded: bool,
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

/// Refreshes and what they read, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Events {
    pub(crate) refreshes: VecDeque<RefreshEvent>,
    pub(crate) scans: VecDeque<ScanEvent>,
}

/// The newest events.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// Held to add and to copy events.
    kept: Mutex<Kept>,
    /// Says that there is something to save.
    pub(crate) noted: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Kept {
    events: Events,
    /// The last transaction, and the last one that needs no saving any more.
    last: i64,
    saved: i64,
}

impl Activity {
    /// What the catalog has remembered.
    pub(super) fn new(events: Events) -> Self {
        let last = events.refreshes.back().map_or(0, |refresh| refresh.transaction);
        Self { kept: Mutex::new(Kept { events, last, saved: last }), noted: Arc::default() }
    }

    /// Notes a refresh, and what it read of the shards of a stream.
    pub(crate) fn note(&self, mut refresh: RefreshEvent, relation: &Relation, scans: Vec<ShardScan>) {
        let mut kept = self.kept();
        kept.last += 1;
        refresh.transaction = kept.last;
        if let Some(view) = relation.streaming() {
            for scan in scans {
                let event = ScanEvent {
                    transaction: refresh.transaction,
                    external_schema: view.external_schema.clone(),
                    stream: view.stream.clone(),
                    view: relation.name.clone(),
                    scan,
                };
                push(&mut kept.events.scans, event);
            }
        }
        push(&mut kept.events.refreshes, refresh);
        drop(kept);
        self.noted.notify_one();
    }

    /// Everything that is remembered.
    pub(crate) fn events(&self) -> Events {
        self.kept().events.clone()
    }

    /// What is worth saving and was not saved: of each view's automatic refreshes that succeeded only the last, as there may
    /// be hundreds in a second. Also the last transaction that was looked at.
    pub(super) fn to_save(&self) -> (Events, i64) {
        let kept = self.kept();
        let saved = kept.saved;
        let mut succeeded = HashSet::new();
        let new = kept.events.refreshes.iter().rev().take_while(|refresh| refresh.transaction > saved);
        let telling = new.filter(|refresh| {
            let is_routine = refresh.trigger == Trigger::Auto && refresh.succeeded;
            !is_routine || succeeded.insert(refresh.relation)
        });
        let mut refreshes: VecDeque<RefreshEvent> = telling.cloned().collect();
        refreshes.make_contiguous().reverse();
        let transactions: HashSet<i64> = refreshes.iter().map(|refresh| refresh.transaction).collect();
        let read = |scan: &&ScanEvent| transactions.contains(&scan.transaction);
        let scans = kept.events.scans.iter().filter(read).cloned().collect();
        (Events { refreshes, scans }, kept.last)
    }

    /// Everything up to the transaction `last` is saved.
    pub(super) fn set_saved(&self, last: i64) {
        self.kept().saved = last;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push<T>(events: &mut VecDeque<T>, event: T) {
    if events.len() == REMEMBERED {
        events.pop_front();
    }
    events.push_back(event);
}
