//! Input that is wrong: each kind is named, with what to do, and nothing is asked of anybody or written anywhere.

use super::*;

/// The config is refused, by this sentence, before anybody was asked anything.
#[track_caller]
fn refused(office: &Office, arguments: &[&str], needles: &[&str]) {
    let ran = office.run(arguments).exits(2).says(needles);
    assert_eq!(ran.out, "", "standard output is for reports");
    assert_eq!(office.pagerduty.requests().len() + office.strongdm.calls().len(), 0);
    assert!(!office.desk.exists("ledger.db"));
}

/// A config whose top or rules are these.
#[track_caller]
fn config_refused(top: &str, rules: &str, needles: &[&str]) {
    let office = Office::new();
    office.configure(top, rules);
    refused(&office, &[], needles);
    refused(&office, &["check"], needles);
}

#[test]
fn unknown_keys() {
    config_refused(
        "timezon = \"UTC\"",
        RULE,
        &["oncall-sync.toml", "unknown key `timezon`", "did you mean 'timezone'?"],
    );
    config_refused("", &format!("{RULE}earyl = \"5m\"\n"), &["unknown key `earyl`", "did you mean 'early'?"]);
}

#[test]
fn two_rules_of_one_name() {
    config_refused("", &format!("{RULE}{RULE}"), &["two rules are named 'database', the first on line "]);
}

#[test]
fn a_rule_for_an_unknown_target() {
    let rules = RULE.replace("grant.strongdm", "grant.strongdmm");
    let sentence = "rule 'database' grants on the unknown target 'strongdmm'; did you mean 'strongdm'?";
    config_refused("", &rules, &[sentence]);
}

#[test]
fn all_faults_are_told_at_once() {
    let rules = format!("{RULE}late = 3\n[limits]\nmax_changes = -1\n");
    config_refused("timezone = \"Mars\"", &rules, &["Mars", "`late`", "`max_changes`"]);
}

#[test]
fn a_config_that_is_not_toml() {
    let office = Office::new();
    office.desk.write("oncall-sync.toml", "window = \"1d\nledger = ");
    refused(&office, &[], &["oncall-sync.toml", "this is not TOML"]);
}

#[test]
fn a_window_that_is_none() {
    for (window, why) in [
        ("0d", "the window has to be more than zero and at most "),
        ("3650d", "the window has to be more than zero and at most "),
        ("=-1d", "it must not be negative"),
        ("7", "unit"),
        ("never", "no length of time"),
    ] {
        let office = Office::new();
        let flag = format!("--window{}{window}", if window.starts_with('=') { "" } else { "=" });
        refused(&office, &[&flag], &[why]);
    }
}

#[test]
fn a_window_that_is_none_in_the_file() {
    for (window, why) in [
        ("0d", "`window` has to be more than zero and at most "),
        ("3650d", "`window` has to be more than zero and at most "),
        ("-1d", "it must not be negative"),
    ] {
        let office = Office::new();
        let config = office.desk.read("oncall-sync.toml").replace("\"1d\"", &format!("\"{window}\""));
        office.desk.write("oncall-sync.toml", config);
        refused(&office, &[], &[why]);
    }
}

#[test]
fn an_empty_list_of_schedules() {
    config_refused(
        "",
        &RULE.replace("\"PI7DH85\"", ""),
        &["`schedules` in rule 'database' is empty; name at least one"],
    );
    config_refused("", &RULE.replace("PI7DH85", " "), &["`schedules` in rule 'database' has an empty name"]);
}

/// Blanks around an id are a slip of the pen; the schedule is not found, and what was meant is told.
#[test]
fn a_schedule_with_blanks_around_it() {
    for slip in [" PI7DH85 ", "PI7 DH85"] {
        let office = Office::new();
        office.configure("", &RULE.replace(PRIMARY, slip));
        office.run(&[]).exits(1).says(&["! source pagerduty: ", slip.trim()]);
        assert_eq!(office.writes(), 0);
    }
}

#[test]
fn a_secret_written_out_in_the_config() {
    let office = Office::new();
    let config = office.desk.read("oncall-sync.toml");
    let config = config.replace("{ file = \"pagerduty.key\" }", &format!("{:?}", office.pagerduty.key()));
    office.desk.write("oncall-sync.toml", config);
    // That it is not repeated is looked at in every run.
    refused(
        &office,
        &[],
        &["`api_key` in [source.pagerduty]: a secret is not written into the config file", "{ env = "],
    );
}

#[test]
fn a_secret_that_everybody_can_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let office = Office::new();
    fs::set_permissions(office.desk.path("pagerduty.key"), fs::Permissions::from_mode(0o644)).expect("a mode");
    let needles = ["source 'pagerduty'", "everybody on this machine can read the secret file", "chmod o-rwx"];
    office.run(&[]).exits(2).says(&needles);
    assert_eq!(office.pagerduty.requests().len() + office.writes(), 0);
}

#[test]
fn a_secret_file_that_is_missing_or_empty() {
    let office = Office::new();
    secret(&office.desk.path("pagerduty.key"), "");
    office.run(&[]).exits(2).says(&["pagerduty.key is empty"]);
    fs::remove_file(office.desk.path("pagerduty.key")).expect("it was there");
    office.run(&[]).exits(2).says(&["cannot read the secret file", "pagerduty.key"]);
    assert_eq!(office.pagerduty.requests().len() + office.writes(), 0);
}

#[test]
fn a_secrets_variable_that_is_not_set() {
    let office = Office::new();
    let config = office.desk.read("oncall-sync.toml");
    office.desk.write("oncall-sync.toml", config.replace("file = \"pagerduty.key\"", "env = \"PD_KEY\""));
    office.run(&[]).exits(2).says(&["source 'pagerduty'", "the environment variable PD_KEY is not set"]);
    assert_eq!(office.pagerduty.requests().len() + office.writes(), 0);
}

#[test]
fn a_secret_that_was_pasted_in_part() {
    let office = Office::new();
    secret(&office.desk.path("half.key"), "AAECAwQ!");
    let target = office.strongdm.toml_with(&office.desk.path("half.key"));
    office.configure_with("", &office.pagerduty.url(), &target, RULE);
    let ran = office.run(&[]).exits(2).says(&["the secret key of strongDM is not base64"]);
    assert!(!ran.err.contains("AAECAwQ!"), "{}", ran.err);
}

#[test]
fn plain_http_to_another_machine() {
    let office = Office::new();
    office.configure_with("", "http://pagerduty.example.com", &office.strongdm.toml(), RULE);
    office.run(&[]).exits(2).says(&["http://pagerduty.example.com", "https"]);
    assert_eq!(office.writes(), 0);
}

#[test]
fn an_instant_that_is_none() {
    let office = Office::new();
    refused(
        &office,
        &["shifts", "--from", "tomorrow"],
        &["invalid value 'tomorrow' for '--from", "write it like 2026-01-05"],
    );
}
