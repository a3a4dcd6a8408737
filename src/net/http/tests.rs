//! The client against a server that answers bytes as they are written here.

use chrono::DateTime;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::net::Clock;
use crate::net::TIMEOUT;

/// A server that gives each connection the next of `answers`, and the last one for ever; it closes after each.
async fn server(answers: &[&str]) -> String {
    let answers: Vec<Vec<u8>> = answers.iter().map(|answer| answer.as_bytes().to_vec()).collect();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        for turn in 0.. {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.expect("a request"));
            }
            let answer = answers.get(turn).or(answers.last()).expect("an answer");
            // The client may hang up on an answer that is too long.
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
    });
    format!("http://{address}")
}

fn context() -> Context {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    Context::new(Clock::new(DateTime::UNIX_EPOCH), deadline)
}

fn settings(base_url: &str, timeout: Duration) -> Settings<'_> {
    let key = Key::new(http::header::AUTHORIZATION, "Token ", "s3cret".into()).expect("a key");
    let (headers, credential) = (HeaderMap::new(), Arc::new(key));
    Settings { reach: Reach { address: base_url, ca_file: None, timeout }, headers, credential, later: by_status }
}

fn client(base_url: &str, timeout: Duration, context: &Context) -> Client {
    Client::new(settings(base_url, timeout), context.clone()).expect("a client")
}

/// What a client makes of `answers`, and how often it asked.
async fn get(answers: &[&str]) -> (Result<Value>, u64) {
    let context = context();
    let client = client(&server(answers).await, TIMEOUT, &context);
    let answer = client.get(&["oncalls"]).query(&[("since", "hidden")]).answer().await;
    (answer, context.requests())
}

fn sentence(answer: Result<Value>) -> String {
    let sentence = format!("{:#}", answer.expect_err("an error"));
    assert!(!sentence.contains("s3cret") && !sentence.contains("hidden"), "{sentence}");
    sentence
}

const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";

#[tokio::test]
async fn a_rate_limit_is_waited_out() {
    let limited = "HTTP/1.1 429 Too Many\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (answer, requests) = get(&[limited, limited, FINE]).await;
    assert_eq!((answer.expect("an answer"), requests), (serde_json::json!({}), 3));
}

#[tokio::test]
async fn a_wait_beyond_all_time_is_an_error_and_no_panic() {
    let limited =
        format!("HTTP/1.1 429 Too Many\r\nretry-after: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", u64::MAX);
    let (answer, requests) = get(&[&limited, FINE]).await;
    let sentence = sentence(answer);
    assert!(sentence.contains("it asks to wait") && requests == 1, "{sentence}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again() {
    let torn = "HTTP/1.1 200 OK\r\ncontent-length: 20\r\nconnection: close\r\n\r\n{}";
    let (answer, requests) = get(&[torn, FINE]).await;
    assert_eq!((answer.expect("an answer"), requests), (serde_json::json!({}), 2));
}

#[tokio::test]
async fn a_redirect_is_refused() {
    let elsewhere = "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (answer, requests) = get(&[elsewhere, FINE]).await;
    let sentence = sentence(answer);
    assert!(sentence.contains(" answered 302 Found, a redirect"), "{sentence}");
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn a_refusal_can_be_told_apart_and_never_shows_the_key() {
    let refused = "HTTP/1.1 403 No\r\ncontent-length: 16\r\nconnection: close\r\n\r\nno, Token s3cret";
    let (answer, requests) = get(&[refused]).await;
    let error = answer.expect_err("refused").context("while reading");
    let refusal = error.downcast_ref::<Error>().expect("the client's own error");
    assert_eq!((refusal.status.as_u16(), refusal.body.as_str(), requests), (403, "no, Token ***", 1));
}

#[tokio::test]
async fn a_broken_answer_is_shown_and_not_asked_for_again() {
    let (answer, requests) = get(&["HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>"]).await;
    let sentence = sentence(answer);
    assert!(sentence.contains("not JSON") && sentence.contains("`<html>`"), "{sentence}");
    assert_eq!(requests, 1);
}

/// What the service's support asks for, whatever is wrong.
#[tokio::test]
async fn the_request_is_named_by_the_id_that_the_service_gave_it() {
    for name in ["x-okta-request-id", "x-github-request-id"] {
        for status in ["200 OK", "404 No"] {
            let head = format!("HTTP/1.1 {status}\r\n{name}: req-7\r\ncontent-length: 2\r\nconnection: close");
            let (base_url, context) = (server(&[&format!("{head}\r\n\r\n<>")]).await, context());
            let client = client(&base_url, TIMEOUT, &context);
            let said = sentence(client.get(&["x"]).answer().await);
            assert!(said.ends_with("`<>` [request req-7]"), "{said}");
            let said = format!("{:#}", client.get(&["x"]).secret_answer::<Value>().await.expect_err("not JSON"));
            assert!(said.ends_with(" [request req-7]"), "{said}");
        }
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", MAX_BODY + 1);
    let unannounced = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "[".repeat(MAX_BODY + 1));
    for endless in [announced, unannounced] {
        let (answer, requests) = get(&[&endless]).await;
        let sentence = sentence(answer);
        assert!(sentence.contains("longer than 8 MiB"), "{sentence}");
        assert_eq!(requests, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound");
    let context = context();
    let client = client(&format!("http://{address}"), Duration::from_millis(10), &context);
    let sentence = sentence(client.get(&["oncalls"]).answer().await);
    assert!(sentence.contains(&format!("GET /oncalls on {address}: no answer within 0.01 s")), "{sentence}");
    assert_eq!(context.requests(), 5);
}

#[tokio::test]
async fn an_unknown_ca_is_named_at_once() {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = rustls_pki_types::PrivateKeyDer::Pkcs8(issued.signing_key.serialize_der().into());
    let config = rustls::ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .expect("a certificate and its key");
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), issued.cert.pem()).expect("written");
    let get = async |host: &str, ca_file| {
        let (context, base_url) = (context(), format!("https://{host}:{port}"));
        let reach = Reach { address: &base_url, ca_file, timeout: TIMEOUT };
        let settings = Settings { reach, ..settings(&base_url, TIMEOUT) };
        let client = Client::new(settings, context.clone()).expect("a client");
        let answer = client.get(&["oncalls"]).answer().await;
        (sentence(answer), context.requests())
    };
    let (untrusted, requests) = get("localhost", None).await;
    assert!(
        untrusted.contains(&format!("certificate of localhost:{port} is not trusted"))
            && untrusted.contains("`ca_file`"),
        "{untrusted}"
    );
    assert_eq!(requests, 1);
    let (misnamed, requests) = get("127.0.0.1", Some(file.path())).await;
    assert!(misnamed.contains("does not belong to 127.0.0.1"), "{misnamed}");
    assert_eq!(requests, 1);
}

/// What is heard from these answers, each to a request of its own, about a clock that shows the epoch.
async fn heard(clock: fn(DateTime<chrono::Utc>) -> Clock, answers: &[&str]) -> Option<chrono::TimeDelta> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let context = Context::new(clock(DateTime::UNIX_EPOCH), deadline);
    let client = client(&server(answers).await, TIMEOUT, &context);
    for _ in answers {
        let _ = client.get(&["oncalls"]).answer::<Value>().await;
    }
    context.witness().map(|witness| {
        assert_eq!(witness.server, client.host());
        witness.theirs - DateTime::UNIX_EPOCH
    })
}

#[tokio::test]
async fn the_date_of_an_answer_tells_the_server_s_clock() {
    let dated = |time: &str, status: &str, more: &str| {
        format!(
            "HTTP/1.1 {status}\r\ndate: Thu, 01 Jan 1970 {time} GMT\r\n{more}content-length: 2\r\nconnection: close\r\n\r\n{{}}"
        )
    };
    let (one, three) = (dated("01:00:00", "200 OK", ""), dated("03:00:00", "404 Not Found", ""));
    let cached = dated("09:00:00", "200 OK", "age: 60\r\n");
    let hours = |hours| Some(chrono::TimeDelta::hours(hours));
    assert_eq!(heard(Clock::of_machine, &[&one]).await, hours(1));
    assert_eq!(heard(Clock::of_machine, &[&one, &three, &one]).await, hours(3), "the one furthest from ours");
    assert_eq!(heard(Clock::of_machine, &[&cached, &one]).await, hours(1), "a cache's answer is as old as it is");
    assert_eq!(heard(Clock::of_machine, &[&cached, FINE]).await, None);
    let nonsense = one.replace("Jan", "Foo");
    assert_eq!(heard(Clock::of_machine, &[&nonsense]).await, None);
    assert_eq!(heard(Clock::new, &[&one]).await, None, "a drill's clock is held against nobody's");
}

/// A token that is new each time it is asked for, until the server likes it.
struct Counting(AtomicBool);

#[async_trait::async_trait]
impl Credential for Counting {
    async fn prove(&self, _: &Method, _: &Url) -> Result<HeaderMap> {
        let value = if self.0.load(Ordering::Relaxed) { "second" } else { "first" };
        Ok(HeaderMap::from_iter([(http::header::AUTHORIZATION, value.parse().expect("a header"))]))
    }

    fn renews(&self, shown: &HeaderMap, status: StatusCode, _: &HeaderMap) -> bool {
        assert!(shown.contains_key(http::header::AUTHORIZATION), "what was shown is known");
        self.0.store(true, Ordering::Relaxed);
        status == StatusCode::UNAUTHORIZED
    }

    fn secrets(&self) -> Vec<secrecy::SecretString> {
        vec!["first".into(), "second".into()]
    }
}

#[tokio::test]
async fn a_token_that_has_ended_is_renewed_once() {
    let refused = "HTTP/1.1 401 No\r\ncontent-length: 6\r\nconnection: close\r\n\r\nsecond";
    for (answers, asked, fine) in [(&[refused, FINE][..], 2, true), (&[refused], 2, false)] {
        let context = context();
        let base_url = server(answers).await;
        let credential = Arc::new(Counting(AtomicBool::new(false)));
        let settings = Settings { credential, ..settings(&base_url, TIMEOUT) };
        let client = Client::new(settings, context.clone()).expect("a client");
        let answer = client.get(&["x"]).answer::<Value>().await;
        assert_eq!((answer.is_ok(), context.requests()), (fine, asked));
        let shown = answer.err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(!shown.contains("second"), "{shown}");
    }
}

#[tokio::test]
async fn what_writes_is_repeated_only_where_that_does_nothing_twice() {
    let broken = "HTTP/1.1 200 OK\r\ncontent-length: 20\r\nconnection: close\r\n\r\n{}";
    let (base_url, context) = (server(&[broken]).await, context());
    let client = client(&base_url, TIMEOUT, &context);
    for (call, attempts) in [
        (client.post(&["x"]), 1),
        (client.post(&["x"]).repeatable(), 5),
        (client.put(&["x"]), 5),
        (client.delete(&["x"]), 5),
    ] {
        let before = context.requests();
        call.send().await.err().expect("no whole answer");
        assert_eq!(context.requests() - before, attempts);
    }
}

#[tokio::test]
async fn what_a_service_means_by_later_is_heard_in_success_and_in_refusal() {
    let busy = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 6\r\nconnection: close\r\n\r\n\"busy\"");
    let (success, refusal) = (busy("200 OK"), busy("403 No"));
    let base_url = server(&[&success, &refusal, FINE]).await;
    let later: Later = |_, body| (body == b"\"busy\"").then_some(Wait::For(Duration::ZERO));
    let (context, settings) = (context(), Settings { later, ..settings(&base_url, TIMEOUT) });
    let client = Client::new(settings, context.clone()).expect("a client");
    assert_eq!(client.post(&["x"]).answer::<Value>().await.expect("an answer"), serde_json::json!({}));
    assert_eq!(context.requests(), 3);
}

/// A list of pages, each of which says where the next one is.
async fn pages(links: &[&str]) -> (Result<Vec<u8>>, u64) {
    let page = |(number, link): (usize, &&str)| {
        let link = if link.is_empty() { String::new() } else { format!("link: <{link}>; rel=\"next\"\r\n") };
        format!("HTTP/1.1 200 OK\r\n{link}content-length: 3\r\nconnection: close\r\n\r\n[{number}]")
    };
    let answers: Vec<String> = links.iter().enumerate().map(page).collect();
    let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
    let (base_url, context) = (server(&answers).await, context());
    let rows = client(&base_url, TIMEOUT, &context).get(&["x"]).pages().await;
    (rows, context.requests())
}

#[tokio::test]
async fn pages_are_followed_to_their_end_and_no_further() {
    let (rows, requests) = pages(&["/x?after=a", "/x?after=b", ""]).await;
    assert_eq!((rows.expect("a list"), requests), (vec![0, 1, 2], 3));
    let (rows, requests) = pages(&["/x?after=a"]).await;
    let sentence = format!("{:#}", rows.expect_err("no end"));
    assert!(sentence.contains("the list of pages has no end") && requests == 2, "{sentence} {requests}");
    let (rows, requests) = pages(&["/x?q=zoë&after=a", ""]).await;
    assert_eq!((rows.expect("a list"), requests), (vec![0, 1], 2), "an address that no header should hold is one");
    let (rows, requests) = pages(&["https://[/x"]).await;
    let sentence = format!("{:#}", rows.expect_err("half a list is none"));
    assert!(sentence.contains("next page") && requests == 1, "{sentence}");
    let (rows, requests) = pages(&["https://elsewhere.example.com/x"]).await;
    let sentence = format!("{:#}", rows.expect_err("elsewhere"));
    assert!(sentence.contains("said to be on elsewhere.example.com") && requests == 1, "{sentence} {requests}");
}

#[tokio::test]
async fn a_refusal_is_certain_unless_an_attempt_before_it_got_no_answer() {
    let answer = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let (refused, broken, torn) =
        (answer("403 No"), answer("502 Bad"), "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}");
    for (answers, certain) in
        [(&[&*refused][..], true), (&[torn, &refused], false), (&[&broken, &refused], false), (&[&broken], false)]
    {
        let base_url = server(answers).await;
        let context = context();
        let error = client(&base_url, TIMEOUT, &context).put(&["x"]).send().await.err().expect("refused");
        assert_eq!(is_refusal(&error.context("not given")), certain, "{answers:?}");
    }
}
