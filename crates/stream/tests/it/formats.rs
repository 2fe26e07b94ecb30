//! What older versions wrote is read, and brought up to date.

use tidemill_stream::{Mode, ReadLimit, StreamName};

use crate::harness::Home;

#[tokio::test]
async fn a_directory_of_format_1_is_read_and_written_on() {
    let home = Home::of_fixture("format-1");
    for round in 0..2 {
        let streams = home.open().await.unwrap();
        let stream = streams.get(&StreamName::parse("kept").unwrap()).unwrap();
        assert_eq!((stream.mode(), stream.shards().len()), (Mode::Provisioned, 2));
        let mut records = Vec::new();
        for shard in stream.shards().iter() {
            let read = stream.read(shard.id, 1, ReadLimit::default()).await.unwrap();
            for run in &read.runs {
                records.extend(run.records().map(|record| String::from_utf8(record.data.to_vec()).unwrap()));
            }
        }
        records.sort();
        let mut expected: Vec<_> = (0..3).flat_map(|i| (0..4).map(move |j| format!("{i}-{j}"))).collect();
        expected.extend((0..round).map(|_| "new".to_owned()));
        assert_eq!(records, expected);
        crate::harness::put(&stream, &[b"new"]).await.unwrap();
    }
}
