//! The client over real sockets, against a server that answers as it is told.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{self, Poll};

use chrono::TimeDelta;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Code;
use tonic::body::Body;
use tonic::server::NamedService;

use super::*;
use crate::net::Clock;

const ASK: Method = Method("/test.Echo/Ask");

/// Refuses with the next of these codes, then answers whatever it is asked.
#[derive(Clone)]
struct Server {
    faults: Arc<Mutex<VecDeque<Status>>>,
    signatures: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl NamedService for Server {
    const NAME: &'static str = "test.Echo";
}

impl tower::Service<http::Request<Body>> for Server {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move {
            let answer = tower::service_fn(move |request: Request<String>| {
                let server = server.clone();
                async move {
                    let signature = request.metadata().get("x-signature").unwrap().as_encoded_bytes().to_vec();
                    server.signatures.lock().unwrap().push(signature);
                    match server.faults.lock().unwrap().pop_front() {
                        Some(fault) => Err(fault),
                        None => Ok(tonic::Response::new(request.into_inner())),
                    }
                }
            });
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<String, String>::default());
            Ok(grpc.unary(answer, request).await)
        })
    }
}

impl Server {
    async fn start(faults: impl IntoIterator<Item = Status>) -> (Self, SocketAddr) {
        let faults = Arc::new(Mutex::new(faults.into_iter().collect()));
        let server = Self { faults, signatures: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = tonic::transport::Server::builder().add_service(server.clone());
        tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
        (server, address)
    }
}

/// Signs by counting, and takes the message of a refusal for the seconds to wait.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Vendor for Counting {
    fn metadata(&self, method: Method, message: &[u8], _: DateTime<Utc>) -> MetadataMap {
        let attempt = self.0.fetch_add(1, Ordering::Relaxed);
        let mut metadata = MetadataMap::new();
        metadata.insert("x-signature", format!("{method} {} {attempt}", message.len()).parse().unwrap());
        metadata
    }

    fn reset_at(&self, error: &Error) -> Option<DateTime<Utc>> {
        Some(DateTime::UNIX_EPOCH + TimeDelta::seconds(error.message.parse().ok()?))
    }
}

fn client(address: &str, ca_file: Option<&Path>) -> Client<Counting> {
    client_for(Duration::from_secs(60), address, ca_file)
}

fn client_for(run: Duration, address: &str, ca_file: Option<&Path>) -> Client<Counting> {
    client_over(dial::dial(address, ca_file, &Matcher::builder().build()).unwrap(), run)
}

fn client_over(line: dial::Line, run: Duration) -> Client<Counting> {
    let context = Context::new(Clock::new(DateTime::UNIX_EPOCH), Instant::now() + run);
    Client::over(line, Duration::from_secs(10), Counting::default(), context)
}

fn plain(address: SocketAddr) -> Client<Counting> {
    client(&format!("http://{address}"), None)
}

async fn ask(client: &Client<Counting>) -> Result<String> {
    client.call(ASK, &"hello".to_owned()).await
}

#[tokio::test]
async fn a_question_is_asked_again_after_a_passing_fault_and_signed_anew() {
    let (server, address) = Server::start([Status::unavailable(""), Status::internal("")]).await;
    let client = plain(address);
    assert_eq!(ask(&client).await.unwrap(), "hello");
    assert_eq!(client.context().requests(), 3);
    assert_eq!(*server.signatures.lock().unwrap(), [&b"Echo.Ask 7 0"[..], b"Echo.Ask 7 1", b"Echo.Ask 7 2"]);
}

#[tokio::test]
async fn a_refusal_is_final_and_can_be_told_apart() {
    let (_, address) = Server::start([Status::permission_denied("not yours")]).await;
    let client = plain(address);
    let error = ask(&client).await.unwrap_err();
    let refusal = cause(&error).unwrap();
    assert_eq!((refusal.method, refusal.code, refusal.message.as_str()), (ASK, Code::PermissionDenied, "not yours"));
    assert_eq!(client.context().requests(), 1);
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_not_waited_for() {
    let (_, address) = Server::start([Status::resource_exhausted("3600")]).await;
    let client = plain(address);
    let error = ask(&client).await.unwrap_err();
    assert_eq!(cause(&error).unwrap().code, Code::ResourceExhausted);
    assert_eq!(client.context().requests(), 1);
}

#[tokio::test]
async fn a_write_that_happened_is_not_sent_again() {
    let (_, address) = Server::start([Status::unavailable("")]).await;
    let client = plain(address);
    let look = async || Ok(Some("found".to_owned()));
    assert_eq!(client.create(ASK, &"hello".to_owned(), look).await.unwrap(), "found");
    assert_eq!(client.context().requests(), 1);
}

#[tokio::test]
async fn a_write_that_did_not_happen_is_sent_again() {
    let (_, address) = Server::start([Status::internal(""), Status::resource_exhausted("")]).await;
    let client = plain(address);
    let looks = AtomicUsize::new(0);
    let look = async || {
        looks.fetch_add(1, Ordering::Relaxed);
        Ok(None::<String>)
    };
    assert_eq!(client.create(ASK, &"hello".to_owned(), look).await.unwrap(), "hello");
    assert_eq!(client.context().requests(), 3);
    assert_eq!(looks.into_inner(), 1, "a write that was refused needs no look");
}

#[tokio::test]
async fn a_write_of_unknown_outcome_is_not_sent_again_blindly() {
    let (_, address) = Server::start([Status::unavailable("")]).await;
    let client = plain(address);
    let look = async || anyhow::bail!("nothing to be seen");
    let error = client.create::<_, String, _>(ASK, &"hello".to_owned(), look).await.unwrap_err();
    assert!(format!("{error:#}").contains("nothing to be seen"), "{error:#}");
    assert_eq!(client.context().requests(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = client_for(Duration::from_secs(1), &format!("http://{address}"), None);
    let error = ask(&client).await.unwrap_err();
    assert_eq!(cause(&error).unwrap().fate(), Fate::Undone);
    let error = format!("{error:#}");
    assert!(error.contains(&address.to_string()) && error.contains("refused"), "{error}");
}

/// A server with TLS by a certificate of its own for `name`, and that certificate's file.
async fn secure(name: &str) -> (String, tempfile::NamedTempFile) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), made.cert.pem()).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let (_, behind) = Server::start([]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut secure = acceptor.accept(socket).await?;
                let mut plain = tokio::net::TcpStream::connect(behind).await?;
                tokio::io::copy_bidirectional(&mut secure, &mut plain).await
            });
        }
    });
    (format!("localhost:{port}"), file)
}

#[tokio::test]
async fn a_private_ca_is_trusted_by_its_file() {
    let (address, ca_file) = secure("localhost").await;
    assert_eq!(ask(&client(&address, Some(ca_file.path()))).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_certificate_of_nobody_we_trust_or_of_another_is_refused_at_once() {
    let (unknown, _) = secure("localhost").await;
    let (other, ca_file) = secure("other.example.com").await;
    for client in [client(&unknown, None), client(&other, Some(ca_file.path()))] {
        let error = format!("{:#}", ask(&client).await.unwrap_err());
        assert!(error.contains("localhost") && error.contains("`ca_file`"), "{error}");
        assert_eq!(client.context().requests(), 1, "{error}");
    }
}

/// A proxy that tunnels every CONNECT to one place, and passes on what it was asked.
async fn proxy(to: String) -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let (sender, asked) = tokio::sync::mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            sender.send(String::from_utf8(head).unwrap()).unwrap();
            let mut behind = tokio::net::TcpStream::connect(&to).await.unwrap();
            socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut socket, &mut behind).await });
        }
    });
    (address, asked)
}

#[tokio::test]
async fn a_proxy_is_asked_for_a_tunnel_and_the_server_behind_it_proves_itself() {
    let (behind, ca_file) = secure("api.example.com").await;
    let (proxy, mut asked) = proxy(behind).await;
    let proxies = Matcher::builder().https(format!("http://user:hunter2@{proxy}")).build();
    let line = dial::dial("api.example.com:443", Some(ca_file.path()), &proxies).unwrap();
    assert!(!line.shown.contains("hunter2"), "{}", line.shown);
    assert_eq!(ask(&client_over(line, Duration::from_secs(60))).await.unwrap(), "hello");
    let asked = asked.recv().await.unwrap();
    assert!(asked.starts_with("CONNECT api.example.com:443 HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("Proxy-Authorization: Basic dXNlcjpodW50ZXIy"), "{asked}");
}

#[test]
fn a_proxy_that_speaks_no_http_is_refused() {
    let proxies = Matcher::builder().https("socks5://127.0.0.1:1080").build();
    let refused = dial::dial("api.example.com:443", None, &proxies).err().unwrap().to_string();
    assert!(refused.contains("only HTTP proxies"), "{refused}");
}

/// The server dates what it answers by the machine's clock; ours shows the epoch.
#[tokio::test]
async fn the_date_of_an_answer_or_a_refusal_tells_the_server_s_clock() {
    for faults in [vec![], vec![Status::permission_denied("not yours")]] {
        let (_, address) = Server::start(faults).await;
        let context = Context::new(Clock::of_machine(DateTime::UNIX_EPOCH), Instant::now() + Duration::from_secs(60));
        let line = dial::dial(&format!("http://{address}"), None, &Matcher::builder().build()).unwrap();
        let client = Client::over(line, Duration::from_secs(10), Counting::default(), context);
        assert_eq!(client.context().witness(), None);
        let _ = ask(&client).await;
        let witness = client.context().witness().unwrap();
        assert_eq!(witness.server, address.to_string());
        assert!(witness.difference() > TimeDelta::days(365 * 50), "{witness}");
    }
}
