//! A Kinesis client that costs little itself: drives one server and prints what it measured as one line of JSON.
//! `bench/run.py` and `bench/views.py` run it against Tidemill and its peers.

mod client;
mod freshness;
mod load;
mod requests;

use std::time::Duration;

use clap::{Parser, ValueEnum};

use load::Load;

/// What to do to which server.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// What to measure.
    #[arg(value_enum)]
    pub workload: Workload,
    /// The server, as `127.0.0.1:4566`.
    #[arg(long)]
    pub server: String,
    /// Its process, whose time is counted.
    #[arg(long)]
    pub pid: u32,
    /// How requests are written.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    pub format: Format,
    /// The stream, which is made if it does not exist.
    #[arg(long, default_value = "bench")]
    pub stream: String,
    /// Shards of the stream when it is made.
    #[arg(long, default_value_t = 4)]
    pub shards: u32,
    /// Connections that put at the same time. Getting takes one a shard.
    #[arg(long, default_value_t = 4)]
    pub connections: usize,
    /// Records of a PutRecords call.
    #[arg(long, default_value_t = 500)]
    pub batch: usize,
    /// What a record's data is.
    #[arg(long, value_enum, default_value_t = Payload::Text)]
    pub payload: Payload,
    /// Bytes of a record's data, where it is text.
    #[arg(long, default_value_t = 250)]
    pub size: usize,
    /// Records a second, for `freshness`.
    #[arg(long, default_value_t = 10_000)]
    pub rate: u64,
    /// The SQL endpoint that shows the view `fresh`, for `freshness`.
    #[arg(long, default_value = "")]
    pub sql: String,
    /// Stop after so many records.
    #[arg(long, default_value_t = 400_000)]
    pub records: u64,
    /// Stop after so long.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// The access key.
    #[arg(long, env = "AWS_ACCESS_KEY_ID", default_value = "AKIDEXAMPLE")]
    pub key: String,
    /// Its secret.
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", default_value = "secret")]
    pub secret: String,
}

impl Options {
    fn longest(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

/// What to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// PutRecords.
    Puts,
    /// PutRecord.
    Put,
    /// GetRecords, from the beginning of each shard.
    Gets,
    /// The time from the acknowledgement of a record to its first appearance in a view.
    Freshness,
}

/// What a record's data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Payload {
    /// Some text; few different records are repeated.
    Text,
    /// An event of the lab; each is another.
    Lab,
}

/// How requests are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// AWS JSON 1.1.
    Json,
    /// AWS CBOR 1.1.
    Cbor,
}

fn main() -> Result<(), client::Failure> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured = match options.workload {
        Workload::Freshness => runtime.block_on(freshness::measure(options))?,
        _ => runtime.block_on(Load::new(options).run())?,
    };
    println!("{measured}");
    Ok(())
}
