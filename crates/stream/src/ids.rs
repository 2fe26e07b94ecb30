//! Names and numbers of streams, shards and records, parsed once at the edge.

use std::fmt;
use std::sync::Arc;

use tidemill_clock::Timestamp;

use crate::{Result, StreamError};

/// A stream's name, unique within an account and region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Arc<str>);

impl StreamName {
    /// Checks a name against Kinesis' rule: 1 to 128 of `[a-zA-Z0-9_.-]`.
    pub fn parse(name: &str) -> Result<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        if (1..=128).contains(&name.len()) && name.bytes().all(allowed) {
            Ok(Self(name.into()))
        } else {
            Err(StreamError::BadName(name.to_owned()))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What tells a stream from another of the same name that was deleted before; names its directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(Arc<str>);

impl StreamId {
    pub(crate) fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The id as text: 32 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A shard's index within its stream, counted from 0 in order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u32);

impl ShardId {
    /// Reads Kinesis' form, `shardId-` and 12 digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("shardId-").filter(|digits| digits.len() == 12)?;
        digits.parse().ok().map(Self)
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shardId-{:012}", self.0)
    }
}

/// A record's place in a stream, as clients see it: 56 decimal digits that grow within a shard,
/// and from a parent shard to its children.
///
/// ```text
/// 49 | creation of the shard, ms (13) | shard (6) | ordinal in the shard (20) | 0 (15)
/// ```
///
/// Ordinal 0 is the shard's starting sequence number; its first record has ordinal 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SequenceNumber {
    /// When the record's shard was created.
    pub shard_created: Timestamp,
    /// The record's shard.
    pub shard: ShardId,
    /// The record's place in the shard.
    pub ordinal: u64,
}

impl SequenceNumber {
    /// Digits of a sequence number.
    pub const DIGITS: usize = 56;

    /// Reads the 56 digits; none where they are not of the form above.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != Self::DIGITS || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let rest = text.strip_prefix("49")?;
        Some(Self {
            shard_created: Timestamp::from_millis(rest[..13].parse().ok()?),
            shard: ShardId(rest[13..19].parse().ok()?),
            ordinal: rest[19..39].parse().ok()?,
        })
    }

    /// The same shard's record `ordinal`.
    pub fn with_ordinal(self, ordinal: u64) -> Self {
        Self { ordinal, ..self }
    }

    /// The digits. One is made for each record put or got, so it is cheaper than `Display`.
    pub fn digits(self) -> [u8; Self::DIGITS] {
        let mut digits = [b'0'; Self::DIGITS];
        digits[..2].copy_from_slice(b"49");
        write_right(&mut digits[2..15], self.shard_created.millis() as u64);
        write_right(&mut digits[15..21], u64::from(self.shard.0));
        write_right(&mut digits[21..41], self.ordinal);
        digits
    }
}

fn write_right(field: &mut [u8], number: u64) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(number).as_bytes();
    let kept = &text[text.len().saturating_sub(field.len())..];
    let start = field.len() - kept.len();
    field[start..].copy_from_slice(kept);
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.digits()).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_number_reads_back_and_grows_with_its_ordinal() {
        let number = SequenceNumber {
            shard_created: Timestamp::from_millis(1_700_000_000_123),
            shard: ShardId(7),
            ordinal: u64::MAX,
        };
        let text = number.to_string();
        assert_eq!(text.len(), 56);
        assert_eq!(SequenceNumber::parse(&text), Some(number));
        assert!(number.with_ordinal(9).to_string() < number.with_ordinal(10).to_string());
    }

    #[test]
    fn text_of_another_form_is_no_sequence_number() {
        assert_eq!(SequenceNumber::parse("49"), None);
        assert_eq!(SequenceNumber::parse(&"1".repeat(56)), None);
        assert_eq!(SequenceNumber::parse(&"é".repeat(28)), None);
    }

    #[test]
    fn a_stream_name_follows_kinesis_rule() {
        assert!(StreamName::parse("ev_stream-data.1").is_ok());
        assert!(StreamName::parse("").is_err());
        assert!(StreamName::parse("a b").is_err());
        assert!(StreamName::parse(&"a".repeat(129)).is_err());
    }
}
