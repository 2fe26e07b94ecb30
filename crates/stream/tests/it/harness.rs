//! A set of streams in a temporary directory that can be closed and opened again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tempfile::TempDir;
use tidemill_clock::{ManualClock, SystemDisk, SystemRandom, Timestamp};
use tidemill_stream::{Batch, Machine, ReadLimit, Result, ShardId, Stream, StreamName, Streams};

pub struct Home {
    dir: TempDir,
    pub clock: Arc<ManualClock>,
}

impl Home {
    pub fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        Self { dir: TempDir::new().unwrap(), clock }
    }

    /// The directory that an older version left.
    pub fn of_fixture(fixture: &str) -> Self {
        let home = Self::new();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(fixture);
        copy(&from, home.dir.path());
        home
    }

    pub async fn open(&self) -> Result<Arc<Streams>> {
        self.open_with(Duration::ZERO).await
    }

    pub async fn open_with(&self, transition: Duration) -> Result<Arc<Streams>> {
        let options = SqliteConnectOptions::new().filename(self.dir.path().join("control")).create_if_missing(true);
        let control = SqlitePool::connect_with(options).await?;
        let clock = Arc::clone(&self.clock) as Arc<_>;
        let machine = Machine { clock, disk: Arc::new(SystemDisk), random: Arc::new(SystemRandom) };
        let streams = Streams::open(control, self.dir.path().join("streams"), machine, transition).await?;
        streams.start();
        Ok(streams)
    }

    /// The log files of the only stream, oldest first.
    pub fn files(&self, extension: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for stream in std::fs::read_dir(self.dir.path().join("streams")).unwrap() {
            files.extend(std::fs::read_dir(stream.unwrap().path()).unwrap().map(|entry| entry.unwrap().path()));
        }
        files.retain(|path| path.extension().is_some_and(|found| found == extension));
        files.sort();
        files
    }
}

/// The name of the stream of most tests.
pub fn name() -> StreamName {
    StreamName::parse("s").unwrap()
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap().path();
        let target = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry, &target);
        } else {
            std::fs::copy(&entry, &target).unwrap();
        }
    }
}

pub async fn put(stream: &Stream, data: &[&[u8]]) -> Result<tidemill_stream::Appended> {
    let mut batch = Batch::default();
    for data in data {
        batch.push(ShardId(0), "key", data);
    }
    stream.append(batch).await
}

/// All records of shard 0.
pub async fn all(stream: &Stream) -> Result<Vec<(u64, Vec<u8>)>> {
    let (mut records, mut next) = (Vec::new(), 1);
    loop {
        let read = stream.read(ShardId(0), next, ReadLimit::default()).await?;
        for run in &read.runs {
            records.extend(run.records().map(|record| (record.ordinal, record.data.to_vec())));
        }
        next = read.next;
        if read.at_tip {
            return Ok(records);
        }
    }
}
