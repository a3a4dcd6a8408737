//! Without a config file: one command line, credentials from the environment.

use super::*;

const LINE: &[&str] = &["--schedule", PRIMARY, "--grant", "strongdm=prod-postgres", "--window", "1d"];

fn bare(office: &Office) -> Command {
    fs::remove_file(office.desk.path("oncall-sync.toml")).expect("it was there");
    let mut command = office.desk.command(LINE);
    command.args(["--now", NOW]);
    command.env("PAGERDUTY_API_KEY", office.pagerduty.key()).env("PAGERDUTY_API_URL", office.pagerduty.url());
    command.env("SDM_API_ACCESS_KEY", strongdm::ACCESS_KEY).env("SDM_API_SECRET_KEY", strongdm::SECRET_KEY);
    command.env("SDM_API_HOST", office.strongdm.host());
    command
}

fn finish(mut command: Command) -> Ran {
    Ran::of(command.output().expect("the program starts"))
}

#[test]
fn one_line_does_the_whole_job() {
    let office = Office::new();
    let mut command = bare(&office);
    let ran = Ran::of(command.output().expect("the program starts")).exits(0);
    assert!(ran.out.ends_with("Done: 2 given.\n"), "{}", ran.out);
    assert_eq!(office.held(), [held("a-1", "rs-1", hours(0), hours(6)), held("a-2", "rs-1", hours(6), hours(14))]);
    assert!(office.desk.exists(".local/state/oncall-sync/ledger.db"));
    finish(command).exits(0).says(&["Nothing to do"]);
}

#[test]
fn a_missing_variable_is_named() {
    for name in ["PAGERDUTY_API_KEY", "SDM_API_ACCESS_KEY", "SDM_API_SECRET_KEY"] {
        let office = Office::new();
        let mut command = bare(&office);
        command.env_remove(name);
        finish(command).exits(2).says(&[&format!("the environment variable {name} is not set")]);
        assert_eq!(office.writes(), 0);
    }
}

#[test]
fn an_unknown_target_is_named() {
    let office = Office::new();
    let mut command = bare(&office);
    command.args(["--grant", "okta=dba"]);
    finish(command).exits(2).says(&["`--grant okta=dba` names an unknown target"]);
    assert_eq!(office.writes(), 0);
}

#[test]
fn without_a_config_and_without_a_schedule_it_says_how_to_begin() {
    Desk::new().run(&[]).exits(2).says(&["there is no config file", "oncall-sync init", "--schedule"]);
}
