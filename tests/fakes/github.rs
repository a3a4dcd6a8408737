//! A strict GitHub: keeps an organisation with its people and teams, and answers REST and GraphQL about them.
//!
//! Written from GitHub's published descriptions (REST: npm `@octokit/openapi`; GraphQL: npm `@octokit/graphql-schema`) and
//! its documentation, not from our client. State a [`World`], start it, point a client at [`Fake::url`] with
//! [`TOKEN`], or as the app [`APP_ID`] with [`APP_KEY`]; [`Fake::toml`] is the table for it.
//!
//! What an honest client never sends (an unknown path, parameter or field, no API version, a search by e-mail, a change of
//! the organisation's members) is answered with an error and remembered; the fake panics with the list when it is dropped.
//! What GitHub does without a murmur and we must not cause (an invitation, a demotion) is in [`Fake::events`].

mod answer;
mod app;
mod fault;
mod graphql;
mod identity;
mod membership;
mod object;
mod page;
mod rest;
mod scim;
mod serve;
#[cfg(test)]
mod tests;
mod world;

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use httpmock::MockServer;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::gate::Gate;
use super::rest::{Armed, keep, lock};
use app::Tokens;
pub use app::{APP_KEY, APP_KEY_PKCS8, OTHER_KEY, TOKEN, WRONG_TOKEN};
pub use fault::{BEYOND_APP, Fault, SECONDARY};
pub use membership::{NO_ADMIN, SYNCHRONISED};
pub use world::{APP_ID, CLIENT_ID, INSTALLATION, Identity, ORG, Right, Role, SHORTCODE, World};

/// "No more than 100 concurrent requests are allowed", REST and GraphQL together.
const CONCURRENT: usize = 100;

/// The service; [`GitHub::start`] makes one.
pub struct GitHub;

/// A running stand-in, stopped when dropped.
pub struct Fake {
    _server: MockServer,
    base: String,
    gate: Gate,
    state: Arc<Mutex<State>>,
    crowd: Arc<Crowd>,
    folder: TempDir,
    _stop: oneshot::Sender<()>,
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// Without the Enterprise Server's prefix.
    pub path: String,
    /// Decoded, in the order given.
    pub query: Vec<(String, String)>,
    pub body: String,
}

/// How many requests are under way, and how many were at most.
#[derive(Default)]
struct Crowd {
    inside: AtomicUsize,
    most: AtomicUsize,
}

struct State {
    world: World,
    tokens: Tokens,
    armed: Armed<Fault>,
    requests: Vec<Request>,
    violations: Vec<String>,
    /// Requests answered in this hour, by resource.
    used: std::collections::BTreeMap<&'static str, u64>,
}

impl GitHub {
    /// Starts on a loopback port of its own.
    pub fn start(mut world: World) -> Fake {
        let server = MockServer::start();
        let gate = Gate::new();
        let (stop, stopped) = oneshot::channel();
        let address = keep(gate.clone(), *server.address(), stopped);
        let base = format!("http://{address}{}", if world.server { "/api/v3" } else { "" });
        world.base.clone_from(&base);
        let latency = world.latency;
        let state = Arc::new(Mutex::new(State {
            world,
            tokens: Tokens::default(),
            armed: Armed::new(),
            requests: Vec::new(),
            violations: Vec::new(),
            used: std::collections::BTreeMap::new(),
        }));
        let crowd = Arc::new(Crowd::default());
        let (shared, door, coming, going) = (Arc::clone(&state), gate.clone(), Arc::clone(&crowd), Arc::clone(&crowd));
        server.mock(|when, then| {
            when.is_true(move |_any| {
                let inside = coming.inside.fetch_add(1, Ordering::SeqCst) + 1;
                coming.most.fetch_max(inside, Ordering::SeqCst);
                true
            });
            then.delay(latency).respond_with(move |request| {
                let inside = going.inside.fetch_sub(1, Ordering::SeqCst);
                lock(&shared).serve(request, &door, inside > CONCURRENT)
            });
        });
        let folder = TempDir::new().expect("a temporary folder");
        let secrets = [("token", TOKEN), ("wrong", WRONG_TOKEN), ("app", APP_KEY), ("app8", APP_KEY_PKCS8)];
        for (name, secret) in secrets.into_iter().chain([("other", OTHER_KEY)]) {
            write(&folder.path().join(name), secret);
        }
        Fake { _server: server, base, gate, state, crowd, folder, _stop: stop }
    }
}

impl Fake {
    /// The `base_url` of a config.
    pub fn url(&self) -> String {
        self.base.clone()
    }

    /// The target's table of a config, without its header and without a credential.
    pub fn toml_bare(&self) -> String {
        format!("kind = \"github\"\norg = {ORG:?}\nbase_url = {:?}\ntimeout = \"20s\"\n", self.base)
    }

    /// The same with the token that it takes.
    pub fn toml(&self) -> String {
        self.toml_by("token", "token")
    }

    /// The same as the app, which has to find its installation.
    pub fn toml_app(&self) -> String {
        format!("app_id = \"{APP_ID}\"\n{}", self.toml_by("private_key", "app"))
    }

    /// The same with the secret in `file` (`token`, `wrong`, `app`, `app8`, `other`) under `key`.
    pub fn toml_by(&self, key: &str, file: &str) -> String {
        format!("{}{key} = {{ file = {:?} }}\n", self.toml_bare(), self.folder.path().join(file))
    }

    /// Every request so far, refused ones included.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.state).requests.clone()
    }

    /// How many requests came whose method, path and body, in one line, contain `needle`.
    pub fn count(&self, needle: &str) -> usize {
        let requests = self.requests();
        requests.iter().filter(|request| request.line().contains(needle)).count()
    }

    /// Requests that changed, or tried to change, something.
    pub fn writes(&self) -> Vec<String> {
        let changes = |request: &&Request| matches!(request.method.as_str(), "PUT" | "DELETE" | "PATCH");
        self.requests().iter().filter(changes).map(|request| format!("{} {}", request.method, request.path)).collect()
    }

    /// What was done to teams and organisation: `added ada in oncall`, `demoted …`, `invited …`, `removed … from …`.
    pub fn events(&self) -> Vec<String> {
        lock(&self.state).world.events.clone()
    }

    /// The logins in the team itself, pending ones with a question mark, in the order of their ids.
    pub fn members(&self, team: u64) -> Vec<String> {
        let state = lock(&self.state);
        let team = &state.world.teams[&team];
        let shown = |(user, pending): (&u64, bool)| {
            format!("{}{}", state.world.user(*user).login, if pending { "?" } else { "" })
        };
        team.members.iter().map(|(user, membership)| shown((user, membership.pending))).collect()
    }

    /// How many requests were under way at once, at most.
    pub fn most_at_once(&self) -> usize {
        self.crowd.most.load(Ordering::SeqCst)
    }

    /// Fails the next `times` requests of whose method, path and body, in one line, `needle` is part.
    pub fn fail(&self, needle: &str, times: usize, fault: Fault) {
        self.fail_after(needle, 0, times, fault);
    }

    /// The same, after `skip` such requests have passed.
    pub fn fail_after(&self, needle: &str, skip: usize, times: usize, fault: Fault) {
        lock(&self.state).armed.add(&[needle], skip, times, fault);
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

    /// Changes the world while it runs.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut lock(&self.state).world)
    }

    /// Sets its own clock.
    pub fn set_clock(&self, now: DateTime<Utc>) {
        self.change(|world| world.set_clock(now));
    }

    /// The installation tokens given so far, which no output may show.
    pub fn tokens(&self) -> Vec<String> {
        lock(&self.state).tokens.given()
    }

    /// Ends the installation tokens given so far, as if their hour were over.
    pub fn expire_tokens(&self) {
        let mut state = lock(&self.state);
        let now = state.world.now();
        state.tokens.expire(now);
    }

    /// Forgets the requests and events so far.
    pub fn forget(&self) {
        let mut state = lock(&self.state);
        state.requests.clear();
        state.world.events.clear();
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
            assert!(violations.is_empty(), "GitHub was asked what it does not know: {violations:#?}");
        }
    }
}

impl Request {
    /// `METHOD /path?query body`
    pub fn line(&self) -> String {
        let query: Vec<_> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{} {}?{} {}", self.method, self.path, query.join("&"), self.body)
    }
}

/// A file for its owner alone, as a secret has to be.
fn write(file: &Path, content: &str) {
    let mut open = std::fs::OpenOptions::new();
    let mut file = open.write(true).create(true).truncate(true).mode(0o600).open(file).expect("a file");
    file.write_all(content.as_bytes()).expect("written");
}
