//! The decision: desired × current × owned → changes and notes.
//!
//! | | Scheduled | Expiring | Standing |
//! |---|---|---|---|
//! | desired period lies ahead | create now, dated | note `NotYet` | note `NotYet` |
//! | desired now, somebody else's grant covers it | note `AlreadyHeld` | same | same |
//! | desired, ours overlaps, same end | nothing | nothing | nothing |
//! | desired, ours overlaps, other end (or a start still ahead) | amend | amend | ledger only |
//! | ours, not desired | revoke | revoke | revoke |
//! | ours, ended by its own dates | forget | forget | revoke |
//! | ours, given another way since by somebody else | release, note `TakenOver` | same | same |
//! | ours, perhaps only hidden by the target | note `Hidden` | same | same |
//! | ours, gone from the target though desired | note `Drift`, create again (or leave it away to its end) | same | same |
//!
//! Only what the ledger owns is ever changed or removed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, Utc};

use super::settle::{Settled, settle};
use super::{
    Access, Change, Current, Desired, Entitlement, Grant, Held, Note, OnDrift, Owned, Period, Plan, Tenure, Wanted,
};

/// Everything about one access.
#[derive(Default)]
struct Case<'a> {
    wanted: Vec<&'a Wanted>,
    held: Vec<&'a Held>,
    owned: Vec<&'a Owned>,
}

/// Decides. Pure and total: the same inputs in any order give the same plan.
///
/// `tenure` answers from the entitlement alone. The desired grants of one access are disjoint in time, and end after `now`.
pub fn plan(
    now: DateTime<Utc>,
    tenure: &dyn Fn(&Entitlement) -> Tenure,
    on_drift: OnDrift,
    desired: &Desired,
    current: &Current,
    owned: &[Owned],
) -> Plan {
    let mut cases: BTreeMap<&Access, Case> = BTreeMap::new();
    for wanted in &desired.grants {
        cases.entry(&wanted.grant.access).or_default().wanted.push(wanted);
    }
    for held in &current.grants {
        cases.entry(&held.access).or_default().held.push(held);
    }
    for owned in owned {
        cases.entry(&owned.grant.access).or_default().owned.push(owned);
    }
    let resolved: BTreeSet<&Entitlement> = current.entitlements.values().flatten().flatten().collect();
    let blind = current.entitlements.values().any(Result::is_err);
    let mut plan = Plan { changes: Vec::new(), notes: desired.notes.clone() };
    for (access, mut case) in cases {
        case.wanted.sort();
        case.held.sort();
        case.owned.sort();
        let why = current.hidden.get(&*access.entitlement.id);
        let hidden = why.is_some() || (blind && !resolved.contains(&access.entitlement));
        // An intent means that a run ended half-way: what is gone then was perhaps taken by us, to make room or to move it.
        let respects = on_drift == OnDrift::Respect && case.owned.iter().all(|owned| owned.id.is_some());
        let mut step = Step { now, tenure: tenure(&access.entitlement), hidden, why, respects, plan: &mut plan };
        if hidden {
            // What was begun may stand as well, unless it has ended by its own dates.
            let may_stand = |owned: &&&Owned| step.tenure == Tenure::Standing || owned.grant.period.end() > now;
            let intents = case.owned.iter().filter(|owned| owned.id.is_none()).filter(may_stand);
            let told = intents.filter_map(|owned| Some(Note::Hidden { grant: owned.grant.clone(), why: why?.clone() }));
            step.plan.notes.extend(told);
            case.owned.retain(|owned| owned.id.is_some());
        }
        let settled = settle(step.tenure, &case.held, &case.owned, step.plan);
        match step.tenure {
            Tenure::Scheduled => step.scheduled(&case.wanted, settled),
            Tenure::Expiring | Tenure::Standing => step.single(&case.wanted, settled),
        }
    }
    plan.changes.sort();
    plan.notes.sort();
    plan.notes.dedup();
    plan
}

struct Step<'p> {
    now: DateTime<Utc>,
    tenure: Tenure,
    /// The target may not have shown what there is: some spelling stands for nothing, and this may be what it stood for.
    hidden: bool,
    /// What the target says of that.
    why: Option<&'p String>,
    /// What somebody took away stays away until its own end.
    respects: bool,
    plan: &'p mut Plan,
}

impl Step<'_> {
    /// The target keeps both dates, and many grants for one access.
    fn scheduled(&mut self, wanted: &[&Wanted], settled: Settled) {
        let (mut live, mut away) = (VecDeque::new(), Vec::new());
        for ours in settled.ours {
            match ours.shown {
                Some(shown) if shown.end() > self.now => live.push_back((ours.owned, shown)),
                _ => away.extend(self.gone(wanted, ours.owned)),
            }
        }
        let left = without(wanted, away, live.iter().map(|(_, shown)| *shown));
        let mut open: Vec<&Wanted> = left.iter().map(|wanted| &**wanted).collect();
        for exact in [true, false] {
            open.retain(|wanted| {
                let fits =
                    |shown: &Period| if exact { self.same(wanted, shown) } else { wanted.grant.period.overlaps(shown) };
                let at = live.iter().position(|(_, shown)| fits(shown));
                let Some((owned, shown)) = at.and_then(|at| live.remove(at)) else { return true };
                self.keep(wanted, owned, shown);
                false
            });
        }
        for wanted in open {
            match settled.foreign.iter().find(|held| covers(held, &wanted.grant.period)) {
                Some(held) => self.already_held(wanted, held),
                None => self.create(wanted),
            }
        }
        live.into_iter().for_each(|(owned, _)| self.take_back(owned));
    }

    /// A grant begins at once, and there is one for one access.
    fn single(&mut self, wanted: &[&Wanted], settled: Settled) {
        let (mut live, mut away) = (Vec::new(), Vec::new());
        for ours in settled.ours {
            let ended = self.tenure == Tenure::Expiring && ours.shown.is_some_and(|shown| shown.end() <= self.now);
            match ours.shown {
                Some(shown) if !ended => live.push((ours.owned, shown)),
                _ => away.extend(self.gone(wanted, ours.owned)),
            }
        }
        // What stands, stands now, whenever it was meant to begin.
        let standing = live.iter().filter_map(|(_, shown)| Period::new(self.now.min(shown.start()), shown.end()));
        let wanted = without(wanted, away, standing);
        let mut live = live.into_iter();
        for wanted in wanted {
            // What was adopted before its shift may stand already; what it rests on not being read does not end it.
            if wanted.grant.period.start() > self.now && !(wanted.stands && live.len() > 0) {
                // Of what is cut off, the note about the drift says when it comes again.
                if !wanted.stands && matches!(wanted, Cow::Borrowed(_)) {
                    self.plan.notes.push(Note::NotYet { grant: wanted.grant.clone() });
                }
                continue;
            }
            let held = settled.foreign.iter().find(|held| held.until.is_none_or(|until| until > self.now));
            match (live.next(), held) {
                (Some((owned, shown)), _) => self.keep(&wanted, owned, shown),
                (None, Some(held)) => self.already_held(&wanted, held),
                (None, None) => self.create(&wanted),
            }
        }
        live.for_each(|(owned, _)| self.take_back(owned));
    }

    /// Ours, on the target, and not desired.
    fn take_back(&mut self, owned: Cow<Owned>) {
        let owned = owned.into_owned();
        let ended = owned.grant.period.end() <= self.now;
        self.plan.changes.push(if ended { Change::Expire { owned } } else { Change::Revoke { owned } });
    }

    /// Ours, and not on the target (any more). Answers for which time it is to stay away.
    fn gone(&mut self, wanted: &[&Wanted], owned: Cow<Owned>) -> Option<Period> {
        let period = owned.grant.period;
        let ahead = period.end() > self.now;
        if self.hidden && (self.tenure == Tenure::Standing || ahead) {
            let grant = owned.grant.clone();
            self.plan.notes.push(match self.why {
                Some(why) => Note::Hidden { grant, why: why.clone() },
                None => Note::Stands { grant },
            });
            return None;
        }
        let respected_until = (self.respects && ahead).then(|| period.end());
        let desired = wanted.iter().find(|wanted| wanted.grant.period.overlaps(&period));
        // What only stands is not given again; why it was not read is said elsewhere.
        if let Some(wanted) = desired.filter(|wanted| ahead && (!wanted.stands || self.respects)) {
            self.plan.notes.push(Note::Drift { grant: wanted.grant.clone(), respected_until });
        }
        if respected_until.is_some() {
            return Some(period);
        }
        self.plan.changes.push(Change::Forget { owned: owned.into_owned() });
        None
    }

    /// Ours, and desired: the same, or to be moved.
    fn keep(&mut self, wanted: &Wanted, owned: Cow<Owned>, shown: Period) {
        if wanted.stands {
            self.plan.notes.push(Note::Stands { grant: wanted.grant.clone() });
        }
        let same = self.same(wanted, &shown);
        if !same && self.tenure != Tenure::Standing {
            let (to, reasons) = (wanted.grant.clone(), wanted.reasons.clone());
            self.plan.changes.push(Change::Amend { owned: owned.into_owned(), to, reasons });
            return;
        }
        let period = if same { shown } else { shown.until(wanted.grant.period.end()) };
        if period != owned.grant.period || wanted.reasons != owned.reasons {
            let (owned, reasons) = (owned.into_owned(), wanted.reasons.clone());
            self.plan.changes.push(Change::Retime { owned, period, reasons });
        }
    }

    /// Whether what the target shows is what is wanted, as far as that lies ahead.
    fn same(&self, wanted: &Wanted, shown: &Period) -> bool {
        let want = wanted.grant.period;
        let starts = self.tenure != Tenure::Scheduled || shown.start().max(self.now) == want.start();
        let renewed = || shown.end() < want.end() && shown.end() - self.now >= (want.end() - self.now) / 2;
        starts && (shown.end() == want.end() || (wanted.open && renewed()))
    }

    fn already_held(&mut self, wanted: &Wanted, held: &Held) {
        self.plan.notes.push(Note::AlreadyHeld { grant: wanted.grant.clone(), by: held.id.clone() });
    }

    fn create(&mut self, wanted: &Wanted) {
        if !wanted.stands {
            let (grant, reasons) = (wanted.grant.clone(), wanted.reasons.clone());
            self.plan.changes.push(Change::Create { grant, reasons });
        }
    }
}

/// What is wanted outside of the time `away`, but for the time that something `live` of ours is for.
fn without<'w>(wanted: &[&'w Wanted], away: Vec<Period>, live: impl Iterator<Item = Period>) -> Vec<Cow<'w, Wanted>> {
    let mut left: Vec<Cow<Wanted>> = wanted.iter().map(|wanted| Cow::Borrowed(*wanted)).collect();
    if away.is_empty() {
        return left;
    }
    let away = live.fold(away, |away, live| away.iter().flat_map(|away| away.without(&live)).collect());
    for away in away {
        left = left.into_iter().flat_map(|wanted| outside(wanted, &away)).collect();
    }
    left
}

fn outside<'w>(wanted: Cow<'w, Wanted>, away: &Period) -> Vec<Cow<'w, Wanted>> {
    let whole = wanted.grant.period;
    if !whole.overlaps(away) {
        return vec![wanted];
    }
    let piece = |period: Period| {
        let wanted = (*wanted).clone();
        let open = wanted.open && period.end() == whole.end();
        Cow::Owned(Wanted { grant: Grant { period, ..wanted.grant }, open, ..wanted })
    };
    whole.without(away).map(piece).collect()
}

fn covers(held: &Held, period: &Period) -> bool {
    held.from.is_none_or(|from| from <= period.start()) && held.until.is_none_or(|until| until >= period.end())
}
