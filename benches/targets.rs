//! Whether several targets in one run cost more than the slowest of them alone.
//!
//! ```text
//! cargo bench --bench targets            # -- --rounds 9 for more of them, --people 200 for more to do
//! ```
//!
//! The whole job, from the config file to the last record of the audit log: a rota file with a schedule for everybody, and
//! for each of them one grant on each target, that is two organisations of strongDM (stand-ins over loopback that take 50 ms
//! for each call) and a document. Each round carries it out for each target alone and for all side by side, with new
//! stand-ins and a new ledger, so that what the machine does meanwhile falls on all alike. Told are the medians; side by
//! side is to take at most 1.2 times the slowest alone, and the bench fails where it takes more.

#![expect(clippy::disallowed_macros, reason = "a bench prints what it measured")]

#[path = "../tests/fakes/mod.rs"]
#[expect(unused, reason = "the stand-ins can do more than is measured")]
mod fakes;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use oncall_sync::config::Config;
use oncall_sync::net::Clock;
use oncall_sync::progress::Progress;
use oncall_sync::run::{self, Order};
use oncall_sync::selection::{Narrowing, Selection};
use oncall_sync::stop::Stop;
use oncall_sync::survey::{Deadlines, RunContext};
use tokio::time::Instant;

use fakes::strongdm::{Fake, StrongDm, World};

const LATENCY: Duration = Duration::from_millis(50);
const TARGETS: [&str; 3] = ["first", "second", "document"];

/// How much longer than the slowest alone all may take side by side.
const MOST: f64 = 1.2;

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn email(person: usize) -> String {
    format!("person{person}@example.com")
}

fn organisation(people: usize) -> Fake {
    let world = (0..people).fold(World::at(now()), |world, person| world.user(&format!("a-{person}"), &email(person)));
    StrongDm::start(world.resource("rs-1", "db").manners(|manners| manners.latency = LATENCY))
}

/// One run that gives everybody the entitlement on `targets`; answers how long it took.
fn sync(folder: &Path, people: usize, targets: &[&str]) -> Result<Duration> {
    let mut rota = String::from("schedule,user,from,to\n");
    for person in 0..people {
        let end = now() + TimeDelta::hours(8);
        writeln!(rota, "s{person},{},{},{}", email(person), now().to_rfc3339(), end.to_rfc3339())?;
    }
    fs::write(folder.join("rota.csv"), rota)?;
    let mut config = format!(
        "ledger = \"ledger.db\"\n[limits]\nmax_changes = {}\n[source.rota]\nkind = \"file\"\npath = \"rota.csv\"\n\
         [[rule]]\nname = \"all\"\nschedules = {:?}\n",
        people * targets.len(),
        (0..people).map(|person| format!("s{person}")).collect::<Vec<_>>(),
    );
    for target in targets {
        writeln!(config, "grant.{target} = [\"db\"]")?;
    }
    let mut standing = Vec::new();
    for target in targets {
        writeln!(config, "[target.{target}]")?;
        if *target == "document" {
            config.push_str("kind = \"file\"\npath = \"grants.json\"\n");
        } else {
            let fake = organisation(people);
            config.push_str(&fake.toml());
            standing.push(fake);
        }
    }
    let path = folder.join("oncall-sync.toml");
    fs::write(&path, config)?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let begun = Instant::now();
    let report = runtime.block_on(async {
        let config = Config::load(&path)?;
        let selection = Selection::new(&config, &Narrowing::default())?;
        let deadlines = Deadlines::within(config.deadline.0);
        let (stop, progress) = (Stop::at(deadlines.run), Progress::new(true));
        let run = RunContext { config: &config, clock: Clock::new(now()), deadlines, stop: &stop, progress: &progress };
        let window = config.window;
        let order = Order { now: now(), window, dry_run: false, force: false, expected: None, record: None };
        run::sync(&run, &selection, order).await
    })?;
    let taken = begun.elapsed();
    ensure!(report.exit_code == 0 && report.counts.created == people * targets.len(), "{:?}", report.counts);
    Ok(taken)
}

/// The number after `name` on the command line.
fn told(name: &str, default: usize) -> Result<usize> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().map_or(Ok(default), |number| number.parse().with_context(|| format!("{name} takes a number")))
}

fn main() -> Result<()> {
    let (rounds, people) = (told("--rounds", 5)?.max(1), told("--people", 100)?);
    let mut cases: Vec<Vec<&str>> = TARGETS.iter().map(|target| vec![*target]).collect();
    cases.push(TARGETS.to_vec());
    let mut taken: BTreeMap<usize, Vec<Duration>> = BTreeMap::new();
    for _ in 0..rounds {
        for (case, targets) in cases.iter().enumerate() {
            let folder = tempfile::tempdir_in(Path::new(env!("CARGO_MANIFEST_DIR")).join("target"))?;
            taken.entry(case).or_default().push(sync(folder.path(), people, targets)?);
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    let seconds: Vec<f64> = taken.values_mut().map(median).collect();
    println!("| {people} grants on each of | seconds, median of {rounds} |\n|---|--:|");
    for (targets, seconds) in cases.iter().zip(&seconds) {
        println!("| {} | {seconds:.3} |", targets.join(", "));
    }
    let (together, alone) = seconds.split_last().expect("there are cases");
    let slowest = alone.iter().copied().fold(0.0, f64::max);
    println!("\nSide by side they take {:.2} times the slowest alone ({MOST} at most).", together / slowest);
    ensure!(together / slowest <= MOST, "side by side they take too long");
    Ok(())
}
