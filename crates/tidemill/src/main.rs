//! The `tidemill` command: configuration, wiring, and the lab.

mod addresses;
mod credentials;
mod env;
mod generate;
mod kinesis_sink;
mod lab;
mod options;
mod serve;
mod sql;
mod sql_client;

use clap::Parser;

use options::{Command, LogFormat, Options};

/// What a command fails with: shown to the user as it is.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Statements and documents are read by functions that call themselves, as deep as these are nested. Memory is only taken for what of
/// a stack is used.
const STACK_SIZE: usize = 64 << 20;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK_SIZE).build();
    match runtime {
        Ok(runtime) => runtime.block_on(run()),
        Err(error) => {
            eprintln!("tidemill: {error}");
            std::process::exit(1);
        }
    }
}

/// Runs on a thread with a stack of [`STACK_SIZE`], which the first one of the process has not.
async fn on_deep_stack(command: impl Future<Output = Result<(), Failure>> + Send + 'static) -> Result<(), Failure> {
    match tokio::spawn(command).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(error.into()),
        },
    }
}

async fn run() {
    let options = Options::parse();
    let filter = tracing_subscriber::EnvFilter::try_new(&options.log).unwrap_or_default();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match options.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    // One cryptography provider for every TLS connection of the process; set once, so it cannot fail.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let done = match options.command {
        Command::Serve(serve) => on_deep_stack(serve::run(serve)).await,
        Command::Env(env) => env::run(&env),
        Command::Generate(generate) => generate::run(generate).await,
        Command::Sql(sql) => sql::run(sql).await,
        Command::Tail(tail) => sql::tail(tail).await,
        Command::Lab(lab) => on_deep_stack(lab::run(lab)).await,
    };
    let code = match done {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("tidemill: {error}");
            1
        }
    };
    // What matters is on disk by now. A query that is still computing must not hold the process up.
    std::process::exit(code);
}
