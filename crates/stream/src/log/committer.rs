//! The one writer of a log. It drains the queue, writes what it drained as one block, syncs once and
//! acknowledges all: the more clients wait, the more each sync carries.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidemill_clock::{DiskFile, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::block::{self, Block, RunSource};
use super::segment::{START, Segment};
use super::{Appended, SharedIndex};
use crate::{Batch, Machine, Result, ShardId, StreamError, StreamMetrics};

/// A segment is sealed before it grows beyond this.
const SEGMENT_BYTES: u64 = 64 << 20;
/// A segment is sealed when it is older than this, so that retention can free it.
const SEGMENT_AGE: Duration = Duration::from_secs(3600);
/// The first reservation of a segment; each further one is four times the last.
const FIRST_RESERVE: u64 = 64 << 10;
/// A drain stops when a block has so many bytes.
const BLOCK_BYTES: usize = 16 << 20;

/// What the committer is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    Append { batch: Batch, done: oneshot::Sender<Result<Appended>>, room: OwnedSemaphorePermit },
    Close { shards: Vec<ShardId>, done: oneshot::Sender<Result<Vec<u64>>> },
    Reopen(Vec<ShardId>),
    Forget(Vec<ShardId>),
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
    metrics: StreamMetrics,
    active: Option<Active>,
    next_block: u64,
    last_arrival: Timestamp,
    /// Shards that take no more records.
    closed: HashSet<ShardId>,
    /// Why nothing is written any more. After a failed sync the disk's state is unknown; trying again could acknowledge
    /// what is not there.
    poison: Option<String>,
}

/// Where a committer takes up its work.
pub(super) struct Start {
    /// The segment to go on writing to, and where.
    pub(super) active: Option<(Arc<Segment>, u64)>,
    pub(super) next_block: u64,
    pub(super) closed: HashSet<ShardId>,
}

/// The segment that is written to.
struct Active {
    segment: Arc<Segment>,
    /// Closed while nothing is written, so that an idle log has no open file.
    file: Option<Arc<dyn DiskFile>>,
    /// Whether something was written since the last look.
    busy: bool,
    /// Where the blocks with records start.
    start: u64,
    offset: u64,
    reserved: u64,
    opened: Timestamp,
}

impl Active {
    fn file(&mut self) -> io::Result<Arc<dyn DiskFile>> {
        self.busy = true;
        match &self.file {
            Some(file) => Ok(Arc::clone(file)),
            None => Ok(Arc::clone(self.file.insert(self.segment.open()?))),
        }
    }

    /// Makes sure that `length` more bytes are reserved.
    fn reserve(&mut self, length: u64) -> io::Result<()> {
        let needed = self.offset + length;
        if needed <= self.reserved {
            return Ok(());
        }
        let file = self.file()?;
        let grown = (self.reserved * 4).clamp(FIRST_RESERVE, SEGMENT_BYTES).max(needed);
        // On a disk that is nearly full, what is needed may still fit.
        let reserved = match file.reserve(grown) {
            Err(_) if grown > needed => file.reserve(needed).map(|()| needed),
            done => done.map(|()| grown),
        };
        if reserved.is_err() {
            // What was reserved before it failed is of use to others.
            file.truncate(self.offset)?;
            self.reserved = self.offset;
        }
        self.reserved = reserved?;
        Ok(())
    }
}

impl Committer {
    pub(super) fn new(
        dir: &Path,
        machine: &Machine,
        start: Start,
        index: SharedIndex,
        commits: watch::Sender<u64>,
        metrics: StreamMetrics,
    ) -> Self {
        let Start { active, next_block, closed } = start;
        let opened = machine.clock.now();
        let active = active.map(|(segment, offset)| Active {
            segment,
            file: None,
            busy: false,
            start: START,
            offset,
            reserved: offset,
            opened,
        });
        let last_arrival = index.read().segments.back().map(|entry| entry.last_arrival).unwrap_or_default();
        let (dir, machine) = (dir.to_owned(), machine.clone());
        Self { dir, machine, index, commits, metrics, active, next_block, last_arrival, closed, poison: None }
    }

    /// Works until the log is dropped.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(command) = commands.recv().await {
            // Requests that are being decoded now get the chance to join the block.
            tokio::task::yield_now().await;
            let work = move || {
                self.work_off(command, &mut commands);
                (self, commands)
            };
            match tokio::task::spawn_blocking(work).await {
                Ok(left) => (self, commands) = left,
                // The runtime is shutting down, or a bug: either way appends fail from here on, visibly.
                Err(error) => return tracing::error!(%error, "the committer ended"),
            }
        }
    }

    /// Works until nothing waits: handing over between threads costs more than a small block.
    fn work_off(&mut self, first: Command, commands: &mut mpsc::Receiver<Command>) {
        let mut next = Some(first);
        while let Some(command) = next.take() {
            let (batch, then) = drain(command, commands);
            self.commit(batch);
            if let Some(then) = then {
                self.finish(then);
            }
            next = commands.try_recv().ok();
        }
    }

    fn finish(&mut self, command: Command) {
        match command {
            Command::Append { .. } => unreachable!("appends are drained into the batch"),
            Command::Close { shards, done } => {
                let ends = self.close(shards);
                // A caller that went away has spawned what it needs.
                let _ = done.send(ends);
            }
            Command::Reopen(shards) => self.closed.retain(|shard| !shards.contains(shard)),
            Command::Forget(shards) => shards.into_iter().for_each(|shard| self.index.write().forget(shard)),
            Command::Drain(done) => drop(done.send(())),
            Command::Expire { horizon, keep_from } => {
                if let Err(error) = self.expire(horizon, keep_from) {
                    tracing::warn!(dir = %self.dir.display(), %error, "expired segments stay for now");
                }
            }
        }
    }

    /// Takes no more records for shards. Returns where they end, which nobody knows once a sync has failed: what was written
    /// may be there after the next start.
    fn close(&mut self, shards: Vec<ShardId>) -> Result<Vec<u64>> {
        if let Some(why) = &self.poison {
            return Err(StreamError::Poisoned(why.clone()));
        }
        let index = self.index.read();
        let ends = shards.iter().map(|shard| index.shard(*shard).map_or(1, |shard| shard.next)).collect();
        drop(index);
        self.closed.extend(shards);
        Ok(ends)
    }

    fn commit(&mut self, pending: Vec<Pending>) {
        let is_stale = |pending: &Pending| pending.batch.runs.iter().any(|run| self.closed.contains(&run.shard));
        let (stale, pending): (Vec<_>, Vec<_>) = pending.into_iter().partition(is_stale);
        for pending in stale {
            let _ = pending.done.send(Err(StreamError::Resharded));
        }
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
        let began = Instant::now();
        self.last_arrival = self.last_arrival.max(self.machine.clock.now());
        let runs = self.lay_out(pending);
        self.make_room(block::length(&runs) as u64)?;
        let written = self.write_block(&runs)?;
        let (mut records, mut payload) = (0, 0);
        for run in written.0.runs() {
            records += u64::from(run.count);
            payload += run.payload() as u64;
        }
        self.metrics.committed(records, payload, began.elapsed());
        Ok(written)
    }

    /// Writes a block at the end of the active segment, durably, where room is reserved for it. Returns it and where it
    /// is.
    fn write_block(&mut self, runs: &[RunSource<'_>]) -> Result<(Block, u64)> {
        let Some(active) = &mut self.active else { return Err(StreamError::Poisoned("no segment is open".into())) };
        let bytes = block::encode(self.next_block, self.last_arrival, runs, active.segment.salt);
        let (file, offset) = (active.file()?, active.offset);
        if let Err(error) = file.write_at(&bytes, offset) {
            // Part of it may be there. Nothing was synced, so it can be taken back.
            match file.truncate(offset) {
                Ok(()) => active.reserved = offset,
                Err(_) => self.poison = Some(error.to_string()),
            }
            return Err(error.into());
        }
        if let Err(error) = file.sync_data() {
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
                let place = next.binary_search_by_key(&run.shard, |(shard, _)| *shard).ok()?;
                let first = next[place].1;
                next[place].1 += u64::from(run.records);
                Some((run.shard, first))
            });
            Appended { arrival: block.arrival(), firsts: firsts.collect() }
        });
        let appended = appended.collect();
        self.show(block, offset);
        appended
    }

    /// Lets readers see a durable block.
    fn show(&self, block: &Block, offset: u64) {
        self.index.publish(offset, block);
        self.commits.send_replace(self.next_block);
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
        if self.active.as_ref().is_some_and(|active| active.offset == START) {
            self.carry_over()?;
        }
        if let Some(active) = &mut self.active {
            active.reserve(length)?;
        }
        Ok(())
    }

    /// Starts a segment. Its first block is still to be written.
    fn open_segment(&mut self) -> Result<()> {
        let mut salt = [0; 4];
        self.machine.random.fill(&mut salt);
        let salt = u32::from_le_bytes(salt);
        let (segment, file) = Segment::create(&self.dir, self.next_block, salt, &self.machine.disk)?;
        let segment = Arc::new(segment);
        self.index.write().add_segment(Arc::clone(&segment));
        let (file, opened) = (Some(file), self.machine.clock.now());
        self.active = Some(Active { segment, file, busy: true, start: START, offset: START, reserved: START, opened });
        Ok(())
    }

    /// Writes the first block of a segment: the ordinals that the segments before it tell.
    fn carry_over(&mut self) -> Result<()> {
        let carry = |(shard, first)| RunSource { shard, first, records: 0, pieces: Vec::new() };
        let runs: Vec<_> = self.index.read().next_ordinals().map(carry).collect();
        if runs.is_empty() {
            return Ok(());
        }
        if let Some(active) = &mut self.active {
            active.reserve(block::length(&runs) as u64)?;
        }
        let (block, offset) = self.write_block(&runs)?;
        self.show(&block, offset);
        if let Some(active) = &mut self.active {
            active.start = active.offset;
        }
        Ok(())
    }

    /// Ends the active segment: gives back reserved space and notes its summary beside it.
    fn seal(&mut self) -> Result<()> {
        let Some(active) = &mut self.active else { return Ok(()) };
        let file = active.file()?;
        file.truncate(active.offset)?;
        active.reserved = active.offset;
        file.sync_data()?;
        let path = active.segment.summary_path();
        match self.write_summary(&path) {
            Ok(()) => self.index.write().thin(),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a segment has no summary");
                // What is there of it is of no use, and would be in the way of nothing but space.
                let _ = self.machine.disk.remove(&path);
            }
        }
        self.active = None;
        Ok(())
    }

    fn write_summary(&self, path: &Path) -> io::Result<()> {
        let mut summary = self.index.read().summary();
        summary.next_block = self.next_block;
        // Left by a process that died between sealing this segment and starting the next.
        let _ = self.machine.disk.remove(path);
        let file = self.machine.disk.create(path)?;
        file.write_at(&summary.encode(), 0)?;
        file.sync_data()
    }

    fn expire(&mut self, horizon: Timestamp, keep_from: u64) -> Result<()> {
        if self.poison.is_some() {
            return Ok(());
        }
        let renewed = self.renew_segment(horizon);
        if let Some(active) = &mut self.active
            && !std::mem::take(&mut active.busy)
        {
            active.file = None;
        }
        // Until a segment's first block carries the ordinals over, the segment before it is the only one that tells them.
        let keep_from = match &self.active {
            Some(active) if active.offset == START => keep_from.min(active.segment.first_block.saturating_sub(1)),
            _ => keep_from,
        };
        loop {
            let gone = self.index.write().expire_oldest(horizon, keep_from);
            let Some(segment) = gone else { return renewed };
            self.machine.disk.remove(&segment.path)?;
            // Absent if the segment was sealed by a process that died before writing it.
            let _ = self.machine.disk.remove(&segment.summary_path());
            self.machine.disk.sync_dir(&self.dir)?;
        }
    }

    /// Starts a new segment if everything in the active one is older than `horizon`.
    fn renew_segment(&mut self, horizon: Timestamp) -> Result<()> {
        let outdated = |active: &Active| active.offset > active.start && self.last_arrival < horizon;
        if self.active.as_ref().is_some_and(outdated) {
            self.seal()?;
        }
        // Without one, something of this was cut off before: by a full disk, or the end of the process.
        let unfinished = self.active.as_ref().is_none_or(|active| active.offset == START);
        if unfinished && !self.index.read().segments.is_empty() {
            if self.active.is_none() {
                self.open_segment()?;
            }
            self.carry_over()?;
        }
        Ok(())
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
