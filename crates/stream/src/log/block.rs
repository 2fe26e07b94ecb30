//! The block: what one group commit writes. Little-endian.
//!
//! ```text
//! block   0 magic "TMBK" · 4 length u32 · 8 CRC-32C of the segment's salt and the bytes from 12 on · 12 runs u32
//!        16 number u64 · 24 arrival time i64 (ms) · 32 run × runs · records
//! run     0 shard u32 · 4 records u32 · 8 first ordinal u64 · 16 offset in the block u32 · 20 bytes u32
//! record  0 key length u32 · 4 data length u32 · 8 key · data
//! ```
//!
//! Blocks are numbered from 0 without gaps. The runs of a block are in order of their shards, one a shard.
//! The first block of a segment may have runs of no records: they carry each shard's next ordinal over from segments
//! that retention will remove. The salt keeps a client from putting a record that looks like a block of this segment.

use bytes::Bytes;
use tidemill_clock::Timestamp;

use crate::ShardId;

const MAGIC: [u8; 4] = *b"TMBK";
pub(crate) const HEADER: usize = 32;
const RUN: usize = 24;
/// Bytes of a record's lengths.
pub(crate) const RECORD: usize = 8;
/// The largest block: a full drain of the queue stays far below it.
pub(crate) const MAX_LENGTH: usize = 256 << 20;

/// Starts a record in `buffer`; its data is to follow. Returns where it starts.
pub(crate) fn begin_record(buffer: &mut Vec<u8>, key: &[u8]) -> usize {
    let start = buffer.len();
    buffer.extend_from_slice(&(key.len() as u32).to_le_bytes());
    buffer.extend_from_slice(&[0; 4]);
    buffer.extend_from_slice(key);
    start
}

/// Notes the length of the data written since [`begin_record`].
pub(crate) fn finish_record(buffer: &mut [u8], start: usize) {
    let key = read_u32(buffer, start) as usize;
    let data = (buffer.len() - start - RECORD - key) as u32;
    buffer[start + 4..start + RECORD].copy_from_slice(&data.to_le_bytes());
}

/// A run to be laid out: its shard, its first record's ordinal, its records in pieces.
pub(crate) struct RunSource<'a> {
    pub(crate) shard: ShardId,
    pub(crate) first: u64,
    pub(crate) records: u32,
    pub(crate) pieces: Vec<&'a [u8]>,
}

/// The length of the block that [`encode`] makes of these runs.
pub(crate) fn length(runs: &[RunSource<'_>]) -> usize {
    let payload: usize = runs.iter().flat_map(|run| &run.pieces).map(|piece| piece.len()).sum();
    HEADER + RUN * runs.len() + payload
}

/// Lays a block out.
pub(crate) fn encode(number: u64, arrival: Timestamp, runs: &[RunSource<'_>], salt: u32) -> Vec<u8> {
    let length = length(runs);
    let mut block = Vec::with_capacity(length);
    block.extend_from_slice(&MAGIC);
    block.extend_from_slice(&(length as u32).to_le_bytes());
    block.extend_from_slice(&[0; 4]);
    block.extend_from_slice(&(runs.len() as u32).to_le_bytes());
    block.extend_from_slice(&number.to_le_bytes());
    block.extend_from_slice(&arrival.millis().to_le_bytes());
    let mut offset = HEADER + RUN * runs.len();
    for run in runs {
        let bytes: usize = run.pieces.iter().map(|piece| piece.len()).sum();
        block.extend_from_slice(&run.shard.0.to_le_bytes());
        block.extend_from_slice(&run.records.to_le_bytes());
        block.extend_from_slice(&run.first.to_le_bytes());
        block.extend_from_slice(&(offset as u32).to_le_bytes());
        block.extend_from_slice(&(bytes as u32).to_le_bytes());
        offset += bytes;
    }
    for piece in runs.iter().flat_map(|run| &run.pieces) {
        block.extend_from_slice(piece);
    }
    let crc = crc32c::crc32c_append(salt, &block[12..]);
    block[8..12].copy_from_slice(&crc.to_le_bytes());
    block
}

/// What the first bytes at some place of a segment say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// A block of this length starts here.
    Block(usize),
    /// Nothing was ever written here.
    Unwritten,
    /// Neither of both.
    Garbage,
}

/// Reads the start of a header.
pub(crate) fn peek(bytes: &[u8]) -> Header {
    if bytes.len() < HEADER || bytes[..HEADER].iter().all(|&byte| byte == 0) {
        return if bytes.iter().all(|&byte| byte == 0) { Header::Unwritten } else { Header::Garbage };
    }
    let length = read_u32(bytes, 4) as usize;
    if bytes[..4] == MAGIC && (HEADER..=MAX_LENGTH).contains(&length) { Header::Block(length) } else { Header::Garbage }
}

/// A whole block whose checksum was verified (or that was made here).
#[derive(Debug, Clone)]
pub(crate) struct Block {
    bytes: Bytes,
}

impl Block {
    /// Takes bytes that [`encode`] made.
    pub(crate) fn trusted(bytes: Bytes) -> Self {
        Self { bytes }
    }

    /// Checks the bytes of a block that was read from a segment with this salt; none where they are damaged.
    pub(crate) fn verify(bytes: Bytes, salt: u32) -> Option<Self> {
        if peek(&bytes) != Header::Block(bytes.len()) {
            return None;
        }
        if crc32c::crc32c_append(salt, &bytes[12..]) != read_u32(&bytes, 8) {
            return None;
        }
        let block = Self { bytes };
        block.is_well_formed().then_some(block)
    }

    pub(crate) fn number(&self) -> u64 {
        read_u64(&self.bytes, 16)
    }

    pub(crate) fn arrival(&self) -> Timestamp {
        Timestamp::from_millis(read_u64(&self.bytes, 24) as i64)
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn runs(&self) -> impl Iterator<Item = RecordRun> + '_ {
        (0..self.run_count()).map(|index| self.run_at(index))
    }

    /// The run of `shard`, if the block has one.
    pub(crate) fn run(&self, shard: ShardId) -> Option<RecordRun> {
        let (mut low, mut high) = (0, self.run_count());
        while low < high {
            let middle = (low + high) / 2;
            match read_u32(&self.bytes, HEADER + RUN * middle).cmp(&shard.0) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(self.run_at(middle)),
            }
        }
        None
    }

    fn run_count(&self) -> usize {
        read_u32(&self.bytes, 12) as usize
    }

    fn run_at(&self, index: usize) -> RecordRun {
        let at = HEADER + RUN * index;
        RecordRun {
            block: self.bytes.clone(),
            shard: ShardId(read_u32(&self.bytes, at)),
            count: read_u32(&self.bytes, at + 4),
            first: read_u64(&self.bytes, at + 8),
            offset: read_u32(&self.bytes, at + 16) as usize,
            end: (read_u32(&self.bytes, at + 16) + read_u32(&self.bytes, at + 20)) as usize,
            arrival: self.arrival(),
        }
    }

    /// Whether all lengths stay within the block, so that iterating cannot leave it.
    fn is_well_formed(&self) -> bool {
        let table = HEADER + RUN * self.run_count();
        let mut last = None;
        table <= self.bytes.len()
            && self.runs().all(|run| {
                let ordered = last.replace(run.shard).is_none_or(|before| before < run.shard);
                ordered && run.offset >= table && run.end >= run.offset && run.end <= self.bytes.len() && run.fits()
            })
    }
}

/// Records of one shard that were committed together and have consecutive ordinals.
/// Sharing the block's bytes, it is cheap to clone and to cut.
#[derive(Debug, Clone)]
pub struct RecordRun {
    block: Bytes,
    /// The shard of the records.
    pub shard: ShardId,
    /// The ordinal of the first record.
    pub first: u64,
    /// How many records the run has.
    pub count: u32,
    /// When the records arrived.
    pub arrival: Timestamp,
    offset: usize,
    end: usize,
}

/// One record of a run.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its place in the shard.
    pub ordinal: u64,
    /// The bytes of [`Self::partition_key`].
    pub key: &'a [u8],
    /// What was put.
    pub data: &'a [u8],
    /// Where `key` starts in [`RecordRun::buffer`].
    pub key_offset: u32,
    /// Where `data` starts in [`RecordRun::buffer`].
    pub data_offset: u32,
}

impl<'a> Record<'a> {
    /// The key it was placed by.
    pub fn partition_key(&self) -> &'a str {
        std::str::from_utf8(self.key).unwrap_or_default()
    }
}

impl RecordRun {
    /// The ordinal after the last record.
    pub fn next_ordinal(&self) -> u64 {
        self.first + u64::from(self.count)
    }

    /// The bytes that the records' offsets count in.
    pub fn buffer(&self) -> &Bytes {
        &self.block
    }

    /// Bytes of the records in the log.
    pub fn bytes(&self) -> usize {
        self.end - self.offset
    }

    /// Bytes of the records' keys and data.
    pub fn payload(&self) -> usize {
        self.bytes() - RECORD * self.count as usize
    }

    /// The records in order.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let mut at = self.offset;
        (0..u64::from(self.count)).map(move |index| {
            let (key_start, data_start, end) = bounds(&self.block, at);
            at = end;
            Record {
                ordinal: self.first + index,
                key: &self.block[key_start..data_start],
                data: &self.block[data_start..end],
                key_offset: key_start as u32,
                data_offset: data_start as u32,
            }
        })
    }

    /// The part of the run from `ordinal` on, within `limit`. At least one record is kept.
    pub(crate) fn cut(mut self, ordinal: u64, records: usize, bytes: usize) -> Self {
        while self.first < ordinal && self.count > 0 {
            self.offset = bounds(&self.block, self.offset).2;
            self.first += 1;
            self.count -= 1;
        }
        if self.count as usize > records || self.bytes() > bytes {
            self.shorten(records, bytes);
        }
        self
    }

    fn shorten(&mut self, records: usize, bytes: usize) {
        let (mut kept, mut at) = (0, self.offset);
        while kept < self.count {
            let end = bounds(&self.block, at).2;
            if kept > 0 && (kept as usize >= records || end - self.offset > bytes) {
                break;
            }
            kept += 1;
            at = end;
        }
        self.count = kept;
        self.end = at;
    }

    /// Whether walking the records ends exactly at the run's end.
    fn fits(&self) -> bool {
        let mut at = self.offset;
        for _ in 0..self.count {
            if at + RECORD > self.end {
                return false;
            }
            let lengths = read_u32(&self.block, at) as usize + read_u32(&self.block, at + 4) as usize;
            at += RECORD + lengths;
        }
        at == self.end
    }
}

/// Where the key, the data and the next record start, for the record at `at`.
fn bounds(block: &[u8], at: usize) -> (usize, usize, usize) {
    let key_start = at + RECORD;
    let data_start = key_start + read_u32(block, at) as usize;
    (key_start, data_start, data_start + read_u32(block, at + 4) as usize)
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn read_u64(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut records = Vec::new();
        for data in [&b"one"[..], b"", b"three"] {
            let start = begin_record(&mut records, b"key");
            records.extend_from_slice(data);
            finish_record(&mut records, start);
        }
        let run = RunSource { shard: ShardId(2), first: 10, records: 3, pieces: vec![&records] };
        encode(5, Timestamp::from_millis(99), &[run], 7)
    }

    #[test]
    fn a_block_reads_back_what_was_laid_out() {
        let block = Block::verify(sample().into(), 7).unwrap();
        assert_eq!((block.number(), block.arrival().millis()), (5, 99));
        let run = block.run(ShardId(2)).unwrap();
        let seen: Vec<_> = run.records().map(|record| (record.ordinal, record.partition_key(), record.data)).collect();
        assert_eq!(seen, [(10, "key", &b"one"[..]), (11, "key", b""), (12, "key", b"three")]);
        assert!(block.run(ShardId(1)).is_none());
    }

    #[test]
    fn any_flipped_byte_is_noticed() {
        let good = sample();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            assert!(Block::verify(bad.into(), 7).is_none(), "byte {at}");
        }
    }

    #[test]
    fn a_block_of_another_segment_is_not_one_of_this() {
        assert!(Block::verify(sample().into(), 8).is_none());
    }

    #[test]
    fn a_run_is_cut_by_ordinal_records_and_bytes() {
        let run = Block::verify(sample().into(), 7).unwrap().run(ShardId(2)).unwrap();
        let cut = run.clone().cut(11, 10, 1 << 20);
        assert_eq!((cut.first, cut.count), (11, 2));
        assert_eq!(run.clone().cut(10, 2, 1 << 20).count, 2);
        assert_eq!(run.cut(10, 10, 1).count, 1, "one record is kept even if it is over the limit");
    }
}
