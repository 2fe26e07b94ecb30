//! Kinesis' rates: calls, and what a shard takes and gives. They are counted only where they are enforced.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tidemill_clock::Timestamp;
use tidemill_stream::{ShardId, Stream, StreamId};

use super::subscriptions::Subscriptions;
use crate::error::{AwsError, Result};

/// What a shard takes a second.
const WRITE_BYTES: f64 = (1 << 20) as f64;
const WRITE_RECORDS: f64 = 1000.0;
/// What a shard gives a second, to all readers together and to each registered consumer.
const READ_BYTES: f64 = (2 << 20) as f64;
/// Calls of GetRecords, and of GetShardIterator, a second and shard.
const READ_CALLS: f64 = 5.0;
/// Buckets that are kept before the full ones, which say nothing, are let go.
const MANY: usize = 10_000;

/// What Kinesis counts and remembers besides streams.
#[derive(Debug)]
pub struct Front {
    enforced: bool,
    /// Held for single changes only.
    buckets: Mutex<HashMap<Counted, Bucket>>,
    /// Counts the records of streams that place them evenly.
    turn: AtomicUsize,
    pub(super) subscriptions: Subscriptions,
}

/// What a bucket is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Counted {
    Call(&'static str),
    Shard(StreamId, ShardId, Flow),
}

/// What flows through a shard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Flow {
    BytesIn,
    RecordsIn,
    BytesOut,
    GetRecords,
    GetShardIterator,
    FanOut(String),
}

/// A token bucket that holds what a second brings.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    rate: f64,
    level: f64,
    at: Timestamp,
}

impl Bucket {
    fn new(rate: f64, now: Timestamp) -> Self {
        Self { rate, level: rate, at: now }
    }

    fn refill(&mut self, now: Timestamp) {
        let seconds = (now.millis() - self.at.millis()).max(0) as f64 / 1000.0;
        self.level = (self.level + self.rate * seconds).min(self.rate);
        self.at = now;
    }

    /// Takes `amount` if it is there. More than a second's worth is taken from a full bucket, which then owes it.
    fn take(&mut self, amount: f64, now: Timestamp) -> bool {
        self.refill(now);
        let taken = self.level >= amount.min(self.rate);
        if taken {
            self.level -= amount;
        }
        taken
    }
}

/// How often an operation may be called by an account, a second.
const CALLS: [(&str, f64); 32] = [
    ("AddTagsToStream", 5.0),
    ("CreateStream", 5.0),
    ("DecreaseStreamRetentionPeriod", 5.0),
    ("DeleteResourcePolicy", 5.0),
    ("DeleteStream", 5.0),
    ("DeregisterStreamConsumer", 5.0),
    ("DescribeAccountSettings", 5.0),
    ("DescribeLimits", 1.0),
    ("DescribeStream", 10.0),
    ("DescribeStreamConsumer", 20.0),
    ("DescribeStreamSummary", 20.0),
    ("DisableEnhancedMonitoring", 5.0),
    ("EnableEnhancedMonitoring", 5.0),
    ("GetResourcePolicy", 5.0),
    ("IncreaseStreamRetentionPeriod", 5.0),
    ("ListShards", 1000.0),
    ("ListStreamConsumers", 5.0),
    ("ListStreams", 5.0),
    ("ListTagsForResource", 5.0),
    ("ListTagsForStream", 5.0),
    ("MergeShards", 5.0),
    ("PutResourcePolicy", 5.0),
    ("RegisterStreamConsumer", 5.0),
    ("RemoveTagsFromStream", 5.0),
    ("SplitShard", 5.0),
    ("StartStreamEncryption", 5.0),
    ("StopStreamEncryption", 5.0),
    ("TagResource", 5.0),
    ("UntagResource", 5.0),
    ("UpdateAccountSettings", 5.0),
    ("UpdateShardCount", 10.0),
    ("UpdateStreamMode", 5.0),
];

impl Front {
    /// Counts nothing yet; enforces rates if `enforced`.
    pub fn new(enforced: bool) -> Self {
        Self { enforced, buckets: Mutex::default(), turn: AtomicUsize::new(0), subscriptions: Subscriptions::default() }
    }

    /// Whether AWS' limits are enforced.
    pub(super) fn enforces_limits(&self) -> bool {
        self.enforced
    }

    /// The turn of the next record that any shard may take.
    pub(super) fn next_turn(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts a call of the operation `name`.
    pub(super) fn count_call(&self, name: &str, now: Timestamp) -> Result<()> {
        let Some((name, rate)) = CALLS.iter().find(|(limited, _)| *limited == name) else { return Ok(()) };
        if self.take(Counted::Call(name), *rate, 1.0, now) {
            return Ok(());
        }
        Err(AwsError::limit(format!("Rate exceeded for {name}: {rate} calls a second and account.")))
    }

    /// Counts a record on its way into a shard; false if the shard takes it not now.
    pub(super) fn takes_record(&self, stream: &Stream, shard: ShardId, bytes: usize, now: Timestamp) -> bool {
        let counted = |flow| Counted::Shard(stream.id().clone(), shard, flow);
        !self.enforced
            || self.take(counted(Flow::RecordsIn), WRITE_RECORDS, 1.0, now)
                && self.take(counted(Flow::BytesIn), WRITE_BYTES, bytes as f64, now)
    }

    /// Counts a call of GetShardIterator.
    pub(super) fn count_iterator(&self, stream: &Stream, shard: ShardId, now: Timestamp) -> Result<()> {
        let counted = Counted::Shard(stream.id().clone(), shard, Flow::GetShardIterator);
        if self.take(counted, READ_CALLS, 1.0, now) { Ok(()) } else { Err(exceeded(stream, shard)) }
    }

    /// Counts a call of GetRecords, which reads nothing while the shard has given too much.
    pub(super) fn count_read(&self, stream: &Stream, shard: ShardId, now: Timestamp) -> Result<()> {
        let counted = |flow| Counted::Shard(stream.id().clone(), shard, flow);
        let granted = self.take(counted(Flow::GetRecords), READ_CALLS, 1.0, now)
            && self.take(counted(Flow::BytesOut), READ_BYTES, 1.0, now);
        if granted { Ok(()) } else { Err(exceeded(stream, shard)) }
    }

    /// Notes what GetRecords has read.
    pub(super) fn note_read(&self, stream: &Stream, shard: ShardId, bytes: usize, now: Timestamp) {
        self.owe(Counted::Shard(stream.id().clone(), shard, Flow::BytesOut), bytes, now);
    }

    /// Notes what a consumer was pushed. Returns the seconds until it may be pushed more.
    pub(super) fn note_push(
        &self,
        stream: &Stream,
        shard: ShardId,
        consumer: &str,
        bytes: usize,
        now: Timestamp,
    ) -> f64 {
        self.owe(Counted::Shard(stream.id().clone(), shard, Flow::FanOut(consumer.to_owned())), bytes, now)
    }

    fn take(&self, counted: Counted, rate: f64, amount: f64, now: Timestamp) -> bool {
        !self.enforced || self.with(counted, rate, now, |bucket| bucket.take(amount, now))
    }

    fn owe(&self, counted: Counted, bytes: usize, now: Timestamp) -> f64 {
        if !self.enforced {
            return 0.0;
        }
        self.with(counted, READ_BYTES, now, |bucket| {
            bucket.refill(now);
            bucket.level -= bytes as f64;
            (-bucket.level / bucket.rate).max(0.0)
        })
    }

    fn with<T>(&self, counted: Counted, rate: f64, now: Timestamp, work: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MANY {
            buckets.retain(|_, bucket| {
                bucket.refill(now);
                bucket.level < bucket.rate
            });
        }
        work(buckets.entry(counted).or_insert_with(|| Bucket::new(rate, now)))
    }
}

/// What a client is told when a shard gives or takes no more now.
pub(super) const EXCEEDED: &str = "ProvisionedThroughputExceededException";

/// The message of it.
pub(super) fn rate_exceeded(stream: &Stream, shard: ShardId) -> String {
    format!("Rate exceeded for shard {shard} in stream {}.", stream.name())
}

fn exceeded(stream: &Stream, shard: ShardId) -> AwsError {
    AwsError::new(EXCEEDED, rate_exceeded(stream, shard))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_a_second_s_worth_and_owes_what_is_more() {
        let at = Timestamp::from_millis;
        let mut bucket = Bucket::new(10.0, at(0));
        assert!((0..10).all(|_| bucket.take(1.0, at(0))));
        assert!(!bucket.take(1.0, at(0)));
        assert!(bucket.take(1.0, at(100)));
        assert!(bucket.take(50.0, at(2000)), "a full bucket gives what is asked");
        assert!(!bucket.take(1.0, at(5000)));
        assert!(bucket.take(1.0, at(6200)));
    }
}
