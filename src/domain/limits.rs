//! How much one run may change before a person has to look.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Change, Known, Owned, Plan};

/// Below this many grants a share of them says little: one revoke of three is a third.
const FLOOR: usize = 10;

/// The most that one run may do without `--force`, over all targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub max_changes: usize,
    /// Of what we own, the share revoked before its end, in percent.
    pub max_revoke_percent: u8,
}

/// Why a plan may not be carried out without a person's word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    Changes {
        planned: usize,
        most: usize,
    },
    Revokes {
        planned: usize,
        owned: usize,
        percent: u8,
    },
    /// A schedule has nobody any more, while grants rest on it.
    Emptied {
        source: String,
        schedule: String,
        grants: usize,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changes { planned, most } => {
                write!(f, "{planned} changes are planned, and limits.max_changes allows {most}")
            }
            Self::Revokes { planned, owned, percent } => write!(
                f,
                "{planned} of the {owned} grants that we own would be revoked before their end, and limits.max_revoke_percent allows {percent} %"
            ),
            Self::Emptied { source, schedule, grants } => {
                let grants =
                    if *grants == 1 { "1 live grant rests".into() } else { format!("{grants} live grants rest") };
                write!(
                    f,
                    "schedule '{schedule}' of source '{source}' suddenly has nobody on call, while {grants} on it"
                )
            }
        }
    }
}

impl Limits {
    /// Everything about the whole run that asks for a person's word; expiries never count.
    pub fn check(&self, known: &Known, plans: &[(&[Owned], &Plan)]) -> Vec<Refusal> {
        let live = |owned: &&Owned| owned.id.is_some() && owned.grant.period.end() > known.now;
        let owned = plans.iter().flat_map(|(owned, _)| owned.iter()).filter(live).count();
        let (mut changes, mut revokes) = (0, 0);
        for change in plans.iter().flat_map(|(_, plan)| &plan.changes) {
            match change {
                Change::Forget { .. } | Change::Confirm { .. } | Change::Retime { .. } | Change::Expire { .. } => {}
                Change::Create { .. } | Change::Amend { .. } => changes += 1,
                Change::Revoke { .. } => (changes, revokes) = (changes + 1, revokes + 1),
            }
        }
        let mut refusals = Vec::new();
        if changes > self.max_changes {
            refusals.push(Refusal::Changes { planned: changes, most: self.max_changes });
        }
        if owned >= FLOOR && revokes * 100 > owned * usize::from(self.max_revoke_percent) {
            refusals.push(Refusal::Revokes { planned: revokes, owned, percent: self.max_revoke_percent });
        }
        let all = plans.iter().flat_map(|(owned, _)| owned.iter()).filter(live);
        refusals.extend(emptied(known, all, known.now));
        refusals
    }
}

fn emptied<'a>(known: &Known, owned: impl Iterator<Item = &'a Owned>, now: DateTime<Utc>) -> BTreeSet<Refusal> {
    let mut empty: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for ((source, _), reading) in known.readings {
        if let Ok(reading) = reading
            && reading.shifts.iter().all(|shift| shift.end.is_some_and(|end| end <= now))
        {
            empty.insert((source, &reading.schedule.id), &reading.schedule.name);
        }
    }
    let mut grants: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for owned in owned {
        let ahead = owned.reasons.iter().filter(|reason| reason.end.is_none_or(|end| end > now));
        let schedules: BTreeSet<_> = ahead.map(|reason| (&*reason.source, &*reason.schedule.id)).collect();
        for key in schedules {
            if let Some((key, _)) = empty.get_key_value(&key) {
                *grants.entry(*key).or_default() += 1;
            }
        }
    }
    let refusal = |((source, id), grants): ((&str, &str), usize)| Refusal::Emptied {
        source: source.to_owned(),
        schedule: empty[&(source, id)].to_owned(),
        grants,
    };
    grants.into_iter().map(refusal).collect()
}
