//! What becomes ours, and what of ours a person means: adopt, release, take back.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Access, AccountId, Change, Current, Desired, Email, Entitlement, Grant, GrantId, Names, Note, OnDrift, Owned, Plan,
    Tenure, Unknown, plan,
};
use crate::near::hint;

/// What a run is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// All is to be as desired.
    #[default]
    Sync,
    /// What somebody else gave and is desired becomes ours.
    Adopt(Choice),
    /// What is ours stays on the target and is not ours any more.
    Release(Choice),
    /// What is ours is taken back now.
    Revoke(Choice),
}

impl Purpose {
    /// As the command line and the audit log call it.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Adopt(_) => "adopt",
            Self::Release(_) => "release",
            Self::Revoke(_) => "revoke",
        }
    }

    /// Nobody said yet what to adopt.
    pub fn only_shows(&self) -> bool {
        matches!(self, Self::Adopt(choice) if !choice.all && choice.ids.is_empty())
    }

    /// Whether it matters who is on call.
    pub fn needs_shifts(&self) -> bool {
        matches!(self, Self::Sync | Self::Adopt(_))
    }

    /// Whether `target` has to be asked, given what we own everywhere.
    pub fn asks(&self, target: &str, aliases: &Aliases, owned: &BTreeMap<String, Vec<Owned>>) -> bool {
        match self {
            Self::Sync => true,
            Self::Adopt(choice) => choice.targets.is_empty() || choice.targets.contains(target),
            Self::Release(_) => false,
            Self::Revoke(choice) => choice.of_ours(aliases, owned).iter().any(|(of, _)| of == target),
        }
    }
}

/// From the e-mail of a person at the source to that of their account.
pub type Aliases = BTreeMap<Email, Email>;

/// What a person named. What several of these name has to be all of it at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Whatever the others leave.
    pub all: bool,
    /// The target's own ids.
    pub ids: BTreeSet<GrantId>,
    pub targets: BTreeSet<String>,
    pub emails: BTreeSet<Email>,
    /// By name or by the target's own id.
    pub entitlements: BTreeSet<String>,
}

/// Of what is ours.
const OURS: Unknown = Unknown {
    target: "nothing of ours is on a target",
    email: "nothing of ours is held by",
    entitlement: "nothing of ours is",
};

/// Something that may be chosen.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    pub target: &'a str,
    pub id: Option<&'a GrantId>,
    pub grant: &'a Grant,
}

impl<'a> Item<'a> {
    fn owned(target: &'a str, owned: &'a Owned) -> Self {
        Self { target, id: owned.id.as_ref(), grant: &owned.grant }
    }

    fn account(&self) -> (&'a str, &'a AccountId) {
        (self.target, &self.grant.access.account)
    }
}

impl Choice {
    /// Which of `items` are meant. An e-mail means every account that one of them calls so, whatever others call it.
    pub fn choose(&self, aliases: &Aliases, items: &[Item]) -> Vec<bool> {
        let named = |item: &&Item| self.emails.iter().any(|email| is(email, aliases, item));
        let accounts: BTreeSet<_> = items.iter().filter(named).map(Item::account).collect();
        let meant = |item: &Item| {
            (self.ids.is_empty() || item.id.is_some_and(|id| self.ids.contains(id)))
                && (self.targets.is_empty() || self.targets.contains(item.target))
                && (self.emails.is_empty() || accounts.contains(&item.account()))
                && (self.entitlements.is_empty()
                    || names(&item.grant.access.entitlement).any(|name| self.entitlements.contains(name)))
        };
        items.iter().map(meant).collect()
    }

    /// The entries of ours that are meant, by target and number.
    pub fn of_ours(&self, aliases: &Aliases, owned: &BTreeMap<String, Vec<Owned>>) -> BTreeSet<(String, i64)> {
        let (entries, items) = ours(owned);
        let meant = self.choose(aliases, &items).into_iter().zip(items.iter().zip(entries));
        meant.filter(|(meant, _)| *meant).map(|(_, (item, entry))| (item.target.to_owned(), entry)).collect()
    }

    /// A sentence for everything that was named and is nothing of ours: a slip in a name must not look like success.
    pub fn missed(&self, aliases: &Aliases, owned: &BTreeMap<String, Vec<Owned>>) -> Vec<String> {
        let (_, items) = ours(owned);
        let mut missed = Vec::new();
        for id in self.ids.iter().filter(|id| !items.iter().any(|item| item.id == Some(id))) {
            missed.push(unknown_id("nothing of ours has", id, items.iter().filter_map(|item| item.id)));
        }
        let mut known = Names::default();
        owned.iter().for_each(|(target, all)| all.iter().for_each(|one| known.add_owned(target, one)));
        known.add_aliases(aliases);
        missed.extend(known.missed(self, OURS));
        let narrowed = [&self.targets, &self.entitlements].iter().any(|set| !set.is_empty())
            || !self.emails.is_empty()
            || !self.ids.is_empty();
        if missed.is_empty() && narrowed && !self.choose(aliases, &items).contains(&true) {
            missed.push("nothing of ours is all of what was named at once".into());
        }
        missed
    }
}

/// The plan that gives up what is `meant`, without a look at the target.
///
/// Whether an intent was carried out is not known then, nor which grant a move has left: such an access is left for a sync
/// to settle, unless nobody can any more, because the target is `lost`.
pub fn release(owned: &[Owned], meant: &dyn Fn(&Owned) -> bool, lost: bool) -> Plan {
    let mut plan = Plan::default();
    let intents = owned.iter().filter(|owned| owned.id.is_none() && !lost);
    let open: BTreeSet<&Access> = intents.map(|owned| &owned.grant.access).collect();
    for owned in owned.iter().filter(|owned| meant(owned)) {
        if open.contains(&owned.grant.access) {
            plan.notes.push(Note::Unsettled { grant: owned.grant.clone(), given: false });
        } else {
            plan.changes.push(Change::Release { owned: owned.clone() });
        }
    }
    plan.changes.sort();
    plan.notes.sort();
    plan
}

/// The plan that takes back what is `meant`: the sync's own where nothing is desired, as far as it is about that.
pub fn revoke(
    now: DateTime<Utc>,
    tenure: &dyn Fn(&Entitlement) -> Tenure,
    on_drift: OnDrift,
    current: &Current,
    owned: &[Owned],
    meant: &dyn Fn(&Owned) -> bool,
) -> Plan {
    let Plan { mut changes, notes } = plan(now, tenure, on_drift, &Desired::default(), current, owned);
    changes.retain(|change| change.owned().is_some_and(meant));
    let settled: BTreeSet<i64> = changes.iter().filter_map(|change| Some(change.owned()?.entry)).collect();
    let doubtful = |owned: &&Owned| {
        let hidden = notes.iter().any(|note| matches!(note, Note::Stands { grant } if *grant == owned.grant));
        meant(owned) && !settled.contains(&owned.entry) && (owned.id.is_none() || hidden)
    };
    let note = |owned: &Owned| Note::Unsettled { grant: owned.grant.clone(), given: owned.id.is_some() };
    let mut told: Vec<Note> = owned.iter().filter(doubtful).map(note).collect();
    let about = |of: &Grant| owned.iter().any(|owned| meant(owned) && owned.grant == *of);
    told.extend(
        notes
            .into_iter()
            .filter(|note| matches!(note, Note::TakenOver { grant, .. } | Note::Hidden { grant, .. } if about(grant))),
    );
    told.sort();
    Plan { changes, notes: told }
}

/// That no grant has this id.
pub fn unknown_id<'a>(what: &str, id: &GrantId, known: impl Iterator<Item = &'a GrantId>) -> String {
    format!("{what} the id '{id}'{}", hint(&id.0, known.map(|known| &*known.0)))
}

fn ours(owned: &BTreeMap<String, Vec<Owned>>) -> (Vec<i64>, Vec<Item<'_>>) {
    let all = owned.iter().flat_map(|(target, owned)| owned.iter().map(move |owned| (target, owned)));
    all.map(|(target, owned)| (owned.entry, Item::owned(target, owned))).unzip()
}

fn is(email: &Email, aliases: &Aliases, item: &Item) -> bool {
    item.grant.email == *email || aliases.get(email) == Some(&item.grant.email)
}

fn names(entitlement: &Entitlement) -> impl Iterator<Item = &str> {
    [&*entitlement.name, &*entitlement.id].into_iter()
}
