//! Who is on call, worked out from the rota by its definition, one instant at a time.
//!
//! None of the program's code is used, nor its zone data: this asks chrono-tz, the program asks jiff. Instants are seconds
//! since 1970.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike as _, LocalResult, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

use super::rota::{Group, Layer, Person, Schedule, When};

/// Spans of time `[start, end)`, in order, neither touching nor overlapping.
pub type Spans = Vec<(i64, i64)>;

/// The instant at which the clock shows `civil`: pushed on by the gap where it never does, the first where it does twice.
pub fn place(zone: Tz, civil: NaiveDateTime) -> i64 {
    match zone.from_local_datetime(&civil) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.timestamp(),
        LocalResult::None => {
            let before = zone.offset_from_utc_datetime(&(civil - TimeDelta::days(1))).fix();
            civil.and_utc().timestamp() - i64::from(before.local_minus_utc())
        }
    }
}

/// What the clock shows at `instant`.
pub fn clock(zone: Tz, instant: i64) -> NaiveDateTime {
    utc(instant).with_timezone(&zone).naive_local()
}

pub fn utc(instant: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(instant, 0).expect("within the calendar")
}

impl When {
    pub fn instant(self, zone: Tz) -> i64 {
        match self {
            Self::Clock(civil) => place(zone, civil),
            Self::Instant(instant) => instant.timestamp(),
        }
    }
}

/// A schedule with its times placed.
struct Placed<'a> {
    layers: Vec<PlacedLayer<'a>>,
    overrides: Vec<PlacedOverride<'a>>,
}

struct PlacedLayer<'a> {
    /// When each turn begins, and whose it is.
    turns: Vec<(i64, &'a Group)>,
    /// The hours that count; `None`: all.
    hours: Option<Spans>,
}

struct PlacedOverride<'a> {
    from: i64,
    to: i64,
    users: &'a Group,
    replaces: Option<Person>,
}

impl PlacedLayer<'_> {
    /// `None` where it says nothing. That nobody takes a turn is something said.
    fn at(&self, instant: i64) -> Option<&Group> {
        let counts = |hours: &Spans| hours.iter().any(|(from, to)| (*from..*to).contains(&instant));
        let after = self.turns.partition_point(|(start, _)| *start <= instant);
        let turn = self.turns[..after].last().map(|(_, group)| *group);
        turn.filter(|_| self.hours.as_ref().is_none_or(counts))
    }
}

impl Placed<'_> {
    fn at(&self, instant: i64) -> BTreeSet<Person> {
        let layer = self.layers.iter().rev().find_map(|layer| layer.at(instant));
        let mut on: BTreeSet<Person> = layer.into_iter().flatten().copied().collect();
        for change in self.overrides.iter().filter(|change| (change.from..change.to).contains(&instant)) {
            match change.replaces {
                None => on = change.users.iter().copied().collect(),
                Some(person) if on.remove(&person) => on.extend(change.users),
                Some(_) => {}
            }
        }
        on
    }

    /// Every instant at which somebody's time may begin or end.
    fn edges(&self) -> BTreeSet<i64> {
        let turns = self.layers.iter().flat_map(|layer| layer.turns.iter().map(|(start, _)| *start));
        let hours =
            self.layers.iter().flat_map(|layer| layer.hours.iter().flatten().flat_map(|(from, to)| [*from, *to]));
        turns.chain(hours).chain(self.overrides.iter().flat_map(|change| [change.from, change.to])).collect()
    }
}

/// When each of `people` is on call between `from` and `to`.
pub fn on_call(schedule: &Schedule, people: usize, from: i64, to: i64) -> Vec<Spans> {
    let placed = Placed {
        layers: schedule.layers.iter().map(|layer| placed(layer, schedule.zone, from, to)).collect(),
        overrides: schedule
            .overrides
            .iter()
            .map(|change| PlacedOverride {
                from: change.from.instant(schedule.zone),
                to: change.to.instant(schedule.zone),
                users: &change.users,
                replaces: change.replaces,
            })
            .collect(),
    };
    let mut edges: Vec<i64> = placed.edges().into_iter().filter(|edge| (from..to).contains(edge)).collect();
    edges.insert(0, from);
    edges.push(to);
    let mut spans = vec![Spans::new(); people];
    for edge in edges.windows(2).filter(|edge| edge[0] < edge[1]) {
        for person in placed.at(edge[0]) {
            add(&mut spans[person], (edge[0], edge[1]));
        }
    }
    spans
}

fn placed(layer: &Layer, zone: Tz, from: i64, to: i64) -> PlacedLayer<'_> {
    // Three days: a turn's start on the wall clock and in UTC differ by less than one, and the turn before is needed too.
    let skipped = (clock(zone, from) - layer.start).num_hours() / layer.hours - 1 - 72 / layer.hours;
    let turn = |number: i64| {
        let start = place(zone, layer.start + TimeDelta::hours(layer.hours * number));
        (start, &layer.users[usize::try_from(number).expect("from 0") % layer.users.len()])
    };
    let turns = (skipped.max(0)..).map(turn).take_while(|(start, _)| *start < to).collect();
    let hours = layer.during.map(|during| {
        let monday =
            clock(zone, from).date() - TimeDelta::days(i64::from(clock(zone, from).weekday().num_days_from_monday()));
        let monday = monday.and_hms_opt(0, 0, 0).expect("midnight is a time");
        let weeks = (-1..).map(|week| monday + TimeDelta::weeks(week));
        let spans = weeks.map(|monday| {
            (place(zone, monday + TimeDelta::hours(during.from)), place(zone, monday + TimeDelta::hours(during.to)))
        });
        spans.take_while(|(start, _)| *start < to).collect()
    });
    PlacedLayer { turns, hours }
}

/// Adds a span that begins at or after the last one's start.
fn add(spans: &mut Spans, span: (i64, i64)) {
    match spans.last_mut().filter(|last| span.0 <= last.1) {
        Some(last) => last.1 = last.1.max(span.1),
        None => spans.push(span),
    }
}

/// The time that lies in any of the spans.
pub fn union(all: impl IntoIterator<Item = (i64, i64)>) -> Spans {
    let mut sorted: Vec<(i64, i64)> = all.into_iter().collect();
    sorted.sort_unstable();
    let mut merged = Spans::new();
    sorted.into_iter().for_each(|span| add(&mut merged, span));
    merged
}

/// The span that holds `instant`.
pub fn holding(spans: &[(i64, i64)], instant: i64) -> Option<(i64, i64)> {
    let at = spans.partition_point(|(_, end)| *end <= instant);
    spans.get(at).copied().filter(|(start, _)| *start <= instant)
}
