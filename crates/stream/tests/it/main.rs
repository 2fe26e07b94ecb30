//! Streams through their public interface, on a real disk.

mod harness;
mod recovery;
mod retention;
mod streams;
