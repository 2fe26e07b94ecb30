//! Streams on a simulated disk, and the model that they are compared with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};
use tidemill_clock::{ManualClock, SimulatedDisk, SystemRandom, Timestamp};
use tidemill_stream::{
    Batch, Machine, Mode, ReadLimit, Result, Settings, ShardId, Stream, StreamError, Streams, hash_key,
};

use crate::harness::name;

/// A machine whose disk can fail and whose clock stands still.
pub struct Simulation {
    pub disk: SimulatedDisk,
    pub clock: Arc<ManualClock>,
    control: SqlitePool,
}

impl Simulation {
    pub async fn new() -> Self {
        let options = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false);
        Self {
            disk: SimulatedDisk::default(),
            clock: Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000))),
            control: options.connect("sqlite::memory:").await.unwrap(),
        }
    }

    pub async fn open(&self) -> Result<Arc<Streams>> {
        let machine = Machine {
            clock: Arc::clone(&self.clock) as Arc<_>,
            disk: Arc::new(self.disk.clone()),
            random: Arc::new(SystemRandom),
        };
        let streams = Streams::open(self.control.clone(), "/streams".into(), machine, Duration::ZERO).await?;
        streams.start();
        Ok(streams)
    }

    /// Opens the streams; there is one after the first time.
    pub async fn open_stream(&self, shards: u32) -> Result<(Arc<Streams>, Arc<Stream>)> {
        let streams = self.open().await?;
        let stream = match streams.get(&name()) {
            Ok(stream) => stream,
            Err(_) => streams.create(name(), Settings::of(Mode::Provisioned), shards).await?,
        };
        Ok((streams, stream))
    }

    /// The disk loses its power now; `survives` decides about what was not synced.
    pub fn lose_power(&mut self, survives: impl FnMut() -> bool) {
        self.disk = self.disk.after_power_loss(survives);
    }
}

/// A record that was acknowledged.
#[derive(Clone, PartialEq, Eq)]
pub struct Known {
    pub key: String,
    pub data: Vec<u8>,
    pub arrival: Timestamp,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let head = &self.data[..self.data.len().min(4)];
        write!(f, "{} {head:?}+{} at {}", self.key, self.data.len() - head.len(), self.arrival.millis())
    }
}

/// Everything that was acknowledged, by shard and ordinal.
#[derive(Debug, Default)]
pub struct Model {
    pub records: BTreeMap<(ShardId, u64), Known>,
}

impl Model {
    /// Puts records by key, and remembers them if that is acknowledged.
    pub async fn put(&mut self, stream: &Stream, records: &[(String, Vec<u8>)]) -> Result<()> {
        let placed = stream.place(|shards, batch: &mut Batch| {
            let place = |(key, data): &(String, Vec<u8>)| {
                let shard = shards.of_hash(hash_key(key.as_bytes()));
                assert!(shards.get(shard).unwrap().range.contains(hash_key(key.as_bytes())));
                (shard, batch.push(shard, key, data))
            };
            Ok::<_, StreamError>(records.iter().map(place).collect::<Vec<_>>())
        });
        let placed = placed.await?;
        for ((shard, place), (key, data)) in placed.filled.iter().zip(records) {
            let ordinal = placed.appended.first_ordinal(*shard).unwrap() + u64::from(*place);
            let known = Known { key: key.clone(), data: data.clone(), arrival: placed.appended.arrival };
            assert!(self.records.insert((*shard, ordinal), known).is_none(), "an ordinal was given twice");
        }
        Ok(())
    }

    /// Compares what the stream gives with what was acknowledged and is not too old.
    pub async fn check(&self, stream: &Stream) {
        let shards = stream.shards();
        let horizon = stream.horizon();
        let kept: BTreeMap<_, _> = self.records.iter().filter(|(_, known)| known.arrival >= horizon).collect();
        assert!(kept.keys().all(|(shard, _)| shards.get(*shard).is_some()), "a shard went before its records");
        let mut seen = BTreeMap::new();
        for shard in shards.iter() {
            let mut next = 1;
            loop {
                let read = stream.read(shard.id, next, ReadLimit { records: 7, bytes: 1 << 20 }).await.unwrap();
                for run in &read.runs {
                    for record in run.records() {
                        let (key, data) = (record.partition_key().to_owned(), record.data.to_vec());
                        let before = seen.insert((shard.id, record.ordinal), Known { key, data, arrival: run.arrival });
                        assert!(before.is_none(), "a record was read twice");
                    }
                }
                next = read.next;
                if read.at_tip {
                    break;
                }
            }
        }
        assert_eq!(seen.iter().collect::<BTreeMap<_, _>>(), kept);
    }
}
