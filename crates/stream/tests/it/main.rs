//! Streams through their public interface, on a real disk.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod faults;
mod formats;
mod harness;
mod histories;
mod recovery;
mod reshard;
mod retention;
mod simulation;
mod streams;
