//! The one writer of a log. It drains the queue, writes what it drained as one block, syncs once and
//! acknowledges all: the more clients wait, the more each sync carries.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tidemill_clock::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::block::{self, Block, RunSource};
use super::recovery::summary_path;
use super::segment::{START, Segment};
use super::{Appended, SharedIndex};
use crate::{Batch, Machine, Result, ShardId, StreamError};

/// A segment is sealed before it grows beyond this.
const SEGMENT_BYTES: u64 = 64 << 20;
/// A segment is sealed when it is older than this, so that retention can free it.
const SEGMENT_AGE: Duration = Duration::from_secs(3600);
/// The first reservation of a segment; each further one is four times the last.
const FIRST_RESERVE: u64 = 1 << 20;
/// A drain stops when a block has so many bytes.
const BLOCK_BYTES: usize = 16 << 20;

/// What the committer is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    Append { batch: Batch, done: oneshot::Sender<Result<Appended>>, room: OwnedSemaphorePermit },
    Expire { horizon: Timestamp, keep_from: u64 },
    Drain(oneshot::Sender<()>),
}

struct Pending {
    batch: Batch,
    done: oneshot::Sender<Result<Appended>>,
    _room: OwnedSemaphorePermit,
}

pub(super) struct Committer {
    dir: PathBuf,
    machine: Machine,
    index: SharedIndex,
    commits: watch::Sender<u64>,
    active: Option<Active>,
    next_block: u64,
    last_arrival: Timestamp,
    /// Why nothing is written any more. After a failed write or sync the disk's state is unknown; trying
    /// again could acknowledge what is not there.
    poison: Option<String>,
}

struct Active {
    segment: Arc<Segment>,
    /// Where the blocks with records start.
    start: u64,
    offset: u64,
    reserved: u64,
    opened: Timestamp,
}

impl Committer {
    pub(super) fn new(
        dir: &Path,
        machine: &Machine,
        active: Option<(Arc<Segment>, u64)>,
        next_block: u64,
        index: SharedIndex,
        commits: watch::Sender<u64>,
    ) -> Self {
        let opened = machine.clock.now();
        let active = active.map(|(segment, offset)| Active { segment, start: START, offset, reserved: offset, opened });
        let last_arrival = index.read().segments.back().map(|entry| entry.last_arrival).unwrap_or_default();
        let (dir, machine) = (dir.to_owned(), machine.clone());
        Self { dir, machine, index, commits, active, next_block, last_arrival, poison: None }
    }

    /// Works until the log is dropped.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(command) = commands.recv().await {
            let (batch, then) = drain(command, &mut commands);
            let step = move || {
                self.commit(batch);
                if let Some(then) = then {
                    self.finish(then);
                }
                self
            };
            match tokio::task::spawn_blocking(step).await {
                Ok(committer) => self = committer,
                // The runtime is shutting down, or a bug: either way appends fail from here on, visibly.
                Err(error) => return tracing::error!(%error, "the committer ended"),
            }
        }
    }

    fn finish(&mut self, command: Command) {
        match command {
            Command::Drain(done) => drop(done.send(())),
            Command::Expire { horizon, keep_from } => {
                if let Err(error) = self.expire(horizon, keep_from) {
                    tracing::warn!(dir = %self.dir.display(), %error, "expired segments stay for now");
                }
            }
            Command::Append { .. } => unreachable!("appends are drained into the batch"),
        }
    }

    fn commit(&mut self, pending: Vec<Pending>) {
        if pending.is_empty() {
            return;
        }
        match self.write(&pending) {
            Ok((block, offset)) => {
                let appended = self.publish(&block, offset, &pending);
                for (pending, appended) in pending.into_iter().zip(appended) {
                    // A client that went away does not hear of its success.
                    let _ = pending.done.send(Ok(appended));
                }
            }
            Err(error) => {
                tracing::error!(dir = %self.dir.display(), %error, "append failed");
                for pending in pending {
                    let _ = pending.done.send(Err(error.clone()));
                }
            }
        }
    }

    /// Writes the batches as one durable block. Returns it and where it is.
    fn write(&mut self, pending: &[Pending]) -> Result<(Block, u64)> {
        if let Some(why) = &self.poison {
            return Err(StreamError::Poisoned(why.clone()));
        }
        self.last_arrival = self.last_arrival.max(self.machine.clock.now());
        let runs = self.lay_out(pending);
        self.make_room(block::length(&runs) as u64)?;
        self.write_block(&runs)
    }

    /// Writes a block at the end of the active segment, durably. Returns it and where it is.
    fn write_block(&mut self, runs: &[RunSource<'_>]) -> Result<(Block, u64)> {
        let Some(active) = &mut self.active else { return Err(StreamError::Poisoned("no segment is open".into())) };
        let bytes = block::encode(self.next_block, self.last_arrival, runs);
        let offset = active.offset;
        let written = active.segment.file.write_at(&bytes, offset).and_then(|()| active.segment.file.sync_data());
        if let Err(error) = written {
            self.poison = Some(error.to_string());
            return Err(error.into());
        }
        active.offset += bytes.len() as u64;
        self.next_block += 1;
        Ok((Block::trusted(bytes.into()), offset))
    }

    /// Joins the batches' runs, one a shard, and gives them their ordinals.
    fn lay_out<'a>(&self, pending: &'a [Pending]) -> Vec<RunSource<'a>> {
        let index = self.index.read();
        let mut runs: Vec<RunSource<'a>> = Vec::new();
        for run in pending.iter().flat_map(|pending| &pending.batch.runs) {
            let place = match runs.binary_search_by_key(&run.shard, |run| run.shard) {
                Ok(place) => place,
                Err(place) => {
                    let first = index.shard(run.shard).map_or(1, |shard| shard.next);
                    runs.insert(place, RunSource { shard: run.shard, first, records: 0, pieces: Vec::new() });
                    place
                }
            };
            runs[place].records += run.records;
            runs[place].pieces.push(&run.bytes);
        }
        runs
    }

    /// Makes a durable block visible. Returns what each batch was given.
    fn publish(&mut self, block: &Block, offset: u64, pending: &[Pending]) -> Vec<Appended> {
        let mut next: Vec<(ShardId, u64)> = block.runs().map(|run| (run.shard, run.first)).collect();
        let appended = pending.iter().map(|pending| {
            let firsts = pending.batch.runs.iter().filter_map(|run| {
                let (_, next) = next.iter_mut().find(|(shard, _)| *shard == run.shard)?;
                let first = *next;
                *next += u64::from(run.records);
                Some((run.shard, first))
            });
            Appended { arrival: block.arrival(), firsts: firsts.collect() }
        });
        let appended = appended.collect();
        let mut index = self.index.write();
        index.add_block(offset, block);
        index.add_to_tail(block.clone());
        drop(index);
        self.commits.send_replace(self.next_block);
        appended
    }

    /// Makes sure that the active segment has `length` more bytes reserved. A full disk fails here, before anything is
    /// written, so the log stays usable.
    fn make_room(&mut self, length: u64) -> Result<()> {
        let now = self.last_arrival;
        let full = |active: &Active| {
            let used = active.offset > active.start;
            used && (active.offset + length > SEGMENT_BYTES || active.opened < now.minus(SEGMENT_AGE))
        };
        if self.active.as_ref().is_some_and(full) {
            self.seal()?;
        }
        if self.active.is_none() {
            self.open_segment()?;
        }
        match &mut self.active {
            Some(active) if active.offset + length > active.reserved => {
                let grown = (active.reserved * 4).clamp(FIRST_RESERVE, SEGMENT_BYTES).max(active.offset + length);
                active.segment.file.reserve(grown)?;
                active.reserved = grown;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Starts a segment.
    fn open_segment(&mut self) -> Result<()> {
        let segment = Arc::new(Segment::create(&self.dir, self.next_block, &*self.machine.disk)?);
        self.index.write().add_segment(Arc::clone(&segment));
        let opened = self.machine.clock.now();
        self.active = Some(Active { segment, start: START, offset: START, reserved: START, opened });
        self.carry_over()
    }

    /// Writes the first block of a segment: the ordinals that the segments before it tell.
    fn carry_over(&mut self) -> Result<()> {
        let carry = |(shard, first)| RunSource { shard, first, records: 0, pieces: Vec::new() };
        let runs: Vec<_> = self.index.read().next_ordinals().map(carry).collect();
        if runs.is_empty() {
            return Ok(());
        }
        let (block, offset) = self.write_block(&runs)?;
        let mut index = self.index.write();
        index.add_block(offset, &block);
        index.add_to_tail(block);
        drop(index);
        if let Some(active) = &mut self.active {
            active.start = active.offset;
        }
        Ok(())
    }

    /// Ends the active segment: gives back reserved space and notes its summary beside it.
    fn seal(&mut self) -> Result<()> {
        let Some(active) = &self.active else { return Ok(()) };
        active.segment.file.truncate(active.offset)?;
        active.segment.file.sync_data()?;
        let mut summary = self.index.read().summary();
        summary.next_block = self.next_block;
        let path = summary_path(&active.segment.path);
        // Left by a process that died between sealing this segment and starting the next.
        let _ = self.machine.disk.remove(&path);
        let file = self.machine.disk.create(&path)?;
        file.write_at(&summary.encode(), 0)?;
        file.sync_data()?;
        self.active = None;
        Ok(())
    }

    fn expire(&mut self, horizon: Timestamp, keep_from: u64) -> Result<()> {
        if self.poison.is_some() {
            return Ok(());
        }
        let outdated = |active: &Active| active.offset > active.start && self.last_arrival < horizon;
        if self.active.as_ref().is_some_and(outdated) {
            self.seal()?;
            self.open_segment()?;
        } else if self.active.as_ref().is_some_and(|active| active.offset == START) {
            // Left by a process that died between creating the segment and writing its first block.
            self.carry_over()?;
        }
        loop {
            let gone = self.index.write().expire_oldest(horizon, keep_from);
            let Some(segment) = gone else { return Ok(()) };
            self.machine.disk.remove(&segment.path)?;
            // Absent if the segment was sealed by a process that died before writing it.
            let _ = self.machine.disk.remove(&summary_path(&segment.path));
            self.machine.disk.sync_dir(&self.dir)?;
        }
    }
}

/// The appends that wait now, and the first other command behind them.
fn drain(first: Command, commands: &mut mpsc::Receiver<Command>) -> (Vec<Pending>, Option<Command>) {
    let (mut pending, mut bytes, mut next) = (Vec::new(), 0, Some(first));
    while let Some(command) = next.take() {
        let Command::Append { batch, done, room } = command else { return (pending, Some(command)) };
        bytes += batch.bytes();
        pending.push(Pending { batch, done, _room: room });
        if bytes < BLOCK_BYTES {
            next = commands.try_recv().ok();
        }
    }
    (pending, None)
}
