//! The config file: what is read from it.

mod faults;
mod starter;

use oncall_sync::config::{Config, Faults};
use oncall_sync::domain::Email;
use oncall_sync::ledger::LedgerConfig;
use oncall_sync::secret::SecretRef;
use oncall_sync::source::SourceConfig;
use oncall_sync::span::Span;
use oncall_sync::target::TargetConfig;
use oncall_sync::zone::Zone;
use tempfile::TempDir;

/// A source, a target and a rule without a fault, for cases about something else.
const SOURCE: &str = "source.rota = { kind = 'file', path = 'rota.toml' }\n";
const TARGET: &str = "target.board = { kind = 'file', path = 'board.toml' }\n";
const LEDGER: &str = "ledger = 'ledger.db'\n";
const RULE: &str = "[[rule]]\nname = 'r'\nschedules = ['Primary']\ngrant.board = ['door']\n";

fn load(text: &str) -> (TempDir, Result<Config, Faults>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("oncall-sync.toml");
    std::fs::write(&path, text).expect("a file");
    let loaded = Config::load(&path);
    (folder, loaded)
}

fn good(text: &str) -> (TempDir, Config) {
    let (folder, loaded) = load(text);
    (folder, loaded.unwrap_or_else(|faults| panic!("{faults}")))
}

fn span(text: &str) -> Span {
    text.parse().expect(text)
}

#[test]
fn a_file_is_read_whole() {
    let (folder, config) = good(
        r#"
        window = "3d"
        deadline = "90s"
        timezone = "Europe/Berlin"
        ledger = "state/ledger.db"

        [source.pagerduty]
        api_key = { env = "PAGERDUTY_API_KEY" }
        [source.rota]
        kind = "file"
        path = "rota.toml"

        [target.board]
        kind = "file"
        path = "/srv/board.toml"

        [[rule]]
        name = "database on-call"
        source = "rota"
        schedules = ["DBA", "DBA Secondary"]
        levels = [2, 1]
        early = "15m"
        late = "1h 30m"
        max_duration = "2w"
        grant.board = ["door", "safe"]

        [[rule]]
        name = "by the hour"
        source = "pagerduty"
        schedules = ["PI7DH85"]
        duration = "8h"
        grant = { board = ["door"] }

        [aliases]
        "Other@Example.com" = "LOGIN@example.com"

        [limits]
        max_changes = 5
        max_revoke_percent = 100
        "#,
    );
    assert_eq!((config.window, config.deadline), (span("3d"), span("90s")));
    assert_eq!(config.timezone, "Europe/Berlin");
    assert_eq!(config.ledger, LedgerConfig::File(folder.path().join("state/ledger.db")));
    assert!(matches!(config.sources["pagerduty"], SourceConfig::Pagerduty(_)));
    let (rota, board) = (&config.sources["rota"], &config.targets["board"]);
    assert!(matches!((rota, board), (SourceConfig::File(_), TargetConfig::File(_))), "{rota:?} {board:?}");
    let relative_to_the_config = format!("{:?}", folder.path().join("rota.toml"));
    assert!(format!("{rota:?}").contains(&relative_to_the_config), "{rota:?}");
    assert!(format!("{board:?}").contains("\"/srv/board.toml\""), "{board:?}");
    let [dba, hourly] = config.rules.as_slice() else { panic!("{:?}", config.rules) };
    assert_eq!((dba.name.as_str(), dba.source.as_str()), ("database on-call", "rota"));
    assert_eq!(dba.schedules, ["DBA", "DBA Secondary"]);
    assert_eq!(dba.levels, Some([1, 2].into()));
    assert_eq!((dba.early, dba.late), (span("15m"), span("90m")));
    assert_eq!((dba.max_duration, dba.duration), (Some(span("14d")), None));
    assert_eq!(dba.grant["board"], ["door", "safe"]);
    assert_eq!((hourly.duration, hourly.early, hourly.levels.as_ref()), (Some(span("8h")), Span::default(), None));
    assert_eq!(config.aliases[&Email::new("other@example.com")], Email::new("login@example.com"));
    assert_eq!((config.limits.max_changes, config.limits.max_revoke_percent), (5, 100));
}

#[test]
fn what_is_left_out_has_its_default() {
    let (_folder, config) = good(&format!("{LEDGER}{SOURCE}{TARGET}{RULE}"));
    assert_eq!((config.window, config.deadline, config.timezone.as_str()), (span("7d"), span("4m"), "UTC"));
    assert_eq!((config.limits.max_changes, config.limits.max_revoke_percent), (200, 30));
    assert_eq!(config.rules[0].source, "rota", "the only source need not be named");
    assert!(config.aliases.is_empty());
}

#[test]
fn the_digest_is_that_of_the_bytes() {
    let text = format!("{LEDGER}{SOURCE}{TARGET}{RULE}");
    let (folder, config) = good(&text);
    assert_eq!(config.path, Some(folder.path().join("oncall-sync.toml")));
    assert_eq!(config.digest.len(), 64);
    assert_eq!(config.digest, good(&text).1.digest);
    assert_ne!(config.digest, good(&format!("{text}\n# a comment")).1.digest);
}

#[test]
fn a_zone_is_known_by_its_iana_name() {
    assert!(Zone::parse("America/Argentina/Buenos_Aires").is_ok());
    let error = Zone::parse("america/new_yrok").expect_err("a slip of the pen");
    assert_eq!(error.to_string(), "there is no time zone 'america/new_yrok'; did you mean 'America/New_York'?");
}

#[test]
fn a_file_that_everybody_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("oncall-sync.toml");
    std::fs::write(&path, oncall_sync::config::STARTER).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).expect("its mode is set");
    let faults = Config::load(&path).expect_err("everybody could say what is run");
    assert!(faults.to_string().contains("chmod o-w"), "{faults}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o664)).expect("its mode is set");
    Config::load(&path).expect("a group may write");
}

#[test]
fn a_ledger_may_be_a_database() {
    let ledger = |value: &str| {
        let (folder, config) = good(&format!("ledger = {value}\n{SOURCE}{TARGET}{RULE}"));
        (folder.path().to_owned(), config.ledger)
    };
    let url = "postgres://keeper@db.example.com/oncall?sslmode=verify-ca";
    assert_eq!(ledger(&format!("'{url}'")).1, LedgerConfig::Url(url.into()));
    assert_eq!(ledger("{ env = 'LEDGER_URL' }").1, LedgerConfig::Secret(SecretRef::Env("LEDGER_URL".into())));
    let (folder, place) = ledger("{ file = 'ledger.url' }");
    assert_eq!(place, LedgerConfig::Secret(SecretRef::File(folder.join("ledger.url"))));
}
