//! What a plan is made of: its steps, and what it leaves undone.

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
            Self::Forget { .. } | Self::Confirm { .. } | Self::Retime { .. } => true,
            Self::Expire { .. } | Self::Create { .. } | Self::Amend { .. } | Self::Revoke { .. } => false,
        }
    }

    /// The entry of ours that it is about.
    pub fn owned(&self) -> Option<&Owned> {
        match self {
            Self::Create { .. } => None,
            Self::Forget { owned }
            | Self::Confirm { owned, .. }
            | Self::Retime { owned, .. }
            | Self::Expire { owned }
            | Self::Amend { owned, .. }
            | Self::Revoke { owned } => Some(owned),
        }
    }

    /// What is on the target when it is done; for what goes, what was there.
    pub fn grant(&self) -> &Grant {
        match self {
            Self::Create { grant, .. } | Self::Amend { to: grant, .. } => grant,
            Self::Forget { owned }
            | Self::Confirm { owned, .. }
            | Self::Retime { owned, .. }
            | Self::Expire { owned }
            | Self::Revoke { owned } => &owned.grant,
        }
    }

    pub fn reasons(&self) -> &Reasons {
        match self {
            Self::Create { reasons, .. } | Self::Amend { reasons, .. } | Self::Retime { reasons, .. } => reasons,
            Self::Forget { owned } | Self::Confirm { owned, .. } | Self::Expire { owned } | Self::Revoke { owned } => {
                &owned.reasons
            }
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
    /// The target cannot be told ahead; it is given when it begins.
    NotYet {
        grant: Grant,
    },
    /// It rests on something that could not be read, and stays as it is.
    Stands {
        grant: Grant,
    },
    /// Ours and desired, and somebody took it away.
    Drift {
        grant: Grant,
    },
}

impl Note {
    /// Somebody could not be served.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::NoEmail { .. }
            | Self::NoAccount { .. }
            | Self::ManyAccounts { .. }
            | Self::Suspended { .. }
            | Self::NoEntitlement { .. } => true,
            Self::AlreadyHeld { .. } | Self::NotYet { .. } | Self::Stands { .. } | Self::Drift { .. } => false,
        }
    }
}

/// What to do on one target, in order, and what is left undone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    pub changes: Vec<Change>,
    pub notes: Vec<Note>,
}
