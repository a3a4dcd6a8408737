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

/// Records looked at in one go, from the newest back. A run that is refused leaves about three.
const GO: i64 = 300;

/// When the last run that was not refused wrote its last record, `head` being the newest of all.
///
/// A refused run is no witness of the clock: were it one, a wrong clock would be refused once and then believed.
pub async fn last_run(ledger: &mut dyn Ledger, head: Option<&Record>) -> Result<Option<DateTime<Utc>>> {
    let mut refused = None;
    let mut records: Vec<Record> = head.cloned().into_iter().collect();
    loop {
        for event in records.iter().rev().filter_map(|record| record.event().ok()) {
            if event.is_refused() {
                refused = Some(event.run);
            } else if refused.as_ref() != Some(&event.run) {
                return Ok(Some(event.at));
            }
        }
        let Some(end) = records.first().map(|first| first.number - 1).filter(|end| *end > 0) else { return Ok(None) };
        let start = (end - GO).max(0);
        records = ledger.records(start, u32::try_from(end - start)?).await?;
    }
}

/// Another run holds the ledger.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Locked(pub String);

/// A ledger is there and cannot be read or trusted: damaged, of a newer version, or not a ledger at all.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::audit::What;
    use crate::report::Counts;

    /// The end of the run of this minute.
    fn end(minute: i64, exit_code: u8) -> Event {
        let (verb, notes, counts) = ("sync".into(), String::new(), Counts::default());
        let what = What::End { verb, exit_code, counts, notes, error: None };
        let at = DateTime::UNIX_EPOCH + TimeDelta::minutes(minute);
        Event { at, run: format!("run {minute}"), host: "host".into(), config: String::new(), what }
    }

    fn refusal(minute: i64) -> Event {
        Event { what: What::Refusal { digest: String::new(), why: "why".into() }, ..end(minute, 4) }
    }

    /// What a refused run wrote before it was over.
    fn fault(minute: i64) -> Event {
        Event { what: What::Fault { name: "source".into(), error: "down".into() }, ..end(minute, 4) }
    }

    #[tokio::test]
    async fn a_run_that_was_refused_is_no_witness_of_the_clock() {
        let (folder, stop) = (tempfile::tempdir().unwrap(), Stop::at(tokio::time::Instant::now()));
        let refused = |minute| [fault(minute), refusal(minute), end(minute, 4)];
        let long: Vec<Event> = (100..400).flat_map(refused).collect();
        let cases = [
            (vec![], None),
            (vec![end(1, 0)], Some(1)),
            (vec![end(1, 0), end(2, 1)], Some(2)),
            (vec![fault(3)], Some(3)),
            (refused(5).to_vec(), Some(3)),
            (long, Some(3)),
            (vec![end(2, 0)], Some(2)),
        ];
        let mut ledger = open(&LedgerConfig::File(folder.path().join("ledger.db")), &stop).await.unwrap();
        for (events, expected) in cases {
            ledger.write(DateTime::UNIX_EPOCH, &[], &events).await.unwrap();
            let head = ledger.head().await.unwrap();
            let last = last_run(&mut *ledger, head.as_ref()).await.unwrap();
            assert_eq!(last.map(|last| (last - DateTime::UNIX_EPOCH).num_minutes()), expected);
        }
    }

    #[tokio::test]
    async fn where_every_run_was_refused_there_was_none() {
        let (folder, stop) = (tempfile::tempdir().unwrap(), Stop::at(tokio::time::Instant::now()));
        let mut ledger = open(&LedgerConfig::File(folder.path().join("ledger.db")), &stop).await.unwrap();
        ledger.write(DateTime::UNIX_EPOCH, &[], &[refusal(1), end(1, 4)]).await.unwrap();
        let head = ledger.head().await.unwrap();
        assert_eq!(last_run(&mut *ledger, head.as_ref()).await.unwrap(), None);
    }
}
