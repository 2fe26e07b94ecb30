//! Listening for clients, a port a cluster.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use pgwire::api::ConnectionManager;
use pgwire::tokio::process_socket;
use tidemill_warehouse::{Cluster, Endpoints};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::Connection;
use crate::tls::TlsIdentity;

/// How many ports after the one asked for are tried.
const PORTS_TRIED: u16 = 1000;

/// The endpoints of all clusters.
pub struct Listeners {
    host: IpAddr,
    /// Where a cluster that asks for the default port listens; 0 for any free port.
    default_port: u16,
    tls: TlsIdentity,
    /// Held to add or remove an endpoint.
    open: Mutex<HashMap<SocketAddr, Endpoint>>,
}

struct Endpoint {
    stop: CancellationToken,
    connections: TaskTracker,
}

impl Listeners {
    /// Endpoints on `address`'s host. Its port stands for Redshift's default port.
    pub fn new(address: SocketAddr, tls: TlsIdentity) -> Self {
        Self { host: address.ip(), default_port: address.port(), tls, open: Mutex::default() }
    }

    async fn bind(&self, port: u16) -> io::Result<TcpListener> {
        let wanted = if port == tidemill_warehouse::DEFAULT_PORT { self.default_port } else { port };
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for port in wanted..=wanted.saturating_add(PORTS_TRIED) {
            match TcpListener::bind((self.host, port)).await {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
                bound => return bound,
            }
        }
        Err(last)
    }
}

#[async_trait]
impl Endpoints for Listeners {
    async fn open(&self, cluster: Arc<Cluster>, port: u16) -> io::Result<SocketAddr> {
        let listener = self.bind(port).await?;
        let address = listener.local_addr()?;
        let endpoint = Endpoint { stop: CancellationToken::new(), connections: TaskTracker::new() };
        tokio::spawn(accept(listener, cluster, self.tls.clone(), endpoint.stop.clone(), endpoint.connections.clone()));
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(address, endpoint);
        Ok(address)
    }

    async fn close(&self, address: SocketAddr) {
        let endpoint = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&address);
        if let Some(Endpoint { stop, connections }) = endpoint {
            stop.cancel();
            connections.close();
            connections.wait().await;
        }
    }
}

async fn accept(
    listener: TcpListener,
    cluster: Arc<Cluster>,
    tls: TlsIdentity,
    stop: CancellationToken,
    connections: TaskTracker,
) {
    let manager = Arc::new(ConnectionManager::new());
    loop {
        let socket = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let (socket, peer) = match socket {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                continue;
            }
        };
        let connection = Connection::new(Arc::clone(&cluster), Arc::clone(&manager));
        let (acceptor, stop) = (tls.acceptor.clone(), stop.clone());
        connections.spawn(async move {
            // Without it, a small answer waits for the acknowledgement of the one before.
            let _ = socket.set_nodelay(true);
            tokio::select! {
                served = process_socket(socket, Some(acceptor), connection) => {
                    if let Err(error) = served {
                        tracing::debug!(%peer, %error, "connection ended");
                    }
                }
                () = stop.cancelled() => {}
            }
        });
    }
}
