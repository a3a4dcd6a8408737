//! `--dry-run`: the plan, and not one byte written.

use super::*;

#[track_caller]
fn untouched(office: &Office) {
    assert_eq!(office.writes(), 0);
    let left: Vec<_> = fs::read_dir(office.desk.path("")).expect("the folder").collect();
    let mut names: Vec<_> = left.into_iter().map(|one| one.expect("an entry").file_name()).collect();
    names.sort();
    assert_eq!(names, ["oncall-sync.toml", "pagerduty.key"], "no ledger, no lock");
}

#[test]
fn it_shows_the_plan_and_writes_nothing() {
    let office = Office::new();
    let ran = office.run(&["--dry-run"]).exits(0);
    assert!(ran.out.contains("alice@example.com  prod-postgres  now"), "{}", ran.out);
    assert!(ran.out.ends_with("Plan: 2 to give.\n"), "{}", ran.out);
    untouched(&office);
}

#[test]
fn pending_changes_have_an_exit_code_of_their_own() {
    let office = Office::new();
    office.run(&["--dry-run", "--detailed-exitcode"]).exits(3);
    untouched(&office);
    office.run(&[]).exits(0);
    office.run(&["--dry-run", "--detailed-exitcode"]).exits(0).says(&["Nothing to do"]);
}

#[test]
fn it_leaves_the_ledger_of_earlier_runs_as_it_is() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let ledger = office.desk.ledger();
    office.strongdm.forget();
    office.pagerduty.replace(people().shift(PRIMARY, "PCAROL", hours(-2), hours(14)));
    let ran = office.run(&["--dry-run", "--output", "json"]).exits(0);
    assert_eq!(ran.json()["dry_run"], true);
    assert_eq!(ran.json()["counts"]["revoked"], 2);
    assert_eq!(ran.json()["targets"]["strongdm"]["changes"][0]["outcome"], "planned");
    assert_eq!(office.writes(), 0);
    assert_eq!(office.desk.ledger(), ledger);
}

#[test]
fn a_limit_refuses_in_a_dry_run_too_and_force_lifts_it() {
    let office = Office::with(rota(), organisation(), &format!("{RULE}\n[limits]\nmax_changes = 1\n"));
    let refusal = ["2 changes are planned, and limits.max_changes allows 1", "--force"];
    office.run(&["--dry-run"]).exits(4).says(&refusal);
    office.run(&["--dry-run", "--detailed-exitcode"]).exits(4);
    office.run(&["--dry-run", "--force"]).exits(0).says(&["Plan: 2 to give."]);
    untouched(&office);
    let report = office.run(&["--output", "json"]).exits(4).json();
    assert_eq!(report["exit_code"], 4);
    assert_eq!(report["refused"].as_array().map(Vec::len), Some(1));
    assert_eq!(office.writes(), 0);
    office.run(&["--force"]).exits(0).says(&["Done: 2 given."]);
}

#[test]
fn detailed_exit_codes_are_of_dry_runs_alone() {
    let office = Office::new();
    office.run(&["--detailed-exitcode"]).exits(2).says(&["--dry-run"]);
    untouched(&office);
}
