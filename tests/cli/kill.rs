//! Killed before and after every outside effect of a run: the next run makes it good.
//!
//! A library loaded before libc (`kill/effects.c`) sees every file that is made, written, synced, renamed or removed and
//! every byte that is sent or received, and kills the process at the one that it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::os::unix::process::ExitStatusExt as _;

use super::handover::{Handover, InDatabase, InFile, State, in_parallel};
use super::*;
use crate::fakes::postgres;
use crate::fakes::strongdm::Several;

/// Worlds at a time. Of a drill's time a part is spent waiting, so a few more than there are cores.
const WORKERS: usize = 4;

/// The library, built for this test.
struct Shim {
    folder: TempDir,
}

/// One outside effect: its name, and which of that name it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Effect {
    name: String,
    nth: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    Before,
    After,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.nth)
    }
}

impl Effect {
    /// Before and after it; but after one write to the ledger is before the next, and within a transaction that is enough.
    fn points(&self) -> Vec<(Self, When)> {
        let ledger = self.name.ends_with("ledger.db") || self.name.ends_with("ledger.db-journal");
        let step = ledger && ["create ", "write ", "fsync "].iter().any(|step| self.name.starts_with(step));
        let whens = if step { &[When::Before][..] } else { &[When::Before, When::After] };
        whens.iter().map(|when| (self.clone(), *when)).collect()
    }
}

impl Shim {
    fn build() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/kill/effects.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(folder.path().join("effects.so"));
        let built = cc.arg(source).arg("-ldl").output().expect("the C compiler that the program's own build needs");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Self { folder }
    }

    fn load(&self, world: &Handover) -> Command {
        let mut command = world.command(0);
        command.env("LD_PRELOAD", self.folder.path().join("effects.so")).env("EFFECTS_PEERS", world.peers());
        command
    }

    /// The effects of the run that nobody disturbs, in order, and what it comes to. In how many pieces an answer comes is
    /// chance, and a slow run renews its lock: of several runs, what all of them had.
    fn trace(&self, world: &Handover) -> (Vec<Effect>, State) {
        let mut effects = self.undisturbed(world);
        for _ in 1..3 {
            let others: BTreeSet<Effect> = self.undisturbed(world).into_iter().collect();
            effects.retain(|effect| others.contains(effect));
        }
        let wanted = world.state();
        world.converges(&wanted).expect("undisturbed, it has nothing left to do");
        (effects, wanted)
    }

    fn undisturbed(&self, world: &Handover) -> Vec<Effect> {
        let log = self.folder.path().join("effects.log");
        let _not_there = fs::remove_file(&log);
        world.reset();
        Ran::of(self.load(world).env("EFFECTS_LOG", &log).output().expect("the program starts")).exits(0);
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let text = fs::read_to_string(log).expect("the library was loaded");
        let effect = |name: &str| {
            let nth = seen.entry(name.into()).or_default();
            *nth += 1;
            Effect { name: name.into(), nth: *nth }
        };
        text.lines().map(effect).collect()
    }

    /// Runs until the effect, and kills; `false` where the run ended without having got there.
    fn kill(&self, world: &Handover, effect: &Effect, when: When) -> bool {
        world.reset();
        let mut command = self.load(world);
        command.env("EFFECTS_AT", &effect.name).env("EFFECTS_NTH", effect.nth.to_string());
        command.env("EFFECTS_WHEN", if when == When::Before { "before" } else { "after" });
        let output = command.output().expect("the program starts");
        output.status.signal() == Some(9)
    }
}

/// Kills at every effect of the run in `world` that is picked; each kind of effect in `kinds` has to be among all of them.
#[track_caller]
fn drill(
    title: &str,
    world: impl Fn() -> Handover + Sync,
    kinds: &[&str],
    picked: impl Fn(&str) -> bool,
    least: usize,
) {
    let shim = Shim::build();
    let (effects, wanted) = shim.trace(&world());
    for kind in kinds {
        assert!(effects.iter().any(|effect| effect.name == *kind), "no {kind:?} among {effects:?}");
    }
    let points: Vec<(Effect, When)> =
        effects.iter().filter(|effect| picked(&effect.name)).flat_map(Effect::points).collect();
    let all = points.len();
    let done = in_parallel(points, WORKERS, &world, |world, (effect, when)| {
        let killed = shim.kill(world, effect, *when);
        (killed, world.converges(&wanted), world.refused.take())
    });
    let mut killed: BTreeMap<&str, usize> = BTreeMap::new();
    for ((effect, _), _) in done.iter().filter(|(_, (killed, ..))| *killed) {
        *killed.entry(&effect.name).or_default() += 1;
    }
    let points: usize = killed.values().sum();
    let kinds: Vec<_> = killed.iter().map(|(name, count)| format!("  {count:4}  {name}\n")).collect();
    let refused: Vec<usize> = done.iter().map(|(_, (.., refused))| *refused).filter(|refused| *refused > 0).collect();
    let most = refused.iter().max().unwrap_or(&0);
    let refused = format!("  the next run met the dead run's lock {} times, at most {most} in a row", refused.len());
    #[expect(clippy::disallowed_macros, reason = "how many there were is what the test is read for")]
    {
        println!("{title}: killed at {points} of {all} points\n{}{refused}\n", kinds.concat());
    }
    let failed: Vec<_> = done
        .iter()
        .filter_map(|((effect, when), (_, outcome, _))| Some((effect, when, outcome.as_ref().err()?)))
        .map(|(effect, when, why)| format!("killed {when:?} {effect}: {why}"))
        .collect();
    assert!(failed.is_empty(), "{} of {points} points:\n{}", failed.len(), failed.join("\n\n"));
    // In how many pieces a stream comes and how many answers one transaction takes is chance, so the last of a kind is not
    // met each time.
    assert!(points >= least && points * 5 >= all * 4, "{points} of {all} points were met, {least} are the least");
}

/// What a change to the ledger and one to the document are made of, and the ends of the wires.
const EVERY: [&str; 16] = [
    "create ledger.db-journal",
    "write ledger.db-journal",
    "fsync ledger.db-journal",
    "write ledger.db",
    "fsync ledger.db",
    "unlink ledger.db-journal",
    "create grants.json.new",
    "write grants.json.new",
    "fsync grants.json.new",
    "rename grants.json",
    "fsync folder",
    "write pagerduty",
    "receive pagerduty",
    "write strongdm",
    "receive strongdm",
    "write report",
];

#[test]
fn a_hand_over_that_makes_room_first() {
    let world = || Handover::later(InFile::default(), Several::Disjoint);
    drill("a hand-over, one grant at a time on strongDM", world, &EVERY, |_| true, 300);
}

#[test]
fn a_hand_over_that_gives_before_it_takes() {
    let world = || Handover::later(InFile::default(), Several::Any);
    // All else is the same as where it makes room.
    let picked = |name: &str| name.ends_with("strongdm") || name == "unlink ledger.db-journal";
    drill("a hand-over, several grants side by side on strongDM", world, &EVERY, picked, 50);
}

#[test]
fn a_first_run() {
    let made = ["create ledger.db.lock", "create ledger.db.new", "rename ledger.db", "create grants.json.lock"];
    let kinds: Vec<&str> = EVERY.iter().chain(&made).copied().collect();
    // How a transaction is made is seen where there are more of them.
    let picked = |name: &str| name != "write ledger.db-journal" && name != "write ledger.db";
    drill("a first run", || Handover::first(InFile::default()), &kinds, picked, 100);
}

/// What goes to the server that the ledger is in and comes back, and what goes to targets in between.
const OF_A_DATABASE: [&str; 5] =
    ["connect postgres", "write postgres", "receive postgres", "write strongdm", "rename grants.json"];

fn in_database() -> InDatabase {
    InDatabase::new(postgres::database().expect("asked before"))
}

#[test]
fn a_hand_over_with_the_ledger_in_a_database() {
    if postgres::server().is_none() {
        return;
    }
    let world = || Handover::later(in_database(), Several::Disjoint);
    let picked = |name: &str| OF_A_DATABASE.contains(&name);
    drill("a hand-over, the ledger in PostgreSQL", world, &OF_A_DATABASE, picked, 100);
}

#[test]
fn a_first_run_with_the_ledger_in_a_database() {
    if postgres::server().is_none() {
        return;
    }
    let picked = |name: &str| name.ends_with("postgres");
    drill("a first run, the ledger in PostgreSQL", || Handover::first(in_database()), &OF_A_DATABASE, picked, 40);
}
