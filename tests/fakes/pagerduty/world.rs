//! The account behind the stand-in: who there is, which schedules, who is on call when.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, FixedOffset, Utc};

/// A PagerDuty account, stated piece by piece.
#[derive(Clone)]
pub struct World {
    pub(super) now: DateTime<Utc>,
    pub(super) zone: FixedOffset,
    pub(super) always_offset: bool,
    pub(super) refuses_beyond_horizon: bool,
    pub(super) refuses_v3_at_v2: bool,
    pub(super) latency: Duration,
    pub(super) people: BTreeMap<String, Person>,
    pub(super) schedules: BTreeMap<String, Schedule>,
    pub(super) shifts: Vec<Shift>,
}

#[derive(Clone)]
pub(super) struct Person {
    pub id: String,
    pub name: String,
    pub email: Option<String>,
    pub kind: Kind,
}

/// What the account still knows of a person.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Full,
    /// `include[]=users` gives a bare reference, the look-up gives the user.
    Reference,
    /// A bare reference everywhere, and 404 when looked up.
    Deleted,
}

#[derive(Clone)]
pub(super) struct Schedule {
    pub id: String,
    pub name: String,
    pub v3: bool,
    /// The escalation policies that use it, each with the level it is used at.
    pub places: Vec<(String, u32)>,
}

#[derive(Clone)]
pub(super) struct Shift {
    /// `None`: a person who is a direct target of a policy.
    pub schedule: Option<String>,
    pub person: String,
    pub start: Option<DateTime<Utc>>,
    pub end: Option<DateTime<Utc>>,
}

/// The policy that uses a schedule where a test does not say which.
const POLICY: &str = "PPOLICY";

impl World {
    /// An empty account whose clock stands at `now`, in a zone five hours behind UTC.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self {
            now,
            zone: FixedOffset::west_opt(5 * 3600).expect("within a day"),
            always_offset: false,
            refuses_beyond_horizon: false,
            refuses_v3_at_v2: false,
            latency: Duration::ZERO,
            people: BTreeMap::new(),
            schedules: BTreeMap::new(),
            shifts: Vec::new(),
        }
    }

    /// The same account at another time.
    pub fn moved_to(mut self, now: DateTime<Utc>) -> Self {
        self.now = now;
        self
    }

    pub fn person(self, id: &str, name: &str, email: &str) -> Self {
        self.add_person(id, name, Some(email), Kind::Full)
    }

    /// A user whose e-mail the account does not tell, not even when looked up.
    pub fn person_without_email(self, id: &str, name: &str) -> Self {
        self.add_person(id, name, None, Kind::Full)
    }

    /// A user whom `include[]=users` leaves a bare reference; the look-up has the e-mail.
    pub fn person_by_reference(self, id: &str, name: &str, email: &str) -> Self {
        self.add_person(id, name, Some(email), Kind::Reference)
    }

    /// A user who was deleted, and is still in the schedules.
    pub fn deleted_person(self, id: &str, name: &str) -> Self {
        self.add_person(id, name, None, Kind::Deleted)
    }

    /// A layer-based schedule that one policy uses at level 1.
    pub fn schedule(self, id: &str, name: &str) -> Self {
        self.schedule_at(id, name, &[(POLICY, 1)])
    }

    /// A layer-based schedule with the (policy, level) places that use it; none is a schedule without entries.
    pub fn schedule_at(self, id: &str, name: &str, places: &[(&str, u32)]) -> Self {
        self.add_schedule(id, name, false, places)
    }

    /// A shift-based ("v3") schedule that one policy uses at level 1.
    pub fn schedule_v3(self, id: &str, name: &str) -> Self {
        self.add_schedule(id, name, true, &[(POLICY, 1)])
    }

    pub fn shift(self, schedule: &str, person: &str, start: DateTime<Utc>, end: DateTime<Utc>) -> Self {
        self.add_shift(Some(schedule), person, Some(start), Some(end))
    }

    /// A shift that never ends and, with `None`, never began.
    pub fn always(self, schedule: &str, person: &str, start: Option<DateTime<Utc>>) -> Self {
        self.add_shift(Some(schedule), person, start, None)
    }

    /// A person who is a policy's target without any schedule: an entry whose schedule and times are null.
    pub fn direct_target(self, person: &str) -> Self {
        self.add_shift(None, person, None, None)
    }

    /// Renders times with the account's offset even where the request asks for UTC.
    pub fn always_offset(mut self) -> Self {
        self.always_offset = true;
        self
    }

    /// Refuses a window that reaches further than 90 days ahead, instead of saying nothing beyond them.
    pub fn refusing_beyond_90_days(mut self) -> Self {
        self.refuses_beyond_horizon = true;
        self
    }

    /// Answers 400 to `/schedules/{id}` of a shift-based schedule, instead of a body without policies.
    pub fn refusing_v3_at_v2(mut self) -> Self {
        self.refuses_v3_at_v2 = true;
        self
    }

    /// Answers each request after `latency`.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    fn add_person(mut self, id: &str, name: &str, email: Option<&str>, kind: Kind) -> Self {
        let person = Person { id: id.to_owned(), name: name.to_owned(), email: email.map(str::to_owned), kind };
        self.people.insert(id.to_owned(), person);
        self
    }

    fn add_schedule(mut self, id: &str, name: &str, v3: bool, places: &[(&str, u32)]) -> Self {
        let places = places.iter().map(|(policy, level)| ((*policy).to_owned(), *level)).collect();
        self.schedules.insert(id.to_owned(), Schedule { id: id.to_owned(), name: name.to_owned(), v3, places });
        self
    }

    fn add_shift(
        mut self,
        schedule: Option<&str>,
        person: &str,
        start: Option<DateTime<Utc>>,
        end: Option<DateTime<Utc>>,
    ) -> Self {
        assert!(self.people.contains_key(person), "the world has no person {person}");
        assert!(schedule.is_none_or(|id| self.schedules.contains_key(id)), "the world has no schedule {schedule:?}");
        self.shifts.push(Shift { schedule: schedule.map(str::to_owned), person: person.to_owned(), start, end });
        self
    }
}
