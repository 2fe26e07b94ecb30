//! Reading one shard: from memory at the tip, from the segments further back.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tidemill_clock::{Disk, Timestamp};

use super::SharedIndex;
use super::block::{Block, RecordRun};
use super::index::{Goal, Mark, Summary};
use super::recent::RecentBlocks;
use super::segment::{START, Segment, Step};
use crate::{Result, Shard, ShardId, StreamError};

/// How much one read may return. At least one record is returned if there is one.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimit {
    /// At most so many records.
    pub records: usize,
    /// At most so many bytes of the log.
    pub bytes: usize,
}

impl Default for ReadLimit {
    /// Kinesis' limits of one GetRecords call.
    fn default() -> Self {
        Self { records: 10_000, bytes: 10 << 20 }
    }
}

/// What a read is to return: records of `shard` from `ordinal` on that arrived at `horizon` or later.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) shard: ShardId,
    pub(crate) ordinal: u64,
    pub(crate) horizon: Timestamp,
    pub(crate) limit: ReadLimit,
    /// Where blocks are looked for before they are read from disk, and left for the next reader.
    pub(crate) recent: Option<Arc<RecentBlocks>>,
}

/// What a read returned.
#[derive(Debug)]
pub struct Read {
    /// The records, in order, without gaps but for what retention removed.
    pub runs: Vec<RecordRun>,
    /// Where the next read goes on.
    pub next: u64,
    /// Whether nothing was left behind `next` when the read was made.
    pub at_tip: bool,
}

impl Read {
    /// Whether nothing follows, because `shard` is closed.
    pub fn is_over(&self, shard: &Shard) -> bool {
        shard.closed.is_some_and(|closed| self.next >= closed.end)
    }
}

/// Sealed segments whose summaries are remembered.
const SUMMARIES: usize = 2;

/// Reads a log. Clones share what they remember.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) index: SharedIndex,
    disk: Arc<dyn Disk>,
    /// The summaries used last. Held for look-ups only.
    summaries: Arc<Mutex<VecDeque<Known>>>,
}

/// The first block of a sealed segment, and its summary.
type Known = (u64, Arc<Summary>);

impl Reader {
    pub(super) fn new(index: SharedIndex, disk: Arc<dyn Disk>) -> Self {
        Self { index, disk, summaries: Arc::default() }
    }

    pub(super) async fn read(&self, wanted: Wanted) -> Result<Read> {
        let Wanted { shard, ordinal, horizon, limit, recent } = wanted;
        let mut taken = Taken { shard, next: ordinal.max(1), horizon, limit, runs: Vec::new() };
        if !self.take_from_memory(&mut taken) {
            taken = self.in_background(move |reader| reader.take_from_disk(taken, recent)).await?;
        }
        let tip = self.index.read().shard(shard).map_or(1, |shard| shard.next);
        Ok(Read { at_tip: taken.next >= tip, next: taken.next, runs: taken.runs })
    }

    /// The ordinal of a record at which or shortly before which the last one is that arrived before `time`.
    pub(super) async fn ordinal_before(&self, shard: ShardId, time: Timestamp) -> Result<u64> {
        let mark = self.in_background(move |reader| Ok(reader.mark_for(shard, Goal::Before(time)))).await?;
        let next = || self.index.read().shard(shard).map_or(1, |shard| shard.next);
        Ok(mark.map_or_else(next, |mark| mark.ordinal))
    }

    async fn in_background<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let reader = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&reader)).await;
        done.map_err(|error| StreamError::Disk(format!("reading was interrupted: {error}")))?
    }

    /// Takes what the tail has. False if the wanted records are older than it.
    fn take_from_memory(&self, taken: &mut Taken) -> bool {
        let index = self.index.read();
        if index.shard(taken.shard).is_none_or(|shard| taken.next >= shard.next) {
            return true;
        }
        let Some(blocks) = index.tail_from(taken.shard, taken.next) else { return false };
        let wanted = taken.next;
        for block in blocks {
            if !taken.take(block) {
                break;
            }
        }
        // Records are there, as the index says; if memory has none of them, the disk has.
        taken.next > wanted
    }

    fn take_from_disk(&self, mut taken: Taken, recent: Option<Arc<RecentBlocks>>) -> Result<Taken> {
        // What is written behind this is not published yet, and perhaps not synced.
        let tip = self.index.read().shard(taken.shard).map_or(1, |shard| shard.next);
        let Some(mark) = self.mark_for(taken.shard, Goal::Ordinal(taken.next)) else { return Ok(taken) };
        let mut wanted = mark.segment;
        loop {
            let segment = self.index.read().segment_from(wanted).filter(|_| taken.next < tip);
            let Some(segment) = segment else { return Ok(taken) };
            wanted = segment.first_block + 1;
            let start = if segment.first_block == mark.segment { mark.offset } else { START };
            let mut scan = match segment.scan(start, recent.clone()) {
                // Retention was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                scan => scan?,
            };
            while taken.next < tip {
                match scan.step()? {
                    Step::Block(_, block) if taken.take(&block) => {}
                    Step::Block(..) => return Ok(taken),
                    Step::End => break,
                    Step::Bad(what) => return Err(segment.damaged(scan.offset, what)),
                }
            }
        }
    }

    /// Where on disk to start looking in `shard`.
    fn mark_for(&self, shard: ShardId, goal: Goal) -> Option<Mark> {
        let (mark, sealed) = {
            let index = self.index.read();
            let mark = index.mark_for(shard, goal)?;
            (mark, index.is_sealed(mark.segment).then(|| index.segment_from(mark.segment)).flatten())
        };
        let summary = sealed.and_then(|segment| self.summary(&segment));
        Some(summary.and_then(|summary| summary.mark_for(shard, goal)).unwrap_or(mark))
    }

    fn summary(&self, segment: &Segment) -> Option<Arc<Summary>> {
        let mut summaries = self.summaries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, summary)) = summaries.iter().find(|(first_block, _)| *first_block == segment.first_block) {
            return Some(Arc::clone(summary));
        }
        let summary = Arc::new(Summary::read(segment, &*self.disk)?);
        summaries.truncate(SUMMARIES - 1);
        summaries.push_front((segment.first_block, Arc::clone(&summary)));
        Some(summary)
    }
}

/// The records taken so far.
struct Taken {
    shard: ShardId,
    next: u64,
    horizon: Timestamp,
    limit: ReadLimit,
    runs: Vec<RecordRun>,
}

impl Taken {
    /// Takes the shard's records out of `block`. False when the limit is reached.
    fn take(&mut self, block: &Block) -> bool {
        let Some(run) = block.run(self.shard).filter(|run| run.next_ordinal() > self.next) else { return true };
        if run.arrival < self.horizon {
            self.next = run.next_ordinal();
            return true;
        }
        let whole = run.next_ordinal();
        let run = run.cut(self.next, self.limit.records, self.limit.bytes);
        self.next = run.next_ordinal();
        self.limit.records = self.limit.records.saturating_sub(run.count as usize);
        self.limit.bytes = self.limit.bytes.saturating_sub(run.bytes());
        self.runs.push(run);
        self.next == whole && self.limit.records > 0 && self.limit.bytes > 0
    }
}
