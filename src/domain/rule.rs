//! Which shifts give which entitlements.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{OnCall, Period, Reading, Shift};

/// What every source answered, by its name and what it was asked; an error is the sentence that says why it is missing.
pub type Readings = BTreeMap<(String, OnCall), Result<Reading, String>>;

/// Which shifts give which entitlements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub name: String,
    pub source: String,
    pub on_call: BTreeSet<OnCall>,
    /// Only shifts seen at one of these escalation levels; `None`: at any.
    pub levels: Option<BTreeSet<u32>>,
    /// How long before a shift access begins.
    pub early: TimeDelta,
    /// How long after a shift access ends.
    pub late: TimeDelta,
    /// The longest that one grant of this rule lasts.
    pub max_duration: Option<TimeDelta>,
    /// A fixed time from the start of a shift, instead of up to its end.
    pub duration: Option<TimeDelta>,
    /// Spellings of entitlements, by target.
    pub grant: BTreeMap<String, BTreeSet<String>>,
}

/// When a rule gives access for a shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub period: Period,
    /// Has no end of its own: it is renewed for as long as the shift goes on.
    pub open: bool,
}

impl Rule {
    /// Whether the rule is about `shift`; nobody is on call in one that is empty or ends before it begins.
    pub fn takes(&self, shift: &Shift) -> bool {
        let empty = shift.start.zip(shift.end).is_some_and(|(start, end)| start >= end);
        let level = match (&self.levels, shift.level) {
            (Some(levels), Some(level)) => levels.contains(&level),
            _ => true,
        };
        level && !empty
    }

    /// When access begins and ends for somebody on call from `start` to `end`, from `now` on; `None` where nothing of it
    /// is left, or it begins after the window.
    ///
    /// Somebody who is always on call gets access to the end of the window, or for `max_duration` from now.
    pub(super) fn span(
        &self,
        start: Option<DateTime<Utc>>,
        end: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
        window: Period,
    ) -> Option<Due> {
        let known = match (start, end, self.duration) {
            (Some(start), _, Some(duration)) => Some((start, start.checked_add_signed(duration)?)),
            (start, Some(end), None) => Some((start.unwrap_or(DateTime::<Utc>::MIN_UTC), end)),
            (None, _, _) | (_, None, _) => None,
        };
        let (span, open) = match known {
            Some((start, end)) => {
                let span = Period::new(start, end)?.pad(self.early, self.late);
                let cap = self.max_duration.and_then(|most| span.start().checked_add_signed(most));
                (Period::new(span.start(), cap.map_or(span.end(), |cap| cap.min(span.end())))?, false)
            }
            None => {
                let start = start.unwrap_or(DateTime::<Utc>::MIN_UTC);
                let begins = Period::new(start, DateTime::<Utc>::MAX_UTC)?.pad(self.early, TimeDelta::zero()).start();
                let cap = self.max_duration.and_then(|most| begins.max(now).checked_add_signed(most));
                (Period::new(begins, cap.map_or(window.end(), |cap| cap.min(window.end())))?, true)
            }
        };
        if span.start() >= window.end() {
            return None;
        }
        Some(Due { period: span.whole_seconds().from(now)?, open })
    }
}

#[cfg(test)]
impl Rule {
    /// One that takes shifts as they are, and gives nothing.
    pub fn plain() -> Self {
        Self {
            name: "rule".into(),
            source: "source".into(),
            on_call: BTreeSet::new(),
            levels: None,
            early: TimeDelta::zero(),
            late: TimeDelta::zero(),
            max_duration: None,
            duration: None,
            grant: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    fn rule(change: impl FnOnce(&mut Rule)) -> Rule {
        let mut rule = Rule::plain();
        change(&mut rule);
        rule
    }

    /// The span in minutes for a shift in minutes, at minute 100 with a window to minute 1100.
    fn span(rule: &Rule, start: Option<i64>, end: Option<i64>) -> Option<(i64, i64, bool)> {
        let window = Period::new(at(100), at(1100)).expect("not empty");
        let minutes = |instant: DateTime<Utc>| (instant - DateTime::UNIX_EPOCH).num_minutes();
        rule.span(start.map(at), end.map(at), at(100), window)
            .map(|Due { period, open }| (minutes(period.start()), minutes(period.end()), open))
    }

    #[test]
    fn a_shift_gives_access_from_now_to_its_true_end() {
        let plain = rule(|_| {});
        assert_eq!(span(&plain, Some(50), Some(5000)), Some((100, 5000, false)));
        assert_eq!(span(&plain, Some(200), Some(300)), Some((200, 300, false)));
        assert_eq!(span(&plain, Some(20), Some(100)), None, "it is over");
        assert_eq!(span(&plain, Some(1100), Some(1200)), None, "it begins after the window");
        assert_eq!(span(&plain, None, Some(300)), Some((100, 300, false)));
    }

    #[test]
    fn padding_begins_early_and_ends_late() {
        let padded = rule(|rule| (rule.early, rule.late) = (TimeDelta::minutes(15), TimeDelta::minutes(30)));
        assert_eq!(span(&padded, Some(200), Some(300)), Some((185, 330, false)));
        assert_eq!(span(&padded, Some(20), Some(80)), Some((100, 110, false)));
        assert_eq!(span(&padded, Some(1110), Some(1200)), Some((1095, 1230, false)));
    }

    #[test]
    fn a_cap_counts_from_the_start_of_the_grant() {
        let capped = rule(|rule| rule.max_duration = Some(TimeDelta::minutes(60)));
        assert_eq!(span(&capped, Some(200), Some(300)), Some((200, 260, false)));
        assert_eq!(span(&capped, Some(30), Some(300)), None, "its time is used up");
        assert_eq!(span(&capped, Some(30), None), Some((100, 160, true)), "always on call: renewed");
    }

    #[test]
    fn a_duration_replaces_the_end() {
        let fixed = rule(|rule| rule.duration = Some(TimeDelta::minutes(60)));
        assert_eq!(span(&fixed, Some(200), Some(210)), Some((200, 260, false)));
        assert_eq!(span(&fixed, Some(200), None), Some((200, 260, false)));
        assert_eq!(span(&fixed, Some(20), Some(5000)), None);
        assert_eq!(span(&fixed, None, None), Some((100, 1100, true)));
    }

    #[test]
    fn an_open_shift_reaches_to_the_end_of_the_window() {
        let plain = rule(|_| {});
        assert_eq!(span(&plain, Some(200), None), Some((200, 1100, true)));
        assert_eq!(span(&plain, None, None), Some((100, 1100, true)));
    }
}
