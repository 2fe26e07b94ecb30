//! Disks that fail, tear writes, lie in ruins or are full.

use std::path::PathBuf;

use tidemill_clock::{Disk, Fault};
use tidemill_stream::StreamError;

use crate::simulation::{Model, Simulation};

fn record(number: usize) -> (String, Vec<u8>) {
    (format!("key-{number}"), vec![number as u8; 100 + number])
}

/// Puts records one by one. Returns how many were acknowledged.
async fn put_all(simulation: &Simulation, model: &mut Model, count: usize) -> usize {
    let Ok((_streams, stream)) = simulation.open_stream(2).await else { return 0 };
    let mut acknowledged = 0;
    for number in 0..count {
        acknowledged += usize::from(model.put(&stream, &[record(number)]).await.is_ok());
    }
    acknowledged
}

/// The log files of the only stream.
fn segments(simulation: &Simulation) -> Vec<PathBuf> {
    let all = simulation.disk.files();
    all.into_iter().filter(|path| path.extension().is_some_and(|found| found == "log")).collect()
}

#[tokio::test]
async fn whatever_operation_fails_what_was_acknowledged_is_there() {
    for torn in [false, true] {
        for lasting in [false, true] {
            for at in 0..40 {
                let mut simulation = Simulation::new().await;
                let mut model = Model::default();
                simulation.disk.set_fault(Some(Fault { at, torn, lasting }));
                put_all(&simulation, &mut model, 12).await;
                simulation.disk.set_fault(None);
                let mut turn = at;
                simulation.lose_power(|| {
                    turn += 1;
                    turn.is_multiple_of(3)
                });
                let (_streams, stream) = simulation.open_stream(2).await.unwrap();
                for shard in stream.shards().iter() {
                    let read = stream.read(shard.id, 1, Default::default()).await.unwrap();
                    let found: Vec<_> = read
                        .runs
                        .iter()
                        .flat_map(|run| {
                            run.records().map(|record| (record.ordinal, record.data.to_vec())).collect::<Vec<_>>()
                        })
                        .collect();
                    let known = model.records.iter().filter(|((id, _), _)| *id == shard.id);
                    for ((_, ordinal), known) in known {
                        let place = found.iter().position(|(found, _)| found == ordinal);
                        let place = place.unwrap_or_else(|| panic!("lost {ordinal}: {at} {torn} {lasting}"));
                        assert_eq!(found[place].1, known.data);
                    }
                }
                // The log goes on, and gives no ordinal twice.
                model.put(&stream, &[record(200)]).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_failed_write_is_taken_back_and_a_failed_sync_closes_the_log() {
    let simulation = Simulation::new().await;
    let mut model = Model::default();
    let (streams, stream) = simulation.open_stream(1).await.unwrap();
    model.put(&stream, &[record(1)]).await.unwrap();
    simulation.disk.set_fault(Some(Fault { at: simulation.disk.operations(), torn: true, lasting: false }));
    assert!(matches!(model.put(&stream, &[record(2)]).await, Err(StreamError::Disk(_))));
    model.put(&stream, &[record(3)]).await.unwrap();
    simulation.disk.set_fault(Some(Fault { at: simulation.disk.operations() + 1, torn: false, lasting: false }));
    // Room for the record was reserved again after the failed write, so that the sync is the second operation.
    assert!(matches!(model.put(&stream, &[record(4)]).await, Err(StreamError::Disk(_))));
    // Where a shard ends is not known either: the record may be there after the next start.
    assert!(matches!(streams.rescale(&stream, 2, false).await, Err(StreamError::Poisoned(_))));
    assert!(matches!(model.put(&stream, &[record(5)]).await, Err(StreamError::Poisoned(_))));
    model.check(&stream).await;
}

#[tokio::test]
async fn a_full_disk_refuses_writes_keeps_reads_and_recovers() {
    let mut simulation = Simulation::new().await;
    let mut model = Model::default();
    let (streams, stream) = simulation.open_stream(2).await.unwrap();
    simulation.disk.set_capacity(Some(200_000));
    let mut refused = 0;
    for number in 0..300 {
        match model.put(&stream, &[(format!("key-{number}"), vec![7; 2000])]).await {
            Ok(()) => {}
            Err(StreamError::DiskFull) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 100 && model.records.len() > 50, "{refused} refused, {} taken", model.records.len());
    model.check(&stream).await;
    simulation.disk.set_capacity(Some(400_000));
    model.put(&stream, &[record(1)]).await.unwrap();
    simulation.disk.set_capacity(Some(simulation.disk.used()));
    drop((streams, stream));
    simulation.lose_power(|| false);
    let (_streams, stream) = simulation.open_stream(2).await.unwrap();
    model.check(&stream).await;
    simulation.disk.set_capacity(None);
    model.put(&stream, &[record(2)]).await.unwrap();
    model.check(&stream).await;
}

#[tokio::test]
async fn a_segment_cut_at_any_length_keeps_its_whole_blocks() {
    let simulation = Simulation::new().await;
    let mut model = Model::default();
    assert_eq!(put_all(&simulation, &mut model, 5).await, 5);
    let path = segments(&simulation).remove(0);
    let whole = simulation.disk.contents(&path);
    let starts: Vec<usize> = (0..whole.len() - 4).filter(|at| &whole[*at..at + 4] == b"TMBK").collect();
    assert_eq!(starts.len(), 5);
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for cut in 0..=end {
        simulation.disk.tamper(&path, |bytes| *bytes = whole[..cut].to_vec());
        let (_streams, stream) = simulation.open_stream(2).await.unwrap();
        let mut left = 0;
        for shard in stream.shards().iter() {
            let read = stream.read(shard.id, 1, Default::default()).await.unwrap();
            left += read.runs.iter().map(|run| run.count as usize).sum::<usize>();
        }
        let expected = starts.iter().skip(1).chain([&end]).filter(|block_end| **block_end <= cut).count();
        assert_eq!(left, expected, "cut at {cut}");
        if segments(&simulation).is_empty() {
            simulation.disk.create(&path).unwrap();
        }
    }
}

#[tokio::test]
async fn a_flipped_byte_is_never_read_as_something_else() {
    let simulation = Simulation::new().await;
    let mut model = Model::default();
    assert_eq!(put_all(&simulation, &mut model, 4).await, 4);
    let path = segments(&simulation).remove(0);
    let whole = simulation.disk.contents(&path);
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap() + 20;
    let last = (0..whole.len() - 4).rfind(|at| &whole[*at..at + 4] == b"TMBK").unwrap();
    for at in 0..end {
        simulation.disk.tamper(&path, |bytes| {
            bytes.clone_from(&whole);
            bytes[at] ^= 0x21;
        });
        let opened = simulation.open_stream(2).await;
        let (_streams, stream) = match opened {
            Err(StreamError::Damaged { .. } | StreamError::NewerFormat { .. }) => {
                assert!(at < last, "damage in the last block looks like a torn write");
                continue;
            }
            opened => opened.unwrap(),
        };
        assert!(at >= last || (20..64).contains(&at), "byte {at} was not noticed");
        for shard in stream.shards().iter() {
            let read = stream.read(shard.id, 1, Default::default()).await.unwrap();
            for run in &read.runs {
                for record in run.records() {
                    assert_eq!(record.data, model.records[&(shard.id, record.ordinal)].data);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_record_that_was_written_but_not_synced_is_not_read() {
    let mut simulation = Simulation::new().await;
    let mut model = Model::default();
    let (streams, stream) = simulation.open_stream(1).await.unwrap();
    // More than a start keeps in memory, so that the beginning is read from the disk.
    for number in 0..12 {
        model.put(&stream, &[(format!("key-{number}"), vec![number; 600_000])]).await.unwrap();
    }
    drop((streams, stream));
    simulation.lose_power(|| true);
    let (_streams, stream) = simulation.open_stream(1).await.unwrap();
    model.put(&stream, &[record(1)]).await.unwrap();
    let sync = simulation.disk.operations() + 1;
    simulation.disk.set_fault(Some(Fault { at: sync, torn: false, lasting: true }));
    assert!(model.put(&stream, &[record(2)]).await.is_err());
    let segment = segments(&simulation).remove(0);
    let written = simulation.disk.contents(&segment);
    assert!(written.windows(6).any(|found| found == [2; 6]), "the record is on its way");
    let read = stream.read(stream.shards()[0].id, 1, Default::default()).await.unwrap();
    assert_eq!(read.runs.iter().map(|run| run.count).sum::<u32>(), 13);
    model.check(&stream).await;
}

#[tokio::test]
async fn a_stream_that_could_not_be_made_leaves_nothing() {
    let simulation = Simulation::new().await;
    simulation.disk.set_fault(Some(Fault { at: 0, torn: false, lasting: false }));
    assert!(simulation.open_stream(1).await.is_err());
    let (_streams, stream) = simulation.open_stream(1).await.unwrap();
    Model::default().put(&stream, &[record(1)]).await.unwrap();
}
