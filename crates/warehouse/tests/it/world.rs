//! An account with one stream and one cluster, on a disk that fails and loses power.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::util::display::array_value_to_string;
use futures::TryStreamExt;
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};
use tempfile::TempDir;
use tidemill_clock::{Clock, ManualClock, SimulatedDisk, SystemRandom, Timestamp};
use tidemill_iam::{AccessKey, Account, Iam, NewPolicy, NewRole};
use tidemill_stream::{Batch, Machine, Mode, ReadLimit, Settings, Stream, StreamError, StreamName, Streams, hash_key};
use tidemill_warehouse::{
    Cluster, Clusters, Endpoints, NewCluster, Outcome, RefreshLimits, Roles, Session, SqlError, StorageSettings,
};

const ROLE: &str = "arn:aws:iam::000000000000:role/reader";

/// What outlives the process: the disk, the databases, the time.
pub struct World {
    pub disk: SimulatedDisk,
    pub clock: Arc<ManualClock>,
    /// How often hot rows are filed and files merged. Mostly never: whoever tests decides when.
    pub flush_interval: Duration,
    /// What a refresh may hold in memory.
    pub limits: RefreshLimits,
    control: SqlitePool,
    /// Holds the cluster's catalog; its data files are on the simulated disk.
    dir: TempDir,
}

/// The process.
pub struct Process {
    pub streams: Arc<Streams>,
    pub stream: Arc<Stream>,
    session: Session,
    _clusters: Arc<Clusters>,
}

/// A record as it is read back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    pub sequence_number: String,
    pub key: String,
    pub data: String,
}

struct NoEndpoints;

#[async_trait]
impl Endpoints for NoEndpoints {
    async fn open(&self, _: Arc<Cluster>, port: u16) -> std::io::Result<SocketAddr> {
        Ok(([127, 0, 0, 1], port).into())
    }

    async fn close(&self, _: SocketAddr) {}
}

impl World {
    pub async fn new() -> Self {
        let options = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let memory = PathBuf::from("/dev/shm");
        let dir = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        Self {
            disk: SimulatedDisk::default(),
            flush_interval: Duration::from_secs(1 << 30),
            limits: RefreshLimits::default(),
            clock: Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000))),
            control: options.connect("sqlite::memory:").await.unwrap(),
            dir: dir.unwrap(),
        }
    }

    /// The disk loses its power now; `survives` decides about what was not synced.
    pub fn lose_power(&mut self, survives: impl FnMut() -> bool) {
        self.disk = self.disk.after_power_loss(survives);
    }

    /// Starts the process. The first time, it makes the stream, the role and the cluster.
    pub async fn start(&self) -> Result<Process, Box<dyn std::error::Error>> {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let random = Arc::new(SystemRandom);
        let machine = Machine { clock: Arc::clone(&clock), disk: Arc::new(self.disk.clone()), random: random.clone() };
        let account = Account { id: "000000000000".into(), region: "us-east-1".into() };
        let key = AccessKey { id: "AKIDEXAMPLE".into(), secret: "secret".into() };
        let iam = Arc::new(Iam::open(self.control.clone(), account, key, clock, random).await?);
        let streams = Streams::open(self.control.clone(), "/streams".into(), machine.clone(), Duration::ZERO).await?;
        let storage =
            StorageSettings { history: Duration::ZERO, flush_interval: self.flush_interval, refresh: self.limits };
        let (dir, endpoints) = (self.dir.path().to_owned(), Arc::new(NoEndpoints));
        let open = Clusters::open(
            self.control.clone(),
            dir,
            Arc::clone(&iam),
            Arc::clone(&streams),
            storage,
            machine,
            endpoints,
        );
        let clusters = open.await?;
        streams.start();
        if clusters.list().is_empty() {
            make_role(&iam).await?;
            streams.create(StreamName::parse("s")?, Settings::of(Mode::Provisioned), 2).await?;
            clusters.create(cluster()).await?;
        }
        let stream = streams.get(&StreamName::parse("s")?)?;
        let session = clusters.cluster("c")?.session("admin", "dev")?;
        Ok(Process { streams, stream, session, _clusters: clusters })
    }
}

impl Process {
    /// Runs statements; the rows of the last one as texts.
    pub async fn sql(&mut self, text: &str) -> Result<Vec<Vec<String>>, SqlError> {
        let mut rows = Vec::new();
        for statement in self.session.parse(text)? {
            rows.clear();
            if let Outcome::Rows(stream) = self.session.execute(&statement, &[]).await? {
                for batch in stream.try_collect::<Vec<_>>().await? {
                    rows.extend((0..batch.num_rows()).map(|row| {
                        batch.columns().iter().map(|column| array_value_to_string(column, row).unwrap()).collect()
                    }));
                }
            }
        }
        Ok(rows)
    }

    /// Puts records of these keys and data. Returns their sequence numbers.
    pub async fn put(&self, records: &[(String, String)]) -> Result<Vec<String>, StreamError> {
        let placed = self.stream.place(|shards, batch: &mut Batch| {
            let place = |(key, data): &(String, String)| {
                let shard = shards.of_hash(hash_key(key.as_bytes()));
                (shard, batch.push(shard, key, data.as_bytes()))
            };
            Ok::<_, StreamError>(records.iter().map(place).collect::<Vec<_>>())
        });
        let placed = placed.await?;
        let number = |(shard, place)| placed.number(shard, place).unwrap().1.to_string();
        Ok(placed.filled.iter().copied().map(number).collect())
    }

    /// Every record that the stream holds.
    pub async fn records(&self) -> Vec<Kept> {
        let mut records = Vec::new();
        for shard in self.stream.shards().iter() {
            let mut next = 1;
            loop {
                let read = self.stream.read(shard.id, next, ReadLimit::default()).await.unwrap();
                for record in read.runs.iter().flat_map(|run| run.records()) {
                    records.push(Kept {
                        sequence_number: shard.sequence_number(record.ordinal).to_string(),
                        key: record.partition_key().to_owned(),
                        data: String::from_utf8(record.data.to_vec()).unwrap(),
                    });
                }
                next = read.next;
                if read.at_tip {
                    break;
                }
            }
        }
        records.sort();
        records
    }
}

async fn make_role(iam: &Iam) -> Result<(), Box<dyn std::error::Error>> {
    let allow = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kinesis:*","Resource":"*"}]}"#;
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"redshift.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let (path, description) = ("/".to_owned(), None);
    let policy = NewPolicy { name: "read".into(), path, description, document: allow.into() };
    let policy = iam.create_policy(policy).await?;
    let (path, description) = ("/".to_owned(), None);
    let role = NewRole { name: "reader".into(), path, description, trust: trust.into(), max_session: 3600 };
    iam.create_role(role).await?;
    iam.attach_role_policy("reader", &policy.arn).await?;
    Ok(())
}

fn cluster() -> NewCluster {
    NewCluster {
        name: "c".into(),
        node_type: "dc2.large".into(),
        nodes: 1,
        admin: "admin".into(),
        password: "Passw0rdOfMine".into(),
        port: 5439,
        roles: Roles { arns: vec![ROLE.into()], default: Some(ROLE.into()) },
    }
}
