//! What was found of each step.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// One promise of the contract, in the order in which it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A reading answers every spelling.
    Answers,
    /// The e-mail leads to one account, which can be used.
    Account,
    /// The spelling stands for one entitlement.
    Entitlement,
    /// The account does not hold it yet.
    Empty,
    /// Another reading shows the same, also a new instance's.
    Steady,
    /// An unknown spelling is an error that names it.
    Unknown,
    /// That error names what may have been meant.
    Near,
    /// An unknown spelling spoils no other.
    Spares,
    /// No other spelling stands for the entitlement.
    Exact,
    /// An e-mail that nobody has leads to no account.
    Nobody,
    /// An e-mail like the account's, or one that a search takes for a pattern, does not lead to it.
    LookAlikes,
    Grant,
    /// A new instance's reading shows it once.
    Shown,
    /// With its dates, as far as the target keeps them.
    Dates,
    /// The same again answers the same id.
    GrantAgain,
    /// What is owned is shown although nobody asks for its entitlement.
    Owned,
    AmendLater,
    AmendEarlier,
    /// A move that has happened answers the same id.
    AmendAgain,
    /// While a grant is moved, readings show access.
    NeverAbsent,
    Revoke,
    /// A reading does not show it any more.
    Gone,
    /// What is gone already is success.
    RevokeAgain,
    /// What others hold is there as it was.
    Foreign,
}

/// Every step, in order.
pub const STEPS: [Step; 24] = [
    Step::Answers,
    Step::Account,
    Step::Entitlement,
    Step::Empty,
    Step::Steady,
    Step::Unknown,
    Step::Near,
    Step::Spares,
    Step::Exact,
    Step::Nobody,
    Step::LookAlikes,
    Step::Grant,
    Step::Shown,
    Step::Dates,
    Step::GrantAgain,
    Step::Owned,
    Step::AmendLater,
    Step::AmendEarlier,
    Step::AmendAgain,
    Step::NeverAbsent,
    Step::Revoke,
    Step::Gone,
    Step::RevokeAgain,
    Step::Foreign,
];

impl Step {
    /// As reports call it.
    pub fn word(self) -> &'static str {
        self.said().0
    }

    /// What is promised, as a sentence.
    pub fn promise(self) -> &'static str {
        self.said().1
    }

    fn said(self) -> (&'static str, &'static str) {
        match self {
            Self::Answers => ("answers", "a reading answers every spelling that was asked for"),
            Self::Account => ("account", "the e-mail leads to one account, which can be used"),
            Self::Entitlement => ("entitlement", "the spelling stands for one entitlement"),
            Self::Empty => ("empty", "the account does not hold it at first"),
            Self::Steady => ("steady", "another reading shows the same, also a new instance's"),
            Self::Unknown => ("unknown", "a spelling that is unknown is an error that names it"),
            Self::Near => ("near", "that error names what may have been meant"),
            Self::Spares => ("spares", "a spelling that is unknown spoils no other"),
            Self::Exact => ("exact", "no other spelling stands for the entitlement"),
            Self::Nobody => ("nobody", "an e-mail that nobody has leads to no account"),
            Self::LookAlikes => ("look-alikes", "no misspelt e-mail and no pattern leads to the account"),
            Self::Grant => ("grant", "access is given"),
            Self::Shown => ("shown", "a new instance's reading shows each grant once"),
            Self::Dates => ("dates", "it is shown with the dates that the target keeps"),
            Self::GrantAgain => ("grant-again", "the same grant again answers the same id"),
            Self::Owned => ("owned", "what is ours is shown although no spelling asks for it"),
            Self::AmendLater => ("amend-later", "a grant's end is moved out"),
            Self::AmendEarlier => ("amend-earlier", "a grant's end is moved in"),
            Self::AmendAgain => ("amend-again", "a move that has happened answers the same id"),
            Self::NeverAbsent => ("never-absent", "while a grant is moved, readings show access"),
            Self::Revoke => ("revoke", "access is taken back"),
            Self::Gone => ("gone", "a reading does not show it any more"),
            Self::RevokeAgain => ("revoke-again", "taking back what is gone already is success"),
            Self::Foreign => ("foreign", "what others hold is there as it was"),
        }
    }
}

/// What became of a step. In this order, a later one outweighs an earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Skipped,
    Held,
    Failed,
}

/// One step, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    pub step: Step,
    pub outcome: Verdict,
    /// What was promised; where it failed or was skipped, what was seen or why.
    pub text: String,
}

/// What was found so far. A step that is looked at several times holds where it held each time.
#[derive(Debug, Default)]
pub struct Findings(BTreeMap<Step, (Verdict, String)>);

impl Findings {
    pub fn held(&mut self, step: Step) {
        self.add(step, Verdict::Held, step.promise().into());
    }

    pub fn failed(&mut self, step: Step, seen: impl Into<String>) {
        self.add(step, Verdict::Failed, seen.into());
    }

    pub fn skipped(&mut self, step: Step, why: impl Into<String>) {
        self.add(step, Verdict::Skipped, why.into());
    }

    /// Held, or else what was seen.
    pub fn judge(&mut self, step: Step, seen: Result<(), String>) {
        match seen {
            Ok(()) => self.held(step),
            Err(seen) => self.failed(step, seen),
        }
    }

    fn add(&mut self, step: Step, verdict: Verdict, text: String) {
        let known = self.0.get(&step).map(|(known, _)| *known);
        if known.is_none_or(|known| known < verdict) {
            self.0.insert(step, (verdict, text));
        }
    }

    pub fn of(&self, step: Step) -> Option<Verdict> {
        self.0.get(&step).map(|(verdict, _)| *verdict)
    }

    pub fn has_failed(&self, step: Step) -> bool {
        self.of(step) == Some(Verdict::Failed)
    }

    /// Those that there are, in order.
    pub fn list(&self) -> Vec<Finding> {
        let one = |(step, (outcome, text)): (&Step, &(Verdict, String))| Finding {
            step: *step,
            outcome: *outcome,
            text: text.clone(),
        };
        self.0.iter().map(one).collect()
    }

    /// Every step, those that were not come to because of `why`.
    pub fn whole(mut self, why: &str) -> Vec<Finding> {
        for step in STEPS.into_iter().filter(|step| !self.0.contains_key(step)).collect::<Vec<_>>() {
            self.skipped(step, why);
        }
        self.list()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_step_is_listed_once_in_order_with_a_word_of_its_own() {
        assert!(STEPS.is_sorted());
        let words: BTreeSet<_> = STEPS.iter().map(|step| step.word()).collect();
        assert_eq!(words.len(), STEPS.len());
        for step in STEPS {
            assert_eq!(serde_json::json!(step), step.word());
        }
    }

    #[test]
    fn a_failure_is_not_forgotten() {
        let mut findings = Findings::default();
        findings.held(Step::Shown);
        findings.failed(Step::Shown, "twice");
        findings.held(Step::Shown);
        findings.failed(Step::Shown, "not at all");
        findings.skipped(Step::Shown, "why");
        assert_eq!(findings.list()[0].text, "twice");
    }
}
