//! An operation: what it takes, what it gives, what it needs to be allowed, how it runs.

use std::future::Future;

use axum::body::Body;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tidemill_iam::Principal;

use crate::Api;
use crate::error::{AwsError, Result};
use crate::model::{self, Member};
use crate::protocol::{Wire, cbor, json, query};

/// One operation of a service.
pub(crate) trait Operation {
    /// `service:Operation`, the action that policies name. The part after the colon is the operation's name.
    const ACTION: &'static str;
    /// What the service's model demands of the input, where the service checks it.
    const MEMBERS: &'static [Member] = &[];
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
    /// How the answer is to be written.
    pub(crate) wire: Wire,
}

/// The parameters of a request.
pub(crate) enum Input {
    Json(Bytes),
    Cbor(Bytes),
    Form(Value),
}

/// The body of an answer.
pub(crate) enum Answer {
    Json(Vec<u8>),
    Cbor(Vec<u8>),
    Xml(String),
    Events(Body),
}

impl Call<'_> {
    /// Runs the operation `O`.
    pub(crate) async fn run<O: Operation>(self) -> Result<Answer> {
        let Self { api, principal, input, wire } = self;
        let input: O::Input = input.read(O::MEMBERS)?;
        api.authorize(&principal, O::ACTION, &O::resource(api, &input)?).await?;
        let output = O::run(api, input, &principal).await?;
        match wire {
            Wire::Json => serde_json::to_vec(&output).map(Answer::Json).map_err(AwsError::internal),
            Wire::Cbor => cbor::write(&output).map(Answer::Cbor),
            Wire::Query => {
                let name = O::ACTION.split_once(':').map_or(O::ACTION, |(_, name)| name);
                Ok(Answer::Xml(query::result(O::ACTION, name, &output)?))
            }
        }
    }
}

impl Input {
    /// Checks the parameters against the service's model and reads them.
    pub(crate) fn read<T: DeserializeOwned>(&self, members: &[Member]) -> Result<T> {
        let value = match self {
            Self::Json(bytes) => json::read(bytes)?,
            Self::Cbor(bytes) => cbor::read(bytes)?,
            Self::Form(value) => return T::deserialize(value).map_err(|error| missing(&error)),
        };
        model::check(&value, members)?;
        serde_json::from_value(value).map_err(json::malformed)
    }
}

fn missing(error: &serde_json::Error) -> AwsError {
    AwsError::new("ValidationError", error.to_string())
}

/// The error for an operation that the service does not have.
pub(crate) fn unknown_operation(name: &str) -> AwsError {
    AwsError::new("UnknownOperationException", format!("the operation {name} is not supported by this endpoint"))
}

/// The error with which a request that only asks whether it would succeed does so.
pub(crate) fn would_succeed() -> AwsError {
    AwsError::new("DryRunOperationException", "Request would have succeeded, but DryRun flag is set.")
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
