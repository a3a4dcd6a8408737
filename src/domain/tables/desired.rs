//! What is desired: who is served, from when to when, and what is joined.

use super::*;

fn reasons_of(setup: &Setup) -> Vec<(String, String)> {
    let desired = setup.desired();
    let [wanted] = &desired.grants[..] else { panic!("one grant: {:?}", desired.grants) };
    wanted.reasons.iter().map(|reason| (reason.rule.clone(), reason.schedule.id.clone())).collect()
}

fn pair(rule: &str, schedule: &str) -> (String, String) {
    (rule.into(), schedule.into())
}

#[test]
fn an_empty_or_backward_shift_is_nobodys_even_for_a_fixed_duration() {
    let fixed = Rule { duration: Some(TimeDelta::minutes(60)), ..rule("rule") };
    assert!(fixed.takes(&shift(0, 1)));
    assert!(!fixed.takes(&shift(0, 0)));
    assert!(!fixed.takes(&shift(10, 0)));
}

#[test]
fn levels_choose_shifts() {
    let cases = [
        (None, Some(2), true),
        (Some(1), Some(1), true),
        (Some(1), Some(2), false),
        // A source without levels has but one.
        (Some(1), None, true),
    ];
    for (chosen, seen, taken) in cases {
        let setup = Setup::new().rule(|rule| rule.levels = chosen.map(|level| BTreeSet::from([level])));
        let setup = setup.reads("S", [Shift { level: seen, ..shift(100, 200) }]);
        assert_eq!(setup.wants(), if taken { "100..200 by rule" } else { "" }, "{chosen:?} of {seen:?}");
    }
}

#[test]
fn emails_match_without_regard_to_case_and_after_aliases() {
    let mut shift = shift(100, 200);
    shift.person.email = Some(Email::new("Pat@Home.example"));
    let setup = Setup::new().reads("S", [shift]);
    assert_eq!(setup.known().emails("target"), BTreeSet::from([Email::new("pat@home.example")]));
    setup.plans("no account of Pat, pat@home.example");

    let setup = setup
        .with(|setup| setup.aliases = BTreeMap::from([(Email::new("PAT@home.EXAMPLE"), Email::new("P@Example.com"))]));
    assert_eq!(setup.known().emails("target"), BTreeSet::from([Email::new("p@example.com")]));
    setup.plans("create 100..200");
}

#[test]
fn accounts_are_looked_up_for_the_rules_of_a_target_alone() {
    let setup = Setup::new().reads("S", [shift(100, 200)]);
    assert_eq!(setup.known().emails("another"), BTreeSet::new());
    assert_eq!(setup.known().desired("another", &setup.current, &[]), Desired::default());
}

/// What somebody holds who cannot be found any more: to be looked into, but not taken away in the middle of a shift.
#[test]
fn without_one_usable_account_nothing_begins_and_what_is_held_stands() {
    type Damage = fn(&mut Setup);
    let cases: [(&str, Damage); 5] = [
        ("many accounts of Pat, p@example.com", |setup| {
            let second = Account { id: "b".into(), ..setup.current.accounts[0].clone() };
            setup.current.accounts.push(second);
        }),
        ("many accounts of Pat, p@example.com", |setup| {
            let second = Account { id: "b".into(), suspended: true, ..setup.current.accounts[0].clone() };
            setup.current.accounts.push(second);
        }),
        ("suspended Pat, p@example.com", |setup| setup.current.accounts[0].suspended = true),
        ("no account of Pat, p@example.com", |setup| setup.current.accounts.clear()),
        ("no e-mail of Pat in S", |setup| {
            let mut unnamed = shift(50, 200);
            unnamed.person.email = None;
            *setup = std::mem::replace(setup, Setup::new()).reads("S", [unnamed]);
        }),
    ];
    for (note, damage) in cases {
        let setup = Setup::new().reads("S", [shift(50, 200)]).with(damage);
        setup.plans(note);
        setup.owns("rule", &shift(50, 200), 200).plans(&format!("{note}; stands 100..200"));
    }
}

#[test]
fn one_person_without_an_account_does_not_keep_others_waiting() {
    let mut other = shift(100, 200);
    other.person = Person { id: "Q".into(), name: "Quinn".into(), email: Some(Email::new("q@example.com")) };
    Setup::new().reads("S", [shift(100, 200), other]).plans("create 100..200; no account of Quinn, q@example.com");
}

#[test]
fn an_unknown_entitlement_stands_while_the_rules_others_go_on() {
    let both = || Setup::new().rule(|rule| drop(rule.grant.insert("target".into(), ["e", "f"].map(Into::into).into())));
    let setup = both()
        .with(|setup| drop(setup.current.entitlements.insert("f".into(), Err("it is gone".into()))))
        .reads("S", [shift(50, 150)])
        .owns("rule", &shift(50, 200), 200)
        .owns("rule", &shift(50, 200), 200)
        .of("a", "f");
    let note = "no f for rule: it is gone; stands 100..200 of a/f";
    assert_eq!(setup.plan(Tenure::Scheduled), format!("amend #1 to 100..150; {note}"));
    assert_eq!(setup.plan(Tenure::Expiring), format!("amend #1 to 100..150; {note}"));
    assert_eq!(setup.plan(Tenure::Standing), format!("retime #1 to 50..150; {note}"));

    let unsaid = both().with(|setup| drop(setup.current.entitlements.remove("f"))).reads("S", [shift(100, 200)]);
    unsaid.plans("create 100..200; no f for rule: the target said nothing about 'f'");
}

#[test]
fn a_spelling_may_stand_for_many_entitlements() {
    let many = Ok(["x", "y"].map(entitlement).into());
    Setup::new()
        .with(|setup| drop(setup.current.entitlements.insert("e".into(), many)))
        .reads("S", [shift(100, 200)])
        .plans("create 100..200 of a/x; create 100..200 of a/y");
}

#[test]
fn touching_pieces_of_two_rules_are_one_grant_for_both_reasons() {
    let join = |from: i64, until: i64| {
        Setup::new().second_rule().reads("S", [shift(100, 200)]).reads("T", [shift(from, until)])
    };
    for (from, until, wants) in [
        (200, 300, "100..300 by rule+second"),
        (150, 300, "100..300 by rule+second"),
        (120, 150, "100..200 by rule+second"),
        (201, 300, "100..200 by rule; 201..300 by second"),
    ] {
        assert_eq!(join(from, until).wants(), wants);
    }
    assert_eq!(reasons_of(&join(200, 300)), [pair("rule", "S"), pair("second", "T")]);
}

#[test]
fn a_gap_of_a_second_does_not_join() {
    let second = |rest: Shift| Shift { start: rest.start.map(|start| start + TimeDelta::seconds(1)), ..rest };
    for apart in [
        Setup::new().reads("S", [shift(100, 200), second(shift(200, 300))]),
        Setup::new().second_rule().reads("S", [shift(100, 200)]).reads("T", [second(shift(200, 300))]),
    ] {
        assert_eq!(apart.desired().grants.len(), 2, "{}", apart.wants());
    }
}

#[test]
fn access_ends_when_its_last_reason_ends() {
    let setup = Setup::new().second_rule().owns("rule", &shift(50, 200), 200);
    let setup = setup.with(|setup| {
        let second = Reason::new("second", "source", &Shift { schedule: schedule("T"), ..shift(50, 200) });
        setup.owned[0].reasons = setup.owned[0].reasons.union(&vec![second].into());
    });
    let setup = setup.reads("S", []).reads("T", [shift(50, 200)]);
    setup.plans("retime #1 to 50..200");
    assert_eq!(reasons_of(&setup), [pair("second", "T")]);
    setup.reads("T", []).plans("revoke #1");
}

#[test]
fn each_rule_is_capped_before_its_grants_are_joined() {
    let capped = || Setup::new().second_rule().rule(|rule| rule.max_duration = Some(TimeDelta::minutes(30)));
    assert_eq!(capped().reads("S", [shift(100, 300)]).reads("T", [shift(120, 300)]).wants(), "100..300 by rule+second");
    assert_eq!(
        capped().reads("S", [shift(100, 300)]).reads("T", [shift(140, 300)]).wants(),
        "100..130 by rule; 140..300 by second"
    );
}

#[test]
fn a_cap_is_for_all_of_a_persons_time_however_it_was_cut() {
    let capped = |shifts: Vec<Shift>| {
        Setup::new().rule(|rule| rule.max_duration = Some(TimeDelta::minutes(60))).reads("S", shifts).wants()
    };
    assert_eq!(capped(vec![shift(100, 300)]), "100..160 by rule");
    assert_eq!(capped(vec![shift(100, 150), shift(150, 300)]), "100..160 by rule");
    assert_eq!(capped(vec![shift(100, 150), shift(170, 300)]), "100..150 by rule; 170..230 by rule");
    assert_eq!(capped(vec![shift(30, 300)]), "", "it is used up");
}

#[test]
fn a_duration_replaces_the_end() {
    let fixed = Setup::new().rule(|rule| rule.duration = Some(TimeDelta::minutes(60)));
    let fixed = fixed.reads("S", [shift(80, 90), shift(200, 500), shift(600, FOREVER)]);
    assert_eq!(fixed.wants(), "100..140 by rule; 200..260 by rule; 600..660 by rule");
}

#[test]
fn a_shift_seen_at_two_levels_and_on_two_schedules_is_one_grant() {
    let seen = |level| Shift { level: Some(level), ..shift(100, 200) };
    let setup = Setup::new().asks("T").reads("S", [seen(1), seen(2)]).reads("T", [seen(1)]);
    setup.plans("create 100..200");
    assert_eq!(reasons_of(&setup), [pair("rule", "S"), pair("rule", "T")]);
}

/// The shift has no end, and its access is given for an hour from now.
#[test]
fn capped_access_without_an_end_is_renewed_when_less_than_half_of_the_cap_is_left() {
    let always = shift(50, FOREVER);
    let capped = || {
        let setup = Setup::new().rule(|rule| rule.max_duration = Some(TimeDelta::minutes(60)));
        setup.reads("S", [always.clone()])
    };
    capped().plans("create 100..160");
    let renewed = ["amend #1 to 100..160", "amend #1 to 100..160", "retime #1 to 50..160"];
    for (until, then) in [(130, [""; 3]), (129, renewed), (161, renewed)] {
        let setup = capped().owns("rule", &always, until);
        for (tenure, expected) in TENURES.into_iter().zip(then) {
            assert_eq!(setup.plan(tenure), expected, "{tenure:?}, until {until}");
        }
    }
}

#[test]
fn access_joined_from_a_shift_without_an_end_and_one_with_is_open_where_the_open_one_ends_last() {
    for (until, open) in [(2000, true), (2100, false), (2200, false)] {
        let setup = Setup::new().second_rule().reads("S", [shift(100, FOREVER)]).reads("T", [shift(100, until)]);
        let desired = setup.desired();
        assert_eq!(desired.grants.iter().map(|wanted| wanted.open).collect::<Vec<_>>(), [open], "until {until}");
    }
}
