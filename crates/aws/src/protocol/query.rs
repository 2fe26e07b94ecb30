//! The protocol "query": a form with dotted names in, XML out.

use axum::body::Body;
use http::{HeaderValue, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{AwsError, Result};

/// Reads a form. `A.member.1.B=x` becomes `{"A": {"member": [{"B": "x"}]}}`.
pub(crate) fn read_form(body: &str) -> Result<Value> {
    let mut root = Value::Object(Map::new());
    for pair in body.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        insert(&mut root, &name.split('.').collect::<Vec<_>>(), value);
    }
    Ok(root)
}

fn decode(text: &str) -> Result<String> {
    let spaced = text.replace('+', " ");
    let decoded = urlencoding::decode(&spaced).map(|decoded| decoded.into_owned());
    decoded.map_err(|_| AwsError::new("MalformedQueryString", "the request is not a form in UTF-8"))
}

fn insert(place: &mut Value, path: &[&str], value: String) {
    let Some((first, rest)) = path.split_first() else {
        *place = Value::String(value);
        return;
    };
    if let Some(index) = first.parse::<usize>().ok().filter(|index| (1..=1000).contains(index)) {
        if !place.is_array() {
            *place = Value::Array(Vec::new());
        }
        if let Value::Array(list) = place {
            if list.len() < index {
                list.resize(index, Value::Null);
            }
            insert(&mut list[index - 1], rest, value);
        }
        return;
    }
    if !place.is_object() {
        *place = Value::Object(Map::new());
    }
    if let Value::Object(map) = place {
        insert(map.entry((*first).to_owned()).or_insert(Value::Null), rest, value);
    }
}

/// The answer of the operation `name`.
pub(crate) fn result(action: &str, name: &str, output: &impl Serialize) -> Result<String> {
    let content = quick_xml::se::to_string_with_root(&format!("{name}Result"), output).map_err(AwsError::internal)?;
    let namespace = namespace(action);
    let id = uuid::Uuid::new_v4();
    Ok(format!(
        "<{name}Response xmlns=\"{namespace}\">{content}<ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></{name}Response>"
    ))
}

fn namespace(action: &str) -> &'static str {
    match action.split_once(':').map_or("", |(service, _)| service) {
        "iam" => "https://iam.amazonaws.com/doc/2010-05-08/",
        "sts" => "https://sts.amazonaws.com/doc/2011-06-15/",
        _ => "http://redshift.amazonaws.com/doc/2012-12-01/",
    }
}

pub(crate) fn answer(request_id: &str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    set_headers(&mut response, "text/xml", request_id);
    response
}

pub(crate) fn error(request_id: &str, error: &AwsError) -> Response<Body> {
    let kind = if error.status.is_server_error() { "Receiver" } else { "Sender" };
    let (code, message) = (error.code, quick_xml::escape::escape(&error.message));
    let body = format!(
        "<ErrorResponse><Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    );
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = error.status;
    set_headers(&mut response, "text/xml", request_id);
    response
}

pub(super) fn set_headers(response: &mut Response<Body>, content_type: &'static str, request_id: &str) {
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id.clone());
        headers.insert("x-amz-id-2", id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_names_become_lists_and_objects() {
        let form = read_form("Action=X&Roles.IamRoleArn.1=a%2Fb&Roles.IamRoleArn.2=c+d").unwrap();
        assert_eq!(form, serde_json::json!({"Action": "X", "Roles": {"IamRoleArn": ["a/b", "c d"]}}));
    }
}
