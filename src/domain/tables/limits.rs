//! How much one run may change.

use super::*;

const LIMITS: Limits = Limits { max_changes: 5, max_revoke_percent: 20 };

fn many(count: i64) -> Vec<Owned> {
    (1..=count).map(|entry| owned(entry, Some("g"), 50, 200)).collect()
}

fn revoke() -> Change {
    Change::Revoke { owned: owned(1, Some("g"), 50, 200) }
}

fn create() -> Change {
    Change::Create { grant: grant(100, 200), reasons: Reasons::default() }
}

fn amend() -> Change {
    Change::Amend { owned: owned(1, Some("g"), 50, 200), to: grant(100, 300), reasons: Reasons::default() }
}

/// How many of each kind.
type Changes = &'static [(usize, fn() -> Change)];

fn plan_of(changes: Changes) -> Plan {
    let changes = changes.iter().flat_map(|(count, change)| std::iter::repeat_with(change).take(*count));
    Plan { changes: changes.collect(), notes: Vec::new() }
}

fn refusals(limits: Limits, plans: &[(&[Owned], &Plan)]) -> Vec<String> {
    limits.check(&Setup::new().known(), plans).iter().map(ToString::to_string).collect()
}

#[test]
fn so_many_changes_and_no_more() {
    let refused = ["6 changes are planned, and limits.max_changes allows 5"];
    let cases: [(Changes, bool); 6] = [
        (&[(5, create)], false),
        (&[(6, create)], true),
        (&[(6, amend)], true),
        (&[(6, revoke)], true),
        (&[(2, create), (2, amend), (1, revoke)], false),
        (&[(2, create), (2, amend), (2, revoke)], true),
    ];
    for (changes, refuses) in cases {
        let refused = if refuses { &refused[..] } else { &[] };
        assert_eq!(refusals(LIMITS, &[(&many(9), &plan_of(changes))]), refused, "{changes:?}");
    }
}

#[test]
fn changes_of_all_targets_are_counted_together() {
    let (three, two) = (plan_of(&[(3, create)]), plan_of(&[(2, create)]));
    assert_eq!(refusals(LIMITS, &[(&[], &three), (&[], &two)]), [""; 0]);
    assert_eq!(
        refusals(LIMITS, &[(&[], &three), (&[], &three)]),
        ["6 changes are planned, and limits.max_changes allows 5"]
    );
    let (five, one) = (many(5), plan_of(&[(1, revoke)]));
    assert_eq!(refusals(LIMITS, &[(&five, &one), (&five, &one)]), [""; 0]);
    assert_eq!(
        refusals(LIMITS, &[(&five, &one), (&five, &plan_of(&[(2, revoke)]))]),
        ["3 of the 10 grants that we own would be revoked before their end, and limits.max_revoke_percent allows 20 %"]
    );
}

#[test]
fn so_large_a_share_is_revoked_and_no_more_once_there_are_ten() {
    let limits = Limits { max_changes: 100, ..LIMITS };
    for (count, revokes, refuses) in
        [(9, 9, false), (10, 2, false), (10, 3, true), (14, 2, false), (14, 3, true), (15, 3, false), (100, 21, true)]
    {
        let expected = format!(
            "{revokes} of the {count} grants that we own would be revoked before their end, and \
             limits.max_revoke_percent allows 20 %"
        );
        let found = refusals(limits, &[(&many(count), &Plan { changes: vec![revoke(); revokes], notes: Vec::new() })]);
        assert_eq!(found, if refuses { vec![expected] } else { vec![] }, "{revokes} of {count}");
    }
    let none = Limits { max_revoke_percent: 0, ..limits };
    assert_eq!(refusals(none, &[(&many(10), &plan_of(&[(1, revoke)]))]).len(), 1);
    let whole = Limits { max_revoke_percent: 100, ..limits };
    assert_eq!(refusals(whole, &[(&many(10), &plan_of(&[(10, revoke)]))]), [""; 0]);
}

#[test]
fn only_live_grants_count_as_owned() {
    let limits = Limits { max_changes: 100, ..LIMITS };
    let three = plan_of(&[(3, revoke)]);
    let with = |other: Owned| [many(9), vec![other]].concat();
    assert_eq!(refusals(limits, &[(&with(owned(10, None, 50, 200)), &three)]), [""; 0], "an intent");
    assert_eq!(refusals(limits, &[(&with(owned(10, Some("g"), 50, 100)), &three)]), [""; 0], "it has ended");
    assert_eq!(refusals(limits, &[(&with(owned(10, Some("g"), 50, 101)), &three)]).len(), 1);
}

#[test]
fn expiries_and_bookkeeping_never_count() {
    let one = || owned(1, Some("g"), 50, 90);
    let changes = [
        Change::Expire { owned: one() },
        Change::Forget { owned: one() },
        Change::Confirm { owned: one(), id: "g".into() },
        Change::Retime { owned: one(), period: period(50, 200), reasons: Reasons::default() },
    ];
    let plan = Plan { changes: changes.iter().cycle().take(400).cloned().collect(), notes: Vec::new() };
    let none = Limits { max_changes: 0, max_revoke_percent: 0 };
    assert_eq!(refusals(none, &[(&many(50), &plan)]), [""; 0]);
}

#[test]
fn a_schedule_that_suddenly_has_nobody_is_refused_while_live_grants_rest_on_it() {
    let emptied =
        |live: &str| vec![format!("schedule 'S' of source 'source' suddenly has nobody on call, while {live} on it")];
    let one = || Setup::new().owns("rule", &shift(50, 200), 200);
    let cases = [
        ("one grant", one(), emptied("1 live grant rests")),
        ("two grants", one().owns("rule", &shift(50, 200), 200), emptied("2 live grants rest")),
        ("its last shift is over", one().reads("S", [shift(0, 100)]), emptied("1 live grant rests")),
        ("the shift goes on", one().reads("S", [shift(50, 101)]), vec![]),
        ("the next shift lies ahead", one().reads("S", [shift(150, 160)]), vec![]),
        ("always on call", one().reads("S", [shift(50, FOREVER)]), vec![]),
        ("it could not be read", one().down("S"), vec![]),
        ("only another is empty", one().reads("S", [shift(50, 200)]).reads("T", []), vec![]),
        ("only past reasons", Setup::new().owns("rule", &shift(50, 90), 110), vec![]),
        ("the grant has ended", Setup::new().owns("rule", &shift(50, 200), 100), vec![]),
        ("nothing owned", Setup::new(), vec![]),
        ("another schedule covers all of it", covered(200), vec![]),
        ("another schedule covers some of it", covered(150), emptied("1 live grant rests")),
        ("it was deleted and made again", one().with(made_again), emptied("1 live grant rests")),
        ("one of its name is empty, and it is not", one().reads("S", [shift(50, 200)]).with(namesake), vec![]),
        ("it cannot be read", one().down("S"), vec![]),
        ("nobody has an e-mail", one().reads("S", [nameless()]), vec![]),
        ("nobody has an account", one().reads("S", [shift(50, 200)]).with(|it| it.current.accounts.clear()), vec![]),
    ];
    for (name, setup, expected) in cases {
        for tenure in TENURES {
            let found = LIMITS.check(&setup.known(), &[(&setup.owned, &setup.planned(tenure))]);
            assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{name}, {tenure:?}");
        }
    }
}

/// Given because of S, which has nobody any more, and of T, where the same person is on call until `until`.
fn covered(until: i64) -> Setup {
    let on_t = |until| Shift { schedule: schedule("T"), ..shift(50, until) };
    let setup = Setup::new().second_rule().owns("rule", &shift(50, 200), 200).reads("T", [on_t(until)]);
    setup.with(|setup| {
        let second = vec![Reason::new("second", "source", &on_t(200))].into();
        setup.owned[0].reasons = setup.owned[0].reasons.union(&second);
    })
}

/// What was given because of S was given because of another S, with another id.
fn made_again(setup: &mut Setup) {
    let before = Shift { schedule: Schedule { id: "before".into(), name: "S".into() }, ..shift(50, 200) };
    setup.owned[0].reasons = vec![Reason::new("rule", "source", &before)].into();
}

/// There is another schedule of the name S, with nobody in it; and the grant is lost for another reason.
fn namesake(setup: &mut Setup) {
    let schedule = Schedule { id: "another".into(), name: "S".into() };
    let reading = Reading { schedule, coverage: Coverage::Window, shifts: Vec::new(), remarks: Vec::new() };
    setup.readings.insert(("source".into(), OnCall::Schedule("another".into())), Ok(reading));
    setup.rules[0].grant = [("target".into(), ["f".into()].into())].into();
}

fn nameless() -> Shift {
    let shift = shift(50, 200);
    Shift { person: Person { email: None, ..shift.person }, ..shift }
}

/// Each of 100..200 becomes what the change makes of it.
#[test]
fn losing_more_than_half_of_the_time_ahead_counts_as_a_revoke() {
    let limits = Limits { max_changes: 100, ..LIMITS };
    let one = || owned(1, Some("g"), 50, 200);
    let amend = |from, until| Change::Amend { owned: one(), to: grant(from, until), reasons: Reasons::default() };
    let retime =
        |from, until| Change::Retime { owned: one(), period: period(from, until), reasons: Reasons::default() };
    for (from, until, counts) in [
        (50, 150, false),
        (50, 149, true),
        (150, 200, false),
        (151, 200, true),
        (100, 300, false),
        (50, 100, true),
        (300, 400, true),
        (120, 180, false),
    ] {
        for change in [amend(from, until), retime(from, until)] {
            let plan = Plan { changes: vec![change; 3], notes: Vec::new() };
            let expected = "3 of the 10 grants that we own would be revoked before their end (3 of them by losing more \
                            than half of the time that they have left), and limits.max_revoke_percent allows 20 %";
            let expected = if counts { vec![expected] } else { vec![] };
            assert_eq!(refusals(limits, &[(&many(10), &plan)]), expected, "{from}..{until}");
        }
    }
}

#[test]
fn so_large_a_share_is_suddenly_gone_and_no_more() {
    let forget = |entry: i64, until| Change::Forget { owned: owned(entry, Some(&format!("g{entry}")), 50, until) };
    let gone = |count: i64, gone: i64, until| {
        let ours: Vec<Owned> = (1..=count).map(|entry| owned(entry, Some(&format!("g{entry}")), 50, 200)).collect();
        let plan = Plan { changes: (1..=gone).map(|entry| forget(entry, until)).collect(), notes: Vec::new() };
        LIMITS.vanished(at(NOW), "target", &ours, &Current::default(), &plan).map(|refusal| refusal.to_string())
    };
    let sentence = |gone, count| {
        Some(format!(
            "target 'target' does not show {gone} of the {count} grants that we own there any more, or as somebody else's, \
             and limits.max_revoke_percent allows 20 %: if it does not tell the truth, they would be given twice, or forgotten while they stand"
        ))
    };
    assert_eq!(gone(9, 9, 200), None, "below ten a share says little");
    assert_eq!(gone(10, 2, 200), None);
    assert_eq!(gone(10, 3, 200), sentence(3, 10));
    assert_eq!(gone(100, 100, 200), sentence(100, 100));
    assert_eq!(gone(10, 10, 100), None, "what has ended may be gone");
    assert_eq!(gone(0, 0, 200), None);
}

/// What a target calls somebody else's is given up, and nobody would take it back.
#[test]
fn so_large_a_share_is_suddenly_somebody_else_s_and_no_more() {
    let ours = many(10);
    let current = Current { grants: vec![held(Tenure::Scheduled, "g", 50, 200)], ..Current::default() };
    let taken_over = |count: usize| {
        let changes = ours[..count].iter().map(|owned| Change::Release { owned: owned.clone() }).collect();
        LIMITS.vanished(at(NOW), "target", &ours, &current, &Plan { changes, notes: Vec::new() })
    };
    assert_eq!(taken_over(2), None);
    assert!(matches!(taken_over(3), Some(Refusal::Vanished { gone: 3, owned: 10, .. })), "{:?}", taken_over(3));
}

/// Two entries of the ledger for one grant are made one: nothing is gone.
#[test]
fn what_is_shown_has_not_vanished() {
    let ours = many(10);
    let current = Current { grants: vec![held(Tenure::Scheduled, "g", 50, 200)], ..Current::default() };
    let changes = ours[1..].iter().map(|owned| Change::Forget { owned: owned.clone() }).collect();
    assert_eq!(LIMITS.vanished(at(NOW), "target", &ours, &current, &Plan { changes, notes: Vec::new() }), None);
}

#[test]
fn a_refusal_carries_its_numbers() {
    let setup = Setup::new().with(|setup| setup.owned = many(10)).owns("rule", &shift(50, 200), 200);
    let mut plan = plan_of(&[(4, create), (2, revoke)]);
    plan.changes.push(Change::Revoke { owned: setup.owned[10].clone() });
    assert_eq!(
        LIMITS.check(&setup.known(), &[(&setup.owned, &plan)]),
        [
            Refusal::Changes { planned: 7, most: 5 },
            Refusal::Revokes { planned: 3, cut: 0, owned: 11, percent: 20 },
            Refusal::Emptied { source: "source".into(), schedule: "S".into(), grants: 1 },
        ]
    );
}
