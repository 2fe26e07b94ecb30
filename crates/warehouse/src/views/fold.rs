//! One refresh: every shard is read from where the view stands to where the stream ends, by the cluster's slices.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::arrow::datatypes::SchemaRef;
use tidemill_clock::Timestamp;
use tidemill_stream::{Backlog, ReadLimit, RecordRun, Shard, Stream};
use tokio::task::JoinSet;

use super::Program;
use super::set_aside::{ErrorMode, Sorter};
use super::write::write_file;
use crate::error::{ErrorKind, Result, SqlError};
use crate::memory::machine_memory;
use crate::storage::{DataFile, Part, Positions, Relation, ShardScan, Store};

/// What a slice takes from a shard at a time.
const STEP: ReadLimit = ReadLimit { records: 16_384, bytes: 8 << 20 };

/// What one refresh may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshLimits {
    /// Bytes of the log whose rows are held before they are written into files that are not committed yet.
    pub rows: usize,
    /// Bytes of records set aside: then what was read so far is published before more is read.
    pub letters: usize,
}

impl Default for RefreshLimits {
    /// A part of the machine's memory, and as many dead letters as make no difference to it.
    fn default() -> Self {
        const PART: usize = 16;
        Self { rows: (machine_memory() / PART).clamp(64 << 20, 1 << 30), letters: 64 << 20 }
    }
}

/// Rows that a refresh has made and not published.
#[derive(Debug, Default)]
pub(super) struct Staged {
    pub(super) part: Part,
    pub(super) files: Vec<DataFile>,
    pub(super) scans: Vec<ShardScan>,
    /// How far it has read.
    pub(super) reached: Positions,
    letters_bytes: usize,
}

impl Staged {
    /// Notes what was read of a shard, up to `next`.
    fn note(&mut self, shard: &Shard, next: u64, scan: ShardScan) {
        self.reached.insert(shard.id.0, next);
        if scan.scanned_rows > 0 {
            self.scans.push(scan);
        }
    }
}

/// A refresh in progress, shared by its slices.
pub(super) struct Fold {
    pub(super) store: Arc<Store>,
    pub(super) relation: Arc<Relation>,
    pub(super) stream: Arc<Stream>,
    pub(super) program: Arc<Program>,
    pub(super) refresh_time: Timestamp,
    pub(super) slices: usize,
    /// Whether rows that were shown before are made again: then the age of their records does not matter.
    pub(super) replay: bool,
    pub(super) error_mode: ErrorMode,
    pub(super) limits: RefreshLimits,
}

/// The part of a shard that a refresh reads.
struct Stretch {
    shard: Shard,
    next: u64,
    end: u64,
    /// When the last record arrived that was read.
    arrival: Timestamp,
    scan: ShardScan,
}

impl Fold {
    /// Reads each shard from `from` up to `to`, and none before its parents; not all of it if too many records are set aside.
    /// Either it succeeds, or nothing is to be published.
    pub(super) async fn run(self, from: &Positions, to: &Positions) -> Result<Staged> {
        let slices = self.slices;
        let shards = self.stream.shards();
        let backlog = Backlog::new(Arc::clone(&self.stream));
        let backlog = if self.replay { backlog.with_expired() } else { backlog };
        let schema = self.relation.stored_schema();
        let staged = Mutex::new(Staged { reached: from.clone(), ..Staged::default() });
        let run = Arc::new(Run { schema, backlog, fold: self, staged });
        for generation in shards.generations() {
            let mut allotted: Vec<Vec<Stretch>> = Vec::new();
            allotted.resize_with(slices, Vec::new);
            for shard in generation {
                let next = from.get(&shard.id.0).copied().unwrap_or(1);
                let end = to.get(&shard.id.0).copied().unwrap_or(next);
                if next < end {
                    let scan = ShardScan::new(shard, run.fold.refresh_time);
                    let stretch = Stretch { shard: shard.clone(), next, end, arrival: Timestamp::default(), scan };
                    allotted[shard.id.0 as usize % slices].push(stretch);
                }
            }
            // When the set is dropped, because a slice failed or the refresh was stopped, its tasks end.
            let mut tasks = JoinSet::new();
            for stretches in allotted.into_iter().filter(|stretches| !stretches.is_empty()) {
                tasks.spawn(Arc::clone(&run).slice(stretches));
            }
            while let Some(done) = tasks.join_next().await {
                done.map_err(|error| SqlError::new(ErrorKind::Internal, format!("a slice ended early: {error}")))??;
            }
            if run.is_full() {
                return Ok(std::mem::take(&mut *run.staged()));
            }
        }
        Ok(Staged { reached: to.clone(), ..std::mem::take(&mut *run.staged()) })
    }
}

/// A [`Fold`] at work.
struct Run {
    fold: Fold,
    backlog: Backlog,
    schema: SchemaRef,
    /// Held to add what a step has made.
    staged: Mutex<Staged>,
}

impl Run {
    /// What one slice does: its shards, side by side, because a block of the log has records of all of them.
    async fn slice(self: Arc<Self>, mut stretches: Vec<Stretch>) -> Result<()> {
        while let Some(last) = (0..stretches.len()).min_by_key(|place| stretches[*place].arrival)
            && !self.is_full()
        {
            if !self.step(&mut stretches[last]).await? {
                let Stretch { shard, end, scan, .. } = stretches.swap_remove(last);
                self.staged().note(&shard, end, scan);
            }
        }
        for Stretch { shard, next, scan, .. } in stretches {
            self.staged().note(&shard, next, scan);
        }
        Ok(())
    }

    /// Makes rows of the next records of a shard. Returns whether more are left.
    async fn step(&self, stretch: &mut Stretch) -> Result<bool> {
        let Stretch { shard, next, end, arrival, scan } = stretch;
        let limit = ReadLimit { records: STEP.records.min((*end - *next) as usize), ..STEP };
        let read = self.backlog.read(shard.id, *next, limit).await?;
        if read.next == *next {
            // Retention has removed the rest.
            return Ok(false);
        }
        if let Some(first) = read.runs.first().map(|run| run.first)
            && first > *next
        {
            // Retention has removed what was before, so the read may have gone beyond the end.
            *next = first;
            return Ok(first < *end);
        }
        *next = read.next;
        let part = self.rows_of(shard, &read.runs).await?;
        scan.note(&read.runs, &part);
        scan.latest_position = shard.sequence_number(read.next - 1).to_string();
        *arrival = scan.newest;
        if let Some(full) = self.stage(part) {
            let file = write_file(&self.fold.store, &self.fold.relation, full).await?;
            self.staged().files.push(file);
        }
        Ok(*next < *end)
    }

    async fn rows_of(&self, shard: &Shard, runs: &[RecordRun]) -> Result<Part> {
        let Fold { program, refresh_time, error_mode, .. } = &self.fold;
        let sorter =
            Sorter { program, schema: &self.schema, shard, runs, refresh_time: *refresh_time, error_mode: *error_mode };
        sorter.rows().await
    }

    /// Adds rows to those that are staged. Returns all of them when they are too many to be held.
    fn stage(&self, part: Part) -> Option<Vec<datafusion::arrow::array::RecordBatch>> {
        let mut staged = self.staged();
        staged.part.rows.extend(part.rows);
        staged.letters_bytes += part.letters.iter().map(|letter| letter.bytes()).sum::<usize>();
        staged.part.letters.extend(part.letters);
        staged.part.bytes += part.bytes;
        if staged.part.bytes <= self.fold.limits.rows {
            return None;
        }
        staged.part.bytes = 0;
        // The records may all have been left out.
        Some(std::mem::take(&mut staged.part.rows)).filter(|rows| !rows.is_empty())
    }

    /// Whether no more records that are set aside may be held.
    fn is_full(&self) -> bool {
        self.staged().letters_bytes > self.fold.limits.letters
    }

    fn staged(&self) -> MutexGuard<'_, Staged> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
