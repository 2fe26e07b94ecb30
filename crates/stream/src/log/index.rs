//! Where each shard's records are: a sparse index over the segments, and the newest blocks themselves.

use std::collections::VecDeque;
use std::sync::Arc;

use tidemill_clock::{Disk, Timestamp};

use super::block::Block;
use super::segment::Segment;
use crate::{Rate, ShardId};

/// Bytes of a shard's records between two of its marks.
const MARK_EVERY: usize = 16 << 10;

/// The index of a log.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Oldest first. The last one is being written to.
    pub(crate) segments: VecDeque<SegmentEntry>,
    shards: Vec<ShardIndex>,
    tail: VecDeque<Block>,
}

/// A segment and the arrival time of its last block.
#[derive(Debug)]
pub(crate) struct SegmentEntry {
    pub(crate) segment: Arc<Segment>,
    pub(crate) last_arrival: Timestamp,
}

/// One shard's part of the index.
#[derive(Debug)]
pub(crate) struct ShardIndex {
    /// The ordinal that the next record will get.
    pub(crate) next: u64,
    /// When the last record arrived.
    pub(crate) last_arrival: Timestamp,
    /// What arrived since the log was opened.
    pub(crate) traffic: Rate,
    /// Of a sealed segment only the first; its summary has the others.
    marks: VecDeque<Mark>,
    /// Bytes of records since the last mark.
    unmarked: usize,
    /// First ordinal and number of each block in the tail that has records of this shard.
    tail: VecDeque<(u64, u64)>,
}

/// A block with records of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) ordinal: u64,
    pub(crate) arrival: Timestamp,
    /// The first block of the segment, which names it.
    pub(crate) segment: u64,
    pub(crate) block: u64,
    pub(crate) offset: u64,
}

impl Default for ShardIndex {
    fn default() -> Self {
        Self {
            next: 1,
            last_arrival: Timestamp::default(),
            traffic: Rate::default(),
            marks: VecDeque::new(),
            unmarked: 0,
            tail: VecDeque::new(),
        }
    }
}

/// What is looked for in a shard.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// The record of this ordinal.
    Ordinal(u64),
    /// The last record that arrived before this time.
    Before(Timestamp),
}

impl Goal {
    /// Whether the goal is at the mark or behind it.
    fn is_from(self, mark: &Mark) -> bool {
        match self {
            Self::Ordinal(ordinal) => mark.ordinal <= ordinal,
            Self::Before(time) => mark.arrival < time,
        }
    }
}

impl ShardIndex {
    /// The last mark that is not behind the goal, or else the first.
    fn mark_for(&self, goal: Goal) -> Option<Mark> {
        let after = self.marks.partition_point(|mark| goal.is_from(mark));
        self.marks.get(after.saturating_sub(1)).copied()
    }
}

impl Index {
    pub(crate) fn shard(&self, shard: ShardId) -> Option<&ShardIndex> {
        self.shards.get(shard.0 as usize)
    }

    fn shard_mut(&mut self, shard: ShardId) -> &mut ShardIndex {
        let place = shard.0 as usize;
        if self.shards.len() <= place {
            self.shards.resize_with(place + 1, ShardIndex::default);
        }
        &mut self.shards[place]
    }

    /// Notes a new segment, which the next blocks go to.
    pub(crate) fn add_segment(&mut self, segment: Arc<Segment>) {
        self.segments.push_back(SegmentEntry { segment, last_arrival: Timestamp::default() });
    }

    /// Notes a block of the last segment.
    pub(crate) fn add_block(&mut self, offset: u64, block: &Block) {
        let Some(entry) = self.segments.back_mut() else { return };
        entry.last_arrival = block.arrival();
        let segment = entry.segment.first_block;
        for run in block.runs() {
            let mark = Mark { ordinal: run.first, arrival: run.arrival, segment, block: block.number(), offset };
            let shard = self.shard_mut(run.shard);
            if shard.unmarked >= MARK_EVERY || shard.marks.back().is_none_or(|last| last.segment != segment) {
                shard.marks.push_back(mark);
                shard.unmarked = 0;
            }
            shard.unmarked += run.bytes();
            shard.next = run.next_ordinal();
            shard.last_arrival = run.arrival;
            shard.traffic.bytes += run.bytes() as u64;
            shard.traffic.records += u64::from(run.count);
        }
    }

    /// Keeps a block in memory.
    pub(crate) fn add_to_tail(&mut self, block: Block) {
        for run in block.runs() {
            self.shard_mut(run.shard).tail.push_back((run.first, block.number()));
        }
        self.tail.push_back(block);
    }

    /// Lets go of the oldest block in memory.
    pub(crate) fn drop_oldest_of_tail(&mut self) {
        let Some(oldest) = self.tail.pop_front() else { return };
        for run in oldest.runs() {
            self.shard_mut(run.shard).tail.pop_front();
        }
    }

    /// The blocks in memory that hold `shard`'s records from `ordinal` on; none if older ones are asked for.
    pub(crate) fn tail_from(&self, shard: ShardId, ordinal: u64) -> Option<impl Iterator<Item = &Block>> {
        let numbers = &self.shard(shard)?.tail;
        let after = numbers.partition_point(|(first, _)| *first <= ordinal);
        let start = after.checked_sub(1)?;
        let front = self.tail.front()?.number();
        Some(numbers.range(start..).filter_map(move |(_, number)| self.tail.get((number - front) as usize)))
    }

    /// Where on disk to start looking in `shard`.
    pub(crate) fn mark_for(&self, shard: ShardId, goal: Goal) -> Option<Mark> {
        self.shard(shard)?.mark_for(goal)
    }

    /// Whether the segment that starts with block `first_block` is written to no more.
    pub(crate) fn is_sealed(&self, first_block: u64) -> bool {
        self.segments.back().is_some_and(|last| last.segment.first_block > first_block)
    }

    /// Forgets the marks of the last segment that its summary, now on disk, has too: all but the first of each shard.
    pub(crate) fn thin(&mut self) {
        let Some(segment) = self.segments.back().map(|entry| entry.segment.first_block) else { return };
        for shard in &mut self.shards {
            let before = shard.marks.partition_point(|mark| mark.segment < segment);
            shard.marks.truncate(before + 1);
        }
    }

    /// Forgets a shard that is closed and has no records left.
    pub(crate) fn forget(&mut self, shard: ShardId) {
        *self.shard_mut(shard) = ShardIndex::default();
    }

    /// The segment that starts with block `first_block`, or else the next one.
    pub(crate) fn segment_from(&self, first_block: u64) -> Option<Arc<Segment>> {
        let place = self.segments.partition_point(|entry| entry.segment.first_block < first_block);
        self.segments.get(place).map(|entry| Arc::clone(&entry.segment))
    }

    /// The number of the block to keep so that `shard` can be read from `ordinal` on.
    pub(crate) fn block_of(&self, shard: ShardId, ordinal: u64) -> u64 {
        let caught_up = self.shard(shard).is_none_or(|shard| ordinal >= shard.next);
        let mark = if caught_up { None } else { self.mark_for(shard, Goal::Ordinal(ordinal)) };
        mark.map_or(u64::MAX, |mark| mark.block)
    }

    /// Takes the oldest segment out if all of its blocks arrived before `horizon` and are below `keep_from`.
    /// The segment being written to stays.
    pub(crate) fn expire_oldest(&mut self, horizon: Timestamp, keep_from: u64) -> Option<Arc<Segment>> {
        let after = self.segments.get(1)?.segment.first_block;
        let oldest = self.segments.front().filter(|entry| entry.last_arrival < horizon && after <= keep_from)?;
        let gone = Arc::clone(&oldest.segment);
        self.segments.pop_front();
        for shard in &mut self.shards {
            while shard.marks.front().is_some_and(|mark| mark.segment == gone.first_block) {
                shard.marks.pop_front();
            }
        }
        Some(gone)
    }

    /// The ordinal that the next record of each shard will get, for shards that have had one.
    pub(crate) fn next_ordinals(&self) -> impl Iterator<Item = (ShardId, u64)> {
        let used = self.shards.iter().enumerate().filter(|(_, shard)| shard.next > 1);
        used.map(|(id, shard)| (ShardId(id as u32), shard.next))
    }

    /// What the index knows of the last segment, to be read back by [`Self::restore`].
    pub(crate) fn summary(&self) -> Summary {
        let Some(entry) = self.segments.back() else { return Summary::default() };
        let segment = entry.segment.first_block;
        let mut summary = Summary { last_arrival: entry.last_arrival, ..Summary::default() };
        for (id, shard) in self.shards.iter().enumerate().filter(|(_, shard)| shard.next > 1) {
            let id = ShardId(id as u32);
            summary.ends.push((id, shard.next, shard.last_arrival));
            let marks = shard.marks.iter().filter(|mark| mark.segment == segment);
            summary.marks.extend(marks.map(|mark| (id, *mark)));
        }
        summary
    }

    /// Adds a sealed segment by its summary, without reading its blocks.
    pub(crate) fn restore(&mut self, segment: Arc<Segment>, summary: Summary) {
        self.segments.push_back(SegmentEntry { segment, last_arrival: summary.last_arrival });
        for (id, next, last_arrival) in summary.ends {
            let shard = self.shard_mut(id);
            (shard.next, shard.last_arrival) = (next, last_arrival);
        }
        for (id, mark) in summary.marks {
            let marks = &mut self.shard_mut(id).marks;
            if marks.back().is_none_or(|last| last.segment != mark.segment) {
                marks.push_back(mark);
            }
        }
    }
}

/// What is kept of a sealed segment beside it (`.idx`), so that a start need not read every block.
/// It is a cache: without it, or where its checksum differs, the segment is read.
///
/// ```text
/// 0 CRC-32C of the bytes from 4 on · 4 blocks up to u64 · 12 last arrival i64 · 20 ends u32 · 24 marks u32
/// end   shard u32 · next ordinal u64 · last arrival i64
/// mark  shard u32 · ordinal u64 · arrival i64 · block u64 · offset u64
/// ```
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// The number of the block after the segment.
    pub(crate) next_block: u64,
    last_arrival: Timestamp,
    ends: Vec<(ShardId, u64, Timestamp)>,
    marks: Vec<(ShardId, Mark)>,
}

impl Summary {
    /// Reads the summary beside a segment; none if there is no whole one.
    pub(crate) fn read(segment: &Segment, disk: &dyn Disk) -> Option<Self> {
        let file = disk.open(&segment.summary_path()).ok()?;
        let mut bytes = vec![0; file.len().ok()? as usize];
        let read = file.read_at(&mut bytes, 0).ok()?;
        Self::decode(&bytes[..read], segment.first_block)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        bytes.extend(self.next_block.to_le_bytes());
        bytes.extend(self.last_arrival.millis().to_le_bytes());
        bytes.extend((self.ends.len() as u32).to_le_bytes());
        bytes.extend((self.marks.len() as u32).to_le_bytes());
        for (shard, next, arrival) in &self.ends {
            bytes.extend(shard.0.to_le_bytes());
            bytes.extend(next.to_le_bytes());
            bytes.extend(arrival.millis().to_le_bytes());
        }
        for (shard, mark) in &self.marks {
            bytes.extend(shard.0.to_le_bytes());
            bytes.extend(mark.ordinal.to_le_bytes());
            bytes.extend(mark.arrival.millis().to_le_bytes());
            bytes.extend(mark.block.to_le_bytes());
            bytes.extend(mark.offset.to_le_bytes());
        }
        let crc = crc32c::crc32c(&bytes[4..]);
        bytes[..4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The last mark of `shard` that is not behind the goal.
    pub(crate) fn mark_for(&self, shard: ShardId, goal: Goal) -> Option<Mark> {
        let is_before = |(id, mark): &(ShardId, Mark)| *id < shard || (*id == shard && goal.is_from(mark));
        let (id, mark) = self.marks.get(self.marks.partition_point(is_before).checked_sub(1)?)?;
        (*id == shard).then_some(*mark)
    }

    /// Reads the bytes of the summary of the segment `segment`; none if the bytes are not a whole one.
    pub(crate) fn decode(bytes: &[u8], segment: u64) -> Option<Self> {
        let mut rest = bytes;
        let crc = take_u32(&mut rest)?;
        if crc != crc32c::crc32c(rest) {
            return None;
        }
        let mut summary =
            Self { next_block: take_u64(&mut rest)?, last_arrival: take_time(&mut rest)?, ..Self::default() };
        let (ends, marks) = (take_u32(&mut rest)?, take_u32(&mut rest)?);
        for _ in 0..ends {
            let end = (ShardId(take_u32(&mut rest)?), take_u64(&mut rest)?, take_time(&mut rest)?);
            summary.ends.push(end);
        }
        for _ in 0..marks {
            let shard = ShardId(take_u32(&mut rest)?);
            let (ordinal, arrival) = (take_u64(&mut rest)?, take_time(&mut rest)?);
            let (block, offset) = (take_u64(&mut rest)?, take_u64(&mut rest)?);
            summary.marks.push((shard, Mark { ordinal, arrival, segment, block, offset }));
        }
        Some(summary)
    }
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    let (word, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*word))
}

fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    let (word, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*word))
}

fn take_time(bytes: &mut &[u8]) -> Option<Timestamp> {
    take_u64(bytes).map(|millis| Timestamp::from_millis(millis as i64))
}
