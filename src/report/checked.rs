//! What `check` found.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::{NoteReport, SourceReport, Style, VERSION};
use crate::decision::{Decision, Inputs};
use crate::harmless::{line, message, shown};
use crate::words::count;

/// Every source and target that was tried, and whether all is well.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Checked {
    pub version: u32,
    pub sources: BTreeMap<String, SourceReport>,
    pub targets: BTreeMap<String, CheckedTarget>,
    /// What is wrong with the clock, by what the servers say.
    pub clock: Option<String>,
    /// Nothing stands in the way of serving everybody.
    pub ok: bool,
}

/// What `check` found on one target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct CheckedTarget {
    /// Why it could not be read.
    pub error: Option<String>,
    /// Accounts found for the people on call.
    pub accounts: usize,
    /// What each spelling in the rules stands for.
    pub entitlements: BTreeMap<String, Vec<String>>,
    /// Who or what cannot be served.
    pub notes: Vec<NoteReport>,
}

impl Checked {
    pub fn new(inputs: &Inputs, decision: &Decision) -> Self {
        let clock = inputs.witnesses.refusal(inputs.window).map(|refusal| refusal.to_string());
        let mut checked =
            Self { version: VERSION, sources: BTreeMap::new(), targets: BTreeMap::new(), clock, ok: true };
        for ((name, _), reading) in &inputs.readings {
            checked.sources.entry(name.clone()).or_default().add(reading);
        }
        for (name, seen) in &inputs.targets {
            let target = checked.targets.entry(name.clone()).or_default();
            match (&seen.current, &decision.plans[name]) {
                (Ok(current), Ok(plan)) => {
                    target.accounts = current.accounts.len();
                    let found = current
                        .entitlements
                        .iter()
                        .filter_map(|(spelling, found)| Some((spelling, found.as_ref().ok()?)));
                    target.entitlements = found
                        .map(|(spelling, found)| {
                            (spelling.clone(), found.iter().map(|one| one.name.to_string()).collect())
                        })
                        .collect();
                    let failing = plan.notes.iter().filter(|note| note.is_failure());
                    target.notes = failing.map(|note| NoteReport::new(note, name)).collect();
                }
                (Err(error), _) | (_, Err(error)) => target.error = Some(error.clone()),
            }
        }
        let sources_ok = checked.sources.values().all(|source| source.errors.is_empty());
        checked.ok = checked.clock.is_none()
            && sources_ok
            && checked.targets.values().all(|target| target.error.is_none() && target.notes.is_empty());
        checked
    }

    pub fn text(&self, style: &Style) -> String {
        let mut out = String::new();
        for (name, source) in &self.sources {
            let _ = writeln!(out, "  source {}: {} read", shown(name), count(source.shifts, "shift"));
            for remark in source.remarks.iter().filter(|_| !style.quiet) {
                let _ = writeln!(out, "    {}", line(remark));
            }
            for error in &source.errors {
                let _ = writeln!(out, "! source {}: {}", shown(name), message(error));
            }
        }
        for (name, target) in &self.targets {
            if let Some(error) = &target.error {
                let _ = writeln!(out, "! target {}: {}", shown(name), line(error));
                continue;
            }
            let _ = writeln!(out, "  target {}: {} found", shown(name), count(target.accounts, "account"));
            for (spelling, found) in target.entitlements.iter().filter(|_| !style.quiet) {
                let found: Vec<_> = found.iter().map(|name| shown(name)).collect();
                let _ = writeln!(out, "    {} is there: {}", shown(spelling), found.join(", "));
            }
            for note in &target.notes {
                let _ = writeln!(out, "! {}", line(&note.text));
            }
        }
        if let Some(clock) = &self.clock {
            let _ = writeln!(out, "! clock: {clock}");
        }
        let _ = writeln!(
            out,
            "{}",
            if self.ok { "All is well." } else { "Not all is well: see the lines that begin with '!'." }
        );
        out
    }
}
