//! A segment file: a header, then blocks, then reserved zeros while it is written to.
//!
//! ```text
//! 0 magic "TMSG" · 4 format u32 · 8 first block u64 · 16 CRC-32C of the other bytes to 24 · 20 salt u32 · zeros to 64 · blocks
//! ```
//!
//! Format 1 had no salt, and its checksum ended at byte 16.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tidemill_clock::{Disk, DiskFile};

use super::block::{Block, Header, peek};
use super::recent::RecentBlocks;
use crate::{Result, StreamError};

const MAGIC: [u8; 4] = *b"TMSG";
const FORMAT: u32 = 2;
/// Where the first block of a segment starts.
pub(crate) const START: u64 = 64;
/// Bytes that a scan reads at once.
const CHUNK: usize = 256 << 10;

/// One segment file. It is opened for each use: an idle log has no open file.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) first_block: u64,
    /// Goes into the checksum of its blocks; 0 in format 1.
    pub(crate) salt: u32,
    disk: Arc<dyn Disk>,
}

impl Segment {
    /// Creates the segment that starts with block `first_block`; durable on return. Leaves nothing behind if it fails.
    pub(crate) fn create(
        dir: &Path,
        first_block: u64,
        salt: u32,
        disk: &Arc<dyn Disk>,
    ) -> io::Result<(Self, Arc<dyn DiskFile>)> {
        let segment =
            Self { path: dir.join(format!("{first_block:020}.log")), first_block, salt, disk: Arc::clone(disk) };
        let file = disk.create(&segment.path)?;
        let written =
            file.write_at(&segment.header(), 0).and_then(|()| file.sync_data()).and_then(|()| disk.sync_dir(dir));
        match written {
            Ok(()) => Ok((segment, file)),
            Err(error) => {
                disk.remove(&segment.path)?;
                Err(error)
            }
        }
    }

    fn header(&self) -> [u8; START as usize] {
        let mut header = [0; START as usize];
        header[..4].copy_from_slice(&MAGIC);
        header[4..8].copy_from_slice(&FORMAT.to_le_bytes());
        header[8..16].copy_from_slice(&self.first_block.to_le_bytes());
        header[20..24].copy_from_slice(&self.salt.to_le_bytes());
        let crc = checksum(&header);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        header
    }

    /// Reads a segment's header. None if its creation was cut off before its header was whole.
    pub(crate) fn read(path: &Path, disk: &Arc<dyn Disk>) -> Result<Option<Self>> {
        let file = disk.open(path)?;
        let mut header = [0; START as usize];
        let read = file.read_at(&mut header, 0)?;
        let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        if read < header.len() || header[..4] != MAGIC {
            return Ok(None);
        }
        // Before the checksum, which a newer format may count in another way.
        if word(4) > FORMAT {
            return Err(StreamError::NewerFormat { path: path.to_owned(), found: word(4), known: FORMAT });
        }
        if word(16) != checksum(&header) {
            return Ok(None);
        }
        let first_block = u64::from(word(8)) | u64::from(word(12)) << 32;
        Ok(Some(Self { path: path.to_owned(), first_block, salt: word(20), disk: Arc::clone(disk) }))
    }

    /// The file beside a sealed segment that holds its summary.
    pub(crate) fn summary_path(&self) -> PathBuf {
        self.path.with_extension("idx")
    }

    /// Opens the file.
    pub(crate) fn open(&self) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(&self.path)
    }

    /// The blocks from `offset` on, shared through `recent`.
    pub(crate) fn scan(&self, offset: u64, recent: Option<Arc<RecentBlocks>>) -> io::Result<Scan> {
        let (file, first_block, salt) = (self.open()?, self.first_block, self.salt);
        Ok(Scan { file, first_block, salt, recent, offset, chunk: Bytes::new(), chunk_at: offset })
    }

    /// The error for damage at `offset`.
    pub(crate) fn damaged(&self, offset: u64, what: impl Into<String>) -> StreamError {
        StreamError::Damaged { path: self.path.clone(), offset, what: what.into() }
    }
}

/// The checksum of a header, in the way of its format.
fn checksum(header: &[u8; START as usize]) -> u32 {
    let crc = crc32c::crc32c(&header[..16]);
    if header[4..8] == 1u32.to_le_bytes() { crc } else { crc32c::crc32c_append(crc, &header[20..24]) }
}

/// Walks the blocks of a segment, reading large chunks that the blocks share.
pub(crate) struct Scan {
    file: Arc<dyn DiskFile>,
    first_block: u64,
    salt: u32,
    recent: Option<Arc<RecentBlocks>>,
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

impl Scan {
    pub(crate) fn step(&mut self) -> Result<Step> {
        let (recent, at) = (self.recent.clone(), (self.first_block, self.offset));
        if let Some(block) = recent.as_ref().and_then(|recent| recent.get(at)) {
            return Ok(self.found(block));
        }
        let step = self.read_step()?;
        if let (Some(recent), Step::Block(_, block)) = (&recent, &step) {
            recent.add(at, block);
        }
        Ok(step)
    }

    fn read_step(&mut self) -> Result<Step> {
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
        let Some(block) = Block::verify(bytes, self.salt) else {
            return Ok(Step::Bad("the checksum of the block differs"));
        };
        Ok(self.found(block))
    }

    /// Goes on behind a block.
    fn found(&mut self, block: Block) -> Step {
        let at = self.offset;
        self.offset += block.len() as u64;
        Step::Block(at, block)
    }

    /// Up to `length` bytes at the current offset; fewer at the end of the file.
    fn bytes(&mut self, length: usize) -> Result<Bytes> {
        let skip = (self.offset - self.chunk_at) as usize;
        if self.chunk.len() < skip + length {
            let mut buffer = BytesMut::zeroed(CHUNK.max(length));
            let read = self.file.read_at(&mut buffer, self.offset)?;
            buffer.truncate(read);
            (self.chunk, self.chunk_at) = (buffer.freeze(), self.offset);
            return Ok(self.chunk.slice(..length.min(read)));
        }
        Ok(self.chunk.slice(skip..skip + length))
    }
}
