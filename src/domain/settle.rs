//! The ledger held against what the target shows: which entries are real.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::plan::Change;
use super::{GrantId, Held, Owned, Period, Tenure};

/// An entry of the ledger that is ours for certain.
pub(super) struct Ours {
    pub owned: Owned,
    /// What the target shows of it: by its own dates where it keeps dates, else by the ledger's; `None` where it is gone.
    pub shown: Option<Period>,
}

/// Settles the entries of one access.
///
/// An intent that looks just like a grant on the target was carried out: it is confirmed. One that does not was never
/// carried out: it is forgotten. Two entries for one grant are one: the later is forgotten.
pub(super) fn settle(tenure: Tenure, held: &[&Held], owned: &[&Owned], changes: &mut Vec<Change>) -> Vec<Ours> {
    let mut taken: BTreeSet<&GrantId> = owned.iter().filter_map(|owned| owned.id.as_ref()).collect();
    let mut seen: BTreeSet<GrantId> = BTreeSet::new();
    let mut all = Vec::new();
    for owned in owned {
        let mut owned = (*owned).clone();
        let id = match owned.id.clone() {
            Some(id) => id,
            None => {
                let found = held.iter().find(|held| !taken.contains(&held.id) && carried_out(tenure, held, &owned));
                let Some(found) = found else {
                    changes.push(Change::Forget { owned });
                    continue;
                };
                taken.insert(&found.id);
                changes.push(Change::Confirm { owned: owned.clone(), id: found.id.clone() });
                owned.id = Some(found.id.clone());
                found.id.clone()
            }
        };
        if !seen.insert(id.clone()) {
            changes.push(Change::Forget { owned });
            continue;
        }
        let shown = held.iter().find(|held| held.id == id).and_then(|held| shown(tenure, held, &owned));
        all.push(Ours { owned, shown });
    }
    all
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
        Tenure::Expiring => Period::new(period.start().min(until - chrono::TimeDelta::seconds(1)), until),
        Tenure::Standing => Some(period),
    }
}
