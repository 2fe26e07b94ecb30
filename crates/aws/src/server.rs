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
use crate::protocol::{json, query};
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
    let speaks_query = !head.headers.contains_key("x-amz-target");
    match answer(&api, &head, body).await {
        Ok(Answer::Json(body)) => json::answer(&id, body),
        Ok(Answer::Xml(body)) => query::answer(&id, body),
        Err(error) if speaks_query => query::error(&id, &error),
        Err(error) => json::error(&id, &error),
    }
}

async fn answer(api: &Api, head: &Parts, body: Body) -> Result<Answer> {
    let body = to_bytes(body, LARGEST_BODY)
        .await
        .map_err(|_| AwsError::validation("the request is larger than a request can be"))?;
    let target = head.headers.get("x-amz-target").map(|target| target.to_str().unwrap_or_default());
    let authorization = Authorization::read(&head.headers).ok_or_else(|| missing(target.is_none()))?;
    let principal = authorization.verify(&api.iam, api.clock.now(), head, &body)?;
    let unknown =
        || AwsError::new("UnknownOperationException", format!("there is no service {}", authorization.service));
    let service = Service::of_scope(authorization.service).ok_or_else(unknown)?;
    let (operation, input) = read(target, head, body)?;
    api.dispatch(service, &operation, Call { api, principal, input, xml: target.is_none() }).await
}

/// The operation that a request names, and its parameters.
fn read(target: Option<&str>, head: &Parts, body: Bytes) -> Result<(String, Input)> {
    if let Some(target) = target {
        let operation = target.rsplit_once('.').map_or(target, |(_, operation)| operation);
        return Ok((operation.to_owned(), Input::Json(body)));
    }
    let text =
        std::str::from_utf8(&body).map_err(|_| AwsError::new("MalformedQueryString", "the request is not UTF-8"))?;
    let text = if text.is_empty() { head.uri.query().unwrap_or_default() } else { text };
    let form = query::read_form(text)?;
    let operation = form.get("Action").and_then(|action| action.as_str()).map(str::to_owned);
    let operation = operation.ok_or_else(|| AwsError::new("MissingAction", "the request names no action"))?;
    Ok((operation, Input::Form(form)))
}
