//! What happened, for people and for programs: the only place that prints.

mod advice;
mod audit;
mod change;
mod checked;
mod conformance;
mod explain;
mod json;
mod listing;
mod note;
mod reviewed;
mod text;

use std::collections::BTreeMap;
use std::io::{self, Write};

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::apply::Outcome;
use crate::decision::{Decision, Inputs};
use crate::domain::{Period, Plan, Reading};
use crate::exit::Exit;

pub use audit::{AuditForm, AuditLine, verified_text};
pub use change::{Action, ChangeReport, ReasonReport, State};
pub use checked::{Checked, CheckedTarget};
pub use conformance::{Conformance, LeftReport};
pub use explain::{AnswerReport, Asking, Explanation, StepReport, bounds, explained_text, reason_step};
pub use json::{json, schema};
pub use listing::{OwnedReport, Owning, Roster, ShiftReport, copied_text, grants_text, shifts_text};
pub use note::NoteReport;
pub use reviewed::Reviewed;
pub use text::{Style, text};

use crate::harmless::{harmless, message};
use crate::net::machine;

/// The layout of the JSON report. It grows without a new number; a number changes when something is renamed or taken away.
pub const VERSION: u32 = 1;

/// One run, whole.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Report {
    /// The layout of this report.
    pub version: u32,
    pub run: RunReport,
    /// Only planned; nothing was changed.
    pub dry_run: bool,
    /// The look-ahead.
    pub window: Span,
    pub sources: BTreeMap<String, SourceReport>,
    pub targets: BTreeMap<String, TargetReport>,
    /// Why the plan was not carried out; `--force` lifts it once.
    pub refused: Vec<String>,
    /// How the plan differs from the one that was reviewed (`--expect`); not carried out where there is any.
    pub differences: Vec<String>,
    /// What follows from this run, for whoever adopts, releases or takes back.
    pub advice: Vec<String>,
    pub counts: Counts,
    pub requests: Requests,
    /// SHA-256 of the plan: the same inputs give the same digest.
    pub digest: String,
    pub exit_code: u8,
    /// Why the ledger could not be written; what was done is found again by the next run.
    pub ledger_error: Option<String>,
}

/// Which run it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunReport {
    pub id: String,
    /// `sync`, `adopt`, `release` or `revoke`.
    pub verb: String,
    pub at: DateTime<Utc>,
}

/// A span of time; `null` where it has no such bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Span {
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
}

/// What one source answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SourceReport {
    /// Shifts that were read.
    pub shifts: usize,
    /// What could not be read, and why; what rests on it stands.
    pub errors: Vec<String>,
    pub remarks: Vec<String>,
}

/// What was planned for one target, and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct TargetReport {
    /// Why nothing could be done here.
    pub error: Option<String>,
    /// Whose access here stays as it is, where nothing could be done: those who are to have some, and those who hold some of
    /// ours.
    pub waiting: Vec<String>,
    pub changes: Vec<ChangeReport>,
    pub notes: Vec<NoteReport>,
}

/// How many changes and people came to what; in a dry run, would come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    pub created: usize,
    pub amended: usize,
    pub revoked: usize,
    /// Taken back after their own end.
    pub expired: usize,
    #[serde(default)]
    pub adopted: usize,
    #[serde(default)]
    pub released: usize,
    pub deferred: usize,
    pub failed: usize,
    pub skipped: usize,
    /// People, entitlements, sources and targets that could not be served.
    pub unserved: usize,
}

/// Requests sent, attempts that failed included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Requests {
    pub sources: BTreeMap<String, u64>,
    pub targets: BTreeMap<String, u64>,
}

impl SourceReport {
    pub fn add(&mut self, reading: &Result<Reading, String>) {
        match reading {
            Ok(reading) => {
                self.shifts += reading.shifts.len();
                let fresh = reading.remarks.iter().filter(|remark| !self.remarks.contains(remark));
                let fresh: Vec<String> = fresh.cloned().collect();
                self.remarks.extend(fresh);
            }
            Err(error) if self.errors.contains(error) => {}
            Err(error) => self.errors.push(error.clone()),
        }
    }
}

impl TargetReport {
    /// What is meant to be done on the target called `name`.
    pub fn planned(&mut self, plan: &Plan, name: &str) {
        self.changes = plan.changes.iter().map(|change| ChangeReport::new(change, None)).collect();
        self.notes = plan.notes.iter().map(|note| NoteReport::new(note, name)).collect();
    }

    /// What became of it.
    pub fn done(&mut self, plan: &Plan, outcomes: &[Outcome]) {
        let done = plan.changes.iter().zip(outcomes).map(|(change, outcome)| ChangeReport::new(change, Some(outcome)));
        self.changes = done.collect();
    }
}

impl Report {
    /// A report of a run at `now` that has done nothing yet.
    pub fn new(now: DateTime<Utc>, dry_run: bool, window: Period) -> Self {
        Self {
            version: VERSION,
            run: RunReport { id: run_id(now), verb: "sync".into(), at: now },
            dry_run,
            window: change::span(window),
            sources: BTreeMap::new(),
            targets: BTreeMap::new(),
            refused: Vec::new(),
            differences: Vec::new(),
            advice: Vec::new(),
            counts: Counts::default(),
            requests: Requests::default(),
            digest: String::new(),
            exit_code: 0,
            ledger_error: None,
        }
    }

    /// Everything that is known before anything is done.
    pub fn planned(dry_run: bool, inputs: &Inputs, decision: &Decision) -> Self {
        let mut report = Self::new(inputs.now, dry_run, inputs.window);
        report.run.verb = inputs.purpose.verb().into();
        report.advice = advice::advice(inputs, decision);
        for ((name, _), reading) in &inputs.readings {
            report.sources.entry(name.clone()).or_default().add(reading);
        }
        for (name, plan) in &decision.plans {
            let target = report.targets.entry(name.clone()).or_default();
            match plan {
                Ok(plan) => target.planned(plan, name),
                Err(error) => {
                    target.error = Some(error.clone());
                    target.waiting = inputs.waiting(name).iter().map(ToString::to_string).collect();
                }
            }
        }
        report.digest = reviewed::digest(&report);
        report
    }

    /// Holds the plan against the limits, unless they are lifted, and against the plan that was reviewed.
    pub fn check(&mut self, decision: &Decision, lifted: bool, expected: Option<&Reviewed>) {
        if !lifted {
            self.refused = decision.refusals.iter().map(ToString::to_string).collect();
        }
        self.differences = expected.map(|expected| expected.differences(self)).unwrap_or_default();
    }

    /// Nothing speaks against carrying the plan out.
    pub fn may_go_on(&self) -> bool {
        self.refused.is_empty() && self.differences.is_empty()
    }

    /// The report, counted, with what cron is told.
    pub fn ended(mut self) -> Self {
        self.count();
        let counts = &self.counts;
        let exit = match () {
            () if self.ledger_error.is_some() => Exit::CouldNotRun,
            () if !self.may_go_on() => Exit::Refused,
            () => Exit::when(counts.failed + counts.skipped + counts.unserved == 0),
        };
        self.exit_code = exit.code();
        self
    }

    /// What could not be read, by the name of the source or target.
    pub fn faults(&self) -> impl Iterator<Item = (&str, &str)> {
        let sources =
            self.sources.iter().flat_map(|(name, source)| source.errors.iter().map(move |error| (&**name, &**error)));
        let targets = self.targets.iter().filter_map(|(name, target)| Some((&**name, target.error.as_deref()?)));
        sources.chain(targets)
    }

    /// The changes that touch a target, with its name.
    pub fn changes(&self) -> impl Iterator<Item = (&str, &ChangeReport)> {
        let all =
            self.targets.iter().flat_map(|(name, target)| target.changes.iter().map(move |change| (&**name, change)));
        all.filter(|(_, change)| !change.action.is_bookkeeping())
    }

    /// Counts what happened; in a dry run, what would.
    fn count(&mut self) {
        let mut counts = Counts::default();
        for (_, change) in self.changes() {
            match (change.outcome, change.action) {
                (State::Failed, _) => counts.failed += 1,
                (State::Deferred, _) => counts.deferred += 1,
                (State::Skipped, _) => counts.skipped += 1,
                (State::Done | State::Planned, Action::Create) => counts.created += 1,
                (State::Done | State::Planned, Action::Amend) => counts.amended += 1,
                (State::Done | State::Planned, Action::Revoke) => counts.revoked += 1,
                (State::Done | State::Planned, Action::Expire) => counts.expired += 1,
                (State::Done | State::Planned, Action::Adopt) => counts.adopted += 1,
                (State::Done | State::Planned, Action::Release) => counts.released += 1,
                (State::Done | State::Planned, Action::Confirm | Action::Forget | Action::Retime) => {}
            }
        }
        let notes = self.targets.values().flat_map(|target| &target.notes).filter(|note| note.failure).count();
        let errors = self.sources.values().map(|source| source.errors.len()).sum::<usize>();
        let down = self.targets.values().filter(|target| target.error.is_some()).count();
        counts.unserved = notes + errors + down;
        self.counts = counts;
    }
}

/// What a run at `now` in this process is called.
pub fn run_id(now: DateTime<Utc>) -> String {
    // In containers every process may have the same number.
    format!("{}-{}-{}", now.format("%Y%m%dT%H%M%SZ"), machine(), std::process::id())
}

/// Prints text for people to standard output; what a terminal would obey is written out.
pub fn tell(text: &str) -> io::Result<()> {
    print(&harmless(text))
}

/// Prints to standard output. A reader that has gone away is no error: it has seen all that it wanted.
pub fn print(text: &str) -> io::Result<()> {
    quietly(io::stdout().lock().write_all(text.as_bytes()).and_then(|()| io::stdout().lock().flush()))
}

/// Prints a part of something long; `false` where the reader has gone away, so that nothing more is wanted.
pub fn print_part(text: &str) -> io::Result<bool> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => quietly(written).map(|()| true),
    }
}

/// Prints a line to standard error, where everything goes that is not the report.
pub fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "oncall-sync: {}", message(line));
}

/// Where log lines go: standard error, each event made harmless on its way.
#[derive(Debug, Clone, Copy)]
pub struct Log;

impl Write for Log {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        writeln!(io::stderr().lock(), "{}", message(&String::from_utf8_lossy(event)))?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn quietly(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!("standard output could not be written: {error}; whatever was done stands"),
        )),
        Ok(()) => Ok(()),
    }
}
