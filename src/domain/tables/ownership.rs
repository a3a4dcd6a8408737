//! Who is meant, what may be adopted, what is released and taken back.

use std::slice::from_ref;

use super::*;

fn ids(ids: &[&str]) -> Choice {
    Choice { ids: ids.iter().copied().map(GrantId::from).collect(), ..Choice::default() }
}

fn emails(emails: &[&str]) -> Choice {
    Choice { emails: emails.iter().copied().map(Email::new).collect(), ..Choice::default() }
}

/// Two targets: a/e and b/f on one, a/e on the other; b's account once went by another e-mail.
fn ours() -> BTreeMap<String, Vec<Owned>> {
    let of = |entry, id, account: &str, to: &str, email: &str| {
        let one = owned(entry, Some(id), 50, 200);
        Owned { grant: Grant { access: access(account, to), email: Email::new(email), ..one.grant.clone() }, ..one }
    };
    let one = vec![
        of(1, "g1", "a", "e", "p@example.com"),
        of(2, "g2", "b", "f", "old@example.com"),
        of(3, "g3", "b", "e", "new@example.com"),
    ];
    BTreeMap::from([("one".into(), one), ("two".into(), vec![of(4, "g4", "a", "e", "p@example.com")])])
}

fn aliases() -> Aliases {
    BTreeMap::from([(Email::new("pat@example.com"), Email::new("p@example.com"))])
}

#[test]
fn what_is_named_is_meant_and_nothing_else() {
    let all = Choice { all: true, ..Choice::default() };
    let on = |target: &str, choice: Choice| Choice { targets: [target.to_owned()].into(), ..choice };
    let to = |name: &str| Choice { entitlements: [name.to_owned()].into(), ..Choice::default() };
    let cases: [(Choice, &[i64]); 9] = [
        (all.clone(), &[1, 2, 3, 4]),
        (on("two", all), &[4]),
        (emails(&["P@Example.com"]), &[1, 4]),
        (emails(&["pat@example.com"]), &[1, 4]),
        (on("one", emails(&["p@example.com"])), &[1]),
        // The account is theirs, whatever it was called when it was given something.
        (emails(&["new@example.com"]), &[2, 3]),
        (to("e"), &[1, 3, 4]),
        (Choice { entitlements: ["f".to_owned()].into(), ..emails(&["p@example.com"]) }, &[]),
        (ids(&["g2", "g4"]), &[2, 4]),
    ];
    for (choice, expected) in cases {
        let meant: Vec<i64> = choice.of_ours(&aliases(), &ours()).into_iter().map(|(_, entry)| entry).collect();
        assert_eq!(meant, expected, "{choice:?}");
    }
}

#[test]
fn a_slip_in_a_name_is_told_with_what_was_probably_meant() {
    let missed = |choice: Choice| choice.missed(&aliases(), &ours()).join("; ");
    assert_eq!(missed(Choice { all: true, ..Choice::default() }), "");
    assert_eq!(missed(emails(&["pat@example.com", "old@example.com"])), "");
    assert_eq!(
        missed(emails(&["p@example.com", "olf@example.com"])),
        "nothing of ours is held by olf@example.com; did you mean 'old@example.com'?"
    );
    assert_eq!(missed(ids(&["zz"])), "nothing of ours has the id 'zz'");
    let targets = Choice { targets: ["onee".to_owned()].into(), ..Choice::default() };
    assert_eq!(missed(targets), "nothing of ours is on a target 'onee'; did you mean 'one'?");
    let both = Choice { entitlements: ["f".to_owned()].into(), ..emails(&["p@example.com"]) };
    assert_eq!(missed(both), "nothing of ours is all of what was named at once");
    let nothing = Choice { all: true, ..Choice::default() };
    assert_eq!(nothing.missed(&aliases(), &BTreeMap::new()), [""; 0], "`--all` of nothing is nothing");
}

#[test]
fn a_release_forgets_what_is_certain_and_leaves_the_rest_to_a_sync() {
    let other = |one: Owned| Owned { grant: Grant { access: access("b", "e"), ..one.grant.clone() }, ..one };
    let owned = [owned(1, Some("g"), 50, 200), other(owned(2, None, 50, 300)), owned(3, Some("h"), 50, 60)];
    assert_eq!(said(&release(&owned, &|_| true, false)), "release #1; release #3; unsettled 50..300 of b/e false");
    assert_eq!(said(&release(&owned, &|one| one.entry == 3, false)), "release #3");
    assert_eq!(said(&release(&owned, &|_| true, true)), "release #1; release #2; release #3", "no sync can");
    let moved = [other(owned[0].clone()), owned[1].clone()];
    let open = "unsettled 50..200 of b/e false; unsettled 50..300 of b/e false";
    assert_eq!(said(&release(&moved, &|_| true, false)), open, "the move may have been made");
}

fn revoked(tenure: Tenure, on_drift: OnDrift, held: Vec<Held>, owned: &[Owned], meant: &[i64]) -> String {
    let current = Current { grants: held, ..Current::default() };
    let meant = |owned: &Owned| meant.contains(&owned.entry);
    said(&revoke(at(NOW), &|_| tenure, on_drift, &current, owned, &meant))
}

#[test]
fn a_revoke_takes_back_what_is_there_settles_what_is_open_and_forgets_what_is_gone() {
    let ended = owned(1, Some("g"), 50, 90);
    for (tenure, late) in TENURES.into_iter().zip(["forget #1", "forget #1", "expire #1"]) {
        let show = |id, until| held(tenure, id, 50, until);
        let revoked = |held, owned: &[Owned], meant: &[i64]| revoked(tenure, OnDrift::Restore, held, owned, meant);
        let live = owned(1, Some("g"), 50, 200);
        assert_eq!(revoked(vec![show("g", 200)], from_ref(&live), &[1]), "revoke #1", "{tenure:?}");
        assert_eq!(revoked(vec![show("g", 200)], from_ref(&live), &[]), "", "{tenure:?}: another is meant");
        assert_eq!(revoked(vec![show("s", 200)], from_ref(&live), &[1]), "forget #1", "{tenure:?}: a stranger's");
        assert_eq!(revoked(vec![show("g", 90)], from_ref(&ended), &[1]), late, "{tenure:?}: it has ended");
        let theirs = Held { foreign: true, ..show("g", 200) };
        let told = "release #1; taken over 50..200 by g";
        assert_eq!(revoked(vec![theirs.clone()], from_ref(&live), &[1]), told, "{tenure:?}: a stranger's by now");
        assert_eq!(revoked(vec![theirs], from_ref(&live), &[]), "", "{tenure:?}: another is meant");
        let intent = owned(1, None, 50, 200);
        assert_eq!(revoked(vec![show("g", 200)], from_ref(&intent), &[1]), "confirm #1 as g; revoke #1", "{tenure:?}");
        assert_eq!(revoked(vec![], &[intent], &[1]), "forget #1", "{tenure:?}");
    }
}

/// A run was killed while it moved #1 to what #2 means: wherever that stopped, nothing of it is left.
#[test]
fn a_revoke_in_the_middle_of_a_move_leaves_nothing() {
    let owned = [owned(1, Some("g"), 50, 200), owned(2, None, 100, 300)];
    let show = |ids: &[&'static str]| {
        let of = |id: &&'static str| {
            held(Tenure::Scheduled, id, if *id == "g" { 50 } else { 100 }, if *id == "g" { 200 } else { 300 })
        };
        ids.iter().map(of).collect::<Vec<_>>()
    };
    for on_drift in [OnDrift::Restore, OnDrift::Respect] {
        let revoked = |ids: &[&'static str]| revoked(Tenure::Scheduled, on_drift, show(ids), &owned, &[1, 2]);
        assert_eq!(revoked(&["g"]), "forget #2; revoke #1");
        assert_eq!(revoked(&["g", "h"]), "confirm #2 as h; revoke #1; revoke #2");
        assert_eq!(revoked(&["h"]), "confirm #2 as h; forget #1; revoke #2");
        assert_eq!(revoked(&[]), "forget #1; forget #2");
    }
}

#[test]
fn a_revoke_does_not_take_what_may_be_hidden_for_gone() {
    let owned = [owned(1, Some("g"), 50, 200), owned(2, None, 50, 300)];
    let entitlements = BTreeMap::from([("e".to_owned(), Err("unknown".to_owned()))]);
    let current = Current { entitlements, ..Current::default() };
    for tenure in TENURES {
        let plan = revoke(at(NOW), &|_| tenure, OnDrift::Restore, &current, &owned, &|_| true);
        assert_eq!(said(&plan), "unsettled 50..200 true; unsettled 50..300 false", "{tenure:?}");
        assert!(plan.notes.iter().all(Note::is_failure));
    }
}

#[test]
fn a_revoke_does_not_undo_the_respect_for_what_was_taken_away() {
    let owned = [owned(1, Some("g"), 50, 200)];
    assert_eq!(revoked(Tenure::Standing, OnDrift::Respect, vec![], &owned, &[1]), "");
    assert_eq!(revoked(Tenure::Standing, OnDrift::Restore, vec![], &owned, &[1]), "forget #1");
}

/// What may be adopted of `held`, where `wants` is desired and `owned` is ours; what becomes of it; and why others cannot be.
fn adoptable(tenure: Tenure, wants: &[(i64, i64)], shown: &[Held], owned: &[Owned]) -> String {
    let desired = Desired { grants: wants.iter().map(|(from, until)| wanted(*from, *until)).collect(), notes: vec![] };
    let current = Current { grants: shown.to_vec(), ..Current::default() };
    let plan = |owned: &[Owned]| super::super::plan(at(NOW), &|_| tenure, OnDrift::Restore, &desired, &current, owned);
    let Adoptable { fit, unfit } = adopt(at(NOW), &|_| tenure, &desired.grants, shown, owned, &plan(owned));
    let adopted = fit.iter().enumerate().map(|(at, one)| one.owned(1000 + at as i64));
    let after = plan(&owned.iter().cloned().chain(adopted).collect::<Vec<_>>());
    let next = |one: &Candidate| match one.next(&after, tenure) {
        Next::Stays => "stays".to_owned(),
        Next::EndsByUs(period) => format!("by us {}", minutes(period)),
        Next::Moves(period) => format!("moves {}", minutes(period)),
        Next::TakenBack => "taken back".to_owned(),
    };
    let fit = fit.iter().map(|one| format!("{} {} {}", one.id, minutes(one.grant.period), next(one)));
    fit.chain(unfit.iter().map(|(id, (why, _))| format!("{id} {why:?}"))).collect::<Vec<_>>().join("; ")
}

#[test]
#[rustfmt::skip]
fn what_is_desired_and_a_strangers_may_be_adopted() {
    type Wants = &'static [(i64, i64)];
    type Shown = &'static [(&'static str, i64, i64)];
    let cells: [(&str, Wants, Shown, [&str; 3]); 9] = [
        ("the same", &[(100, 200)], &[("s", 50, 200)], ["s 50..200 stays", "s 100..200 stays", "s 100..200 by us 100..200"]),
        ("longer", &[(100, 200)], &[("s", 50, 300)],
            ["s 50..300 moves 100..200", "s 100..300 moves 100..200", "s 100..200 by us 100..200"]),
        ("shorter", &[(100, 200)], &[("s", 50, 150)],
            ["s 50..150 moves 100..200", "s 100..150 moves 100..200", "s 100..200 by us 100..200"]),
        ("without an end", &[(100, 200)], &[("s", 50, FOREVER)],
            ["s 50..200 moves 100..200", "s 100..200 moves 100..200", "s 100..200 by us 100..200"]),
        ("ahead", &[(150, 200)], &[("s", 150, 200)], ["s 150..200 stays", "s 100..200 taken back", "s 150..200 taken back"]),
        ("not desired", &[], &[("s", 50, 200)], ["s Undesired"; 3]),
        ("at another time", &[(300, 400)], &[("s", 50, 200)], ["s Undesired", "s Undesired", "s 300..400 taken back"]),
        ("it has ended", &[(100, 200)], &[("s", 50, 100)], ["s Ended", "s Ended", "s 100..200 by us 100..200"]),
        ("two of one access", &[(100, 200)], &[("s", 50, 200), ("t", 50, 150)],
            ["s 50..200 stays; t 50..150 taken back", "s 100..200 stays; t 100..150 taken back",
             "s 100..200 by us 100..200; t 100..200 taken back"]),
    ];
    for (name, wants, shown, then) in cells {
        for (tenure, expected) in TENURES.into_iter().zip(then) {
            let shown: Vec<Held> = shown.iter().map(|(id, from, until)| held(tenure, id, *from, *until)).collect();
            assert_eq!(adoptable(tenure, wants, &shown, &[]), expected, "{tenure:?}: {name}");
        }
    }
}

/// Now is served by ours; what the stranger's is good for is the shift after it, and that is its reason.
#[test]
fn the_reasons_are_those_of_what_is_not_served_yet() {
    let reasons =
        |rule: &str, from, until| -> Reasons { vec![Reason::new(rule, "source", &shift(from, until))].into() };
    let grants = vec![
        Wanted { reasons: reasons("now", 50, 200), ..wanted(100, 200) },
        Wanted { reasons: reasons("next", 300, 400), ..wanted(300, 400) },
    ];
    let desired = Desired { grants, notes: Vec::new() };
    let shown = vec![held(Tenure::Scheduled, "g", 50, 200), held(Tenure::Scheduled, "s", 50, 500)];
    let owned = [owned(1, Some("g"), 50, 200)];
    let current = Current { grants: shown.clone(), ..Current::default() };
    let plan = super::super::plan(at(NOW), &|_| Tenure::Scheduled, OnDrift::Restore, &desired, &current, &owned);
    let Adoptable { fit, .. } = adopt(at(NOW), &|_| Tenure::Scheduled, &desired.grants, &shown, &owned, &plan);
    assert_eq!(fit.iter().map(|one| &one.reasons).collect::<Vec<_>>(), [&reasons("next", 300, 400)]);
}

#[test]
fn what_is_ours_or_made_another_way_or_of_no_use_cannot_be_adopted() {
    for tenure in TENURES {
        let show = |id| held(tenure, id, 50, 200);
        let ours = [owned(1, Some("g"), 50, 200)];
        assert_eq!(
            adoptable(tenure, &[(100, 200)], &[show("g"), show("s")], &ours),
            "g Ours; s Needless",
            "{tenure:?}"
        );
        let intent = [owned(1, None, 50, 200)];
        assert_eq!(
            adoptable(tenure, &[(100, 200)], &[show("g")], &intent),
            "g Ours",
            "{tenure:?}: confirmed by a sync"
        );
        let foreign = Held { foreign: true, ..show("s") };
        assert_eq!(adoptable(tenure, &[(100, 200)], &[foreign], &[]), "s AnotherWay", "{tenure:?}");
        let taken_over = Held { foreign: true, ..show("g") };
        assert_eq!(adoptable(tenure, &[(100, 200)], &[taken_over], &ours), "g AnotherWay", "{tenure:?}");
    }
}

#[test]
fn what_one_person_holds_may_be_taken_back_under_the_floor() {
    let limits = Limits { max_changes: 100, max_revoke_percent: 20 };
    let asked = |owned: i64, revokes: usize| {
        let all: Vec<Owned> = (1..=owned).map(|entry| super::owned(entry, Some("g"), 50, 200)).collect();
        let revoke = Change::Revoke { owned: all[0].clone() };
        let plan = Plan { changes: vec![revoke; revokes], notes: Vec::new() };
        limits.check_asked(at(NOW), &[(&all, &plan)]).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(asked(12, 9), [""; 0]);
    assert_eq!(asked(50, 10), [""; 0]);
    assert_eq!(
        asked(49, 10),
        [
            "10 of the 49 grants that we own would be revoked before their end, and limits.max_revoke_percent allows 20 %"
        ]
    );
    assert_eq!(
        asked(400, 101),
        [
            "101 changes are planned, and limits.max_changes allows 100",
            "101 of the 400 grants that we own would be revoked before their end, and limits.max_revoke_percent allows 20 %",
        ]
    );
}
