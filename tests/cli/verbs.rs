//! The verbs beside the sync.

use super::*;

#[test]
fn shifts_shows_who_is_on_call() {
    let office = Office::new();
    let ran = office.run(&["shifts"]).exits(0);
    insta::assert_snapshot!(ran.out, @r"
    On call (times in UTC)
     schedule     level  who    e-mail             from                  until
     DBA Primary  1      Alice  alice@example.com  2026-03-02 06:00 UTC  2026-03-02 14:00 UTC
     DBA Primary  1      Bob    bob@example.com    2026-03-02 14:00 UTC  2026-03-02 22:00 UTC
    ");
    assert_eq!(office.strongdm.calls().len(), 0, "a list of shifts needs no target");
}

#[test]
fn shifts_are_data_too() {
    let office = Office::new();
    let roster = office.run(&["shifts", "--output", "json"]).exits(0).json();
    let who: Vec<_> = roster["shifts"].as_array().expect("a list").iter().map(|one| &one["email"]).collect();
    assert_eq!(who, ["alice@example.com", "bob@example.com"]);
    assert_eq!(roster["shifts"][0]["end"], "2026-03-02T14:00:00Z");
    assert_eq!(roster["shifts"][0]["schedule_id"], PRIMARY);
}

#[test]
fn shifts_begin_where_they_are_told_to() {
    let office = Office::new();
    let ran = office.run(&["shifts", "--from", "2026-03-02T15:00:00Z"]).exits(0);
    assert!(ran.out.contains("Bob") && !ran.out.contains("Alice"), "{}", ran.out);
    let roster = office.run(&["shifts", "--from", "2026-03-02T15:00:00Z", "--output", "json"]).exits(0).json();
    assert_eq!(roster["window"]["from"], "2026-03-02T15:00:00Z");
}

#[test]
fn shifts_that_cannot_be_read_are_a_failure() {
    let office = Office::new();
    office.configure("", &RULE.replace(PRIMARY, "PNOBODY"));
    office.run(&["shifts"]).exits(1).says(&["! ", "PNOBODY"]);
}

#[test]
fn check_finds_that_all_is_well() {
    let office = Office::new();
    let ran = office.run(&["check"]).exits(0);
    insta::assert_snapshot!(ran.out, @r"
      source pagerduty: 2 shifts read
      target strongdm: 2 accounts found
        prod-postgres is there: prod-postgres
    All is well.
    ");
    assert_eq!(office.writes(), 0);
    assert!(!office.desk.exists("ledger.db") && !office.desk.exists("ledger.db.lock"));
    assert_eq!(office.run(&["check", "--output", "json"]).exits(0).json()["ok"], true);
}

#[test]
fn check_names_whoever_has_no_account() {
    let mut organisation = organisation();
    organisation.accounts.retain(|account| account.id != "a-2");
    let office = Office::with(rota(), organisation, RULE);
    office.run(&["check"]).exits(1).says(&["! Bob <bob@example.com>", "no account on strongdm", "Not all is well"]);
}

#[test]
fn check_names_an_unknown_entitlement() {
    let office = Office::with(rota(), organisation(), &RULE.replace("prod-postgres", "prod-postgers"));
    office.run(&["check"]).exits(1).says(&["! rule 'database': ", "prod-postgers", "'prod-postgres'"]);
}

#[test]
fn grants_shows_what_is_ours() {
    let office = Office::new();
    assert_eq!(office.run(&["grants"]).exits(0).out, "The ledger owns nothing.\n");
    assert!(!office.desk.exists("ledger.db"), "looking makes no ledger");
    office.run(&[]).exits(0);
    office.strongdm.forget();
    let ran = office.run(&["grants"]).exits(0);
    assert!(ran.out.contains("bob@example.com") && ran.out.contains("2026-03-02 22:00 UTC"), "{}", ran.out);
    let owning = office.run(&["grants", "--output", "json"]).exits(0).json();
    let ids: std::collections::BTreeSet<_> = owning["grants"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["id"].as_str().expect("an id").to_owned())
        .collect();
    assert_eq!(ids, office.strongdm.grants().into_iter().map(|grant| grant.id).collect());
    assert_eq!(office.strongdm.calls().len(), 0, "the ledger alone says so");
}

#[test]
fn init_writes_a_starter_and_never_over_anything() {
    let desk = Desk::new();
    desk.run(&["init"]).exits(0).says(&["Wrote oncall-sync.toml", "check"]);
    let starter = desk.read("oncall-sync.toml");
    assert!(starter.contains("[[rule]]"));
    assert_eq!(desk.run(&["init", "-"]).exits(0).out, starter);
    desk.write("oncall-sync.toml", "mine");
    desk.run(&["init"]).exits(2).says(&["oncall-sync.toml was not written", "name another file"]);
    assert_eq!(desk.read("oncall-sync.toml"), "mine");
    desk.run(&["init", "other.toml"]).exits(0);
    assert_eq!(desk.read("other.toml"), starter);
}

#[test]
fn schemas_are_json() {
    let desk = Desk::new();
    let config = desk.run(&["schema", "config"]).exits(0).json();
    for key in ["window", "ledger", "source", "target", "rule", "limits"] {
        assert!(config["properties"].get(key).is_some(), "{key}");
    }
    assert_eq!(desk.run(&["schema"]).exits(0).json(), config, "the config's is the default");
    let report = desk.run(&["schema", "report"]).exits(0).json();
    assert!(report["properties"].get("exit_code").is_some());
}

#[test]
fn completions_know_the_flags() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = Desk::new().run(&["completions", shell]).exits(0);
        assert!(ran.out.contains("oncall-sync") && ran.out.contains("dry-run"), "{shell}");
    }
}
