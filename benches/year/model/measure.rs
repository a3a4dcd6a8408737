//! Access held against who is on call, second by second.

use super::events::{INTERVAL, PEOPLE, Year};
use super::oracle::{Spans, holding};
use super::rota::{ENTITLEMENTS, email};

/// Everybody times everything.
pub const SLOTS: usize = PEOPLE * ENTITLEMENTS.len();

/// Who keeps time, and so what a run that does everything right can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// Start and end are kept to the second, as far as the rota was known at the last run.
    Dated,
    /// It begins with the first run that sees it due, and ends to the second.
    Ending,
    /// It is as the last run found it due.
    AtRuns,
}

/// To what a wrong second is put down: to the first of these that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A side could not be read, or no run was completed since.
    Outage,
    /// A run was killed, and none was completed since.
    Kill,
    /// A run that did everything right at the instant of the last one would have been wrong as well.
    Interval,
    /// Nothing explains it.
    Tool,
}

/// Seconds of access that is missing, and of access beyond what is due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wrong {
    pub missing: i64,
    pub excess: i64,
}

/// What was counted of one tool in one year.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    by_cause: [Wrong; 4],
    /// The longest stretch that neither an outage nor a killed run explains, for one person and entitlement.
    pub longest: Wrong,
    /// Unbroken stretches for which somebody is on call for an entitlement.
    pub shifts: i64,
    pub runs: usize,
    pub killed: usize,
    /// The first wrong seconds that nothing explains, in words.
    pub unexplained: Vec<String>,
}

impl Tally {
    pub fn of(&self, cause: Cause) -> Wrong {
        self.by_cause[cause as usize]
    }
}

/// How the tool stands at a piece of time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Standing {
    pub outage: bool,
    pub killed: bool,
}

/// What is due by one version of the rota.
struct Due {
    /// While on call.
    bare: Vec<Spans>,
    /// And before it, where the rule says so.
    padded: Vec<Spans>,
}

pub struct Measure {
    timing: Timing,
    /// By version.
    due: Vec<Due>,
    /// The last run that was completed, and the version that it saw.
    last: (i64, usize),
    was_due: [bool; SLOTS],
    /// How long what is wrong now has been.
    streak: [Wrong; SLOTS],
    tally: Tally,
}

impl Measure {
    /// `early`: seconds before a shift at which access is due already, though nobody misses it.
    pub fn new(year: &Year, timing: Timing, early: i64) -> Self {
        let due =
            year.versions.iter().map(|version| Due { bare: version.due(0), padded: version.due(early) }).collect();
        Self {
            timing,
            due,
            last: (year.start, 0),
            was_due: [false; SLOTS],
            streak: [Wrong::default(); SLOTS],
            tally: Tally::default(),
        }
    }

    pub fn ran(&mut self, at: i64, version: usize, completed: bool) {
        self.tally.runs += 1;
        if completed {
            self.last = (at, version);
        } else {
            self.tally.killed += 1;
        }
    }

    pub fn end(self) -> Tally {
        self.tally
    }

    /// Counts from `from` up to `to`, during which the rota's version, `access` and `standing` stay as they are.
    pub fn count(&mut self, (from, to): (i64, i64), version: usize, access: &[Spans], standing: Standing) {
        for slot in 0..SLOTS {
            let mut at = from;
            while at < to {
                let lists = [&self.due[version].bare, &self.due[version].padded, &self.due[self.last.1].padded];
                let edges = lists.iter().map(|list| next_edge(&list[slot], at)).chain([next_edge(&access[slot], at)]);
                let end = edges.flatten().min().map_or(to, |edge| edge.min(to));
                self.piece((at, end), slot, version, holding(&access[slot], at).is_some(), standing);
                at = end;
            }
        }
    }

    /// Whether a run that did everything right, when the last one was, would have given access at `at`.
    fn reachable(&self, slot: usize, at: i64) -> bool {
        let (run, version) = self.last;
        let known = &self.due[version].padded[slot];
        match self.timing {
            Timing::Dated => holding(known, at).is_some(),
            Timing::Ending => holding(known, run).is_some_and(|(_, end)| at < end),
            Timing::AtRuns => holding(known, run).is_some(),
        }
    }

    fn piece(&mut self, (from, to): (i64, i64), slot: usize, version: usize, has: bool, standing: Standing) {
        let due = &self.due[version];
        let is_on = holding(&due.bare[slot], from).is_some();
        let may = holding(&due.padded[slot], from).is_some();
        self.tally.shifts += i64::from(is_on && !self.was_due[slot]);
        self.was_due[slot] = is_on;
        let (missing, excess) = (is_on && !has, has && !may);
        if !missing && !excess {
            self.streak[slot] = Wrong::default();
            return;
        }
        let cause = match standing {
            Standing { outage: true, .. } => Cause::Outage,
            Standing { killed: true, .. } => Cause::Kill,
            _ if self.reachable(slot, from) == has => Cause::Interval,
            _ => Cause::Tool,
        };
        let length = to - from;
        let wrong = Wrong { missing: length * i64::from(missing), excess: length * i64::from(excess) };
        let total = &mut self.tally.by_cause[cause as usize];
        *total = Wrong { missing: total.missing + wrong.missing, excess: total.excess + wrong.excess };
        if cause < Cause::Interval {
            self.streak[slot] = Wrong::default();
            return;
        }
        let Wrong { missing: missed, excess: exceeded } = self.streak[slot];
        let grown = |before: i64, now: i64| if now > 0 { before + now } else { 0 };
        let streak = Wrong { missing: grown(missed, wrong.missing), excess: grown(exceeded, wrong.excess) };
        self.streak[slot] = streak;
        let longest = &mut self.tally.longest;
        *longest = Wrong { missing: longest.missing.max(streak.missing), excess: longest.excess.max(streak.excess) };
        if cause == Cause::Tool && self.tally.unexplained.len() < 10 {
            let (person, entitlement) = (email(slot / ENTITLEMENTS.len()), ENTITLEMENTS[slot % ENTITLEMENTS.len()]);
            let what = if missing { "is on call without" } else { "is not on call and has" };
            let [from, to, run] = [from, to, self.last.0].map(super::oracle::utc);
            self.tally.unexplained.push(format!("{person} {what} {entitlement} from {from} to {to}; last run {run}"));
        }
    }
}

/// The first start or end of a span after `instant`.
fn next_edge(spans: &[(i64, i64)], instant: i64) -> Option<i64> {
    let (start, end) = *spans.get(spans.partition_point(|(_, end)| *end <= instant))?;
    Some(if instant < start { start } else { end })
}

/// Lets `run` have its turn at every interval of `year`, and measures what comes of it.
///
/// `run` is told the instant and the version of the rota, and answers whether it was completed.
pub fn live<T: super::tools::Tool>(year: &Year, tool: &mut T) -> Tally {
    let mut measure = Measure::new(year, T::timing(tool), T::early(tool));
    let mut version = 0;
    let mut standing = Standing::default();
    for at in (year.start..year.end).step_by(INTERVAL as usize) {
        version += year.versions[version + 1..].iter().take_while(|next| next.from <= at).count();
        let down = |from: i64, to: i64| year.outages.iter().any(|outage| outage.from < to && from < outage.until);
        if let Some(completed) = tool.run(year, at, version) {
            let is_down = down(at, at + 1);
            measure.ran(at, version, completed && !is_down);
            if completed && !is_down {
                standing = Standing::default();
            }
            standing.killed |= !completed;
            standing.outage |= is_down;
        }
        let next = at + INTERVAL;
        let edits = year.versions[version + 1..].iter().map(|version| version.from);
        let outages = year.outages.iter().map(|outage| outage.from);
        let mut cuts: Vec<i64> =
            edits.take_while(|edit| *edit < next).chain(outages).filter(|cut| (at + 1..next).contains(cut)).collect();
        cuts.extend([at, next]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut seen = version;
        for piece in cuts.windows(2) {
            seen += year.versions[seen + 1..].iter().take_while(|next| next.from <= piece[0]).count();
            standing.outage |= down(piece[0], piece[0] + 1);
            measure.count((piece[0], piece[1]), seen, tool.access(), standing);
        }
    }
    measure.end()
}
