//! Records go when their time is over, and their disk space with them.

use std::time::Duration;

use tidemill_clock::Clock;
use tidemill_stream::{Mode, Settings, ShardId, StreamName};

use crate::harness::{Home, all, put};

#[tokio::test]
async fn a_record_older_than_the_retention_is_not_read() {
    let home = Home::new();
    let streams = home.open().await.unwrap();
    let stream = streams.create(StreamName::parse("s").unwrap(), Settings::of(Mode::Provisioned), 1).await.unwrap();
    put(&stream, &[b"old"]).await.unwrap();
    home.clock.advance(Duration::from_secs(23 * 3600));
    put(&stream, &[b"new"]).await.unwrap();
    assert_eq!(all(&stream).await.unwrap().len(), 2);
    home.clock.advance(Duration::from_secs(2 * 3600));
    assert_eq!(all(&stream).await.unwrap(), [(2, b"new".to_vec())]);
}

#[tokio::test]
async fn a_time_finds_the_first_record_that_arrived_then() {
    let home = Home::new();
    let streams = home.open().await.unwrap();
    let stream = streams.create(StreamName::parse("s").unwrap(), Settings::of(Mode::Provisioned), 1).await.unwrap();
    let start = home.clock.now();
    for number in 0..100u8 {
        put(&stream, &[&[number]]).await.unwrap();
        home.clock.advance(Duration::from_millis(10));
    }
    let at = tidemill_clock::Timestamp::from_millis(start.millis() + 505);
    assert_eq!(stream.first_ordinal_at(ShardId(0), at).await.unwrap(), 52);
    assert_eq!(stream.first_ordinal_at(ShardId(0), start.minus(Duration::from_secs(1))).await.unwrap(), 1);
}

#[tokio::test]
async fn the_disk_space_of_expired_records_is_freed_and_the_log_goes_on() {
    let home = Home::new();
    let name = StreamName::parse("s").unwrap();
    {
        let streams = home.open().await.unwrap();
        let stream = streams.create(name.clone(), Settings::of(Mode::Provisioned), 1).await.unwrap();
        put(&stream, &[b"old"]).await.unwrap();
    }
    let before = home.files("log");
    home.clock.advance(Duration::from_secs(25 * 3600));
    let streams = home.open().await.unwrap();
    while home.files("log").contains(&before[0]) {
        tokio::task::yield_now().await;
    }
    drop(streams);
    // An ordinal is never given twice, even when a restart finds no record that tells the last one.
    for expected in [vec![(2, b"new".to_vec())], vec![(2, b"new".to_vec()), (3, b"new".to_vec())]] {
        let streams = home.open().await.unwrap();
        let stream = streams.get(&name).unwrap();
        put(&stream, &[b"new"]).await.unwrap();
        assert_eq!(all(&stream).await.unwrap(), expected);
    }
}
