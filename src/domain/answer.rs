//! What is answered to somebody who asks why they have access, or why not.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Email, Entitlement, GrantId, Override, Period, Person, Reasons, Schedule};

/// Whether one entitlement is theirs, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub entitlement: Entitlement,
    pub verdict: Verdict,
    pub steps: Vec<Step>,
}

/// Whether somebody has access at the instant asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// `None`: since ever, for ever, or the target does not tell.
    Has {
        from: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    },
    /// Not yet.
    Will {
        from: DateTime<Utc>,
        until: Option<DateTime<Utc>>,
    },
    /// Not any more.
    Had {
        until: DateTime<Utc>,
    },
    Not,
    /// The target could not be read; or the instant lies ahead, and a schedule could not.
    Unknown,
}

/// What holds a grant shorter than its shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    MaxDuration(TimeDelta),
    Duration(TimeDelta),
}

/// A shift by which a rule gives access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnDuty {
    pub rule: String,
    pub source: String,
    pub schedule: Schedule,
    pub person: String,
    pub start: Option<DateTime<Utc>>,
    pub end: Option<DateTime<Utc>>,
    pub overrides: Vec<Override>,
    pub early: TimeDelta,
    pub late: TimeDelta,
    pub limit: Option<Limit>,
}

/// One step of the way from a shift to a grant, there or missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    OnCall(OnDuty),
    /// One grant for several shifts.
    Merged {
        period: Period,
        reasons: Reasons,
    },
    Ours {
        id: Option<GrantId>,
        period: Period,
    },
    Theirs {
        id: GrantId,
        from: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    },
    /// It rests on something that could not be read.
    Stands,
    /// The target does not show it, and says why it may be there all the same.
    Hidden {
        why: String,
    },
    /// Somebody took it away.
    Drift {
        respected_until: Option<DateTime<Utc>>,
    },
    /// The target cannot be told ahead.
    NotYet {
        from: DateTime<Utc>,
    },
    /// The next run gives it.
    Gives {
        period: Period,
    },
    Moves {
        to: Period,
    },
    TakesBack,
    /// No rule gives it.
    NoRule,
    NotOnCall {
        rule: String,
        schedule: String,
        next: Option<DateTime<Utc>>,
    },
    /// On call at a level that the rule does not take.
    Level {
        rule: String,
        schedule: String,
        seen: u32,
        levels: BTreeSet<u32>,
    },
    /// On call, and the rule's time for it is over.
    UsedUp {
        rule: String,
        schedule: String,
        limit: Limit,
    },
    /// Somebody on call has no e-mail at the source; it may be the person asked about.
    NoEmail {
        person: Person,
        schedule: String,
    },
    SourceDown {
        rule: String,
        source: String,
        error: String,
    },
    NoAccount {
        /// What the target says about it.
        why: Option<String>,
    },
    ManyAccounts {
        email: Email,
        accounts: usize,
    },
    Suspended {
        email: Email,
    },
    NoEntitlement {
        rule: String,
        why: String,
    },
}
