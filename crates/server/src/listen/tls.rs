//! TLS by two files: the certificate with its chain, and its key. Whoever renews them has to tell
//! nobody: a new connection looks whether they were changed.

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long the files are not looked at again.
const LOOK_AFTER: Duration = Duration::from_secs(10);

/// What is shown to clients, and the key that proves it. Clones share it.
#[derive(Clone)]
pub struct Tls(Arc<Files>);

struct Files {
    /// The certificate and the key.
    files: [PathBuf; 2],
    current: Mutex<Current>,
}

struct Current {
    acceptor: TlsAcceptor,
    seen: [Option<Stamp>; 2],
    looked_at: Instant,
}

/// Inode, size, and when it was written, in seconds and nanoseconds.
type Stamp = (u64, u64, i64, i64);

/// Why TLS can't be spoken with these files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read.
    #[error("could not read {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} holds no {what} in PEM form", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// Certificate and key don't fit.
    #[error("the certificate and the key don't fit")]
    Fit(#[source] rustls::Error),
}

impl Tls {
    /// Reads the certificate, the leaf first, and its key.
    pub fn of_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let files = [certificate.to_owned(), key.to_owned()];
        let seen = files.clone().map(|file| stamp(&file));
        let acceptor = read(&files)?;
        let looked_at = Instant::now();
        let current = Mutex::new(Current { acceptor, seen, looked_at });
        Ok(Self(Arc::new(Files { files, current })))
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor(LOOK_AFTER).accept(stream).await
    }

    /// What is spoken now: of files that were changed, what they hold by now, if it fits together.
    fn acceptor(&self, look_after: Duration) -> TlsAcceptor {
        let mut current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.looked_at.elapsed() >= look_after {
            current.looked_at = Instant::now();
            let seen = self.0.files.clone().map(|file| stamp(&file));
            if seen != current.seen {
                match read(&self.0.files) {
                    Ok(acceptor) => {
                        current.acceptor = acceptor;
                        tracing::info!("the certificate was read again");
                    }
                    // One of the two may be written already and the other not yet.
                    Err(error) => {
                        tracing::warn!(%error, "the new certificate can't be used; the old one stays");
                    }
                }
                current.seen = seen;
            }
        }
        current.acceptor.clone()
    }
}

/// By what a file that was changed is known: its place, its size, when it was written.
fn stamp(file: &Path) -> Option<Stamp> {
    let file = fs::metadata(file).ok()?;
    Some((file.ino(), file.size(), file.mtime(), file.mtime_nsec()))
}

fn read([certificate, key]: &[PathBuf; 2]) -> Result<TlsAcceptor, TlsError> {
    let bytes =
        |file: &Path| fs::read(file).map_err(|source| TlsError::Read { file: file.into(), source });
    let empty = |file: &Path, what| TlsError::Empty { file: file.into(), what };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes(certificate)?).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| empty(certificate, "certificate"))?;
    let key_of_chain =
        PrivateKeyDer::from_pem_slice(&bytes(key)?).map_err(|_| empty(key, "private key"))?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key_of_chain)
        .map_err(TlsError::Fit)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls(…)")
    }
}
