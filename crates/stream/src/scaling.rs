//! On-demand streams: splitting shards that are busy, merging when there has long been little to do.
//!
//! Kinesis: a stream takes up to twice the peak of its last 30 days, and never has fewer than four shards.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::{Mode, Rate, Result, Settings, ShardId, ShardMap, Stream, StreamId, Streams};

/// How often traffic is looked at.
const TICK: Duration = Duration::from_secs(60);
/// What one shard takes (Kinesis: 1 MiB and 1,000 records a second).
const SHARD: Rate = Rate { bytes: 1 << 20, records: 1000 };
/// A shard is split when it takes more than half of that.
const BUSY: Rate = Rate { bytes: SHARD.bytes / 2, records: SHARD.records / 2 };
/// The fewest shards of an on-demand stream.
const FEWEST: u32 = 4;
/// The most, unless the owner of an account asks AWS for more.
const MOST: u32 = 200;
/// Shards are merged when the newest of them is older than this.
const SETTLED: Duration = Duration::from_secs(24 * 3600);
/// Days whose peaks count.
const DAYS: i64 = 30;

/// What each shard had taken when it was looked at last.
#[derive(Debug, Default)]
struct Seen(HashMap<(StreamId, ShardId), Rate>);

/// Scales on-demand streams for as long as they live.
pub(crate) async fn scale_regularly(streams: Weak<Streams>) {
    let mut seen = Seen::default();
    let mut tick = tokio::time::interval(TICK);
    loop {
        tick.tick().await;
        let Some(streams) = streams.upgrade() else { return };
        let on_demand: Vec<_> = streams.list().into_iter().filter(|stream| stream.mode() == Mode::OnDemand).collect();
        let mut now_seen = Seen::default();
        for stream in on_demand {
            let rates = seen.rates(&stream, &mut now_seen);
            if let Err(error) = scale(&streams, &stream, &rates).await {
                tracing::warn!(stream = %stream.name(), %error, "the stream was not scaled");
            }
        }
        seen = now_seen;
    }
}

impl Seen {
    /// The traffic of each open shard since the last look, a second.
    fn rates(&self, stream: &Stream, next: &mut Self) -> Vec<(ShardId, Rate)> {
        let mut rates = Vec::new();
        for shard in stream.shards().open() {
            let (key, total) = ((stream.id().clone(), shard.id), stream.log.traffic(shard.id));
            if let Some(before) = self.0.get(&key) {
                let second = |total: u64, before: u64| total.saturating_sub(before) / TICK.as_secs();
                let (bytes, records) = (second(total.bytes, before.bytes), second(total.records, before.records));
                rates.push((shard.id, Rate { bytes, records }));
            }
            next.0.insert(key, total);
        }
        rates
    }
}

async fn scale(streams: &Arc<Streams>, stream: &Arc<Stream>, rates: &[(ShardId, Rate)]) -> Result<()> {
    let total = Rate {
        bytes: rates.iter().map(|(_, rate)| rate.bytes).sum(),
        records: rates.iter().map(|(_, rate)| rate.records).sum(),
    };
    note_peak(streams, stream, total).await?;
    let (shards, wanted) = (stream.shards(), wanted(&stream.settings()));
    let busy = busy_shards(&shards, rates);
    if !busy.is_empty() {
        tracing::info!(stream = %stream.name(), shards = busy.len(), "splitting busy shards");
        let split = move |reshape: &mut crate::reshape::Reshape| {
            busy.iter().try_for_each(|(shard, middle)| reshape.split(*shard, *middle))
        };
        return streams.reshard(stream, false, split).await;
    }
    let open = shards.open().len() as u32;
    let now = streams.machine.clock.now();
    let settled = shards.open().all(|shard| shard.created < now.minus(SETTLED));
    if open < wanted || (settled && open / 2 >= wanted) {
        tracing::info!(stream = %stream.name(), from = open, to = wanted, "scaling to the stream's peak");
        return streams.rescale(stream, wanted, false).await;
    }
    Ok(())
}

/// The shards to split, and where: in the middle of their hash keys.
fn busy_shards(shards: &ShardMap, rates: &[(ShardId, Rate)]) -> Vec<(ShardId, u128)> {
    let busy = rates.iter().filter(|(_, rate)| rate.bytes > BUSY.bytes || rate.records > BUSY.records);
    let middle = |(id, _): &(ShardId, Rate)| {
        let range = shards.get(*id)?.range;
        (range.end - range.start > 4).then(|| (*id, range.start + (range.end - range.start) / 2 + 1))
    };
    let room = (MOST as usize).saturating_sub(shards.open().len());
    busy.filter_map(middle).take(room).collect()
}

/// How many shards the settings and the peaks of a stream ask for.
pub(crate) fn wanted(settings: &Settings) -> u32 {
    let peak = |of: fn(&Rate) -> u64| settings.peaks.values().map(of).max().unwrap_or(0) * 2;
    let shards = peak(|rate| rate.bytes).div_ceil(SHARD.bytes).max(peak(|rate| rate.records).div_ceil(SHARD.records));
    let warm = u64::from(settings.warm_mib);
    (shards.max(warm).min(u64::from(MOST)) as u32).max(FEWEST)
}

/// Remembers the busiest minute of the day.
async fn note_peak(streams: &Arc<Streams>, stream: &Arc<Stream>, rate: Rate) -> Result<()> {
    let today = streams.machine.clock.now().millis().div_euclid(24 * 3600 * 1000);
    let known = stream.settings().peaks.get(&today).copied().unwrap_or_default();
    let peak = Rate { bytes: rate.bytes.max(known.bytes), records: rate.records.max(known.records) };
    if peak == known {
        return Ok(());
    }
    let _turn = stream.turn.lock().await;
    let mut settings = Settings::clone(&stream.settings());
    settings.peaks.retain(|day, _| *day > today - DAYS);
    settings.peaks.insert(today, peak);
    streams.store.update(stream.id(), &settings).await?;
    stream.set_settings(settings);
    Ok(())
}

#[cfg(test)]
mod tests {
    use tidemill_clock::{SimulatedDisk, SystemRandom};

    use super::*;
    use crate::{Batch, Machine, StreamError, StreamName};

    #[tokio::test]
    async fn a_busy_shard_of_an_on_demand_stream_is_split() -> Result<()> {
        let control = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
        let machine =
            Machine { disk: Arc::new(SimulatedDisk::default()), random: Arc::new(SystemRandom), ..Machine::system() };
        let streams = Streams::open(control, "/streams".into(), machine, Duration::ZERO).await?;
        let stream = streams.create(StreamName::parse("s")?, Settings::of(Mode::OnDemand), 4).await?;
        let (mut first, mut second) = (Seen::default(), Seen::default());
        assert!(Seen::default().rates(&stream, &mut first).is_empty(), "one look tells no rate");
        for _ in 0..40 {
            let mut batch = Batch::default();
            batch.push(ShardId(2), "key", &[b'x'; 1 << 20]);
            stream.append(batch).await?;
        }
        scale(&streams, &stream, &first.rates(&stream, &mut second)).await?;
        assert_eq!(stream.shards().open().map(|shard| shard.id.0).collect::<Vec<_>>(), [0, 1, 4, 5, 3]);
        assert!(stream.settings().peaks.values().any(|peak| peak.bytes > 600_000));
        Ok::<(), StreamError>(())
    }

    #[test]
    fn the_peak_of_thirty_days_is_met_twice_over_and_four_shards_are_always_there() {
        let mut settings = Settings::of(Mode::OnDemand);
        assert_eq!(wanted(&settings), 4);
        settings.peaks.insert(1, Rate { bytes: 5 << 20, records: 100 });
        assert_eq!(wanted(&settings), 10);
        settings.peaks.insert(2, Rate { bytes: 0, records: 7_100 });
        assert_eq!(wanted(&settings), 15);
        settings.warm_mib = 40;
        assert_eq!(wanted(&settings), 40);
    }
}
