//! The record of what is ours, and nothing else says so; beside it the audit log of what was done.
//!
//! Intent first, then act, then confirm: an entry is written before the call, completed after it, and removed after what
//! it stands for was taken back. A run that ends in between leaves an intent, which the next run settles against what
//! the target shows. An absent ledger is empty; one that cannot be read is an error, never "empty".

mod config;
mod copy;
mod postgres;
mod row;
mod sqlite;

use std::collections::BTreeMap;

use anyhow::Result;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::audit::{Event, Record};
use crate::domain::{Grant, GrantId, Owned, Period, Reasons};

use crate::stop::Stop;

pub use config::LedgerConfig;
use copy::Movable;
pub use copy::{Copied, copy};
use postgres::Postgres;
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

    /// Lets go of the lock. One that is dropped lets go as well, and others may see that a moment later.
    async fn close(&mut self) {}
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

/// Opens the ledger for this run alone, and makes it where there is none. `stop` learns when it is lost.
///
/// Fails with [`Locked`] while another run holds it, and with [`Unreadable`] where what is there cannot be trusted.
pub async fn open(place: &LedgerConfig, stop: &Stop) -> Result<Box<dyn Ledger>> {
    Ok(open_movable(place, stop).await?)
}

async fn open_movable(place: &LedgerConfig, stop: &Stop) -> Result<Box<dyn Movable>> {
    Ok(match place {
        LedgerConfig::File(path) => Box::new(Sqlite::open(path)?),
        LedgerConfig::Url(_) | LedgerConfig::Secret(_) => Box::new(Postgres::open(&place.url().await?, stop).await?),
    })
}

/// Opens the ledger to look, without its lock and without writing anything; `None` where there is none.
///
/// Fails with [`Unreadable`] where what is there cannot be trusted.
pub async fn look(place: &LedgerConfig) -> Result<Option<Box<dyn Ledger>>> {
    fn boxed(ledger: impl Ledger + 'static) -> Box<dyn Ledger> {
        Box::new(ledger)
    }
    Ok(match place {
        LedgerConfig::File(path) => Sqlite::open_readonly(path)?.map(boxed),
        LedgerConfig::Url(_) | LedgerConfig::Secret(_) => Postgres::look(&place.url().await?).await?.map(boxed),
    })
}

/// Another run holds the ledger.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Locked(pub String);

/// A ledger is there and cannot be read or trusted: damaged, of a newer version, or not a ledger at all.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);
