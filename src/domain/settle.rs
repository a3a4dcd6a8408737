//! The ledger held against what the target shows: which entries are real.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Change, GrantId, Held, Note, Owned, Period, Plan, Tenure};

/// An entry of the ledger that is ours for certain.
pub(super) struct Ours<'a> {
    pub owned: Cow<'a, Owned>,
    /// What the target shows of it: by its own dates where it keeps dates, else by the ledger's; `None` where it is gone.
    pub shown: Option<Period>,
}

/// The entries of one access that are ours, and the grants of it that are not.
pub(super) struct Settled<'a> {
    pub ours: Vec<Ours<'a>>,
    pub foreign: Vec<&'a Held>,
}

/// Settles the entries of one access.
///
/// An intent that looks just like a grant on the target was carried out: it is confirmed. One that does not was never
/// carried out: it is forgotten. Two entries for one grant are one: the later is forgotten. What another way keeps by now is
/// released.
pub(super) fn settle<'a>(tenure: Tenure, held: &[&'a Held], owned: &[&'a Owned], plan: &mut Plan) -> Settled<'a> {
    let by_id: BTreeMap<&GrantId, &Held> = held.iter().rev().map(|held| (&held.id, *held)).collect();
    let mut taken: BTreeSet<&GrantId> = owned.iter().filter_map(|owned| owned.id.as_ref()).collect();
    let mut seen: BTreeSet<&GrantId> = BTreeSet::new();
    let mut ours = Vec::with_capacity(owned.len());
    for &owned in owned {
        let (id, entry) = match &owned.id {
            Some(id) => (id, Cow::Borrowed(owned)),
            None => {
                let found = held.iter().find(|held| !taken.contains(&held.id) && carried_out(tenure, held, owned));
                let Some(found) = found else {
                    plan.changes.push(Change::Forget { owned: owned.clone() });
                    continue;
                };
                taken.insert(&found.id);
                plan.changes.push(Change::Confirm { owned: owned.clone(), id: found.id.clone() });
                (&found.id, Cow::Owned(Owned { id: Some(found.id.clone()), ..owned.clone() }))
            }
        };
        if !seen.insert(id) {
            plan.changes.push(Change::Forget { owned: entry.into_owned() });
            continue;
        }
        if by_id.get(id).is_some_and(|held| held.foreign) {
            plan.notes.push(Note::TakenOver { grant: owned.grant.clone(), by: id.clone() });
            plan.changes.push(Change::Release { owned: entry.into_owned() });
            continue;
        }
        let shown = by_id.get(id).and_then(|held| shown(tenure, held, owned));
        ours.push(Ours { owned: entry, shown });
    }
    let foreign = held.iter().copied().filter(|held| held.foreign || !taken.contains(&held.id)).collect();
    Settled { ours, foreign }
}

/// Whether `held` is what the intent `owned` meant to make.
fn carried_out(tenure: Tenure, held: &Held, owned: &Owned) -> bool {
    let until = held.until == Some(owned.grant.period.end());
    let from = held.from.is_none_or(|from| from == owned.grant.period.start());
    !held.foreign
        && match tenure {
            Tenure::Scheduled => from && until,
            Tenure::Expiring => until,
            Tenure::Standing => true,
        }
}

/// What the target shows of ours. A grant without an end is shown to the end of time.
fn shown(tenure: Tenure, held: &Held, owned: &Owned) -> Option<Period> {
    let period = owned.grant.period;
    let until = held.until.unwrap_or(DateTime::<Utc>::MAX_UTC);
    match tenure {
        Tenure::Scheduled => Period::new(held.from.unwrap_or(period.start()), until),
        Tenure::Expiring => {
            let before = until.checked_sub_signed(TimeDelta::seconds(1))?;
            Period::new(period.start().min(before), until)
        }
        Tenure::Standing => Some(period),
    }
}
