//! Changes of a stream while it is used: its settings, its shards, its consumers.

use std::sync::Arc;
use std::time::Duration;

use tidemill_clock::Timestamp;

use crate::registry::to_the_end;
use crate::reshape::Reshape;
use crate::{
    Closed, Commitment, ConsumerSettings, Result, Settings, Shard, ShardId, ShardMap, Status, Stream, StreamConsumer,
    StreamError, Streams, scaling,
};

impl Streams {
    /// Changes the settings of an active stream; durable on return. `change` may refuse.
    pub async fn change<E: From<StreamError> + Send + 'static>(
        self: &Arc<Self>,
        stream: &Arc<Stream>,
        change: impl FnOnce(&mut Settings) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        let turn = Arc::clone(&stream.turn).lock_owned().await;
        must_be_active(stream)?;
        let mut settings = Settings::clone(&stream.settings());
        change(&mut settings)?;
        settings.trimmed = stream.horizon();
        let (streams, stream) = (Arc::clone(self), Arc::clone(stream));
        let changed = to_the_end(async move {
            let _turn = turn;
            streams.store.update(stream.id(), &settings).await?;
            let shortened = settings.retention < stream.settings().retention;
            stream.set_settings(settings);
            streams.show_update(&stream);
            if shortened {
                tokio::spawn(async move { streams.expire(&stream).await });
            }
            Ok(())
        });
        Ok(changed.await?)
    }

    /// Splits a shard in two, of which the second starts at the hash key `at`.
    pub async fn split(self: &Arc<Self>, stream: &Arc<Stream>, shard: ShardId, at: u128) -> Result<()> {
        self.reshard(stream, false, move |reshape| reshape.split(shard, at)).await
    }

    /// Merges two shards whose hash keys are neighbours.
    pub async fn merge(self: &Arc<Self>, stream: &Arc<Stream>, shard: ShardId, adjacent: ShardId) -> Result<()> {
        self.reshard(stream, false, move |reshape| reshape.merge(shard, adjacent)).await
    }

    /// Splits and merges until there are `count` even shards. `counted` notes it among the stream's rescalings.
    pub async fn rescale(self: &Arc<Self>, stream: &Arc<Stream>, count: u32, counted: bool) -> Result<()> {
        self.reshard(stream, counted, move |reshape| reshape.rescale(count)).await
    }

    /// Changes the shards of a stream: the old ones take no more records, then the database knows both, then the new
    /// ones take records.
    pub(crate) async fn reshard(
        self: &Arc<Self>,
        stream: &Arc<Stream>,
        counted: bool,
        plan: impl FnOnce(&mut Reshape) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let (streams, stream) = (Arc::clone(self), Arc::clone(stream));
        to_the_end(async move {
            let _turn = stream.turn.lock().await;
            must_be_active(&stream)?;
            let (shards, now) = (stream.shards(), streams.machine.clock.now());
            let mut reshape = Reshape::of(&shards, now);
            plan(&mut reshape)?;
            let mut settings = Settings::clone(&stream.settings());
            if counted {
                note_today(&mut settings.rescalings, now);
            }
            let ends = stream.log.close(reshape.close.clone()).await?;
            // Appends that were queued have arrived later than the plan was made.
            let at = |shard| stream.last_arrival(shard).unwrap_or(now).max(streams.machine.clock.now());
            let end = |(shard, end): (&ShardId, u64)| (*shard, Closed { at: at(*shard), end });
            let closed: Vec<_> = reshape.close.iter().zip(ends).map(end).collect();
            let created = reshape.created();
            if let Err(error) = streams.store.reshard(stream.id(), &settings, &closed, &created).await {
                stream.log.reopen(reshape.close).await?;
                stream.wake_placements();
                return Err(error);
            }
            stream.set_settings(settings);
            stream.set_shards(after(&shards, &closed, created));
            streams.show_update(&stream);
            Ok(())
        })
        .await
    }

    /// Brings an on-demand stream to the capacity that its settings and its peaks ask for.
    pub async fn scale_up(self: &Arc<Self>, stream: &Arc<Stream>) -> Result<()> {
        let wanted = scaling::wanted(&stream.settings());
        if stream.shards().open().len() as u32 >= wanted {
            return Ok(());
        }
        self.rescale(stream, wanted, false).await
    }

    /// What the account is committed to.
    pub fn commitment(&self) -> Commitment {
        self.read().commitment
    }

    /// Changes what the account is committed to; durable on return.
    pub async fn set_commitment(self: &Arc<Self>, commitment: Commitment) -> Result<()> {
        let streams = Arc::clone(self);
        to_the_end(async move {
            streams.store.set_commitment(&commitment).await?;
            streams.write().commitment = commitment;
            Ok(())
        })
        .await
    }

    /// Shows the stream as updating for the time that a transition takes.
    fn show_update(&self, stream: &Arc<Stream>) {
        if !self.transition.is_zero() {
            stream.set_status(Status::Updating);
            self.settle(stream);
        }
    }

    /// The consumers of a stream, by name.
    pub fn consumers_of(&self, stream: &Stream) -> Vec<StreamConsumer> {
        let now = self.machine.clock.now();
        let registered = self.read();
        let from = registered.consumers.range((stream.id().clone(), String::new())..);
        let own = from.take_while(|((id, _), _)| id == stream.id());
        own.map(|(_, consumer)| self.as_of(consumer, now)).collect()
    }

    /// The consumer called `name`.
    pub fn consumer(&self, stream: &Stream, name: &str) -> Result<StreamConsumer> {
        let now = self.machine.clock.now();
        let registered = self.read();
        let found = registered.consumers.get(&(stream.id().clone(), name.to_owned()));
        found.map(|consumer| self.as_of(consumer, now)).ok_or_else(|| StreamError::NoConsumer(name.to_owned()))
    }

    /// Registers a consumer; durable on return.
    pub async fn register(
        self: &Arc<Self>,
        stream: &Arc<Stream>,
        name: &str,
        settings: ConsumerSettings,
    ) -> Result<StreamConsumer> {
        let (streams, stream, name) = (Arc::clone(self), Arc::clone(stream), name.to_owned());
        to_the_end(async move {
            let _turn = stream.turn.lock().await;
            if streams.consumer(&stream, &name).is_ok() {
                return Err(StreamError::ConsumerExists(name));
            }
            let (id, created) = (stream.id().clone(), streams.machine.clock.now());
            let consumer = StreamConsumer { stream: id, name, created, status: Status::Active, settings };
            streams.put_consumer(&consumer).await?;
            Ok(streams.as_of(&consumer, created))
        })
        .await
    }

    /// Changes the settings of a consumer; durable on return. `change` may refuse.
    pub async fn change_consumer<E: From<StreamError> + Send + 'static>(
        self: &Arc<Self>,
        stream: &Arc<Stream>,
        name: &str,
        change: impl FnOnce(&mut ConsumerSettings) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        let turn = Arc::clone(&stream.turn).lock_owned().await;
        let mut consumer = self.consumer(stream, name)?;
        change(&mut consumer.settings)?;
        let streams = Arc::clone(self);
        let changed = to_the_end(async move {
            let _turn = turn;
            streams.put_consumer(&consumer).await
        });
        Ok(changed.await?)
    }

    /// Deregisters a consumer; durable on return.
    pub async fn deregister(self: &Arc<Self>, stream: &Arc<Stream>, name: &str) -> Result<()> {
        let (streams, stream, name) = (Arc::clone(self), Arc::clone(stream), name.to_owned());
        to_the_end(async move {
            let _turn = stream.turn.lock().await;
            streams.consumer(&stream, &name)?;
            streams.store.remove_consumer(stream.id(), &name).await?;
            streams.write().consumers.remove(&(stream.id().clone(), name));
            Ok(())
        })
        .await
    }

    async fn put_consumer(&self, consumer: &StreamConsumer) -> Result<()> {
        self.store.put_consumer(consumer).await?;
        let key = (consumer.stream.clone(), consumer.name.clone());
        self.write().consumers.insert(key, consumer.clone());
        Ok(())
    }

    /// A consumer with the status that it has at `now`.
    fn as_of(&self, consumer: &StreamConsumer, now: Timestamp) -> StreamConsumer {
        let young = consumer.created > now.minus(self.transition);
        let status = if young { Status::Creating } else { Status::Active };
        StreamConsumer { status, ..consumer.clone() }
    }
}

/// Adds `now` to times of which only those of the last day count.
pub(crate) fn note_today(times: &mut Vec<Timestamp>, now: Timestamp) {
    times.retain(|time| *time > now.minus(Duration::from_secs(24 * 3600)));
    times.push(now);
}

fn must_be_active(stream: &Stream) -> Result<()> {
    match stream.status() {
        Status::Active => Ok(()),
        status => Err(StreamError::NotActive(stream.name().clone(), status)),
    }
}

/// The shards after some were closed and others created.
fn after(shards: &ShardMap, closed: &[(ShardId, Closed)], created: Vec<Shard>) -> ShardMap {
    let close = |shard: &Shard| {
        let found = closed.iter().find(|(id, _)| *id == shard.id);
        Shard { closed: found.map(|(_, closed)| *closed).or(shard.closed), ..shard.clone() }
    };
    ShardMap::new(shards.iter().map(close).chain(created).collect())
}
