//! What is left of a log after a crash or damage.

use std::fs;

use tidemill_stream::{Mode, Settings, StreamError, StreamName};

use crate::harness::{Home, all, put};

async fn written(home: &Home, records: usize) {
    let streams = home.open().await.unwrap();
    let stream = streams.create(StreamName::parse("s").unwrap(), Settings::of(Mode::Provisioned), 1).await.unwrap();
    for number in 0..records {
        put(&stream, &[number.to_string().as_bytes()]).await.unwrap();
    }
}

async fn reopened(home: &Home) -> Result<Vec<(u64, Vec<u8>)>, StreamError> {
    let streams = home.open().await?;
    all(&*streams.get(&StreamName::parse("s").unwrap())?).await
}

#[tokio::test]
async fn a_log_cut_anywhere_in_its_last_block_keeps_all_blocks_before() {
    let home = Home::new();
    written(&home, 3).await;
    let path = home.files("log").remove(0);
    let whole = fs::read(&path).unwrap();
    let starts: Vec<usize> = (0..whole.len() - 4).filter(|&at| &whole[at..at + 4] == b"TMBK").collect();
    assert_eq!(starts.len(), 3);
    let end = starts[2] + (starts[2] - starts[1]);
    for cut in starts[2]..end {
        let mut torn = whole.clone();
        torn[cut..].fill(0);
        fs::write(&path, &torn).unwrap();
        assert_eq!(reopened(&home).await.unwrap().len(), 2, "cut at {cut}");
    }
}

#[tokio::test]
async fn a_write_after_recovery_takes_the_torn_ones_place() {
    let home = Home::new();
    written(&home, 2).await;
    let path = home.files("log").remove(0);
    let mut torn = fs::read(&path).unwrap();
    let last = (0..torn.len() - 4).rfind(|&at| &torn[at..at + 4] == b"TMBK").unwrap();
    torn[last + 40..].fill(0);
    fs::write(&path, &torn).unwrap();

    let streams = home.open().await.unwrap();
    let stream = streams.get(&StreamName::parse("s").unwrap()).unwrap();
    put(&stream, &[b"again"]).await.unwrap();
    drop((stream, streams));
    let expected = vec![(1, b"0".to_vec()), (2, b"again".to_vec())];
    assert_eq!(reopened(&home).await.unwrap(), expected);
}

#[tokio::test]
async fn damage_before_the_last_block_is_refused_with_its_place() {
    let home = Home::new();
    written(&home, 3).await;
    let path = home.files("log").remove(0);
    let good = fs::read(&path).unwrap();
    let first = (0..good.len() - 4).find(|&at| &good[at..at + 4] == b"TMBK").unwrap();
    for at in [first, first + 9, first + 33, first + 66] {
        let mut bad = good.clone();
        bad[at] ^= 0xff;
        fs::write(&path, &bad).unwrap();
        let error = reopened(&home).await.unwrap_err();
        assert!(matches!(error, StreamError::Damaged { offset, .. } if offset == first as u64), "{error}");
    }
}

#[tokio::test]
async fn a_segment_of_a_newer_format_is_refused() {
    let home = Home::new();
    written(&home, 1).await;
    let path = home.files("log").remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[4] = 200;
    let crc = crc32c::crc32c(&bytes[..16]);
    bytes[16..20].copy_from_slice(&crc.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(reopened(&home).await, Err(StreamError::NewerFormat { found: 200, .. })));
}

#[tokio::test]
async fn sealed_segments_read_back_with_and_without_their_summaries() {
    let home = Home::new();
    let streams = home.open().await.unwrap();
    let stream = streams.create(StreamName::parse("s").unwrap(), Settings::of(Mode::Provisioned), 1).await.unwrap();
    let megabyte = vec![b'x'; 1 << 20];
    for _ in 0..14 {
        put(&stream, &[&megabyte[..]; 10]).await.unwrap();
    }
    drop((stream, streams));
    assert!(home.files("log").len() >= 3, "{:?}", home.files("log"));
    let whole = reopened(&home).await.unwrap();
    assert_eq!(whole.len(), 140);
    assert!(whole.iter().zip(1..).all(|((ordinal, _), expected)| *ordinal == expected));
    for summary in home.files("idx") {
        fs::remove_file(summary).unwrap();
    }
    assert_eq!(reopened(&home).await.unwrap().len(), 140);
}
