//! Certificates that are renewed. Those in `fixtures` are the tests' own; everybody knows their keys.

use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;

use super::*;

const ONE: [&str; 2] = [include_str!("fixtures/one.pem"), include_str!("fixtures/one.key")];
const OTHER: [&str; 2] = [include_str!("fixtures/other.pem"), include_str!("fixtures/other.key")];

/// A folder with a certificate and its key.
struct Renewed(TempDir);

impl Renewed {
    fn of([certificate, key]: [&str; 2]) -> Self {
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        let renewed = Self(tempfile::tempdir().unwrap());
        renewed.put("tls.pem", certificate);
        renewed.put("tls.key", key);
        renewed
    }

    /// As whoever renews it does: a new file in place of the old one.
    fn put(&self, name: &str, text: &str) {
        fs::write(self.0.path().join("new"), text).unwrap();
        fs::rename(self.0.path().join("new"), self.0.path().join(name)).unwrap();
    }

    fn tls(&self) -> Result<Tls, TlsError> {
        Tls::of_files(&self.0.path().join("tls.pem"), &self.0.path().join("tls.key"))
    }
}

/// Whether a client who trusts this certificate alone is content with what is spoken now.
async fn shows(tls: &Tls, [certificate, _]: [&str; 2], name: &'static str) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let (near, far) = tokio::io::duplex(1 << 16);
    let acceptor = tls.acceptor(Duration::ZERO);
    let served = tokio::spawn(async move { acceptor.accept(far).await.is_ok() });
    let connector = TlsConnector::from(Arc::new(config));
    let shaken = connector.connect(ServerName::try_from(name).unwrap(), near).await;
    shaken.is_ok() && served.await.unwrap()
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_new_start() {
    let renewed = Renewed::of(ONE);
    let tls = renewed.tls().unwrap();
    assert!(shows(&tls, ONE, "one.example").await);
    assert!(!shows(&tls, OTHER, "other.example").await);
    renewed.put("tls.pem", OTHER[0]);
    assert!(shows(&tls, ONE, "one.example").await, "the key of the new one is not there yet");
    renewed.put("tls.key", OTHER[1]);
    assert!(shows(&tls, OTHER, "other.example").await);
    renewed.put("tls.pem", "what is no certificate");
    assert!(shows(&tls, OTHER, "other.example").await, "what works stays");
}

#[test]
fn files_that_do_not_fit_are_refused_at_the_start() {
    let renewed = Renewed::of([ONE[0], OTHER[1]]);
    assert!(matches!(renewed.tls(), Err(TlsError::Fit(_))));
    renewed.put("tls.key", "nothing");
    assert!(matches!(renewed.tls(), Err(TlsError::Empty { .. })));
    fs::remove_file(renewed.0.path().join("tls.pem")).unwrap();
    assert!(matches!(renewed.tls(), Err(TlsError::Read { .. })));
}
