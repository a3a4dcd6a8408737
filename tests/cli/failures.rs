//! Something is down, refused or gone: what stands, what is served all the same, what the next run makes good.

use tonic::Code;

use super::*;
use crate::fakes::pagerduty::Fault as Outage;
use crate::fakes::strongdm::{Fault, Trouble};

const CREATE: &str = "AccountGrants.Create";

#[test]
fn an_outage_of_the_source_takes_nobodys_access() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let before = office.held();
    office.strongdm.forget();
    office.pagerduty.fail("", usize::MAX, Outage::Html(500));
    let ran = office.run(&[]).exits(1);
    assert!(ran.out.contains("! source pagerduty: ") && ran.out.contains("500"), "{}", ran.out);
    assert_eq!(office.held(), before);
    assert_eq!(office.writes(), 0);
}

#[test]
fn what_has_ended_is_settled_during_an_outage_too() {
    let office = Office::with(rota(), organisation(), &RULE.replace("prod-postgres", "role:dba"));
    office.run(&[]).exits(0);
    assert_eq!(office.strongdm.attachments().len(), 1);
    office.pagerduty.fail("", usize::MAX, Outage::Html(500));
    office.strongdm.change(|world| world.clock = (hours(7), std::time::Instant::now()));
    office.desk.run_at("2026-03-02T15:00:00Z", &[]).exits(1).says(&["- ended", "1 taken back"]);
    assert_eq!(office.strongdm.attachments(), []);
}

#[test]
fn a_wrong_key_of_the_source_is_named() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let before = office.held();
    secret(&office.desk.path("pagerduty.key"), "u+another");
    let ran = office.run(&[]).exits(1).says(&["401", "key"]);
    assert!(!ran.out.contains("u+another") && !ran.err.contains("u+another"), "{ran:?}");
    assert_eq!(office.held(), before);
}

#[test]
fn a_wrong_key_of_the_target_is_named() {
    let office = Office::new();
    let (file, wrong) = office.strongdm.wrong_secret_key();
    office.configure_with("", &office.pagerduty.url(), &office.strongdm.toml_with(&file), RULE);
    let ran = office.run(&[]).exits(1).says(&["! target strongdm: ", "key"]);
    assert!(!ran.out.contains(&wrong) && !ran.err.contains(&wrong));
}

#[test]
fn a_schedule_that_is_suddenly_empty_needs_a_persons_word() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let before = office.held();
    office.pagerduty.replace(people());
    let refused = [
        "! refused: schedule 'DBA Primary' of source 'pagerduty' suddenly has nobody on call, while 2 live grants rest on it",
    ];
    office.run(&[]).exits(4).says(&refused);
    assert_eq!(office.held(), before);
    office.run(&["--force"]).exits(0).says(&["2 taken back"]);
    let live = office.strongdm.grants().into_iter().filter(|grant| !grant.is_expired(hours(0)));
    assert_eq!(live.count(), 0);
}

#[test]
fn a_target_that_is_down_holds_up_nobody_on_the_other() {
    let office = Office::new();
    let files = "[target.policy]\nkind = \"file\"\npath = \"grants.json\"\n";
    office.configure("", &format!("{files}{RULE}grant.policy = [\"prod-postgres\"]\n"));
    office.strongdm.trouble(Trouble::new("*", Fault::Refuse(Code::FailedPrecondition)).times(usize::MAX));
    office.run(&[]).exits(1).says(&["! target strongdm: ", "2 given", "1 not served"]);
    assert!(office.desk.read("grants.json").contains("alice@example.com"));
    assert_eq!(office.held(), []);

    office.strongdm.change(|world| world.troubles.clear());
    office.run(&[]).exits(0).says(&["2 given"]);
    assert_eq!(office.held().len(), 2);
    office.run(&[]).exits(0).says(&["Nothing to do"]);
}

#[test]
fn a_grant_that_fails_holds_up_nobody_else() {
    let office = Office::new();
    office.strongdm.trouble(Trouble::new(CREATE, Fault::Refuse(Code::FailedPrecondition)).ending(hours(6)));
    let ran = office.run(&[]).exits(1).says(&["1 given, 1 failed"]);
    assert!(ran.out.contains("! giving of prod-postgres for alice@example.com failed: "), "{}", ran.out);
    assert_eq!(office.held(), [held("a-2", "rs-1", hours(6), hours(14))]);
    office.run(&[]).exits(0).says(&["Done: 1 given."]);
    assert_eq!(office.held().len(), 2);
    office.run(&[]).exits(0).says(&["Nothing to do"]);
}

#[test]
fn a_reply_that_was_lost_makes_no_second_grant() {
    let office = Office::new();
    office.strongdm.trouble(Trouble::new(CREATE, Fault::LostReply));
    office.run(&[]);
    office.run(&[]).exits(0);
    assert_eq!(office.held().len(), 2, "{:?}", office.held());
    office.run(&[]).exits(0).says(&["Nothing to do"]);
}

#[test]
fn a_person_without_an_account_is_named_and_the_others_are_served() {
    let mut organisation = organisation();
    organisation.accounts.retain(|account| account.id != "a-1");
    let office = Office::with(rota(), organisation, RULE);
    office.run(&[]).exits(1).says(&["! Alice <alice@example.com> is on call and has no account on strongdm"]);
    assert_eq!(office.held(), [held("a-2", "rs-1", hours(6), hours(14))]);
}

#[test]
fn a_person_without_an_email_is_named_and_the_others_are_served() {
    let world = rota().person_without_email("PDAN", "Dan").shift(PRIMARY, "PDAN", hours(-2), hours(6));
    let office = Office::with(world, organisation(), RULE);
    office.run(&[]).exits(1).says(&["! Dan (PDAN), on call in 'DBA Primary', has no e-mail at the source"]);
    assert_eq!(office.held().len(), 2);
}

#[test]
fn a_schedule_that_is_unknown_is_an_error_with_its_name() {
    let office = Office::with(rota(), organisation(), &RULE.replace(PRIMARY, "DBA Primry"));
    office.run(&[]).exits(1).says(&["DBA Primry", "DBA Primary"]);
    assert_eq!(office.writes(), 0);
}
