//! Streams: named, sharded, durable sequences of records.
//!
//! This crate owns streams and their shards, the log on disk, and the readers that an append wakes.
//! It knows nothing of HTTP, of AWS' wire formats or of SQL.
//!
//! ```
//! # use std::sync::Arc;
//! # use tidemill_clock::{SystemClock, SystemDisk, SystemRandom};
//! # use tidemill_stream::{Batch, Mode, ReadLimit, ShardId, StreamName, Streams};
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
//! let machine = tidemill_stream::Machine::system();
//! let streams = Streams::open(pool, dir.path().join("streams"), machine).await?;
//! let stream = streams.create(StreamName::parse("events")?, Mode::OnDemand, 4).await?;
//!
//! let mut batch = Batch::default();
//! let shard = stream.shard_for(b"key");
//! batch.push(shard, "key", b"data");
//! let put = stream.append(batch).await?;
//!
//! let read = stream.read(shard, put.first_ordinal(shard).unwrap(), ReadLimit::default()).await?;
//! assert_eq!(read.runs[0].records().next().unwrap().data, b"data");
//! # Ok(()) }
//! ```

mod batch;
mod error;
mod ids;
mod iterator;
mod log;
mod machine;
mod registry;
mod shard;
mod stream;

pub use batch::Batch;
pub use error::{Result, StreamError};
pub use ids::{SequenceNumber, ShardId, StreamId, StreamName};
pub use iterator::{IteratorError, ShardIterator};
pub use log::{Appended, Read, ReadLimit, Record, RecordRun};
pub use machine::Machine;
pub use registry::{Consumer, Streams};
pub use shard::{HashRange, Shard, hash_key};
pub use stream::{Mode, Status, Stream};
