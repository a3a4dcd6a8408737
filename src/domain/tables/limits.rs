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
        ("an intent", one().with(|setup| setup.owned[0].id = None), vec![]),
        ("nothing owned", Setup::new(), vec![]),
    ];
    for (name, setup, expected) in cases {
        let found = LIMITS.check(&setup.known(), &[(&setup.owned, &Plan::default())]);
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn a_refusal_carries_its_numbers() {
    let setup = Setup::new().with(|setup| setup.owned = many(10)).owns("rule", &shift(50, 200), 200);
    let plan = plan_of(&[(4, create), (3, revoke)]);
    assert_eq!(
        LIMITS.check(&setup.known(), &[(&setup.owned, &plan)]),
        [
            Refusal::Changes { planned: 7, most: 5 },
            Refusal::Revokes { planned: 3, owned: 11, percent: 20 },
            Refusal::Emptied { source: "source".into(), schedule: "S".into(), grants: 1 },
        ]
    );
}
