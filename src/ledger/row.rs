//! One entry as both kinds of ledger keep it: every value as text, so that what is copied stays what it was.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use chrono::{DateTime, SecondsFormat, Utc};

use crate::domain::{Access, AccountId, Email, Entitlement, Grant, GrantId, Owned, Period, Reasons};

/// A row of `grants`, column by column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// 0 where the ledger is to choose it.
    pub entry: i64,
    pub target: String,
    pub grant_id: Option<String>,
    pub account: String,
    pub email: String,
    pub entitlement: String,
    pub entitlement_name: String,
    pub from: String,
    pub until: String,
    /// A JSON list.
    pub reasons: String,
    pub intended_at: String,
    pub confirmed_at: Option<String>,
}

impl Row {
    /// What is about to be given, or was given with `id`.
    pub fn new(
        target: &str,
        Grant { access, email, period }: &Grant,
        reasons: &Reasons,
        id: Option<&GrantId>,
        at: DateTime<Utc>,
    ) -> Result<Self> {
        Ok(Self {
            entry: 0,
            target: target.to_owned(),
            grant_id: id.map(|id| id.0.clone()),
            account: access.account.0.clone(),
            email: email.to_string(),
            entitlement: access.entitlement.id.to_string(),
            entitlement_name: access.entitlement.name.to_string(),
            from: text(period.start()),
            until: text(period.end()),
            reasons: serde_json::to_string(reasons)?,
            intended_at: text(at),
            confirmed_at: id.map(|_| text(at)),
        })
    }

    /// The target, and what is ours there.
    pub fn owned(self) -> Result<(String, Owned)> {
        let entry = self.entry;
        self.parsed().with_context(|| format!("entry {entry} makes no sense"))
    }

    fn parsed(self) -> Result<(String, Owned)> {
        let period = Period::new(instant("from", &self.from)?, instant("until", &self.until)?);
        let access = Access {
            account: AccountId(self.account),
            entitlement: Entitlement { id: self.entitlement.into(), name: self.entitlement_name.into() },
        };
        let owned = Owned {
            entry: self.entry,
            id: self.grant_id.map(GrantId),
            grant: Grant {
                access,
                email: Email::new(&self.email),
                period: period.context("it ends before it begins")?,
            },
            reasons: serde_json::from_str(&self.reasons).context("`reasons` is not what a ledger holds")?,
        };
        Ok((self.target, owned))
    }
}

/// What is ours, by target.
pub fn by_target(rows: Vec<Row>) -> Result<BTreeMap<String, Vec<Owned>>> {
    let mut all: BTreeMap<String, Vec<Owned>> = BTreeMap::new();
    for row in rows {
        let (target, owned) = row.owned()?;
        all.entry(target).or_default().push(owned);
    }
    Ok(all)
}

fn instant(column: &str, value: &str) -> Result<DateTime<Utc>> {
    value.parse().with_context(|| format!("`{column}` is {value:?}, not a time"))
}

/// RFC 3339 in UTC, no digit lost.
pub fn text(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
