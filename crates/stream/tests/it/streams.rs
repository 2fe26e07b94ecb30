//! Creating, writing from many sides, deleting.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidemill_stream::{Batch, Mode, ReadLimit, Settings, ShardId, Status, StreamError, StreamName};

use crate::harness::{Home, all, put};
use crate::simulation::Simulation;

#[tokio::test]
async fn concurrent_appends_each_get_their_own_ordinals() {
    let home = Home::new();
    let streams = home.open().await.unwrap();
    let stream = streams.create(StreamName::parse("s").unwrap(), Settings::of(Mode::OnDemand), 4).await.unwrap();
    let writers = (0..8u8).map(|writer| {
        let stream = Arc::clone(&stream);
        tokio::spawn(async move {
            let mut given = Vec::new();
            for number in 0..50u8 {
                let appended = put(&stream, &[&[writer, number], &[writer, number]]).await.unwrap();
                let first = appended.first_ordinal(ShardId(0)).unwrap();
                given.extend([(first, vec![writer, number]), (first + 1, vec![writer, number])]);
            }
            given
        })
    });
    let mut given = BTreeSet::new();
    for writer in writers.collect::<Vec<_>>() {
        given.extend(writer.await.unwrap());
    }
    assert_eq!(all(&stream).await.unwrap(), given.into_iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_waiting_reader_is_woken_by_an_append() {
    let home = Home::new();
    let streams = home.open().await.unwrap();
    let stream = streams.create(StreamName::parse("s").unwrap(), Settings::of(Mode::OnDemand), 4).await.unwrap();
    let mut commits = stream.commits();
    commits.mark_unchanged();
    let waiting = tokio::spawn(async move { commits.changed().await });
    put(&stream, &[b"x"]).await.unwrap();
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_failing_decoder_leaves_the_batch_as_it_was() {
    let mut batch = Batch::default();
    batch.push(ShardId(1), "k", b"data");
    let before = batch.bytes();
    assert_eq!(batch.push_with(ShardId(1), "k", |_| Err("bad")), Err("bad"));
    assert_eq!(batch.bytes(), before);
}

#[tokio::test]
async fn a_name_is_taken_until_its_stream_is_deleted() {
    let home = Home::new();
    let streams = home.open().await.unwrap();
    let name = StreamName::parse("s").unwrap();
    let stream = streams.create(name.clone(), Settings::of(Mode::OnDemand), 4).await.unwrap();
    put(&stream, &[b"x"]).await.unwrap();
    let again = streams.create(name.clone(), Settings::of(Mode::OnDemand), 4).await;
    assert!(matches!(again, Err(StreamError::Exists(_))));

    streams.delete(&name, true).await.unwrap();
    assert!(matches!(put(&stream, &[b"y"]).await, Err(StreamError::NotActive(_, Status::Deleting))));
    while streams.get(&name).is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(home.files("log").is_empty());
    streams.create(name, Settings::of(Mode::OnDemand), 4).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_was_told_of_a_record_gets_it() {
    const RECORDS: u64 = 30_000;
    let simulation = Simulation::new().await;
    let (_streams, stream) = simulation.open_stream(1).await.unwrap();
    let reader = {
        let (stream, runtime) = (Arc::clone(&stream), tokio::runtime::Handle::current());
        // It never gives way, so it has a thread that nothing else waits for.
        tokio::task::spawn_blocking(move || {
            let mut next = 1;
            while next <= RECORDS {
                if next == stream.next_ordinal(ShardId(0)) {
                    std::hint::spin_loop();
                    continue;
                }
                let read = runtime.block_on(stream.read(ShardId(0), next, ReadLimit::default())).unwrap();
                assert!(read.next > next, "record {next} was announced and not given");
                next = read.next;
            }
        })
    };
    let appends = (0..RECORDS).map(|number| {
        let mut batch = Batch::default();
        batch.push(ShardId(0), "key", &number.to_be_bytes());
        stream.append(batch)
    });
    for append in appends {
        append.await.unwrap();
    }
    reader.await.unwrap();
}
