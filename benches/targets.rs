//! Whether several targets in one run cost more than the slowest of them alone.
//!
//! ```text
//! cargo bench --bench targets            # -- --rounds 9 for more of them, --people 200 for more to do
//! ```
//!
//! The whole job, from the config file to the last record of the audit log: PagerDuty with a schedule for everybody, ten
//! rules with a tenth of the people each, and one entitlement of each rule on each target: strongDM's resources, Okta's
//! groups, GitHub's teams. All are stand-ins over loopback that take 50 ms for each call. First everybody is given
//! everything, then the same is asked again and there is nothing to do. Each round does both for each target alone and for
//! all side by side, with new stand-ins and a new ledger, so that what the machine does meanwhile falls on all alike. Told
//! are the medians; side by side each is to take at most 1.2 times the slowest alone, and the bench fails where it takes more.
//!
//! `-- --source file` puts a rota file in PagerDuty's place: PagerDuty's round of reading hides that in which strongDM and
//! Okta say what names stand for, and a file hides nothing.
//!
//! The stand-ins are in this process, and their work adds up however well the calls of the run are interleaved: with many
//! people on few cores it is theirs that is measured. Forty people leave latency by far the greater part of the time; the
//! last column tells how much of it all threads together were at work, to judge by.

#![expect(clippy::disallowed_macros, reason = "a bench prints what it measured")]

#[path = "../tests/fakes/mod.rs"]
#[expect(unused, reason = "the stand-ins can do more than is measured")]
mod fakes;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use oncall_sync::config::Config;
use oncall_sync::net::Clock;
use oncall_sync::progress::Progress;
use oncall_sync::report::Report;
use oncall_sync::run::{self, Order};
use oncall_sync::selection::{Narrowing, Selection};
use oncall_sync::stop::Stop;
use oncall_sync::survey::{Deadlines, RunContext};
use tokio::time::Instant;

use fakes::github::{self, GitHub};
use fakes::okta::{self, Okta};
use fakes::pagerduty::{self, PagerDuty};
use fakes::strongdm::{self, StrongDm};

const LATENCY: Duration = Duration::from_millis(50);
const TARGETS: [&str; 3] = ["strongdm", "okta", "github"];

/// Rules, each with an entitlement of its own on each target.
const GROUPS: usize = 10;

/// How much longer than the slowest alone all may take side by side.
const MOST: f64 = 1.2;

/// A run that gives, and one that finds nothing to do.
const RUNS: [&str; 2] = ["from nothing", "again"];

/// Ticks of `/proc/self/stat` in a second: Linux has told programs 100 ever since.
const TICKS: f64 = 100.0;

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

/// When everybody's shift ends.
fn end() -> DateTime<Utc> {
    now() + TimeDelta::hours(8)
}

/// By its id, which costs no look-up of a name.
fn schedule(person: usize) -> String {
    format!("PS{person:05}")
}

fn email(person: usize) -> String {
    format!("person{person}@example.com")
}

/// A stand-in, for as long as it is to stand.
enum Standing {
    StrongDm(strongdm::Fake),
    Okta(okta::Fake),
    GitHub(github::Fake),
}

impl Standing {
    fn start(target: &str, people: usize) -> Self {
        let (persons, groups) = (0..people, 0..GROUPS);
        match target {
            "strongdm" => {
                let world = strongdm::World::at(now()).manners(|manners| manners.latency = LATENCY);
                let world = groups.fold(world, |world, at| world.resource(&format!("rs-{at}"), &format!("db{at}")));
                Self::StrongDm(StrongDm::start(
                    persons.fold(world, |world, person| world.user(&format!("a-{person}"), &email(person))),
                ))
            }
            "okta" => {
                let world = okta::World::at(now()).manners(|manners| manners.latency = LATENCY);
                let world =
                    groups.fold(world, |world, at| world.group(&format!("00gbench{at:012}"), &format!("db{at}")));
                Self::Okta(Okta::start(
                    persons.fold(world, |world, person| world.user(&format!("00ubench{person:012}"), &email(person))),
                ))
            }
            _ => {
                let world = github::World::at(now()).latency(LATENCY);
                let world = groups.zip(1000..).fold(world, |world, (at, id)| world.team(id, &format!("db{at}")));
                Self::GitHub(GitHub::start(
                    persons.zip(1..).fold(world, |world, (person, id)| world.member(id, &format!("person{person}"))),
                ))
            }
        }
    }

    /// Its table in a config, without the head.
    fn toml(&self, people: usize) -> String {
        match self {
            Self::StrongDm(fake) => fake.toml(),
            Self::Okta(fake) => fake.toml(),
            Self::GitHub(fake) => {
                let logins = (0..people).map(|person| format!("{:?} = \"person{person}\"", email(person)));
                format!("{}logins = {{ {} }}\n", fake.toml(), logins.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// Who is on call, as a source's table in a config without the head.
enum OnCall {
    File,
    PagerDuty(pagerduty::Fake),
}

impl OnCall {
    fn start(source: &str, people: usize) -> Result<Self> {
        let world = pagerduty::World::at(now()).latency(LATENCY);
        let each = |world: pagerduty::World, person| {
            let (id, schedule) = (format!("PU{person:05}"), schedule(person));
            let world = world.person(&id, &id, &email(person)).schedule(&schedule, &schedule);
            world.shift(&schedule, &id, now(), end())
        };
        match source {
            "file" => Ok(Self::File),
            "pagerduty" => Ok(Self::PagerDuty(PagerDuty::start((0..people).fold(world, each)))),
            other => bail!("--source is pagerduty or file, not {other}"),
        }
    }

    fn toml(&self, folder: &Path, people: usize) -> Result<String> {
        match self {
            Self::File => {
                let mut rota = String::from("schedule,user,from,to\n");
                for person in 0..people {
                    writeln!(
                        rota,
                        "{},{},{},{}",
                        schedule(person),
                        email(person),
                        now().to_rfc3339(),
                        end().to_rfc3339()
                    )?;
                }
                fs::write(folder.join("rota.csv"), rota)?;
                Ok("kind = \"file\"\npath = \"rota.csv\"\n".into())
            }
            Self::PagerDuty(fake) => {
                let key = folder.join("key");
                fs::write(&key, fake.key())?;
                fs::set_permissions(&key, Permissions::from_mode(0o600))?;
                Ok(format!("kind = \"pagerduty\"\napi_key = {{ file = \"key\" }}\nbase_url = {:?}\n", fake.url()))
            }
        }
    }
}

/// Writes a config that gives everybody on call what their rule names on `targets`.
fn prepare(folder: &Path, people: usize, on_call: &OnCall, targets: &[&str], standing: &[Standing]) -> Result<()> {
    let mut config = format!(
        "ledger = \"ledger.db\"\n[limits]\nmax_changes = {}\n[source.rota]\n{}",
        people * targets.len(),
        on_call.toml(folder, people)?,
    );
    for group in 0..GROUPS.min(people) {
        let schedules: Vec<_> = (group..people).step_by(GROUPS).map(schedule).collect();
        writeln!(config, "[[rule]]\nname = \"rule{group}\"\nschedules = {schedules:?}")?;
        for target in targets {
            writeln!(config, "grant.{target} = [\"db{group}\"]")?;
        }
    }
    for (target, fake) in targets.iter().zip(standing) {
        writeln!(config, "[target.{target}]\n{}", fake.toml(people))?;
    }
    fs::write(folder.join("oncall-sync.toml"), config)?;
    Ok(())
}

fn sync(folder: &Path) -> Result<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let config = Config::load(&folder.join("oncall-sync.toml"))?;
        let selection = Selection::new(&config, &Narrowing::default())?;
        let deadlines = Deadlines::within(config.deadline.0);
        let (stop, progress) = (Stop::at(deadlines.run), Progress::new(true));
        let run = RunContext { config: &config, clock: Clock::new(now()), deadlines, stop: &stop, progress: &progress };
        let window = config.window;
        let order = Order { now: now(), window, dry_run: false, force: false, expected: None, record: None };
        run::sync(&run, &selection, order).await
    })
}

/// Both runs on `targets`: how long each took, how much of a processor all threads used meanwhile, and its requests.
fn measure(source: &str, people: usize, targets: &[&str]) -> Result<Vec<Measured>> {
    let folder = tempfile::tempdir_in(Path::new(env!("CARGO_MANIFEST_DIR")).join("target"))?;
    let on_call = OnCall::start(source, people)?;
    let standing: Vec<_> = targets.iter().map(|target| Standing::start(target, people)).collect();
    prepare(folder.path(), people, &on_call, targets, &standing)?;
    let mut measured = Vec::new();
    for given in [people * targets.len(), 0] {
        let (begun, before) = (Instant::now(), worked());
        let report = sync(folder.path())?;
        let seconds = begun.elapsed().as_secs_f64();
        let work = worked().zip(before).map(|(after, before)| after - before);
        ensure!(report.exit_code == 0 && report.counts.created == given, "{:?}", report.counts);
        measured.push(Measured { seconds, work, requests: report.requests.targets.values().sum() });
    }
    Ok(measured)
}

#[derive(Debug, Clone, Copy)]
struct Measured {
    seconds: f64,
    work: Option<f64>,
    requests: u64,
}

/// Seconds that this process's threads have worked, where the system tells.
fn worked() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // After the name, which may hold anything: the state, ten numbers, then user and system time.
    let times = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2);
    Some(times.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS)
}

/// What stands after `name` on the command line.
fn told<T: FromStr>(name: &str, default: T) -> Result<T> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    let read = |told: String| told.parse().ok().with_context(|| format!("{name} does not take '{told}'"));
    arguments.next().map_or(Ok(default), read)
}

fn main() -> Result<()> {
    let (rounds, people) = (told("--rounds", 5)?.max(1), told("--people", 40)?);
    let source = told("--source", "pagerduty".to_owned())?;
    let mut cases: Vec<Vec<&str>> = TARGETS.iter().map(|target| vec![*target]).collect();
    cases.push(TARGETS.to_vec());
    let mut taken: BTreeMap<(usize, usize), Vec<Measured>> = BTreeMap::new();
    for _ in 0..rounds {
        for (case, targets) in cases.iter().enumerate() {
            for (run, measured) in measure(&source, people, targets)?.into_iter().enumerate() {
                taken.entry((run, case)).or_default().push(measured);
            }
        }
    }
    println!("By {source}:\n");
    println!("| {people} grants on each of | run | seconds, median of {rounds} | requests | seconds at work |");
    println!("|---|---|--:|--:|--:|");
    let mut too_long = Vec::new();
    for (run, name) in RUNS.iter().enumerate() {
        let mut seconds = Vec::new();
        for (case, targets) in cases.iter().enumerate() {
            let measured = taken.get_mut(&(run, case)).expect("it was measured");
            measured.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
            let median = measured[measured.len() / 2];
            let work = median.work.map_or("?".to_owned(), |work| format!("{work:.2}"));
            println!("| {} | {name} | {:.3} | {} | {work} |", targets.join(", "), median.seconds, median.requests);
            seconds.push(median.seconds);
        }
        let (together, alone) = seconds.split_last().expect("there are cases");
        let ratio = together / alone.iter().copied().fold(0.0, f64::max);
        too_long.push((name, ratio));
    }
    for (name, ratio) in &too_long {
        println!("\nSide by side, {name}: {ratio:.2} times the slowest alone ({MOST} at most).");
    }
    ensure!(too_long.iter().all(|(_, ratio)| *ratio <= MOST), "side by side they take too long");
    Ok(())
}
