//! Event streams (`application/vnd.amazon.eventstream`): frames of an answer that goes on.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use axum::body::Body;
use bytes::Bytes;
use http::{Response, StatusCode};

use super::Wire;
use crate::error::{AwsError, Result};

const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// The frame of an event; its payload is written as the request was.
pub(crate) fn event(wire: Wire, kind: &'static str, payload: Vec<u8>) -> Result<Bytes> {
    frame(wire, [(":message-type", "event"), (":event-type", kind)], payload)
}

/// The frame of an error that ends the stream.
pub(crate) fn exception(wire: Wire, error: &AwsError) -> Result<Bytes> {
    let body = serde_json::json!({ "message": error.message });
    let payload = match wire {
        Wire::Cbor => super::cbor::write(&body)?,
        Wire::Json | Wire::Query => body.to_string().into_bytes(),
    };
    // The one exception that is called otherwise here.
    let code = if error.code == "InternalFailure" { "InternalFailureException" } else { error.code };
    frame(wire, [(":message-type", "exception"), (":exception-type", code)], payload)
}

fn frame(wire: Wire, names: [(&'static str, &'static str); 2], payload: Vec<u8>) -> Result<Bytes> {
    let content_type = (":content-type", wire.content_type());
    let header = |(name, value): (&'static str, &'static str)| Header::new(name, HeaderValue::String(value.into()));
    let headers = names.into_iter().chain([content_type]).map(header).collect();
    let mut bytes = Vec::new();
    write_message_to(&Message::new_from_parts(headers, payload), &mut bytes).map_err(AwsError::internal)?;
    Ok(bytes.into())
}

pub(crate) fn answer(request_id: &str, body: Body) -> Response<Body> {
    super::respond(request_id, StatusCode::OK, CONTENT_TYPE, body)
}
