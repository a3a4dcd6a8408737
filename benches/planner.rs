//! How long the decision takes: from shifts, accounts, grants and the ledger to the changes of one target.
//!
//! ```text
//! cargo bench --bench planner
//! ```
//!
//! A company of 10,000 people on call by 1,000 schedules, 100,000 shifts in all, and 200 entitlements on one target that keeps
//! both dates, the costliest kind. Two spreads: 100 rules that give 2 entitlements each make 200,000 grants, and 20 rules
//! that give 10 each make 1,000,000. The first lines say for each what was planned, the processor time, and the memory
//! held before the plan and at most during it, the company itself included; then comes how time grows with shifts, and then
//! criterion's own figures.

#![expect(clippy::disallowed_macros, reason = "a bench prints what it measured")]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use criterion::{Criterion, SamplingMode};
use oncall_sync::domain::{
    Account, AccountId, Change, Coverage, Current, Email, Entitlement, GrantId, Held, Known, OnCall, OnDrift, Owned,
    Period, Person, Plan, Reading, Readings, Rule, Schedule, Shift, Tenure, plan,
};

const TARGET: &str = "target";
const SOURCE: &str = "pagerduty";
/// Shifts of one schedule: 33 days of 8 hours each.
const SHIFTS: usize = 100;
/// People who take turns in one schedule.
const TURNS: usize = 10;

#[derive(Clone, Copy)]
struct Spread {
    rules: usize,
    /// Entitlements that each rule gives, none of which another gives.
    each: usize,
}

const NARROW: Spread = Spread { rules: 100, each: 2 };
const WIDE: Spread = Spread { rules: 20, each: 10 };

/// What the target and the ledger hold before the plan.
#[derive(Debug, Clone, Copy)]
enum State {
    Nothing,
    Everything,
    /// Every second grant has other dates than it should.
    HalfMoved,
}

const STATES: [State; 3] = [State::Nothing, State::Everything, State::HalfMoved];

struct Company {
    now: DateTime<Utc>,
    window: Period,
    rules: Vec<Rule>,
    readings: Readings,
    aliases: BTreeMap<Email, Email>,
    current: Current,
    owned: Vec<Owned>,
}

impl Company {
    /// `shifts` shifts of a tenth as many people, and nothing given yet.
    fn new(shifts: usize, spread: Spread) -> Self {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let schedules = shifts / SHIFTS;
        let names =
            |rule: usize| (0..spread.each).map(move |at| format!("prod-database-{:04}", rule * spread.each + at));
        let entitlement = |name: String| {
            (name.clone(), Ok(BTreeSet::from([Entitlement { id: format!("rs-{name}").into(), name: name.into() }])))
        };
        let account =
            |person| Account { id: AccountId(format!("a-{person:08x}")), email: email(person), suspended: false };
        let readings = (0..schedules).map(|at| ((SOURCE.into(), asked(at)), Ok(reading(at, now))));
        Self {
            now,
            window: Period::new(now, now + TimeDelta::days(40)).expect("not empty"),
            rules: (0..spread.rules).map(|at| rule(at, (at..schedules).step_by(spread.rules), names(at))).collect(),
            readings: readings.collect(),
            aliases: BTreeMap::new(),
            current: Current {
                accounts: (0..schedules * TURNS).map(account).collect(),
                entitlements: (0..spread.rules).flat_map(names).map(entitlement).collect(),
                ..Current::default()
            },
            owned: Vec::new(),
        }
    }

    fn in_state(shifts: usize, spread: Spread, state: State) -> Self {
        let mut company = Self::new(shifts, spread);
        if matches!(state, State::Nothing) {
            return company;
        }
        for (at, change) in company.plan().changes.into_iter().enumerate() {
            let Change::Create { mut grant, reasons } = change else { panic!("nothing is owned yet") };
            if matches!(state, State::HalfMoved) && at % 2 == 0 {
                grant.period = grant.period.until(grant.period.end() + TimeDelta::minutes(30));
            }
            let id = GrantId(format!("ag-{at:08x}"));
            let (from, until) = (Some(grant.period.start()), Some(grant.period.end()));
            company.current.grants.push(Held {
                id: id.clone(),
                access: grant.access.clone(),
                from,
                until,
                foreign: false,
            });
            company.owned.push(Owned { entry: at as i64, id: Some(id), grant, reasons });
        }
        company
    }

    fn plan(&self) -> Plan {
        let Self { now, window, rules, readings, aliases, current, owned } = self;
        let known = Known { now: *now, window: *window, rules, readings, aliases, other_rules_stand: false };
        black_box(known.emails(TARGET));
        let desired = known.desired(TARGET, current, owned);
        plan(*now, &|_| Tenure::Scheduled, OnDrift::Restore, &desired, current, owned)
    }
}

fn email(person: usize) -> Email {
    Email::new(&format!("given.family-{person}@example.com"))
}

fn asked(schedule: usize) -> OnCall {
    OnCall::Schedule(format!("P{schedule:06X}"))
}

fn rule(at: usize, schedules: impl Iterator<Item = usize>, names: impl Iterator<Item = String>) -> Rule {
    Rule {
        name: format!("database on-call {at}"),
        source: SOURCE.into(),
        on_call: schedules.map(asked).collect(),
        levels: None,
        early: TimeDelta::minutes(15),
        late: TimeDelta::minutes(30),
        max_duration: None,
        duration: None,
        grant: BTreeMap::from([(TARGET.into(), names.collect())]),
    }
}

/// Eight hours each, one after the other; the first has begun.
fn reading(at: usize, now: DateTime<Utc>) -> Reading {
    let schedule = Schedule { id: format!("P{at:06X}"), name: format!("Database schedule {at}") };
    let shift = |number: usize| {
        let person = at * TURNS + number % TURNS;
        let start = now + TimeDelta::hours(8 * number as i64 - 4);
        Shift {
            schedule: schedule.clone(),
            level: Some(1),
            person: Person {
                id: format!("U{person:06X}"),
                name: format!("Given Family-{person}"),
                email: Some(email(person)),
            },
            start: Some(start),
            end: Some(start + TimeDelta::hours(8)),
            overrides: Vec::new(),
        }
    };
    let shifts = (0..SHIFTS).map(shift).collect();
    Reading { schedule: schedule.clone(), coverage: Coverage::Window, shifts, remarks: Vec::new() }
}

/// Processor time of this thread; wall time where the system does not tell.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let spent = || std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok();
    let (begun, before) = (Instant::now(), spent());
    let done = work();
    let time = before.zip(spent()).map(|(before, after): (u64, u64)| Duration::from_nanos(after - before));
    (done, time.unwrap_or_else(|| begun.elapsed()))
}

/// The most memory that this process held since it was last asked to forget, in MiB, where the system tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib: u64 =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib / 1024)
}

fn say(shifts: usize, spread: Spread, state: State) {
    let company = Company::in_state(shifts, spread, state);
    // "5" sets the peak back to what is held now: proc_pid_clear_refs(5).
    let before = std::fs::write("/proc/self/clear_refs", "5").ok().and_then(|()| peak());
    let (plan, time) = timed(|| company.plan());
    let growth = time.as_nanos() as f64 / (shifts as f64 * (shifts as f64).log2());
    let Spread { rules, each } = spread;
    let changes = plan.changes.len();
    print!("{shifts:>9} shifts, {rules} rules x {each}, {state:?}: {changes} changes, {:.3} s", time.as_secs_f64());
    print!(", {growth:.1} ns per shift x log2(shifts)");
    match before.zip(peak()) {
        Some((before, after)) => println!(", {before} MiB before and {after} MiB at most"),
        None => println!(),
    }
}

fn main() {
    for (shifts, spread) in [(10_000, NARROW), (100_000, NARROW), (100_000, WIDE), (1_000_000, NARROW)] {
        for state in STATES {
            say(shifts, spread, state);
        }
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("100,000 shifts, 200,000 grants");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for state in STATES {
        let company = Company::in_state(100_000, NARROW, state);
        group.bench_function(format!("{state:?}"), |bencher| bencher.iter_with_large_drop(|| company.plan()));
    }
    group.finish();
    criterion.final_summary();
}
