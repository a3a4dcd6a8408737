//! What is said of a config file that is wrong.

use std::path::Path;

use oncall_sync::config::Config;

use super::{LEDGER, RULE, SOURCE, TARGET, load};

/// Stands for a secret that somebody wrote where none belongs.
const SECRET: &str = "hunter2secret";

const WHERE: &str = "1: `ledger` takes the path of a file, the URL of a PostgreSQL database (postgres://USER@HOST/DATABASE), or a \
    secret that holds such a URL";

const WITHOUT_PASSWORD: &str = "1: `ledger` is a URL with a password, which is not written here; keep the whole URL where secrets \
    are: { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"PROGRAM\", \"ARGUMENT\"] }";

/// Two keys of a rule without a fault, a line each.
const ASKS: &str = "schedules = ['P1']\n";
const GIVES: &str = "grant.board = ['door']\n";

/// Every fault as `LINE: sentence`, or the sentence alone where it is about the whole file.
fn faults(text: &str) -> Vec<String> {
    let faults = load(text).1.expect_err(text);
    let shown = faults.list().iter().map(|fault| match fault.line {
        Some(line) => format!("{line}: {}", fault.sentence),
        None => fault.sentence.clone(),
    });
    shown.collect()
}

/// The kinds of source, as a sentence lists them.
fn kinds() -> String {
    let schema = oncall_sync::config::schema();
    let kinds = schema["$defs"]["SourceConfig"]["anyOf"].as_array().expect("kinds");
    let quoted = kinds.iter().map(|one| format!("'{}'", one["properties"]["kind"]["const"].as_str().expect("a kind")));
    let quoted: Vec<String> = quoted.collect();
    let (last, others) = quoted.split_last().expect("some");
    format!("{} and {last}", others.join(", "))
}

/// The one fault of a file that is good but for `top`, put on its first lines.
fn fault_of_top(top: &str) -> String {
    let found = faults(&format!("{top}\n{SOURCE}{TARGET}{RULE}"));
    assert_eq!(found.len(), 1, "{top}: {found:#?}");
    found[0].clone()
}

/// The one fault of a rule that holds `keys`, the first of them on line 7.
fn fault_of_rule(keys: &str) -> String {
    let found = faults(&format!("{LEDGER}{SOURCE}{TARGET}\n[[rule]]\nname = 'r'\n{keys}\n"));
    assert_eq!(found.len(), 1, "{keys}: {found:#?}");
    found[0].clone()
}

#[test]
fn all_faults_are_reported_together() {
    let found = faults(
        r#"windw = "7d"
deadline = "soon"
timezone = "Europe/Berlinn"
ledger = "postgres://ledger.example.com/oncall?sslmode=prefer"

[source.pagerduty]
api_kye = { env = "PAGERDUTY_API_KEY" }
base_url = 5
regoin = "eu"

[source.rota]
kind = "fiel"

[target.strongdm]
access_key = { env = "SDM_API_ACCESS_KEY" }

[[rule]]
name = "db"
schedules = []
earyl = "15m"
late = 15
grant.strongdmm = ["prod"]
grant.strongdm = ["prod", "prod", ""]

[[rule]]
name = "db"
source = "pagerdty"
schedules = ["P1"]
levels = ["one"]

[aliases]
"alice" = "alice@example.com"

[limits]
max_changs = 5
max_revoke_percent = 101
"#,
    );
    insta::assert_snapshot!(found.join("\n").replace(&kinds(), "KINDS"), @r#"
    1: unknown key `windw` in the file; did you mean 'window'?
    2: `deadline` in the file: 'soon' is no length of time: write whole numbers with a unit each, for instance 15m, 1h 30m or 7d
    3: `timezone`: there is no time zone 'Europe/Berlinn'; did you mean 'Europe/Berlin'?
    4: `ledger` cannot be used: its `sslmode` would allow a connection in the clear to another machine; leave it out for verify-full, or choose verify-ca or require
    6: [source.pagerduty] has no `api_key`
    7: unknown key `api_kye` in [source.pagerduty]; did you mean 'api_key'?
    8: `base_url` in [source.pagerduty]: invalid type: integer `5`, expected a string
    9: unknown key `regoin` in [source.pagerduty]; known are 'api_key', 'base_url', 'ca_file', 'kind' and 'timeout'
    12: [source.rota] has the unknown kind 'fiel' (did you mean 'file'?); the kinds are KINDS
    14: [target.strongdm] has no `secret_key`
    17: rule 'db' has to say its `source`, because there are several: 'pagerduty' and 'rota'
    19: `schedules` in rule 'db' is empty; name at least one
    20: unknown key `earyl` in rule 'db'; did you mean 'early'?
    21: `late` in rule 'db': '15' is no length of time: 15 has no unit; write 15m for minutes, or use w, d, h, s or ms
    22: rule 'db' grants on the unknown target 'strongdmm'; did you mean 'strongdm'?
    23: `strongdm` in `grant` of rule 'db' has 'prod' twice
    23: `strongdm` in `grant` of rule 'db' has an empty name
    25: rule 'db' grants nothing; write for instance grant.TARGET = ["ENTITLEMENT"]
    26: two rules are named 'db', the first on line 18
    27: rule 'db' asks the unknown source 'pagerdty'; did you mean 'pagerduty'?
    29: `levels` in rule 'db': invalid type: string "one", expected u32
    32: 'alice' in [aliases] is no e-mail address
    35: unknown key `max_changs` in [limits]; did you mean 'max_changes'?
    36: `max_revoke_percent` has to be from 0 to 100, not 101
    "#);
}

#[test]
fn a_fault_is_shown_with_its_file_and_line() {
    let (folder, loaded) = load("window = '0s'\ntarget = 5\n");
    let file = folder.path().join("oncall-sync.toml");
    let file = file.display();
    let shown = loaded.expect_err("faults").to_string();
    assert!(shown.ends_with(&format!("{file}:2: [target.NAME] has to be a table")), "{shown}");
    assert!(
        shown.contains(&format!("\n{file}:1: `window` has to be more than zero and at most 90d, not 0s\n")),
        "{shown}"
    );
    assert!(shown.starts_with(&format!("{file}: there is no [")), "{shown}");
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    let shown = Config::load(Path::new("/nonexistent/oncall-sync.toml")).expect_err("absent").to_string();
    assert!(shown.starts_with("/nonexistent/oncall-sync.toml: cannot be read: "), "{shown}");
}

#[test]
fn an_empty_file_is_told_all_that_it_lacks() {
    assert_eq!(
        faults(LEDGER),
        [
            "there is no [[rule]], so nobody would be given anything",
            "there is no [source.NAME]; `oncall-sync init` writes a config to start from",
            "there is no [target.NAME]; `oncall-sync init` writes a config to start from",
        ]
    );
}

#[test]
fn keys_at_the_top_are_checked() {
    for (top, fault) in [
        ("ledger = 'l'; window = '0s'", "1: this is not TOML: unexpected key or value, expected newline, `#`"),
        ("window = '0s'\nledger = 'l'", "1: `window` has to be more than zero and at most 90d, not 0s"),
        ("window = '520w'\nledger = 'l'", "1: `window` has to be more than zero and at most 90d, not 3640d"),
        (
            "window = '-1d'\nledger = 'l'",
            "1: `window` in the file: '-1d' is no length of time: it must not be negative",
        ),
        (
            "window = 7\nledger = 'l'",
            "1: `window` in the file: '7' is no length of time: 7 has no unit; write 7m for minutes, or use w, d, h, s or ms",
        ),
        ("ledger = 'l'\ndeadline = '25h'", "2: `deadline` has to be more than zero and at most 1d, not 1d 1h"),
        ("ledger = ''", WHERE),
        ("ledger = 'sqlite://x.db'", WHERE),
        ("ledger = 'postgresql://user:hunter2secret@db/x'", WITHOUT_PASSWORD),
        ("ledger = 'postgres://user@db/x?password=hunter2secret'", WITHOUT_PASSWORD),
        (
            "ledger = { value = 'postgres://user:hunter2secret@db/x' }",
            "1: `ledger` in the file: say where the secret is kept: { env = \"NAME\" }, { file = \"PATH\" } or { command = \
             [\"PROGRAM\", \"ARGUMENT\"] }",
        ),
        (
            "ledger = 'l'\ntimezone = 'Europe/Londn'",
            "2: `timezone`: there is no time zone 'Europe/Londn'; did you mean 'Europe/London'?",
        ),
        ("ledger = 'l'\nwindow = '1d'\nwindow = '2d'", "3: this is not TOML: duplicate key"),
        ("ledger = 'l'\naliases = { 'a@b.c' = 'nobody' }", "2: 'nobody' in [aliases] is no e-mail address"),
        (
            "ledger = 'l'\naliases = { 'a@b.c' = 'x@b.c', 'A@B.C' = 'y@b.c' }",
            "2: 'a@b.c' is twice in [aliases]; upper and lower case make no difference",
        ),
        ("ledger = 'l'\nlimits.max_changes = -1", "2: `max_changes` has to be 0 or more, not -1"),
        ("ledger = 'l'\nlimits.max_revoke_percent = 256", "2: `max_revoke_percent` has to be from 0 to 100, not 256"),
    ] {
        assert_eq!(fault_of_top(top), fault, "{top}");
    }
}

#[test]
fn what_a_rule_asks_and_gives_is_checked() {
    for (keys, fault) in [
        (format!("{GIVES}schedules = []"), "8: `schedules` in rule 'r' is empty; name at least one"),
        (format!("{GIVES}schedules = [' ']"), "8: `schedules` in rule 'r' has an empty name"),
        (format!("{GIVES}schedules = ['P1', 'P1']"), "8: `schedules` in rule 'r' has 'P1' twice"),
        (
            format!("{GIVES}schedules = 'P1'"),
            "8: `schedules` in rule 'r': invalid type: string \"P1\", expected a sequence",
        ),
        (GIVES.to_owned(), "5: rule 'r' has no `schedules`"),
        (ASKS.to_owned(), "5: rule 'r' grants nothing; write for instance grant.TARGET = [\"ENTITLEMENT\"]"),
        (
            format!("{ASKS}grant.bord = ['door']"),
            "8: rule 'r' grants on the unknown target 'bord'; did you mean 'board'?",
        ),
        (format!("{ASKS}grant.board = []"), "8: `board` in `grant` of rule 'r' is empty; name at least one"),
    ] {
        assert_eq!(fault_of_rule(&keys), fault, "{keys}");
    }
}

#[test]
fn the_other_keys_of_a_rule_are_checked() {
    for (keys, fault) in [
        (format!("{ASKS}{GIVES}source = 'rotta'"), "9: rule 'r' asks the unknown source 'rotta'; did you mean 'rota'?"),
        (
            format!("{ASKS}{GIVES}levels = []"),
            "9: `levels` in rule 'r' are numbers from 1, which is called first; leave it out for all levels",
        ),
        (
            format!("{ASKS}{GIVES}levels = [0, 1]"),
            "9: `levels` in rule 'r' are numbers from 1, which is called first; leave it out for all levels",
        ),
        (format!("{ASKS}{GIVES}duration = '0s'"), "9: `duration` in rule 'r' has to be more than zero"),
        (format!("{ASKS}{GIVES}max_duration = '0s'"), "9: `max_duration` in rule 'r' has to be more than zero"),
        (
            format!("{ASKS}{GIVES}duration = '8h'\nlate = '1h'"),
            "10: rule 'r' has both `late` and `duration`, which counts from the start; keep one",
        ),
        (
            format!("{ASKS}{GIVES}early = '2 months'"),
            "9: `early` in rule 'r': '2 months' is no length of time: months and years differ in length; say it in days \
             (d) or weeks (w)",
        ),
        (
            format!("{ASKS}{GIVES}escalation = 1"),
            "9: unknown key `escalation` in rule 'r'; known are 'duration', 'early', 'grant', 'late', 'levels', 'max_duration', 'name', 'schedules' and 'source'",
        ),
        (format!("{ASKS}{GIVES}\n[[rule]]\nname = ''\n{ASKS}{GIVES}"), "11: this rule's `name` is empty"),
        (
            format!("{ASKS}{GIVES}\n[[rule]]\nname = 'r'\n{ASKS}{GIVES}"),
            "11: two rules are named 'r', the first on line 6",
        ),
        (format!("{ASKS}{GIVES}\n[[rule]]\n{ASKS}{GIVES}"), "10: this rule has no `name`"),
    ] {
        assert_eq!(fault_of_rule(&keys), fault, "{keys}");
    }
}

#[test]
fn a_single_rule_table_is_told_about_its_brackets() {
    let found = faults(&format!("{LEDGER}{SOURCE}{TARGET}[rule]\nname = 'r'"));
    assert_eq!(found, ["4: rules are a list: write [[rule]], with two brackets on each side"]);
}

#[test]
fn with_several_sources_a_rule_says_which() {
    let found = faults(&format!("{LEDGER}{SOURCE}source.second = {{ kind = 'file', path = 'x' }}\n{TARGET}{RULE}"));
    assert_eq!(found, ["5: rule 'r' has to say its `source`, because there are several: 'rota' and 'second'"]);
}

#[test]
fn sources_and_targets_are_checked() {
    for (source, fault) in [
        (
            "source.rota = { kind = 'fil', path = 'x' }",
            "2: [source.rota] has the unknown kind 'fil' (did you mean 'file'?); the kinds are KINDS",
        ),
        (
            "source.rota = { path = 'x' }",
            "2: [source.rota] has no `kind`, and its name is none either; the kinds are KINDS",
        ),
        (
            "source.rota = { kind = 5, path = 'x' }",
            "2: `kind` in [source.rota]: invalid type: integer `5`, expected a string",
        ),
        ("source.file = { }", "2: [source.file] has no `path`"),
        ("source.file = { path = 5 }", "2: `path` in [source.file]: invalid type: integer `5`, expected path string"),
        ("source.rota = 'x'", "2: [source.rota] has to be a table"),
        (
            "source.'my rota' = { kind = 'file', path = 'x' }",
            "2: the source 'my rota' needs a name of letters, digits, '-' and '_' alone",
        ),
    ] {
        let found = faults(&format!("{LEDGER}{source}\n{TARGET}{RULE}"));
        assert_eq!(found, [fault.replace("KINDS", &kinds())], "{source}");
    }
}

#[test]
fn a_secret_written_into_the_file_is_refused_and_never_repeated() {
    const HOW: &str = "say where the secret is kept: { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"PROGRAM\", \"ARGUMENT\"] }";
    let pagerduty =
        |key: &str| format!("{LEDGER}[source.pagerduty]\n{key}\n[target.board]\nkind = 'file'\npath = 'b'\n{RULE}");
    assert_eq!(
        faults(&pagerduty(&format!("api_key = '{SECRET}'"))),
        [format!("3: `api_key` in [source.pagerduty]: a secret is not written into the config file; {HOW}")]
    );
    for key in [
        "api_key = ['hunter2secret']",
        "api_key = { env = 'hunter2secret-' }",
        "api_key = { env = ['hunter2secret'] }",
        "api_key = { command = 'hunter2secret' }",
        "api_key = { value = 'hunter2secret' }",
        "api_key = { env = 'A', file = 'hunter2secret' }",
        "api_key = hunter2secret",
        "api_key = 'hunter2secret",
        "api_key = \"hunter2secret",
        "api_key = \"\\hunter2secret\"",
        "api_key = 'hunter2secret' 'hunter2secret'",
        "token = 'hunter2secret'",
    ] {
        let shown = load(&pagerduty(key)).1.expect_err(key);
        assert!(!format!("{shown}{shown:?}").contains("hunter2"), "{key}: {shown}");
    }
    let misplaced = load(&format!("{LEDGER}[source]\napi_key = '{SECRET}'\n")).1.expect_err("misplaced");
    assert!(!misplaced.to_string().contains(SECRET), "{misplaced}");
}

#[test]
fn both_secrets_of_a_table_are_refused_at_once() {
    let text = format!("{LEDGER}{SOURCE}[target.strongdm]\naccess_key = '{SECRET}'\nsecret_key = 5\n{RULE}");
    let lines: Vec<String> = faults(&text.replace("board", "strongdm"));
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].starts_with("4: `access_key` in [target.strongdm]: a secret is not written"), "{lines:#?}");
    assert!(lines[1].starts_with("5: `secret_key` in [target.strongdm]: a secret is not written"), "{lines:#?}");
}
