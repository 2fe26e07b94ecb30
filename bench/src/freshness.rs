//! How long a record takes from its acknowledgement to its first appearance in a view.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::Options;
use crate::client::{Connection, Failure, Signed};
use crate::load::make_stream;
use crate::requests::body;

/// Records are put so often, as many together as the rate demands.
const TICK: Duration = Duration::from_millis(10);
/// Records of one call.
const MOST: u64 = 500;

/// Acknowledged and not seen yet: the last number of a call, and when it was answered.
type Waiting = Arc<Mutex<VecDeque<(u64, Instant)>>>;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    data: String,
    partition_key: String,
}

/// Puts numbered records at a rate for as long as the options say, and asks the view `fresh` for the highest number over and
/// over again.
pub async fn measure(options: Options) -> Result<Value, Failure> {
    let options = Arc::new(options);
    make_stream(&options).await?;
    let waiting = Waiting::default();
    let (client, connection) = tokio_postgres::connect(&options.sql, NoTls).await?;
    tokio::spawn(connection);
    let producer = tokio::spawn(produce(Arc::clone(&options), Arc::clone(&waiting)));
    let (mut seen, mut latencies) = (0, Vec::new());
    loop {
        let highest = highest(&client, seen).await?;
        let now = Instant::now();
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        seen = highest.unwrap_or(seen);
        while let Some((number, acknowledged)) = waiting.front().copied()
            && number <= seen
        {
            latencies.push(now.saturating_duration_since(acknowledged));
            waiting.pop_front();
        }
        if producer.is_finished() && waiting.is_empty() {
            break;
        }
    }
    let put: u64 = producer.await??;
    latencies.sort_unstable();
    let at =
        |part: f64| latencies[((latencies.len() as f64 * part) as usize).min(latencies.len() - 1)].as_secs_f64() * 1e3;
    Ok(json!({
        "records": put,
        "records_s": put as f64 / options.longest().as_secs_f64(),
        "p50_ms": at(0.5),
        "p99_ms": at(0.99),
    }))
}

async fn highest(client: &tokio_postgres::Client, above: u64) -> Result<Option<u64>, Failure> {
    let answer = client.simple_query(&format!("SELECT max(n) FROM fresh WHERE n > {above}")).await?;
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(row.map(str::parse).transpose()?)
}

async fn produce(options: Arc<Options>, waiting: Waiting) -> Result<u64, Failure> {
    let mut connection = Connection::open(&options).await?;
    let (began, mut put) = (Instant::now(), 0);
    let mut ticks = tokio::time::interval(TICK);
    while began.elapsed() < options.longest() {
        ticks.tick().await;
        let due = (began.elapsed().as_secs_f64() * options.rate as f64) as u64;
        while put < due {
            let last = due.min(put + MOST);
            let entry = |number: u64| Entry {
                data: base64_simd::STANDARD.encode_to_string(format!("{{\"n\":{number}}}")),
                partition_key: format!("key-{}", number % 1000),
            };
            let entries: Vec<Entry> = (put + 1..=last).map(entry).collect();
            let request = json!({ "StreamName": options.stream, "Records": entries });
            let request = Signed::new(&options, "PutRecords", body(options.format, &request)?)?;
            connection.send(&request).await?;
            waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back((last, Instant::now()));
            put = last;
        }
    }
    Ok(put)
}
