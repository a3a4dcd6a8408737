//! What the document says, and how an edit changes it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail, ensure};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::Asked;
use crate::domain::{Access, Account, AccountId, Current, Email, Entitlement, Grant, GrantId, Held, Tenure};
use crate::near::hint;
use crate::target::{Occupied, TakesAny};

/// The only form of the document there is so far.
const VERSION: u32 = 1;

/// What we write as `by` on a grant of ours, so that we know later what we may clear away.
const MARK: &str = "oncall-sync";

/// How long an ended grant of ours stays for a reader's records: a month, so that a monthly review still finds it.
const KEPT: TimeDelta = TimeDelta::days(30);

type Others = BTreeMap<String, Value>;

/// One edit to the document.
pub enum Edit {
    Give(Grant),
    Take(GrantId),
    /// Puts a grant in the place of another.
    Move(GrantId, Grant),
}

/// The whole document. Fields that we do not know are somebody's, and are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    version: u32,
    /// `None`: every e-mail is an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accounts: Option<Vec<Login>>,
    /// `None`: every name is an entitlement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entitlements: Option<Vec<String>>,
    #[serde(default)]
    grants: Vec<Entry>,
    #[serde(flatten)]
    others: Others,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Login {
    id: String,
    email: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspended: Option<bool>,
    #[serde(flatten)]
    others: Others,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    id: String,
    account: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    entitlement: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Instant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Instant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(flatten)]
    others: Others,
}

/// An instant that is written back just as it was spelled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Instant {
    at: DateTime<Utc>,
    spelled: String,
}

impl TryFrom<String> for Instant {
    type Error = String;

    fn try_from(spelled: String) -> Result<Self, String> {
        let at = spelled.parse().map_err(|_| format!("{spelled:?} is no RFC 3339 time like 2026-03-01T12:00:00Z"))?;
        Ok(Self { at, spelled })
    }
}

impl From<Instant> for String {
    fn from(instant: Instant) -> Self {
        instant.spelled
    }
}

impl From<DateTime<Utc>> for Instant {
    fn from(at: DateTime<Utc>) -> Self {
        Self { at, spelled: at.to_rfc3339_opts(SecondsFormat::AutoSi, true) }
    }
}

impl Default for Document {
    fn default() -> Self {
        Self { version: VERSION, accounts: None, entitlements: None, grants: Vec::new(), others: Others::new() }
    }
}

impl Document {
    pub fn parse(text: &[u8]) -> Result<Self> {
        let document: Self = serde_json::from_slice(text)?;
        ensure!(
            document.version == VERSION,
            "its `version` is {}, and this oncall-sync knows {VERSION}: use the newer oncall-sync that it was made for",
            document.version
        );
        let mut seen = BTreeSet::new();
        if let Some(Entry { id, .. }) = document.grants.iter().find(|entry| !seen.insert(&entry.id)) {
            bail!("two of its grants have the id '{id}': give one of them another");
        }
        Ok(document)
    }

    /// The same grants always give the same bytes.
    pub fn print(&mut self) -> Result<Vec<u8>> {
        let key = |entry: &Entry| {
            let from = entry.from.as_ref().map(|from| from.at);
            (entry.account.clone(), entry.entitlement.clone(), from, entry.id.clone())
        };
        self.grants.sort_by_cached_key(key);
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// What is asked for. Grants that have ended are history, and nobody holds them.
    pub fn show(&self, asked: &Asked, emails: &BTreeSet<Email>, now: DateTime<Utc>) -> Current {
        let entitlements: BTreeMap<_, _> = asked
            .entitlements
            .iter()
            .map(|spelling| (spelling.clone(), self.entitlement(spelling).map(|found| BTreeSet::from([found]))))
            .collect();
        let wanted: BTreeSet<_> = entitlements.values().flatten().flatten().collect();
        let grants = self.grants.iter().filter(|entry| entry.stands(now)).map(Entry::held);
        let grants = grants
            .filter(|held| wanted.contains(&held.access.entitlement) || asked.owned.contains(&held.access))
            .collect();
        Current { accounts: self.accounts(emails), entitlements, grants, ..Current::default() }
    }

    pub fn takes_any(&self) -> TakesAny {
        TakesAny { account: self.accounts.is_none(), entitlement: self.entitlements.is_none() }
    }

    fn accounts(&self, emails: &BTreeSet<Email>) -> Vec<Account> {
        let anybody = |email: &Email| {
            let id = AccountId(email.to_string());
            Account { id, email: email.clone(), suspended: false }
        };
        let listed = |Login { id, email, suspended, others: _ }: &Login| {
            let (id, email) = (AccountId(id.clone()), Email::new(email));
            Account { id, email, suspended: suspended.unwrap_or(false) }
        };
        match &self.accounts {
            None => emails.iter().map(anybody).collect(),
            Some(all) => all.iter().map(listed).filter(|account| emails.contains(&account.email)).collect(),
        }
    }

    fn entitlement(&self, spelling: &str) -> Result<Entitlement, String> {
        let all = match &self.entitlements {
            Some(all) if !all.iter().any(|name| name == spelling) => all,
            _ => return Ok(named(spelling)),
        };
        let hint = hint(spelling, all.iter().map(String::as_str));
        let hint = if hint.is_empty() { "; add it there" } else { &hint };
        Err(format!("'{spelling}' is not among the document's `entitlements`{hint}"))
    }

    /// Makes one edit, or changes nothing and says why.
    pub fn apply(&mut self, edit: &Edit, tenure: Tenure, now: DateTime<Utc>) -> Result<Option<GrantId>> {
        match edit {
            Edit::Give(wanted) => {
                self.entitlement(&wanted.access.entitlement.name).map_err(anyhow::Error::msg)?;
                self.put(None, wanted, tenure, now).map(Some)
            }
            Edit::Move(held, to) => self.put(Some(held), to, tenure, now).map(Some),
            Edit::Take(id) => {
                self.grants.retain(|entry| entry.id != id.0);
                Ok(None)
            }
        }
    }

    /// The grant stands, and `old` does not unless it is that grant.
    fn put(&mut self, old: Option<&GrantId>, wanted: &Grant, tenure: Tenure, now: DateTime<Utc>) -> Result<GrantId> {
        let is_old = |entry: &Entry| old.is_some_and(|old| entry.id == old.0);
        let mut entry = Entry::new(wanted, tenure);
        let same = self.grants.iter().find(|other| entry.is_same(other, tenure, now)).map(|same| same.id.clone());
        if let Some(same) = same {
            self.grants.retain(|entry| !is_old(entry) || entry.id == same);
            return Ok(GrantId(same));
        }
        let another = self.grants.iter().find(|other| other.is_for(&entry) && other.stands(now) && !is_old(other));
        if let Some(another) = another.filter(|_| tenure != Tenure::Scheduled) {
            let Access { account, entitlement } = &wanted.access;
            let id = &another.id;
            bail!(Occupied(format!(
                "'{account}' already holds '{}' by grant '{id}', with other dates",
                entitlement.name
            )));
        }
        if let Some(old) = self.grants.iter().position(is_old) {
            entry.others = self.grants.remove(old).others;
        }
        entry.id = self.free(&entry.id);
        let id = GrantId(entry.id.clone());
        self.grants.push(entry);
        Ok(id)
    }

    /// The id, or where a stranger has taken it, the first numbered one that is free.
    fn free(&self, id: &str) -> String {
        let numbered = (2..).map(|number: u64| format!("{id}-{number}"));
        let mut ids = std::iter::once(id.to_owned()).chain(numbered);
        ids.find(|id| self.grants.iter().all(|entry| entry.id != *id)).expect("numbers do not run out")
    }

    /// Clears away what we gave and what ended long ago.
    pub fn prune(&mut self, now: DateTime<Utc>) {
        let old = |entry: &Entry| entry.until.as_ref().is_some_and(|until| now - until.at > KEPT);
        self.grants.retain(|entry| entry.by.as_deref() != Some(MARK) || !old(entry));
    }
}

impl Entry {
    fn new(Grant { access, email, period }: &Grant, tenure: Tenure) -> Self {
        let from = (tenure == Tenure::Scheduled).then(|| Instant::from(period.start()));
        let until = (tenure != Tenure::Standing).then(|| Instant::from(period.end()));
        let mut digest = Sha256::new();
        let dates = [&from, &until].map(|date| date.as_ref().map_or("", |date| &date.spelled));
        for part in [&access.account.0, &*access.entitlement.id, dates[0], dates[1]] {
            // With its length before it, no part can run into the next.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let id: String = digest.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            id: format!("g-{id}"),
            account: access.account.0.clone(),
            email: Some(email.to_string()),
            entitlement: access.entitlement.id.to_string(),
            from,
            until,
            by: Some(MARK.to_owned()),
            others: Others::new(),
        }
    }

    fn is_for(&self, other: &Self) -> bool {
        (&self.account, &self.entitlement) == (&other.account, &other.entitlement)
    }

    /// Whether `other` gives all of this and no more, as far as the tenure has dates.
    fn is_same(&self, other: &Self, tenure: Tenure, now: DateTime<Utc>) -> bool {
        let at = |date: &Option<Instant>| date.as_ref().map(|date| date.at);
        let begins = match tenure {
            Tenure::Scheduled => at(&self.from) == at(&other.from),
            Tenure::Expiring | Tenure::Standing => at(&other.from).is_none_or(|from| from <= now),
        };
        self.is_for(other) && begins && at(&self.until) == at(&other.until)
    }

    fn stands(&self, now: DateTime<Utc>) -> bool {
        self.until.as_ref().is_none_or(|until| now < until.at)
    }

    fn held(&self) -> Held {
        Held {
            id: GrantId(self.id.clone()),
            access: Access { account: AccountId(self.account.clone()), entitlement: named(&self.entitlement) },
            from: self.from.as_ref().map(|from| from.at),
            until: self.until.as_ref().map(|until| until.at),
            foreign: false,
        }
    }
}

/// The document knows an entitlement by its name alone.
fn named(name: &str) -> Entitlement {
    Entitlement { id: name.into(), name: name.into() }
}
