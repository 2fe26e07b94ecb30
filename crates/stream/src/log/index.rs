//! Where each shard's records are: a sparse index over the segments, and the newest blocks themselves.

use std::collections::VecDeque;
use std::sync::Arc;

use tidemill_clock::Timestamp;

use super::block::Block;
use super::segment::Segment;
use crate::ShardId;

/// Bytes of the log between two marks of a shard.
const MARK_EVERY: u64 = 64 << 10;
/// Bytes of blocks kept in memory for readers at the tip, for each stream.
const TAIL_BYTES: usize = 32 << 20;

/// The index of a log.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Oldest first. The last one is being written to.
    pub(crate) segments: VecDeque<SegmentEntry>,
    shards: Vec<ShardIndex>,
    tail: VecDeque<Block>,
    tail_bytes: usize,
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
    marks: VecDeque<Mark>,
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
        Self { next: 1, last_arrival: Timestamp::default(), marks: VecDeque::new(), tail: VecDeque::new() }
    }
}

impl ShardIndex {
    /// The ordinal of a marked record that arrived before `time`, the newest such mark; else the oldest mark's.
    pub(crate) fn before(&self, time: Timestamp) -> u64 {
        let after = self.marks.partition_point(|mark| mark.arrival < time);
        self.marks.get(after.saturating_sub(1)).map_or(self.next, |mark| mark.ordinal)
    }

    fn mark_at(&self, ordinal: u64) -> Option<Mark> {
        let after = self.marks.partition_point(|mark| mark.ordinal <= ordinal);
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
            let due = |last: &Mark| last.segment != segment || offset - last.offset >= MARK_EVERY;
            if shard.marks.back().is_none_or(due) {
                shard.marks.push_back(mark);
            }
            shard.next = run.next_ordinal();
            shard.last_arrival = run.arrival;
        }
    }

    /// Keeps a block in memory and lets go of the oldest beyond the limit.
    pub(crate) fn add_to_tail(&mut self, block: Block) {
        for run in block.runs() {
            self.shard_mut(run.shard).tail.push_back((run.first, block.number()));
        }
        self.tail_bytes += block.len();
        self.tail.push_back(block);
        while self.tail_bytes > TAIL_BYTES && self.tail.len() > 1 {
            let Some(oldest) = self.tail.pop_front() else { break };
            self.tail_bytes -= oldest.len();
            for run in oldest.runs() {
                self.shard_mut(run.shard).tail.pop_front();
            }
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

    /// Where on disk to start looking for record `ordinal` of `shard`.
    pub(crate) fn mark_for(&self, shard: ShardId, ordinal: u64) -> Option<Mark> {
        self.shard(shard)?.mark_at(ordinal)
    }

    /// The segments from the one that starts with block `first_block` on.
    pub(crate) fn segments_from(&self, first_block: u64) -> Vec<Arc<Segment>> {
        let start = self.segments.partition_point(|entry| entry.segment.first_block < first_block);
        self.segments.range(start..).map(|entry| Arc::clone(&entry.segment)).collect()
    }

    /// The number of the block to keep so that `shard` can be read from `ordinal` on.
    pub(crate) fn block_of(&self, shard: ShardId, ordinal: u64) -> u64 {
        let caught_up = self.shard(shard).is_none_or(|shard| ordinal >= shard.next);
        let mark = if caught_up { None } else { self.mark_for(shard, ordinal) };
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
            self.shard_mut(id).marks.push_back(mark);
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

    /// Reads the summary of the segment `segment`; none if the bytes are not a whole one.
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
