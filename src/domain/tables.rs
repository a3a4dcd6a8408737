//! Single decisions that the random histories do not reach, or reach seldom.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::*;

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
}

fn access() -> Access {
    Access { account: "a".into(), entitlement: Entitlement { id: "e".into(), name: "e".into() } }
}

fn grant(from: i64, until: i64) -> Grant {
    let period = Period::new(at(from), at(until)).expect("not empty");
    Grant { access: access(), email: Email::new("p@example.com"), period }
}

fn wanted(from: i64, until: i64) -> Wanted {
    Wanted { grant: grant(from, until), reasons: Reasons::default(), open: false, stands: false }
}

fn shift(start: i64, end: i64) -> Shift {
    Shift {
        schedule: Schedule { id: "S".into(), name: "S".into() },
        level: None,
        person: Person { id: "P".into(), name: "Person".into(), email: Some(Email::new("p@example.com")) },
        start: Some(at(start)),
        end: Some(at(end)),
    }
}

fn rule(duration: Option<i64>) -> Rule {
    Rule {
        name: "rule".into(),
        source: "source".into(),
        on_call: BTreeSet::from([OnCall::Schedule("S".into())]),
        levels: None,
        early: TimeDelta::zero(),
        late: TimeDelta::zero(),
        max_duration: None,
        duration: duration.map(TimeDelta::minutes),
        grant: BTreeMap::new(),
    }
}

#[test]
fn an_empty_or_backward_shift_is_nobodys_even_for_a_fixed_duration() {
    assert!(rule(Some(60)).takes(&shift(0, 1)));
    assert!(!rule(Some(60)).takes(&shift(0, 0)));
    assert!(!rule(Some(60)).takes(&shift(10, 0)));
}

#[test]
fn an_intent_just_confirmed_is_no_strangers_grant() {
    let held = Held { id: "g".into(), access: access(), from: Some(at(0)), until: Some(at(100)), foreign: false };
    let current = Current { grants: vec![held], ..Current::default() };
    let owned = Owned { entry: 1, id: None, grant: grant(0, 100), reasons: Reasons::default() };
    // The shift was cut in two after the crash.
    let desired = Desired { grants: vec![wanted(0, 20), wanted(60, 100)], notes: Vec::new() };
    let plan = plan(at(0), &|_| Tenure::Scheduled, &desired, &current, &[owned]);
    assert_eq!(plan.notes, [], "it is ours");
    assert!(
        matches!(&plan.changes[..], [Change::Confirm { .. }, Change::Create { grant: made, .. }, Change::Amend { to, .. }]
            if *made == grant(60, 100) && *to == grant(0, 20)),
        "{plan:?}"
    );
}

#[test]
fn a_schedule_whose_last_shift_is_over_has_nobody() {
    let reading =
        |shifts| Reading { schedule: shift(0, 1).schedule, coverage: Coverage::Window, shifts, remarks: vec![] };
    let reason = Reason::new("rule", "source", &shift(10, 90));
    let owned = [Owned { entry: 1, id: Some("g".into()), grant: grant(10, 90), reasons: vec![reason].into() }];
    for (shifts, refused) in [(vec![], true), (vec![shift(0, 40)], true), (vec![shift(0, 60)], false)] {
        let readings = Readings::from([(("source".into(), OnCall::Schedule("S".into())), Ok(reading(shifts)))]);
        let window = Period::new(at(50), at(1000)).expect("not empty");
        let aliases = BTreeMap::new();
        let known =
            Known { now: at(50), window, rules: &[], readings: &readings, aliases: &aliases, other_rules_stand: false };
        let refusals = Limits { max_changes: 9, max_revoke_percent: 100 }.check(&known, &[(&owned, &Plan::default())]);
        let emptied = Refusal::Emptied { source: "source".into(), schedule: "S".into(), grants: 1 };
        assert_eq!(refusals, if refused { vec![emptied] } else { vec![] });
    }
}

/// What is desired at minute 10 for somebody on call from 0 to 100, who holds `owned`, where the target has `accounts`.
fn desired(email: Option<&str>, accounts: Vec<Account>, owned: &[Owned]) -> Desired {
    let mut shift = shift(0, 100);
    shift.person.email = email.map(Email::new);
    let reading =
        Reading { schedule: shift.schedule.clone(), coverage: Coverage::Window, shifts: vec![shift], remarks: vec![] };
    let readings = Readings::from([(("source".into(), OnCall::Schedule("S".into())), Ok(reading))]);
    let rules = [Rule { grant: BTreeMap::from([("t".into(), BTreeSet::from(["e".into()]))]), ..rule(None) }];
    let window = Period::new(at(10), at(1000)).expect("not empty");
    let aliases = BTreeMap::new();
    let known =
        Known { now: at(10), window, rules: &rules, readings: &readings, aliases: &aliases, other_rules_stand: false };
    let entitlements = BTreeMap::from([("e".into(), Ok(BTreeSet::from([access().entitlement])))]);
    known.desired("t", &Current { accounts, entitlements, grants: vec![] }, owned)
}

#[test]
fn somebody_on_call_whose_new_email_has_no_account_keeps_what_the_old_one_got() {
    let reason = Reason::new("rule", "source", &shift(0, 100));
    let owned = [Owned { entry: 1, id: Some("g".into()), grant: grant(0, 100), reasons: vec![reason].into() }];
    let account = |email: &str, suspended| Account { id: "b".into(), email: Email::new(email), suspended };
    let new = "married@example.com";
    for (email, accounts) in
        [(Some(new), vec![]), (Some(new), vec![account(new, true)]), (Some("p@example.com"), vec![]), (None, vec![])]
    {
        let desired = desired(email, accounts, &owned);
        assert!(matches!(&desired.grants[..], [kept] if kept.stands && kept.grant == grant(10, 100)), "{desired:?}");
        assert!(desired.notes.iter().any(Note::is_failure), "{desired:?}");
    }
    let moved = desired(Some(new), vec![account(new, false)], &owned);
    assert!(matches!(&moved.grants[..], [one] if one.grant.access.account == AccountId::from("b")), "{moved:?}");
}

/// The source was not asked so far ahead: `--window 1d` by hand must not undo what a run of every day gave.
#[test]
fn what_begins_after_a_shorter_window_stands_unless_no_rule_gives_it_any_more() {
    let owned = |rule: &str, from| {
        let reason = Reason::new(rule, "source", &shift(from, from + 10));
        Owned { entry: 1, id: Some("g".into()), grant: grant(from, from + 10), reasons: vec![reason].into() }
    };
    let account = Account { id: "a".into(), email: Email::new("p@example.com"), suspended: false };
    for (rule, from, stands) in [("rule", 1000, true), ("rule", 999, false), ("old rule", 1000, false)] {
        let desired = desired(Some("p@example.com"), vec![account.clone()], &[owned(rule, from)]);
        let ahead = desired.grants.iter().filter(|wanted| wanted.grant.period.start() == at(from));
        assert_eq!(
            ahead.map(|wanted| wanted.stands).collect::<Vec<_>>(),
            vec![true; usize::from(stands)],
            "{rule} {from}"
        );
    }
}

#[test]
fn what_only_stands_and_was_taken_away_is_not_said_to_be_given_again() {
    let owned = [Owned { entry: 1, id: Some("g".into()), grant: grant(0, 100), reasons: Reasons::default() }];
    for (stands, drift) in [(true, 0), (false, 1)] {
        let desired = Desired { grants: vec![Wanted { stands, ..wanted(10, 100) }], notes: Vec::new() };
        for tenure in [Tenure::Scheduled, Tenure::Expiring, Tenure::Standing] {
            let plan = plan(at(10), &|_| tenure, &desired, &Current::default(), &owned);
            let given = plan.changes.iter().filter(|change| matches!(change, Change::Create { .. })).count();
            assert_eq!((plan.notes.len(), given), (drift, drift), "{plan:?}");
        }
    }
}

#[test]
fn the_first_and_last_instants_do_not_panic() {
    for tenure in [Tenure::Scheduled, Tenure::Expiring, Tenure::Standing] {
        for until in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            let held = Held { id: "g".into(), access: access(), from: None, until: Some(until), foreign: false };
            let current = Current { grants: vec![held], ..Current::default() };
            let owned = Owned { entry: 1, id: Some("g".into()), grant: grant(0, 100), reasons: Reasons::default() };
            let desired = Desired { grants: vec![Wanted { open: true, ..wanted(0, 100) }], notes: Vec::new() };
            plan(at(0), &|_| tenure, &desired, &current, &[owned]);
        }
    }
}
