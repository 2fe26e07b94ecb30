//! The warehouse's endpoints: PostgreSQL's wire protocol as Redshift speaks it.
//!
//! It owns the protocol, authentication, TLS and types on the wire. It does not know how a query runs.

mod auth;
mod connection;
mod encode;
mod errors;
mod parameters;
mod server;
mod tls;

pub use encode::text as value_text;
pub use server::Listeners;
pub use tls::TlsIdentity;
