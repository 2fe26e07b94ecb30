//! Shard iterators: where a client's next GetRecords goes on, as a token that the client keeps.
//!
//! ```text
//! base64 of: 0 version u64 (1), big-endian · 8 issued i64 ms · 16 ordinal u64 · 24 shard u32 · 28 CRC-32C u32 · 32 stream id
//! ```

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tidemill_clock::Timestamp;

use crate::{ShardId, StreamId};

/// How long an iterator can be used (Kinesis: five minutes).
const LIFETIME: Duration = Duration::from_secs(300);
const HEADER: usize = 32;

/// A place in a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardIterator {
    /// The stream's id, so that a new stream of the same name is not read by mistake.
    pub stream: StreamId,
    /// The shard.
    pub shard: ShardId,
    /// The record to go on with.
    pub ordinal: u64,
}

/// Why a token cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IteratorError {
    /// It is no iterator.
    Invalid,
    /// It was issued at this time, too long ago.
    Expired(Timestamp),
}

impl ShardIterator {
    /// The token, issued now.
    pub fn token(&self, now: Timestamp) -> String {
        let mut bytes = Vec::with_capacity(HEADER + 32);
        bytes.extend(1u64.to_be_bytes());
        bytes.extend(now.millis().to_be_bytes());
        bytes.extend(self.ordinal.to_be_bytes());
        bytes.extend(self.shard.0.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(self.stream.as_str().as_bytes());
        let crc = crc32c::crc32c(&bytes);
        bytes[28..HEADER].copy_from_slice(&crc.to_be_bytes());
        STANDARD.encode(bytes)
    }

    /// Reads a token.
    pub fn parse(token: &str, now: Timestamp) -> Result<Self, IteratorError> {
        let mut bytes = STANDARD.decode(token).map_err(|_| IteratorError::Invalid)?;
        if bytes.len() < HEADER || bytes[..8] != 1u64.to_be_bytes() {
            return Err(IteratorError::Invalid);
        }
        let crc: [u8; 4] = bytes[28..HEADER].try_into().unwrap_or_default();
        bytes[28..HEADER].fill(0);
        if u32::from_be_bytes(crc) != crc32c::crc32c(&bytes) {
            return Err(IteratorError::Invalid);
        }
        let long = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap_or([0; 8]));
        let issued = Timestamp::from_millis(long(8) as i64);
        if issued < now.minus(LIFETIME) {
            return Err(IteratorError::Expired(issued));
        }
        let stream = std::str::from_utf8(&bytes[HEADER..]).map_err(|_| IteratorError::Invalid)?;
        Ok(Self { stream: StreamId::new(stream), shard: ShardId((long(24) >> 32) as u32), ordinal: long(16) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iterator_reads_back_until_it_expires() {
        let iterator = ShardIterator { stream: StreamId::new("abc"), shard: ShardId(3), ordinal: 77 };
        let issued = Timestamp::from_millis(1_000_000);
        let token = iterator.token(issued);
        assert_eq!(ShardIterator::parse(&token, issued), Ok(iterator));
        let later = Timestamp::from_millis(1_000_000 + 300_001);
        assert_eq!(ShardIterator::parse(&token, later), Err(IteratorError::Expired(issued)));
    }

    #[test]
    fn a_changed_token_is_invalid() {
        let iterator = ShardIterator { stream: StreamId::new("abc"), shard: ShardId(3), ordinal: 77 };
        let token = iterator.token(Timestamp::from_millis(5));
        let changed = token.replacen('A', "B", 1);
        for bad in ["", "%%%", "AAAA", &changed] {
            assert_eq!(ShardIterator::parse(bad, Timestamp::from_millis(5)), Err(IteratorError::Invalid), "{bad}");
        }
    }
}
