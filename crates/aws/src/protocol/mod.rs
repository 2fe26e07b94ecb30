//! Wire protocols: JSON 1.1, CBOR 1.1, event streams, and the form-and-XML protocol "query".

pub(crate) mod cbor;
pub(crate) mod events;
pub(crate) mod json;
pub(crate) mod query;
mod time;

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

pub(crate) use time::Time;

/// How a request is written, and so its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Json,
    Cbor,
    Query,
}

impl Wire {
    /// How a request with these headers is written.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        if !headers.contains_key("x-amz-target") {
            return Self::Query;
        }
        let kind = headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        match kind.split(';').next().unwrap_or_default().trim() {
            cbor::CONTENT_TYPE | "application/cbor" => Self::Cbor,
            _ => Self::Json,
        }
    }

    /// The media type of bodies.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => json::CONTENT_TYPE,
            Self::Cbor => cbor::CONTENT_TYPE,
            Self::Query => "text/xml",
        }
    }
}

fn respond(request_id: &str, status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id.clone());
        headers.insert("x-amz-id-2", id);
    }
    response
}
