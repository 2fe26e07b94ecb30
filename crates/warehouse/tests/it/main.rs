//! Tests of clusters through their public interface.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod month;
mod simulation;
mod world;
