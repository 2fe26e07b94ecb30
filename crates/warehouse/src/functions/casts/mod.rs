//! Values as values of other types.

pub(crate) mod assign;
pub(crate) mod cast;
mod integer_bytes;
