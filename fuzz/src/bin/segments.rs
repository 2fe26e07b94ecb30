//! Segments: whatever bytes a log consists of, it opens or says what is wrong, and goes on.
#![no_main]

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use sqlx::sqlite::SqlitePoolOptions;
use tidemill_clock::{Disk, ManualClock, SimulatedDisk, SystemRandom, Timestamp};
use tidemill_stream::{Batch, Machine, Mode, ReadLimit, Result, Settings, ShardId, StreamName, Streams};
use tokio::runtime::Runtime;

/// A control database that knows one stream, and the log of that stream with a few records.
struct Home {
    runtime: Runtime,
    control: sqlx::SqlitePool,
    segment: std::path::PathBuf,
    bytes: Vec<u8>,
}

static HOME: LazyLock<Home> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let made = runtime.block_on(async {
        let options = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let control = options.connect("sqlite::memory:").await?;
        let disk = SimulatedDisk::default();
        let streams = open(control.clone(), &disk).await?;
        let stream = streams.create(name(), Settings::of(Mode::Provisioned), 1).await?;
        for number in 0..3u8 {
            let mut batch = Batch::default();
            batch.push(ShardId(0), "key", &[number; 20]);
            stream.append(batch).await?;
        }
        let segment = disk.files().remove(0);
        let bytes = disk.contents(&segment);
        Ok::<_, tidemill_stream::StreamError>((control, segment, bytes))
    });
    let (control, segment, bytes) = made.expect("a log");
    Home { runtime, control, segment, bytes }
});

fn name() -> StreamName {
    StreamName::parse("s").expect("a name")
}

async fn open(control: sqlx::SqlitePool, disk: &SimulatedDisk) -> Result<Arc<Streams>> {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
    let machine = Machine { clock, disk: Arc::new(disk.clone()), random: Arc::new(SystemRandom) };
    Streams::open(control, "/streams".into(), machine, Duration::ZERO).await
}

// The first two bytes say where the rest is written over the good log.
fuzz_target!(|input: &[u8]| {
    let Some((place, over)) = input.split_first_chunk::<2>() else { return };
    let mut bytes = HOME.bytes.clone();
    let place = usize::from(u16::from_le_bytes(*place)) % bytes.len();
    bytes.truncate(bytes.len().max(place + over.len()));
    bytes.resize(bytes.len().max(place + over.len()), 0);
    bytes[place..place + over.len()].copy_from_slice(over);
    HOME.runtime.block_on(async {
        let disk = SimulatedDisk::default();
        let path: &Path = &HOME.segment;
        disk.create(path).expect("a file");
        disk.tamper(path, |content| *content = bytes);
        let Ok(streams) = open(HOME.control.clone(), &disk).await else { return };
        let stream = streams.get(&name()).expect("the stream");
        let read = stream.read(ShardId(0), 1, ReadLimit::default()).await.expect("what was recovered");
        let records =
            read.runs.iter().flat_map(|run| run.records().map(|record| record.data.len()).collect::<Vec<_>>());
        assert!(records.sum::<usize>() <= 1 << 20);
        let mut batch = Batch::default();
        batch.push(ShardId(0), "key", b"new");
        stream.append(batch).await.expect("a log that opens takes records");
    });
});
