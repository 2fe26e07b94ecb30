//! Sending records at a rate.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rand::Rng;
use tidemill_clock::Clock;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Template;

/// How often due records are sent.
const TICK: Duration = Duration::from_millis(100);
/// Records of one request (Kinesis: PutRecords).
const BATCH: usize = 500;
/// Records that may wait to be sent again before no more are made.
const MOST_WAITING: usize = 20 * BATCH;

/// A record to send.
#[derive(Debug, Clone)]
pub struct Record {
    /// A random partition key.
    pub key: String,
    /// The rendered template and a line break, as the Kinesis Data Generator sends it.
    pub data: String,
}

/// Where records go.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Sends records. Returns the places of those that were refused; the error is that of a request that failed whole.
    async fn send(&self, records: &[Record]) -> Result<Vec<usize>, String>;
}

/// What to send.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What a record looks like.
    pub template: Template,
    /// Records a second.
    pub rate: u32,
    /// Stop after so long.
    pub duration: Option<Duration>,
    /// Stop after so many records.
    pub count: Option<u64>,
}

/// How far a run has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records that were acknowledged.
    pub sent: u64,
    /// Records that were refused; each is sent again.
    pub refused: u64,
    /// Requests that failed whole; their records are sent again.
    pub errors: u64,
    /// The last of those failures.
    pub last_error: Option<String>,
}

/// Sends records until the plan is fulfilled or `stop` is given. `report` is told each change.
pub async fn run(
    plan: &Plan,
    sink: &dyn Sink,
    clock: &Arc<dyn Clock>,
    stop: &CancellationToken,
    mut report: impl FnMut(&Progress) + Send,
) -> Progress {
    let mut progress = Progress::default();
    let mut waiting: VecDeque<Record> = VecDeque::new();
    let (started, mut made) = (Instant::now(), 0_u64);
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stop.cancelled() => return progress,
        }
        let elapsed = plan.duration.map_or(started.elapsed(), |duration| started.elapsed().min(duration));
        let due = (elapsed.as_secs_f64() * f64::from(plan.rate)) as u64;
        let due = plan.count.map_or(due, |count| due.min(count));
        while made < due && waiting.len() < MOST_WAITING {
            waiting.push_back(record(&plan.template, &**clock));
            made += 1;
        }
        while !waiting.is_empty() && !stop.is_cancelled() {
            let healthy = send_some(&mut waiting, sink, &mut progress).await;
            report(&progress);
            if !healthy {
                break;
            }
        }
        let over = plan.duration.is_some_and(|duration| started.elapsed() >= duration);
        let complete = plan.count.is_some_and(|count| made >= count);
        if waiting.is_empty() && (over || complete) {
            return progress;
        }
    }
}

/// Sends one batch. False if something has to be sent again.
async fn send_some(waiting: &mut VecDeque<Record>, sink: &dyn Sink, progress: &mut Progress) -> bool {
    let batch: Vec<Record> = waiting.drain(..waiting.len().min(BATCH)).collect();
    match sink.send(&batch).await {
        Ok(refused) => {
            progress.sent += (batch.len() - refused.len()) as u64;
            progress.refused += refused.len() as u64;
            let again = refused.iter().filter_map(|place| batch.get(*place).cloned());
            waiting.extend(again);
            refused.is_empty()
        }
        Err(error) => {
            progress.errors += 1;
            progress.last_error = Some(error);
            waiting.extend(batch);
            false
        }
    }
}

fn record(template: &Template, clock: &dyn Clock) -> Record {
    let key: u64 = rand::rng().random_range(0..10_000_000_000);
    Record { key: key.to_string(), data: format!("{}\n", template.render(clock.now())) }
}
