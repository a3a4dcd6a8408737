//! What the planner promises, over random histories in the model world.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::world::{ENTITLEMENTS, Event, PEOPLE, Run, TARGET, World, access, event, modes, rules};
use super::*;
use crate::testing::kept;

/// Whether `person` should hold `entitlement` at `instant` of a run: by the shifts as they are, not by our own path.
///
/// `Some(false)` is certain; `None` where an always-on-call shift, a cap or a fixed duration leaves it to the rule's arithmetic.
fn on_call(world: &World, person: usize, entitlement: usize, instant: DateTime<Utc>) -> Option<bool> {
    due(world, person, entitlement, instant, |_| true)
}

fn due(
    world: &World,
    person: usize,
    entitlement: usize,
    instant: DateTime<Utc>,
    counts: impl Fn(&Shift) -> bool,
) -> Option<bool> {
    let mut unsure = false;
    for rule in world.rules.iter().filter(|rule| rule.grant[TARGET].contains(&format!("e{entitlement}"))) {
        let asked = |shift: &&Shift| rule.on_call.contains(&OnCall::Schedule(shift.schedule.id.clone()));
        let theirs = |shift: &&Shift| shift.person.id == format!("P{person}") && rule.takes(shift);
        for shift in world.shifts.iter().filter(asked).filter(theirs).filter(|shift| counts(shift)) {
            let begun = shift.start.is_some_and(|start| start - rule.early <= instant);
            let ends = rule.duration.map_or(shift.end, |duration| shift.start.map(|start| start + duration));
            let over = ends.is_some_and(|end| end + rule.late <= instant);
            let plain = rule.duration.is_none() && rule.max_duration.is_none() && shift.end.is_some();
            match (begun && !over, plain) {
                (true, true) => return Some(true),
                (true, false) => unsure = true,
                (false, _) => {}
            }
        }
    }
    if unsure { None } else { Some(false) }
}

fn holds(grants: &[Held], person: usize, entitlement: usize, instant: DateTime<Utc>) -> bool {
    grants.iter().any(|held| held.access == access(person, entitlement) && is_live(held, instant))
}

fn is_live(held: &Held, instant: DateTime<Utc>) -> bool {
    held.from.is_none_or(|from| from <= instant) && held.until.is_none_or(|until| instant < until)
}

/// The instants of a run at which access is looked at: now, and where the target keeps starts also later ones.
fn instants(world: &World) -> Vec<DateTime<Utc>> {
    let ahead = if world.tenure == Tenure::Scheduled { 40 } else { 1 };
    (0..ahead).map(|at| world.now + TimeDelta::minutes(at * 47)).collect()
}

fn accesses() -> impl Iterator<Item = (usize, usize)> {
    (0..PEOPLE).flat_map(|person| (0..ENTITLEMENTS).map(move |entitlement| (person, entitlement)))
}

fn converges(run: &Run) {
    if !run.killed {
        let again = run.world.plan(&run.readings);
        assert_eq!(again.changes, [], "a second plan right after finds something to do");
    }
}

fn owns(run: &Run) {
    let strangers = |grants: &[Held]| -> Vec<Held> {
        let ended = |held: &&Held| held.until.is_none_or(|until| until > run.world.now);
        grants.iter().filter(|held| !run.world.is_ours(&held.id)).filter(ended).cloned().collect()
    };
    assert_eq!(strangers(&run.grants_before), strangers(&run.world.grants), "a stranger's grant was touched");
    if !run.killed {
        for held in run.world.grants.iter().filter(|held| run.world.is_ours(&held.id) && is_live(held, run.world.now)) {
            let known = run.world.owned.iter().any(|owned| owned.id.as_ref() == Some(&held.id));
            assert!(known, "{held:?} is ours, and the ledger does not know it");
        }
    }
}

fn covers(run: &Run) {
    if run.killed || run.failed != [false; 2] {
        return;
    }
    for instant in instants(run.world) {
        for (person, entitlement) in accesses().filter(|(person, _)| !run.world.suspended.contains(person)) {
            // A shift that came and went between two runs is not shown any more, and nothing is owed for it.
            let shown = |shift: &Shift| shift.end.is_none_or(|end| end > run.world.now);
            // Where somebody is always on call, what lies ahead comes with the renewals.
            let always =
                run.world.shifts.iter().any(|shift| shift.end.is_none() && shift.person.id == format!("P{person}"));
            if always && instant > run.world.now {
                continue;
            }
            if respected(run, person, entitlement, instant) {
                continue;
            }
            if due(run.world, person, entitlement, instant, shown) == Some(true) {
                let held = holds(&run.world.grants, person, entitlement, instant);
                assert!(held, "person {person} is on call at {instant} and has no access to e{entitlement}");
            }
        }
    }
}

/// Whether somebody took away a grant of ours that was for `instant`, and it is to stay away.
fn respected(run: &Run, person: usize, entitlement: usize, instant: DateTime<Utc>) -> bool {
    let away = |owned: &Owned| {
        owned.grant.access == access(person, entitlement)
            && owned.grant.period.contains(instant)
            && owned.id.as_ref().is_some_and(|id| run.world.taken.contains(id))
    };
    run.world.on_drift == OnDrift::Respect && run.owned_before.iter().any(away)
}

/// What somebody took away of ours is not given again for its time, but where a killed run may have taken it away.
fn respects(run: &Run) {
    let shown = |owned: &Owned| run.grants_before.iter().find(|held| Some(&held.id) == owned.id.as_ref());
    let all_of = |held: &Held| {
        Period::new(held.from.unwrap_or(DateTime::<Utc>::MIN_UTC), held.until.unwrap_or(DateTime::<Utc>::MAX_UTC))
    };
    for change in run.plan.changes.iter().filter(|_| run.world.on_drift == OnDrift::Respect) {
        let (Change::Create { grant, .. } | Change::Amend { to: grant, .. }) = change else { continue };
        let ours: Vec<&Owned> = run.owned_before.iter().filter(|owned| owned.grant.access == grant.access).collect();
        if ours.iter().any(|owned| owned.id.is_none()) {
            continue;
        }
        let live = ours.iter().filter_map(|owned| all_of(shown(owned)?));
        let fresh =
            live.fold(vec![grant.period], |fresh, live| fresh.iter().flat_map(|one| one.without(&live)).collect());
        let again = ours.iter().find(|owned| {
            let period = owned.grant.period;
            shown(owned).is_none() && period.end() > run.world.now && fresh.iter().any(|fresh| fresh.overlaps(&period))
        });
        assert_eq!(again, None, "it was taken away, and given again: {change:?}");
    }
}

fn least(run: &Run) {
    if run.killed || run.failed != [false; 2] || !run.world.suspended.is_empty() {
        return;
    }
    let ours: Vec<Held> = run.world.grants.iter().filter(|held| run.world.is_ours(&held.id)).cloned().collect();
    for instant in instants(run.world) {
        for (person, entitlement) in accesses() {
            if on_call(run.world, person, entitlement, instant) == Some(false)
                && !remembered(run.world, person, entitlement, instant)
            {
                let held = holds(&ours, person, entitlement, instant);
                assert!(!held, "person {person} is not on call at {instant} and holds e{entitlement} by us");
            }
        }
    }
}

/// Whether the ledger knows a shift that has ended and whose padding, or fixed duration, lasts to `instant`: a shift that
/// was dropped and then would have ended, all between two runs, cannot be told from one that took place.
fn remembered(world: &World, person: usize, entitlement: usize, instant: DateTime<Utc>) -> bool {
    let lasts = |reason: &Reason| {
        let rule = world.rules.iter().find(|rule| rule.name == reason.rule).expect("rules never change");
        let ends = rule.duration.map_or(reason.end, |duration| reason.start.map(|start| start + duration));
        reason.end.is_some_and(|end| end <= world.now) && ends.is_some_and(|end| instant < end + rule.late)
    };
    let theirs = world.owned.iter().filter(|owned| owned.grant.access == access(person, entitlement));
    theirs.flat_map(|owned| owned.reasons.iter()).any(lasts)
}

fn stays(run: &Run) {
    let now = run.world.now;
    let failed = |reason: &Reason| run.failed[if reason.source == "source 0" { 0 } else { 1 }];
    let shown = |owned: &&Owned| run.grants_before.iter().any(|held| Some(&held.id) == owned.id.as_ref());
    let rests = |owned: &&Owned| owned.reasons.iter().all(failed);
    for owned in run.owned_before.iter().filter(rests).filter(shown).filter(|_| !run.killed) {
        let Some(ahead) = owned.grant.period.from(now) else { continue };
        // Another grant of ours may take its place, so it is the access that counts.
        let held = |instant| {
            let of = |held: &&Held| held.access == owned.grant.access;
            run.world.grants.iter().filter(of).any(|held| is_live(held, instant))
        };
        for instant in [ahead.start(), ahead.start() + ahead.length() / 2, ahead.end() - TimeDelta::seconds(1)] {
            assert!(held(instant), "it rests on a source that failed, and ends before {instant}: {owned:?}");
        }
    }
    for change in &run.plan.changes {
        if let Change::Create { reasons, .. } = change {
            let fresh = reasons.iter().any(|reason| !failed(reason));
            assert!(fresh, "it would begin because of a source that failed: {change:?}");
        }
    }
}

fn no_gap(run: &Run) {
    let now = run.world.now;
    for (person, entitlement) in accesses() {
        let around = [&run.grants_before, &run.world.grants];
        if around.iter().all(|grants| holds(grants, person, entitlement, now)) {
            let gap = run.steps.iter().position(|grants| !holds(grants, person, entitlement, now));
            assert_eq!(gap, None, "person {person} lost e{entitlement} on the way");
        }
    }
}

fn steady(run: &Run) {
    let world = run.world;
    let mut turned = World::new((world.tenure, world.on_drift), world.rules.iter().rev().cloned().collect());
    turned.now = world.now;
    turned.shifts = world.shifts.iter().rev().cloned().collect();
    turned.suspended = world.suspended.clone();
    turned.grants = world.grants.iter().rev().cloned().collect();
    turned.owned = world.owned.iter().rev().cloned().collect();
    assert_eq!(turned.plan(&turned.readings(run.failed)), world.plan(&world.readings(run.failed)));
}

fn check(modes: (Tenure, OnDrift), rules: Vec<Rule>, events: &[Event], property: fn(&Run)) {
    World::new(modes, rules).live(events, &property);
}

proptest! {
    #![proptest_config(kept(512))]

    /// A plan applied, planned again, is empty.
    #[test]
    fn a_plan_converges(modes in modes(), rules in rules(), events in prop::collection::vec(event(), 1..40)) {
        check(modes, rules, &events, converges);
    }

    /// Nothing outside the ledger is ever changed or removed, and nothing of ours is unknown to it.
    #[test]
    fn a_plan_touches_only_what_is_ours(modes in modes(), rules in rules(), events in prop::collection::vec(event(), 1..40)) {
        check(modes, rules, &events, owns);
    }

    /// Whoever is on call and has an account holds access.
    #[test]
    fn a_plan_covers_everybody_on_call(modes in modes(), rules in rules(), events in prop::collection::vec(event(), 1..40)) {
        check(modes, rules, &events, covers);
    }

    /// Nobody holds a grant of ours outside a padded shift.
    #[test]
    fn a_plan_gives_no_more_than_is_due(modes in modes(), rules in rules(), events in prop::collection::vec(event(), 1..40)) {
        check(modes, rules, &events, least);
    }

    /// Where that is to be respected, what somebody took away of ours is not given again for its time.
    #[test]
    fn a_plan_respects_what_was_taken_away(modes in modes(), rules in rules(), events in prop::collection::vec(event(), 1..40)) {
        check(modes, rules, &events, respects);
    }

    /// The order of the inputs does not matter.
    #[test]
    fn a_plan_is_steady(modes in modes(), rules in rules(), events in prop::collection::vec(event(), 1..40)) {
        check(modes, rules, &events, steady);
    }

    /// With a source missing, nothing that rests on it ends early, and nothing new begins.
    #[test]
    fn a_plan_holds_while_a_source_is_down(modes in modes(), rules in rules(), events in prop::collection::vec(event(), 1..40)) {
        check(modes, rules, &events, stays);
    }

    /// Whoever has access before and after a run has it all the way through.
    #[test]
    fn a_plan_leaves_no_gap(modes in modes(), rules in rules(), events in prop::collection::vec(event(), 1..40)) {
        check(modes, rules, &events, no_gap);
    }
}
