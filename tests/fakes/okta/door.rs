//! Where a running stand-in is met: its address, its config, what it remembers, and how it is told to fail.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::{fs, thread};

use chrono::TimeDelta;

use super::{API_TOKEN, CLIENT_ID, Change, Fake, Fault, Request, World};
use crate::fakes::jwt::hash;
use crate::fakes::rest::lock;

impl Fake {
    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The table of a config, without its head, with the API token.
    pub fn toml(&self) -> String {
        self.toml_with_token(API_TOKEN)
    }

    /// The same with another token.
    pub fn toml_with_token(&self, token: &str) -> String {
        let file = self.secret("okta.token", token);
        format!(
            "kind = \"okta\"\nbase_url = '{}'\napi_token = {{ file = '{}' }}\ntimeout = \"20s\"\n",
            self.url(),
            file.display()
        )
    }

    /// The table with the service app and this private key (PEM or JWK), and any more lines.
    pub fn toml_with_key(&self, key: &str, more: &str) -> String {
        let file = self.secret("okta.key", key);
        format!(
            "kind = \"okta\"\nbase_url = '{}'\nclient_id = \"{CLIENT_ID}\"\nprivate_key = {{ file = '{}' }}\ntimeout = \"20s\"\n{more}",
            self.url(),
            file.display()
        )
    }

    /// A file for its owner alone, one for each content.
    fn secret(&self, name: &str, content: &str) -> PathBuf {
        let path = self.secrets.path().join(format!("{name}.{}", hash(content)));
        fs::write(&path, content).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
        path
    }

    /// What no error, report or log may show: the token, the tokens that were issued, each line of the keys.
    pub fn secrets(&self) -> Vec<String> {
        let keys = [super::PKCS8, super::PKCS1, super::JWK, super::STRANGER];
        let lines = keys.iter().flat_map(|key| key.lines()).map(str::trim);
        let secret = |line: &&str| line.len() > 40 && !line.starts_with("-----") && !line.starts_with("\"n\"");
        let issued = lock(&self.state).auth.issued();
        lines.filter(secret).map(str::to_owned).chain(issued).chain([API_TOKEN.to_owned()]).collect()
    }

    /// Changes the organisation, as people do.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut lock(&self.state).world)
    }

    /// The ids of a group's members, in order.
    pub fn members(&self, group: &str) -> Vec<String> {
        lock(&self.state).world.members(group).into_iter().collect()
    }

    /// (rule, user) of everybody who was taken out of a group that a rule had put them in.
    pub fn exclusions(&self) -> Vec<(String, String)> {
        lock(&self.state).world.exclusions.iter().cloned().collect()
    }

    /// Every membership that a request put or deleted, whether it was there or not.
    pub fn changes(&self) -> Vec<Change> {
        lock(&self.state).changes.clone()
    }

    /// Every request so far, refused ones included.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.state).requests.clone()
    }

    /// Forgets what was asked and changed so far.
    pub fn forget(&self) {
        let mut state = lock(&self.state);
        state.requests.clear();
        state.changes.clear();
    }

    /// How many requests came by this method whose path starts with `path`.
    pub fn count(&self, method: &str, path: &str) -> usize {
        let of = |request: &&Request| request.method == method && request.path.starts_with(path);
        lock(&self.state).requests.iter().filter(of).count()
    }

    /// The most requests that were unfinished at one time; tells little where the world has no latency.
    pub fn widest(&self) -> usize {
        lock(&self.state).widest
    }

    /// Fails the next `times` requests whose path and query contain `needle`, as they are on the wire.
    pub fn fail(&self, needle: &str, times: usize, fault: Fault) {
        self.fail_after(needle, 0, times, fault);
    }

    /// The same, after `skip` such requests have passed.
    pub fn fail_after(&self, needle: &str, skip: usize, times: usize, fault: Fault) {
        lock(&self.state).armed.add(&[needle], skip, times, fault);
    }

    /// The same for requests of one method.
    pub fn fail_at(&self, method: &str, needle: &str, times: usize, fault: Fault) {
        lock(&self.state).armed.add(&[&format!("{method} "), needle], 0, times, fault);
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

    /// Sets its clock so far ahead of the world's, or behind it.
    pub fn ahead(&self, ahead: TimeDelta) {
        lock(&self.state).ahead = ahead;
    }

    /// Ends every access token that was issued.
    pub fn expire_tokens(&self) {
        lock(&self.state).auth.expire();
    }

    /// Wants another nonce in every proof from now on.
    pub fn renew_nonce(&self) {
        lock(&self.state).auth.renew_nonce();
    }

    /// How many access tokens were issued.
    pub fn tokens(&self) -> usize {
        lock(&self.state).auth.issued().len()
    }

    /// Takes the list of broken rules, for tests of the stand-in itself.
    pub fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.state).violations)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let violations = self.take_violations();
        if !thread::panicking() {
            assert!(violations.is_empty(), "Okta was asked what it does not know: {violations:#?}");
        }
    }
}
