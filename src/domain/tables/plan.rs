//! The decision table, cell by cell, and the order of what it decides.

use super::*;

/// Entry, the target's id of it or nothing for an intent, from, until.
type Ours = (i64, Option<&'static str>, i64, i64);

/// What is wanted, what the target holds and what the ledger owns of one access, and what follows for each tenure.
struct Cell {
    name: &'static str,
    wanted: &'static [(i64, i64)],
    held: &'static [(&'static str, i64, i64)],
    owned: &'static [Ours],
    then: [&'static str; 3],
}

fn decide(tenure: Tenure, wanted: Vec<Wanted>, held: Vec<Held>, owned: &[Owned]) -> Plan {
    let desired = Desired { grants: wanted, notes: Vec::new() };
    let current = Current { grants: held, ..Current::default() };
    super::super::plan(at(NOW), &|_| tenure, &desired, &current, owned)
}

fn check(cells: &[Cell]) {
    for Cell { name, wanted: wants, held: holds, owned: owns, then } in cells {
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
        Cell { name: "now", wanted: &[(100, 200)], held: &[], owned: NONE, then: all("create 100..200") },
        Cell { name: "ahead", wanted: &[(200, 300)], held: &[], owned: NONE,
            then: ["create 200..300", "not yet 200..300", "not yet 200..300"] },
        Cell { name: "now and ahead", wanted: &[(100, 200), (300, 400)], held: &[], owned: NONE,
            then: ["create 100..200; create 300..400", "create 100..200; not yet 300..400", "create 100..200; not yet 300..400"] },
        Cell { name: "a stranger's covers it", wanted: &[(100, 200)], held: &[("s", 50, 200)], owned: NONE,
            then: all("already held 100..200 by s") },
        Cell { name: "a stranger's has no end", wanted: &[(100, 200)], held: &[("s", 50, FOREVER)], owned: NONE,
            then: all("already held 100..200 by s") },
        Cell { name: "a stranger's ends before", wanted: &[(100, 200)], held: &[("s", 50, 199)], owned: NONE,
            then: ["create 100..200", "already held 100..200 by s", "already held 100..200 by s"] },
        Cell { name: "a stranger's begins after", wanted: &[(100, 200)], held: &[("s", 101, 200)], owned: NONE,
            then: ["create 100..200", "already held 100..200 by s", "already held 100..200 by s"] },
        Cell { name: "a stranger's has ended", wanted: &[(100, 200)], held: &[("s", 50, 100)], owned: NONE,
            then: ["create 100..200", "create 100..200", "already held 100..200 by s"] },
        Cell { name: "a stranger's is nobody's wish", wanted: &[], held: &[("s", 50, 200)], owned: NONE, then: all("") },
        Cell { name: "a stranger's beside ours", wanted: &[(100, 200)], held: &[("g", 50, 200), ("s", 50, 300)], owned: OURS,
            then: all("") },
    ]);
}

#[test]
#[rustfmt::skip]
fn what_is_ours_is_kept_moved_or_taken_back() {
    check(&[
        Cell { name: "same end", wanted: &[(100, 200)], held: &[("g", 50, 200)], owned: OURS, then: all("") },
        Cell { name: "earlier end", wanted: &[(100, 150)], held: &[("g", 50, 200)], owned: OURS,
            then: ["amend #1 to 100..150", "amend #1 to 100..150", "retime #1 to 50..150"] },
        Cell { name: "later end", wanted: &[(100, 300)], held: &[("g", 50, 200)], owned: OURS,
            then: ["amend #1 to 100..300", "amend #1 to 100..300", "retime #1 to 50..300"] },
        Cell { name: "start ahead, same", wanted: &[(200, 400)], held: &[("g", 200, 400)], owned: &[(1, Some("g"), 200, 400)],
            then: ["", "revoke #1; not yet 200..400", "revoke #1; not yet 200..400"] },
        Cell { name: "start ahead, later", wanted: &[(250, 400)], held: &[("g", 200, 400)], owned: &[(1, Some("g"), 200, 400)],
            then: ["amend #1 to 250..400", "revoke #1; not yet 250..400", "revoke #1; not yet 250..400"] },
        Cell { name: "start ahead, sooner", wanted: &[(100, 400)], held: &[("g", 200, 400)], owned: &[(1, Some("g"), 200, 400)],
            then: ["amend #1 to 100..400", "", ""] },
        Cell { name: "begun, and now it begins later", wanted: &[(150, 200)], held: &[("g", 50, 200)], owned: OURS,
            then: ["amend #1 to 150..200", "revoke #1; not yet 150..200", "revoke #1; not yet 150..200"] },
        Cell { name: "not desired", wanted: &[], held: &[("g", 50, 200)], owned: OURS, then: all("revoke #1") },
        Cell { name: "another period desired", wanted: &[(300, 400)], held: &[("g", 50, 200)], owned: OURS,
            then: ["create 300..400; revoke #1", "revoke #1; not yet 300..400", "revoke #1; not yet 300..400"] },
    ]);
}

#[test]
#[rustfmt::skip]
fn what_has_ended_is_forgotten_and_taken_back_where_the_target_keeps_no_time() {
    const ENDED: &[Ours] = &[(1, Some("g"), 50, 100)];
    check(&[
        Cell { name: "still shown", wanted: &[], held: &[("g", 50, 100)], owned: ENDED,
            then: ["forget #1", "forget #1", "expire #1"] },
        Cell { name: "not shown", wanted: &[], held: &[], owned: ENDED, then: all("forget #1") },
        Cell { name: "still shown, and desired again", wanted: &[(100, 200)], held: &[("g", 50, 100)], owned: ENDED,
            then: ["forget #1; create 100..200", "forget #1; create 100..200", "retime #1 to 50..200"] },
        Cell { name: "not shown, and desired again", wanted: &[(100, 200)], held: &[], owned: ENDED,
            then: all("forget #1; create 100..200") },
        Cell { name: "ended a minute from now", wanted: &[], held: &[("g", 50, 101)], owned: &[(1, Some("g"), 50, 101)],
            then: all("revoke #1") },
    ]);
}

#[test]
#[rustfmt::skip]
fn what_somebody_took_away_is_given_again_where_it_is_desired() {
    check(&[
        Cell { name: "desired", wanted: &[(100, 200)], held: &[], owned: OURS,
            then: all("forget #1; create 100..200; drift 100..200") },
        Cell { name: "not desired", wanted: &[], held: &[], owned: OURS, then: all("forget #1") },
        Cell { name: "desired at another time", wanted: &[(300, 400)], held: &[], owned: OURS,
            then: ["forget #1; create 300..400", "forget #1; not yet 300..400", "forget #1; not yet 300..400"] },
        Cell { name: "desired, and a stranger gave it", wanted: &[(100, 200)], held: &[("s", 50, 200)], owned: OURS,
            then: all("forget #1; already held 100..200 by s; drift 100..200") },
    ]);
}

#[test]
#[rustfmt::skip]
fn intents_are_settled_by_what_the_target_shows() {
    check(&[
        Cell { name: "carried out", wanted: &[(100, 200)], held: &[("g", 50, 200)], owned: INTENT, then: all("confirm #1 as g") },
        Cell { name: "carried out, not desired any more", wanted: &[], held: &[("g", 50, 200)], owned: INTENT,
            then: all("confirm #1 as g; revoke #1") },
        Cell { name: "never carried out", wanted: &[(100, 200)], held: &[], owned: INTENT, then: all("forget #1; create 100..200") },
        Cell { name: "never carried out, not desired any more", wanted: &[], held: &[], owned: INTENT, then: all("forget #1") },
        Cell { name: "another end", wanted: &[(100, 200)], held: &[("s", 50, 201)], owned: INTENT,
            then: ["forget #1; already held 100..200 by s", "forget #1; already held 100..200 by s", "confirm #1 as s"] },
        Cell { name: "another start", wanted: &[(100, 200)], held: &[("s", 51, 200)], owned: INTENT,
            then: ["forget #1; already held 100..200 by s", "confirm #1 as s", "confirm #1 as s"] },
        Cell { name: "one grant, an entry and an intent", wanted: &[(100, 200)], held: &[("g", 50, 200)],
            owned: &[(1, Some("g"), 50, 200), (2, None, 50, 200)], then: all("forget #2") },
        Cell { name: "one grant, an intent and a later entry", wanted: &[(100, 200)], held: &[("g", 50, 200)],
            owned: &[(1, None, 50, 200), (2, Some("g"), 50, 200)], then: all("forget #1") },
        Cell { name: "one grant, two entries", wanted: &[(100, 200)], held: &[("g", 50, 200)],
            owned: &[(1, Some("g"), 50, 200), (2, Some("g"), 50, 200)], then: all("forget #2") },
        Cell { name: "one grant, two intents", wanted: &[(100, 200)], held: &[("g", 50, 200)],
            owned: &[(1, None, 50, 200), (2, None, 50, 200)], then: all("confirm #1 as g; forget #2") },
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

#[test]
#[rustfmt::skip]
fn a_grant_of_ours_that_was_moved_by_hand_is_moved_back() {
    check(&[
        Cell { name: "extended", wanted: &[(100, 200)], held: &[("g", 50, 300)], owned: OURS,
            then: ["amend #1 to 100..200", "amend #1 to 100..200", ""] },
        Cell { name: "without an end", wanted: &[(100, 200)], held: &[("g", 50, FOREVER)], owned: OURS,
            then: ["amend #1 to 100..200", "amend #1 to 100..200", ""] },
        Cell { name: "shortened", wanted: &[(100, 200)], held: &[("g", 50, 150)], owned: OURS,
            then: ["amend #1 to 100..200", "amend #1 to 100..200", ""] },
        Cell { name: "begins sooner", wanted: &[(150, 200)], held: &[("g", 120, 200)], owned: &[(1, Some("g"), 150, 200)],
            then: ["amend #1 to 150..200", "revoke #1; not yet 150..200", "revoke #1; not yet 150..200"] },
        Cell { name: "extended, and not desired", wanted: &[], held: &[("g", 50, 300)], owned: OURS, then: all("revoke #1") },
        Cell { name: "extended past its end", wanted: &[], held: &[("g", 50, 300)], owned: &[(1, Some("g"), 50, 90)],
            then: ["revoke #1", "expire #1", "expire #1"] },
    ]);
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
    let desired = Desired { grants: vec![want("2 amend"), want("3 create"), want("5 retime")], notes: Vec::new() };
    let grants = [("1 revoke", 200), ("2 amend", 300), ("4 expire", 0), ("5 retime", 0), ("7 confirm", 90)];
    let current = Current { grants: grants.map(|(to, until)| show(to, until)).into(), ..Current::default() };
    let owned = [
        own(1, "1 revoke", Some("1 revoke"), 200),
        own(2, "2 amend", Some("2 amend"), 300),
        own(4, "4 expire", Some("4 expire"), 90),
        own(5, "5 retime", Some("5 retime"), 300),
        own(6, "6 forget", Some("6 forget"), 300),
        own(7, "7 confirm", None, 90),
    ];
    let plan = super::super::plan(at(NOW), &tenure, &desired, &current, &owned);
    assert_eq!(
        said(&plan),
        "confirm #7 as 7 confirm; forget #6; forget #7; retime #5 to 50..200; expire #4; create 100..200 of a/3 create; \
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
