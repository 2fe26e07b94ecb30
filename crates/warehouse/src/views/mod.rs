//! Materialized views. Those over streams are resumable folds over shards:
//!
//! ```text
//! shard ─▶ runs of records ─▶ Arrow batch (views on the log's bytes) ─▶ compiled plan ─▶ hot rows ─▶ Parquet
//! ```
//!
//! Those over tables and views take the rows that are new in them, where [`Maintenance`] says how, and are computed anew
//! where not.

mod access;
mod auto;
mod batch;
mod cascade;
mod compact;
mod derived;
mod failed;
mod flush;
mod fold;
mod lag;
mod leaf;
mod maintenance;
mod plans;
mod program;
mod reading;
mod refresh;
mod set_aside;
#[expect(clippy::module_inception, reason = "the set of views is what this module is about")]
mod views;
mod write;

pub use access::Roles;
pub(crate) use access::{RoleChecker, SERVICE};
pub(crate) use derived::{bases_of, reached};
pub use fold::RefreshLimits;
pub use lag::ViewLag;
pub(crate) use leaf::{Leaf, StreamSource, stream_columns, stream_source};
pub(crate) use maintenance::{Maintenance, Obstacle};
pub(crate) use plans::{Compiler, ViewPlan, ViewPlans};
pub(crate) use program::Program;
pub(crate) use reading::Reading;
pub(crate) use refresh::{Refreshed, Work};
pub(crate) use set_aside::ErrorMode;
pub(crate) use views::{RefreshRequest, Turn, Views};
pub(crate) use write::{Written, columns_of, write_rows};
