//! Whom we trust: the system's CAs, or bundled ones where it has none, and a private CA where the config names one.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use anyhow::{Context as _, Result, ensure};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    WantsVerifier,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// TLS 1.2 and 1.3 by ring, with the system's roots, else Mozilla's; `ca_file` (PEM) is trusted beside them.
///
/// No ALPN protocols are set: the HTTP or gRPC client above does that.
pub fn config(ca_file: Option<&Path>) -> Result<ClientConfig> {
    Ok(builder()?.with_root_certificates(roots(ca_file)?).with_no_client_auth())
}

/// As [`config`], for a server that is known by its CA alone and not by its name, as in libpq's `verify-ca`.
pub fn config_for_any_name(ca_file: Option<&Path>) -> Result<ClientConfig> {
    let roots = Arc::new(roots(ca_file)?);
    let chain = WebPkiServerVerifier::builder_with_provider(roots, provider()).build().context("there are CAs")?;
    trusting(Lenient { chain: Some(chain) })
}

/// As [`config`], but whoever answers is believed to be the server, as in libpq's `require`: it keeps listeners out, and
/// nobody who can stand in between.
pub fn config_for_anybody() -> Result<ClientConfig> {
    trusting(Lenient { chain: None })
}

fn trusting(verifier: Lenient) -> Result<ClientConfig> {
    Ok(builder()?.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .context("ring supports TLS 1.2 and 1.3")
}

/// The system's roots, else Mozilla's. Read once: there are some 150 in one file, and every source and target has a client.
static USUAL: LazyLock<RootCertStore> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
});

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = USUAL.clone();
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
    Ok(roots)
}

/// Believes a certificate without its name, or any at all; the handshake still proves that the server has its key.
#[derive(Debug)]
struct Lenient {
    chain: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(certificate, between, name, ocsp, now) {
            // The name is looked at last.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
