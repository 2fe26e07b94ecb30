//! The certificate of the endpoints: made at the first start, kept beside the data.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// A certificate and its key.
#[derive(Clone)]
pub struct TlsIdentity {
    pub(crate) acceptor: TlsAcceptor,
}

impl TlsIdentity {
    /// Reads the certificate in `dir`, or makes one for this machine that signs itself.
    pub fn load_or_create(dir: &Path) -> io::Result<Self> {
        let (certificate, key) = (dir.join("certificate.pem"), dir.join("key.pem"));
        if !certificate.exists() || !key.exists() {
            create(dir, &certificate, &key)?;
        }
        let chain = CertificateDer::pem_file_iter(&certificate).map_err(invalid)?;
        let chain = chain.collect::<Result<Vec<_>, _>>().map_err(invalid)?;
        let key = PrivateKeyDer::from_pem_file(&key).map_err(invalid)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(invalid)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(invalid)?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}

fn create(dir: &Path, certificate: &Path, key: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).map_err(invalid)?;
    std::fs::create_dir_all(dir)?;
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(key)?;
    io::Write::write_all(&mut file, made.signing_key.serialize_pem().as_bytes())?;
    std::fs::write(certificate, made.cert.pem())
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
