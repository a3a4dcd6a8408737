//! The config file.

use std::collections::BTreeSet;
use std::fs;

use oncall_sync::config::{Config, Faults};

use super::change::Format;
use super::{Fuzz, folder, is_sentence};

/// Written where a secret was to be named; the corpus has it as a value of every key that takes a secret.
const SECRET: &str = "hunter2-never-to-be-shown-Zx81Qv";

const WORDS: [&str; 44] = [
    "[source.a]\n",
    "[target.b]\n",
    "[[rule]]\n",
    "[limits]\n",
    "[aliases]\n",
    "[source]\n",
    "rule = []\n",
    "kind = \"file\"\n",
    "kind = \"pagerduty\"\n",
    "kind = \"strongdm\"\n",
    "path = \"x\"\n",
    "tenure = \"standing\"\n",
    "api_key = ",
    "access_key = ",
    "secret_key = ",
    "{ env = \"X\" }",
    "{ file = \"x\" }",
    "{ command = [\"true\"] }",
    "{ command = [] }",
    "{ env = \"X\", file = \"y\" }",
    "window = ",
    "deadline = ",
    "timezone = ",
    "ledger = ",
    "\"postgres://u:p@h/d\"",
    "early = ",
    "late = ",
    "duration = ",
    "max_duration = ",
    "levels = [0, 1, 4294967296]\n",
    "grant.b = [\"x\"]\n",
    "grant = {}\n",
    "schedules = [\"\"]\n",
    "name = \"x\"\n",
    "\"1h 30m\"",
    "\"99999999999999999999d\"",
    "\"0s\"",
    "\"-1d\"",
    "\"1w1w\"",
    "\"Europe/Berlin\"",
    "1979-05-27T07:32:00Z",
    "\"\"\"",
    "'''",
    "# ",
];

#[test]
fn config() {
    let folder = folder();
    let path = folder.path().join("oncall-sync.toml");
    let fuzz = Fuzz { name: "config", format: Format::Toml, words: &WORDS, cases: 400 };
    fuzz.run(|text| {
        fs::write(&path, text).expect("a file");
        match Config::load(&path) {
            Ok(config) => makes_sense(&config),
            Err(faults) => tells(&faults, &String::from_utf8_lossy(text)),
        }
    });
}

/// Every promise of the type, and that the same file is the same config.
fn makes_sense(config: &Config) {
    assert!(!config.rules.is_empty() && !config.sources.is_empty() && !config.targets.is_empty());
    let names: BTreeSet<&str> = config.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names.len(), config.rules.len(), "two rules share a name");
    for rule in &config.rules {
        assert!(config.sources.contains_key(&rule.source), "{rule:?}");
        assert!(rule.grant.keys().all(|target| config.targets.contains_key(target)), "{rule:?}");
        assert!(!rule.grant.is_empty() && rule.grant.values().all(|grants| !grants.is_empty()), "{rule:?}");
        assert!(!rule.schedules.is_empty() && rule.schedules.iter().all(|name| !name.trim().is_empty()), "{rule:?}");
        assert!(rule.duration.is_none() || rule.late.is_zero(), "{rule:?}");
    }
    assert!(!config.window.is_zero() && config.window.0.as_secs() <= 90 * 86_400, "{}", config.window);
    assert!(!config.deadline.is_zero() && config.deadline.0.as_secs() <= 86_400, "{}", config.deadline);
    assert!(config.limits.max_revoke_percent <= 100);
    assert!(oncall_sync::zone::Zone::parse(&config.timezone).is_ok());
    let path = config.path.as_deref().expect("it came from a file");
    let again = Config::load(path).expect("it was good a moment ago");
    assert_eq!(format!("{config:?}"), format!("{again:?}"));
}

/// Every fault is a sentence about a line that there is, and a secret is in none of them.
fn tells(faults: &Faults, text: &str) {
    assert!(!faults.list().is_empty());
    let lines = text.split('\n').count();
    for fault in faults.list() {
        is_sentence(&fault.sentence);
        assert!(fault.line.is_none_or(|line| (1..=lines).contains(&line)), "{fault:?} of {lines} lines");
    }
    let told = faults.to_string();
    is_sentence(&told);
    if is_secret(text) {
        let (head, tail) = SECRET.split_at(SECRET.len() / 2);
        assert!(!told.contains(head) && !told.contains(tail), "the secret is shown: {told}");
    }
}

/// Whether [`SECRET`] stands only where a secret would, in a table that has such a key.
fn is_secret(text: &str) -> bool {
    let mut table = "";
    let mut found = false;
    for line in text.lines() {
        if line.starts_with('[') {
            table = line;
        }
        let Some((before, _)) = line.split_once(SECRET) else { continue };
        let key = before.split('=').next().unwrap_or_default().trim();
        let keys: &[&str] = match table {
            "[source.pagerduty]" => &["api_key"],
            "[target.strongdm]" => &["access_key", "secret_key"],
            _ => &[],
        };
        if !keys.contains(&key) || !before.contains('=') {
            return false;
        }
        found = true;
    }
    found && !text.contains("\"\"\"") && !text.contains("'''")
}
