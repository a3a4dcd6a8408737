//! How much one run may change before a person has to look.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::clock::{differing, length, shown};
use super::{Change, Current, GrantId, Known, Owned, Period, Plan, Reading, Reason, Schedule, Witness};
use crate::words::{agree, count};

/// Below this many grants a share of them says little: one revoke of three is a third.
const FLOOR: usize = 10;

/// The most that one run may do without `--force`, over all targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub max_changes: usize,
    /// Of what we own, the share that one run may take back before its end, or find gone from one target, in percent.
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
        /// Of those, not taken back and left with less than half of the time ahead.
        cut: usize,
        owned: usize,
        percent: u8,
    },
    /// A schedule has nobody any more, while grants rest on it.
    Emptied {
        source: String,
        schedule: String,
        grants: usize,
    },
    /// What we own is not on the target any more, all at once.
    Vanished {
        target: String,
        gone: usize,
        owned: usize,
        percent: u8,
    },
    /// Servers say that the time is another; others may say that it is not.
    Clock {
        differ: Vec<Witness>,
        agree: Vec<Witness>,
    },
    /// It is earlier than the last run.
    WentBack {
        now: DateTime<Utc>,
        last: DateTime<Utc>,
    },
    /// Since the last run more time has passed than runs look ahead, and nobody was there to say so.
    Pause {
        now: DateTime<Utc>,
        last: DateTime<Utc>,
        window: TimeDelta,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changes { planned, most } => {
                let (changes, are) = (count(*planned, "change"), agree(*planned, "is", "are"));
                write!(f, "{changes} {are} planned, and limits.max_changes allows {most}")
            }
            Self::Revokes { planned, cut, owned, percent } => {
                write!(f, "{planned} of the {owned} grants that we own would be revoked before their end")?;
                if *cut > 0 {
                    write!(f, " ({cut} of them by losing more than half of the time that they have left)")?;
                }
                write!(f, ", and limits.max_revoke_percent allows {percent} %")
            }
            Self::Emptied { source, schedule, grants } => {
                let (grants, rest) = (count(*grants, "live grant"), agree(*grants, "rests", "rest"));
                write!(
                    f,
                    "schedule '{schedule}' of source '{source}' suddenly has nobody on call, while {grants} {rest} on it"
                )
            }
            Self::Vanished { target, gone, owned, percent } => write!(
                f,
                "target '{target}' does not show {gone} of the {owned} grants that we own there any more, or as somebody else's, and limits.max_revoke_percent allows {percent} %: if it does not tell the truth, they would be given twice, or forgotten while they stand"
            ),
            Self::Clock { differ, agree } => differing(f, differ, agree),
            Self::WentBack { now, last } => write!(
                f,
                "this machine's clock says that it is {}, and the last run was at {}, {} later: the clock has gone back, or that of another machine was ahead",
                shown(*now),
                shown(*last),
                length(*last - *now)
            ),
            Self::Pause { now, last, window } => write!(
                f,
                "this machine's clock says that it is {}, {} after the last run, at {}: that is longer than the window of {}, and no server was asked that could say whether the clock is ahead",
                shown(*now),
                length(*now - *last),
                shown(*last),
                length(*window)
            ),
        }
    }
}

impl Limits {
    /// What there is to say about all plans together; expiries never count.
    pub fn check(&self, known: &Known, plans: &[(&[Owned], &Plan)]) -> Vec<Refusal> {
        let (mut refusals, owned, _) = self.counted(known.now, plans);
        if owned < FLOOR {
            refusals.retain(|refusal| !matches!(refusal, Refusal::Revokes { .. }));
        }
        refusals.extend(emptied(known, plans));
        refusals
    }

    /// The same where a person asked for what is taken back: less than the floor of that is theirs to decide.
    pub fn check_asked(&self, now: DateTime<Utc>, plans: &[(&[Owned], &Plan)]) -> Vec<Refusal> {
        let (mut refusals, _, planned) = self.counted(now, plans);
        if planned < FLOOR {
            refusals.retain(|refusal| !matches!(refusal, Refusal::Revokes { .. }));
        }
        refusals
    }

    /// What is beyond the numbers, how much is owned, and how much of it would be revoked or as good as.
    fn counted(&self, now: DateTime<Utc>, plans: &[(&[Owned], &Plan)]) -> (Vec<Refusal>, usize, usize) {
        let owned = plans.iter().flat_map(|(owned, _)| owned.iter()).filter(|owned| is_live(owned, now)).count();
        let (mut changes, mut revokes, mut cut) = (0, 0, 0);
        for change in plans.iter().flat_map(|(_, plan)| &plan.changes) {
            match change {
                Change::Revoke { .. } => revokes += 1,
                change if halves(change, now) => cut += 1,
                _ => {}
            }
            match change {
                Change::Create { .. } | Change::Amend { .. } | Change::Revoke { .. } => changes += 1,
                Change::Adopt { .. }
                | Change::Confirm { .. }
                | Change::Expire { .. }
                | Change::Forget { .. }
                | Change::Release { .. }
                | Change::Retime { .. } => {}
            }
        }
        let planned = revokes + cut;
        let mut refusals = Vec::new();
        if changes > self.max_changes {
            refusals.push(Refusal::Changes { planned: changes, most: self.max_changes });
        }
        if planned * 100 > owned * usize::from(self.max_revoke_percent) {
            refusals.push(Refusal::Revokes { planned, cut, owned, percent: self.max_revoke_percent });
        }
        (refusals, owned, planned)
    }

    /// What there is to say about one target that was read: whether too much of what we own there is gone.
    pub fn vanished(
        &self,
        now: DateTime<Utc>,
        target: &str,
        owned: &[Owned],
        current: &Current,
        plan: &Plan,
    ) -> Option<Refusal> {
        let shown: BTreeSet<&GrantId> = current.grants.iter().map(|held| &held.id).collect();
        let gone = plan.changes.iter().filter(|change| match change {
            // One that is shown is forgotten for another reason.
            Change::Forget { owned } => is_live(owned, now) && owned.id.as_ref().is_some_and(|id| !shown.contains(id)),
            // Given up because the target calls it another's, which is as much its word as that it is gone.
            Change::Release { owned } => is_live(owned, now),
            _ => false,
        });
        let (gone, owned) = (gone.count(), owned.iter().filter(|owned| is_live(owned, now)).count());
        let percent = self.max_revoke_percent;
        self.is_beyond(gone, owned).then(|| Refusal::Vanished { target: target.to_owned(), gone, owned, percent })
    }

    fn is_beyond(&self, some: usize, owned: usize) -> bool {
        owned >= FLOOR && some * 100 > owned * usize::from(self.max_revoke_percent)
    }
}

/// On the target, as far as we know, and not over.
fn is_live(owned: &Owned, now: DateTime<Utc>) -> bool {
    owned.id.is_some() && owned.grant.period.end() > now
}

/// What of ours `change` leaves for another time: what lies ahead now, and what of that is kept.
fn moved(change: &Change, now: DateTime<Utc>) -> Option<(Period, Option<Period>)> {
    let (owned, to) = match change {
        Change::Amend { owned, to, .. } => (owned, to.period),
        Change::Retime { owned, period, .. } => (owned, *period),
        _ => return None,
    };
    let ahead = owned.grant.period.from(now)?;
    Some((ahead, ahead.clip(&to)))
}

/// Whether `change` leaves less than half of the time that lay ahead: as good as revoked.
fn halves(change: &Change, now: DateTime<Utc>) -> bool {
    moved(change, now).is_some_and(|(ahead, kept)| {
        let kept = kept.map_or(TimeDelta::zero(), |kept| kept.length());
        ahead.length() - kept > kept
    })
}

/// Schedules that were read and have nobody, while something live that rests on them would be lost before its end.
fn emptied(known: &Known, plans: &[(&[Owned], &Plan)]) -> BTreeSet<Refusal> {
    let mut read: BTreeMap<(&str, &str), Option<&Schedule>> = BTreeMap::new();
    let mut by_name: BTreeMap<(&str, &str), &Schedule> = BTreeMap::new();
    for ((source, _), reading) in known.readings {
        let Ok(Reading { schedule, shifts, .. }) = reading else { continue };
        let empty = shifts.iter().all(|shift| shift.end.is_some_and(|end| end <= known.now));
        read.insert((source, &schedule.id), Some(schedule).filter(|_| empty));
        if empty {
            by_name.insert((source, &schedule.name), schedule);
        }
    }
    let mut grants: BTreeMap<(&str, &Schedule), usize> = BTreeMap::new();
    for owned in plans.iter().flat_map(|(_, plan)| &plan.changes).filter_map(|change| lost(change, known.now)) {
        let ahead = owned.reasons.iter().filter(|reason| reason.end.is_none_or(|end| end > known.now));
        let schedules: BTreeSet<_> = ahead
            .filter_map(|Reason { source, schedule: Schedule { id, name }, .. }| {
                // A schedule that was deleted and made again has another id.
                let made_again = || by_name.get(&(&**source, &**name)).copied();
                let empty = read.get(&(&**source, &**id)).copied().unwrap_or_else(made_again)?;
                Some((&**source, empty))
            })
            .collect();
        for key in schedules {
            *grants.entry(key).or_default() += 1;
        }
    }
    let refusal = |((source, schedule), grants): ((&str, &Schedule), usize)| Refusal::Emptied {
        source: source.to_owned(),
        schedule: schedule.name.clone(),
        grants,
    };
    grants.into_iter().map(refusal).collect()
}

/// The live entry that loses something before its end by `change`.
fn lost(change: &Change, now: DateTime<Utc>) -> Option<&Owned> {
    let lost = match change {
        Change::Revoke { .. } => true,
        change => moved(change, now).is_some_and(|(ahead, kept)| kept != Some(ahead)),
    };
    change.owned().filter(|owned| lost && is_live(owned, now))
}
