//! AWS JSON 1.1.

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::error::{AwsError, Result};

pub(crate) const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// Reads a request.
pub(crate) fn read(bytes: &[u8]) -> Result<Value> {
    if bytes.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(bytes).map_err(malformed)
}

/// The error for bytes that are no JSON of the expected shape.
pub(crate) fn malformed(error: serde_json::Error) -> AwsError {
    AwsError::serialization(error.to_string())
}

pub(crate) fn answer(request_id: &str, body: Vec<u8>) -> Response<Body> {
    super::respond(request_id, StatusCode::OK, CONTENT_TYPE, Body::from(body))
}

pub(crate) fn error(request_id: &str, error: &AwsError) -> Response<Body> {
    super::respond(request_id, error.status, CONTENT_TYPE, Body::from(error_body(error).to_string()))
}

/// The body of an error.
pub(crate) fn error_body(error: &AwsError) -> Value {
    // Kinesis: the one error with a capital letter.
    let message = if error.code == "SerializationException" { "Message" } else { "message" };
    json!({ "__type": error.code, message: error.message })
}
