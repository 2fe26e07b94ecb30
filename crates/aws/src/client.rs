//! A small AWS client: signs and sends requests to Tidemill or to AWS itself.

use std::time::SystemTime;

use serde_json::Value;
use tidemill_iam::AccessKey;

use crate::sigv4::{Scope, signature};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The service refused.
    #[error("{code}: {message}")]
    Service {
        /// The service's name of the error.
        code: String,
        /// What it says.
        message: String,
    },
    /// The service could not be reached.
    #[error("{0}")]
    Transport(String),
}

/// A client of one endpoint.
#[derive(Debug, Clone)]
pub struct AwsClient {
    http: reqwest::Client,
    endpoint: String,
    region: String,
    key: AccessKey,
}

impl AwsClient {
    /// A client of `endpoint` (`http://127.0.0.1:4566`) that signs with `key` for `region`.
    pub fn new(endpoint: &str, region: &str, key: AccessKey) -> Self {
        Self {
            http: reqwest::Client::new(),
            endpoint: endpoint.trim_end_matches('/').into(),
            region: region.into(),
            key,
        }
    }

    /// Calls a Kinesis operation.
    pub async fn kinesis(&self, operation: &str, input: &Value) -> Result<Value, ClientError> {
        let target = format!("Kinesis_20131202.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        let (status, body) = self.send("kinesis", &headers, input.to_string()).await?;
        let answer: Value =
            if body.is_empty() { Value::Null } else { serde_json::from_str(&body).map_err(transport)? };
        if status.is_success() {
            return Ok(answer);
        }
        let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Err(ClientError::Service { code: text("__type"), message: text("message") })
    }

    /// Calls an operation of a service that takes forms. Returns the XML of the answer.
    pub async fn query(&self, service: &str, version: &str, form: &[(&str, &str)]) -> Result<String, ClientError> {
        let version = ("Version", version);
        let pairs = form.iter().chain(std::iter::once(&version));
        let body: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", urlencoding::encode(value))).collect();
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let (status, body) = self.send(service, &headers, body.join("&")).await?;
        if status.is_success() {
            return Ok(body);
        }
        let text = |name: &str| element(&body, name).unwrap_or_default().to_owned();
        Err(ClientError::Service { code: text("Code"), message: text("Message") })
    }

    async fn send(
        &self,
        service: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<(http::StatusCode, String), ClientError> {
        let uri = format!("{}/", self.endpoint);
        #[expect(clippy::disallowed_methods, reason = "a request is signed for the time at which it is sent")]
        let scope = Scope { region: &self.region, service, time: SystemTime::now() };
        let signed = signature(&self.key, &scope, "POST", &uri, headers, body.as_bytes());
        let (_, signed) = signed.ok_or_else(|| ClientError::Transport("the request cannot be signed".into()))?;
        let mut request = self.http.post(&uri).body(body);
        for (name, value) in headers.iter().map(|(name, value)| (*name, *value)) {
            request = request.header(name, value);
        }
        for (name, value) in &signed {
            request = request.header(name, value);
        }
        let response = request.send().await.map_err(transport)?;
        let status = response.status();
        Ok((status, response.text().await.map_err(transport)?))
    }
}

/// The text of the first element of this name in an answer of [`AwsClient::query`].
pub fn element<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

fn transport(error: impl std::error::Error) -> ClientError {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        message = format!("{message}: {inner}");
        source = inner.source();
    }
    ClientError::Transport(message)
}
