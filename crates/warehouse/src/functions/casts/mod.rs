//! Values as values of other types.

pub(crate) mod assign;
pub(crate) mod cast;
mod decimal_text;
mod from_text;
mod integer_bytes;
pub(crate) mod shown;
pub(crate) mod super_value;
