//! Requests to Kinesis in JSON and CBOR, signed as they have to be: none is answered with an internal failure.
#![no_main]

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use libfuzzer_sys::fuzz_target;
use sqlx::sqlite::SqlitePoolOptions;
use tidemill_aws::{Api, Kinesis, Scope};
use tidemill_clock::{Clock, Random, SimulatedDisk, SystemClock, SystemRandom};
use tidemill_iam::{AccessKey, Account, Iam};
use tidemill_stream::{Machine, Streams};
use tidemill_warehouse::{Cluster, Clusters, Endpoints, StorageSettings};
use tokio::runtime::Runtime;
use tower::ServiceExt;

const OPERATIONS: [&str; 39] = [
    "AddTagsToStream",
    "CreateStream",
    "DecreaseStreamRetentionPeriod",
    "DeleteResourcePolicy",
    "DeleteStream",
    "DeregisterStreamConsumer",
    "DescribeAccountSettings",
    "DescribeLimits",
    "DescribeStream",
    "DescribeStreamConsumer",
    "DescribeStreamSummary",
    "DisableEnhancedMonitoring",
    "EnableEnhancedMonitoring",
    "GetRecords",
    "GetResourcePolicy",
    "GetShardIterator",
    "IncreaseStreamRetentionPeriod",
    "ListShards",
    "ListStreamConsumers",
    "ListStreams",
    "ListTagsForResource",
    "ListTagsForStream",
    "MergeShards",
    "PutRecord",
    "PutRecords",
    "PutResourcePolicy",
    "RegisterStreamConsumer",
    "RemoveTagsFromStream",
    "SplitShard",
    "StartStreamEncryption",
    "StopStreamEncryption",
    "SubscribeToShard",
    "TagResource",
    "UntagResource",
    "UpdateAccountSettings",
    "UpdateMaxRecordSize",
    "UpdateStreamMode",
    "UpdateStreamRecordDistributionStrategy",
    "UpdateStreamWarmThroughput",
];

struct Service {
    runtime: Runtime,
    router: Router,
    key: AccessKey,
}

/// No cluster is made here, so none listens.
struct NoEndpoints;

#[async_trait]
impl Endpoints for NoEndpoints {
    async fn open(&self, _: Arc<Cluster>, port: u16) -> std::io::Result<SocketAddr> {
        Ok(([127, 0, 0, 1], port).into())
    }

    async fn close(&self, _: SocketAddr) {}
}

static SERVICE: LazyLock<Service> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let key = AccessKey { id: "AKIDEXAMPLE".into(), secret: "secret".into() };
    let api = runtime.block_on(api(key.clone())).expect("the services");
    Service { runtime, router: tidemill_aws::router(api), key }
});

async fn api(key: AccessKey) -> Result<Api, Box<dyn std::error::Error>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let options = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let control = options.connect("sqlite::memory:").await?;
    let account = Account { id: "000000000000".into(), region: "us-east-1".into() };
    let iam = Arc::new(Iam::open(control.clone(), account, key, Arc::clone(&clock), Arc::clone(&random)).await?);
    let machine =
        Machine { clock: Arc::clone(&clock), disk: Arc::new(SimulatedDisk::default()), random: Arc::clone(&random) };
    let streams = Streams::open(control.clone(), "/streams".into(), machine.clone(), Duration::ZERO).await?;
    let kinesis = Arc::new(Kinesis::new(false));
    let clusters_dir = tempfile::tempdir()?.keep();
    let (of_iam, of_streams) = (Arc::clone(&iam), Arc::clone(&streams));
    let clusters = Clusters::open(
        control,
        clusters_dir,
        of_iam,
        of_streams,
        StorageSettings::default(),
        machine,
        Arc::new(NoEndpoints),
    )
    .await?;
    Ok(Api { iam, streams, kinesis, clusters, clock })
}

// The first byte names the operation, the second the protocol.
fuzz_target!(|input: &[u8]| {
    let [operation, protocol, body @ ..] = input else { return };
    let operation = OPERATIONS[usize::from(*operation) % OPERATIONS.len()];
    let content_type = if protocol % 2 == 0 { "application/x-amz-json-1.1" } else { "application/x-amz-cbor-1.1" };
    let target = format!("Kinesis_20131202.{operation}");
    let headers = [("content-type", content_type), ("x-amz-target", target.as_str())];
    let scope = Scope { region: "us-east-1", service: "kinesis", time: now() };
    let uri = "http://127.0.0.1/";
    let signed = tidemill_aws::signature(&SERVICE.key, &scope, "POST", uri, &headers, body);
    let (_, signed) = signed.expect("a signature");
    let mut request = http::Request::post("/").header("host", "127.0.0.1");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    for (name, value) in &signed {
        request = request.header(name, value);
    }
    let request = request.body(Body::from(body.to_vec())).expect("a request");
    let response = SERVICE.runtime.block_on(SERVICE.router.clone().oneshot(request)).expect("an answer");
    assert!(!response.status().is_server_error(), "{operation} was answered {}", response.status());
});

#[expect(clippy::disallowed_methods, reason = "a request is signed for the time at which it is sent")]
fn now() -> SystemTime {
    SystemTime::now()
}
