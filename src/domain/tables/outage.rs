//! What stands although nothing shows it any more: what is past, and what rests on something unread.

use super::*;

const TWENTY: TimeDelta = TimeDelta::minutes(20);

/// The shift was 50..90, and its grant ends at 110 for the padding. The source does not show what is over.
fn padded() -> Setup {
    Setup::new().rule(|rule| rule.late = TWENTY).owns("rule", &shift(50, 90), 110)
}

#[test]
fn padding_after_a_shift_is_kept_when_the_source_hides_the_past() {
    padded().plans("");
    assert_eq!(padded().wants(), "100..110 by rule");
    // The source still shows it.
    padded().reads("S", [shift(50, 90)]).plans("");
}

#[test]
fn padding_after_a_shift_goes_with_its_rule() {
    let cases = [
        ("less of it", padded().rule(|rule| rule.late = TWENTY / 4)),
        ("none", padded().rule(|rule| rule.late = TimeDelta::zero())),
        (
            "for another entitlement",
            padded().rule(|rule| drop(rule.grant.insert("target".into(), ["f".into()].into()))),
        ),
        ("on another target", padded().rule(|rule| rule.grant = [("another".into(), ["e".into()].into())].into())),
        ("the rule is gone", padded().with(|setup| setup.rules.clear())),
    ];
    for (name, setup) in cases {
        for tenure in TENURES {
            assert_eq!(setup.plan(tenure), "revoke #1", "{tenure:?}: {name}");
        }
    }
}

/// Its end as we knew it is still ahead, and the source shows no such shift: somebody else took over.
#[test]
fn an_override_during_the_shift_ends_access_though_padding_would_go_on() {
    let setup = Setup::new().rule(|rule| rule.late = TWENTY).owns("rule", &shift(50, 101), 121);
    setup.plans("revoke #1");
    let setup = setup.reads("S", [shift(50, 95)]);
    assert_eq!(setup.plan(Tenure::Scheduled), "amend #1 to 100..115", "the source shows what is past");
}

#[test]
fn an_unread_schedule_holds_its_own_grants_and_no_others() {
    let on_t = || Shift { schedule: schedule("T"), ..shift(50, 200) };
    let hold = || Setup::new().asks("T").owns("rule", &shift(50, 200), 200).owns("rule", &on_t(), 200).of("b", "e");
    hold().down("S").reads("T", []).plans("revoke #2; stands 100..200");
    hold().reads("S", []).down("T").plans("revoke #1; stands 100..200 of b/e");
    hold().down("S").down("T").plans("stands 100..200; stands 100..200 of b/e");
    hold().reads("S", []).reads("T", []).plans("revoke #1; revoke #2");
    // Not asked for in this run.
    let hold = hold().reads("T", []).with(|setup| {
        setup.readings.remove(&("source".into(), OnCall::Schedule("S".into())));
    });
    hold.plans("revoke #2; stands 100..200");
}

#[test]
fn an_unread_schedule_holds_a_grant_though_its_other_reason_is_over() {
    let on_t = Shift { schedule: schedule("T"), ..shift(50, 200) };
    let setup = Setup::new().second_rule().owns("rule", &shift(50, 200), 200).with(|setup| {
        let second = vec![Reason::new("second", "source", &on_t)].into();
        setup.owned[0].reasons = setup.owned[0].reasons.union(&second);
    });
    setup.reads("S", []).down("T").plans("retime #1 to 50..200; stands 100..200");
}

#[test]
fn what_is_read_too_does_not_stand_but_follows_the_reading() {
    let on_t = Shift { schedule: schedule("T"), ..shift(50, 150) };
    let setup = Setup::new().second_rule().down("T").owns("second", &on_t, 150).reads("S", [shift(50, 200)]);
    assert_eq!(setup.plan(Tenure::Scheduled), "amend #1 to 100..200");
}

#[test]
fn longer_padding_waits_for_the_reading() {
    padded().rule(|rule| rule.late = TWENTY * 2).down("S").plans("stands 100..110");
}

#[test]
fn nothing_is_given_again_because_of_something_unread() {
    for from in [50, 150] {
        let taken_away = Setup::new().down("S").owns("rule", &shift(from, 200), 200);
        for tenure in TENURES {
            let desired = taken_away.desired();
            let plan = super::super::plan(
                at(NOW),
                &|_| tenure,
                OnDrift::Restore,
                &desired,
                &taken_away.current,
                &taken_away.owned,
            );
            assert_eq!(said(&plan), "forget #1", "{tenure:?}");
        }
    }
}

/// A membership that was adopted before the shift for which it is ours.
#[test]
fn what_was_adopted_ahead_of_its_shift_stands_during_an_outage() {
    let adopted = || Setup::new().owns("rule", &shift(150, 200), 200);
    assert_eq!(adopted().down("S").plan(Tenure::Standing), "stands 150..200");
    assert_eq!(
        adopted().reads("S", [shift(150, 200)]).plan(Tenure::Standing),
        "revoke #1; not yet 150..200",
        "it is read, and not due"
    );
}

#[test]
fn what_may_only_be_hidden_is_not_forgotten() {
    let hidden = |tenure, until| {
        let setup = Setup::new().owns("rule", &shift(50, until), until).with(|setup| {
            setup.owned.push(owned(7, None, 50, until));
            setup.current.entitlements.insert("e".into(), Err("it is not shown".into()));
        });
        said(&super::super::plan(
            at(NOW),
            &|_| tenure,
            OnDrift::Restore,
            &setup.desired(),
            &setup.current,
            &setup.owned,
        ))
    };
    for tenure in TENURES {
        let live = hidden(tenure, 200);
        assert!(!live.contains("forget") && live.contains("stands"), "{tenure:?}: {live}");
    }
    for (tenure, forgotten) in TENURES.into_iter().zip([true, true, false]) {
        let ended = hidden(tenure, 100);
        assert_eq!(ended.contains("forget #1"), forgotten, "{tenure:?}: {ended}");
    }
}

/// Standing access does not end by itself, so its end does not settle it either.
#[test]
fn what_the_target_says_it_may_hide_is_not_forgotten_and_told() {
    let told = |tenure, until, entitlement: &str| {
        let current = Current { hidden: [(entitlement.to_owned(), "why".to_owned())].into(), ..Current::default() };
        let owned = [owned(1, Some("g"), 50, until), owned(2, None, 50, until)];
        let plan = super::super::plan(at(NOW), &|_| tenure, OnDrift::Restore, &Desired::default(), &current, &owned);
        let revoke = revoke(at(NOW), &|_| tenure, OnDrift::Restore, &current, &owned[..1], &|_| true);
        assert_eq!(plan.notes, revoke.notes, "{tenure:?}");
        assert!(plan.notes.iter().all(Note::is_failure));
        said(&plan)
    };
    for (tenure, ended) in TENURES.into_iter().zip(["forget #1", "forget #1", "hidden 50..90: why"]) {
        assert_eq!(told(tenure, 200, "e"), "hidden 50..200: why", "{tenure:?}");
        assert_eq!(told(tenure, 90, "e"), ended, "{tenure:?}");
        assert_eq!(told(tenure, 200, "another"), "forget #1; forget #2", "{tenure:?}");
    }
    // Nobody knows whether it was given: it may stand as well.
    let current = Current { hidden: [("e".to_owned(), "why".to_owned())].into(), ..Current::default() };
    for (tenure, until, expected) in [(Tenure::Standing, 90, "hidden 50..90: why"), (Tenure::Expiring, 90, "")] {
        let begun = [owned(2, None, 50, until)];
        let plan = super::super::plan(at(NOW), &|_| tenure, OnDrift::Restore, &Desired::default(), &current, &begun);
        assert_eq!(said(&plan), expected, "{tenure:?}");
    }
}

#[test]
fn what_a_rule_gave_that_is_gone_is_taken_back_unless_other_rules_stand() {
    let gone = || Setup::new().owns("gone", &shift(50, 200), 200);
    gone().plans("revoke #1");
    gone().with(|setup| setup.other_rules_stand = true).plans("stands 100..200");
}

#[test]
fn what_ended_by_its_own_dates_is_taken_back_during_an_outage() {
    let ended = Setup::new().down("S").owns("rule", &shift(50, 100), 100);
    for (tenure, then) in TENURES.into_iter().zip(["forget #1", "forget #1", "expire #1"]) {
        assert_eq!(ended.plan(tenure), then, "{tenure:?}");
    }
}
