//! Who is on call when, while it is being worked out: spans of time that never overlap.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::{Email, Period};

/// A person of the rota.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    pub email: Email,
    /// The short name, or the e-mail where there is none.
    pub name: String,
}

/// Who is on call together; empty where it was written that nobody is.
pub type Group = BTreeSet<Member>;

/// Spans of time and their groups, by start.
#[derive(Debug, Default)]
pub struct Track(BTreeMap<DateTime<Utc>, (DateTime<Utc>, Arc<Group>)>);

impl Track {
    /// Puts `group` on call for `period`, whoever was before.
    pub fn cover(&mut self, period: Period, group: &Arc<Group>) {
        let overlapping: Vec<_> = self.overlapping(period);
        for (span, before) in overlapping {
            self.0.remove(&span.start());
            let head = Period::new(span.start(), period.start());
            let tail = Period::new(period.end(), span.end());
            for rest in [head, tail].into_iter().flatten() {
                self.0.insert(rest.start(), (rest.end(), before.clone()));
            }
        }
        self.0.insert(period.start(), (period.end(), group.clone()));
    }

    /// Puts `group` in the place of one member wherever that member is on call in `period`.
    pub fn replace(&mut self, period: Period, member: &Member, group: &Group) {
        for (span, before) in self.overlapping(period) {
            if let Some(part) = span.clip(&period).filter(|_| before.contains(member)) {
                let rest = before.iter().filter(|other| *other != member);
                self.cover(part, &Arc::new(rest.chain(group).cloned().collect()));
            }
        }
    }

    /// What lies outside `horizon` is dropped.
    pub fn clip(&mut self, horizon: Period) {
        let kept = self.overlapping(horizon);
        self.0 = kept
            .into_iter()
            .filter_map(|(span, group)| Some((span.clip(&horizon)?, group)))
            .map(|(span, group)| (span.start(), (span.end(), group)))
            .collect();
    }

    fn overlapping(&self, period: Period) -> Vec<(Period, Arc<Group>)> {
        let first = self.0.range(..=period.start()).next_back().map_or(period.start(), |(start, _)| *start);
        self.0
            .range(first..period.end())
            .filter_map(|(start, (end, group))| Some((Period::new(*start, *end)?, group.clone())))
            .filter(|(span, _)| span.overlaps(&period))
            .collect()
    }

    /// Each member's duties in the order of their starts; spans that meet are one duty.
    pub fn duties(&self) -> Vec<(Period, Member)> {
        let mut open: BTreeMap<&Member, Period> = BTreeMap::new();
        let mut done = Vec::new();
        for (start, (end, group)) in &self.0 {
            let span = Period::new(*start, *end).expect("spans are never empty");
            for member in group.iter() {
                match open.get_mut(member).filter(|duty| duty.touches(&span)) {
                    Some(duty) => *duty = duty.hull(&span),
                    None => done.extend(open.insert(member, span).map(|duty| (duty, member.clone()))),
                }
            }
        }
        done.extend(open.into_iter().map(|(member, duty)| (duty, member.clone())));
        done.sort();
        done
    }

    /// The stretches of `window` of which nothing is written, not even that nobody is on call.
    pub fn uncovered(&self, window: Period) -> Vec<Period> {
        let mut from = window.start();
        let mut gaps = Vec::new();
        for (span, _) in self.overlapping(window) {
            gaps.extend(Period::new(from, span.start()));
            from = span.end();
        }
        gaps.extend(Period::new(from, window.end()));
        gaps
    }
}
