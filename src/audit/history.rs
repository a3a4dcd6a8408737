//! What somebody held and when, told from the records of the audit log.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{Event, What};
use crate::domain::{Email, Names};
use crate::report::{Action, ChangeReport, ReasonReport, State};

/// A stretch of access, for the same reasons all through.
#[derive(Debug, Clone, PartialEq)]
pub struct Stint {
    pub target: String,
    pub account: String,
    pub entitlement: String,
    pub entitlement_id: String,
    /// The target's own id of the grant.
    pub id: Option<String>,
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub ending: Ending,
    pub reasons: Vec<ReasonReport>,
}

/// How a stretch of access came, or will come, to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By its own date, as far as the log goes.
    Dated,
    /// It went on with other dates or for other reasons.
    Moved,
    TakenBack,
    /// A run found it gone.
    Gone,
    /// Somebody had it given up; it stayed on the target.
    Released,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    pub at: DateTime<Utc>,
    pub entitlement: String,
    pub error: String,
}

/// What the audit log tells of one person.
#[derive(Debug, Default)]
pub struct History {
    emails: BTreeSet<Email>,
    /// In the order in which they were given.
    pub stints: Vec<Stint>,
    /// What could not be given, by target and the entitlement's id. Forgotten once it was given.
    pub failed: BTreeMap<(String, String), Failed>,
    /// Why the last run was refused, if it was.
    pub refused: Vec<String>,
    /// When the last record was written.
    pub as_of: Option<DateTime<Utc>>,
    /// Whom and what it speaks of.
    pub known: Names,
    run: String,
}

impl History {
    /// Of whoever goes by one of these addresses.
    pub fn new(emails: BTreeSet<Email>) -> Self {
        Self { emails, ..Self::default() }
    }

    /// Takes the next record.
    pub fn see(&mut self, event: &Event) {
        self.as_of = Some(event.at);
        if self.run != event.run {
            self.run.clone_from(&event.run);
            self.refused.clear();
        }
        event.what.name(&mut self.known);
        match &event.what {
            What::Refusal { why, .. } => self.refused.push(why.clone()),
            What::Change { target, change } => {
                if self.emails.contains(&Email::new(&change.email)) {
                    self.change(event.at, target, change);
                }
            }
            What::Begin { .. } | What::Note { .. } | What::Fault { .. } | What::End { .. } => {}
        }
    }

    fn change(&mut self, at: DateTime<Utc>, target: &str, change: &ChangeReport) {
        let key = || (target.to_owned(), change.entitlement_id.clone());
        match (change.outcome, change.action) {
            (State::Planned | State::Deferred | State::Skipped, _) => {}
            (State::Failed, Action::Create | Action::Amend) => {
                let (entitlement, error) = (change.entitlement.clone(), change.error.clone().unwrap_or_default());
                self.failed.insert(key(), Failed { at, entitlement, error });
            }
            (State::Failed, _) => {}
            (State::Done, Action::Create) => {
                self.failed.remove(&key());
                self.stints.extend(stint(target, change, change.from.max(at)));
            }
            (State::Done, Action::Adopt | Action::Confirm) => {
                self.failed.remove(&key());
                self.stints.extend(stint(target, change, change.from));
            }
            (State::Done, Action::Amend | Action::Retime) => {
                self.failed.remove(&key());
                let until = change.was.and_then(|was| was.until);
                let from = match self.find(target, change, until) {
                    Some(place) if self.stints[place].from < at => {
                        self.close(place, at, Ending::Moved);
                        change.from.max(at)
                    }
                    Some(place) => {
                        self.stints.remove(place);
                        change.from
                    }
                    None => change.from,
                };
                self.stints.extend(stint(target, change, from));
            }
            (State::Done, Action::Expire | Action::Revoke) => {
                if let Some(place) = self.find(target, change, Some(change.until)) {
                    self.close(place, at, Ending::TakenBack);
                }
            }
            (State::Done, Action::Release) => {
                if let Some(place) = self.find(target, change, Some(change.until)) {
                    self.close(place, at, Ending::Released);
                }
            }
            (State::Done, Action::Forget) => {
                let gone = change.until > at;
                if let Some(place) = self.find(target, change, Some(change.until)).filter(|_| gone) {
                    self.close(place, at, Ending::Gone);
                }
            }
        }
    }

    /// The open stint that `change` is about: by the grant's id, else by its end.
    fn find(&self, target: &str, change: &ChangeReport, until: Option<DateTime<Utc>>) -> Option<usize> {
        let same = |stint: &Stint| {
            stint.ending == Ending::Dated
                && stint.target == target
                && stint.account == change.account
                && stint.entitlement_id == change.entitlement_id
        };
        let by = |fits: &dyn Fn(&Stint) -> bool| self.stints.iter().rposition(|stint| same(stint) && fits(stint));
        by(&|stint| stint.id.is_some() && stint.id == change.id).or_else(|| by(&|stint| Some(stint.until) == until))
    }

    fn close(&mut self, place: usize, at: DateTime<Utc>, ending: Ending) {
        if self.stints[place].from >= at {
            self.stints.remove(place);
            return;
        }
        let stint = &mut self.stints[place];
        (stint.until, stint.ending) = (at, ending);
    }
}

fn stint(target: &str, change: &ChangeReport, from: DateTime<Utc>) -> Option<Stint> {
    (from < change.until).then(|| Stint {
        target: target.to_owned(),
        account: change.account.clone(),
        entitlement: change.entitlement.clone(),
        entitlement_id: change.entitlement_id.clone(),
        id: change.id.clone(),
        from,
        until: change.until,
        ending: Ending::Dated,
        reasons: change.reasons.clone(),
    })
}
