//! From a schedule's layers and overrides to who is on call.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::during::{During, hours};
use super::track::{Group, Member, Track};
use crate::domain::{self, Period};
use crate::zone::{Civil, Unit, Zone};

/// How much longer than every date in the file, and than two rounds of the longest list, a duty has to last to be one
/// without an end: a year, in which every hand-over that there is has come round.
const ENDLESS: TimeDelta = TimeDelta::days(366);

/// The most turns and spans of hours that are worked out at once: turns of one hour for eleven years, in a fraction of a second. More
/// is a slip in a date or in a unit.
const MOST_WORK: i64 = 100_000;

/// The longest round that is looked at; a list that takes longer has, for every practical purpose, no second round.
const LONGEST_ROUND: TimeDelta = TimeDelta::days(36_525);

/// A rotation: its people take turns, each turn as long as the other on the wall clock.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The first turn begins then; nothing is before it.
    pub start: Civil,
    /// A turn lasts so many units.
    pub count: i64,
    pub unit: Unit,
    /// In turn, and from the first again; never empty.
    pub users: Vec<Arc<Group>>,
    /// The hours of the week that count; always, where it is `None`.
    pub during: Option<Vec<During>>,
    pub end: Option<DateTime<Utc>>,
}

/// An exception with dates: it covers every layer.
#[derive(Debug, Clone)]
pub struct Override {
    pub period: Period,
    pub group: Arc<Group>,
    /// Only where this member would be on call.
    pub replaces: Option<Member>,
    /// The line it stands in.
    pub line: usize,
    /// What is told of it.
    pub told: Option<domain::Override>,
}

/// One schedule: later layers cover earlier ones, overrides cover layers, later overrides cover earlier ones.
#[derive(Debug, Clone)]
pub struct Rotation {
    pub zone: Zone,
    pub layers: Vec<Layer>,
    pub overrides: Vec<Override>,
}

/// A member on call, from the true start to the true end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duty {
    pub start: DateTime<Utc>,
    /// `None`: for ever, as far as the file tells.
    pub end: Option<DateTime<Utc>>,
    pub member: Member,
    /// The overrides that put the member there for part of it.
    pub overrides: Vec<domain::Override>,
}

/// What a window holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Expansion {
    pub duties: Vec<Duty>,
    pub uncovered: Vec<Period>,
}

impl Layer {
    /// When turn `number` begins; `None` beyond the years that have instants.
    fn turn(&self, number: i64, zone: &Zone) -> Option<DateTime<Utc>> {
        Some(zone.place(self.start.after(self.count.checked_mul(number)?, self.unit)?).instant)
    }

    /// A number whose turn has begun by `instant`, and not many turns before it: found by arithmetic, however old the
    /// layer is.
    fn turn_before(&self, instant: DateTime<Utc>, zone: &Zone) -> i64 {
        // No zone's clock was ever put forward or back by more than a day; the second day is for rounding.
        let Some(civil) = zone.civil(instant).after(-2, Unit::Days) else { return 0 };
        // A month clamped to its length can begin a day or three early; one turn less makes up for it.
        (civil.since(self.start, self.unit) / self.count - 1).max(0)
    }

    /// Its turns that touch `horizon`, clipped to it, without regard to `during`.
    fn turns(&self, zone: &Zone, horizon: Period) -> Vec<(Period, &Arc<Group>)> {
        let own_end = self.end.map_or(horizon.end(), |end| end.min(horizon.end()));
        let Some(limits) = Period::new(horizon.start(), own_end) else { return Vec::new() };
        if self.is_one_turn() {
            let whole = Period::new(zone.place(self.start).instant, limits.end());
            let whole = whole.and_then(|whole| whole.clip(&limits));
            return whole.map(|whole| (whole, &self.users[0])).into_iter().collect();
        }
        let mut number = self.turn_before(limits.start(), zone);
        let mut turns = Vec::new();
        let mut from = self.turn(number, zone);
        while let Some(start) = from.filter(|start| *start < limits.end()) {
            let next = self.turn(number + 1, zone);
            let turn = Period::new(start, next.unwrap_or(limits.end())).and_then(|turn| turn.clip(&limits));
            let place = usize::try_from(number).expect("turns count from 0") % self.users.len();
            turns.extend(turn.map(|turn| (turn, &self.users[place])));
            // A turn that a skipped stretch of the clock swallowed must not set the clock back.
            from = next.map(|next| next.max(start));
            number += 1;
        }
        turns
    }

    /// Its turns within `during`, clipped to `horizon`.
    fn pieces(&self, zone: &Zone, horizon: Period) -> Vec<(Period, &Arc<Group>)> {
        let turns = self.turns(zone, horizon);
        let Some(during) = &self.during else { return turns };
        let hours = hours(during, zone, horizon);
        let mut pieces = Vec::new();
        for (turn, group) in turns {
            let first = hours.partition_point(|span| span.end() <= turn.start());
            let within = hours[first..].iter().take_while(|span| span.start() < turn.end());
            pieces.extend(within.filter_map(|span| Some((span.clip(&turn)?, group))));
        }
        pieces
    }

    /// Whether the same people take every turn, so that turns do not matter.
    fn is_one_turn(&self) -> bool {
        self.users.iter().all(|group| *group == self.users[0])
    }

    /// About how many turns and spans of hours it has in `horizon`.
    fn work(&self, zone: &Zone, horizon: Period) -> i64 {
        let own = Period::new(zone.place(self.start).instant, self.end.unwrap_or(horizon.end()));
        let Some(part) = own.and_then(|own| own.clip(&horizon)) else { return 0 };
        let spans = self.during.as_ref().map_or(0, |spans| i64::try_from(spans.len()).unwrap_or(i64::MAX));
        let turn = if self.is_one_turn() { part.length() } else { self.lengths().0 };
        let turns = part.length().num_minutes() / turn.num_minutes().max(1);
        turns.saturating_add(spans.saturating_mul(horizon.length().num_days() + 1)).saturating_add(1)
    }

    /// About how long a turn is, and its whole list.
    fn lengths(&self) -> (TimeDelta, TimeDelta) {
        let unit = match self.unit {
            Unit::Minutes => TimeDelta::minutes(1),
            Unit::Hours => TimeDelta::hours(1),
            Unit::Days => TimeDelta::days(1),
            Unit::Weeks => TimeDelta::weeks(1),
            Unit::Months => TimeDelta::days(31),
        };
        let times = |count: usize| {
            let turns = i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(self.count);
            let length = i32::try_from(turns).ok().and_then(|turns| unit.checked_mul(turns));
            length.unwrap_or(LONGEST_ROUND).min(LONGEST_ROUND)
        };
        (times(1), times(self.users.len()))
    }
}

impl Rotation {
    /// Everybody on call in `window`, from true start to true end, and what of it is uncovered.
    ///
    /// Looks a turn or so around the window, and further only while a duty goes on.
    /// Fails, with the rest of a sentence about the schedule, where that is more work than a rota can be worth.
    pub fn expand(&self, window: Period) -> Result<Expansion, String> {
        let (earliest, latest) = self.limits(window);
        let turn = self.layers.iter().map(|layer| layer.lengths().0).max().unwrap_or_default();
        let (mut before, mut after) = (turn + TimeDelta::weeks(1), turn + TimeDelta::weeks(1));
        loop {
            let wide = window.pad(before, after);
            let start = wide.start().max(earliest).min(window.start());
            let end = wide.end().min(latest).max(window.end());
            let horizon = Period::new(start, end).expect("it holds the window");
            self.check_work(horizon)?;
            let track = self.track(horizon);
            let duties: Vec<_> = track.duties().into_iter().filter(|(duty, ..)| duty.overlaps(&window)).collect();
            let cut_before = start > earliest && duties.iter().any(|(duty, ..)| duty.start() == start);
            let cut_after = end < latest && duties.iter().any(|(duty, ..)| duty.end() == end);
            if !cut_before && !cut_after {
                let endless = |duty: &Period| self.is_endless() && duty.end() == end;
                let duty = |(duty, member, told): (Period, Member, BTreeSet<&domain::Override>)| Duty {
                    start: duty.start(),
                    end: (!endless(&duty)).then_some(duty.end()),
                    member,
                    overrides: told.into_iter().cloned().collect(),
                };
                return Ok(Expansion {
                    duties: duties.into_iter().map(duty).collect(),
                    uncovered: track.uncovered(window),
                });
            }
            before = if cut_before { before * 2 } else { before };
            after = if cut_after { after * 2 } else { after };
        }
    }

    fn check_work(&self, horizon: Period) -> Result<(), String> {
        let work: i64 = self.layers.iter().map(|layer| layer.work(&self.zone, horizon)).sum();
        if work <= MOST_WORK {
            return Ok(());
        }
        let (from, to) = (self.zone.format(horizon.start()), self.zone.format(horizon.end()));
        Err(format!(
            "is too much to work out: its layers have more than {MOST_WORK} turns from {from} to {to}, for a duty without a \
             break is followed to its ends; make turns longer, or let layers start later and end sooner"
        ))
    }

    /// Who is on call in `horizon`, and nothing beyond it.
    fn track(&self, horizon: Period) -> Track<'_> {
        let mut track = Track::default();
        for layer in &self.layers {
            for (piece, group) in layer.pieces(&self.zone, horizon) {
                track.cover(piece, group);
            }
        }
        for change in self.overrides.iter().filter(|change| change.period.overlaps(&horizon)) {
            track.change(change);
        }
        track.clip(horizon);
        track
    }

    fn is_endless(&self) -> bool {
        self.layers.iter().any(|layer| layer.end.is_none())
    }

    /// Before the first, there is nothing; beyond the second, nothing new.
    fn limits(&self, window: Period) -> (DateTime<Utc>, DateTime<Utc>) {
        let starts = self.layers.iter().map(|layer| self.zone.place(layer.start).instant);
        let earliest = starts.clone().chain(self.overrides.iter().map(|change| change.period.start())).min();
        let ends = self.layers.iter().filter_map(|layer| layer.end);
        let dated = starts.chain(ends).chain(self.overrides.iter().map(|change| change.period.end())).max();
        let latest = dated.unwrap_or(window.end()).max(window.end());
        let round = self.layers.iter().map(|layer| layer.lengths().1).max().unwrap_or_default();
        let beyond = if self.is_endless() { ENDLESS + round * 2 } else { TimeDelta::zero() };
        (earliest.unwrap_or(window.start()), latest.checked_add_signed(beyond).unwrap_or(latest))
    }
}
