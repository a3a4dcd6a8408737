//! The commands in `examples/exec`: each run as the `exec` target or source runs it, against the real thing.

mod oncall_sheet;
mod postgres_roles;
mod program;
mod unix_groups;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// "Try again soon", of sysexits.h.
const AGAIN: i32 = 75;

/// What a call came to.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    /// Null where standard output holds no JSON.
    answer: Value,
    out: String,
    err: String,
}

impl Said {
    /// The call worked, and this is its answer.
    #[track_caller]
    fn fine(self) -> Value {
        assert!(self.code == Some(0) && self.answer.is_object() && self.answer.get("error").is_none(), "{self:?}");
        self.answer
    }

    /// The call failed for good, and all of this is in the one sentence that says why.
    #[track_caller]
    fn refused(self, needles: &[&str]) -> Value {
        let error = self.answer["error"].as_str().unwrap_or_default();
        assert_eq!(self.code, Some(1), "{self:?}");
        assert!(!error.is_empty() && needles.iter().all(|needle| error.contains(needle)), "{needles:?} in {self:?}");
        self.answer
    }

    /// It may be tried again, and all of this is in the last line on standard error.
    #[track_caller]
    fn later(self, needles: &[&str]) {
        let line = self.err.lines().last().unwrap_or_default();
        assert!(self.code == Some(AGAIN) && needles.iter().all(|needle| line.contains(needle)), "{needles:?} {self:?}");
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/exec").join(name)
}

/// One call, with an environment in which nothing else is.
fn call(mut command: Command, request: &str) -> Said {
    #[expect(clippy::disallowed_methods, reason = "the environment of the tests, not of the program")]
    let path = std::env::var_os("PATH").expect("a PATH");
    let own = command.get_envs().any(|(name, _)| name == "PATH");
    if !own {
        command.env("PATH", path);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("the command starts");
    // One that fails early does not read.
    let _ = process.stdin.take().expect("piped").write_all(request.as_bytes());
    let output = process.wait_with_output().expect("the command ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let (out, err) = (text(output.stdout), text(output.stderr));
    let answer = serde_json::from_str(&out).unwrap_or_default();
    Said { code: output.status.code(), answer, out, err }
}

fn describe() -> String {
    json!({ "version": 1, "verb": "describe" }).to_string()
}

/// Owned are pairs of an account's and an entitlement's ids.
fn read(emails: &[&str], entitlements: &[&str], owned: &[(&str, &str)]) -> String {
    let owned: Vec<_> = owned
        .iter()
        .map(|(account, id)| json!({ "account": account, "entitlement": { "id": id, "name": "old" } }))
        .collect();
    json!({ "version": 1, "verb": "read", "emails": emails, "entitlements": entitlements, "owned": owned }).to_string()
}

fn wanted(account: &str, entitlement: &str) -> Value {
    json!({
        "account": account, "email": "somebody@example.com", "entitlement": { "id": entitlement, "name": entitlement },
        "from": "2026-03-02T08:00:00Z", "until": "2026-03-02T16:00:00Z"
    })
}

fn grant(account: &str, entitlement: &str) -> String {
    json!({ "version": 1, "verb": "grant", "grant": wanted(account, entitlement) }).to_string()
}

fn revoke(id: &str, account: &str, entitlement: &str) -> String {
    json!({ "version": 1, "verb": "revoke", "id": id, "grant": wanted(account, entitlement) }).to_string()
}

/// The grants of a reading, each as its id, sorted; those of others with a mark.
fn shown(reading: &Value) -> Vec<String> {
    let grants = reading["grants"].as_array().expect("a list").iter();
    let mut ids: Vec<_> = grants
        .map(|grant| {
            let mark = if grant["foreign"] == true { " foreign" } else { "" };
            format!("{}{mark}", grant["id"].as_str().expect("text"))
        })
        .collect();
    ids.sort();
    ids
}

/// Whether what a test needs is there. If not it is said which test was not run, or the test fails where
/// `ONCALL_SYNC_REQUIRE_COMMANDS=1`.
fn there(found: bool, lacking: &str) -> bool {
    if !found {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let lacking = format!("NOT RUN: {test}: {lacking}");
        #[expect(clippy::disallowed_methods, reason = "the environment of the tests, not of the program")]
        let required = std::env::var_os("ONCALL_SYNC_REQUIRE_COMMANDS").is_some_and(|value| value == "1");
        assert!(!required, "{lacking}");
        // Past the test harness, which would keep it to itself.
        writeln!(io::stderr(), "{lacking}").expect("standard error");
    }
    found
}

/// Whether a program runs with these arguments.
fn runs(program: &Path, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A Python that can import this; those that `.ci/run` and `tests/vendor/run` make come first.
fn python(package: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("..");
    let made = ["ci-tools", "vendor"].map(|of| target.join(of).join("venv/bin/python"));
    let import = format!("import {package}, sys; sys.exit(sys.version_info < (3, 9))");
    let mut candidates = made.into_iter().chain(["python3", "/usr/bin/python3"].map(PathBuf::from));
    let found = candidates.find(|python| runs(python, &["-c", &import]));
    let lacking = format!("no Python from 3.9 on has {package} (psycopg: `pip install 'psycopg[binary]'`)");
    there(found.is_some(), &lacking).then_some(found).flatten()
}
