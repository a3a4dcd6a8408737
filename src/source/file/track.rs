//! Who is on call when, while it is being worked out: spans of time that never overlap.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::expand::Override;
use crate::domain::{self, Email, Period};

/// A person of the rota.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    pub email: Email,
    /// The short name, or the e-mail where there is none.
    pub name: String,
}

/// Who is on call together; empty where it was written that nobody is.
pub type Group = BTreeSet<Member>;

/// Spans of time and who is on call in them, by start.
#[derive(Debug, Default)]
pub struct Track<'o>(BTreeMap<DateTime<Utc>, (DateTime<Utc>, Turn<'o>)>);

/// Who is on call together, and the override that put some of them there.
#[derive(Debug, Clone)]
struct Turn<'o> {
    group: Arc<Group>,
    by: Option<&'o Override>,
}

/// A member's time on call, and the overrides that are told of it.
type Told<'o> = (Period, Member, BTreeSet<&'o domain::Override>);

impl<'o> Track<'o> {
    /// Puts `group` on call for `period`, whoever was before.
    pub fn cover(&mut self, period: Period, group: &Arc<Group>) {
        self.put(period, Turn { group: group.clone(), by: None });
    }

    /// Puts the override's people on call: in the place of whoever was before, or of one member wherever that one was.
    pub fn change(&mut self, change: &'o Override) {
        let Override { period, group, replaces, .. } = change;
        let Some(member) = replaces else {
            return self.put(*period, Turn { group: group.clone(), by: Some(change) });
        };
        for (span, before) in self.overlapping(*period) {
            if let Some(part) = span.clip(period).filter(|_| before.group.contains(member)) {
                let rest = before.group.iter().filter(|other| *other != member);
                let group = Arc::new(rest.chain(group.iter()).cloned().collect());
                self.put(part, Turn { group, by: Some(change) });
            }
        }
    }

    fn put(&mut self, period: Period, turn: Turn<'o>) {
        let overlapping: Vec<_> = self.overlapping(period);
        for (span, before) in overlapping {
            self.0.remove(&span.start());
            let head = Period::new(span.start(), period.start());
            let tail = Period::new(period.end(), span.end());
            for rest in [head, tail].into_iter().flatten() {
                self.0.insert(rest.start(), (rest.end(), before.clone()));
            }
        }
        self.0.insert(period.start(), (period.end(), turn));
    }

    /// What lies outside `horizon` is dropped.
    pub fn clip(&mut self, horizon: Period) {
        let kept = self.overlapping(horizon);
        self.0 = kept
            .into_iter()
            .filter_map(|(span, turn)| Some((span.clip(&horizon)?, turn)))
            .map(|(span, turn)| (span.start(), (span.end(), turn)))
            .collect();
    }

    fn overlapping(&self, period: Period) -> Vec<(Period, Turn<'o>)> {
        let first = self.0.range(..=period.start()).next_back().map_or(period.start(), |(start, _)| *start);
        self.0
            .range(first..period.end())
            .filter_map(|(start, (end, turn))| Some((Period::new(*start, *end)?, turn.clone())))
            .filter(|(span, _)| span.overlaps(&period))
            .collect()
    }

    /// Each member's duties in the order of their starts; spans that meet are one duty.
    pub fn duties(&self) -> Vec<Told<'o>> {
        let mut open: BTreeMap<&Member, (Period, BTreeSet<&'o domain::Override>)> = BTreeMap::new();
        let mut done = Vec::new();
        for (start, (end, Turn { group, by })) in &self.0 {
            let span = Period::new(*start, *end).expect("spans are never empty");
            for member in group.iter() {
                let told = by.filter(|change| change.group.contains(member)).and_then(|change| change.told.as_ref());
                match open.get_mut(member).filter(|(duty, _)| duty.touches(&span)) {
                    Some((duty, all)) => {
                        *duty = duty.hull(&span);
                        all.extend(told);
                    }
                    None => {
                        let before = open.insert(member, (span, told.into_iter().collect()));
                        done.extend(before.map(|(duty, all)| (duty, member.clone(), all)));
                    }
                }
            }
        }
        done.extend(open.into_iter().map(|(member, (duty, all))| (duty, member.clone(), all)));
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
