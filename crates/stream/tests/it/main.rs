//! Streams through their public interface, on a real disk.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod harness;
mod recovery;
mod retention;
mod streams;
