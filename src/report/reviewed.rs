//! A plan that a person has looked at, held against the one of now.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{Action, ChangeReport, Report};

/// Length of a digest: SHA-256 in hexadecimal.
const DIGEST: usize = 64;

/// A plan that was reviewed: its digest, and its steps where the whole report is at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    digest: String,
    steps: Option<BTreeSet<Step>>,
}

/// What of a step counts: what begins now is the same whenever now is, and so is what lasts to the end of the window.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    /// As JSON, for the digest.
    line: String,
    /// For people.
    sentence: String,
}

/// What is needed of a report that `--dry-run --output json` printed.
#[derive(Deserialize)]
struct Printed {
    digest: String,
    run: Run,
    window: super::Span,
    targets: BTreeMap<String, Target>,
}

#[derive(Deserialize)]
struct Run {
    at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Target {
    changes: Vec<ChangeReport>,
}

impl Reviewed {
    /// The plan whose digest is `text`, or that stands in the file of that name.
    ///
    /// # Errors
    /// Where it is neither.
    pub fn read(text: &str) -> Result<Self> {
        if text.len() == DIGEST && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self { digest: text.to_ascii_lowercase(), steps: None });
        }
        let what =
            || format!("--expect takes a digest of {DIGEST} hexadecimal digits or the file of a JSON report; {text}");
        let printed = std::fs::read_to_string(Path::new(text)).with_context(|| format!("{} cannot be read", what()))?;
        let printed: Printed = serde_json::from_str(&printed).with_context(|| format!("{} is no report", what()))?;
        let Printed { digest, run, window, targets } = printed;
        let changes =
            targets.iter().flat_map(|(name, target)| target.changes.iter().map(move |change| (&**name, change)));
        let changes: Vec<_> = changes.filter(|(_, change)| !change.action.is_bookkeeping()).collect();
        let steps: Vec<Step> =
            changes.iter().map(|(target, change)| Step::new(target, change, run.at, window.until)).collect();
        ensure!(
            hash(&steps) == digest,
            "the report {text} was changed after it was printed: its digest is not that of its plan"
        );
        Ok(Self { digest, steps: Some(steps.into_iter().collect()) })
    }

    /// Why `report` is not of this plan, in sentences; empty where it is.
    pub(super) fn differences(&self, report: &Report) -> Vec<String> {
        if self.digest == report.digest {
            return Vec::new();
        }
        let Some(before) = &self.steps else {
            return vec![format!(
                "the plan's digest is {}, not {}; --expect with the file of the JSON report shows what is different",
                report.digest, self.digest
            )];
        };
        let now: BTreeSet<Step> = steps(report).into_iter().collect();
        let gone = before.difference(&now).map(|step| format!("not planned any more: {}", step.sentence));
        let new = now.difference(before).map(|step| format!("new: {}", step.sentence));
        gone.chain(new).collect()
    }
}

impl Step {
    fn new(target: &str, change: &ChangeReport, now: DateTime<Utc>, end: Option<DateTime<Utc>>) -> Self {
        let ChangeReport { action, account, email, entitlement, entitlement_id, from, until, reasons, .. } = change;
        let (from, until) = (Some(*from).filter(|from| *from > now), Some(*until).filter(|until| Some(*until) != end));
        let line = serde_json::json!([target, action, account, entitlement_id, from, until, reasons]).to_string();
        let told = |instant: Option<DateTime<Utc>>, none: &str| {
            instant.map_or(none.to_owned(), |instant| instant.to_rfc3339_opts(SecondsFormat::Secs, true))
        };
        let verb = match action {
            Action::Create => "give",
            Action::Amend => "move",
            Action::Adopt => "adopt",
            Action::Release => "release",
            _ => "take back",
        };
        let (from, until) = (told(from, "now"), told(until, "the end of the window"));
        let sentence = format!("{target}: {verb} {entitlement}, {email}, from {from} until {until}");
        Self { line, sentence }
    }
}

/// The digest of what is planned: the same inputs give the same one.
pub(super) fn digest(report: &Report) -> String {
    hash(&steps(report))
}

fn steps(report: &Report) -> Vec<Step> {
    report.changes().map(|(target, change)| Step::new(target, change, report.run.at, report.window.until)).collect()
}

fn hash(steps: &[Step]) -> String {
    let mut hash = Sha256::new();
    for step in steps {
        hash.update(&step.line);
        hash.update(b"\n");
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
