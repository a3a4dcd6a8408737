//! What gives access: the program itself, and two plain models of other ways to do it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use oncall_sync::config::Config;
use oncall_sync::domain::Tenure;
use oncall_sync::net::Clock;
use oncall_sync::progress::Progress;
use oncall_sync::report::Report;
use oncall_sync::run::{self, Order};
use oncall_sync::selection::{Narrowing, Selection};
use oncall_sync::stop::Stop;
use oncall_sync::survey::{Deadlines, RunContext};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::events::{DAY, Kill, Outage, Side, Year};
use super::measure::{SLOTS, Timing};
use super::oracle::{self, Spans};
use super::rota::{ENTITLEMENTS, person};

pub trait Tool {
    fn timing(&self) -> Timing;

    /// Seconds before a shift at which access is to be there.
    fn early(&self) -> i64 {
        0
    }

    /// One run at `at`, where it has one then: whether it was completed.
    fn run(&mut self, year: &Year, at: i64, version: usize) -> Option<bool>;

    /// When whoever reads the target lets each person in, from the last run on.
    fn access(&self) -> &[Spans];
}

/// The program: its run, its rota file, its document of grants and its ledger.
pub struct Ours {
    tenure: Tenure,
    early: i64,
    folder: TempDir,
    config: Config,
    selection: Selection,
    runtime: Runtime,
    /// The version of the rota that is in the file.
    written: Option<usize>,
    down: [Option<Outage>; 2],
    document: Vec<u8>,
    access: Vec<Spans>,
}

impl Ours {
    /// In an empty folder, in memory where the system has such.
    pub fn new(tenure: Tenure, early: i64, year: &Year) -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.expect("a folder");
        let config = folder.path().join("oncall-sync.toml");
        fs::write(&config, settings(tenure, early, year)).expect("a config");
        let config = Config::load(&config).expect("a good config");
        let selection = Selection::new(&config, &Narrowing::default()).expect("all of it");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self {
            tenure,
            early,
            folder,
            config,
            selection,
            runtime: runtime.expect("a runtime"),
            written: None,
            down: [None; 2],
            document: Vec::new(),
            access: vec![Spans::new(); SLOTS],
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Breaks what an outage breaks, and mends what it has left.
    fn outages(&mut self, year: &Year, at: i64) {
        for (number, (side, name)) in
            [(Side::Source, "rota.toml"), (Side::Target, "grants.json")].into_iter().enumerate()
        {
            let down =
                year.outages.iter().find(|outage| outage.side == side && (outage.from..outage.until).contains(&at));
            let (path, aside) = (self.path(name), self.path(&format!("{name}.aside")));
            match (self.down[number], down) {
                (None, Some(outage)) => {
                    fs::rename(&path, &aside).expect("it is there");
                    let whole = fs::read(&aside).expect("it is there");
                    match outage.way % 3 {
                        0 => fs::write(&path, [&whole[..whole.len() / 2], b"[[["].concat()).expect("half of it"),
                        1 => fs::create_dir(&path).expect("a folder in its place"),
                        _ => symlink(self.path("nowhere"), &path).expect("a link"),
                    }
                }
                (Some(_), None) => {
                    if path.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) }.expect("it is there");
                    fs::rename(&aside, &path).expect("it is there");
                }
                _ => {}
            }
            self.down[number] = down.copied();
        }
    }

    fn sync(&self, at: i64) -> Report {
        let done = self.runtime.block_on(async {
            let deadlines = Deadlines::within(Duration::from_secs(240));
            let (stop, progress) = (Stop::at(deadlines.run), Progress::new(true));
            let clock = Clock::new(oracle::utc(at));
            let run = RunContext { config: &self.config, clock, deadlines, stop: &stop, progress: &progress };
            let (now, window) = (oracle::utc(at), self.config.window);
            let order = Order { now, window, dry_run: false, force: false, expected: None, record: None };
            run::sync(&run, &self.selection, order).await
        });
        done.expect("it can run")
    }

    /// Leaves the ledger and the document as a killed run leaves them. A real kill strikes where chance has it, and the same
    /// seed would not give the same year.
    fn cut_short(&self, at: i64, kill: Kill) {
        if matches!(kill, Kill::Missed) {
            return;
        }
        let lock = self.path("grants.json.lock");
        fs::remove_file(&lock).and_then(|()| fs::create_dir(&lock)).expect("a lock that nobody can take");
        self.sync(at);
        fs::remove_dir(&lock).and_then(|()| fs::write(&lock, "")).expect("the lock");
        if matches!(kill, Kill::Unheard) {
            let (ledger, aside) = (self.path("ledger.db"), self.path("ledger.db.aside"));
            fs::copy(&ledger, &aside).expect("what was written down");
            self.sync(at);
            fs::rename(&aside, &ledger).expect("it is there");
        }
    }

    /// What the document says by now.
    fn read(&mut self, at: i64) {
        let name = if self.down[1].is_some() { "grants.json.aside" } else { "grants.json" };
        let document = fs::read(self.path(name)).expect("the document");
        if document == self.document {
            return;
        }
        let grants: Value = serde_json::from_slice(&document).expect("JSON");
        self.document = document;
        let mut access = vec![Vec::new(); SLOTS];
        for grant in grants["grants"].as_array().expect("a list") {
            let text = |key: &str| grant[key].as_str();
            let instant = |key: &str| {
                text(key).map(|text| text.parse::<chrono::DateTime<chrono::Utc>>().expect("an instant").timestamp())
            };
            let entitlement =
                ENTITLEMENTS.iter().position(|name| text("entitlement") == Some(name)).expect("one of ours");
            let person = text("account").and_then(person).expect("one of ours");
            // What has neither date begins and ends with a run.
            let span = (instant("from").unwrap_or(at), instant("until").unwrap_or(i64::MAX));
            if span.1 > at {
                access[person * ENTITLEMENTS.len() + entitlement].push(span);
            }
        }
        self.access = access.into_iter().map(oracle::union).collect();
    }
}

impl Tool for Ours {
    fn timing(&self) -> Timing {
        match self.tenure {
            Tenure::Scheduled => Timing::Dated,
            Tenure::Expiring => Timing::Ending,
            Tenure::Standing => Timing::AtRuns,
        }
    }

    fn early(&self) -> i64 {
        self.early
    }

    fn run(&mut self, year: &Year, at: i64, version: usize) -> Option<bool> {
        if self.written.is_some() {
            self.outages(year, at);
        }
        if self.down[0].is_none() && self.written != Some(version) {
            fs::write(self.path("rota.toml"), year.versions[version].rota.toml()).expect("the rota");
            self.written = Some(version);
        }
        let kill = year.kills.get(&at);
        if let Some(kill) = kill {
            self.cut_short(at, *kill);
        } else {
            let report = self.sync(at);
            let expected = u8::from(self.down.iter().any(Option::is_some));
            assert_eq!(report.exit_code, expected, "{}: {report:#?}", oracle::utc(at));
        }
        self.read(at);
        Some(kill.is_none())
    }

    fn access(&self) -> &[Spans] {
        &self.access
    }
}

/// A window of seven days; each schedule gives one thing.
fn settings(tenure: Tenure, early: i64, year: &Year) -> String {
    let tenure = format!("{tenure:?}").to_lowercase();
    let mut text = format!(
        "ledger = \"ledger.db\"\n[source.rota]\nkind = \"file\"\npath = \"rota.toml\"\n\
         [target.policy]\nkind = \"file\"\npath = \"grants.json\"\ntenure = \"{tenure}\"\n\
         [limits]\nmax_revoke_percent = 100\n"
    );
    for schedule in &year.versions[0].rota.schedules {
        let (name, gives) = (schedule.name, ENTITLEMENTS[schedule.gives]);
        text += &format!(
            "[[rule]]\nname = \"{name}\"\nschedules = [\"{name}\"]\nearly = \"{early}s\"\ngrant.policy = [\"{gives}\"]\n"
        );
    }
    text
}

fn is_cut_off(year: &Year, at: i64) -> bool {
    year.kills.contains_key(&at) || year.outages.iter().any(|outage| (outage.from..outage.until).contains(&at))
}

/// A tool that only creates: at each run, a dated grant for each entry of the next day that it has not made yet.
pub struct CreateOnly {
    made: BTreeSet<(usize, i64, i64)>,
    access: Vec<Spans>,
    due: (usize, Vec<Spans>),
}

impl CreateOnly {
    pub fn new(year: &Year) -> Self {
        Self { made: BTreeSet::new(), access: vec![Spans::new(); SLOTS], due: (0, year.versions[0].due(0)) }
    }
}

impl Tool for CreateOnly {
    fn timing(&self) -> Timing {
        Timing::Dated
    }

    fn run(&mut self, year: &Year, at: i64, version: usize) -> Option<bool> {
        if is_cut_off(year, at) {
            return Some(!year.kills.contains_key(&at));
        }
        if self.due.0 != version {
            self.due = (version, year.versions[version].due(0));
        }
        for (slot, spans) in self.due.1.iter().enumerate() {
            for (start, end) in spans.iter().copied().filter(|(start, end)| *end > at && *start < at + DAY) {
                if self.made.insert((slot, start, end)) {
                    let all = self.access[slot].iter().copied().filter(|(_, end)| *end > at);
                    self.access[slot] = oracle::union(all.chain([(start, end)]));
                }
            }
        }
        Some(true)
    }

    fn access(&self) -> &[Spans] {
        &self.access
    }
}

/// A group whose members, every fifteen minutes, are made those who are on call.
pub struct Membership {
    access: Vec<Spans>,
}

impl Membership {
    pub const INTERVAL: i64 = 900;

    pub fn new() -> Self {
        Self { access: vec![Spans::new(); SLOTS] }
    }
}

impl Tool for Membership {
    fn timing(&self) -> Timing {
        Timing::AtRuns
    }

    fn run(&mut self, year: &Year, at: i64, version: usize) -> Option<bool> {
        if (at - year.start) % Self::INTERVAL != 0 {
            return None;
        }
        if !is_cut_off(year, at) {
            let due = year.versions[version].due(0);
            let member = |spans: &Spans| match oracle::holding(spans, at) {
                Some(_) => vec![(at, i64::MAX)],
                None => Spans::new(),
            };
            self.access = due.iter().map(member).collect();
        }
        Some(!year.kills.contains_key(&at))
    }

    fn access(&self) -> &[Spans] {
        &self.access
    }
}
