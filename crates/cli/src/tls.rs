//! The one provider of cryptography for TLS; without it no HTTP client can be made.

/// Installs it; more than once does no harm.
pub fn install() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
