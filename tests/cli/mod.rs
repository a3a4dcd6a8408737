//! The built binary, as cron and people run it: real sockets, real files, an environment with nothing else in it.

mod acme;
mod audit;
mod bad_input;
mod bare;
mod clock;
mod conformance;
mod dry_run;
mod examples;
mod exec;
mod exit_codes;
mod explain;
mod failures;
mod faults;
mod github;
mod handover;
mod help;
mod hostile;
#[cfg(target_os = "linux")]
mod kill;
mod ledger;
mod network;
mod okta;
mod outages;
mod ownership;
mod postgres;
mod progress;
mod reviewed;
mod signals;
mod slips;
mod sync;
mod targets;
mod verbs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tempfile::TempDir;

use crate::fakes::{pagerduty, strongdm};

/// The program's clock in every run that is not told another.
pub const NOW: &str = "2026-03-02T08:00:00Z";

/// Two hours before and eight hours around it: Alice's shift, then Bob's.
pub const PRIMARY: &str = "PI7DH85";

pub fn now() -> DateTime<Utc> {
    NOW.parse().expect("an instant")
}

pub fn hours(count: i64) -> DateTime<Utc> {
    now() + TimeDelta::hours(count)
}

/// What a run left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
        let code = output.status.code().expect("the program exits by itself");
        let ran = Self { code, out: text(output.stdout), err: text(output.stderr) };
        for secret in [strongdm::SECRET_KEY, strongdm::ACCESS_KEY, "u+FakeKeyOfTheStandIn"] {
            assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "a secret was printed: {ran:?}");
        }
        assert!(!ran.err.contains("panicked"), "{ran:?}");
        ran
    }

    /// The exit code has to be this one.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Each of these is somewhere in what was printed.
    #[track_caller]
    pub fn says(self, needles: &[&str]) -> Self {
        for needle in needles {
            let said = self.out.contains(needle) || self.err.contains(needle);
            assert!(said, "no {needle:?} in\nstdout:\n{}\nstderr:\n{}", self.out, self.err);
        }
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// A folder to run the program in: its config, its ledger, its home.
pub struct Desk {
    folder: TempDir,
}

impl Desk {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("a file");
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect(name)
    }

    /// The bytes of the ledger; `None` where there is none.
    pub fn ledger(&self) -> Option<Vec<u8>> {
        fs::read(self.path("ledger.db")).ok()
    }

    /// The program with these arguments, in this folder, with an environment of its own.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oncall-sync"));
        command.args(arguments);
        self.seat(command)
    }

    /// Another program in the same place.
    pub fn seat(&self, mut command: Command) -> Command {
        let home = self.folder.path();
        command.current_dir(home).env_clear().env("HOME", home).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_at(NOW, arguments)
    }

    #[track_caller]
    pub fn run_at(&self, now: &str, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).args(["--now", now]).output().expect("the program starts"))
    }
}

/// Where PagerDuty, strongDM and the program meet.
pub struct Office {
    pub desk: Desk,
    pub pagerduty: pagerduty::Fake,
    pub strongdm: strongdm::Fake,
}

/// Alice from two hours ago for six hours on, Bob for the eight hours after her.
pub fn rota() -> pagerduty::World {
    people().shift(PRIMARY, "PALICE", hours(-2), hours(6)).shift(PRIMARY, "PBOB", hours(6), hours(14))
}

/// The same account without any shift.
pub fn people() -> pagerduty::World {
    pagerduty::World::at(now())
        .person("PALICE", "Alice", "alice@example.com")
        .person("PBOB", "Bob", "bob@example.com")
        .person("PCAROL", "Carol", "carol@example.com")
        .schedule(PRIMARY, "DBA Primary")
}

/// Everybody has an account; two databases and a role to give.
pub fn organisation() -> strongdm::World {
    strongdm::World::at(now())
        .user("a-1", "alice@example.com")
        .user("a-2", "bob@example.com")
        .user("a-3", "carol@example.com")
        .resource("rs-1", "prod-postgres")
        .resource("rs-2", "prod-mysql")
        .role("r-1", "dba")
}

pub const RULE: &str =
    "[[rule]]\nname = \"database\"\nschedules = [\"PI7DH85\"]\ngrant.strongdm = [\"prod-postgres\"]\n";

impl Office {
    pub fn new() -> Self {
        Self::with(rota(), organisation(), RULE)
    }

    /// `rules` may be any tables after those of source and target.
    pub fn with(rota: pagerduty::World, organisation: strongdm::World, rules: &str) -> Self {
        let office = Self {
            desk: Desk::new(),
            pagerduty: pagerduty::PagerDuty::start(rota),
            strongdm: strongdm::StrongDm::start(organisation),
        };
        office.configure("", rules);
        office
    }

    /// Writes the config anew: `top` before the tables, `rules` after them.
    pub fn configure(&self, top: &str, rules: &str) {
        self.configure_with(top, &self.pagerduty.url(), &self.strongdm.toml(), rules);
    }

    pub fn configure_with(&self, top: &str, url: &str, target: &str, rules: &str) {
        secret(&self.desk.path("pagerduty.key"), self.pagerduty.key());
        let source = format!(
            "[source.pagerduty]\napi_key = {{ file = \"pagerduty.key\" }}\nbase_url = \"{url}\"\ntimeout = \"20s\"\n"
        );
        let config =
            format!("window = \"1d\"\nledger = \"ledger.db\"\n{top}\n{source}\n[target.strongdm]\n{target}\n{rules}");
        self.desk.write("oncall-sync.toml", config);
    }

    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.desk.run(arguments)
    }

    /// Who holds what from when to when, by account and resource.
    pub fn held(&self) -> Vec<(String, String, DateTime<Utc>, DateTime<Utc>)> {
        let dated = |grant: strongdm::Grant| {
            let (from, until) = (grant.from.expect("a start"), grant.until.expect("an end"));
            (grant.account, grant.resource, from, until)
        };
        let mut held: Vec<_> = self.strongdm.grants().into_iter().map(dated).collect();
        held.sort();
        held
    }

    /// Calls that changed, or tried to change, something.
    pub fn writes(&self) -> usize {
        let calls = self.strongdm.calls();
        calls.iter().filter(|call| call.method.ends_with(".Create") || call.method.ends_with(".Delete")).count()
    }
}

pub fn held(
    account: &str,
    resource: &str,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> (String, String, DateTime<Utc>, DateTime<Utc>) {
    (account.into(), resource.into(), from, until)
}

/// Does `work` with all items at the same time, for work that waits for what does not come.
pub fn side_by_side<T: Send>(items: impl IntoIterator<Item = T>, work: impl Fn(T) + Sync) {
    let work = &work;
    std::thread::scope(|scope| items.into_iter().for_each(|item| drop(scope.spawn(move || work(item)))));
}

/// A file for its owner alone.
pub fn secret(path: &Path, content: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, content).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a mode");
}
