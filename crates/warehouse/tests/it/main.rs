//! Tests of clusters through their public interface.

mod simulation;
mod world;
