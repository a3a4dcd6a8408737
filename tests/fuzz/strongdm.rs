//! What strongDM answers: a message whose fields 1 to 5 are the pages of accounts, resources, roles, grants and
//! attachments.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as Task, Poll};
use std::time::Duration;

use chrono::{DateTime, Utc};
use oncall_sync::domain::{Access, Current, Email, Entitlement};
use oncall_sync::net::{Clock, Context};
use oncall_sync::target::{Asked, Target, TargetConfig};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};

use super::change::{Format, fields};
use super::{Fuzz, folder, is_sentence, runtime};
use crate::fakes::strongdm::{ACCESS_KEY, Raw, SECRET_KEY};

const WORDS: [&str; 12] = [
    "rs-1",
    "r-1",
    "a-1",
    "prod-postgres",
    "dba",
    "env",
    "prod",
    "alice@example.com",
    "Alice@EXAMPLE.com",
    "\u{212a}ate@example.com",
    "\u{8}\u{1}\u{10}\u{ff}",
    "next",
];

#[test]
fn strongdm() {
    let runtime = runtime();
    let pages = Arc::new(Mutex::new(Vec::new()));
    let service = Pages(Arc::clone(&pages));
    let target = runtime.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        connect(&format!("http://{address}")).await
    });
    let spellings = ["prod-postgres", "prod-*", "tag:env=prod", "role:dba"].map(str::to_owned);
    let owned = Entitlement { id: "rs-9".into(), name: "gone".into() };
    let asked = Asked {
        emails: ["alice@example.com", "bob@example.com", "*@example.com"].map(Email::new).into(),
        entitlements: spellings.into(),
        owned: [Access { account: "a-1".into(), entitlement: owned }].into(),
    };
    let fuzz = Fuzz { name: "strongdm", format: Format::Protobuf, words: &WORDS, cases: 300 };
    fuzz.run(|answer| {
        *pages.lock().expect("no thread panicked") = answer.to_vec();
        match runtime.block_on(target.read(&asked)) {
            Ok(current) => makes_sense(&current, &asked, runtime.block_on(asked.emails.known())),
            Err(error) => is_sentence(&format!("{error:#}")),
        }
    });
}

fn makes_sense(current: &Current, asked: &Asked, emails: &BTreeSet<Email>) {
    for account in &current.accounts {
        assert!(emails.contains(&account.email), "nobody asked for {account:?}");
        assert!(!account.id.0.is_empty(), "{account:?}");
    }
    assert!(current.entitlements.keys().eq(&asked.entitlements));
    let mut known: BTreeSet<&Entitlement> = asked.owned.iter().map(|access| &access.entitlement).collect();
    for (spelling, found) in &current.entitlements {
        match found {
            Ok(found) => {
                assert!(!found.is_empty(), "{spelling} stands for nothing");
                assert!(spelling.starts_with("tag:") || found.iter().all(|one| *one.name == **spelling), "{found:?}");
                assert!(found.iter().all(|one| !one.id.is_empty()), "{found:?}");
                known.extend(found);
            }
            Err(sentence) => is_sentence(sentence),
        }
    }
    for held in &current.grants {
        assert!(known.contains(&held.access.entitlement) && !held.id.0.is_empty(), "{held:?}");
    }
}

async fn connect(host: &str) -> Box<dyn Target> {
    let folder = folder();
    let [access, secret] = [("access", ACCESS_KEY), ("secret", SECRET_KEY)].map(|(name, key)| {
        let path = folder.path().join(name);
        fs::write(&path, key).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
        path.display().to_string()
    });
    let config = format!(
        "kind = 'strongdm'\nhost = '{host}'\naccess_key = {{ file = '{access}' }}\nsecret_key = {{ file = '{secret}' }}"
    );
    let config: TargetConfig = toml::from_str(&config).expect("the config of a strongDM target");
    let now: DateTime<Utc> = "2026-03-02T12:00:00Z".parse().expect("an instant");
    let for_ever = Instant::now() + Duration::from_secs(86_400);
    config.connect(Context::new(Clock::new(now), for_ever)).await.expect("a target")
}

/// Answers every call with its page out of the present message.
#[derive(Clone)]
struct Pages(Arc<Mutex<Vec<u8>>>);

impl NamedService for Pages {
    const NAME: &'static str = "";
}

impl Service<http::Request<Body>> for Pages {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Task<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let lists = ["/v1.Accounts/", "/v1.Resources/", "/v1.Roles/", "/v1.AccountGrants/", "/v1.AccountAttachments/"];
        let path = request.uri().path();
        let number = lists.iter().position(|list| path.starts_with(list)).map_or(0, |place| place as u64 + 1);
        let whole = self.0.lock().expect("no thread panicked").clone();
        // What is no message of pages is an answer to everything as it is.
        let page = match fields(&whole) {
            Some(pages) => pages.into_iter().rfind(|field| field.tag == number).map(|field| field.content),
            None => Some(whole),
        };
        Box::pin(async move { Ok(Grpc::new(Raw).unary(Answer(page.unwrap_or_default()), request).await) })
    }
}

struct Answer(Vec<u8>);

impl UnaryService<Vec<u8>> for Answer {
    type Response = Vec<u8>;
    type Future = std::future::Ready<Result<Response<Vec<u8>>, Status>>;

    fn call(&mut self, _: Request<Vec<u8>>) -> Self::Future {
        std::future::ready(Ok(Response::new(self.0.clone())))
    }
}
