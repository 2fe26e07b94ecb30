//! SubscribeToShard: enhanced fan-out. Records are pushed when they arrive, for five minutes.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream::unfold;
use serde::Deserialize;
use tidemill_stream::{Read, ReadLimit, RecordRun, SequenceNumber, Shard, Status, Stream, StreamError};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::get_records::{behind, cbor_size, json_size, write_cbor_records, write_json_records};
use super::members::{CONSUMER_ARN, DRY_RUN, POSITION_TYPES, SEQUENCE_NUMBER, SHARD_ID, STREAM_ID};
use super::place::Position;
use super::stream_ref::{ConsumerRef, children, from_stream, shard_of};
use crate::Api;
use crate::error::{AwsError, Result};
use crate::model::{Member, Shape};
use crate::operation::{Answer, Call, would_succeed};
use crate::protocol::{Time, Wire, cbor, events};

/// How long a subscription lasts.
const LIFETIME: Duration = Duration::from_secs(300);
/// An event without records is sent when there were none for so long, so that the client knows that it is connected.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// What one event holds at most.
const EVENT: ReadLimit = ReadLimit { records: 10_000, bytes: 1 << 20 };

const MEMBERS: &[Member] = &[
    CONSUMER_ARN.required(),
    STREAM_ID,
    SHARD_ID.required(),
    Member::new(
        "StartingPosition",
        Shape::Structure(&[
            Member::new("Type", POSITION_TYPES).required(),
            Member::new("SequenceNumber", SEQUENCE_NUMBER),
            Member::new("Timestamp", Shape::Time),
        ]),
    )
    .required(),
    DRY_RUN,
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    #[serde(rename = "ConsumerARN")]
    consumer_arn: String,
    shard_id: String,
    starting_position: StartingPosition,
    dry_run: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StartingPosition {
    r#type: String,
    sequence_number: Option<String>,
    timestamp: Option<Time>,
}

pub(super) async fn call(call: Call<'_>) -> Result<Answer> {
    let api = call.api;
    let request: Request = call.input.read(MEMBERS)?;
    api.authorize(&call.principal, "kinesis:SubscribeToShard", &request.consumer_arn).await?;
    let (stream, consumer) = ConsumerRef::of_arn(request.consumer_arn).find(api)?;
    let shard = shard_of(api, &stream, &request.shard_id)?;
    let from = &request.starting_position;
    let position =
        Position { kind: &from.r#type, sequence_number: from.sequence_number.as_deref(), time: from.timestamp };
    let next = position.ordinal(api, &stream, &shard).await?;
    if request.dry_run == Some(true) {
        return Err(would_succeed());
    }
    let now = api.clock.now();
    let ended = api.kinesis.subscriptions.begin(&consumer, shard.id, now).ok_or_else(|| {
        AwsError::new(
            "ResourceInUseException",
            format!("Another active subscription exists for this consumer: {} on shard {}.", consumer.name, shard.id),
        )
    })?;
    let subscription = Subscription {
        api: api.clone(),
        wire: call.wire,
        consumer: consumer.name,
        commits: stream.commits(),
        reshards: stream.reshards(),
        shard,
        next,
        stream,
        until: Instant::now() + LIFETIME,
        due: Instant::now(),
        ended,
        state: State::Beginning,
    };
    Ok(Answer::Events(Body::from_stream(subscription.events())))
}

/// A subscription at work.
struct Subscription {
    api: Api,
    wire: Wire,
    consumer: String,
    stream: Arc<Stream>,
    shard: Shard,
    /// The record to go on with.
    next: u64,
    commits: watch::Receiver<u64>,
    reshards: watch::Receiver<u64>,
    until: Instant,
    /// When an event is sent even if it has no records.
    due: Instant,
    /// Cancelled when another subscription takes this one's place.
    ended: CancellationToken,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Beginning,
    Going,
    Over,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

impl Subscription {
    /// The frames of the answer.
    fn events(self) -> impl futures::Stream<Item = Result<Bytes>> {
        unfold(self, |mut subscription| async move {
            let frame = subscription.frame().await?;
            Some((frame, subscription))
        })
    }

    /// The next frame; none at the end.
    async fn frame(&mut self) -> Option<Result<Bytes>> {
        match self.state {
            State::Beginning => {
                self.state = State::Going;
                let empty = if self.wire == Wire::Cbor { vec![0xa0] } else { b"{}".to_vec() };
                return Some(events::event(self.wire, "initial-response", empty));
            }
            State::Going => {}
            State::Over => return None,
        }
        let (until, ended) = (self.until, self.ended.clone());
        tokio::select! {
            biased;
            () = ended.cancelled() => None,
            event = self.event() => Some(event.or_else(|error| {
                self.state = State::Over;
                events::exception(self.wire, &error)
            })),
            () = tokio::time::sleep_until(until) => None,
        }
    }

    /// Waits for records, for the end of the shard, or until a sign of life is due, and writes the event.
    async fn event(&mut self) -> Result<Bytes> {
        loop {
            self.commits.mark_unchanged();
            self.reshards.mark_unchanged();
            let to_aws = |error| from_stream(&self.api, error);
            if self.stream.status() == Status::Deleting {
                return Err(to_aws(StreamError::NotFound(self.stream.name().clone())));
            }
            self.shard = self.stream.shard(self.shard.id).map_err(to_aws)?;
            let read = self.stream.read(self.shard.id, self.next, EVENT).await.map_err(to_aws)?;
            let over = read.is_over(&self.shard);
            if !read.runs.is_empty() || over || Instant::now() >= self.due {
                return self.write(&read, over).await;
            }
            tokio::select! {
                _ = self.commits.changed() => {}
                _ = self.reshards.changed() => {}
                () = tokio::time::sleep_until(self.due) => {}
            }
        }
    }

    async fn write(&mut self, read: &Read, over: bool) -> Result<Bytes> {
        let now = self.api.clock.now();
        let payload = match self.wire {
            Wire::Cbor => self.cbor(read, over, behind(read, now))?,
            Wire::Json | Wire::Query => self.json(read, over, behind(read, now))?,
        };
        self.next = read.next;
        self.due = Instant::now() + HEARTBEAT;
        if over {
            self.state = State::Over;
        }
        let bytes = read.runs.iter().map(RecordRun::payload).sum();
        let pause = self.api.kinesis.note_push(&self.stream, self.shard.id, &self.consumer, bytes, now);
        tokio::time::sleep(Duration::from_secs_f64(pause)).await;
        events::event(self.wire, "SubscribeToShardEvent", payload)
    }

    /// Where the next subscription goes on: after the last record read.
    fn continuation(&self, read: &Read) -> SequenceNumber {
        self.shard.sequence_number(read.next - 1)
    }

    fn is_encrypted(&self) -> bool {
        self.stream.settings().encryption_key.is_some()
    }

    fn json(&self, read: &Read, over: bool, behind: u64) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(json_size(&read.runs));
        out.extend_from_slice(format!(r#"{{"MillisBehindLatest":{behind}"#).as_bytes());
        if over {
            out.extend_from_slice(br#","ChildShards":"#);
            serde_json::to_writer(&mut out, &children(&self.stream, self.shard.id)).map_err(AwsError::internal)?;
        } else {
            let continuation = self.continuation(read);
            out.extend_from_slice(format!(r#","ContinuationSequenceNumber":"{continuation}""#).as_bytes());
        }
        out.extend_from_slice(br#","Records":"#);
        write_json_records(&mut out, &self.shard, &read.runs, self.is_encrypted())?;
        out.push(b'}');
        Ok(out)
    }

    fn cbor(&self, read: &Read, over: bool, behind: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(cbor_size(&read.runs));
        let mut out = cbor::Writer(&mut bytes);
        out.map(3);
        out.text(b"MillisBehindLatest");
        out.number(behind);
        if over {
            out.text(b"ChildShards");
            out.value(&children(&self.stream, self.shard.id))?;
        } else {
            out.text(b"ContinuationSequenceNumber");
            out.text(&self.continuation(read).digits());
        }
        out.text(b"Records");
        write_cbor_records(&mut out, &self.shard, &read.runs, self.is_encrypted());
        Ok(bytes)
    }
}
