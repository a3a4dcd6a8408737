//! What somebody took away, where that is respected.

use super::*;

/// What is wanted, what the target holds and what the ledger owns of one access; what follows for each tenure.
type Cell =
    (&'static str, &'static [(i64, i64)], &'static [(&'static str, i64, i64)], &'static [Ours], [&'static str; 3]);
/// Entry, the target's id of it or nothing for an intent, from, until.
type Ours = (i64, Option<&'static str>, i64, i64);

const AWAY: &[Ours] = &[(1, Some("g"), 50, 200)];

#[test]
#[rustfmt::skip]
fn what_was_taken_away_stays_away_until_its_own_end() {
    let all = |then: &'static str| [then; 3];
    let cells: &[Cell] = &[
        ("desired", &[(100, 200)], &[], AWAY, all("drift 100..200 until 200")),
        ("shorter now", &[(100, 150)], &[], AWAY, all("drift 100..150 until 200")),
        ("longer now", &[(100, 300)], &[], AWAY,
            ["create 200..300; drift 100..300 until 200", "drift 100..300 until 200", "drift 100..300 until 200"]),
        ("not desired", &[], &[], AWAY, all("")),
        ("desired at another time", &[(300, 400)], &[], AWAY,
            ["create 300..400", "not yet 300..400", "not yet 300..400"]),
        ("its end has come", &[(100, 300)], &[], &[(1, Some("g"), 50, 100)], all("forget #1; create 100..300")),
        ("the rest was given already", &[(100, 300)], &[("h", 200, 300)],
            &[(1, Some("g"), 50, 200), (2, Some("h"), 200, 300)],
            ["drift 100..300 until 200", "drift 100..300 until 200", "drift 100..300 until 200"]),
        ("a stranger gave it", &[(100, 200)], &[("s", 50, 200)], AWAY, all("drift 100..200 until 200")),
        ("never carried out", &[(100, 200)], &[], &[(1, None, 50, 200)], all("forget #1; create 100..200")),
        ("moved by a run that was killed", &[(100, 300)], &[("h", 100, 300)],
            &[(1, Some("g"), 50, 200), (2, None, 100, 300)],
            all("confirm #2 as h; forget #1; drift 100..300")),
        ("taken by a run that was killed before it gave", &[(100, 300)], &[],
            &[(1, Some("g"), 50, 200), (2, None, 100, 300)],
            all("forget #1; forget #2; create 100..300; drift 100..300")),
        ("another of ours is for the same time", &[(100, 200)], &[("h", 50, 200)],
            &[(1, Some("g"), 50, 200), (2, Some("h"), 50, 200)], all("drift 100..200 until 200")),
    ];
    for (name, wants, holds, owns, then) in cells {
        for (tenure, expected) in TENURES.into_iter().zip(then) {
            let grants = wants.iter().map(|(from, until)| wanted(*from, *until)).collect();
            let desired = Desired { grants, notes: Vec::new() };
            let grants = holds.iter().map(|(id, from, until)| held(tenure, id, *from, *until)).collect();
            let current = Current { grants, ..Current::default() };
            let owned: Vec<Owned> = owns.iter().map(|(entry, id, from, until)| owned(*entry, *id, *from, *until)).collect();
            let plan = super::super::plan(at(NOW), &|_| tenure, OnDrift::Respect, &desired, &current, &owned);
            assert_eq!(said(&plan), *expected, "{tenure:?}: {name}");
        }
    }
}

/// Shortened by hand until it was over: the same as taken away.
#[test]
fn what_was_cut_short_by_hand_stays_away() {
    for tenure in [Tenure::Scheduled, Tenure::Expiring] {
        let desired = Desired { grants: vec![wanted(100, 200)], notes: Vec::new() };
        let current = Current { grants: vec![held(tenure, "g", 50, 90)], ..Current::default() };
        let owned = [owned(1, Some("g"), 50, 200)];
        let plan = super::super::plan(at(NOW), &|_| tenure, OnDrift::Respect, &desired, &current, &owned);
        assert_eq!(said(&plan), "drift 100..200 until 200", "{tenure:?}");
    }
}

#[test]
fn somebody_always_on_call_gets_it_again_from_its_end_on() {
    let desired = Desired { grants: vec![Wanted { open: true, ..wanted(100, 1100) }], notes: Vec::new() };
    let owned = [owned(1, Some("g"), 50, 1000)];
    let plan =
        super::super::plan(at(NOW), &|_| Tenure::Scheduled, OnDrift::Respect, &desired, &Current::default(), &owned);
    assert_eq!(said(&plan), "create 1000..1100; drift 100..1100 until 1000");
}

/// Neither an outage of the source nor a spelling that stands for nothing makes the run forget what was taken away.
#[test]
fn it_is_remembered_through_an_outage_and_while_it_may_be_hidden() {
    let owns = || Setup::new().owns("rule", &shift(50, 200), 200);
    let plan = |setup: &Setup, tenure| {
        let desired = setup.desired();
        said(&super::super::plan(at(NOW), &|_| tenure, OnDrift::Respect, &desired, &setup.current, &setup.owned))
    };
    let hidden = owns().reads("S", [shift(50, 200)]).with(|setup| {
        setup.current.entitlements.insert("e".into(), Err("it is not shown".into()));
    });
    for tenure in TENURES {
        assert_eq!(plan(&owns().down("S"), tenure), "drift 100..200 until 200", "{tenure:?}");
        let hidden = plan(&hidden, tenure);
        assert!(!hidden.contains("forget") && !hidden.contains("create"), "{tenure:?}: {hidden}");
    }
}
