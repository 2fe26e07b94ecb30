//! The workloads, and what they measure.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Connection, Failure, Signed};
use crate::requests::{body, put, records, text};
use crate::{Options, Payload, Workload};

/// Different requests of text that are made before the clock starts, for each connection.
const PREPARED: u64 = 32;
/// Ticks of the kernel's clock a second, in which it counts processes' time.
const TICKS: f64 = 100.0;

/// A workload on its way.
pub struct Load {
    options: Arc<Options>,
    /// Records put or got so far, by all connections.
    done: Arc<AtomicU64>,
}

impl Load {
    pub fn new(options: Options) -> Self {
        Self { options: Arc::new(options), done: Arc::default() }
    }

    /// Runs the workload.
    pub async fn run(self) -> Result<Value, Failure> {
        make_stream(&self.options).await?;
        let workers = match self.options.workload {
            Workload::Gets => self.getters().await?,
            _ => self.putters().await?,
        };
        let (cpu, began) = (self.cpu_seconds()?, Instant::now());
        let workers: Vec<_> = workers.into_iter().map(tokio::spawn).collect();
        let mut calls = Vec::new();
        for worker in workers {
            calls.extend(worker.await??);
        }
        let (seconds, cpu) = (began.elapsed().as_secs_f64(), self.cpu_seconds()? - cpu);
        let count = self.done.load(Ordering::Relaxed) as f64;
        calls.sort_unstable();
        let percentile = |part: f64| {
            let place = ((calls.len() as f64 * part) as usize).min(calls.len().saturating_sub(1));
            calls.get(place).map_or(0.0, Duration::as_secs_f64) * 1000.0
        };
        Ok(json!({
            "records": count,
            "records_s": count / seconds,
            "p50_ms": percentile(0.5),
            "p99_ms": percentile(0.99),
            "cpu_us": cpu * 1e6 / count,
            "rss_mb": self.resident_mb()?,
        }))
    }

    async fn putters(&self) -> Result<Vec<Worker>, Failure> {
        let mut workers: Vec<Worker> = Vec::new();
        let connections = self.options.connections as u64;
        for connection in 0..connections {
            let options = Arc::clone(&self.options);
            let (operation, batch) = match options.workload {
                Workload::Put => ("PutRecord", 1),
                _ => ("PutRecords", options.batch as u64),
            };
            // All connections advance through the numbers together, as time does.
            let sign = |turn| Signed::new(&options, operation, put(&options, turn * connections + connection)?);
            let turns = match options.payload {
                Payload::Text => PREPARED,
                Payload::Lab => options.records.div_ceil(batch * connections),
            };
            let prepared = (0..turns).map(sign).collect::<Result<Vec<_>, Failure>>()?;
            let (mut connection, done) = (Connection::open(&options).await?, Arc::clone(&self.done));
            workers.push(Box::pin(async move {
                let (mut times, began) = (Vec::new(), Instant::now());
                for request in prepared.iter().cycle() {
                    if done.load(Ordering::Relaxed) >= options.records || began.elapsed() > options.longest() {
                        break;
                    }
                    let sent = Instant::now();
                    let answer = connection.send(request).await?;
                    times.push(sent.elapsed());
                    let refused = memchr::memmem::find_iter(&answer, b"ErrorCode").count() as u64;
                    done.fetch_add(batch - refused.min(batch), Ordering::Relaxed);
                }
                Ok(times)
            }));
        }
        Ok(workers)
    }

    async fn getters(&self) -> Result<Vec<Worker>, Failure> {
        let mut workers: Vec<Worker> = Vec::new();
        for shard in 0..self.options.shards {
            let (options, done) = (Arc::clone(&self.options), Arc::clone(&self.done));
            let mut connection = Connection::open(&options).await?;
            let start = json!({
                "StreamName": options.stream,
                "ShardId": format!("shardId-{shard:012}"),
                "ShardIteratorType": "TRIM_HORIZON",
            });
            let answer = connection.call(&options, "GetShardIterator", body(options.format, &start)?).await?;
            let mut iterator = text_of(&answer, "ShardIterator")?;
            workers.push(Box::pin(async move {
                let (mut times, began) = (Vec::new(), Instant::now());
                while began.elapsed() < options.longest() {
                    let request = body(options.format, &json!({ "ShardIterator": iterator }))?;
                    let sent = Instant::now();
                    let answer = connection.call(&options, "GetRecords", request).await?;
                    times.push(sent.elapsed());
                    let count = records(&answer);
                    done.fetch_add(count, Ordering::Relaxed);
                    if count == 0 {
                        break;
                    }
                    iterator = text_of(&answer, "NextShardIterator")?;
                }
                Ok(times)
            }));
        }
        Ok(workers)
    }

    /// The time that the server's process has used.
    fn cpu_seconds(&self) -> Result<f64, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.options.pid))?;
        let (_, fields) = stat.rsplit_once(')').ok_or("no process status")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
        Ok(ticks.sum::<Result<f64, _>>()? / TICKS)
    }

    /// The memory that the server's process has resident.
    fn resident_mb(&self) -> Result<f64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.options.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no resident memory")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
    }
}

/// Makes the stream, unless it exists, and waits until it can be used.
pub async fn make_stream(options: &Options) -> Result<(), Failure> {
    let mut connection = Connection::open(options).await?;
    let create = json!({ "StreamName": options.stream, "ShardCount": options.shards });
    // It may exist from a workload before.
    let _ = connection.call(options, "CreateStream", body(options.format, &create)?).await;
    let name = body(options.format, &json!({ "StreamName": options.stream }))?;
    loop {
        let answer = connection.call(options, "DescribeStreamSummary", name.clone()).await?;
        if text(&answer, "StreamStatus") == Some(b"ACTIVE") {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// One connection at work. Returns the time that each call took.
type Worker = std::pin::Pin<Box<dyn Future<Output = Result<Vec<Duration>, Failure>> + Send>>;

fn text_of(answer: &[u8], name: &str) -> Result<String, Failure> {
    let found = text(answer, name).ok_or_else(|| format!("the answer has no {name}"))?;
    Ok(String::from_utf8(found.to_vec())?)
}
