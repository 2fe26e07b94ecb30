//! Streams: named, sharded, durable sequences of records.
//!
//! This crate owns streams and their shards, the log on disk, and the readers that an append wakes.
//! It knows nothing of HTTP, of AWS' wire formats or of SQL.
//!
//! ```
//! # use std::time::Duration;
//! # use tidemill_clock::{SystemClock, SystemDisk, SystemRandom};
//! # use tidemill_stream::{Batch, Mode, ReadLimit, Settings, StreamName, Streams};
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
//! let machine = tidemill_stream::Machine::system();
//! let streams = Streams::open(pool, dir.path().join("streams"), machine, Duration::ZERO).await?;
//! let stream = streams.create(StreamName::parse("events")?, Settings::of(Mode::OnDemand), 4).await?;
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

mod backlog;
mod batch;
mod changes;
mod consumer;
mod error;
mod ids;
mod iterator;
mod log;
mod machine;
mod metrics;
mod registry;
mod reshape;
mod scaling;
mod settings;
mod shard;
mod shard_map;
mod store;
mod stream;

pub use backlog::Backlog;
pub use batch::Batch;
pub use consumer::{ConsumerSettings, StreamConsumer};
pub use error::{Result, StreamError};
pub use ids::{SequenceNumber, ShardId, StreamId, StreamName};
pub use iterator::{IteratorError, ShardIterator};
pub use log::{Appended, Read, ReadLimit, Record, RecordRun};
pub use machine::Machine;
pub use metrics::StreamMetrics;
pub use registry::{Dependent, Streams};
pub use settings::{Commitment, Distribution, Mode, Rate, Settings, Tags};
pub use shard::{Closed, HashRange, Shard, hash_key};
pub use shard_map::ShardMap;
pub use stream::{Placed, Status, Stream};
