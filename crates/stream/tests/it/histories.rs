//! Any history of puts, reshards, losses of power, time and retention leaves what a simple model expects.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tidemill_stream::{Settings, StreamError};

use crate::simulation::{Model, Simulation};

#[derive(Debug, Clone)]
enum Step {
    Put(Vec<(u8, u16)>),
    Split(u8, u8),
    Merge(u8),
    Rescale(u32),
    LosePower(u64),
    Wait(u32),
    Retain(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => vec((any::<u8>(), 0..3000u16), 1..20).prop_map(Step::Put),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(shard, at)| Step::Split(shard, at)),
        1 => any::<u8>().prop_map(Step::Merge),
        1 => (1..6u32).prop_map(Step::Rescale),
        2 => any::<u64>().prop_map(Step::LosePower),
        2 => (0..36u32).prop_map(Step::Wait),
        1 => (24..72u64).prop_map(Step::Retain),
    ]
}

async fn live_through(steps: Vec<Step>) {
    let mut simulation = Simulation::new().await;
    let mut model = Model::default();
    let (mut streams, mut stream) = simulation.open_stream(2).await.unwrap();
    let mut number = 0u32;
    for step in steps {
        match step {
            Step::Put(records) => {
                let record = |(key, length): (u8, u16)| {
                    number += 1;
                    let mut data = number.to_be_bytes().to_vec();
                    data.resize(usize::from(length).max(4), key);
                    (format!("key-{key}"), data)
                };
                let records: Vec<_> = records.into_iter().map(record).collect();
                model.put(&stream, &records).await.unwrap();
            }
            Step::Split(shard, at) => {
                let shards = stream.shards();
                let shard = shards.open().nth(usize::from(shard) % shards.open().len()).unwrap();
                let at = shard.range.start + (shard.range.end - shard.range.start) / 256 * u128::from(at);
                match streams.split(&stream, shard.id, at).await {
                    Ok(()) | Err(StreamError::BadSplit { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            Step::Merge(first) => {
                let open: Vec<_> = stream.shards().open().map(|shard| shard.id).collect();
                if let [one, other] =
                    open.iter().cycle().skip(usize::from(first) % open.len()).take(2).collect::<Vec<_>>()[..]
                {
                    match streams.merge(&stream, *one, *other).await {
                        Ok(()) | Err(StreamError::NotAdjacent(..) | StreamError::ShardClosed(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            Step::Rescale(count) => streams.rescale(&stream, count, true).await.unwrap(),
            Step::LosePower(mut seed) => {
                drop((streams, stream));
                simulation.lose_power(|| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    seed >> 63 == 1
                });
                (streams, stream) = simulation.open_stream(2).await.unwrap();
            }
            Step::Wait(hours) => simulation.clock.advance(Duration::from_secs(u64::from(hours) * 3600)),
            Step::Retain(hours) => {
                let retain = |settings: &mut Settings| {
                    settings.retention = Duration::from_secs(hours * 3600);
                    Ok::<_, StreamError>(())
                };
                // What was too old before stays so.
                let gone = stream.horizon();
                model.records.retain(|_, known| known.arrival >= gone);
                streams.change(&stream, retain).await.unwrap();
            }
        }
        model.check(&stream).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_is_what_was_acknowledged(steps in vec(step(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(live_through(steps));
    }
}
