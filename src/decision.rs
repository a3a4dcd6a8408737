//! The plans and refusals of a run, from what was read and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::{Current, Email, Known, Limits, Owned, Period, Plan, Readings, Refusal, Rule, Tenure, plan};

/// Everything that the plans of a run are made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    pub now: DateTime<Utc>,
    /// The look-ahead.
    pub window: Period,
    pub rules: Vec<Rule>,
    /// There are rules that this run leaves out: what they gave stands.
    pub partial: bool,
    pub aliases: BTreeMap<Email, Email>,
    pub limits: Limits,
    #[serde(with = "pairs")]
    pub readings: Readings,
    pub targets: BTreeMap<String, Seen>,
    /// Why nothing can be done for what we own on targets that the config does not describe any more.
    pub lost: BTreeMap<String, String>,
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
        let known = self.known();
        let plan = |(name, seen): (&String, &Seen)| (name.clone(), seen.plan(&known, name));
        let plans: BTreeMap<_, _> = self.targets.iter().map(plan).collect();
        let whole: Vec<(&[Owned], &Plan)> =
            self.targets.iter().filter_map(|(name, seen)| Some((&*seen.owned, plans[name].as_ref().ok()?))).collect();
        let refusals = self.limits.check(&known, &whole);
        Decision { plans, refusals }
    }
}

impl Seen {
    fn plan(&self, known: &Known, name: &str) -> Result<Plan, String> {
        let current = self.current.as_ref().map_err(String::clone)?;
        let desired = known.desired(name, current, &self.owned);
        let tenure = |entitlement: &crate::domain::Entitlement| self.tenures[&entitlement.id];
        Ok(plan(known.now, &tenure, &desired, current, &self.owned))
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
