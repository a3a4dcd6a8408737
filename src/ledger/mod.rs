//! The record of what is ours, and nothing else says so; beside it the audit log of what was done.
//!
//! Intent first, then act, then confirm: an entry is written before the call, completed after it, and removed after what
//! it stands for was taken back. A run that ends in between leaves an intent, which the next run settles against what
//! the target shows. An absent ledger is empty; one that cannot be read is an error, never "empty".

mod sqlite;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::audit::{Event, Record};
use crate::domain::{Grant, GrantId, Owned, Period, Reasons};

use sqlite::Sqlite;

/// What the engine needs of a ledger.
#[async_trait]
pub trait Ledger: Send {
    /// Everything that is ours, by target, ordered by entry.
    async fn owned(&mut self) -> Result<BTreeMap<String, Vec<Owned>>>;

    /// Takes the entries, and the events into the audit log, as one transaction: all of it, or nothing. Answers the
    /// number of each entry intended or adopted, in order.
    async fn write(&mut self, at: DateTime<Utc>, entries: &[Entry], events: &[Event]) -> Result<Vec<i64>>;

    /// The newest record of the audit log.
    async fn head(&mut self) -> Result<Option<Record>>;

    /// Records of the audit log in order, from the one after number `after` on, at most `most`.
    async fn records(&mut self, after: i64, most: u32) -> Result<Vec<Record>>;

    /// The highest number that a record ever had, where that is known apart from the records themselves.
    async fn highest(&mut self) -> Result<Option<i64>> {
        Ok(None)
    }
}

/// One entry's next state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// It is about to be given.
    Intend { target: String, grant: Grant, reasons: Reasons },
    /// Somebody else gave it, and it is ours from now on.
    Adopt { target: String, grant: Grant, reasons: Reasons, id: GrantId },
    /// It was given, or found to have been given: the target's id is known.
    Confirm { entry: i64, id: GrantId },
    /// It is still ours, for another period or other reasons.
    Retime { entry: i64, period: Period, reasons: Reasons },
    /// It is not ours any more: taken back, ended, given up, or never given.
    Forget { entry: i64 },
}

/// Opens the ledger for this run alone, and makes it where there is none.
///
/// Fails with [`Locked`] while another run holds it, and with [`Unreadable`] where what is there cannot be trusted.
pub async fn open(place: &Path) -> Result<Box<dyn Ledger>> {
    Ok(Box::new(Sqlite::open(place)?))
}

/// Opens the ledger to look, without its lock and without writing anything; `None` where there is none.
///
/// Fails with [`Unreadable`] where what is there cannot be trusted.
pub async fn look(place: &Path) -> Result<Option<Box<dyn Ledger>>> {
    Ok(Sqlite::open_readonly(place)?.map(|ledger| Box::new(ledger) as Box<dyn Ledger>))
}

/// Another run holds the ledger.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Locked(pub String);

/// A ledger is there and cannot be read or trusted: damaged, of a newer version, or not a ledger at all.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);
