//! `tidemill generate`.

use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tidemill_aws::AwsClient;
use tidemill_clock::{Clock, SystemClock};
use tidemill_generator::{Plan, Template};
use tidemill_iam::AccessKey;
use tokio_util::sync::CancellationToken;

use crate::Failure;
use crate::addresses::Addresses;
use crate::credentials;
use crate::kinesis_sink::KinesisSink;
use crate::options::GenerateOptions;
use crate::serve::wait_for_signal;

/// Sends records until the plan is fulfilled or Ctrl-C.
pub async fn run(options: GenerateOptions) -> Result<(), Failure> {
    let path = options.template.display();
    let text = std::fs::read_to_string(&options.template).map_err(|error| format!("{path}: {error}"))?;
    let template = Template::parse(&text).map_err(|error| format!("{path}: {error}"))?;
    let (endpoint, key) = endpoint(&options)?;
    let client = AwsClient::new(&endpoint, &options.data.region, key);
    let sink = KinesisSink { client, stream: options.stream.clone() };
    let plan =
        Plan { template, rate: options.rate, duration: options.seconds.map(Duration::from_secs), count: options.count };
    let expected = options.count.or(options.seconds.map(|seconds| seconds * u64::from(options.rate)));
    let bar = progress_bar(expected)?;
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    tokio::spawn(async move {
        if wait_for_signal().await.is_ok() {
            stopper.cancel();
        }
    });
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let progress = tidemill_generator::run(&plan, &sink, &clock, &stop, |progress| {
        bar.set_position(progress.sent);
        if let Some(error) = &progress.last_error {
            bar.set_message(format!("{} errors, last: {error}", progress.errors));
        }
    })
    .await;
    bar.finish();
    println!("{} records sent to {}, {} sent again", progress.sent, options.stream, progress.refused);
    match progress.last_error {
        Some(error) if progress.sent == 0 => Err(error.into()),
        _ => Ok(()),
    }
}

fn endpoint(options: &GenerateOptions) -> Result<(String, AccessKey), Failure> {
    let from_environment = || {
        Some(AccessKey {
            id: std::env::var("AWS_ACCESS_KEY_ID").ok()?,
            secret: std::env::var("AWS_SECRET_ACCESS_KEY").ok()?,
        })
    };
    match (&options.endpoint, from_environment()) {
        (Some(endpoint), Some(key)) => Ok((endpoint.clone(), key)),
        (Some(endpoint), None) => Ok((endpoint.clone(), credentials::load(&options.data.data)?)),
        (None, _) => {
            let data = &options.data.data;
            let addresses = Addresses::read(data).map_err(|_| format!("no Tidemill runs on {}", data.display()))?;
            Ok((format!("http://{}", addresses.aws), credentials::load(data)?))
        }
    }
}

fn progress_bar(expected: Option<u64>) -> Result<ProgressBar, Failure> {
    let (bar, template) = match expected {
        Some(length) => (ProgressBar::new(length), "{wide_bar} {pos}/{len} records {per_sec} {msg}"),
        None => (ProgressBar::new_spinner(), "{spinner} {pos} records {per_sec} {msg}"),
    };
    Ok(bar.with_style(ProgressStyle::with_template(template)?))
}
