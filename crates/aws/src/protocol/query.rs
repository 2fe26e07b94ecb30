//! The protocol "query": a form with dotted names in, XML out.

use axum::body::Body;
use http::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{AwsError, Result};

/// The most parts of a parameter's name.
const DEEPEST: usize = 16;

/// Reads a form. `A.member.1.B=x` becomes `{"A": {"member": [{"B": "x"}]}}`.
pub(crate) fn read_form(body: &str) -> Result<Value> {
    let mut root = Value::Object(Map::new());
    for pair in body.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        let path: Vec<_> = name.split('.').collect();
        if path.len() > DEEPEST || !insert(&mut root, &path, value) {
            return Err(AwsError::new("MalformedInput", "a parameter is nested too deeply, or a list has a gap"));
        }
    }
    Ok(root)
}

fn decode(text: &str) -> Result<String> {
    let spaced = text.replace('+', " ");
    let decoded = urlencoding::decode(&spaced).map(|decoded| decoded.into_owned());
    decoded.map_err(|_| AwsError::new("MalformedQueryString", "the request is not a form in UTF-8"))
}

/// Puts a value where its name says. False if that is not the next place of a list.
fn insert(place: &mut Value, path: &[&str], value: String) -> bool {
    let Some((first, rest)) = path.split_first() else {
        *place = Value::String(value);
        return true;
    };
    if let Ok(index @ 1..) = first.parse::<usize>() {
        if !place.is_array() {
            *place = Value::Array(Vec::new());
        }
        let Value::Array(list) = place else { return false };
        if index == list.len() + 1 {
            list.push(Value::Null);
        }
        return list.get_mut(index - 1).is_some_and(|item| insert(item, rest, value));
    }
    if !place.is_object() {
        *place = Value::Object(Map::new());
    }
    let Value::Object(map) = place else { return false };
    insert(map.entry((*first).to_owned()).or_insert(Value::Null), rest, value)
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
    super::respond(request_id, StatusCode::OK, "text/xml", Body::from(body))
}

pub(crate) fn error(request_id: &str, error: &AwsError) -> Response<Body> {
    let kind = if error.status.is_server_error() { "Receiver" } else { "Sender" };
    let (code, message) = (error.code, quick_xml::escape::escape(&error.message));
    let body = format!(
        "<ErrorResponse><Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    );
    super::respond(request_id, error.status, "text/xml", Body::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_nest_without_end_and_lists_with_gaps_are_refused() {
        let deep = format!("Action=X&{}b=1", "a.".repeat(200_000));
        for form in [deep.as_str(), "a.1000=x", "a.1.2=x", "a.0.18446744073709551615=x"] {
            assert_eq!(read_form(form).unwrap_err().code, "MalformedInput");
        }
    }

    #[test]
    fn dotted_names_become_lists_and_objects() {
        let form = read_form("Action=X&Roles.IamRoleArn.1=a%2Fb&Roles.IamRoleArn.2=c+d").unwrap();
        assert_eq!(form, serde_json::json!({"Action": "X", "Roles": {"IamRoleArn": ["a/b", "c d"]}}));
    }
}
