//! `/metrics`: what Prometheus scrapes, in the OpenMetrics text format.

use std::fmt;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tidemill_aws::Api;

use crate::App;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers a scrape. Another machine has to give an access key, by HTTP's basic authentication.
pub(crate) async fn serve(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    if !peer.ip().is_loopback() && !has_access_key(&app.api, &headers) {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"tidemill\"")]).into_response();
    }
    let mut registry = Registry::with_prefix("tidemill");
    registry.register_collector(Box::new(Scrape { api: app.api }));
    let mut body = String::new();
    match text::encode(&mut body, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn has_access_key(api: &Api, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|given| given.to_str().ok()?.strip_prefix("Basic "));
    let decoded = given.and_then(|given| base64_simd::STANDARD.decode_to_vec(given).ok());
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let Some((id, secret)) = text.split_once(':') else { return false };
    api.iam.access_key(id).is_some_and(|(known, _)| known == secret)
}

/// What is true at the moment of a scrape.
struct Scrape {
    api: Api,
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStream {
    stream: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfView {
    cluster: String,
    schema: String,
    view: String,
    stream: String,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let streams: Vec<_> = self.api.streams.list();
        let of = |stream: &tidemill_stream::Stream| OfStream { stream: stream.name().to_string() };
        let counters = || streams.iter().map(|stream| (of(stream), stream.metrics()));
        family(&mut encoder, "records_in", "Records put", counters().map(|(of, m)| (of, m.records_in.clone())))?;
        family(
            &mut encoder,
            "bytes_in",
            "Bytes of keys and data put",
            counters().map(|(of, m)| (of, m.bytes_in.clone())),
        )?;
        family(&mut encoder, "records_out", "Records read", counters().map(|(of, m)| (of, m.records_out.clone())))?;
        family(
            &mut encoder,
            "bytes_out",
            "Bytes of keys and data read",
            counters().map(|(of, m)| (of, m.bytes_out.clone())),
        )?;
        let commits = counters().map(|(of, m)| (of, m.commit_seconds.clone()));
        family(&mut encoder, "commit_seconds", "Time of a group commit", commits)?;
        let gauge = |value: usize| ConstGauge::new(value as u64);
        let bytes = streams.iter().map(|stream| (of(stream), gauge(stream.queued().0)));
        family(&mut encoder, "queued_bytes", "Bytes of records that wait to be written", bytes)?;
        let appends = streams.iter().map(|stream| (of(stream), gauge(stream.queued().1)));
        family(&mut encoder, "queued_appends", "Requests that wait to be written", appends)?;
        let shards = streams.iter().map(|stream| (of(stream), gauge(stream.shards().open().len())));
        family(&mut encoder, "open_shards", "Open shards", shards)?;
        let lags = self.api.clusters.view_lags().into_iter().map(|lag| {
            let of = OfView { cluster: lag.cluster, schema: lag.schema, view: lag.view, stream: lag.stream };
            (of, ConstGauge::new(lag.records))
        });
        family(&mut encoder, "view_lag_records", "Records of its stream that a view does not show yet", lags)
    }
}

/// Writes one metric, once for each set of labels.
fn family<L: EncodeLabelSet, M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metrics: impl Iterator<Item = (L, M)>,
) -> fmt::Result {
    let mut metrics = metrics.peekable();
    let kind = metrics.peek().map_or(MetricType::Unknown, |(_, metric)| metric.metric_type());
    if metrics.peek().is_none() {
        return Ok(());
    }
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    metrics.try_for_each(|(labels, metric)| metric.encode(family.encode_family(&labels)?))
}
