//! The plans and refusals of a run, from what was read and nothing else.

mod adopt;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::{
    Choice, Current, Email, Entitlement, Known, Limits, OnDrift, Owned, Period, Plan, Purpose, Readings, Refusal, Rule,
    Tenure, Witnesses, plan, release, revoke,
};

/// Everything that the plans of a run are made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    pub purpose: Purpose,
    pub now: DateTime<Utc>,
    /// The look-ahead.
    pub window: Period,
    pub rules: Vec<Rule>,
    /// There are rules that this run leaves out: what they gave stands.
    pub partial: bool,
    pub aliases: BTreeMap<Email, Email>,
    pub limits: Limits,
    pub on_drift: OnDrift,
    #[serde(with = "pairs")]
    pub readings: Readings,
    pub targets: BTreeMap<String, Seen>,
    /// Targets on which we own something, and which the config does not describe any more.
    pub lost: BTreeSet<String>,
    /// Whether `now` can be true.
    pub witnesses: Witnesses,
}

/// One target as it was read, and what we own there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub owned: Vec<Owned>,
    /// What the target shows, or why it could not be read.
    pub current: Result<Current, String>,
    /// Who keeps time, by the entitlement's id.
    pub tenures: BTreeMap<Arc<str>, Tenure>,
}

/// What is to be done, and what speaks against it.
#[derive(Debug, Clone)]
pub struct Decision {
    /// By target; an error where it could not be read.
    pub plans: BTreeMap<String, Result<Plan, String>>,
    pub refusals: Vec<Refusal>,
    /// What a person named and is not there, in sentences; then nothing is done.
    pub missed: Vec<String>,
}

impl Inputs {
    pub fn known(&self) -> Known<'_> {
        Known {
            now: self.now,
            window: self.window,
            rules: &self.rules,
            readings: &self.readings,
            aliases: &self.aliases,
            other_rules_stand: self.partial,
        }
    }

    /// The plan of every target, held against the limits over all of them.
    pub fn decide(&self) -> Decision {
        match &self.purpose {
            Purpose::Sync => self.sync(),
            Purpose::Adopt(choice) => self.adopt(choice),
            Purpose::Release(choice) => {
                self.give_up(choice, |name, seen, meant| Ok(release(&seen.owned, meant, self.lost.contains(name))))
            }
            Purpose::Revoke(choice) => {
                let decision = self.give_up(choice, |_, seen, meant| {
                    let current = seen.current.as_ref().map_err(String::clone)?;
                    Ok(revoke(self.now, &|to| seen.tenure(to), self.on_drift, current, &seen.owned, meant))
                });
                let mut refusals = self.limits.check_asked(self.now, &self.whole(&decision.plans));
                refusals.extend(self.doubts(&decision.plans));
                Decision { refusals, ..decision }
            }
        }
    }

    /// Whom a sync leaves as they are on the target called `name` where it cannot be read: whoever is to have something
    /// there, and whoever holds something of ours.
    pub fn waiting(&self, name: &str) -> BTreeSet<Email> {
        if self.purpose != Purpose::Sync {
            return BTreeSet::new();
        }
        let mut waiting = self.known().due(name);
        waiting.extend(self.targets[name].owned.iter().map(|owned| owned.grant.email.clone()));
        waiting
    }

    fn sync(&self) -> Decision {
        let known = self.known();
        let plan = |(name, seen): (&String, &Seen)| (name.clone(), seen.plan(&known, name, self.on_drift, &seen.owned));
        let plans: BTreeMap<_, _> = self.targets.iter().map(plan).collect();
        let mut refusals = self.limits.check(&known, &self.whole(&plans));
        refusals.extend(self.doubts(&plans));
        Decision { plans, refusals, missed: Vec::new() }
    }

    /// Why what a target shows, or the time that it is held against, may not be true: by either, what stands is forgotten.
    fn doubts(&self, plans: &BTreeMap<String, Result<Plan, String>>) -> Vec<Refusal> {
        let vanished = self.targets.iter().filter_map(|(name, seen)| {
            let (current, plan) = (seen.current.as_ref().ok()?, plans[name].as_ref().ok()?);
            self.limits.vanished(self.now, name, &seen.owned, current, plan)
        });
        vanished.chain(self.witnesses.refusal(self.window)).collect()
    }

    /// What is owned and planned on every target that could be read.
    fn whole<'a>(&'a self, plans: &'a BTreeMap<String, Result<Plan, String>>) -> Vec<(&'a [Owned], &'a Plan)> {
        self.targets.iter().filter_map(|(name, seen)| Some((&*seen.owned, plans[name].as_ref().ok()?))).collect()
    }

    /// What of ours `choice` means, planned by `plan` on each target that has some of it.
    fn give_up(
        &self,
        choice: &Choice,
        plan: impl Fn(&str, &Seen, &dyn Fn(&Owned) -> bool) -> Result<Plan, String>,
    ) -> Decision {
        let owned = self.targets.iter().map(|(name, seen)| (name.clone(), seen.owned.clone())).collect();
        let meant = choice.of_ours(&self.aliases, &owned);
        let one = |(name, seen): (&String, &Seen)| {
            let is_meant = |owned: &Owned| meant.contains(&(name.clone(), owned.entry));
            let any = seen.owned.iter().any(is_meant);
            (name.clone(), if any { plan(name, seen, &is_meant) } else { Ok(Plan::default()) })
        };
        let plans = self.targets.iter().map(one).collect();
        Decision { plans, refusals: Vec::new(), missed: choice.missed(&self.aliases, &owned) }
    }
}

impl Seen {
    /// What was read of a target on which `owned` is ours; `tenure` says who keeps time.
    pub fn new(owned: Vec<Owned>, current: Result<Current, String>, tenure: impl Fn(&Entitlement) -> Tenure) -> Self {
        let mut seen = Self { owned, current, tenures: BTreeMap::new() };
        seen.tenures = seen.entitlements().map(|one| (one.id.clone(), tenure(one))).collect();
        seen
    }

    /// Whether it says who keeps time on everything that it shows; a recording that somebody wrote in may not.
    pub fn is_whole(&self) -> bool {
        self.entitlements().all(|one| self.tenures.contains_key(&one.id))
    }

    /// Everything that is planned on; of a target that could not be read, nothing.
    fn entitlements(&self) -> impl Iterator<Item = &Entitlement> {
        self.current.iter().flat_map(|current| {
            let resolved = current.entitlements.values().flatten().flatten();
            let held = current.grants.iter().map(|held| &held.access.entitlement);
            resolved.chain(held).chain(self.owned.iter().map(|owned| &owned.grant.access.entitlement))
        })
    }

    fn tenure(&self, entitlement: &Entitlement) -> Tenure {
        self.tenures[&entitlement.id]
    }

    /// The sync's plan, were `owned` ours.
    fn plan(&self, known: &Known, name: &str, on_drift: OnDrift, owned: &[Owned]) -> Result<Plan, String> {
        let current = self.current.as_ref().map_err(String::clone)?;
        let desired = known.desired(name, current, owned);
        Ok(plan(known.now, &|to| self.tenure(to), on_drift, &desired, current, owned))
    }
}

/// A map whose keys are no text, as a list of pairs.
mod pairs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::domain::Readings;

    pub fn serialize<S: Serializer>(readings: &Readings, serializer: S) -> Result<S::Ok, S::Error> {
        readings.iter().collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Readings, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}
