//! The AWS front: wire protocols, signatures, policies, and one file for each operation.
//!
//! It calls `iam`, `stream` and `warehouse`; it knows nothing of SQL's insides or of log formats.

mod api;
mod client;
mod error;
mod iam;
mod kinesis;
mod model;
mod operation;
mod protocol;
mod redshift;
mod server;
mod sigv4;
mod sts;

pub use api::Api;
pub use client::{AwsClient, ClientError, element};
pub use error::AwsError;
pub use kinesis::Front as Kinesis;
pub use server::router;
pub use sigv4::{Scope, signature};
