//! A strict Okta: keeps an organisation, verifies credentials for real, and refuses what the management API does not know.
//!
//! State a [`World`], start it, point a client at [`Fake::toml`]:
//!
//! ```ignore
//! let world = World::at(now).user("00u1", "alice@example.com").group("00g1", "oncall-dba");
//! let fake = Okta::start(world.member("00g1", "00u1"));
//! ```
//!
//! Its clock begins at the world's and goes on with the machine's. A request that no honest client sends (an unknown path
//! or parameter, another method, a body where none belongs) is refused as Okta does and remembered; the fake panics with
//! the list when it is dropped.
//!
//! Written from Okta's API description, its error and rate-limit pages, the traffic recorded in its Python SDK (Link,
//! rate-limit and `dpop-nonce` headers, error bodies) and what its users report (`htu` compared decoded, challenges).

mod answer;
mod auth;
#[cfg(test)]
mod client;
mod door;
mod fault;
mod search;
mod shapes;
#[cfg(test)]
mod tests;
mod world;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use httpmock::{HttpMockRequest, HttpMockResponse, MockServer};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::gate::Gate;
use super::rest::{self, Armed, header, lock};
use answer::{Call, Cursors, Missing, Route, Stop};
use auth::{Auth, Setting, TOKEN_PATH};
use fault::{html, rate_headers, too_many};
use shapes::okta_error;

pub use super::keys::{JWK, KEY_ID, PKCS1, PKCS8, STRANGER};
pub use answer::Change;
pub use auth::{API_TOKEN, CLIENT_ID};
pub use fault::Fault;
pub use world::{Kind, Status, World};

/// The longest request line: nginx, which answers for Okta, takes no longer one unless told to (four buffers of 8 KiB,
/// and the line has to fit one).
const MAX_LINE: usize = 8192;

/// The service; [`Okta::start`] makes one.
pub struct Okta;

/// A running stand-in, stopped when dropped.
pub struct Fake {
    _server: MockServer,
    address: SocketAddr,
    gate: Gate,
    state: Arc<Mutex<State>>,
    /// Where secrets lie that a config names.
    secrets: TempDir,
    _stop: oneshot::Sender<()>,
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// As it was on the wire.
    pub path: String,
    /// Decoded, in the order given.
    pub query: Vec<(String, String)>,
    /// Bytes of the path and query as they were on the wire.
    pub length: usize,
    /// The scheme of its `Authorization`: `SSWS`, `Bearer` or `DPoP`.
    pub scheme: String,
    pub status: u16,
}

struct State {
    world: World,
    started: Instant,
    /// How far its clock is ahead of the world's.
    ahead: TimeDelta,
    url: String,
    auth: Auth,
    cursors: Cursors,
    changes: Vec<Change>,
    armed: Armed<Fault>,
    requests: Vec<Request>,
    violations: Vec<String>,
    /// Requests under each limit: until when it counts, and how many there were.
    counted: BTreeMap<&'static str, (DateTime<Utc>, u64)>,
    /// When requests were begun that are not finished yet.
    unfinished: Vec<Instant>,
    widest: usize,
}

impl Okta {
    /// Starts on a loopback port of its own.
    pub fn start(mut world: World) -> Fake {
        let (id, login) = (answer::ADMIN, "sync-admin@okta.example");
        world = world.account(id, login, login, Status::Active);
        let latency = world.manners.latency;
        let state = Arc::new(Mutex::new(State::new(world)));
        let server = MockServer::start();
        let gate = Gate::new();
        let (shared, inside) = (Arc::clone(&state), gate.clone());
        server.mock(|_any, then| {
            then.delay(latency).respond_with(move |request| lock(&shared).serve(request, &inside));
        });
        let (stop, stopped) = oneshot::channel();
        let address = rest::keep(gate.clone(), *server.address(), stopped);
        lock(&state).url = format!("http://{address}");
        Fake { _server: server, address, gate, state, secrets: tempfile::tempdir().expect("a folder"), _stop: stop }
    }
}

impl State {
    fn new(world: World) -> Self {
        Self {
            world,
            started: Instant::now(),
            ahead: TimeDelta::zero(),
            url: String::new(),
            auth: Auth::default(),
            cursors: Cursors::new(),
            changes: Vec::new(),
            armed: Armed::new(),
            requests: Vec::new(),
            violations: Vec::new(),
            counted: BTreeMap::new(),
            unfinished: Vec::new(),
            widest: 0,
        }
    }

    /// What its own clock shows.
    fn now(&self) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(self.started.elapsed()).expect("not that long");
        self.world.now + self.ahead + passed
    }

    fn serve(&mut self, http: &HttpMockRequest, gate: &Gate) -> HttpMockResponse {
        let mut response = self.decide(http, gate);
        let now = self.now();
        let headers = response.headers.get_or_insert_default();
        let id = format!("fake{:028x}", self.requests.len() + 1);
        headers.push(("date".to_owned(), httpdate::fmt_http_date(now.into())));
        headers.push(("x-okta-request-id".to_owned(), id));
        self.requests.push(Request {
            method: http.method_str().to_owned(),
            path: http.uri().path().to_owned(),
            query: http.query_params(),
            length: http.uri_str().len(),
            scheme: header(http, "authorization").concat().split(' ').next().unwrap_or_default().to_owned(),
            status: response.status.expect("every answer has a status"),
        });
        response
    }

    fn decide(&mut self, http: &HttpMockRequest, gate: &Gate) -> HttpMockResponse {
        let (method, uri) = (http.method_str(), http.uri());
        let path = uri.path();
        if let Some(broken) = broken_manners(http) {
            return self.violation(http, &broken, okta_error(400, "E0000019", &broken, &[]));
        }
        if method.len() + http.uri_str().len() + " HTTP/1.1".len() + 1 > MAX_LINE {
            return html(414);
        }
        let route = if path == TOKEN_PATH && method == "POST" { None } else { Some(Route::of(method, path)) };
        let route = match route.transpose() {
            Ok(route) => route,
            Err(Missing::Path) => {
                let error = okta_error(404, "E0000007", "Not found: Resource not found: null (null)", &[]);
                return self.violation(http, "there is no such path", error);
            }
            Err(Missing::Method) => {
                let summary = "The endpoint does not support the provided HTTP method";
                return self.violation(http, "there is no such method", okta_error(405, "E0000022", summary, &[]));
            }
        };
        let (now, manners) = (self.now(), self.world.manners.clone());
        let setting = Setting { now, url: &self.url, manners: &manners };
        let token = match &route {
            None => Some(self.auth.token(http, &setting)),
            Some(route) => match self.auth.admit(http, route.scopes(), &setting) {
                Ok(()) => None,
                Err(refusal) => return refusal,
            },
        };
        let bucket = route.as_ref().map_or(TOKEN_PATH, Route::bucket);
        if let Some(refusal) = self.too_much(bucket, now) {
            return refusal;
        }
        let mut response = self.act(http, gate, route.as_ref(), token);
        // A refusal for the rate tells of it itself.
        let headers = response.headers.get_or_insert_default();
        if !headers.iter().any(|(name, _)| name == "x-rate-limit-limit") {
            let (until, count) = self.counted[bucket];
            headers.extend(rate_headers(manners.rate.0, manners.rate.0.saturating_sub(count), until));
        }
        response
    }

    /// Answers a request that may be asked, or fails at it.
    fn act(
        &mut self,
        http: &HttpMockRequest,
        gate: &Gate,
        route: Option<&Route>,
        token: Option<HttpMockResponse>,
    ) -> HttpMockResponse {
        let fault = self.armed.next(&format!("{} {}", http.method_str(), http.uri_str()));
        if let Some(fault) = &fault {
            fault.spoil(gate);
        }
        let failed = fault.as_ref().and_then(|fault| fault.response(self.now()));
        if let Some(failed) = failed {
            if fault.is_some_and(|fault| fault.is_done())
                && let Some(route) = route
            {
                let _overridden = self.answer(http, route, None);
            }
            return failed;
        }
        match (token, route) {
            (Some(token), _) => token,
            (None, Some(route)) => self.answer(http, route, fault),
            (None, None) => unreachable!("the token endpoint has its answer"),
        }
    }

    fn answer(&mut self, http: &HttpMockRequest, route: &Route, fault: Option<Fault>) -> HttpMockResponse {
        let (uri, query) = (http.uri(), http.query_params());
        let mut call = Call {
            world: &mut self.world,
            cursors: &mut self.cursors,
            changes: &mut self.changes,
            url: &self.url,
            path: uri.path(),
            query: &query,
            endless: fault == Some(Fault::Endless),
            next_at: if let Some(Fault::NextAt(url)) = fault { Some(url) } else { None },
        };
        match call.answer(route) {
            Ok(response) => response,
            Err(Stop::Refused(response)) => *response,
            Err(Stop::Violation(broken)) => {
                let error = okta_error(400, "E0000001", &format!("Api validation failed: {broken}"), &[]);
                self.violation(http, &broken, error)
            }
        }
    }

    /// The refusal, where too many are unfinished or too many came in this window of time.
    fn too_much(&mut self, bucket: &'static str, now: DateTime<Utc>) -> Option<HttpMockResponse> {
        let manners = &self.world.manners;
        let latency = manners.latency;
        // It has waited already: whoever came within the time that each takes was unfinished beside it.
        self.unfinished.retain(|begun| begun.elapsed() < latency);
        self.unfinished.push(Instant::now());
        self.widest = self.widest.max(self.unfinished.len());
        let (limit, window) = manners.rate;
        let (until, count) = self.counted.entry(bucket).or_insert((now + window, 0));
        if *until <= now {
            (*until, *count) = (now + window, 0);
        }
        *count += 1;
        if self.unfinished.len() > manners.concurrent {
            return Some(too_many(manners.concurrent as u64, now + TimeDelta::seconds(1)));
        }
        (*count > limit).then(|| too_many(limit, *until))
    }

    fn violation(&mut self, http: &HttpMockRequest, what: &str, response: HttpMockResponse) -> HttpMockResponse {
        self.violations.push(format!("{} {}: {what}", http.method_str(), http.uri_str()));
        response
    }
}

/// What is wrong with a request before anybody looks at its path.
fn broken_manners(http: &HttpMockRequest) -> Option<String> {
    if http.method_str() != "POST" && !http.body_ref().is_empty() {
        return Some("a body where none belongs".to_owned());
    }
    if header(http, "authorization").len() > 1 {
        return Some("two Authorization headers".to_owned());
    }
    let known = ["*/*", "application/json"];
    let foreign = header(http, "accept").into_iter().find(|accept| !known.contains(&accept.as_str()));
    foreign.map(|accept| format!("Accept: {accept} is none of {known:?}"))
}

/// A path, or a part of one, as it reads once decoded.
fn percent_decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = (*first == b'%').then(|| after.get(..2)).flatten().and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
