//! A change as it is reported.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Span;
use crate::apply::Outcome;
use crate::domain::{Change, Owned, Period, Reason};

/// One step of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Ledger only: an earlier run's call turned out to have been carried out.
    Confirm,
    /// Ledger only: it has ended, is gone, or was never given.
    Forget,
    /// Ledger only: for another period, or for other reasons.
    Retime,
    /// Ledger only: somebody else gave it, and it is ours from now on.
    Adopt,
    /// Ledger only: given up, and left on the target.
    Release,
    /// Taken back after its own end.
    Expire,
    Create,
    Amend,
    /// Taken back before its end.
    Revoke,
}

impl Action {
    /// The ledger is only brought up to what is: nothing that anybody asked for.
    pub fn is_bookkeeping(self) -> bool {
        matches!(self, Self::Confirm | Self::Forget | Self::Retime)
    }

    /// As JSON has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::Release => "release",
            Self::Confirm => "confirm",
            Self::Forget => "forget",
            Self::Retime => "retime",
            Self::Expire => "expire",
            Self::Create => "create",
            Self::Amend => "amend",
            Self::Revoke => "revoke",
        }
    }
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Planned,
    Done,
    Deferred,
    Skipped,
    Failed,
}

impl State {
    /// As JSON has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Done => "done",
            Self::Deferred => "deferred",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// One step of a plan, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeReport {
    pub action: Action,
    /// The target's own id of the account.
    pub account: String,
    pub email: String,
    /// As rules spell it.
    pub entitlement: String,
    /// The target's own id of the entitlement.
    pub entitlement_id: String,
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// What it was before, for what is moved.
    pub was: Option<Span>,
    pub reasons: Vec<ReasonReport>,
    pub outcome: State,
    /// The target's own id of the grant, where it is known.
    pub id: Option<String>,
    /// Why it was not done.
    pub error: Option<String>,
}

/// A shift and the rule that gives access for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReasonReport {
    pub rule: String,
    pub source: String,
    pub schedule: String,
    pub schedule_id: String,
    pub person: String,
    pub shift: Span,
}

impl From<&Reason> for ReasonReport {
    fn from(reason: &Reason) -> Self {
        let Reason { rule, source, schedule, person: _, name, start, end } = reason;
        Self {
            rule: rule.clone(),
            source: source.clone(),
            schedule: schedule.name.clone(),
            schedule_id: schedule.id.clone(),
            person: name.clone(),
            shift: Span { from: *start, until: *end },
        }
    }
}

impl ChangeReport {
    pub fn new(change: &Change, outcome: Option<&Outcome>) -> Self {
        let (action, period, was) = match change {
            Change::Confirm { owned, .. } => (Action::Confirm, owned.grant.period, None),
            Change::Forget { owned } => (Action::Forget, owned.grant.period, None),
            Change::Retime { owned, period, .. } => (Action::Retime, *period, Some(owned)),
            Change::Adopt { grant, .. } => (Action::Adopt, grant.period, None),
            Change::Release { owned } => (Action::Release, owned.grant.period, None),
            Change::Expire { owned } => (Action::Expire, owned.grant.period, None),
            Change::Create { grant, .. } => (Action::Create, grant.period, None),
            Change::Amend { owned, to, .. } => (Action::Amend, to.period, Some(owned)),
            Change::Revoke { owned } => (Action::Revoke, owned.grant.period, None),
        };
        let id = match (outcome, change) {
            (Some(Outcome::Done(Some(id))), _) | (_, Change::Confirm { id, .. } | Change::Adopt { id, .. }) => Some(id),
            (_, change) => change.owned().and_then(|owned| owned.id.as_ref()),
        };
        let id = id.map(|id| id.0.clone());
        let (outcome, error) = match outcome {
            None => (State::Planned, None),
            Some(Outcome::Done(_)) => (State::Done, None),
            Some(Outcome::Deferred(why)) => (State::Deferred, Some(why.clone())),
            Some(Outcome::Skipped(why)) => (State::Skipped, Some(why.clone())),
            Some(Outcome::Failed(why)) => (State::Failed, Some(why.clone())),
        };
        let grant = change.grant();
        Self {
            action,
            account: grant.access.account.0.clone(),
            email: grant.email.as_str().to_owned(),
            entitlement: grant.access.entitlement.name.to_string(),
            entitlement_id: grant.access.entitlement.id.to_string(),
            from: period.start(),
            until: period.end(),
            was: was.map(|owned: &Owned| span(owned.grant.period)),
            reasons: change.reasons().iter().map(ReasonReport::from).collect(),
            outcome,
            id,
            error,
        }
    }
}

pub fn span(period: Period) -> Span {
    Span { from: Some(period.start()), until: Some(period.end()) }
}
