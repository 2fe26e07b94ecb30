//! Records go when their time is over, and their disk space with them.

use std::time::Duration;

use tidemill_clock::Clock;
use tidemill_stream::{Mode, ShardId, StreamName};

use crate::harness::{Home, all, put};

#[tokio::test]
async fn a_record_older_than_the_retention_is_not_read() {
    let home = Home::new();
    let streams = home.open().await.unwrap();
    let stream = streams.create(StreamName::parse("s").unwrap(), Mode::Provisioned, 1).await.unwrap();
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
    let stream = streams.create(StreamName::parse("s").unwrap(), Mode::Provisioned, 1).await.unwrap();
    let start = home.clock.now();
    for number in 0..100u8 {
        put(&stream, &[&[number]]).await.unwrap();
        home.clock.advance(Duration::from_millis(10));
    }
    let at = tidemill_clock::Timestamp::from_millis(start.millis() + 505);
    assert_eq!(stream.first_ordinal_at(ShardId(0), at).await.unwrap(), 52);
    assert_eq!(stream.first_ordinal_at(ShardId(0), start.minus(Duration::from_secs(1))).await.unwrap(), 1);
}
