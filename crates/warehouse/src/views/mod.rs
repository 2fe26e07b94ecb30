//! Materialized views over streams: resumable folds over shards.
//!
//! ```text
//! shard ─▶ runs of records ─▶ Arrow batch (views on the log's bytes) ─▶ compiled plan ─▶ hot rows ─▶ Parquet
//! ```

mod access;
mod auto;
mod batch;
mod flush;
mod fold;
mod lag;
mod program;
mod stream_table;
#[expect(clippy::module_inception, reason = "the set of views is what this module is about")]
mod views;

pub(crate) use access::{RoleChecker, SERVICE};
pub(crate) use fold::{columns_of, write_file};
pub use lag::ViewLag;
pub(crate) use program::Program;
pub(crate) use program::as_columns;
pub(crate) use stream_table::StreamTable;
pub(crate) use views::{Compiler, Views};
