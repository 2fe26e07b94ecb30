//! JSON in texts, and paths into it.

mod array;
pub(crate) mod documents;
pub(crate) mod path;
mod path_tree;
pub(crate) mod shredded;
pub(crate) mod spelling;
mod twins;

use super::Function;

pub(super) fn functions() -> Vec<Function> {
    [array::functions(), documents::functions()].concat()
}
