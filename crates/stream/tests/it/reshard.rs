//! Splitting, merging and rescaling, while writers go on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidemill_clock::Clock;
use tidemill_stream::{
    Batch, Mode, ReadLimit, Settings, Shard, ShardId, Status, Stream, StreamError, StreamName, hash_key,
};

use crate::harness::{Home, name};

/// Puts one record where it belongs.
async fn put(stream: &Stream, key: &str, data: &[u8]) -> ShardId {
    let placed = stream.place(|shards, batch: &mut Batch| {
        let shard = shards.of_hash(hash_key(key.as_bytes()));
        batch.push(shard, key, data);
        Ok::<_, StreamError>(shard)
    });
    placed.await.unwrap().filled
}

/// All records of all shards, in the order of a reader that drains parents first.
async fn drained(stream: &Stream) -> Vec<(String, Vec<u8>)> {
    let mut records = Vec::new();
    let shards = stream.shards();
    for shard in shards.generations().into_iter().flatten() {
        let mut next = 1;
        loop {
            let read = stream.read(shard.id, next, ReadLimit::default()).await.unwrap();
            for run in &read.runs {
                records.extend(run.records().map(|record| (record.partition_key().to_owned(), record.data.to_vec())));
            }
            next = read.next;
            if read.at_tip {
                assert_eq!(read.is_over(shard), shard.closed.is_some());
                break;
            }
        }
    }
    records
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_lose_and_double_nothing_while_shards_split_and_merge() {
    let home = Home::new();
    let streams = home.open().await.unwrap();
    let stream = streams.create(name(), Settings::of(Mode::Provisioned), 2).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writers = (0..4).map(|writer| {
        let (stream, stop) = (Arc::clone(&stream), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut number = 0u32;
            while !stop.load(Ordering::Relaxed) {
                put(&stream, &format!("writer-{writer}-{}", number % 7), &number.to_be_bytes()).await;
                number += 1;
            }
            number
        })
    });
    let writers: Vec<_> = writers.collect();
    for target in [4, 6, 3, 8, 1, 2] {
        streams.rescale(&stream, target, true).await.unwrap();
        assert_eq!(stream.shards().open().len(), target as usize);
    }
    stop.store(true, Ordering::Relaxed);
    let mut written = 0;
    for writer in writers {
        written += writer.await.unwrap() as usize;
    }
    for stream in [stream, {
        drop(streams);
        home.open().await.unwrap().get(&name()).unwrap()
    }] {
        let records = drained(&stream).await;
        assert_eq!(records.len(), written);
        let mut last: BTreeMap<String, u32> = BTreeMap::new();
        for (key, data) in records {
            let number = u32::from_be_bytes(data.try_into().unwrap());
            let before = last.insert(key, number);
            assert!(before.is_none_or(|before| before < number), "the order of a key is kept across shards");
        }
    }
}

#[tokio::test]
async fn children_take_over_their_parents_keys_with_greater_sequence_numbers() {
    let home = Home::new();
    let streams = home.open().await.unwrap();
    let stream = streams.create(name(), Settings::of(Mode::Provisioned), 1).await.unwrap();
    let parent = put(&stream, "a", b"1").await;
    streams.split(&stream, parent, 1 << 127).await.unwrap();
    let child = put(&stream, "a", b"2").await;
    let shards = stream.shards();
    let (parent, child) = (shards.get(parent).unwrap(), shards.get(child).unwrap());
    assert_eq!(child.parent, Some(parent.id));
    assert_eq!(parent.closed.unwrap().end, 2);
    assert!(child.sequence_number(0) > parent.sequence_number(u64::MAX));
    let again = streams.split(&stream, parent.id, 5).await;
    assert!(matches!(again, Err(StreamError::ShardClosed(_))));
}

#[tokio::test]
async fn a_record_placed_before_a_split_is_refused_and_placed_again() {
    let home = Home::new();
    let streams = home.open().await.unwrap();
    let stream = streams.create(name(), Settings::of(Mode::Provisioned), 1).await.unwrap();
    let mut stale = Batch::default();
    stale.push(ShardId(0), "a", b"x");
    streams.split(&stream, ShardId(0), 1 << 127).await.unwrap();
    assert!(matches!(stream.append(stale).await, Err(StreamError::Resharded)));
    assert_ne!(put(&stream, "a", b"x").await, ShardId(0));
}

#[tokio::test]
async fn a_closed_shard_goes_with_its_last_records() {
    let home = Home::new();
    let streams = home.open().await.unwrap();
    let stream = streams.create(name(), Settings::of(Mode::Provisioned), 1).await.unwrap();
    put(&stream, "a", b"x").await;
    streams.split(&stream, ShardId(0), 1 << 127).await.unwrap();
    drop((stream, streams));
    home.clock.advance(Duration::from_secs(25 * 3600));
    let streams = home.open().await.unwrap();
    let stream = streams.get(&name()).unwrap();
    let mut reshards = stream.reshards();
    while stream.shards().get(ShardId(0)).is_some() {
        reshards.changed().await.unwrap();
    }
    assert_eq!(stream.shards().iter().map(|shard| shard.id.0).collect::<Vec<_>>(), [1, 2]);
    streams.merge(&stream, ShardId(1), ShardId(2)).await.unwrap();
    assert_eq!(stream.shards().open().map(|shard: &Shard| shard.id.0).collect::<Vec<_>>(), [3]);
}

#[tokio::test]
async fn a_shorter_retention_frees_at_once_and_a_longer_one_keeps() {
    let home = Home::new();
    let streams = home.open().await.unwrap();
    let mut settings = Settings::of(Mode::Provisioned);
    settings.retention = Duration::from_secs(72 * 3600);
    let stream = streams.create(name(), settings, 1).await.unwrap();
    put(&stream, "a", b"x").await;
    let files = home.files("log");
    home.clock.advance(Duration::from_secs(48 * 3600));
    assert_eq!(drained(&stream).await.len(), 1);
    let shorten = |settings: &mut Settings| {
        settings.retention = Duration::from_secs(24 * 3600);
        Ok::<_, StreamError>(())
    };
    streams.change(&stream, shorten).await.unwrap();
    assert!(drained(&stream).await.is_empty());
    while home.files("log") == files {
        tokio::task::yield_now().await;
    }
    assert_eq!(streams.get(&name()).unwrap().horizon(), home.clock.now().minus(Duration::from_secs(24 * 3600)));
}

#[tokio::test]
async fn states_are_seen_in_order_when_transitions_take_time() {
    let home = Home::new();
    let streams = home.open_with(Duration::from_millis(20)).await.unwrap();
    let stream = streams.create(name(), Settings::of(Mode::Provisioned), 1).await.unwrap();
    assert_eq!(stream.status(), Status::Creating);
    let mut statuses = stream.statuses();
    statuses.wait_for(|status| *status == Status::Active).await.unwrap();
    streams.split(&stream, ShardId(0), 1 << 127).await.unwrap();
    assert_eq!(stream.status(), Status::Updating);
    put(&stream, "a", b"a stream takes records while it is updated").await;
    let refused = streams.merge(&stream, ShardId(1), ShardId(2)).await;
    assert!(matches!(refused, Err(StreamError::NotActive(_, Status::Updating))));
    statuses.wait_for(|status| *status == Status::Active).await.unwrap();
    streams.delete(&StreamName::parse("s").unwrap(), true).await.unwrap();
    assert_eq!(stream.status(), Status::Deleting);
    while streams.get(&name()).is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
