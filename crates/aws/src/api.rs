//! What the operations work on, and the calling of one for a caller that is known.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use tidemill_clock::Clock;
use tidemill_iam::{Account, Decision, Iam, Principal, Request};
use tidemill_stream::Streams;
use tidemill_warehouse::Clusters;

use crate::error::{AwsError, Result, from_iam};
use crate::operation::{Answer, Call, Input};
use crate::protocol::Wire;
use crate::{iam, kinesis, redshift, sts};

/// The services of one account.
#[derive(Clone)]
pub struct Api {
    /// Identities.
    pub iam: Arc<Iam>,
    /// Streams.
    pub streams: Arc<Streams>,
    /// What Kinesis counts and remembers besides streams.
    pub kinesis: Arc<kinesis::Front>,
    /// Clusters.
    pub clusters: Arc<Clusters>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// A service, by the name in a signature's scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Kinesis,
    Iam,
    Sts,
    Redshift,
}

impl Service {
    pub(crate) fn of_scope(name: &str) -> Option<Self> {
        Some(match name {
            "kinesis" => Self::Kinesis,
            "iam" => Self::Iam,
            "sts" => Self::Sts,
            "redshift" => Self::Redshift,
            _ => return None,
        })
    }

    /// Whether requests are forms and answers XML.
    pub(crate) fn speaks_query(self) -> bool {
        !matches!(self, Self::Kinesis)
    }
}

impl Api {
    /// Calls an operation of a service for `principal`, with JSON for input and output: for callers in this process.
    pub async fn call(&self, service: &str, operation: &str, principal: Principal, input: &Value) -> Result<Value> {
        let unknown = || AwsError::new("UnknownOperationException", format!("there is no service {service}"));
        let service = Service::of_scope(service).ok_or_else(unknown)?;
        let input = Input::Json(Bytes::from(input.to_string()));
        let call = Call { api: self, principal, input, wire: Wire::Json };
        match self.dispatch(service, operation, call).await? {
            Answer::Json(bytes) if bytes.is_empty() => Ok(Value::Null),
            Answer::Json(bytes) => serde_json::from_slice(&bytes).map_err(AwsError::internal),
            _ => Err(unsupported_here(operation)),
        }
    }

    pub(crate) async fn dispatch(&self, service: Service, operation: &str, call: Call<'_>) -> Result<Answer> {
        match service {
            Service::Kinesis => kinesis::dispatch(operation, call).await,
            Service::Iam => iam::dispatch(operation, call).await,
            Service::Sts => sts::dispatch(operation, call).await,
            Service::Redshift => redshift::dispatch(operation, call).await,
        }
    }

    pub(crate) fn account(&self) -> &Account {
        self.iam.account()
    }

    /// Refuses what the caller's policies, and that of the resource if it has one, do not allow.
    pub(crate) async fn authorize(&self, principal: &Principal, action: &str, resource: &str) -> Result<()> {
        let request = Request::new(action, resource).with_context("aws:RequestedRegion", &self.account().region);
        let policy = kinesis::resource_policy(self, action, resource)?;
        match self.iam.authorize_on(principal, &request, policy.as_ref()).await.map_err(from_iam)? {
            Decision::Allow => Ok(()),
            Decision::Deny => {
                let message = format!("User is not authorized to perform: {action} on resource: {resource}");
                Err(AwsError::new("AccessDeniedException", message).with_status(StatusCode::BAD_REQUEST))
            }
        }
    }
}

fn unsupported_here(operation: &str) -> AwsError {
    AwsError::new("UnknownOperationException", format!("{operation} answers with more than JSON can say"))
}
