//! Access, and access for a period: as wanted, as shown by a target, as owned by us.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};

use super::{Email, Period, Person, Schedule, Shift};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }
    };
}

name!(
    /// The target's own id of an account.
    AccountId
);
name!(
    /// The target's own id of a grant.
    GrantId
);

/// What can be had on a target: a resource, role, group, team, permission set.
///
/// Two are the same when their ids are the same; the name is for people. Clones share both: as many grants name it as there
/// are shifts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entitlement {
    /// The target's own id, which outlives a change of name.
    pub id: Arc<str>,
    /// As that target spells it in a rule, for instance `prod-postgres` or `role:dba`.
    pub name: Arc<str>,
}

impl PartialEq for Entitlement {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Entitlement {}

impl PartialOrd for Entitlement {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entitlement {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.id.cmp(&other.id)
    }
}

/// The human as the target knows them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Account {
    pub id: AccountId,
    pub email: Email,
    /// Cannot be used at the moment, whatever it holds.
    pub suspended: bool,
}

/// Who may do what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Access {
    pub account: AccountId,
    pub entitlement: Entitlement,
}

/// Access for a period.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    pub access: Access,
    /// Whose account it is, for messages and marks; the account id decides.
    pub email: Email,
    pub period: Period,
}

/// A grant that a target shows, ours or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Held {
    pub id: GrantId,
    pub access: Access,
    /// `None`: since ever, or the target does not keep a start.
    pub from: Option<DateTime<Utc>>,
    /// `None`: for ever, or the target does not keep an end.
    pub until: Option<DateTime<Utc>>,
    /// Certainly made, or made another, by another way (an access workflow, a group rule, a higher role): never taken for
    /// ours, even where an intent of ours looks just like it, and not ours any more, even where we gave it.
    pub foreign: bool,
}

/// Why a grant is wanted: which shift, by which rule. A source's own ids, so that it can be held against a later reading.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    pub rule: String,
    pub source: String,
    pub schedule: Schedule,
    /// The person's id at the source.
    pub person: String,
    /// The person's name at the source.
    pub name: String,
    /// The shift's true start and end; `None` where it has none.
    pub start: Option<DateTime<Utc>>,
    pub end: Option<DateTime<Utc>>,
}

impl Reason {
    pub fn new(rule: &str, source: &str, shift: &Shift) -> Self {
        let Shift { schedule, level: _, person: Person { id, name, email: _ }, start, end, overrides: _ } = shift;
        Self {
            rule: rule.to_owned(),
            source: source.to_owned(),
            schedule: schedule.clone(),
            person: id.clone(),
            name: name.clone(),
            start: *start,
            end: *end,
        }
    }
}

/// Every reason of a grant once, in order. Clones share: one shift is the reason of as many grants as its rule gives.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(from = "Vec<Reason>")]
pub struct Reasons(Arc<[Reason]>);

impl Reasons {
    /// What is a reason of one of the two.
    pub fn union(&self, other: &Self) -> Self {
        if self == other { self.clone() } else { self.iter().chain(other.iter()).cloned().collect() }
    }
}

impl Deref for Reasons {
    type Target = [Reason];

    fn deref(&self) -> &[Reason] {
        &self.0
    }
}

impl From<Vec<Reason>> for Reasons {
    fn from(mut reasons: Vec<Reason>) -> Self {
        reasons.sort();
        reasons.dedup();
        Self(reasons.into())
    }
}

impl FromIterator<Reason> for Reasons {
    fn from_iter<I: IntoIterator<Item = Reason>>(reasons: I) -> Self {
        Vec::from_iter(reasons).into()
    }
}

impl Serialize for Reasons {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().serialize(serializer)
    }
}

/// A grant that the ledger says is ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owned {
    /// The ledger's own number of the entry.
    pub entry: i64,
    /// The target's id of it; `None` for an intent, that is a call whose outcome was never written down.
    pub id: Option<GrantId>,
    pub grant: Grant,
    pub reasons: Reasons,
}

/// Who keeps time on an entitlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tenure {
    /// The target keeps start and end; there may be many grants for one access.
    Scheduled,
    /// A grant begins at once, the target keeps the end; one grant for one access.
    Expiring,
    /// It lasts until we take it back; one grant for one access.
    Standing,
}

/// One reading of a target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    /// Every account with one of the e-mails asked for, compared on our side; two for one e-mail are both here.
    pub accounts: Vec<Account>,
    /// Why an e-mail asked for has no account here, where the target knows more than that, as the rest of a sentence.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub absent: BTreeMap<Email, String>,
    /// What each spelling asked for stands for, or a sentence that says why it stands for nothing.
    pub entitlements: BTreeMap<String, Result<BTreeSet<Entitlement>, String>>,
    /// Every grant of these entitlements and of the accesses owned, whoever made it.
    pub grants: Vec<Held>,
    /// Why an entitlement of the accesses owned, by its id, may be there although it is not shown, in a sentence: what is
    /// owned of it is not gone for that.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hidden: BTreeMap<String, String>,
}
