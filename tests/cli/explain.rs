//! `explain`: one clear answer, and which step of the way gives access or is missing.

use std::time::Instant;

use super::*;
use crate::fakes::pagerduty::Fault as Outage;

/// What is said, with what strongDM numbered in any order written as `ag-N`.
#[track_caller]
fn explained(office: &Office, code: i32, arguments: &[&str]) -> String {
    at(office, NOW, code, arguments)
}

#[track_caller]
fn at(office: &Office, now: &str, code: i32, arguments: &[&str]) -> String {
    let said = office.desk.run_at(now, &[&["explain"], arguments].concat()).exits(code).out;
    let mut parts = said.split("ag-");
    let first = parts.next().expect("split gives one").to_owned();
    parts.fold(first, |said, part| format!("{said}ag-N{}", &part[4..]))
}

/// The service's clock, for runs at another time.
fn strongdm_at(office: &Office, hour: i64) {
    office.strongdm.change(|world| world.clock = (hours(hour), Instant::now()));
}

#[test]
fn who_has_it_is_told_why() {
    let office = Office::new();
    office.run(&[]).exits(0);
    insta::assert_snapshot!(explained(&office, 0, &["alice@example.com"]), @r"
    alice@example.com has prod-postgres on strongdm until 2026-03-02 14:00 UTC.
      rule 'database': Alice on call in 'DBA Primary' of pagerduty, from 2026-03-02 06:00 UTC to 2026-03-02 14:00 UTC
      it is ours by the ledger (ag-N), from 2026-03-02 08:00 UTC to 2026-03-02 14:00 UTC
    ");
}

#[test]
fn who_will_have_it_is_told_from_when() {
    let office = Office::new();
    office.run(&[]).exits(0);
    insta::assert_snapshot!(explained(&office, 0, &["BOB@example.com", "--entitlement", "prod-postgres"]), @r"
    BOB@example.com does not have prod-postgres on strongdm; will have it from 2026-03-02 14:00 UTC until 2026-03-02 22:00 UTC.
      rule 'database': Bob on call in 'DBA Primary' of pagerduty, from 2026-03-02 14:00 UTC to 2026-03-02 22:00 UTC
      it is ours by the ledger (ag-N), from 2026-03-02 14:00 UTC to 2026-03-02 22:00 UTC
    ");
}

#[test]
fn before_the_first_run_the_next_one_is_to_give_it() {
    insta::assert_snapshot!(explained(&Office::new(), 0, &["alice@example.com"]), @r"
    alice@example.com does not have prod-postgres on strongdm yet; the next run is to give it until 2026-03-02 14:00 UTC.
      rule 'database': Alice on call in 'DBA Primary' of pagerduty, from 2026-03-02 06:00 UTC to 2026-03-02 14:00 UTC
      the next run gives it, from 2026-03-02 08:00 UTC to 2026-03-02 14:00 UTC
    ");
}

#[test]
fn who_had_it_is_told_until_when() {
    let office = Office::new();
    office.run(&[]).exits(0);
    strongdm_at(&office, 8);
    office.strongdm.change(|world| world.grants.retain(|grant| grant.until.is_none_or(|until| until > hours(8))));
    insta::assert_snapshot!(at(&office, "2026-03-02T16:00:00Z", 0, &["alice@example.com"]), @r"
    alice@example.com does not have prod-postgres on strongdm; had it until 2026-03-02 14:00 UTC.
      not on call in 'DBA Primary', which rule 'database' follows; nor later in the window
      it was given for rule 'database': Alice on call in 'DBA Primary' of pagerduty, from 2026-03-02 06:00 UTC to 2026-03-02 14:00 UTC
    ");
}

#[test]
fn who_is_not_on_call_does_not_have_it() {
    insta::assert_snapshot!(explained(&Office::new(), 0, &["carol@example.com"]), @r"
    Nobody on call in the window and nothing in the ledger goes by carol@example.com; did you mean 'alice@example.com'?
    carol@example.com does not have prod-postgres on strongdm.
      not on call in 'DBA Primary', which rule 'database' follows; nor later in the window
    ");
}

#[test]
fn accounts_that_are_missing_doubled_or_suspended_are_told() {
    let mut none = organisation();
    none.accounts.retain(|account| account.id != "a-1");
    insta::assert_snapshot!(explained(&Office::with(rota(), none, RULE), 0, &["alice@example.com"]), @r"
    alice@example.com does not have prod-postgres on strongdm.
      rule 'database': Alice on call in 'DBA Primary' of pagerduty, from 2026-03-02 06:00 UTC to 2026-03-02 14:00 UTC
      there is no account on strongdm; make one, or map the address under [aliases]
    ");
    let two = organisation().user("a-9", "alice@example.com");
    insta::assert_snapshot!(explained(&Office::with(rota(), two, RULE), 0, &["alice@example.com"]), @r"
    alice@example.com does not have prod-postgres on strongdm.
      rule 'database': Alice on call in 'DBA Primary' of pagerduty, from 2026-03-02 06:00 UTC to 2026-03-02 14:00 UTC
      alice@example.com has 2 accounts on strongdm, and none is chosen; leave one
    ");
    let mut suspended = organisation();
    suspended.accounts[0].suspended = true;
    suspended.accounts[0].suspended_read_only = true;
    insta::assert_snapshot!(explained(&Office::with(rota(), suspended, RULE), 0, &["alice@example.com"]), @r"
    alice@example.com does not have prod-postgres on strongdm.
      rule 'database': Alice on call in 'DBA Primary' of pagerduty, from 2026-03-02 06:00 UTC to 2026-03-02 14:00 UTC
      the account alice@example.com on strongdm is suspended
    ");
}

#[test]
fn a_level_that_the_rule_does_not_take_is_told() {
    let second = pagerduty::World::at(now())
        .person("PALICE", "Alice", "alice@example.com")
        .schedule_at(PRIMARY, "DBA Primary", &[("PPOLICY", 2)])
        .shift(PRIMARY, "PALICE", hours(-2), hours(6));
    let office = Office::with(second, organisation(), &format!("{RULE}levels = [1]\n"));
    insta::assert_snapshot!(explained(&office, 0, &["alice@example.com"]), @r"
    alice@example.com does not have prod-postgres on strongdm.
      on call in 'DBA Primary' at level 2, and rule 'database' takes only 1
    ");
}

#[test]
fn an_entitlement_that_is_not_there_is_told() {
    let office = Office::with(rota(), organisation(), &RULE.replace("prod-postgres", "prod-postgers"));
    insta::assert_snapshot!(explained(&office, 0, &["alice@example.com"]), @r"
    alice@example.com does not have prod-postgers on strongdm.
      rule 'database': strongDM shows this API key no resource named 'prod-postgers'; did you mean 'prod-postgres'?
    ");
}

#[test]
fn somebody_without_an_email_may_be_meant() {
    let nameless = people().person_without_email("PDAVE", "Dave").shift(PRIMARY, "PDAVE", hours(-2), hours(6));
    let office = Office::with(nameless, organisation().user("a-4", "dave@example.com"), RULE);
    insta::assert_snapshot!(explained(&office, 0, &["dave@example.com"]), @r"
    Nobody on call in the window and nothing in the ledger goes by dave@example.com
    dave@example.com does not have prod-postgres on strongdm.
      not on call in 'DBA Primary', which rule 'database' follows; nor later in the window
      Dave (PDAVE) is on call in 'DBA Primary' and has no e-mail at the source: is that them?
    ");
}

#[test]
fn an_outage_of_the_source_is_told_and_what_stands() {
    let office = Office::new();
    office.run(&[]).exits(0);
    office.pagerduty.fail("", usize::MAX, Outage::NotFound);
    let said = explained(&office, 1, &["alice@example.com"]);
    assert!(
        said.starts_with("alice@example.com has prod-postgres on strongdm until 2026-03-02 14:00 UTC.\n"),
        "{said}"
    );
    assert!(said.contains("source pagerduty could not be read") && said.contains("so it stands"), "{said}");
    let said = explained(&office, 1, &["carol@example.com"]);
    assert!(said.contains("carol@example.com does not have prod-postgres on strongdm.\n"), "{said}");
    assert!(said.contains("! source pagerduty: "), "{said}");
}

#[test]
fn where_the_target_is_down_the_ledger_is_told() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let (file, _) = office.strongdm.wrong_secret_key();
    office.configure_with("", &office.pagerduty.url(), &office.strongdm.toml_with(&file), RULE);
    let said = explained(&office, 1, &["alice@example.com"]);
    let told =
        "Whether alice@example.com has prod-postgres on strongdm is not known.\n  by the ledger it is ours, from";
    assert!(said.starts_with(told) && said.contains("! target strongdm: "), "{said}");
}

#[test]
fn a_limit_that_refuses_is_told() {
    let office = Office::new();
    office.configure("", &format!("{RULE}\n[limits]\nmax_changes = 1\n"));
    office.run(&[]).exits(4);
    let said = explained(&office, 0, &["alice@example.com"]);
    assert!(said.contains("the next run is going to be refused: 2 changes are planned"), "{said}");
    // The plan is within the limits by now; the last run's was not.
    office.configure("", RULE);
    let said = explained(&office, 0, &["alice@example.com"]);
    assert!(said.contains("the last run was refused: 2 changes are planned"), "{said}");
}

#[test]
fn a_role_waits_for_its_shift() {
    let office = Office::with(rota(), organisation(), &RULE.replace("prod-postgres", "role:dba"));
    office.run(&[]).exits(0);
    insta::assert_snapshot!(explained(&office, 0, &["bob@example.com"]), @r"
    bob@example.com does not have role:dba on strongdm; will have it from 2026-03-02 14:00 UTC until 2026-03-02 22:00 UTC.
      rule 'database': Bob on call in 'DBA Primary' of pagerduty, from 2026-03-02 14:00 UTC to 2026-03-02 22:00 UTC
      strongdm cannot be told ahead: a run after 2026-03-02 14:00 UTC gives it
    ");
    // Its time is over, and no run has taken it back.
    strongdm_at(&office, 7);
    insta::assert_snapshot!(at(&office, "2026-03-02T15:00:00Z", 0, &["alice@example.com"]), @r"
    alice@example.com has role:dba on strongdm, though its time is over.
      not on call in 'DBA Primary', which rule 'database' follows; nor later in the window
      it is ours by the ledger (aa-0001), from 2026-03-02 08:00 UTC to 2026-03-02 14:00 UTC
      the next run takes it back
    ");
}

#[test]
fn what_somebody_else_gave_is_told_apart() {
    let office = Office::new();
    office.strongdm.change(|world| world.give("a-3", "rs-1", None));
    insta::assert_snapshot!(explained(&office, 0, &["carol@example.com"]), @r"
    Nobody on call in the window and nothing in the ledger goes by carol@example.com; did you mean 'alice@example.com'?
    carol@example.com has prod-postgres on strongdm, with no end.
      not on call in 'DBA Primary', which rule 'database' follows; nor later in the window
      somebody else gave it (ag-N), since ever with no end; it is left alone
    ");
}

#[test]
fn what_was_taken_away_by_hand_is_told() {
    let office = Office::new();
    office.run(&[]).exits(0);
    office.strongdm.change(|world| world.grants.clear());
    insta::assert_snapshot!(explained(&office, 0, &["alice@example.com"]), @r"
    alice@example.com does not have prod-postgres on strongdm yet; the next run is to give it until 2026-03-02 14:00 UTC.
      rule 'database': Alice on call in 'DBA Primary' of pagerduty, from 2026-03-02 06:00 UTC to 2026-03-02 14:00 UTC
      somebody took it away by hand
      the next run gives it, from 2026-03-02 08:00 UTC to 2026-03-02 14:00 UTC
    ");
}

#[test]
fn what_is_respected_is_not_promised() {
    let office = Office::new();
    office.configure("on_drift = \"respect\"", RULE);
    office.run(&[]).exits(0);
    office.strongdm.change(|world| world.grants.clear());
    insta::assert_snapshot!(explained(&office, 0, &["alice@example.com"]), @r"
    alice@example.com does not have prod-postgres on strongdm.
      rule 'database': Alice on call in 'DBA Primary' of pagerduty, from 2026-03-02 06:00 UTC to 2026-03-02 14:00 UTC
      somebody took it away by hand, which is respected until 2026-03-02 14:00 UTC
    ");
}

#[test]
fn a_shift_that_is_yet_to_begin_is_not_told_as_there() {
    let office = Office::new();
    let said = explained(&office, 0, &["bob@example.com", "--at", "2026-03-03"]);
    let told = "bob@example.com will not have prod-postgres on strongdm at 2026-03-03 00:00 UTC; \
        will have had it until 2026-03-02 22:00 UTC.";
    assert!(said.starts_with(told), "{said}");
}

/// A rota file tells overrides and their reasons; two rules give one grant, padded and capped.
#[test]
fn overrides_padding_caps_and_merges_are_told() {
    let office = Office::new();
    let rota = "[people]\nalice = 'alice@example.com'\nbob = 'bob@example.com'\n\
        [schedules.database]\ntimezone = 'UTC'\n\
        [[schedules.database.layers]]\nstart = '2026-03-02 06:00'\nevery = '1 day'\nusers = ['bob', 'alice']\n\
        [[schedules.database.overrides]]\nfrom = '2026-03-02 07:00'\nto = '2026-03-02 10:00'\nuser = 'alice'\n\
        reason = \"Bob is at the \\u001b[31mdentist\"\n\
        [schedules.platform]\ntimezone = 'UTC'\n\
        [[schedules.platform.layers]]\nstart = '2026-03-02 09:30'\nevery = '1 day'\nusers = ['alice']\nend = '2026-03-03 09:30'\n";
    office.desk.write("rota.toml", rota);
    let rules = "[[rule]]\nname = 'database'\nschedules = ['database']\nearly = '15m'\nlate = '30m'\n\
        grant.strongdm = ['prod-postgres']\n\
        [[rule]]\nname = 'platform'\nschedules = ['platform']\nmax_duration = '8h'\ngrant.strongdm = ['prod-postgres']\n";
    let config = format!(
        "window = '1d'\nledger = 'ledger.db'\n[source.rota]\nkind = 'file'\npath = 'rota.toml'\n[target.strongdm]\n{}\n{rules}",
        office.strongdm.toml()
    );
    office.desk.write("oncall-sync.toml", config);
    office.run(&[]).exits(0);
    insta::assert_snapshot!(explained(&office, 0, &["alice@example.com"]), @r"
    alice@example.com has prod-postgres on strongdm until 2026-03-02 17:30 UTC.
      rule 'database': alice on call in 'database' of rota, from 2026-03-02 07:00 UTC to 2026-03-02 10:00 UTC; by an override (Bob is at the \u{1b}[31mdentist) from 2026-03-02 07:00 UTC to 2026-03-02 10:00 UTC; 15m before the shift; 30m after the shift
      2 shifts are one grant, from 2026-03-02 08:00 UTC to 2026-03-02 17:30 UTC: 'database' from 2026-03-02 07:00 UTC to 2026-03-02 10:00 UTC; 'platform' from 2026-03-02 09:30 UTC to 2026-03-03 09:30 UTC
      it is ours by the ledger (ag-N), from 2026-03-02 08:00 UTC to 2026-03-02 17:30 UTC
    ");
    insta::assert_snapshot!(explained(&office, 0, &["alice@example.com", "--at", "2026-03-02T12:00:00Z"]), @r"
    alice@example.com will have prod-postgres on strongdm at 2026-03-02 12:00 UTC: from 2026-03-02 08:00 UTC until 2026-03-02 17:30 UTC.
      rule 'platform': alice on call in 'platform' of rota, from 2026-03-02 09:30 UTC to 2026-03-03 09:30 UTC; max_duration is 8h
      2 shifts are one grant, from 2026-03-02 08:00 UTC to 2026-03-02 17:30 UTC: 'database' from 2026-03-02 07:00 UTC to 2026-03-02 10:00 UTC; 'platform' from 2026-03-02 09:30 UTC to 2026-03-03 09:30 UTC
      it is ours by the ledger (ag-N), from 2026-03-02 08:00 UTC to 2026-03-02 17:30 UTC
    ");
    insta::assert_snapshot!(explained(&office, 0, &["alice@example.com", "--at", "2026-03-02T19:00:00Z"]), @r"
    alice@example.com will not have prod-postgres on strongdm at 2026-03-02 19:00 UTC; will have it from 2026-03-03 05:45 UTC until 2026-03-04 06:30 UTC.
      rule 'database': alice on call in 'database' of rota, from 2026-03-03 06:00 UTC to 2026-03-04 06:00 UTC; 15m before the shift; 30m after the shift
      it is ours by the ledger (ag-N), from 2026-03-03 05:45 UTC to 2026-03-04 06:30 UTC
    ");
}

/// What is past is in the audit log.
#[test]
fn the_past_is_told_from_the_audit_log() {
    let office = Office::with(people().shift(PRIMARY, "PALICE", hours(-2), hours(6)), organisation(), RULE);
    office.run(&[]).exits(0);
    office.pagerduty.replace(people().shift(PRIMARY, "PCAROL", hours(-2), hours(6)));
    strongdm_at(&office, 1);
    office.desk.run_at("2026-03-02T09:00:00Z", &["--force"]).exits(0);
    let requests = || office.pagerduty.requests().len() + office.strongdm.calls().len();
    let before = requests();
    let later = |arguments: &[&str]| at(&office, "2026-03-02T10:00:00Z", 0, arguments);
    insta::assert_snapshot!(later(&["alice@example.com", "--at", "2026-03-02T08:30:00Z"]), @r"
    By the ledger alone, last written 2026-03-02 09:00 UTC.
    alice@example.com had prod-postgres on strongdm at 2026-03-02 08:30 UTC: from 2026-03-02 08:00 UTC until 2026-03-02 09:00 UTC.
      rule 'database': Alice on call in 'DBA Primary' of pagerduty, from 2026-03-02 06:00 UTC to 2026-03-02 14:00 UTC
      a run took it back
    ");
    insta::assert_snapshot!(later(&["alice@example.com", "--at", "2026-03-02T09:30"]), @r"
    By the ledger alone, last written 2026-03-02 09:00 UTC.
    alice@example.com did not have prod-postgres on strongdm at 2026-03-02 09:30 UTC; had it until 2026-03-02 09:00 UTC.
      rule 'database': Alice on call in 'DBA Primary' of pagerduty, from 2026-03-02 06:00 UTC to 2026-03-02 14:00 UTC
      a run took it back
    ");
    insta::assert_snapshot!(later(&["carol@example.com", "--at", "2026-03-02T08:30:00Z"]), @r"
    By the ledger alone, last written 2026-03-02 09:00 UTC.
    carol@example.com did not have prod-postgres on strongdm at 2026-03-02 08:30 UTC; has it from 2026-03-02 09:00 UTC until 2026-03-02 14:00 UTC.
      rule 'database': Carol on call in 'DBA Primary' of pagerduty, from 2026-03-02 06:00 UTC to 2026-03-02 14:00 UTC
    ");
    insta::assert_snapshot!(later(&["carol@example.com", "--offline"]), @r"
    By the ledger alone, last written 2026-03-02 09:00 UTC.
    carol@example.com has prod-postgres on strongdm until 2026-03-02 14:00 UTC.
      rule 'database': Carol on call in 'DBA Primary' of pagerduty, from 2026-03-02 06:00 UTC to 2026-03-02 14:00 UTC
    ");
    assert_eq!(requests(), before, "nobody was asked");
}

#[test]
fn an_alias_is_asked_by_either_address() {
    let mut organisation = organisation();
    organisation.accounts[0].name = "alice.smith@example.com".into();
    let office = Office::with(rota(), organisation, RULE);
    office.configure("", &format!("[aliases]\n\"alice@example.com\" = \"alice.smith@example.com\"\n{RULE}"));
    office.run(&[]).exits(0);
    let one = explained(&office, 0, &["alice@example.com"]);
    let other = explained(&office, 0, &["alice.smith@example.com"]);
    assert!(one.starts_with("alice@example.com has prod-postgres on strongdm until"), "{one}");
    assert_eq!(one.replace("alice@", "alice.smith@"), other);
}

#[test]
fn an_address_that_nobody_knows_comes_with_near_ones() {
    let office = Office::new();
    let said = explained(&office, 0, &["alcie@example.com"]);
    let told = "Nobody on call in the window and nothing in the ledger goes by alcie@example.com; \
        did you mean 'alice@example.com'?\n";
    assert_eq!(said, told);
    assert!(explained(&office, 0, &["alcie@example.com", "--offline"]).contains("goes by alcie@example.com"));
}

#[test]
fn a_question_without_sense_is_refused() {
    let office = Office::new();
    office.run(&["explain", "alice"]).exits(2).says(&["'alice' is no e-mail address"]);
    let ran = office.run(&["explain", "alice@example.com", "--target", "strongmd"]).exits(2);
    ran.says(&["no target is called 'strongmd'", "did you mean 'strongdm'?"]);
    office.run(&["explain", "alice@example.com", "--at", "2027-03-02"]).exits(2).says(&["more than 90 days ahead"]);
    office.run(&["explain", "alice@example.com", "--at", "soon"]).exits(2).says(&["write it like 2026-01-05"]);
    let said = explained(&office, 0, &["alice@example.com", "--entitlement", "prod-postgers"]);
    let told =
        "Nothing says that alice@example.com has, had or is to have prod-postgers; did you mean 'prod-postgres'?\n";
    assert_eq!(said, told);
}

#[test]
fn asking_changes_nothing() {
    let office = Office::new();
    explained(&office, 0, &["alice@example.com"]);
    assert!(!office.desk.exists("ledger.db") && !office.desk.exists("ledger.db.lock"));
    office.run(&[]).exits(0);
    let (ledger, held) = (office.desk.ledger(), office.held());
    office.strongdm.forget();
    for arguments in [&["alice@example.com"][..], &["bob@example.com", "--offline"]] {
        explained(&office, 0, arguments);
    }
    assert_eq!((office.desk.ledger(), office.held(), office.writes()), (ledger, held, 0));
}

#[test]
fn an_explanation_is_data_too() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let schema = office.run(&["schema", "explain"]).exits(0).json();
    let told = office.run(&["explain", "alice@example.com", "--output", "json"]).exits(0).json();
    let answer = &told["answers"][0];
    for (of, value) in [
        (&schema, &told),
        (&schema["$defs"]["AnswerReport"], answer),
        (&schema["$defs"]["StepReport"], &answer["why"][0]),
    ] {
        let known: Vec<&String> = of["properties"].as_object().expect("an object").keys().collect();
        let mut keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
        keys.sort();
        assert_eq!(keys, known, "{value}");
    }
    assert_eq!((&answer["verdict"], &answer["until"]), (&Value::from("has"), &Value::from("2026-03-02T14:00:00Z")));
    assert_eq!(answer["why"][0]["kind"], "on-call");
}
