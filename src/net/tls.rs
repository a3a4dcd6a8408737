//! Whom we trust: the system's CAs, or bundled ones where it has none, and a private CA where the config names one.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// TLS 1.2 and 1.3 by ring, with the system's roots, else Mozilla's; `ca_file` (PEM) is trusted beside them.
///
/// No ALPN protocols are set: the HTTP or gRPC client above does that.
pub fn config(ca_file: Option<&Path>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if let Some(file) = ca_file {
        let shown = file.display();
        let certificates = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("the CA file {shown} cannot be read as PEM"))?;
        ensure!(!certificates.is_empty(), "the CA file {shown} holds no certificate");
        for certificate in certificates {
            roots
                .add(certificate)
                .with_context(|| format!("the CA file {shown} holds a certificate that cannot be used"))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("ring supports TLS 1.2 and 1.3")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
