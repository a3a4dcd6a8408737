//! What a plan is made of: its steps, and what it leaves undone.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Email, Grant, GrantId, Owned, Period, Person, Reasons, Schedule};

/// One step of a plan. The order of the variants is the order in which they are carried out: what is overdue never waits,
/// and a hand-over leaves no gap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Ledger only: an intent turned out to have been carried out.
    Confirm {
        owned: Owned,
        id: GrantId,
    },
    /// Ledger only: not ours any more, for it has ended, is gone, or was never given.
    Forget {
        owned: Owned,
    },
    /// Ledger only: ours for another period or for other reasons.
    Retime {
        owned: Owned,
        period: Period,
        reasons: Reasons,
    },
    /// Ledger only: somebody else gave it, and it is ours from now on.
    Adopt {
        grant: Grant,
        id: GrantId,
        reasons: Reasons,
    },
    /// Ledger only: given up, and left on the target.
    Release {
        owned: Owned,
    },
    /// Take back what has ended by its own dates.
    Expire {
        owned: Owned,
    },
    Create {
        grant: Grant,
        reasons: Reasons,
    },
    Amend {
        owned: Owned,
        to: Grant,
        reasons: Reasons,
    },
    /// Take back before its end.
    Revoke {
        owned: Owned,
    },
}

impl Change {
    /// Touches nothing but the ledger.
    pub fn is_bookkeeping(&self) -> bool {
        match self {
            Self::Forget { .. }
            | Self::Confirm { .. }
            | Self::Retime { .. }
            | Self::Adopt { .. }
            | Self::Release { .. } => true,
            Self::Expire { .. } | Self::Create { .. } | Self::Amend { .. } | Self::Revoke { .. } => false,
        }
    }

    /// The entry of ours that it is about.
    pub fn owned(&self) -> Option<&Owned> {
        match self {
            Self::Create { .. } | Self::Adopt { .. } => None,
            Self::Forget { owned }
            | Self::Confirm { owned, .. }
            | Self::Retime { owned, .. }
            | Self::Release { owned }
            | Self::Expire { owned }
            | Self::Amend { owned, .. }
            | Self::Revoke { owned } => Some(owned),
        }
    }

    /// What is on the target when it is done; for what goes, what was there.
    pub fn grant(&self) -> &Grant {
        match self {
            Self::Create { grant, .. } | Self::Adopt { grant, .. } | Self::Amend { to: grant, .. } => grant,
            Self::Forget { owned }
            | Self::Confirm { owned, .. }
            | Self::Retime { owned, .. }
            | Self::Release { owned }
            | Self::Expire { owned }
            | Self::Revoke { owned } => &owned.grant,
        }
    }

    pub fn reasons(&self) -> &Reasons {
        match self {
            Self::Create { reasons, .. }
            | Self::Adopt { reasons, .. }
            | Self::Amend { reasons, .. }
            | Self::Retime { reasons, .. } => reasons,
            Self::Forget { owned }
            | Self::Confirm { owned, .. }
            | Self::Release { owned }
            | Self::Expire { owned }
            | Self::Revoke { owned } => &owned.reasons,
        }
    }
}

/// One thing left undone, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    NoEmail {
        person: Person,
        schedule: Schedule,
    },
    NoAccount {
        email: Email,
        name: String,
        /// What the target says about it.
        why: Option<String>,
    },
    ManyAccounts {
        email: Email,
        name: String,
    },
    Suspended {
        email: Email,
        name: String,
    },
    NoEntitlement {
        rule: String,
        entitlement: String,
        why: String,
    },
    /// Somebody else gave it already; it is theirs to take back.
    AlreadyHeld {
        grant: Grant,
        by: GrantId,
    },
    /// Ours, until somebody else gave it another way too; it is theirs to take back.
    TakenOver {
        grant: Grant,
        by: GrantId,
    },
    /// The target cannot be told ahead; it is given when it begins.
    NotYet {
        grant: Grant,
    },
    /// It rests on something that could not be read, and stays as it is.
    Stands {
        grant: Grant,
    },
    /// Ours, and what it is of may be there although the target does not show it.
    Hidden {
        grant: Grant,
        why: String,
    },
    /// Ours and desired, and somebody took it away. It is given again, or stays away until then.
    Drift {
        grant: Grant,
        respected_until: Option<DateTime<Utc>>,
    },
    /// Ours, perhaps: an earlier run ended in the middle of giving it, or it was given and may only be hidden.
    Unsettled {
        grant: Grant,
        given: bool,
    },
    /// What the next sync does with what was adopted.
    NextSync {
        grant: Grant,
        id: GrantId,
        next: Next,
    },
    /// Desired and given by somebody else, and it cannot become ours.
    NotAdoptable {
        grant: Grant,
        id: GrantId,
        why: Unfit,
    },
}

/// What becomes of an adopted grant with the next sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Next {
    /// It stays as it is, and ends by its own dates.
    Stays,
    /// It stays, and a sync takes it back when this is over: the target keeps no dates.
    EndsByUs(Period),
    Moves(Period),
    TakenBack,
}

/// Why a grant cannot be adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unfit {
    /// It is ours already.
    Ours,
    Ended,
    /// It was certainly made another way, which keeps it.
    AnotherWay,
    /// No rule gives it to them at that time.
    Undesired,
    /// What is desired of it is there by ours, or stays away because somebody took ours away.
    Needless,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "it is ours already",
            Self::Ended => "it has ended",
            Self::AnotherWay => {
                "it was certainly made another way, by an access request for instance, and ends that way"
            }
            Self::Undesired => "nobody on call is to have it at that time",
            Self::Needless => "ours gives the same already, or somebody took ours away, which is respected",
        })
    }
}

/// What to do where somebody took away a grant of ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnDrift {
    /// Give it again.
    #[default]
    Restore,
    /// Leave it away until its own end.
    Respect,
}

impl Note {
    /// Somebody could not be served.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::NoEmail { .. }
            | Self::NoAccount { .. }
            | Self::ManyAccounts { .. }
            | Self::Suspended { .. }
            | Self::NoEntitlement { .. }
            | Self::Hidden { .. }
            | Self::Unsettled { .. } => true,
            Self::AlreadyHeld { .. }
            | Self::TakenOver { .. }
            | Self::NotYet { .. }
            | Self::Stands { .. }
            | Self::Drift { .. }
            | Self::NextSync { .. }
            | Self::NotAdoptable { .. } => false,
        }
    }
}

/// What to do on one target, in order, and what is left undone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    pub changes: Vec<Change>,
    pub notes: Vec<Note>,
}
