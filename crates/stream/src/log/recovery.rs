//! Opening a log: every committed block is found again, a torn last write is cut off, other damage is refused.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidemill_clock::Disk;

use super::block::Block;
use super::index::{Index, Summary};
use super::segment::{START, Segment, Step};
use crate::{Result, StreamError};

/// Bytes of the newest blocks that a start keeps in memory.
const TAIL_BYTES: usize = 4 << 20;

/// A log as it was left.
pub(super) struct Recovered {
    pub(super) index: Index,
    /// The segment to go on writing to, and where.
    pub(super) active: Option<(Arc<Segment>, u64)>,
    pub(super) next_block: u64,
    /// The newest blocks.
    pub(super) tail: VecDeque<Block>,
    tail_bytes: usize,
}

pub(super) fn recover(dir: &Path, disk: &Arc<dyn Disk>) -> Result<Recovered> {
    let mut recovered =
        Recovered { index: Index::default(), active: None, next_block: 0, tail: VecDeque::new(), tail_bytes: 0 };
    let paths: Vec<PathBuf> = disk.list(dir)?.into_iter().filter(|path| has_extension(path, "log")).collect();
    for (place, path) in paths.iter().enumerate() {
        let last = place + 1 == paths.len();
        match Segment::read(path, disk)? {
            Some(segment) => recovered.add(Arc::new(segment), last, &**disk)?,
            // A segment that was being created holds nothing yet.
            None if last && disk.open(path)?.len()? <= START => disk.remove(path)?,
            None => {
                let what = "the segment header is not valid".into();
                return Err(StreamError::Damaged { path: path.clone(), offset: 0, what });
            }
        }
    }
    Ok(recovered)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

impl Recovered {
    fn add(&mut self, segment: Arc<Segment>, last: bool, disk: &dyn Disk) -> Result<()> {
        if self.active.is_some() && segment.first_block != self.next_block {
            let what = format!("block {} was expected in the next segment", self.next_block);
            return Err(segment.damaged(0, what));
        }
        self.next_block = segment.first_block;
        let sealed = if last { None } else { Summary::read(&segment, disk) };
        if let Some(summary) = sealed {
            self.next_block = summary.next_block;
            self.active = Some((Arc::clone(&segment), 0));
            self.index.restore(segment, summary);
            return Ok(());
        }
        self.index.add_segment(Arc::clone(&segment));
        let end = self.scan(&segment, last)?;
        self.active = Some((segment, end));
        Ok(())
    }

    fn keep(&mut self, block: Block) {
        self.tail_bytes += block.len();
        self.tail.push_back(block);
        while self.tail_bytes > TAIL_BYTES {
            let Some(oldest) = self.tail.pop_front() else { break };
            self.tail_bytes -= oldest.len();
        }
    }

    /// Reads all blocks of a segment. Returns where they end.
    fn scan(&mut self, segment: &Segment, last: bool) -> Result<u64> {
        let mut scan = segment.scan(START, None)?;
        loop {
            match scan.step()? {
                Step::Block(offset, block) if block.number() == self.next_block => {
                    self.next_block += 1;
                    self.index.add_block(offset, &block);
                    if last {
                        self.keep(block);
                    }
                }
                Step::Block(offset, block) => {
                    let what = format!("block {} was expected, not {}", self.next_block, block.number());
                    return Err(segment.damaged(offset, what));
                }
                Step::End if last && has_block_after(segment, scan.offset)? => {
                    return Err(segment.damaged(scan.offset, "a block is missing here"));
                }
                Step::End => return Ok(scan.offset),
                Step::Bad(what) if !last || has_block_after(segment, scan.offset)? => {
                    return Err(segment.damaged(scan.offset, what));
                }
                Step::Bad(what) => {
                    cut_off(segment, scan.offset, what)?;
                    return Ok(scan.offset);
                }
            }
        }
    }
}

/// Removes a last write that never finished, and so was never acknowledged.
fn cut_off(segment: &Segment, offset: u64, what: &str) -> Result<()> {
    tracing::warn!(segment = %segment.path.display(), offset, what, "cutting off a torn last write");
    let file = segment.open()?;
    file.truncate(offset)?;
    file.sync_data()?;
    Ok(())
}

/// Whether a good block follows somewhere behind `offset`: then what is there was not the last write.
fn has_block_after(segment: &Segment, offset: u64) -> Result<bool> {
    let file = segment.open()?;
    let length = file.len()?;
    if offset >= length {
        return Ok(false);
    }
    let mut rest = vec![0; (length - offset) as usize];
    let read = file.read_at(&mut rest, offset)?;
    let mut from = 1;
    while let Some(found) = rest[..read].get(from..).and_then(|bytes| bytes.windows(4).position(|at| at == b"TMBK")) {
        let at = offset + (from + found) as u64;
        if matches!(segment.scan(at, None)?.step()?, Step::Block(..)) {
            return Ok(true);
        }
        from += found + 1;
    }
    Ok(false)
}
