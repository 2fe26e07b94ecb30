//! A segment file: a header, then blocks, then reserved zeros while it is written to.
//!
//! ```text
//! 0 magic "TMSG" · 4 format u32 · 8 first block u64 · 16 CRC-32C of the bytes before · zeros to 64 · blocks
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tidemill_clock::{Disk, DiskFile};

use super::block::{Block, Header, peek};
use crate::{Result, StreamError};

const MAGIC: [u8; 4] = *b"TMSG";
const FORMAT: u32 = 1;
/// Where the first block of a segment starts.
pub(crate) const START: u64 = 64;
/// Bytes that a scan reads at once: large enough that a whole block usually fits.
const CHUNK: usize = 1 << 20;

/// One segment file.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) first_block: u64,
    pub(crate) file: Arc<dyn DiskFile>,
}

impl Segment {
    /// Creates the segment that starts with block `first_block`; durable on return.
    pub(crate) fn create(dir: &Path, first_block: u64, disk: &dyn Disk) -> Result<Self> {
        let path = dir.join(format!("{first_block:020}.log"));
        let file = disk.create(&path)?;
        let mut header = [0; START as usize];
        header[..4].copy_from_slice(&MAGIC);
        header[4..8].copy_from_slice(&FORMAT.to_le_bytes());
        header[8..16].copy_from_slice(&first_block.to_le_bytes());
        let crc = crc32c::crc32c(&header[..16]);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        file.write_at(&header, 0)?;
        file.sync_data()?;
        disk.sync_dir(dir)?;
        Ok(Self { path, first_block, file })
    }

    /// Opens a segment. None if its creation was cut off before its header was whole.
    pub(crate) fn open(path: &Path, disk: &dyn Disk) -> Result<Option<Self>> {
        let file = disk.open(path)?;
        let mut header = [0; START as usize];
        let read = file.read_at(&mut header, 0)?;
        let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        if read < header.len() || header[..4] != MAGIC || word(16) != crc32c::crc32c(&header[..16]) {
            return Ok(None);
        }
        if word(4) > FORMAT {
            return Err(StreamError::NewerFormat { path: path.to_owned(), found: word(4), known: FORMAT });
        }
        let first_block = u64::from(word(8)) | u64::from(word(12)) << 32;
        Ok(Some(Self { path: path.to_owned(), first_block, file }))
    }

    /// The blocks from `offset` on.
    pub(crate) fn scan(&self, offset: u64) -> Scan<'_> {
        Scan { segment: self, offset, chunk: Bytes::new(), chunk_at: offset }
    }

    /// The error for damage at `offset`.
    pub(crate) fn damaged(&self, offset: u64, what: impl Into<String>) -> StreamError {
        StreamError::Damaged { path: self.path.clone(), offset, what: what.into() }
    }
}

/// Walks the blocks of a segment, reading large chunks that the blocks share.
pub(crate) struct Scan<'a> {
    segment: &'a Segment,
    /// Where the next block starts.
    pub(crate) offset: u64,
    chunk: Bytes,
    chunk_at: u64,
}

/// What a scan meets.
pub(crate) enum Step {
    /// A good block, and where it starts.
    Block(u64, Block),
    /// The end of what was written.
    End,
    /// Bytes that are no good block.
    Bad(&'static str),
}

impl Scan<'_> {
    pub(crate) fn step(&mut self) -> Result<Step> {
        let header = self.bytes(super::block::HEADER)?;
        let length = match peek(&header) {
            Header::Unwritten => return Ok(Step::End),
            Header::Garbage => return Ok(Step::Bad("no block header")),
            Header::Block(length) => length,
        };
        let bytes = self.bytes(length)?;
        if bytes.len() < length {
            return Ok(Step::Bad("the block is cut off"));
        }
        let Some(block) = Block::verify(bytes) else { return Ok(Step::Bad("the checksum of the block differs")) };
        let at = self.offset;
        self.offset += length as u64;
        Ok(Step::Block(at, block))
    }

    /// Up to `length` bytes at the current offset; fewer at the end of the file.
    fn bytes(&mut self, length: usize) -> Result<Bytes> {
        let skip = (self.offset - self.chunk_at) as usize;
        if self.chunk.len() < skip + length {
            let mut buffer = BytesMut::zeroed(CHUNK.max(length));
            let read = self.segment.file.read_at(&mut buffer, self.offset)?;
            buffer.truncate(read);
            (self.chunk, self.chunk_at) = (buffer.freeze(), self.offset);
            return Ok(self.chunk.slice(..length.min(read)));
        }
        Ok(self.chunk.slice(skip..skip + length))
    }
}
