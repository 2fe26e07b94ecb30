//! The command line. Each flag is also an environment variable `TIDEMILL_…`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Streaming ingestion the way Amazon Redshift does it, on your own machine.
#[derive(Debug, Parser)]
#[command(name = "tidemill", version)]
pub struct Options {
    /// What to log, in the syntax of `RUST_LOG`.
    #[arg(long, env = "TIDEMILL_LOG", default_value = "warn,tidemill=info", global = true)]
    pub log: String,
    /// How to write the log.
    #[arg(long, env = "TIDEMILL_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text, global = true)]
    pub log_format: LogFormat,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How the log is written, to the standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start everything in one process.
    Serve(ServeOptions),
    /// Print the shell exports with which AWS clients reach a running Tidemill.
    Env(EnvOptions),
    /// Send templated records to a stream.
    Generate(GenerateOptions),
    /// Run SQL on a cluster.
    Sql(SqlOptions),
    /// Print the rows of a view over a stream as they arrive.
    Tail(TailOptions),
    /// Run the lab, step by step.
    Lab(LabOptions),
}

/// Where the data is.
#[derive(Debug, Clone, Args)]
pub struct DataOptions {
    /// The data directory.
    #[arg(long, env = "TIDEMILL_DATA", default_value = "./tidemill-data")]
    pub data: PathBuf,
    /// The AWS region to play.
    #[arg(long, env = "TIDEMILL_REGION", default_value = "us-east-1")]
    pub region: String,
}

/// How to serve.
#[derive(Debug, Clone, Args)]
pub struct ServeOptions {
    /// Data and region.
    #[command(flatten)]
    pub data: DataOptions,
    /// Where the AWS API listens.
    #[arg(long, env = "TIDEMILL_AWS_ADDR", default_value = "127.0.0.1:4566")]
    pub aws_addr: SocketAddr,
    /// Where the first cluster listens.
    #[arg(long, env = "TIDEMILL_POSTGRES_ADDR", default_value = "127.0.0.1:5439")]
    pub postgres_addr: SocketAddr,
    /// Where the console listens.
    #[arg(long, env = "TIDEMILL_CONSOLE_ADDR", default_value = "127.0.0.1:8439")]
    pub console_addr: SocketAddr,
    /// The AWS account id to play.
    #[arg(long, env = "TIDEMILL_ACCOUNT", default_value = "000000000000")]
    pub account: String,
    /// Enforce what AWS limits: rates of calls and of shards, numbers of shards, streams and consumers. Sizes are always
    /// enforced.
    #[arg(long, env = "TIDEMILL_ENFORCE_LIMITS")]
    pub enforce_limits: bool,
    /// How long streams and consumers show that they are being created, changed or deleted, such as `500ms`.
    #[arg(long, env = "TIDEMILL_TRANSITION_TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    pub transition_time: Duration,
    /// For how long files that were replaced are kept, so that `SELECT ... FROM view AT (TIMESTAMP '...')` can read them.
    #[arg(long, env = "TIDEMILL_HISTORY", default_value = "1h", value_parser = humantime::parse_duration)]
    pub history: Duration,
    /// How often rows that are only in memory are written to files, and files are put in order.
    #[arg(long, env = "TIDEMILL_FLUSH_INTERVAL", default_value = "1m", value_parser = humantime::parse_duration)]
    pub flush_interval: Duration,
    /// A file to write the addresses to, as JSON, when everything is up.
    #[arg(long, env = "TIDEMILL_READY_FILE")]
    pub ready_file: Option<PathBuf>,
}

/// How to print the environment.
#[derive(Debug, Clone, Args)]
pub struct EnvOptions {
    /// Data and region.
    #[command(flatten)]
    pub data: DataOptions,
}

/// What to generate.
#[derive(Debug, Clone, Args)]
pub struct GenerateOptions {
    /// The stream.
    pub stream: String,
    /// A file with the template of a record.
    #[arg(long)]
    pub template: PathBuf,
    /// Records a second.
    #[arg(long, default_value_t = 100)]
    pub rate: u32,
    /// Stop after so many seconds.
    #[arg(long, conflicts_with = "count")]
    pub seconds: Option<u64>,
    /// Stop after so many records.
    #[arg(long)]
    pub count: Option<u64>,
    /// The Kinesis endpoint: Tidemill's by default, with its root key. Another one is called with the credentials of
    /// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
    #[arg(long, env = "AWS_ENDPOINT_URL")]
    pub endpoint: Option<String>,
    /// Data and region.
    #[command(flatten)]
    pub data: DataOptions,
}

/// What SQL to run, and where.
#[derive(Debug, Clone, Args)]
pub struct SqlOptions {
    /// Statements to run.
    #[arg(short = 'c', long = "command", conflicts_with = "file")]
    pub command: Option<String>,
    /// A file with statements to run.
    #[arg(short = 'f', long)]
    pub file: Option<PathBuf>,
    /// Where to run them.
    #[command(flatten)]
    pub cluster: ClusterOptions,
}

/// What to print, and from where.
#[derive(Debug, Clone, Args)]
pub struct TailOptions {
    /// The view.
    pub view: String,
    /// Stop after so many rows.
    #[arg(short = 'n', long)]
    pub rows: Option<u64>,
    /// Where it is.
    #[command(flatten)]
    pub cluster: ClusterOptions,
}

/// Which cluster, and as whom.
#[derive(Debug, Clone, Args)]
pub struct ClusterOptions {
    /// The cluster; the only one by default.
    #[arg(long)]
    pub cluster: Option<String>,
    /// The user; the cluster's admin by default.
    #[arg(long, env = "PGUSER")]
    pub user: Option<String>,
    /// The password, which is asked for if it is not given.
    #[arg(long, env = "PGPASSWORD", hide_env_values = true)]
    pub password: Option<String>,
    /// Data and region.
    #[command(flatten)]
    pub data: DataOptions,
}

/// How to run the lab.
#[derive(Debug, Clone, Args)]
pub struct LabOptions {
    /// Exit after the clean-up instead of keeping the generator running until Ctrl-C.
    #[arg(long)]
    pub once: bool,
    /// Records a second.
    #[arg(long, default_value_t = 5)]
    pub rate: u32,
    /// Seconds to generate before the views are looked at.
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// The server that is started for the lab.
    #[command(flatten)]
    pub serve: ServeOptions,
}
