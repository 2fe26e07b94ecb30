//! The page's generator: it runs on the server, through the same operation as any producer.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidemill_aws::Api;
use tidemill_clock::Clock;
use tidemill_generator::{Plan, Progress, Record, Sink, Template};
use tidemill_iam::Principal;
use tokio_util::sync::CancellationToken;

use crate::App;

/// Records of a test.
const SAMPLES: usize = 5;

/// At most one generator runs at a time.
pub(crate) struct Generator {
    api: Api,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    /// The last run. Held to look at it or to replace it.
    run: Arc<Mutex<Option<Run>>>,
}

struct Run {
    stream: String,
    rate: u32,
    progress: Progress,
    running: bool,
    stop: CancellationToken,
}

/// What the page shows of a run.
#[derive(Serialize)]
pub(crate) struct Status {
    running: bool,
    stream: Option<String>,
    rate: u32,
    sent: u64,
    refused: u64,
    errors: u64,
    last_error: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct StartInput {
    stream: String,
    rate: u32,
    template: String,
}

#[derive(Deserialize)]
pub(crate) struct TestInput {
    template: String,
}

struct Operation {
    api: Api,
    stream: String,
}

#[async_trait]
impl Sink for Operation {
    async fn send(&self, records: &[Record]) -> Result<Vec<usize>, String> {
        let entry = |record: &Record| {
            let data = base64_simd::STANDARD.encode_to_string(record.data.as_bytes());
            json!({ "Data": data, "PartitionKey": record.key })
        };
        let input = json!({ "StreamName": self.stream, "Records": records.iter().map(entry).collect::<Vec<Value>>() });
        let sent = self.api.call("kinesis", "PutRecords", Principal::Root, &input).await;
        sent.map(|_| Vec::new()).map_err(|error| error.to_string())
    }
}

impl Generator {
    pub(crate) fn new(api: Api, clock: Arc<dyn Clock>, stop: CancellationToken) -> Self {
        Self { api, clock, stop, run: Arc::default() }
    }

    fn start(&self, input: StartInput) -> Result<(), String> {
        let template = Template::parse(&input.template).map_err(|error| error.to_string())?;
        if input.rate == 0 {
            return Err("the rate must be at least one record a second".into());
        }
        let stop = self.stop.child_token();
        let run = Run {
            stream: input.stream.clone(),
            rate: input.rate,
            progress: Progress::default(),
            running: true,
            stop: stop.clone(),
        };
        {
            let mut current = self.run.lock().unwrap_or_else(PoisonError::into_inner);
            if current.as_ref().is_some_and(|run| run.running) {
                return Err("the generator is running already".into());
            }
            *current = Some(run);
        }
        let plan = Plan { template, rate: input.rate, duration: None, count: None };
        let sink = Operation { api: self.api.clone(), stream: input.stream };
        let (clock, shared) = (Arc::clone(&self.clock), Arc::clone(&self.run));
        tokio::spawn(async move {
            let report = |progress: &Progress| update(&shared, |run| run.progress = progress.clone());
            let progress = tidemill_generator::run(&plan, &sink, &clock, &stop, report).await;
            update(&shared, |run| {
                run.progress = progress;
                run.running = false;
            });
        });
        Ok(())
    }

    fn status(&self) -> Status {
        let run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = run.as_ref().map(|run| run.progress.clone()).unwrap_or_default();
        Status {
            running: run.as_ref().is_some_and(|run| run.running),
            stream: run.as_ref().map(|run| run.stream.clone()),
            rate: run.as_ref().map_or(0, |run| run.rate),
            sent: progress.sent,
            refused: progress.refused,
            errors: progress.errors,
            last_error: progress.last_error,
        }
    }
}

fn update(run: &Mutex<Option<Run>>, change: impl FnOnce(&mut Run)) {
    if let Some(run) = run.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        change(run);
    }
}

/// How the last run goes.
pub(crate) async fn status(State(app): State<App>) -> Json<Status> {
    Json(app.generator.status())
}

/// Starts sending.
pub(crate) async fn start(State(app): State<App>, Json(input): Json<StartInput>) -> Response {
    match app.generator.start(input) {
        Ok(()) => Json(app.generator.status()).into_response(),
        Err(message) => (StatusCode::BAD_REQUEST, Json(json!({ "message": message }))).into_response(),
    }
}

/// Stops sending.
pub(crate) async fn stop(State(app): State<App>) -> Json<Status> {
    update(&app.generator.run, |run| run.stop.cancel());
    Json(app.generator.status())
}

/// A few records of a template.
pub(crate) async fn test(State(app): State<App>, Json(input): Json<TestInput>) -> Response {
    match Template::parse(&input.template) {
        Ok(template) => {
            let now = app.generator.clock.now();
            let samples: Vec<String> = (0..SAMPLES).map(|_| template.render(now)).collect();
            Json(json!({ "records": samples })).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "message": error.to_string() }))).into_response(),
    }
}
