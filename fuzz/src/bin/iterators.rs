//! Shard iterators: any text is one, or is none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidemill_clock::Timestamp;
use tidemill_stream::{SequenceNumber, ShardId, ShardIterator, StreamName};

fuzz_target!(|text: &str| {
    let now = Timestamp::from_millis(1_000_000);
    if let Ok(iterator) = ShardIterator::parse(text, now) {
        assert_eq!(ShardIterator::parse(&iterator.token(now), now), Ok(iterator));
    }
    if let Some(number) = SequenceNumber::parse(text) {
        assert_eq!(SequenceNumber::parse(&number.to_string()), Some(number));
    }
    let _ = (ShardId::parse(text), StreamName::parse(text));
});
