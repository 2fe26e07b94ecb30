//! One port for all services: which service a request is for, who sends it, and its answer.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::Request;
use http::request::Parts;

use crate::Api;
use crate::api::Service;
use crate::error::{AwsError, Result};
use crate::operation::{Answer, Call, Input};
use crate::protocol::{Wire, cbor, events, json, query};
use crate::sigv4::{Authorization, missing};

/// The largest request: a full PutRecords in base64, with room for its keys.
const LARGEST_BODY: usize = 16 << 20;

/// The services as an HTTP application, whatever the path.
pub fn router(api: Api) -> Router {
    Router::new().fallback(handle).with_state(api)
}

async fn handle(State(api): State<Api>, request: Request<Body>) -> impl IntoResponse {
    let (head, body) = request.into_parts();
    let id = uuid::Uuid::new_v4().to_string();
    let wire = Wire::of(&head.headers);
    match answer(&api, wire, &head, body).await {
        Ok(Answer::Json(body)) => json::answer(&id, body),
        Ok(Answer::Cbor(body)) => cbor::answer(&id, body),
        Ok(Answer::Xml(body)) => query::answer(&id, body),
        Ok(Answer::Events(body)) => events::answer(&id, body),
        Err(error) => {
            tracing::debug!(request = id, code = error.code, message = error.message, "refused");
            match wire {
                Wire::Json => json::error(&id, &error),
                Wire::Cbor => cbor::error(&id, &error),
                Wire::Query => query::error(&id, &error),
            }
        }
    }
}

async fn answer(api: &Api, wire: Wire, head: &Parts, body: Body) -> Result<Answer> {
    let authorization = Authorization::read(&head.headers).ok_or_else(|| missing(wire == Wire::Query))?;
    let body = to_bytes(body, LARGEST_BODY)
        .await
        .map_err(|_| AwsError::validation("the request is larger than a request can be"))?;
    let principal = authorization.verify(&api.iam, api.clock.now(), head, &body)?;
    let unknown =
        || AwsError::new("UnknownOperationException", format!("there is no service {}", authorization.service));
    let service = Service::of_scope(authorization.service).ok_or_else(unknown)?;
    let (operation, input) = read(wire, head, body)?;
    api.dispatch(service, &operation, Call { api, principal, input, wire }).await
}

/// The operation that a request names, and its parameters.
fn read(wire: Wire, head: &Parts, body: Bytes) -> Result<(String, Input)> {
    let input = match wire {
        Wire::Json => Input::Json(body),
        Wire::Cbor => Input::Cbor(body),
        Wire::Query => return read_form(head, &body),
    };
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit_once('.').map_or(target, |(_, operation)| operation);
    Ok((operation.to_owned(), input))
}

fn read_form(head: &Parts, body: &[u8]) -> Result<(String, Input)> {
    let text =
        std::str::from_utf8(body).map_err(|_| AwsError::new("MalformedQueryString", "the request is not UTF-8"))?;
    let text = if text.is_empty() { head.uri.query().unwrap_or_default() } else { text };
    let form = query::read_form(text)?;
    let operation = form.get("Action").and_then(|action| action.as_str()).map(str::to_owned);
    let operation = operation.ok_or_else(|| AwsError::new("MissingAction", "the request names no action"))?;
    Ok((operation, Input::Form(form)))
}
