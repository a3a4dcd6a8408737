//! What `check --conformance` found.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Style, VERSION};
use crate::conformance::{Conformed, Finding, Question, Verdict};
use crate::domain::Tenure;
use crate::harmless::{line, shown};

/// Every step of the contract of targets, and what is left of it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Conformance {
    pub version: u32,
    pub target: String,
    /// Whose account was used.
    pub email: String,
    /// As it was spelled.
    pub entitlement: String,
    /// Who keeps time; `null` where that was not come to.
    pub tenure: Option<Tenure>,
    pub findings: Vec<Finding>,
    /// Why it ended early.
    pub halted: Option<String>,
    /// What could not be taken back.
    pub left: Vec<LeftReport>,
    /// Nothing failed, all was taken back, and it came to its end.
    pub ok: bool,
}

/// A grant that could not be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftReport {
    /// The target's own id of it; `null` where it is not known.
    pub id: Option<String>,
    pub why: String,
    /// How to remove it.
    pub remedy: String,
}

impl Conformance {
    pub fn new(conformed: &Conformed) -> Self {
        let Conformed { question, tenure, findings, halted, left } = conformed;
        let Question { target, email, spelling } = question;
        let remedy = |ours: bool| match ours {
            true => format!("the next sync takes it back, and so does {}", question.remedy()),
            false => "the ledger does not know it: take it away on the target by hand".into(),
        };
        let left = left.iter().map(|left| LeftReport {
            id: left.id.as_ref().map(|id| id.0.clone()),
            why: left.why.clone(),
            remedy: remedy(left.ours),
        });
        Self {
            version: VERSION,
            target: target.clone(),
            email: email.to_string(),
            entitlement: spelling.clone(),
            tenure: *tenure,
            findings: findings.clone(),
            halted: halted.clone(),
            left: left.collect(),
            ok: conformed.exit() == crate::exit::Exit::Fine,
        }
    }

    pub fn text(&self, style: &Style) -> String {
        let mut out = String::new();
        let told = |finding: &&Finding| !style.quiet || finding.outcome == Verdict::Failed;
        for Finding { step, outcome, text } in self.findings.iter().filter(told) {
            let (mark, word) = match outcome {
                Verdict::Held => (' ', "held"),
                Verdict::Failed => ('!', "failed"),
                Verdict::Skipped => (' ', "skipped"),
            };
            let text = match outcome {
                Verdict::Held => line(text),
                _ => format!("{}: {}", step.promise(), line(text)).into(),
            };
            let _ = writeln!(out, "{mark} {word:<7} {:<13} {text}", step.word());
        }
        if let Some(why) = &self.halted {
            let _ = writeln!(out, "! It ended early: {}", line(why));
        }
        let (email, entitlement) = (shown(&self.email), shown(&self.entitlement));
        for LeftReport { id, why, remedy } in &self.left {
            let id = id.as_ref().map(|id| format!(" (grant {})", shown(id))).unwrap_or_default();
            let stays = if id.is_empty() { "may stay" } else { "stays" };
            let told = format!("! {entitlement} {stays} with {email}{id}: {}; {}\n", line(why), line(remedy));
            // Several of which nothing else is known are told once.
            if !out.ends_with(&told) {
                out.push_str(&told);
            }
        }
        if style.quiet && out.is_empty() {
            return out;
        }
        let count = |verdict| self.findings.iter().filter(|finding| finding.outcome == verdict).count();
        let (held, failed, skipped) = (count(Verdict::Held), count(Verdict::Failed), count(Verdict::Skipped));
        let tenure = self.tenure.map(|tenure| format!(" ({})", word(tenure))).unwrap_or_default();
        let rest = if self.left.is_empty() { "Nothing is left of it." } else { "Not all was taken back." };
        let target = shown(&self.target);
        let _ = writeln!(out, "{target}{tenure}: {held} held, {failed} failed, {skipped} skipped. {rest}");
        out
    }
}

/// As a config has it.
fn word(tenure: Tenure) -> &'static str {
    match tenure {
        Tenure::Scheduled => "scheduled",
        Tenure::Expiring => "expiring",
        Tenure::Standing => "standing",
    }
}
