//! Reading one shard: from memory at the tip, from the segments further back.

use std::path::Path;

use tidemill_clock::Timestamp;

use super::SharedIndex;
use super::block::{Block, RecordRun};
use super::segment::Step;
use crate::{Result, ShardId, StreamError};

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

pub(super) async fn read(
    index: &SharedIndex,
    dir: &Path,
    shard: ShardId,
    ordinal: u64,
    horizon: Timestamp,
    limit: ReadLimit,
) -> Result<Read> {
    let mut taken = Taken { shard, next: ordinal.max(1), horizon, limit, runs: Vec::new() };
    if !from_memory(index, &mut taken) {
        let (index, dir) = (index.clone(), dir.to_owned());
        taken = tokio::task::spawn_blocking(move || from_disk(&index, taken))
            .await
            .map_err(|error| StreamError::Disk(format!("reading {}: {error}", dir.display())))??;
    }
    let tip = index.read().shard(shard).map_or(1, |shard| shard.next);
    Ok(Read { at_tip: taken.next >= tip, next: taken.next, runs: taken.runs })
}

/// Takes what the tail has. False if the wanted records are older than it.
fn from_memory(index: &SharedIndex, taken: &mut Taken) -> bool {
    let index = index.read();
    if index.shard(taken.shard).is_none_or(|shard| taken.next >= shard.next) {
        return true;
    }
    let Some(blocks) = index.tail_from(taken.shard, taken.next) else { return false };
    for block in blocks {
        if !taken.take(block) {
            break;
        }
    }
    true
}

fn from_disk(index: &SharedIndex, mut taken: Taken) -> Result<Taken> {
    let (mark, segments) = {
        let index = index.read();
        let Some(mark) = index.mark_for(taken.shard, taken.next) else { return Ok(taken) };
        (mark, index.segments_from(mark.segment))
    };
    for segment in segments {
        let start = if segment.first_block == mark.segment { mark.offset } else { super::segment::START };
        let mut scan = segment.scan(start);
        loop {
            match scan.step()? {
                Step::Block(_, block) if taken.take(&block) => {}
                Step::Block(..) => return Ok(taken),
                Step::End => break,
                // The committer may be writing here: what it has not published is no part of the log yet.
                Step::Bad(_) if is_tip(index, &taken) => return Ok(taken),
                Step::Bad(what) => return Err(segment.damaged(scan.offset, what)),
            }
        }
    }
    Ok(taken)
}

fn is_tip(index: &SharedIndex, taken: &Taken) -> bool {
    index.read().shard(taken.shard).is_none_or(|shard| taken.next >= shard.next)
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
