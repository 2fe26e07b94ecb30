//! Subscriptions at work: one for each consumer and shard.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_clock::Timestamp;
use tidemill_stream::{ShardId, StreamConsumer, StreamId};
use tokio_util::sync::CancellationToken;

/// A subscription is not replaced while it is younger than this (Kinesis: five seconds).
const SETTLED: Duration = Duration::from_secs(5);

/// Who is subscribed to what.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    /// Held for look-ups and single changes only.
    current: Mutex<HashMap<Key, Subscription>>,
}

type Key = (StreamId, String, Timestamp, ShardId);

#[derive(Debug)]
struct Subscription {
    since: Timestamp,
    end: CancellationToken,
}

impl Subscriptions {
    /// Subscribes a consumer to a shard, in place of an earlier subscription. None if that is too young.
    pub(super) fn begin(&self, consumer: &StreamConsumer, shard: ShardId, now: Timestamp) -> Option<CancellationToken> {
        let key = (consumer.stream.clone(), consumer.name.clone(), consumer.created, shard);
        let mut current = self.lock();
        current.retain(|_, known| known.since > now.minus(SETTLED) || !known.end.is_cancelled());
        if let Some(known) = current.get(&key) {
            if known.since > now.minus(SETTLED) {
                return None;
            }
            known.end.cancel();
        }
        let end = CancellationToken::new();
        current.insert(key, Subscription { since: now, end: end.clone() });
        Some(end)
    }

    /// Ends all subscriptions of a consumer.
    pub(super) fn end_all(&self, stream: &StreamId, consumer: &StreamConsumer) {
        self.lock().retain(|(id, name, ..), known| {
            let own = id == stream && *name == consumer.name;
            if own {
                known.end.cancel();
            }
            !own
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Subscription>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
