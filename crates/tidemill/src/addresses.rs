//! Where a running server listens: written beside its data, so that other commands find it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The addresses of a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Addresses {
    /// The AWS API.
    pub aws: SocketAddr,
    /// The console.
    pub console: SocketAddr,
    /// The link with which a browser signs in to the console.
    pub sign_in: String,
    /// Where a cluster that asks for no port listens first.
    pub postgres: SocketAddr,
    /// The server's process.
    pub pid: u32,
}

impl Addresses {
    /// Reads the addresses of the server that runs on `data`.
    pub fn read(data: &Path) -> io::Result<Self> {
        let text = std::fs::read_to_string(data.join("addresses.json"))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Writes the addresses to `path` in one step: who sees the file sees all of it.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt;
        let partial = path.with_extension("partial");
        let mut file =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        io::Write::write_all(&mut file, serde_json::to_string_pretty(self)?.as_bytes())?;
        std::fs::rename(partial, path)
    }

    /// The file beside the data.
    pub fn path(data: &Path) -> std::path::PathBuf {
        data.join("addresses.json")
    }
}
