//! Functions of texts and of bytes.

mod any_argument;
pub(crate) mod bits;
mod bytes;
pub(crate) mod comparable;
mod hashes;
mod length;
pub(crate) mod regexp;
pub(crate) mod strings;

use super::Function;

pub(super) use any_argument::functions as engine_functions;

pub(super) fn functions() -> Vec<Function> {
    [
        bytes::functions(),
        hashes::functions(),
        length::functions(),
        regexp::functions(),
        strings::functions(),
        vec![comparable::collate()],
    ]
    .concat()
}
