//! The audit log: who got what, when, why and by which run; each record carries the hash of the one before.
//!
//! The ledger keeps the records and never changes one. No record holds a secret.

mod chain;
mod filter;
mod history;
#[cfg(test)]
mod tests;
mod verify;

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use chain::{Chain, Record};
pub use filter::Filter;
pub use history::{Ending, Failed, History, Stint};
pub use verify::{Head, Verifier};

use crate::exit::Exit;
use crate::net::{Clock, machine};
use crate::report::{ChangeReport, Counts, NoteReport, Report};

/// Something that a run decided or did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// When it was written down.
    pub at: DateTime<Utc>,
    /// The run's id, as its report has it.
    pub run: String,
    /// The machine it ran on.
    pub host: String,
    /// SHA-256 of the config file; empty where the config came from the environment.
    pub config: String,
    #[serde(flatten)]
    pub what: What,
}

/// What a run decided or did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum What {
    /// It is about to change something; what it means to do follows, each step as `planned`.
    Begin {
        /// `sync`, or the verb.
        verb: String,
        version: String,
        /// SHA-256 of the plan.
        digest: String,
        /// The limits were lifted.
        forced: bool,
    },
    /// A step of the plan: what is meant, or what became of it.
    Change {
        target: String,
        #[serde(flatten)]
        change: ChangeReport,
    },
    /// Something left undone. Written when it appears, not again by each run that finds it unchanged.
    Note {
        target: String,
        #[serde(flatten)]
        note: NoteReport,
    },
    /// A source or a target could not be read. Written like a note.
    Fault { name: String, error: String },
    /// The plan was not carried out.
    Refusal { digest: String, why: String },
    /// The run is over.
    End {
        verb: String,
        exit_code: u8,
        counts: Counts,
        /// SHA-256 of its notes and faults, by which the next run knows which are new.
        notes: String,
        /// Why it ended before it had a plan; nothing was changed then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
}

impl Event {
    /// Says that its run was refused.
    pub fn is_refused(&self) -> bool {
        match self.what {
            What::Refusal { .. } => true,
            What::End { exit_code, .. } => exit_code == Exit::Refused.code(),
            _ => false,
        }
    }
}

/// Writes the events of one run.
#[derive(Clone)]
pub struct Journal {
    pub verb: &'static str,
    pub run: String,
    host: String,
    config: String,
    clock: Clock,
}

impl Journal {
    pub fn new(verb: &'static str, run: String, config: &str, clock: Clock) -> Self {
        Self { verb, run, host: machine(), config: config.to_owned(), clock }
    }

    pub fn event(&self, what: What) -> Event {
        let now = self.clock.now();
        let at = now.duration_trunc(TimeDelta::seconds(1)).unwrap_or(now);
        Event { at, run: self.run.clone(), host: self.host.clone(), config: self.config.clone(), what }
    }

    /// That the run begins to change something, and what it means to do.
    pub fn begin(&self, report: &Report, forced: bool) -> Vec<Event> {
        let (verb, version) = (self.verb.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let begin = What::Begin { verb, version, digest: report.digest.clone(), forced };
        let changes =
            report.changes().map(|(target, change)| What::Change { target: target.to_owned(), change: change.clone() });
        std::iter::once(begin).chain(changes).map(|what| self.event(what)).collect()
    }

    /// What is left undone, where that is news after `last`, the newest record before this run; and that the run is over.
    pub fn end(&self, report: &Report, last: Option<&Record>) -> Vec<Event> {
        let notes = report.targets.iter().flat_map(|(target, report)| {
            report.notes.iter().map(move |note| What::Note { target: target.clone(), note: note.clone() })
        });
        let faults = report.faults().map(|(name, error)| What::Fault { name: name.into(), error: error.into() });
        let undone: Vec<What> = notes.chain(faults).collect();
        let digest =
            chain::digest(serde_json::to_string(&undone).expect("no map with other keys than text").as_bytes());
        let news = if noted(last).as_ref() == Some(&digest) { Vec::new() } else { undone };
        let refusals = report.refused.iter().chain(&report.differences);
        let refusals = refusals.map(|why| What::Refusal { digest: report.digest.clone(), why: why.clone() });
        let end = What::End {
            verb: self.verb.to_owned(),
            exit_code: report.exit_code,
            counts: report.counts,
            notes: digest,
            error: None,
        };
        news.into_iter().chain(refusals).chain([end]).map(|what| self.event(what)).collect()
    }

    /// That the run is over before it had a plan, because of `error`.
    pub fn failed(&self, error: &anyhow::Error, last: Option<&Record>) -> Event {
        self.over(Exit::CouldNotRun.code(), Some(format!("{error:#}")), last)
    }

    /// That a run is over that had no plan; `error` where that was too early. What the run before left undone is no news
    /// to the next.
    pub fn over(&self, exit_code: u8, error: Option<String>, last: Option<&Record>) -> Event {
        let notes = noted(last).unwrap_or_default();
        self.event(What::End { verb: self.verb.to_owned(), exit_code, counts: Counts::default(), notes, error })
    }
}

/// The digest of what was left undone when the run that wrote `last` ended.
fn noted(last: Option<&Record>) -> Option<String> {
    match last?.event().ok()?.what {
        What::End { notes, .. } => Some(notes),
        _ => None,
    }
}
