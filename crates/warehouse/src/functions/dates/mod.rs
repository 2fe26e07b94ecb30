//! Functions of dates, times and intervals.

pub(crate) mod arithmetic;
mod formats;
pub(crate) mod interval;
pub(crate) mod literal;
pub(crate) mod part;
pub(crate) mod span;
pub(crate) mod template;
pub(crate) mod time_zone;

use super::Function;

pub(super) fn functions() -> Vec<Function> {
    [arithmetic::functions(), formats::functions(), time_zone::functions()].concat()
}
