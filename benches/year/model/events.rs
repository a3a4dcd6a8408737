//! A year as it happens: a rota that people edit, outages, and runs that are killed. The same seed gives the same year.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use chrono_tz::{America, Australia, Europe, Tz};

use super::oracle::{self, Spans};
use super::rota::{During, ENTITLEMENTS, Group, Layer, Override, Person, Rota, Schedule, When};

/// Seconds between two runs.
pub const INTERVAL: i64 = 300;
/// Everybody who is there at some time of a year.
pub const PEOPLE: usize = 24;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// What happens from `start` up to `end`.
pub struct Year {
    pub start: i64,
    pub end: i64,
    /// In order; the first is there from the start.
    pub versions: Vec<Version>,
    pub outages: Vec<Outage>,
    /// By the instant of the run.
    pub kills: BTreeMap<i64, Kill>,
}

/// The rota from one edit to the next.
pub struct Version {
    pub from: i64,
    pub rota: Rota,
    /// Who is on call when, by schedule and person, far enough around the time for which this version holds.
    on_call: Vec<Vec<Spans>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Source,
    Target,
}

/// A side cannot be read.
#[derive(Debug, Clone, Copy)]
pub struct Outage {
    pub side: Side,
    pub from: i64,
    pub until: i64,
    /// In which of several ways it fails.
    pub way: u64,
}

/// How a run is cut short.
#[derive(Debug, Clone, Copy)]
pub enum Kill {
    /// It never begins.
    Missed,
    /// It writes down what it is about to do, and does none of it.
    Undone,
    /// It does what it wrote down, and does not write down that it is done.
    Unheard,
}

/// SplitMix64 (Steele, Lea, Flood 2014): a few lines, and the same numbers everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `least` up to, and without, `most`.
    fn between(&mut self, least: i64, most: i64) -> i64 {
        least + i64::try_from(self.roll() % u64::try_from(most - least).expect("not backwards")).expect("small")
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.roll() % 100 < chance
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        (!all.is_empty()).then(|| &all[self.roll() as usize % all.len()])
    }
}

impl Year {
    /// `days` days from the midnight (UTC) at which `start` begins, with `edits` edits of the rota in thirty days.
    pub fn new(seed: u64, start: NaiveDate, days: i64, edits: i64) -> Self {
        let mut dice = Dice(seed);
        let start = start.and_hms_opt(0, 0, 0).expect("midnight is a time").and_utc().timestamp();
        let end = start + days * DAY;
        let versions = versions(&mut dice, start, end, edits * days / 30);
        let mut outages = Vec::new();
        for side in [Side::Source, Side::Target] {
            for _ in 0..(days + 14) / 15 {
                let from = dice.between(start + DAY, end);
                let length = if dice.percent(30) { dice.between(MINUTE, HOUR) } else { dice.between(HOUR, 8 * HOUR) };
                outages.push(Outage { side, from, until: from + length, way: dice.roll() });
            }
        }
        let mut year = Self { start, end, versions, outages, kills: BTreeMap::new() };
        year.kill(&mut dice);
        year
    }

    /// One run in a hundred, and one in six of those that have something to do.
    fn kill(&mut self, dice: &mut Dice) {
        let next_run = |instant: i64| instant + (self.start - instant).rem_euclid(INTERVAL);
        let mut busy: BTreeSet<i64> = BTreeSet::new();
        for (at, version) in self.versions.iter().enumerate() {
            let until = self.versions.get(at + 1).map_or(self.end, |next| next.from);
            let edges =
                version.on_call.iter().flat_map(|people| people.iter().flatten()).flat_map(|span| [span.0, span.1]);
            busy.extend(edges.filter(|edge| (version.from..until).contains(edge)).map(next_run));
            busy.insert(next_run(version.from));
        }
        let first = self.start + INTERVAL;
        for run in (first..self.end).step_by(INTERVAL as usize) {
            if dice.percent(if busy.contains(&run) { 16 } else { 1 }) {
                let kill = match dice.roll() % 5 {
                    0 => Kill::Missed,
                    1 | 2 => Kill::Undone,
                    _ => Kill::Unheard,
                };
                self.kills.insert(run, kill);
            }
        }
    }
}

impl Version {
    fn new(from: i64, until: i64, rota: Rota) -> Self {
        // Farther around than any turn lasts and any run looks.
        let (first, last) = (from - 10 * DAY, until + 24 * DAY);
        let on_call = rota.schedules.iter().map(|schedule| oracle::on_call(schedule, PEOPLE, first, last)).collect();
        Self { from, rota, on_call }
    }

    /// When each person is to have each entitlement, at `person * ENTITLEMENTS.len() + entitlement`: while on call, and
    /// `early` seconds before.
    pub fn due(&self, early: i64) -> Vec<Spans> {
        let due = |slot: usize| {
            let (person, entitlement) = (slot / ENTITLEMENTS.len(), slot % ENTITLEMENTS.len());
            let giving = self.rota.schedules.iter().zip(&self.on_call).filter(|(of, _)| of.gives == entitlement);
            let spans = giving.flat_map(|(_, people)| &people[person]);
            oracle::union(spans.map(|(start, end)| (start - early, *end)))
        };
        (0..PEOPLE * ENTITLEMENTS.len()).map(due).collect()
    }
}

/// Four schedules; every clock that they go by changes twice a year, and two hand over in the hour that is skipped and doubled.
fn beginning() -> Rota {
    let layer = |start: &str, hours, users: &[&[Person]], during| Layer {
        start: NaiveDateTime::parse_from_str(start, "%Y-%m-%d %H:%M").expect("a time"),
        hours,
        users: users.iter().map(|group| group.to_vec()).collect(),
        during,
    };
    let schedule = |name, zone: Tz, gives, layers| Schedule { name, zone, gives, layers, overrides: Vec::new() };
    let weekend = During { text: "Fri 18:00 - Mon 08:00", from: 4 * 24 + 18, to: 7 * 24 + 8 };
    let rota = vec![
        schedule(
            "database",
            Europe::Berlin,
            0,
            vec![layer("2025-11-03 09:00", 168, &[&[0], &[1], &[2], &[3], &[4]], None)],
        ),
        schedule(
            "secondary",
            Europe::London,
            0,
            vec![layer("2025-11-03 01:30", 24, &[&[5], &[6], &[0, 7], &[], &[8], &[1]], None)],
        ),
        schedule(
            "platform",
            America::New_York,
            1,
            vec![
                layer("2025-11-03 08:00", 168, &[&[2], &[3], &[9]], None),
                layer("2025-11-03 08:00", 168, &[&[5], &[], &[6], &[2]], Some(weekend)),
            ],
        ),
        schedule("support", Australia::Sydney, 2, vec![layer("2025-11-03 02:30", 12, &[&[7], &[8], &[9], &[4]], None)]),
    ];
    Rota { schedules: rota }
}

fn versions(dice: &mut Dice, start: i64, end: i64, edits: i64) -> Vec<Version> {
    let mut times: BTreeSet<i64> = BTreeSet::new();
    while times.len() < usize::try_from(edits).expect("small") {
        times.insert(dice.between(start + HOUR, end));
    }
    let times: Vec<i64> = times.into_iter().collect();
    let until = |at: usize| times.get(at).copied().unwrap_or(end);
    let mut versions = vec![Version::new(start, until(0), beginning())];
    let mut newest = 10;
    for (at, time) in times.iter().enumerate() {
        let before = versions.last().expect("the first is there");
        let mut editor = Editor { dice, time: *time, before, rota: before.rota.clone(), newest: &mut newest };
        editor.edit(at);
        let rota = editor.rota;
        let version = Version::new(*time, until(at + 1), rota);
        versions.push(version);
    }
    versions
}

/// One edit of the rota.
struct Editor<'a> {
    dice: &'a mut Dice,
    time: i64,
    before: &'a Version,
    rota: Rota,
    /// The next person to join.
    newest: &'a mut Person,
}

impl Editor<'_> {
    fn edit(&mut self, number: usize) {
        for schedule in &mut self.rota.schedules {
            let zone = schedule.zone;
            schedule.overrides.retain(|change| change.to.instant(zone) > self.time - 30 * DAY);
        }
        // One edit in eleven is somebody's joining or leaving, by turns; the others are overrides and swaps.
        if number % 11 == 5 {
            return if number.is_multiple_of(2) { self.leaves() } else { self.joins() };
        }
        let at = self.dice.roll() as usize % self.rota.schedules.len();
        let done = match self.dice.roll() % 100 {
            0..20 => self.swap(at),
            20..50 => self.takes_over(at),
            50..62 => self.calls_off(at),
            62..72 => self.ends_otherwise(at),
            72..77 => self.covers(at, Group::new()),
            _ => false,
        };
        if !done {
            let (one, other) = (self.anybody(), self.anybody());
            let group = if self.dice.percent(20) && one != other { vec![one, other] } else { vec![one] };
            self.covers(at, group);
        }
    }

    /// Somebody who takes turns somewhere.
    fn anybody(&mut self) -> Person {
        let layers = self.rota.schedules.iter().flat_map(|schedule| &schedule.layers);
        let all: BTreeSet<Person> = layers.flat_map(|layer| layer.users.iter().flatten()).copied().collect();
        let all: Vec<Person> = all.into_iter().collect();
        *self.dice.pick(&all).expect("somebody is there")
    }

    fn when(&mut self, zone: Tz, instant: i64) -> When {
        if self.dice.percent(25) {
            return When::Instant(oracle::utc(instant));
        }
        When::Clock(oracle::clock(zone, instant - instant.rem_euclid(MINUTE)))
    }

    /// Whether it could be written down.
    fn put(&mut self, at: usize, (from, to): (i64, i64), users: Group, replaces: Option<Person>) -> bool {
        let zone = self.rota.schedules[at].zone;
        let (from, to) = (self.when(zone, from), self.when(zone, to));
        let is_some_time = from.instant(zone) < to.instant(zone);
        if is_some_time {
            self.rota.schedules[at].overrides.push(Override { from, to, users, replaces });
        }
        is_some_time
    }

    /// An exception that lies ahead.
    fn covers(&mut self, at: usize, users: Group) -> bool {
        let from = self.time + self.dice.between(HOUR, 14 * DAY);
        let to = from + self.dice.between(HOUR / 2, 36 * HOUR);
        self.put(at, (from, to), users, None)
    }

    /// Two people take each other's next time.
    fn swap(&mut self, at: usize) -> bool {
        let ahead = self.time..self.time + 14 * DAY;
        let people = self.before.on_call[at].iter().enumerate();
        let all: Vec<(Person, (i64, i64))> = people
            .flat_map(|(person, spans)| spans.iter().map(move |span| (person, *span)))
            .filter(|(_, span)| ahead.contains(&span.0))
            .collect();
        let (Some((one, ones)), Some((other, others))) = (self.dice.pick(&all), self.dice.pick(&all)) else {
            return false;
        };
        one != other && self.put(at, *ones, vec![*other], Some(*one)) && self.put(at, *others, vec![*one], Some(*other))
    }

    /// Somebody takes over a shift that has begun; some say so only later.
    fn takes_over(&mut self, at: usize) -> bool {
        let people = self.before.on_call[at].iter().enumerate();
        let on: Vec<(Person, i64)> =
            people.filter_map(|(person, spans)| Some((person, oracle::holding(spans, self.time)?.1))).collect();
        let Some((person, end)) = self.dice.pick(&on).copied() else { return false };
        let from = match self.dice.roll() % 3 {
            0 => self.time,
            1 => self.time - self.dice.between(0, 40 * MINUTE),
            _ => self.time + self.dice.between(0, HOUR),
        };
        let to = if self.dice.percent(50) { end } else { self.time + self.dice.between(HOUR / 2, 6 * HOUR) };
        let by = self.anybody();
        let replaces = self.dice.percent(50).then_some(person);
        self.put(at, (from, to), vec![by], replaces)
    }

    /// The number of an exception that is not over yet.
    fn open(&mut self, at: usize) -> Option<usize> {
        let Schedule { zone, overrides, .. } = &self.rota.schedules[at];
        let open: Vec<usize> =
            (0..overrides.len()).filter(|number| overrides[*number].to.instant(*zone) > self.time).collect();
        self.dice.pick(&open).copied()
    }

    fn calls_off(&mut self, at: usize) -> bool {
        let open = self.open(at);
        if let Some(number) = open {
            self.rota.schedules[at].overrides.remove(number);
        }
        open.is_some()
    }

    fn ends_otherwise(&mut self, at: usize) -> bool {
        let Some(number) = self.open(at) else { return false };
        let zone = self.rota.schedules[at].zone;
        let from = self.rota.schedules[at].overrides[number].from.instant(zone);
        let base = from.max(self.time);
        let to = base + self.dice.between(-20 * MINUTE, DAY);
        let to = self.when(zone, to);
        let is_some_time = from < to.instant(zone);
        if is_some_time {
            self.rota.schedules[at].overrides[number].to = to;
        }
        is_some_time
    }

    fn joins(&mut self) {
        let (person, at) = (*self.newest, self.dice.roll() as usize % self.rota.schedules.len());
        *self.newest = (person + 1).min(PEOPLE - 1);
        self.rearrange(at, 1, |users| users.push(vec![person]));
    }

    /// From the next turn on, or at once. Nobody leaves where too few would stay.
    fn leaves(&mut self) {
        let person = self.anybody();
        let ahead = self.dice.between(0, 2);
        for at in 0..self.rota.schedules.len() {
            let stays =
                |layer: &Layer| layer.users.iter().filter(|group| group.iter().any(|one| *one != person)).count() > 1;
            if !self.current(at).iter().all(stays) {
                return;
            }
        }
        for at in 0..self.rota.schedules.len() {
            if self.current(at).iter().any(|layer| layer.users.iter().flatten().any(|one| *one == person)) {
                self.rearrange(at, ahead, |users| {
                    users.retain(|group| *group != [person]);
                    users.iter_mut().for_each(|group| group.retain(|one| *one != person));
                });
            }
            let overrides = &mut self.rota.schedules[at].overrides;
            overrides.retain(|change| change.users != [person]);
            overrides.iter_mut().for_each(|change| change.users.retain(|one| *one != person));
        }
    }

    /// The layers that count now: as many as there were in the beginning, the last ones.
    fn current(&self, at: usize) -> &[Layer] {
        let Schedule { name, layers, .. } = &self.rota.schedules[at];
        let count = if *name == "platform" { 2 } else { 1 };
        &layers[layers.len() - count..]
    }

    /// Adds layers that begin with a turn's hand-over, the last one or one that comes `ahead`, and take the place of those
    /// before; what they have replaced for a month goes.
    fn rearrange(&mut self, at: usize, ahead: i64, change: impl Fn(&mut Vec<Group>)) {
        let mut layers = self.current(at).to_vec();
        let old = self.rota.schedules[at].layers.len() - layers.len();
        let now = oracle::clock(self.rota.schedules[at].zone, self.time);
        let settled = layers.iter().all(|layer| now - layer.start > TimeDelta::days(30));
        for layer in &mut layers {
            let turns = (now - layer.start).num_hours().div_euclid(layer.hours);
            layer.start += TimeDelta::hours(layer.hours * (turns + ahead));
            change(&mut layer.users);
        }
        let schedule = &mut self.rota.schedules[at];
        if settled {
            schedule.layers.drain(..old);
        }
        schedule.layers.extend(layers);
    }
}
