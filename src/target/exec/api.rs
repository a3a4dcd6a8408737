//! The protocol's words for a target: what a command is asked, and what it answers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::exec::{Each, check_version, most_calls};

/// Asks who the command is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Describe {}

/// What the command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct Description {
    /// The version of the protocol that it speaks.
    #[serde(deserialize_with = "check_version")]
    #[schemars(extend("const" = 1))]
    pub version: u32,
    /// Who keeps time.
    pub tenure: Tenure,
    /// Calls that may run side by side.
    #[serde(default = "one", deserialize_with = "most_calls")]
    #[schemars(range(min = 1, max = 32))]
    pub concurrency: usize,
}

fn one() -> usize {
    1
}

/// Who keeps time on a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tenure {
    /// A grant lasts until `revoke`; one for each account and entitlement.
    Standing,
    /// A grant begins at once and ends by itself at `until`; one for each account and entitlement.
    Expiring,
    /// A grant begins by itself at `from` and ends by itself at `until`; there may be many.
    Scheduled,
}

/// Something that can be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entitlement {
    /// The system's own id, which outlives a change of name.
    #[schemars(length(min = 1, max = 2048))]
    pub id: String,
    /// For people.
    #[schemars(length(min = 1, max = 2048))]
    pub name: String,
}

/// What an account holds, or held.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Access {
    /// The account's id.
    pub account: String,
    pub entitlement: Entitlement,
}

/// Asks what is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Read {
    /// Whose accounts are wanted, in lower case.
    pub emails: Vec<String>,
    /// Entitlements as rules spell them.
    pub entitlements: Vec<String>,
    /// What was given before, and has to be shown as well.
    pub owned: Vec<Access>,
}

/// What is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Reading {
    /// An account for each e-mail that has one.
    pub accounts: Vec<Account>,
    /// Why an e-mail asked for has no account, where more is known than that: the rest of a sentence, such as "invited, and
    /// has not accepted yet".
    #[serde(default)]
    pub absent: BTreeMap<String, String>,
    /// What each spelling asked for stands for.
    pub entitlements: BTreeMap<String, Each<Meaning>>,
    /// All grants of the entitlements found and of those owned, whoever made them.
    pub grants: Vec<Held>,
}

/// The human as the system knows them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Account {
    /// The system's own id, each account once.
    #[schemars(length(min = 1, max = 2048))]
    pub id: String,
    /// One of the e-mails asked for, in any case.
    pub email: String,
    /// Cannot be used at the moment, whatever it holds.
    #[serde(default)]
    pub suspended: bool,
}

/// What a spelling stands for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Meaning {
    /// At least one; several where the spelling stands for several, as a pattern does.
    #[schemars(length(min = 1))]
    pub found: Vec<Entitlement>,
}

/// A grant that is there, whoever made it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Held {
    /// The system's own id, or any text that stands for this grant alone.
    #[schemars(length(min = 1, max = 2048))]
    pub id: String,
    /// The account's id.
    #[schemars(length(min = 1, max = 2048))]
    pub account: String,
    /// One of those found or owned.
    pub entitlement: Entitlement,
    /// Null or left out: since ever, or no start is kept.
    #[serde(default)]
    pub from: Option<DateTime<Utc>>,
    /// Null or left out: for ever, or no end is kept.
    #[serde(default)]
    pub until: Option<DateTime<Utc>>,
    /// Certainly made by another way, and never to be taken for one of ours.
    #[serde(default)]
    pub foreign: bool,
}

/// A grant as it is wanted, or as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Grant {
    /// The account's id.
    pub account: String,
    /// Whose account it is.
    pub email: String,
    pub entitlement: Entitlement,
    /// When access begins; a target that is `standing` or `expiring` gives it at once.
    pub from: DateTime<Utc>,
    /// When access ends; a target that is `standing` keeps no end.
    pub until: DateTime<Utc>,
}

/// Asks for access.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Give<'a> {
    pub grant: &'a Grant,
}

/// Asks for access to be taken back.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Revoke<'a> {
    /// The id that `grant`, `amend` or `read` answered.
    pub id: &'a str,
    pub grant: &'a Grant,
}

/// Asks for a grant to be moved in time.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Amend<'a> {
    /// The id that `grant`, `amend` or `read` answered.
    pub id: &'a str,
    /// As it is.
    pub grant: &'a Grant,
    /// As it shall be: the same account and entitlement, other dates.
    pub to: &'a Grant,
}

/// The grant stands.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Given {
    /// The id by which `read` will show it.
    #[schemars(length(min = 1, max = 2048))]
    pub id: String,
}

/// It is gone.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Gone {}
