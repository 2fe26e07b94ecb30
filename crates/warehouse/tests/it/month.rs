//! A month of a trickle of records, simulated fast: files stay few by themselves, and nothing is lost over it.
//!
//! `TIDEMILL_DAYS=n` makes it shorter.

use std::time::Duration;

use crate::world::World;

const DAYS: u64 = 30;
/// Five a second.
const RECORDS_A_MINUTE: u64 = 300;
/// More files than this would slow queries down.
const FEW: usize = 60;

#[tokio::test]
#[ignore = "takes minutes; `make simulate` runs it"]
async fn a_month_of_a_trickle_leaves_few_files() {
    let mut world = World::new().await;
    world.flush_interval = Duration::from_millis(1);
    let mut process = world.start().await.unwrap();
    let views = "
CREATE EXTERNAL SCHEMA e FROM KINESIS IAM_ROLE default;
CREATE MATERIALIZED VIEW plain SORTKEY(arrival) AS SELECT approximate_arrival_timestamp AS arrival,
  from_varbyte(kinesis_data, 'utf-8')::bigint AS number FROM e.s;
CREATE MATERIALIZED VIEW grouped AS SELECT partition_key AS key, count(*) AS n FROM e.s GROUP BY 1";
    process.sql(views).await.unwrap();
    let days = std::env::var("TIDEMILL_DAYS").map_or(DAYS, |days| days.parse().expect("a number of days"));
    let (minutes, mut most) = (days * 24 * 60, 0);
    for minute in 0..minutes {
        let first = minute * RECORDS_A_MINUTE;
        let record = |number: u64| (format!("k{}", number % 10), number.to_string());
        process.put(&(first..first + RECORDS_A_MINUTE).map(record).collect::<Vec<_>>()).await.unwrap();
        process.sql("REFRESH MATERIALIZED VIEW plain; REFRESH MATERIALIZED VIEW grouped; ANALYZE").await.unwrap();
        world.clock.advance(Duration::from_secs(60));
        most = most.max(files(&world, "plain")).max(files(&world, "grouped"));
    }
    let count = minutes * RECORDS_A_MINUTE;
    let whole = "SELECT count(*), count(DISTINCT number), min(number), max(number) FROM plain";
    let wanted = [count, count, 0, count - 1].map(|number| number.to_string());
    assert_eq!(process.sql(whole).await.unwrap(), [wanted]);
    assert_eq!(process.sql("SELECT sum(n), count(*) FROM grouped").await.unwrap(), [[count.to_string(), "10".into()]]);
    assert!(most <= FEW, "there were {most} files of one view");
}

/// The data files of a view.
fn files(world: &World, view: &str) -> usize {
    let within = format!("/public/{view}/");
    world.disk.files().iter().filter(|path| path.display().to_string().contains(&within)).count()
}
