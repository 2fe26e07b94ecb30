//! Grouping by one integer, which is what a number, a DECIMAL of few digits, a date or a time is: quicker than the engine's
//! own way, which hashes every row as it would a text.

mod aggregate;
mod narrow;
mod table;

pub(super) use aggregate::IntegerGroups;
pub(super) use narrow::NarrowDecimals;
