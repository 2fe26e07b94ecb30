//! From statements to plans: what the engine's planner is told about Redshift, and rewrites before and after it.

mod casts;
mod catalog;
mod engine;
mod fuse;
mod rewrite;
mod super_planner;
mod type_planner;

pub(crate) use catalog::{DATABASE, StatementCatalog, Streaming};
pub(crate) use engine::Engine;
pub use rewrite::Parameter;
pub(crate) use rewrite::{SessionValues, bind_parameters, prepare_query, spell_out_paths};
