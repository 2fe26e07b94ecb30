//! The warehouse: clusters, and SQL from text to rows.
//!
//! It owns clusters, their catalog and files, streaming views and their refresh, Redshift's functions and types,
//! users and system views. It knows nothing of sockets or HTTP: `postgres` gives its clusters endpoints.
//!
//! The folders follow the way of a statement and of a record:
//! `sql` → `plan` → `functions` → `views` → `storage` → `system`, with `session` and `cluster` at the top.

mod cluster;
mod clusters;
mod error;
mod functions;
mod memory;
mod plan;
mod session;
mod settings;
mod sql;
mod statements;
mod storage;
mod system;
mod types;
mod views;

pub use cluster::Cluster;
pub use clusters::{ClusterError, ClusterInfo, Clusters, DEFAULT_PORT, Endpoints, NewCluster, StorageSettings};
pub use error::{ErrorKind, Result, SqlError};
pub use functions::{float_text, interval_text, time_text, timestamp_text};
pub use plan::Parameter;
pub use session::{Description, Outcome, Prepared, Session, TransactionState};
pub use sql::shown_name;
pub use types::SqlType;
pub use views::{RefreshLimits, Roles, ViewLag};
