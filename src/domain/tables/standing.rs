//! What stands, and what is said of it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::*;

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
        overrides: Vec::new(),
    }
}

fn rule() -> Rule {
    Rule { on_call: BTreeSet::from([OnCall::Schedule("S".into())]), ..Rule::plain() }
}

/// What is desired at minute 10 for somebody on call from 0 to 100, who holds `owned`, where the target has `accounts`.
fn desired(email: Option<&str>, accounts: Vec<Account>, owned: &[Owned]) -> Desired {
    let entitlements = BTreeMap::from([("e".into(), Ok(BTreeSet::from([access().entitlement])))]);
    desired_on(email, Current { accounts, entitlements, ..Current::default() }, owned)
}

fn desired_on(email: Option<&str>, current: Current, owned: &[Owned]) -> Desired {
    let mut shift = shift(0, 100);
    shift.person.email = email.map(Email::new);
    let reading =
        Reading { schedule: shift.schedule.clone(), coverage: Coverage::Window, shifts: vec![shift], remarks: vec![] };
    let readings = Readings::from([(("source".into(), OnCall::Schedule("S".into())), Ok(reading))]);
    let rules = [Rule { grant: BTreeMap::from([("t".into(), BTreeSet::from(["e".into()]))]), ..rule() }];
    let window = Period::new(at(10), at(1000)).expect("not empty");
    let aliases = BTreeMap::new();
    let known =
        Known { now: at(10), window, rules: &rules, readings: &readings, aliases: &aliases, other_rules_stand: false };
    known.desired("t", &current, owned)
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

/// An outsider of the organisation, an invitation that waits: only the target knows what a person has to do.
#[test]
fn what_the_target_says_of_somebody_without_an_account_is_in_the_note() {
    let noted = |absent: &[(&str, &str)]| {
        let absent = absent.iter().map(|(email, why)| (Email::new(email), (*why).to_owned())).collect();
        let desired = desired_on(Some("p@example.com"), Current { absent, ..Current::default() }, &[]);
        desired.notes.into_iter().find_map(|note| match note {
            Note::NoAccount { why, .. } => Some(why),
            _ => None,
        })
    };
    assert_eq!(noted(&[("p@example.com", "'p' is no member")]), Some(Some("'p' is no member".into())));
    assert_eq!(noted(&[("q@example.com", "'q' is no member")]), Some(None));
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
            let plan = plan(at(10), &|_| tenure, OnDrift::Restore, &desired, &Current::default(), &owned);
            let given = plan.changes.iter().filter(|change| matches!(change, Change::Create { .. })).count();
            assert_eq!((plan.notes.len(), given), (drift, drift), "{plan:?}");
        }
    }
}
