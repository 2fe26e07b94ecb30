//! Any history of puts, reshards, refreshes, flushes, compactions, failing disks and losses of power, decided by a seed: a
//! refreshed view equals the same SELECT over all records of the stream, nothing that a refresh has shown ever vanishes, and no
//! row is there twice.
//!
//! `TIDEMILL_SEED=n` replays one seed, `TIDEMILL_SEEDS=n` runs so many.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tidemill_clock::Fault;
use tidemill_warehouse::RefreshLimits;

use crate::world::{Kept, Process, World};

/// Seeds of an ordinary run.
const SEEDS: u64 = 500;
/// Steps of a history.
const STEPS: usize = 14;

const VIEWS: &str = "
CREATE EXTERNAL SCHEMA e FROM KINESIS IAM_ROLE default;
CREATE MATERIALIZED VIEW plain SORTKEY(key) AS
  SELECT partition_key AS key, sequence_number AS number, from_varbyte(kinesis_data, 'utf-8') AS data FROM e.s;
CREATE MATERIALIZED VIEW grouped AS SELECT partition_key AS key, count(*) AS n, max(sequence_number) AS last FROM e.s GROUP BY 1;
CREATE MATERIALIZED VIEW parsed AS SELECT sequence_number AS number, from_varbyte(kinesis_data, 'utf-8')::int AS n FROM e.s;
CREATE MATERIALIZED VIEW picked AS SELECT sequence_number AS number FROM e.s WHERE partition_key = 'k0';
CREATE MATERIALIZED VIEW filtered AS SELECT number, data FROM plain WHERE key <> 'k0';
CREATE MATERIALIZED VIEW live AUTO REFRESH YES AS SELECT key, count(*) AS n, max(number) AS last FROM plain GROUP BY key";

/// One history.
struct History {
    world: World,
    random: StdRng,
    next_record: u64,
    acknowledged: BTreeSet<String>,
    /// What successful refreshes of `plain` and `grouped` have shown.
    shown: BTreeSet<Kept>,
    counted: BTreeMap<String, u64>,
}

#[test]
fn a_refreshed_view_equals_its_query_whatever_fails() {
    if let Ok(seed) = std::env::var("TIDEMILL_SEED") {
        return run(seed.parse().expect("a seed"));
    }
    let seeds = std::env::var("TIDEMILL_SEEDS").map_or(SEEDS, |seeds| seeds.parse().expect("a number of seeds"));
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let seed = next.fetch_add(1, Ordering::Relaxed)
                    && seed < seeds
                {
                    run(seed);
                }
            });
        }
    });
}

fn run(seed: u64) {
    struct Teller(u64);
    impl Drop for Teller {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("replay it with TIDEMILL_SEED={}", self.0);
            }
        }
    }
    let _teller = Teller(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut random = StdRng::seed_from_u64(seed);
        let mut world = World::new().await;
        if random.random() {
            // So little that most refreshes write files before they end, and publish more than once.
            world.limits = RefreshLimits { rows: 100, letters: 20 };
        }
        let (acknowledged, shown, counted) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        History { world, random, next_record: 0, acknowledged, shown, counted }.run().await;
    });
}

impl History {
    async fn run(mut self) {
        let mut process = self.start().await.unwrap();
        process.sql(VIEWS).await.unwrap();
        for _ in 0..STEPS {
            if self.random.random_bool(0.3) {
                let at = self.world.disk.operations() + self.random.random_range(0..14);
                let (torn, lasting) = (self.random.random(), self.random.random_bool(0.7));
                self.world.disk.set_fault(Some(Fault { at, torn, lasting }));
                self.tell(|| format!("the disk will fail at {at}, lasting {lasting}"));
            }
            self.step(&mut process).await;
            if self.random.random_bool(0.25) {
                process = self.lose_power(process).await;
            }
            self.check(&mut process).await;
        }
        process = self.lose_power(process).await;
        self.check(&mut process).await;
        process.sql("REFRESH MATERIALIZED VIEW plain; REFRESH MATERIALIZED VIEW grouped").await.unwrap();
        self.shown = rows(&mut process).await;
        assert_eq!(self.shown, process.records().await.into_iter().collect());
        process.sql("REFRESH MATERIALIZED VIEW picked").await.unwrap();
        let picked = process.sql("SELECT number FROM picked ORDER BY 1").await.unwrap().concat();
        let is_picked = |row: &&Kept| row.key == "k0";
        let mut wanted: Vec<String> =
            self.shown.iter().filter(is_picked).map(|row| row.sequence_number.clone()).collect();
        wanted.sort();
        assert_eq!(picked, wanted);
        process.sql("REFRESH MATERIALIZED VIEW filtered CASCADE").await.unwrap();
        let filtered = process.sql("SELECT number FROM filtered ORDER BY 1").await.unwrap().concat();
        let wanted: Vec<String> =
            self.shown.iter().filter(|row| row.key != "k0").map(|row| row.sequence_number.clone()).collect();
        assert_eq!(filtered, wanted);
        assert_eq!(groups(&mut process, "grouped").await, groups_of(&self.shown));
    }

    /// Starts the process. Records of which no row can be made are to be set aside.
    async fn start(&self) -> Result<Process, Box<dyn std::error::Error>> {
        let mut process = self.world.start().await?;
        process.sql("SET streaming_error_mode TO skip").await?;
        Ok(process)
    }

    /// Runs statements; tells of them when one seed is replayed.
    async fn sql(&self, process: &mut Process, text: &str) -> bool {
        let done = process.sql(text).await;
        self.tell(|| format!("{text}: {}", done.as_ref().map_or_else(ToString::to_string, |_| "done".into())));
        done.is_ok()
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if std::env::var_os("TIDEMILL_SEED").is_some() {
            eprintln!("{:>4} {}", self.world.disk.operations(), what());
        }
    }

    async fn step(&mut self, process: &mut Process) {
        self.world.clock.advance(std::time::Duration::from_millis(self.random.random_range(0..1000)));
        match self.random.random_range(0..13) {
            0..=3 => {
                let count = self.random.random_range(1..30);
                let records: Vec<_> = (0..count).map(|_| self.record()).collect();
                let put = process.put(&records).await;
                self.tell(|| format!("put {count}: {:?}", put.as_ref().map(|_| "done")));
                self.acknowledged.extend(put.unwrap_or_default());
            }
            4 => {
                let target = self.random.random_range(1..5);
                // It may be refused, or the disk may fail.
                let rescaled = process.streams.rescale(&process.stream, target, false).await;
                self.tell(|| format!("rescale to {target}: {rescaled:?}"));
            }
            5 | 6 => {
                if self.sql(process, "REFRESH MATERIALIZED VIEW plain").await {
                    self.shown = rows(process).await;
                    assert_eq!(self.shown, process.records().await.into_iter().collect(), "a refresh is not complete");
                }
            }
            7 => {
                if self.sql(process, "REFRESH MATERIALIZED VIEW grouped").await {
                    self.counted = groups(process, "grouped").await.into_iter().map(|(key, (n, _))| (key, n)).collect();
                    let all: BTreeSet<Kept> = process.records().await.into_iter().collect();
                    assert_eq!(groups(process, "grouped").await, groups_of(&all), "a refresh is not complete");
                }
            }
            8 => {
                let cascade = self.random.random();
                let refresh = format!("REFRESH MATERIALIZED VIEW filtered{}", if cascade { " CASCADE" } else { "" });
                if self.sql(process, &refresh).await {
                    let rows = rows(process).await;
                    if cascade {
                        assert_eq!(rows, process.records().await.into_iter().collect(), "a cascade is not complete");
                        self.shown.clone_from(&rows);
                    }
                    let filtered = process.sql("SELECT number FROM filtered ORDER BY 1").await.unwrap().concat();
                    let wanted: Vec<String> =
                        rows.iter().filter(|row| row.key != "k0").map(|row| row.sequence_number.clone()).collect();
                    assert_eq!(filtered, wanted);
                }
            }
            9 => drop(self.sql(process, "ANALYZE").await),
            10 => drop(self.sql(process, "REFRESH MATERIALIZED VIEW live; REFRESH MATERIALIZED VIEW picked").await),
            11 => {
                if self.sql(process, "REFRESH MATERIALIZED VIEW parsed").await {
                    let (rows, letters) = parsed(process).await;
                    let all = process.records().await.into_iter().map(|record| record.sequence_number).collect();
                    assert_eq!(&rows | &letters, all, "a record is neither in the view nor set aside");
                }
            }
            _ => drop(self.sql(process, "VACUUM").await),
        }
    }

    fn record(&mut self) -> (String, String) {
        self.next_record += 1;
        let is_bad = self.random.random_bool(0.1);
        let data = if is_bad { format!("bad {}", self.next_record) } else { self.next_record.to_string() };
        (format!("k{}", self.random.random_range(0..10)), data)
    }

    /// The process ends, the disk loses what it may lose, and a new process starts; the disk may fail once while it does.
    async fn lose_power(&mut self, process: Process) -> Process {
        drop(process);
        self.tell(|| "the power is lost".into());
        loop {
            let random = &mut self.random;
            self.world.lose_power(|| random.random());
            if random.random_bool(0.2) {
                let at = random.random_range(0..10);
                self.world.disk.set_fault(Some(Fault { at, torn: random.random(), lasting: true }));
            }
            let started = self.start().await;
            self.world.disk.set_fault(None);
            if let Ok(process) = started {
                return process;
            }
        }
    }

    /// What always holds.
    async fn check(&mut self, process: &mut Process) {
        let all: BTreeSet<Kept> = process.records().await.into_iter().collect();
        let numbers: BTreeSet<&str> = all.iter().map(|record| record.sequence_number.as_str()).collect();
        assert!(self.acknowledged.iter().all(|number| numbers.contains(number.as_str())), "a record was lost");
        let rows = rows(process).await;
        assert!(rows.is_subset(&all), "a row of no record");
        assert!(rows.is_superset(&self.shown), "refreshed rows have vanished");
        let counts = groups(process, "grouped").await;
        let of_all = groups_of(&all);
        for (key, (n, _)) in &counts {
            assert!(*n <= of_all[key].0, "a record was counted twice");
        }
        for (key, n) in &self.counted {
            assert!(counts[key].0 >= *n, "a refreshed count has shrunk");
        }
        assert_eq!(groups(process, "live").await, groups_of(&rows), "a live view differs from what it reads");
        let (parsed, letters) = parsed(process).await;
        assert!(parsed.is_disjoint(&letters), "a record is in the view and set aside");
        assert!((&parsed | &letters).iter().all(|number| numbers.contains(number.as_str())), "a row of no record");
    }
}

/// The sequence numbers of the rows of `parsed`, and of the records that it has set aside.
async fn parsed(process: &mut Process) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut distinct = async |query: &str| {
        let numbers = process.sql(query).await.unwrap().concat();
        let distinct: BTreeSet<String> = numbers.iter().cloned().collect();
        assert_eq!(distinct.len(), numbers.len(), "a record is there twice");
        distinct
    };
    let rows = distinct("SELECT number FROM parsed").await;
    let letters = distinct("SELECT sequence_number FROM tidemill_dead_letters").await;
    (rows, letters)
}

/// The rows of `plain`.
async fn rows(process: &mut Process) -> BTreeSet<Kept> {
    let rows = process.sql("SELECT key, number, data FROM plain").await.unwrap();
    let count = rows.len();
    let rows: BTreeSet<Kept> = rows
        .into_iter()
        .map(|row| Kept { key: row[0].clone(), sequence_number: row[1].clone(), data: row[2].clone() })
        .collect();
    assert_eq!(rows.len(), count, "a row is there twice");
    rows
}

type Groups = BTreeMap<String, (u64, String)>;

async fn groups(process: &mut Process, view: &str) -> Groups {
    let rows = process.sql(&format!("SELECT key, n, last FROM {view}")).await.unwrap();
    rows.into_iter().map(|row| (row[0].clone(), (row[1].parse().unwrap(), row[2].clone()))).collect()
}

fn groups_of(records: &BTreeSet<Kept>) -> Groups {
    let mut groups = Groups::new();
    for record in records {
        let (n, last) = groups.entry(record.key.clone()).or_default();
        *n += 1;
        last.clone_from(&record.sequence_number.clone().max(last.clone()));
    }
    groups
}
