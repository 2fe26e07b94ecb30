//! From statements to plans: what the engine's planner is told about Redshift, and rewrites before and after it.

mod averages;
mod casts;
mod catalog;
mod definition;
mod engine;
mod fuse;
mod groups;
mod guards;
mod integers;
mod interval;
mod known_json;
mod lateral;
mod mixed_types;
mod named;
mod operators;
mod outer;
mod overflow;
mod parameters;
mod pinned;
mod rewrite;
mod spelled_calls;
mod sums;
mod super_arithmetic;
mod super_compare;
mod super_planner;
mod syntax;
mod text_compare;
mod type_planner;
mod using;

pub(crate) use catalog::{DATABASE, Purpose, StatementCatalog};
pub(crate) use definition::{Definition, analyzed, plan_definition};
pub(crate) use engine::Engine;
pub(crate) use lateral::plan_query;
pub use parameters::Parameter;
pub(crate) use parameters::{bind_parameters, declare_parameters};
pub(crate) use rewrite::{SessionValues, assigned, prepare_query};
