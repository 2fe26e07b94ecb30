//! SUPER: values that are kept as compact JSON, whose types are known only when they are looked at.

pub(crate) mod aggregate;
mod array;
pub(crate) mod coalesce;
pub(crate) mod key;
mod kind;
pub(crate) mod number;
mod object;
mod transform;
pub(crate) mod value;

use super::Function;

pub(super) fn functions() -> Vec<Function> {
    [array::functions(), kind::functions(), number::functions(), object::functions(), transform::functions()].concat()
}
