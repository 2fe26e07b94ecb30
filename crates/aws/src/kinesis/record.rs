//! A record on its way in: what it must be, and where it goes.

use std::borrow::Cow;

use serde::Deserialize;
use tidemill_clock::Timestamp;
use tidemill_stream::{Batch, Distribution, Settings, ShardId, ShardMap, Stream, hash_key as hash_of};

use super::limits::Front;
use crate::error::{AwsError, Result};
use crate::model::{failure, is_null};

/// The largest data of a record that the service's model knows.
const LARGEST_DATA: usize = 10 << 20;
/// The longest partition key, in characters.
const LONGEST_KEY: usize = 256;

/// Data as a protocol sends it.
pub(super) trait Blob {
    /// Appends the bytes that it stands for.
    fn append_to(&self, bytes: &mut Vec<u8>) -> Result<()>;
}

/// Data in base64.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Base64<'a>(#[serde(borrow)] Cow<'a, str>);

impl Blob for Base64<'_> {
    fn append_to(&self, bytes: &mut Vec<u8>) -> Result<()> {
        let decoded = base64_simd::STANDARD.decode_append(self.0.as_bytes(), bytes);
        decoded.map(drop).map_err(|_| AwsError::serialization("Data is not valid base64"))
    }
}

/// Data as it is.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Bytes<'a>(#[serde(borrow, with = "serde_bytes")] Cow<'a, [u8]>);

impl Blob for Bytes<'_> {
    fn append_to(&self, bytes: &mut Vec<u8>) -> Result<()> {
        bytes.extend_from_slice(&self.0);
        Ok(())
    }
}

/// A record as a request sends it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Record<'a, D> {
    pub(super) data: Option<D>,
    #[serde(borrow, default)]
    pub(super) partition_key: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) explicit_hash_key: Option<Cow<'a, str>>,
}

/// What is known of a stream while a request's records are placed.
pub(super) struct Placing<'s> {
    pub(super) front: &'s Front,
    pub(super) stream: &'s Stream,
    pub(super) settings: &'s Settings,
    pub(super) shards: &'s ShardMap,
    pub(super) now: Timestamp,
}

/// What became of a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome {
    /// It is in the batch, at this place among those of its shard.
    Placed(ShardId, u32),
    /// The shard takes no more now.
    Throttled(ShardId),
}

impl<D: Blob> Record<'_, D> {
    /// Decodes the record into `batch`. `path` is what errors call it.
    pub(super) fn place(&self, path: impl Fn() -> String, placing: &Placing<'_>, batch: &mut Batch) -> Result<Outcome> {
        let shard = self.shard(&path, placing)?;
        let key = self.partition_key.as_deref().unwrap_or_default();
        let mut length = key.len();
        let place = batch.push_with(shard, key, |bytes| {
            let start = bytes.len();
            let data = self.data.as_ref().ok_or_else(|| is_null(&format!("{}data", path())))?;
            data.append_to(bytes)?;
            let data = bytes.len() - start;
            length += data;
            check_size(&path, data, length, placing.settings.max_record_kib as usize)?;
            match placing.front.takes_record(placing.stream, shard, length, placing.now) {
                true => Ok(()),
                false => Err(Unplaced::Throttled),
            }
        });
        match place {
            Ok(place) => Ok(Outcome::Placed(shard, place)),
            Err(Unplaced::Throttled) => Ok(Outcome::Throttled(shard)),
            Err(Unplaced::Request(error)) => Err(error),
        }
    }

    /// The shard that the record belongs to.
    fn shard(&self, path: &impl Fn() -> String, placing: &Placing<'_>) -> Result<ShardId> {
        if let Some(key) = &self.partition_key {
            check_key(key, path)?;
        }
        if placing.settings.distribution == Distribution::Auto {
            return Ok(placing.shards.open_in_turn(placing.front.next_turn()));
        }
        let Some(key) = &self.partition_key else {
            return Err(is_null(&format!("{}partitionKey", path())));
        };
        Ok(placing.shards.of_hash(match &self.explicit_hash_key {
            Some(text) => hash_key("ExplicitHashKey", text)?,
            None => hash_of(key.as_bytes()),
        }))
    }
}

/// Why a record is not put into the batch.
enum Unplaced {
    Request(AwsError),
    Throttled,
}

impl From<AwsError> for Unplaced {
    fn from(error: AwsError) -> Self {
        Self::Request(error)
    }
}

fn check_key(key: &str, path: &impl Fn() -> String) -> Result<()> {
    let demand = match key.chars().count() {
        0 => "Member must have length greater than or equal to 1".to_owned(),
        1..=LONGEST_KEY => return Ok(()),
        _ => format!("Member must have length less than or equal to {LONGEST_KEY}"),
    };
    Err(wrong(&format!("'{key}'"), path, "partitionKey", &demand))
}

fn check_size(path: &impl Fn() -> String, data: usize, length: usize, max_kib: usize) -> Result<()> {
    let most = if data > LARGEST_DATA { LARGEST_DATA } else { max_kib << 10 };
    if length <= most {
        return Ok(());
    }
    let shown = format!("'java.nio.HeapByteBuffer[pos=0 lim={data} cap={data}]'");
    Err(wrong(&shown, path, "data", &format!("Member must have length less than or equal to {most}")))
}

fn wrong(shown: &str, path: &impl Fn() -> String, member: &str, demand: &str) -> AwsError {
    let failure = failure(shown, &format!("{}{member}", path()), demand);
    AwsError::validation(format!("1 validation error detected: {failure}"))
}

/// Reads a hash key.
pub(super) fn hash_key(name: &str, text: &str) -> Result<u128> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten().ok_or_else(|| {
        AwsError::invalid(format!(
            "Invalid {name}. {name} must be in the range: [0, 2^128-1]. Specified value was {text}"
        ))
    })
}
