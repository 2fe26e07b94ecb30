//! wip
#![allow(missing_docs)]
mod error;
mod functions;
mod sql;
mod storage;
mod types;
