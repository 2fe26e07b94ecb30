//! `tidemill serve`: everything in one process on one data directory.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tidemill_aws::{Api, Kinesis};
use tidemill_clock::LockedDir;
use tidemill_console::Console;
use tidemill_iam::{Account, Iam};
use tidemill_postgres::{Listeners, TlsIdentity};
use tidemill_stream::{Machine, Streams};
use tidemill_warehouse::{Clusters, StorageSettings};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Failure;
use crate::addresses::Addresses;
use crate::credentials;
use crate::options::ServeOptions;

/// How long requests in flight may take to end after the signal to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves until SIGTERM or Ctrl-C.
pub async fn run(options: ServeOptions) -> Result<(), Failure> {
    let server = Server::start(&options).await?;
    server.print_welcome(&options);
    wait_for_signal().await?;
    server.stop().await;
    Ok(())
}

/// A running server.
pub struct Server {
    /// Where it listens.
    pub addresses: Addresses,
    /// Its operations.
    pub api: Api,
    data: PathBuf,
    stop: CancellationToken,
    http: Vec<JoinHandle<()>>,
    _lock: LockedDir,
}

impl Server {
    /// Starts everything; returns when all parts answer.
    pub async fn start(options: &ServeOptions) -> Result<Self, Failure> {
        // A stream that is written to keeps a file open, and so does each client.
        rlimit::increase_nofile_limit(u64::MAX)?;
        let data = options.data.data.clone();
        let lock = LockedDir::lock(&data).map_err(|error| match error.kind() {
            std::io::ErrorKind::ResourceBusy => format!("another Tidemill runs on {}", data.display()),
            _ => format!("{}: {error}", data.display()),
        })?;
        let machine = Machine::system();
        let api = open(options, machine.clone()).await?;
        let stop = CancellationToken::new();
        let console = Console::new(api.clone(), machine.clock, &*machine.random, stop.clone());
        let sign_in = console.sign_in_path();
        let (aws, aws_task) = listen(options.aws_addr, tidemill_aws::router(api.clone()), &stop).await?;
        let (console, console_task) = listen(options.console_addr, console.router(), &stop).await?;
        let addresses = Addresses {
            aws,
            console,
            sign_in: format!("http://{console}{sign_in}"),
            postgres: options.postgres_addr,
            pid: std::process::id(),
        };
        addresses.write(&Addresses::path(&data))?;
        if let Some(path) = &options.ready_file {
            addresses.write(path)?;
        }
        Ok(Self { addresses, api, data, stop, http: vec![aws_task, console_task], _lock: lock })
    }

    /// Ends requests, then flushes and closes everything.
    pub async fn stop(self) {
        self.stop.cancel();
        for task in self.http {
            // Requests that do not end in time are cut off: what they were promised is on disk.
            let _ = tokio::time::timeout(DRAIN, task).await;
        }
        self.api.clusters.close().await;
        self.api.streams.drain().await;
        // Absent if somebody has removed the data directory; there is nothing to tidy up then.
        let _ = std::fs::remove_file(Addresses::path(&self.data));
    }

    fn print_welcome(&self, options: &ServeOptions) {
        let Addresses { aws, sign_in, postgres, .. } = &self.addresses;
        let data = options.data.data.display();
        println!("Tidemill {} on {data}", env!("CARGO_PKG_VERSION"));
        println!();
        println!("  AWS API    http://{aws}        eval \"$(tidemill env --data {data})\"; aws kinesis list-streams");
        println!("  Warehouse  {postgres} for the first cluster     tidemill sql --data {data}");
        for cluster in self.api.clusters.list() {
            println!("             {:<21} cluster {}, user {}", cluster.address, cluster.name, cluster.admin);
        }
        println!("  Console    {sign_in}");
        println!();
        println!("Ctrl-C stops it.");
    }
}

/// Opens the account's services.
async fn open(options: &ServeOptions, machine: Machine) -> Result<Api, Failure> {
    let Machine { clock, random, .. } = machine.clone();
    let data = &options.data.data;
    let control = SqliteConnectOptions::new()
        .filename(data.join("control.sqlite"))
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(30));
    let control = SqlitePoolOptions::new().max_connections(4).connect_with(control).await?;
    let root = credentials::load_or_create(data, &*random)?;
    let account = Account { id: options.account.clone(), region: options.data.region.clone() };
    let iam = Iam::open(control.clone(), account, root, Arc::clone(&clock), Arc::clone(&random)).await?;
    let iam = Arc::new(iam);
    let streams =
        Streams::open(control.clone(), data.join("streams"), machine.clone(), options.transition_time).await?;
    let kinesis = Arc::new(Kinesis::new(options.enforce_limits));
    let tls = TlsIdentity::load_or_create(&data.join("tls"))?;
    let endpoints = Arc::new(Listeners::new(options.postgres_addr, tls));
    let clusters = Clusters::open(
        control,
        data.join("clusters"),
        Arc::clone(&iam),
        Arc::clone(&streams),
        StorageSettings {
            history: options.history,
            flush_interval: options.flush_interval,
            ..StorageSettings::default()
        },
        machine,
        endpoints,
    )
    .await?;
    streams.start();
    Ok(Api { iam, streams, kinesis, clusters, clock })
}

async fn listen(
    address: SocketAddr,
    router: axum::Router,
    stop: &CancellationToken,
) -> Result<(SocketAddr, JoinHandle<()>), Failure> {
    let listener = TcpListener::bind(address).await.map_err(|error| format!("{address}: {error}"))?;
    let address = listener.local_addr()?;
    let stopped = stop.clone().cancelled_owned();
    let task = tokio::spawn(async move {
        let listener = axum::serve::ListenerExt::tap_io(listener, |socket| {
            // Without it, a small answer waits for the acknowledgement of the one before.
            let _ = socket.set_nodelay(true);
        });
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stopped).await {
            tracing::error!(%address, %error, "the server ended");
        }
    });
    Ok((address, task))
}

/// Waits for SIGTERM or Ctrl-C.
pub async fn wait_for_signal() -> Result<(), Failure> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}
