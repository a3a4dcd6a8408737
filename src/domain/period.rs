//! A half-open span of time.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// A half-open span of time, `start <= t < end`, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Period {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
}

impl Period {
    /// The span from `start` up to, and without, `end`; `None` where that is empty or backwards.
    pub fn new(start: DateTime<Utc>, end: DateTime<Utc>) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    pub fn start(&self) -> DateTime<Utc> {
        self.start
    }

    pub fn end(&self) -> DateTime<Utc> {
        self.end
    }

    pub fn length(&self) -> TimeDelta {
        self.end - self.start
    }

    pub fn contains(&self, instant: DateTime<Utc>) -> bool {
        self.start <= instant && instant < self.end
    }

    /// Whether the two share an instant.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether the two overlap or meet end to start.
    pub fn touches(&self, other: &Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }

    /// What both have in common.
    pub fn clip(&self, to: &Self) -> Option<Self> {
        Self::new(self.start.max(to.start), self.end.min(to.end))
    }

    /// What of it lies before, and what after `other`; all of it is one of the two where they share no instant.
    pub fn without(&self, other: &Self) -> impl Iterator<Item = Self> + use<> {
        let before = Self::new(self.start, self.end.min(other.start));
        [before, Self::new(self.start.max(other.end), self.end)].into_iter().flatten()
    }

    /// What of it lies at or after `instant`.
    pub fn from(&self, instant: DateTime<Utc>) -> Option<Self> {
        Self::new(self.start.max(instant), self.end)
    }

    /// The span with `early` more before it and `late` more after it; instants beyond chrono's range stay as they are.
    pub fn pad(&self, early: TimeDelta, late: TimeDelta) -> Self {
        let start = self.start.checked_sub_signed(early).unwrap_or(self.start);
        let end = self.end.checked_add_signed(late).unwrap_or(self.end);
        Self { start: start.min(self.start), end: end.max(self.end) }
    }

    /// The same start with another end; as it was where that end is not after the start.
    pub fn until(&self, end: DateTime<Utc>) -> Self {
        Self::new(self.start, end).unwrap_or(*self)
    }

    /// The shortest span of whole seconds that holds it: targets keep no fractions, and a fraction lost is a difference
    /// at every run.
    pub fn whole_seconds(&self) -> Self {
        let start = self.start.duration_trunc(TimeDelta::seconds(1)).unwrap_or(self.start);
        let end = self.end.duration_round_up(TimeDelta::seconds(1)).unwrap_or(self.end);
        Self { start, end }
    }

    /// The shortest span that holds both.
    pub fn hull(&self, other: &Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(start: i64, end: i64) -> Period {
        let at = |second| DateTime::from_timestamp(second, 0).expect("in range");
        Period::new(at(start), at(end)).expect("not empty")
    }

    #[test]
    fn is_never_empty() {
        let now = DateTime::UNIX_EPOCH;
        assert_eq!(Period::new(now, now), None);
        assert_eq!(Period::new(now + TimeDelta::seconds(1), now), None);
    }

    #[test]
    fn meets_without_overlapping() {
        assert!(!period(0, 10).overlaps(&period(10, 20)));
        assert!(period(0, 10).touches(&period(10, 20)));
        assert!(!period(0, 10).touches(&period(11, 20)));
        assert!(period(0, 11).overlaps(&period(10, 20)));
    }

    #[test]
    fn clips_and_pads() {
        assert_eq!(period(0, 10).clip(&period(5, 20)), Some(period(5, 10)));
        assert_eq!(period(0, 10).clip(&period(10, 20)), None);
        assert_eq!(period(10, 20).pad(TimeDelta::seconds(5), TimeDelta::seconds(7)), period(5, 27));
        assert_eq!(period(0, 5).hull(&period(8, 9)), period(0, 9));
    }

    #[test]
    fn leaves_what_is_before_and_after() {
        let without = |from, until| period(10, 20).without(&period(from, until)).collect::<Vec<_>>();
        assert_eq!(without(12, 15), [period(10, 12), period(15, 20)]);
        assert_eq!(without(0, 15), [period(15, 20)]);
        assert_eq!(without(15, 30), [period(10, 15)]);
        assert_eq!(without(10, 20), []);
        assert_eq!((without(0, 10), without(20, 30)), (vec![period(10, 20)], vec![period(10, 20)]));
    }

    #[test]
    fn padding_stops_at_the_end_of_time() {
        let all = Period::new(DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC).expect("not empty");
        assert_eq!(all.pad(TimeDelta::days(1), TimeDelta::days(1)), all);
    }
}
