//! An operation: what it takes, what it gives, what it needs to be allowed, how it runs.

use std::future::Future;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use tidemill_iam::Principal;

use crate::Api;
use crate::error::{AwsError, Result};
use crate::protocol::query;

/// One operation of a service.
pub(crate) trait Operation {
    /// `service:Operation`, the action that policies name. The part after the colon is the operation's name.
    const ACTION: &'static str;
    /// What the caller sends.
    type Input: DeserializeOwned + Send + Sync;
    /// What the caller gets.
    type Output: Serialize;

    /// The ARN of what the operation touches.
    fn resource(api: &Api, input: &Self::Input) -> Result<String>;

    /// Does it.
    fn run(api: &Api, input: Self::Input, caller: &Principal) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// A request whose caller is known.
pub(crate) struct Call<'a> {
    pub(crate) api: &'a Api,
    pub(crate) principal: Principal,
    pub(crate) input: Input,
    /// Whether the answer is to be XML.
    pub(crate) xml: bool,
}

/// The parameters of a request.
pub(crate) enum Input {
    Json(Bytes),
    Form(serde_json::Value),
}

/// The body of an answer.
pub(crate) enum Answer {
    Json(Vec<u8>),
    Xml(String),
}

impl Call<'_> {
    /// Runs the operation `O`.
    pub(crate) async fn run<O: Operation>(self) -> Result<Answer> {
        let Self { api, principal, input, xml } = self;
        let input: O::Input = match input {
            Input::Json(bytes) => read_json(&bytes)?,
            Input::Form(value) => serde_json::from_value(value).map_err(|error| missing(&error))?,
        };
        api.authorize(&principal, O::ACTION, &O::resource(api, &input)?).await?;
        let output = O::run(api, input, &principal).await?;
        if xml {
            let name = O::ACTION.split_once(':').map_or(O::ACTION, |(_, name)| name);
            return Ok(Answer::Xml(query::result(O::ACTION, name, &output)?));
        }
        serde_json::to_vec(&output).map(Answer::Json).map_err(AwsError::internal)
    }
}

/// Reads the parameters of a JSON request.
pub(crate) fn read_json<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => AwsError::validation(format!("1 validation error detected: {error}")),
        _ => AwsError::new("SerializationException", error.to_string()),
    })
}

fn missing(error: &serde_json::Error) -> AwsError {
    AwsError::new("ValidationError", error.to_string())
}

/// The error for an operation that the service does not have.
pub(crate) fn unknown_operation(name: &str) -> AwsError {
    AwsError::new("UnknownOperationException", format!("the operation {name} is not supported by this endpoint"))
}

/// An answer without content.
#[derive(Debug, Serialize)]
pub(crate) struct Empty {}

/// Reads a number that a form sends as text.
pub(crate) fn number<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: DeserializeOwned + std::str::FromStr,
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum NumberOrText<T> {
        Number(T),
        Text(String),
    }
    match Option::deserialize(deserializer)? {
        None => Ok(None),
        Some(NumberOrText::Number(number)) => Ok(Some(number)),
        Some(NumberOrText::Text(text)) => {
            text.parse().map(Some).map_err(|_| serde::de::Error::custom(format!("'{text}' is not a number")))
        }
    }
}
