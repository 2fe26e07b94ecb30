//! The catalog as rows: each change of a snapshot written to, and snapshots read from, the DuckLake tables and
//! Tidemill's own beside them. One SQL text for SQLite and PostgreSQL.

mod activity;
mod description;
mod history;
mod load;
mod record;

pub(in crate::storage) use activity::{load_events, save_events};
pub(in crate::storage) use history::History;
pub(in crate::storage) use load::Loader;
pub(in crate::storage) use record::{Entry, Record};

use crate::error::{ErrorKind, SqlError};

fn unreadable(what: impl std::fmt::Display) -> SqlError {
    SqlError::new(ErrorKind::Internal, format!("the catalog holds what cannot be read: {what}"))
}
