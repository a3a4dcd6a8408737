//! What somebody else gave, is desired, and could become ours.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{Access, Change, Grant, GrantId, Held, Next, Note, Owned, Period, Plan, Reasons, Tenure, Unfit, Wanted};

/// A grant that may be adopted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    pub id: GrantId,
    /// For the period that the target shows; where it shows no end, the desired one.
    pub grant: Grant,
    /// Those of the desired grant.
    pub reasons: Reasons,
}

/// What a target shows, held against what is desired.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adoptable {
    pub fit: Vec<Candidate>,
    /// Why the others cannot be adopted, and what is desired of them.
    pub unfit: BTreeMap<GrantId, (Unfit, Option<Grant>)>,
}

impl Candidate {
    /// As it would be in the ledger.
    pub fn owned(&self, entry: i64) -> Owned {
        let Self { id, grant, reasons } = self.clone();
        Owned { entry, id: Some(id), grant, reasons }
    }

    /// What the next sync, which would do what `plan` says, does with it.
    pub fn next(&self, plan: &Plan, tenure: Tenure) -> Next {
        let about = |change: &&Change| change.owned().is_some_and(|owned| owned.id.as_ref() == Some(&self.id));
        let mut period = self.grant.period;
        for change in plan.changes.iter().filter(about) {
            match change {
                Change::Amend { to, .. } => return Next::Moves(to.period),
                Change::Revoke { .. } | Change::Expire { .. } => return Next::TakenBack,
                Change::Retime { period: to, .. } => period = *to,
                _ => {}
            }
        }
        if tenure == Tenure::Standing { Next::EndsByUs(period) } else { Next::Stays }
    }
}

/// Sorts every grant that is shown; `wanted` is what is desired, and `plan` what a sync would do.
///
/// What ours covers is left to its giver: adopted, the next sync would only take it back.
pub fn adopt(
    now: DateTime<Utc>,
    tenure: &dyn Fn(&Held) -> Tenure,
    wanted: &[Wanted],
    shown: &[Held],
    owned: &[Owned],
    plan: &Plan,
) -> Adoptable {
    let mut ours: BTreeSet<&GrantId> = owned.iter().filter_map(|owned| owned.id.as_ref()).collect();
    ours.extend(plan.changes.iter().filter_map(|change| match change {
        Change::Confirm { id, .. } => Some(id),
        _ => None,
    }));
    let mut desired: BTreeMap<&Access, Vec<&Wanted>> = BTreeMap::new();
    for wanted in wanted.iter().filter(|wanted| !wanted.stands) {
        desired.entry(&wanted.grant.access).or_default().push(wanted);
    }
    let mut open: BTreeMap<&Access, Vec<&Grant>> = BTreeMap::new();
    for grant in unserved(plan) {
        open.entry(&grant.access).or_default().push(grant);
    }
    let Adoptable { mut fit, mut unfit } = Adoptable::default();
    for held in shown {
        let tenure = tenure(held);
        let wanted = open.get(&held.access).and_then(|all| all.iter().find(|grant| meets(tenure, held, grant)));
        let reason = desired.get(&held.access).and_then(|all| {
            let of = |one: &&&Wanted| wanted.is_none_or(|wanted| wanted.period.overlaps(&one.grant.period));
            all.iter().filter(of).find(|one| meets(tenure, held, &one.grant))
        });
        let why = match (reason, wanted) {
            _ if ours.contains(&held.id) && !held.foreign => Unfit::Ours,
            _ if held.until.is_some_and(|until| until <= now) => Unfit::Ended,
            (None, _) => Unfit::Undesired,
            _ if held.foreign => Unfit::AnotherWay,
            (Some(reason), Some(wanted)) => {
                let grant = Grant { period: period(tenure, held, wanted.period, now), ..(*wanted).clone() };
                fit.push(Candidate { id: held.id.clone(), grant, reasons: reason.reasons.clone() });
                continue;
            }
            (Some(_), None) => Unfit::Needless,
        };
        unfit.insert(held.id.clone(), (why, reason.map(|reason| reason.grant.clone())));
    }
    fit.sort();
    Adoptable { fit, unfit }
}

/// What is desired and nothing of ours gives yet.
fn unserved(plan: &Plan) -> impl Iterator<Item = &Grant> {
    let created = plan.changes.iter().filter_map(|change| match change {
        Change::Create { grant, .. } => Some(grant),
        _ => None,
    });
    created.chain(plan.notes.iter().filter_map(|note| match note {
        Note::AlreadyHeld { grant, .. } | Note::NotYet { grant } => Some(grant),
        _ => None,
    }))
}

/// Whether `held` and `grant` share an instant; where the target keeps no start, `held` goes on until it ends.
fn meets(tenure: Tenure, held: &Held, grant: &Grant) -> bool {
    let from = held.from.filter(|_| tenure == Tenure::Scheduled);
    from.is_none_or(|from| from < grant.period.end()) && held.until.is_none_or(|until| until > grant.period.start())
}

/// The time that `held` is for as far as the target shows it, else that of what is `wanted`.
fn period(tenure: Tenure, held: &Held, wanted: Period, now: DateTime<Utc>) -> Period {
    let until = held.until.unwrap_or(wanted.end());
    let from = match tenure {
        Tenure::Scheduled => held.from.unwrap_or(wanted.start()),
        Tenure::Expiring => now,
        Tenure::Standing => wanted.start(),
    };
    Period::new(from, until).unwrap_or(wanted)
}
