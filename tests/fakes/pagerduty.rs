//! A strict PagerDuty: keeps an account, checks the key, and refuses what the REST API v2 does not know.
//!
//! State a [`World`], start it, point a client at [`Fake::url`] with [`Fake::key`]:
//!
//! ```ignore
//! let world = World::at(now).person("PA", "Alice", "alice@example.com").schedule("PS", "Primary");
//! let fake = PagerDuty::start(world.shift("PS", "PA", start, end));
//! ```
//!
//! A request that no honest client sends (an unknown path or parameter, a write, a foreign `Accept`) is answered 400
//! and remembered; the fake panics with the list when it is dropped.

mod answer;
mod fault;
mod raw;
#[cfg(test)]
mod tests;
mod world;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use httpmock::{HttpMockRequest, HttpMockResponse, MockServer};
use tokio::sync::oneshot;

use super::gate::Gate;
use super::rest::{Armed, header, keep, lock};
use answer::{Stop, json_body, respond};
pub use fault::Fault;
pub use raw::Raw;
pub use world::World;

/// The one key that the account takes.
const KEY: &str = "u+FakeKeyOfTheStandIn";

/// The longest path and query. nginx answers 414 beyond some 4 KB by two public reports; 100 of the newer 14-character
/// ids (34 bytes each) pass, 155 do not.
const MAX_URI: usize = 4096;

/// The service; [`PagerDuty::start`] makes one.
pub struct PagerDuty;

/// A running stand-in, stopped when dropped.
pub struct Fake {
    _server: MockServer,
    address: SocketAddr,
    gate: Gate,
    state: Arc<Mutex<State>>,
    _stop: oneshot::Sender<()>,
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Decoded, in the order given.
    pub query: Vec<(String, String)>,
}

struct State {
    world: World,
    armed: Armed<Fault>,
    requests: Vec<Request>,
    violations: Vec<String>,
    /// How far the `Date` of its answers is ahead of the machine's clock; as the machine has it without.
    ahead: Option<TimeDelta>,
}

impl PagerDuty {
    /// Starts on a loopback port of its own.
    pub fn start(world: World) -> Fake {
        let latency = world.latency;
        let state = State { world, armed: Armed::new(), requests: Vec::new(), violations: Vec::new(), ahead: None };
        let state = Arc::new(Mutex::new(state));
        let server = MockServer::start();
        let gate = Gate::new();
        let (shared, door) = (Arc::clone(&state), gate.clone());
        server.mock(|_any, then| {
            then.delay(latency).respond_with(move |request| lock(&shared).dated(request, &door));
        });
        let (stop, stopped) = oneshot::channel();
        let address = keep(gate.clone(), *server.address(), stopped);
        Fake { _server: server, address, gate, state, _stop: stop }
    }
}

impl Fake {
    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn key(&self) -> &'static str {
        KEY
    }

    /// Every request so far, refused ones included.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.state).requests.clone()
    }

    /// How many requests came whose path starts with `path`.
    pub fn count(&self, path: &str) -> usize {
        lock(&self.state).requests.iter().filter(|request| request.path.starts_with(path)).count()
    }

    /// Fails the next `times` requests whose path and query contain `needle`, as they are on the wire.
    pub fn fail(&self, needle: &str, times: usize, fault: Fault) {
        self.fail_after(needle, 0, times, fault);
    }

    /// The same, after `skip` such requests have passed.
    pub fn fail_after(&self, needle: &str, skip: usize, times: usize, fault: Fault) {
        lock(&self.state).armed.add(&[needle], skip, times, fault);
    }

    /// Fails no more.
    pub fn calm(&self) {
        lock(&self.state).armed.clear();
    }

    /// Puts another account in the place of this one, as time passes or people change it.
    pub fn replace(&self, world: World) {
        lock(&self.state).world = world;
    }

    /// Whether everything that was to fail has.
    pub fn is_spent(&self) -> bool {
        lock(&self.state).armed.is_spent()
    }

    /// Makes nothing fail any more, and lets connections in again.
    pub fn heal(&self) {
        lock(&self.state).armed.clear();
        self.gate.open();
    }

    /// Dates its answers so far ahead of the machine's clock, or behind it.
    pub fn ahead(&self, ahead: TimeDelta) {
        lock(&self.state).ahead = Some(ahead);
    }

    /// Takes the list of broken rules, for tests of the stand-in itself.
    pub fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.state).violations)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let violations = self.take_violations();
        if !std::thread::panicking() {
            assert!(violations.is_empty(), "PagerDuty was asked what it does not know: {violations:#?}");
        }
    }
}

impl State {
    fn dated(&mut self, http: &HttpMockRequest, gate: &Gate) -> HttpMockResponse {
        let mut response = self.serve(http, gate);
        let date = self.ahead.map(|ahead| ("date".to_owned(), super::date(ahead)));
        response.headers.get_or_insert_default().extend(date);
        response
    }

    fn serve(&mut self, http: &HttpMockRequest, gate: &Gate) -> HttpMockResponse {
        let uri = http.uri_str();
        let path = http.uri().path().to_owned();
        let request = Request { method: http.method_str().to_owned(), path, query: http.query_params() };
        self.requests.push(request.clone());
        if header(http, "authorization") != [format!("Token token={KEY}")] {
            return respond(401, "text/html", String::new());
        }
        if let Some(broken) = broken_manners(http) {
            return self.violation(&request, &broken);
        }
        if uri.len() > MAX_URI {
            return Fault::Html(414).response().expect("an answer of its own");
        }
        let mut query = request.query.clone();
        let fault = self.armed.next(uri);
        if let Some(fault) = &fault {
            fault.spoil(gate);
        }
        if let Some(response) = fault.as_ref().and_then(Fault::response) {
            return response;
        }
        if fault == Some(Fault::Endless) {
            query.retain(|(name, _)| name != "offset");
        }
        match answer::answer(&self.world, &request.path, &query) {
            Ok(response) if fault == Some(Fault::Endless) => with_more(&response),
            Ok(response) => response,
            Err(Stop::Refused(response)) => *response,
            Err(Stop::Violation(what)) => self.violation(&request, &what),
        }
    }

    fn violation(&mut self, request: &Request, what: &str) -> HttpMockResponse {
        self.violations.push(format!("{} {}: {what}", request.method, request.path));
        json_body(
            400,
            &serde_json::json!({"error": {"message": "Invalid Input Provided", "code": 2001, "errors": [what]}}),
        )
    }
}

/// What is wrong with a request before anybody looks at its path.
fn broken_manners(http: &HttpMockRequest) -> Option<String> {
    if http.method_str() != "GET" {
        return Some("a source never writes".to_owned());
    }
    if !http.body_ref().is_empty() {
        return Some("a GET has no body".to_owned());
    }
    let known = ["*/*", "application/json", "application/vnd.pagerduty+json;version=2"];
    let foreign = header(http, "accept").into_iter().find(|accept| !known.contains(&accept.as_str()));
    foreign.map(|accept| format!("Accept: {accept} is none of {known:?}"))
}

/// The same page, which says that another one follows.
fn with_more(page: &HttpMockResponse) -> HttpMockResponse {
    let bytes = page.body.as_ref().expect("every page has a body").to_bytes();
    let mut body: serde_json::Value = serde_json::from_slice(&bytes).expect("every page is JSON");
    body["more"] = true.into();
    json_body(200, &body)
}
