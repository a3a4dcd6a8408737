//! The whole job, PagerDuty to strongDM.

use serde_json::Value;

use super::*;
use crate::fakes::strongdm::Several;

/// Alice's grant begins when the run does: strongDM needs no past. Bob's has the dates of his shift.
#[test]
fn whoever_is_on_call_gets_access_for_exactly_the_shift() {
    let office = Office::new();
    let ran = office.run(&[]).exits(0);
    insta::assert_snapshot!(ran.out, @r"
    strongdm (times in UTC)
            who                what           from                  until                 why
     + now  alice@example.com  prod-postgres  now                   2026-03-02 14:00 UTC  database: DBA Primary
     +      bob@example.com    prod-postgres  2026-03-02 14:00 UTC  2026-03-02 22:00 UTC  database: DBA Primary

    Done: 2 given.
    ");
    assert_eq!(ran.err, "");
    assert_eq!(office.held(), [held("a-1", "rs-1", hours(0), hours(6)), held("a-2", "rs-1", hours(6), hours(14))]);
}

#[test]
fn the_second_run_finds_nothing_to_do_and_writes_nothing() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let owned = office.run(&["grants"]).exits(0).says(&["alice@example.com"]).out;
    office.strongdm.forget();
    let ran = office.run(&[]).exits(0);
    assert_eq!(ran.out, "Nothing to do: all is as desired.\n");
    assert_eq!(office.writes(), 0);
    assert_eq!(office.run(&["grants"]).exits(0).out, owned);
}

/// Where strongDM keeps one grant for one access, the grant of tonight is moved, and is not there to be taken back.
#[test]
fn a_shift_of_tonight_swapped_for_one_of_now() {
    let tonight = || people().shift(PRIMARY, "PALICE", hours(10), hours(14));
    let now = || people().shift(PRIMARY, "PALICE", hours(-1), hours(6));
    let office = Office::with(tonight(), organisation(), RULE);
    office.strongdm.change(|world| world.manners.several = Several::One);
    office.run(&[]).exits(0).says(&["1 given"]);
    office.pagerduty.replace(now());
    office.run(&[]).exits(0).says(&["1 given, 1 taken back"]);
    assert_eq!(office.held(), [held("a-1", "rs-1", hours(0), hours(6))]);
    office.run(&[]).exits(0).says(&["Nothing to do"]);
}

#[test]
fn an_override_moves_one_and_gives_another() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let covered = people()
        .shift(PRIMARY, "PALICE", hours(-2), hours(3))
        .shift(PRIMARY, "PCAROL", hours(3), hours(6))
        .shift(PRIMARY, "PBOB", hours(6), hours(14));
    office.pagerduty.replace(covered);
    let ran = office.run(&[]).exits(0).says(&["1 given", "1 moved"]);
    assert!(ran.out.contains("was 2026-03-02"), "{}", ran.out);
    assert_eq!(
        office.held(),
        [
            held("a-1", "rs-1", hours(0), hours(3)),
            held("a-2", "rs-1", hours(6), hours(14)),
            held("a-3", "rs-1", hours(3), hours(6)),
        ]
    );
    office.run(&[]).exits(0).says(&["Nothing to do"]);
}

#[test]
fn a_person_off_call_loses_it() {
    let office = Office::new();
    office.run(&[]).exits(0);
    office.pagerduty.replace(people().shift(PRIMARY, "PBOB", hours(-2), hours(14)));
    office.run(&[]).exits(0);
    assert!(office.strongdm.grants().iter().all(|grant| grant.account == "a-2"), "{:?}", office.held());
    assert!(office.strongdm.grants().iter().any(|grant| grant.is_live(now() + TimeDelta::minutes(1))));
    office.run(&[]).exits(0).says(&["Nothing to do"]);
}

#[test]
fn what_somebody_else_gave_is_left_alone() {
    let office = Office::with(rota(), organisation(), RULE);
    let theirs = office.strongdm.change(|world| world.give("a-3", "rs-1", None));
    office.run(&[]).exits(0);
    office.pagerduty.replace(people().shift(PRIMARY, "PBOB", hours(-2), hours(14)));
    office.run(&[]).exits(0);
    assert!(office.strongdm.grants().iter().any(|grant| grant.id == theirs));
}

#[test]
fn roles_are_given_when_the_shift_begins() {
    let office = Office::with(rota(), organisation(), &RULE.replace("prod-postgres", "role:dba"));
    office.run(&[]).exits(0).says(&["bob@example.com gets role:dba when the shift begins"]);
    let members: Vec<_> = office.strongdm.attachments().into_iter().map(|one| one.account).collect();
    assert_eq!(members, ["a-1"]);
}

#[test]
fn the_json_report_is_what_its_schema_says() {
    let office = Office::new();
    let report = office.run(&["--output", "json"]).exits(0).json();
    let schema = office.run(&["schema", "report"]).exits(0).json();
    let required = strings(&schema["required"]);
    let properties: Vec<&String> = schema["properties"].as_object().expect("an object").keys().collect();
    let keys: Vec<&String> = report.as_object().expect("an object").keys().collect();
    assert!(required.iter().all(|key| keys.contains(&key)), "{required:?} {keys:?}");
    assert!(keys.iter().all(|key| properties.contains(key)), "{properties:?} {keys:?}");
    let change = &report["targets"]["strongdm"]["changes"][0];
    for key in strings(&schema["$defs"]["ChangeReport"]["required"]) {
        assert!(change.get(&key).is_some(), "{key} in {change}");
    }
    assert_eq!(change["action"], "create");
    assert_eq!(change["outcome"], "done");
    assert_eq!(change["email"], "alice@example.com");
    assert_eq!(change["from"], "2026-03-02T08:00:00Z");
    assert_eq!(change["until"], "2026-03-02T14:00:00Z");
    assert_eq!(change["reasons"][0]["rule"], "database");
    assert_eq!(report["version"], 1);
    assert_eq!(report["dry_run"], false);
    assert_eq!(report["window"]["until"], "2026-03-03T08:00:00Z");
    assert_eq!(report["counts"]["created"], 2);
    assert_eq!(report["exit_code"], 0);
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().expect("a list").iter().map(|one| one.as_str().expect("a string").to_owned()).collect()
}

#[test]
fn every_request_is_counted() {
    let office = Office::new();
    let requests = office.run(&["--output", "json"]).exits(0).json()["requests"].clone();
    assert_eq!(requests["sources"]["pagerduty"], office.pagerduty.requests().len());
    assert_eq!(requests["targets"]["strongdm"], office.strongdm.calls().len());
}

#[test]
fn the_same_inputs_have_the_same_digest() {
    let office = Office::new();
    let digest = |arguments: &[&str]| office.run(arguments).exits(0).json()["digest"].clone();
    let planned = digest(&["--dry-run", "--output", "json"]);
    assert_eq!(digest(&["--dry-run", "--output", "json"]), planned);
    assert_eq!(digest(&["--output", "json"]), planned, "what is done is what was planned");
    assert_ne!(digest(&["--dry-run", "--output", "json"]), planned, "nothing is left to do");
}

#[test]
fn quiet_prints_nothing_where_nothing_happened() {
    let office = Office::new();
    office.run(&["--quiet"]).exits(0).says(&["alice@example.com", "2 given"]);
    let ran = office.run(&["--quiet"]).exits(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
}

#[test]
fn verbose_keeps_the_report_on_its_own_stream() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let ran = office.run(&["-vv"]).exits(0);
    assert_eq!(ran.out, "Nothing to do: all is as desired.\n");
    assert!(ran.err.contains("/oncalls"), "requests are logged: {:?}", ran.err);
}

/// Two rules, each with a schedule and a database of its own.
fn two_rules() -> Office {
    let world = rota().schedule("PMYSQL", "MySQL").shift("PMYSQL", "PCAROL", hours(-2), hours(6));
    let rules =
        format!("{RULE}\n[[rule]]\nname = \"mysql\"\nschedules = [\"PMYSQL\"]\ngrant.strongdm = [\"prod-mysql\"]\n");
    Office::with(world, organisation(), &rules)
}

#[test]
fn a_run_of_one_rule_leaves_the_grants_of_the_others() {
    for narrow in [["--rule", "mysql"], ["--schedule", "PMYSQL"]] {
        let office = two_rules();
        office.run(&[]).exits(0).says(&["3 given"]);
        let empty = people().schedule("PMYSQL", "MySQL").shift("PMYSQL", "PBOB", hours(-2), hours(6));
        office.pagerduty.replace(empty);
        office.run(&narrow).exits(0);
        let resources = |account: &str| {
            let held = office.held().into_iter().filter(|one| one.0 == account);
            held.map(|one| one.1).collect::<Vec<_>>()
        };
        assert_eq!(resources("a-1"), ["rs-1"], "the other rule was not asked: {narrow:?}");
        assert_eq!(resources("a-2"), ["rs-1", "rs-2"], "{narrow:?}");
        assert_eq!(resources("a-3"), [""; 0], "{narrow:?}");
    }
}

#[test]
fn an_unknown_rule_is_named_with_a_near_match() {
    let office = two_rules();
    let ran = office.run(&["--rule", "mysq"]).exits(2).says(&["no rule is called 'mysq'", "did you mean 'mysql'?"]);
    assert_eq!(ran.out, "");
    assert!(!office.desk.exists("ledger.db"));
}
