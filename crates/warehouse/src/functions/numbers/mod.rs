//! Functions and aggregates of numbers.

pub(crate) mod arithmetic;
pub(crate) mod average;
pub(crate) mod division;
pub(crate) mod format;
mod math;
mod rounding;
pub(crate) mod sum;
pub(crate) mod unscaled;

use super::Function;

pub(super) fn functions() -> Vec<Function> {
    [arithmetic::functions(), format::functions(), math::functions(), rounding::functions()].concat()
}
