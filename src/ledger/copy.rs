//! A ledger moved to another place, whole.

use anyhow::{Context as _, Error, Result, bail, ensure};
use async_trait::async_trait;

use super::row::Row;
use super::{Ledger, LedgerConfig, look, open_movable};
use crate::audit::{Record, Verifier};
use crate::stop::{LOST, Stop};
use crate::words::count;

/// All that a ledger holds, as it holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    pub rows: Vec<Row>,
    /// The highest number that an entry ever had.
    pub last_entry: i64,
    pub records: Vec<Record>,
}

/// A ledger that can be copied.
#[async_trait]
pub trait Movable: Ledger {
    async fn contents(&mut self) -> Result<Contents>;

    /// Takes `contents` into a ledger that is empty, as one transaction.
    async fn fill(&mut self, contents: &Contents) -> Result<()>;
}

/// How much was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    pub entries: usize,
    pub records: usize,
}

/// Copies the ledger `from`, which stays as it is, to the ledger `to`, which has to be empty or not there. Both are locked
/// meanwhile.
///
/// Fails with [`super::Locked`] while a run holds one of them; the copy is made whole or not at all.
pub async fn copy(from: &LedgerConfig, to: &LedgerConfig, deadline: tokio::time::Instant) -> Result<Copied> {
    if look(from).await?.is_none() {
        bail!("there is no ledger at FROM; name the one that your runs use");
    }
    // A lock each: either may be lost by itself.
    let (reading, writing) = (Stop::at(deadline), Stop::at(deadline));
    let mut from = open_movable(from, &reading).await.context("the ledger to copy from")?;
    let mut to = open_movable(to, &writing).await.context("the ledger to copy to")?;
    let contents = from.contents().await.context("the ledger to copy from")?;
    Verifier::check(&contents.records)
        .map_err(Error::msg)
        .context("the audit log of the ledger to copy from was tampered with; nothing was copied")?;
    let there = to.contents().await.context("the ledger to copy to")?;
    ensure!(
        there.rows.is_empty() && there.records.is_empty(),
        "the ledger to copy to holds {} and {} already; nothing was copied",
        count(there.rows.len(), "grant"),
        count(there.records.len(), "audit record")
    );
    let last_entry = contents.last_entry.max(there.last_entry);
    let contents = Contents { last_entry, ..contents };
    tokio::select! {
        biased;
        () = reading.lost() => bail!("{LOST}; look whether the copy is there, and empty it if you copy again"),
        filled = to.fill(&contents) => filled.context("nothing was copied")?,
    }
    tokio::join!(from.close(), to.close());
    Ok(Copied { entries: contents.rows.len(), records: contents.records.len() })
}
