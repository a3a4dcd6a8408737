//! What ledger and audit log add to a sync that gives 1,000 grants.
//!
//! ```text
//! cargo bench --bench ledger
//! ```
//!
//! The same plan is carried out on a target that takes 50 ms for each call, 32 calls at a time, with each ledger in turn,
//! several times over: one that forgets everything (what the target alone takes), SQLite in a file beside this build, and
//! PostgreSQL where `ONCALL_SYNC_BENCH_POSTGRES` names a server (`postgres://USER@127.0.0.1:PORT`, for a user that may make
//! databases). Each time begins with opening the ledger and ends when the last
//! record of the audit log is written. What is read from sources and targets is left out, so that the share told is that of
//! the half of a sync in which the ledger works.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a bench prints what it measured, and is told a server"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use oncall_sync::apply::Applier;
use oncall_sync::audit::{Event, Journal, Record};
use oncall_sync::decision::{Inputs, Seen};
use oncall_sync::domain::{
    Account, AccountId, Coverage, Current, Email, Entitlement, Grant, GrantId, Limits, OnCall, OnDrift, Owned, Period,
    Person, Purpose, Reading, Rule, Schedule, Shift, Tenure, Witnesses,
};
use oncall_sync::ledger::{self, Entry, Ledger, LedgerConfig};
use oncall_sync::net::Clock;
use oncall_sync::progress::Progress;
use oncall_sync::report::Report;
use oncall_sync::stop::Stop;
use oncall_sync::target::{Asked, Target};
use tokio::sync::Mutex;
use tokio::time::Instant;

const GRANTS: usize = 1_000;
const LATENCY: Duration = Duration::from_millis(50);
const ROUNDS: usize = 7;
const TARGET: &str = "target";
const SERVER: &str = "ONCALL_SYNC_BENCH_POSTGRES";

/// Answers each call after [`LATENCY`].
#[derive(Default)]
struct Slow(AtomicI64);

#[async_trait]
impl Target for Slow {
    fn tenure(&self, _: &Entitlement) -> Tenure {
        Tenure::Scheduled
    }

    async fn read(&self, _: &Asked) -> Result<Current> {
        Ok(Current::default())
    }

    async fn grant(&self, _: &Grant) -> Result<GrantId> {
        tokio::time::sleep(LATENCY).await;
        Ok(GrantId(format!("ag-{:012x}", self.0.fetch_add(1, Ordering::Relaxed))))
    }

    async fn revoke(&self, _: &Owned) -> Result<()> {
        Ok(())
    }

    async fn amend(&self, _: &Owned, to: &Grant) -> Result<GrantId> {
        self.grant(to).await
    }
}

/// Remembers nothing, at no cost.
#[derive(Default)]
struct Nothing(i64);

#[async_trait]
impl Ledger for Nothing {
    async fn owned(&mut self) -> Result<BTreeMap<String, Vec<Owned>>> {
        Ok(BTreeMap::new())
    }

    async fn write(&mut self, _: DateTime<Utc>, entries: &[Entry], _: &[Event]) -> Result<Vec<i64>> {
        let first = self.0;
        self.0 += i64::try_from(entries.len())?;
        Ok((first..self.0).collect())
    }

    async fn head(&mut self) -> Result<Option<Record>> {
        Ok(None)
    }

    async fn records(&mut self, _: i64, _: u32) -> Result<Vec<Record>> {
        Ok(Vec::new())
    }
}

/// 500 people with two shifts each, nobody holding anything yet.
fn inputs(now: DateTime<Utc>) -> Inputs {
    let email = |person: usize| Email::new(&format!("person{person}@example.com"));
    let schedule = Schedule { id: "P1".into(), name: "Primary".into() };
    let shift = |at: usize| {
        let start = now + TimeDelta::minutes(10 * i64::try_from(at).expect("few"));
        let person = at % (GRANTS / 2);
        let person = Person { id: format!("U{person}"), name: format!("Person {person}"), email: Some(email(person)) };
        let (start, end) = (Some(start), Some(start + TimeDelta::minutes(10)));
        Shift { schedule: schedule.clone(), level: None, person, start, end, overrides: Vec::new() }
    };
    let reading = Reading {
        schedule: schedule.clone(),
        coverage: Coverage::Window,
        shifts: (0..GRANTS).map(shift).collect(),
        remarks: Vec::new(),
    };
    let account = |person| Account { id: AccountId(format!("a-{person}")), email: email(person), suspended: false };
    let entitlement = Entitlement { id: "rs-1".into(), name: "prod-postgres".into() };
    let current = Current {
        accounts: (0..GRANTS / 2).map(account).collect(),
        entitlements: BTreeMap::from([("prod-postgres".into(), Ok(BTreeSet::from([entitlement])))]),
        ..Current::default()
    };
    let asked = OnCall::Schedule("P1".into());
    let rule = Rule {
        name: "database".into(),
        source: "pagerduty".into(),
        on_call: BTreeSet::from([asked.clone()]),
        levels: None,
        early: TimeDelta::zero(),
        late: TimeDelta::zero(),
        max_duration: None,
        duration: None,
        grant: BTreeMap::from([(TARGET.to_owned(), BTreeSet::from(["prod-postgres".to_owned()]))]),
    };
    let tenures = BTreeMap::from([("rs-1".into(), Tenure::Scheduled)]);
    Inputs {
        purpose: Purpose::Sync,
        on_drift: OnDrift::Restore,
        now,
        window: Period::new(now, now + TimeDelta::days(7)).expect("not empty"),
        rules: vec![rule],
        partial: false,
        aliases: BTreeMap::new(),
        limits: Limits { max_changes: GRANTS, max_revoke_percent: 30 },
        readings: BTreeMap::from([(("pagerduty".to_owned(), asked), Ok(reading))]),
        targets: BTreeMap::from([(TARGET.to_owned(), Seen { owned: Vec::new(), current: Ok(current), tenures })]),
        lost: BTreeSet::new(),
        witnesses: Witnesses::default(),
    }
}

/// Opens the ledger with `open`, carries the plan out, and says how long that took.
async fn apply(inputs: &Inputs, open: impl AsyncFnOnce() -> Result<Box<dyn Ledger>>) -> Result<Duration> {
    let decision = inputs.decide();
    let report = Report::planned(false, inputs, &decision);
    let plan = decision.plans[TARGET].as_ref().expect("it was read");
    assert_eq!(plan.changes.len(), GRANTS);
    let begun = Instant::now();
    let mut ledger = open().await?;
    let (owned, last) = (ledger.owned().await?, ledger.head().await?);
    assert!(owned.is_empty());
    let journal = Journal::new("sync", report.run.id.clone(), "", Clock::new(inputs.now));
    ledger.write(inputs.now, &[], &journal.begin(&report, false)).await?;
    let (ledger, stop) = (Mutex::new(ledger), Stop::at(begun + Duration::from_secs(60)));
    let (target, progress) = (Slow::default(), Progress::new(true));
    let applier = Applier {
        name: TARGET,
        target: Some(&target),
        ledger: &ledger,
        journal: &journal,
        stop: &stop,
        progress: &progress,
        now: inputs.now,
    };
    let (outcomes, written) = applier.apply(plan, &[]).await;
    written?;
    assert_eq!(outcomes.len(), GRANTS);
    let mut ledger = ledger.into_inner();
    ledger.write(inputs.now, &[], &journal.end(&report.ended(), last.as_ref())).await?;
    ledger.close().await;
    Ok(begun.elapsed())
}

/// The URL of a new database: a ledger that holds grants already is another case.
async fn database(server: &str, round: usize) -> Result<String> {
    let (client, connection) = tokio_postgres::connect(&format!("{server}/postgres"), tokio_postgres::NoTls).await?;
    let name = format!("oncall_sync_bench_{}_{round}", std::process::id());
    let create = format!("CREATE DATABASE {name}");
    tokio::select! {
        made = client.batch_execute(&create) => made?,
        ended = connection => ended?,
    }
    Ok(format!("{server}/{name}"))
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let inputs = inputs(DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
    let folder = tempfile::tempdir_in(Path::new(env!("CARGO_MANIFEST_DIR")).join("target"))?;
    let stop = Stop::at(Instant::now() + Duration::from_secs(3600));
    let mut taken: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for round in 0..ROUNDS {
        let nothing = apply(&inputs, async || Ok(Box::<Nothing>::default() as Box<dyn Ledger>));
        taken.entry("none").or_default().push(runtime.block_on(nothing)?);
        let file = LedgerConfig::File(folder.path().join(format!("{round}.db")));
        let mut kept = vec![("SQLite", file)];
        if let Ok(server) = std::env::var(SERVER) {
            kept.push(("PostgreSQL", LedgerConfig::Url(runtime.block_on(database(&server, round))?)));
        }
        for (name, place) in kept {
            let carried = apply(&inputs, async || ledger::open(&place, &stop).await);
            taken.entry(name).or_default().push(runtime.block_on(carried)?);
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    let least = median(taken.get_mut("none").expect("it was measured"));
    println!("| ledger | seconds, median of {ROUNDS} | more than none |\n|---|--:|--:|");
    for (name, mut times) in taken {
        let seconds = median(&mut times);
        println!("| {name} | {seconds:.3} | {:.1} % |", (seconds / least - 1.0) * 100.0);
    }
    Ok(())
}
