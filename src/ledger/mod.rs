//! The record of what is ours, and nothing else says so.
//!
//! Intent first, then act, then confirm: an entry is written before the call, completed after it, and removed after what
//! it stands for was taken back. A run that ends in between leaves an intent, which the next run settles against what
//! the target shows. An absent ledger is empty; one that cannot be read is an error, never "empty".

mod sqlite;

use std::collections::BTreeMap;

use anyhow::Result;
use chrono::{DateTime, Utc};

use crate::domain::{Grant, GrantId, Owned, Period, Reasons};

pub use sqlite::Sqlite;

/// What the engine needs of a ledger. Each call is one transaction: all of it, or nothing.
pub trait Ledger: Send {
    /// Everything that is ours, by target, ordered by entry.
    fn owned(&self) -> Result<BTreeMap<String, Vec<Owned>>>;

    /// Writes down what is about to be given; answers the number of each entry, in order.
    fn intend(&mut self, target: &str, grants: &[(Grant, Reasons)], at: DateTime<Utc>) -> Result<Vec<i64>>;

    /// Keeps the ledger in step with what has happened, or with what was found.
    fn record(&mut self, entries: &[Entry], at: DateTime<Utc>) -> Result<()>;
}

/// One entry's next state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// It was given, or found to have been given: the target's id is known.
    Confirm { entry: i64, id: GrantId },
    /// It is still ours, for another period or other reasons.
    Retime { entry: i64, period: Period, reasons: Reasons },
    /// It is not ours any more: taken back, ended, or never given.
    Forget { entry: i64 },
}

/// Another run holds the ledger.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Locked(pub String);

/// A ledger is there and cannot be read or trusted: damaged, of a newer version, or not a ledger at all.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);
