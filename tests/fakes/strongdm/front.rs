//! The door: a loopback port whose connections can be broken, with TLS or without, before the gRPC server behind it.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

use super::server::{AnyMethod, Shared};

/// A certificate authority and the certificate that it gave to a server.
pub struct Tls {
    pub ca_pem: String,
    pub certificate_pem: String,
    pub key_pem: String,
}

impl Tls {
    /// A new authority, and a certificate for `name`.
    pub fn new(name: &str) -> Self {
        let mut ca = CertificateParams::new([]).expect("no names");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // A name of its own: to OpenSSL, a certificate whose issuer is called as itself is self-signed.
        ca.distinguished_name.push(DnType::CommonName, "authority of the tests");
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().expect("a key")).expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let server = CertificateParams::new([name.to_owned()]).expect("a name");
        let certificate = server.signed_by(&key, &ca).expect("a certificate");
        Self { ca_pem: ca.pem(), certificate_pem: certificate.pem(), key_pem: key.serialize_pem() }
    }

    fn acceptor(self) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = vec![CertificateDer::from_pem_slice(self.certificate_pem.as_bytes()).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).expect("a key");
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring supports TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("certificate and key belong together");
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Serves on a thread of its own until `stop` is dropped; answers the address.
pub fn serve(shared: Shared, tls: Option<Tls>, stop: oneshot::Receiver<()>) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("an address");
    let acceptor = tls.map(Tls::acceptor);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).expect("a runtime");
            let behind = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let inner = behind.local_addr().expect("an address");
            let gate = shared.gate.clone();
            // Else each answer waits 40 ms for an acknowledgement, which no honest server lets it do.
            let prompt = |stream: std::io::Result<TcpStream>| {
                stream.and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            };
            let incoming = TcpListenerStream::new(behind).map(prompt);
            tokio::spawn(Server::builder().serve_with_incoming(AnyMethod(shared), incoming));
            tokio::select! {
                () = gate.keep(listener, inner, acceptor) => {}
                _ = stop => {}
            }
        });
    });
    address
}
