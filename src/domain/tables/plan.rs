//! The decision table, cell by cell, and the order of what it decides.

use super::*;

/// Entry, the target's id of it or nothing for an intent, from, until.
type Ours = (i64, Option<&'static str>, i64, i64);

/// A name; what is wanted, what the target holds and what the ledger owns of one access; what follows for each tenure.
type Cell =
    (&'static str, &'static [(i64, i64)], &'static [(&'static str, i64, i64)], &'static [Ours], [&'static str; 3]);

fn decide(tenure: Tenure, wanted: Vec<Wanted>, held: Vec<Held>, owned: &[Owned]) -> Plan {
    let desired = Desired { grants: wanted, notes: Vec::new() };
    let current = Current { grants: held, ..Current::default() };
    super::super::plan(at(NOW), &|_| tenure, OnDrift::Restore, &desired, &current, owned)
}

fn check(cells: &[Cell]) {
    for (name, wants, holds, owns, then) in cells {
        for (tenure, expected) in TENURES.into_iter().zip(then) {
            let wants = wants.iter().map(|(from, until)| wanted(*from, *until)).collect();
            let holds = holds.iter().map(|(id, from, until)| held(tenure, id, *from, *until)).collect();
            let owns: Vec<Owned> =
                owns.iter().map(|(entry, id, from, until)| owned(*entry, *id, *from, *until)).collect();
            assert_eq!(said(&decide(tenure, wants, holds, &owns)), *expected, "{tenure:?}: {name}");
        }
    }
}

/// The same for every tenure.
const fn all(then: &'static str) -> [&'static str; 3] {
    [then; 3]
}

const NONE: &[Ours] = &[];
const OURS: &[Ours] = &[(1, Some("g"), 50, 200)];
const INTENT: &[Ours] = &[(1, None, 50, 200)];

#[test]
#[rustfmt::skip]
fn what_is_not_ours_yet_is_given_unless_a_stranger_gave_it() {
    check(&[
        ("now", &[(100, 200)], &[], NONE, all("create 100..200")),
        ("ahead", &[(200, 300)], &[], NONE, ["create 200..300", "not yet 200..300", "not yet 200..300"]),
        ("now and ahead", &[(100, 200), (300, 400)], &[], NONE,
            ["create 100..200; create 300..400", "create 100..200; not yet 300..400",
             "create 100..200; not yet 300..400"]),
        ("a stranger's covers it", &[(100, 200)], &[("s", 50, 200)], NONE, all("already held 100..200 by s")),
        ("a stranger's has no end", &[(100, 200)], &[("s", 50, FOREVER)], NONE, all("already held 100..200 by s")),
        ("a stranger's ends before", &[(100, 200)], &[("s", 50, 199)], NONE,
            ["create 100..200", "already held 100..200 by s", "already held 100..200 by s"]),
        ("a stranger's begins after", &[(100, 200)], &[("s", 101, 200)], NONE,
            ["create 100..200", "already held 100..200 by s", "already held 100..200 by s"]),
        ("a stranger's has ended", &[(100, 200)], &[("s", 50, 100)], NONE,
            ["create 100..200", "create 100..200", "already held 100..200 by s"]),
        ("a stranger's is nobody's wish", &[], &[("s", 50, 200)], NONE, all("")),
        ("a stranger's beside ours", &[(100, 200)], &[("g", 50, 200), ("s", 50, 300)], OURS, all("")),
    ]);
}

#[test]
#[rustfmt::skip]
fn what_is_ours_is_kept_moved_or_taken_back() {
    check(&[
        ("same end", &[(100, 200)], &[("g", 50, 200)], OURS, all("")),
        ("earlier end", &[(100, 150)], &[("g", 50, 200)], OURS,
            ["amend #1 to 100..150", "amend #1 to 100..150", "retime #1 to 50..150"]),
        ("later end", &[(100, 300)], &[("g", 50, 200)], OURS,
            ["amend #1 to 100..300", "amend #1 to 100..300", "retime #1 to 50..300"]),
        ("start ahead, same", &[(200, 400)], &[("g", 200, 400)], &[(1, Some("g"), 200, 400)],
            ["", "revoke #1; not yet 200..400", "revoke #1; not yet 200..400"]),
        ("start ahead, later", &[(250, 400)], &[("g", 200, 400)], &[(1, Some("g"), 200, 400)],
            ["amend #1 to 250..400", "revoke #1; not yet 250..400", "revoke #1; not yet 250..400"]),
        ("start ahead, sooner", &[(100, 400)], &[("g", 200, 400)], &[(1, Some("g"), 200, 400)],
            ["amend #1 to 100..400", "", ""]),
        ("begun, and now it begins later", &[(150, 200)], &[("g", 50, 200)], OURS,
            ["amend #1 to 150..200", "revoke #1; not yet 150..200", "revoke #1; not yet 150..200"]),
        ("not desired", &[], &[("g", 50, 200)], OURS, all("revoke #1")),
        ("another period desired", &[(300, 400)], &[("g", 50, 200)], OURS,
            ["create 300..400; revoke #1", "revoke #1; not yet 300..400", "revoke #1; not yet 300..400"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn what_has_ended_is_forgotten_and_taken_back_where_the_target_keeps_no_time() {
    const ENDED: &[Ours] = &[(1, Some("g"), 50, 100)];
    check(&[
        ("still shown", &[], &[("g", 50, 100)], ENDED, ["forget #1", "forget #1", "expire #1"]),
        ("not shown", &[], &[], ENDED, all("forget #1")),
        ("still shown, and desired again", &[(100, 200)], &[("g", 50, 100)], ENDED,
            ["forget #1; create 100..200", "forget #1; create 100..200", "retime #1 to 50..200"]),
        ("not shown, and desired again", &[(100, 200)], &[], ENDED, all("forget #1; create 100..200")),
        ("ended a minute from now", &[], &[("g", 50, 101)], &[(1, Some("g"), 50, 101)], all("revoke #1")),
    ]);
}

#[test]
#[rustfmt::skip]
fn what_somebody_took_away_is_given_again_where_it_is_desired() {
    check(&[
        ("desired", &[(100, 200)], &[], OURS, all("forget #1; create 100..200; drift 100..200")),
        ("not desired", &[], &[], OURS, all("forget #1")),
        ("desired at another time", &[(300, 400)], &[], OURS,
            ["forget #1; create 300..400", "forget #1; not yet 300..400", "forget #1; not yet 300..400"]),
        ("desired, and a stranger gave it", &[(100, 200)], &[("s", 50, 200)], OURS,
            all("forget #1; already held 100..200 by s; drift 100..200")),
    ]);
}

#[test]
#[rustfmt::skip]
fn intents_are_settled_by_what_the_target_shows() {
    check(&[
        ("carried out", &[(100, 200)], &[("g", 50, 200)], INTENT, all("confirm #1 as g")),
        ("carried out, not desired any more", &[], &[("g", 50, 200)], INTENT, all("confirm #1 as g; revoke #1")),
        ("never carried out", &[(100, 200)], &[], INTENT, all("forget #1; create 100..200")),
        ("never carried out, not desired any more", &[], &[], INTENT, all("forget #1")),
        ("another end", &[(100, 200)], &[("s", 50, 201)], INTENT,
            ["forget #1; already held 100..200 by s", "forget #1; already held 100..200 by s", "confirm #1 as s"]),
        ("another start", &[(100, 200)], &[("s", 51, 200)], INTENT,
            ["forget #1; already held 100..200 by s", "confirm #1 as s", "confirm #1 as s"]),
        ("one grant, an entry and an intent", &[(100, 200)], &[("g", 50, 200)],
            &[(1, Some("g"), 50, 200), (2, None, 50, 200)], all("forget #2")),
        ("one grant, an intent and a later entry", &[(100, 200)], &[("g", 50, 200)],
            &[(1, None, 50, 200), (2, Some("g"), 50, 200)], all("forget #1")),
        ("one grant, two entries", &[(100, 200)], &[("g", 50, 200)],
            &[(1, Some("g"), 50, 200), (2, Some("g"), 50, 200)], all("forget #2")),
        ("one grant, two intents", &[(100, 200)], &[("g", 50, 200)],
            &[(1, None, 50, 200), (2, None, 50, 200)], all("confirm #1 as g; forget #2")),
    ]);
}

#[test]
fn a_grant_certainly_made_by_another_way_is_never_taken_for_ours() {
    for tenure in TENURES {
        let foreign = Held { foreign: true, ..held(tenure, "s", 50, 200) };
        let plan = decide(tenure, vec![wanted(100, 200)], vec![foreign], &[owned(1, None, 50, 200)]);
        assert_eq!(said(&plan), "forget #1; already held 100..200 by s", "{tenure:?}");
    }
}

/// Whoever made it theirs is not asked to give it again.
#[test]
fn a_grant_of_ours_that_somebody_else_gave_another_way_since_is_theirs() {
    for tenure in TENURES {
        let shown = || vec![Held { foreign: true, ..held(tenure, "g", 50, 200) }];
        for on_drift in [OnDrift::Restore, OnDrift::Respect] {
            let decide = |wanted: Vec<Wanted>, until| {
                let desired = Desired { grants: wanted, notes: Vec::new() };
                let current = Current { grants: shown(), ..Current::default() };
                let owned = [owned(1, Some("g"), 50, until), owned(2, Some("g"), 50, until), owned(3, None, 50, until)];
                said(&super::super::plan(at(NOW), &|_| tenure, on_drift, &desired, &current, &owned))
            };
            let released = |until| format!("forget #2; forget #3; release #1; taken over 50..{until} by g");
            assert_eq!(decide(vec![], 200), released(200), "{tenure:?}");
            assert_eq!(decide(vec![], 90), released(90), "{tenure:?}: its shift is over");
            let desired = "forget #2; forget #3; release #1; already held 100..200 by g; taken over 50..200 by g";
            assert_eq!(decide(vec![wanted(100, 200)], 200), desired, "{tenure:?}");
        }
    }
}

#[test]
#[rustfmt::skip]
fn a_grant_of_ours_that_was_moved_by_hand_is_moved_back() {
    check(&[
        ("extended", &[(100, 200)], &[("g", 50, 300)], OURS, ["amend #1 to 100..200", "amend #1 to 100..200", ""]),
        ("without an end", &[(100, 200)], &[("g", 50, FOREVER)], OURS,
            ["amend #1 to 100..200", "amend #1 to 100..200", ""]),
        ("shortened", &[(100, 200)], &[("g", 50, 150)], OURS, ["amend #1 to 100..200", "amend #1 to 100..200", ""]),
        ("begins sooner", &[(150, 200)], &[("g", 120, 200)], &[(1, Some("g"), 150, 200)],
            ["amend #1 to 150..200", "revoke #1; not yet 150..200", "revoke #1; not yet 150..200"]),
        ("extended, and not desired", &[], &[("g", 50, 300)], OURS, all("revoke #1")),
        ("extended past its end", &[], &[("g", 50, 300)], &[(1, Some("g"), 50, 90)], all("expire #1")),
    ]);
}

#[test]
fn of_two_grants_of_ours_the_one_that_fits_stays() {
    let held = vec![held(Tenure::Scheduled, "g", 50, 150), held(Tenure::Scheduled, "h", 50, 200)];
    let owned = [owned(1, Some("g"), 50, 150), owned(2, Some("h"), 50, 200)];
    assert_eq!(said(&decide(Tenure::Scheduled, vec![wanted(100, 200)], held, &owned)), "revoke #1");
}

#[test]
fn other_reasons_for_the_same_period_are_written_down() {
    for tenure in TENURES {
        let reasons: Reasons = vec![Reason::new("rule", "source", &shift(50, 200))].into();
        let wanted = Wanted { reasons: reasons.clone(), ..wanted(100, 200) };
        let plan = decide(tenure, vec![wanted], vec![held(tenure, "g", 50, 200)], &[owned(1, Some("g"), 50, 200)]);
        assert_eq!(said(&plan), "retime #1 to 50..200", "{tenure:?}");
        assert_eq!(plan.changes[0].reasons(), &reasons);
    }
}

/// The window ends 1000 minutes from now.
#[test]
fn access_without_an_end_is_renewed_when_less_than_half_is_left() {
    let second = TimeDelta::seconds(1);
    let half = at(NOW + 500);
    let cases = [
        ("all is left", true, at(NOW + 1000), ["", "", ""]),
        ("half is left", true, half, ["", "", ""]),
        (
            "less is left",
            true,
            half - second,
            ["amend #1 to 100..1100", "amend #1 to 100..1100", "retime #1 to 50..1100"],
        ),
        (
            "the window became shorter",
            true,
            at(NOW + 1000) + second,
            ["amend #1 to 100..1100", "amend #1 to 100..1100", "retime #1 to 50..1100"],
        ),
        ("it has an end", false, half, ["amend #1 to 100..1100", "amend #1 to 100..1100", "retime #1 to 50..1100"]),
    ];
    for (name, open, until, then) in cases {
        for (tenure, expected) in TENURES.into_iter().zip(then) {
            let mut ours = owned(1, Some("g"), 50, 1100);
            ours.grant.period = ours.grant.period.until(until);
            let shown = held(tenure, "g", 50, 1100);
            let shown = Held { until: shown.until.map(|_| until), ..shown };
            let plan = decide(tenure, vec![Wanted { open, ..wanted(100, 1100) }], vec![shown], &[ours]);
            assert_eq!(said(&plan), expected, "{tenure:?}: {name}");
        }
    }
}

/// One access for each kind of change, the last kind first.
#[test]
fn bookkeeping_comes_first_then_what_is_overdue_then_giving_then_taking() {
    let of = |to: &str, grant: Grant| Grant { access: access("a", to), ..grant };
    let want = |to: &str| Wanted { grant: of(to, grant(100, 200)), ..wanted(100, 200) };
    let own = |entry, to: &str, id: Option<&str>, until| {
        let ours = owned(entry, id, 50, until);
        Owned { grant: of(to, ours.grant), ..ours }
    };
    let tenure = |to: &Entitlement| {
        if ["4 expire", "5 retime"].contains(&&*to.id) { Tenure::Standing } else { Tenure::Scheduled }
    };
    let show = |to: &str, until| {
        let access = access("a", to);
        Held { access: access.clone(), ..held(tenure(&access.entitlement), to, 50, until) }
    };
    let desired = Desired {
        grants: vec![want("2 amend"), want("3 create"), want("5 retime"), want("7 confirm")],
        notes: Vec::new(),
    };
    let grants = [("1 revoke", 200), ("2 amend", 300), ("4 expire", 0), ("5 retime", 0), ("7 confirm", 200)];
    let current = Current { grants: grants.map(|(to, until)| show(to, until)).into(), ..Current::default() };
    let owned = [
        own(1, "1 revoke", Some("1 revoke"), 200),
        own(2, "2 amend", Some("2 amend"), 300),
        own(4, "4 expire", Some("4 expire"), 90),
        own(5, "5 retime", Some("5 retime"), 300),
        own(6, "6 forget", Some("6 forget"), 300),
        own(7, "7 confirm", None, 200),
    ];
    let plan = super::super::plan(at(NOW), &tenure, OnDrift::Restore, &desired, &current, &owned);
    assert_eq!(
        said(&plan),
        "confirm #7 as 7 confirm; forget #6; retime #5 to 50..200; expire #4; create 100..200 of a/3 create; \
         amend #2 to 100..200 of a/2 amend; revoke #1"
    );
}

#[test]
fn an_intent_just_confirmed_is_no_strangers_grant() {
    let held = vec![held(Tenure::Scheduled, "g", 100, 200)];
    // The shift was cut in two after the crash.
    let wanted = vec![wanted(100, 120), wanted(160, 200)];
    let plan = decide(Tenure::Scheduled, wanted, held, &[owned(1, None, 100, 200)]);
    assert_eq!(said(&plan), "confirm #1 as g; create 160..200; amend #1 to 100..120");
}

#[test]
fn the_first_and_last_instants_do_not_panic() {
    for tenure in TENURES {
        for until in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            let held = Held { until: Some(until), from: None, ..held(tenure, "g", 0, 1) };
            let wanted = Wanted { open: true, ..wanted(100, 200) };
            decide(tenure, vec![wanted], vec![held], &[owned(1, Some("g"), 0, 200)]);
        }
    }
}
