//! AWS JSON 1.1.

use axum::body::Body;
use http::{Response, StatusCode};

use crate::error::AwsError;

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

pub(crate) fn answer(request_id: &str, body: Vec<u8>) -> Response<Body> {
    respond(request_id, StatusCode::OK, body)
}

pub(crate) fn error(request_id: &str, error: &AwsError) -> Response<Body> {
    let body = serde_json::json!({ "__type": error.code, "message": error.message }).to_string();
    respond(request_id, error.status, body.into_bytes())
}

fn respond(request_id: &str, status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    super::query::set_headers(&mut response, CONTENT_TYPE, request_id);
    response
}
