//! The ledger as one SQLite file beside its lock.
//!
//! A rollback journal, not a write-ahead log: between runs the ledger is a single file that can be copied and moved.

mod place;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::copy::{Contents, Movable};
use super::row::{Row, by_target, text};
use super::{Entry, Ledger, Locked, Unreadable};
use crate::audit::{Chain, Event, Record};
use place::{beside, exists, lock, real};
use rows::{insert, rows};

use crate::domain::Owned;

/// SQLite 3.51.3, the first without the WAL-reset bug that corrupts a database. The ledger uses no WAL, but somebody's
/// shell may switch it on, and a build against the system's library would bring the bug back unseen.
const OLDEST_SQLITE: i32 = 3_051_003;

/// "ocsy" in ASCII: marks the file as ours in SQLite's header, where `file` and we look.
const APPLICATION_ID: i32 = 0x6f63_7379;

/// Each step from one schema to the next, in order; never edited once released.
const MIGRATIONS: &[&str] = &[include_str!("schema/0001.sql"), include_str!("schema/0002.sql")];

/// The schema that brought the audit log.
const AUDITED: usize = 2;

const APPEND: &str = "INSERT INTO audit (number, body, hash) VALUES (?1, ?2, ?3)";

/// How long to wait for a reader to let go. Every statement here takes milliseconds, so five seconds means somebody sits
/// in a shell with an open transaction.
const BUSY: Duration = Duration::from_secs(5);

/// Length of SQLite's header, which holds all that tells whose file it is (SQLite, "Database File Format", 1.3).
const HEADER: usize = 100;

/// The ledger in an SQLite file.
pub struct Sqlite {
    connection: Connection,
    path: PathBuf,
    /// The number of its schema.
    version: usize,
    /// Held for as long as the ledger can be written; `None` where it is only read.
    _lock: Option<File>,
}

impl Sqlite {
    /// Opens the ledger for this run alone, and makes it (and its folder) where there is none.
    ///
    /// Fails with [`Locked`] while another run holds it, and with [`Unreadable`] where what is there cannot be trusted.
    pub fn open(path: &Path) -> Result<Self> {
        check_library()?;
        let path = real(path, true)?;
        let lock = lock(&path)?;
        if !exists(&path)? {
            create(&path)?;
        }
        check_file(&path)?;
        let mut connection =
            connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|error| damaged(&path, error))?;
        let version = check_content(&connection, &path)?;
        migrate(&mut connection, version).with_context(|| {
            format!("the ledger {} could not be brought to this version's schema and is as it was", path.display())
        })?;
        Ok(Self { connection, path, version: MIGRATIONS.len(), _lock: Some(lock) })
    }

    /// Opens the ledger without a lock and without writing anything; `None` where there is none.
    ///
    /// Fails with [`Unreadable`] where what is there cannot be trusted.
    pub fn open_readonly(path: &Path) -> Result<Option<Self>> {
        check_library()?;
        let path = real(path, false)?;
        if !exists(&path)? {
            return Ok(None);
        }
        check_file(&path)?;
        let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|error| damaged(&path, error))?;
        let version = check_content(&connection, &path)?;
        Ok(Some(Self { connection, path, version, _lock: None }))
    }

    /// Runs `work` as one transaction: all of it is on disk when this returns, or nothing is.
    fn transaction<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let Self { connection, path, .. } = self;
        let all = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = work(&transaction)?;
            transaction.commit()?;
            anyhow::Ok(answer)
        };
        all().with_context(|| {
            format!(
                "the ledger {} could not be written and is as it was; check the disk's space and the file's owner",
                path.display()
            )
        })
    }
}

#[async_trait]
impl Ledger for Sqlite {
    async fn owned(&mut self) -> Result<BTreeMap<String, Vec<Owned>>> {
        let read = || by_target(rows(&self.connection)?);
        read().map_err(|error| damaged(&self.path, error))
    }

    async fn write(&mut self, at: DateTime<Utc>, entries: &[Entry], events: &[Event]) -> Result<Vec<i64>> {
        if entries.is_empty() && events.is_empty() {
            return Ok(Vec::new());
        }
        self.transaction(|transaction| {
            let mut chain = Chain::after(head(transaction)?.as_ref());
            let mut insert = transaction.prepare_cached(APPEND)?;
            for event in events {
                let Record { number, body, hash } = chain.add(event);
                insert.execute(params![number, body, hash])?;
            }
            let numbers = entries.iter().map(|entry| write(transaction, entry, at));
            Ok(numbers.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
        })
    }

    async fn head(&mut self) -> Result<Option<Record>> {
        if self.version < AUDITED {
            return Ok(None);
        }
        head(&self.connection).map_err(|error| damaged(&self.path, error))
    }

    async fn records(&mut self, after: i64, most: u32) -> Result<Vec<Record>> {
        if self.version < AUDITED {
            return Ok(Vec::new());
        }
        let read = || {
            let query = "SELECT number, body, hash FROM audit WHERE number > ?1 ORDER BY number LIMIT ?2";
            let mut statement = self.connection.prepare_cached(query)?;
            statement.query_map(params![after, most], record)?.collect::<rusqlite::Result<_>>()
        };
        read().map_err(|error| damaged(&self.path, error))
    }

    /// SQLite itself keeps it, so that no number is used twice.
    async fn highest(&mut self) -> Result<Option<i64>> {
        let query = "SELECT seq FROM sqlite_sequence WHERE name = 'audit'";
        let found = self.connection.query_row(query, [], |row| row.get(0)).optional();
        found.map_err(|error| damaged(&self.path, error))
    }
}

#[async_trait]
impl Movable for Sqlite {
    async fn contents(&mut self) -> Result<Contents> {
        let read = || {
            let last_entry = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'grants'";
            let last_entry = self.connection.query_row(last_entry, [], |row| row.get(0))?;
            let mut statement =
                self.connection.prepare_cached("SELECT number, body, hash FROM audit ORDER BY number")?;
            let records = statement.query_map([], record)?.collect::<rusqlite::Result<_>>()?;
            rusqlite::Result::Ok(Contents { rows: rows(&self.connection)?, last_entry, records })
        };
        read().map_err(|error: rusqlite::Error| damaged(&self.path, error))
    }

    async fn fill(&mut self, contents: &Contents) -> Result<()> {
        self.transaction(|transaction| {
            for row in &contents.rows {
                insert(transaction, row)?;
            }
            let mut append = transaction.prepare_cached(APPEND)?;
            for Record { number, body, hash } in &contents.records {
                append.execute(params![number, body, hash])?;
            }
            // SQLite makes this row at the first insert, and counts on from what it says.
            transaction.execute("DELETE FROM sqlite_sequence WHERE name = 'grants'", [])?;
            let count = "INSERT INTO sqlite_sequence (name, seq) VALUES ('grants', ?1)";
            transaction.execute(count, [contents.last_entry])?;
            Ok(())
        })
    }
}

fn head(connection: &Connection) -> rusqlite::Result<Option<Record>> {
    let query = "SELECT number, body, hash FROM audit ORDER BY number DESC LIMIT 1";
    connection.prepare_cached(query)?.query_row([], record).optional()
}

fn record(row: &rusqlite::Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record { number: row.get("number")?, body: row.get("body")?, hash: row.get("hash")? })
}

/// The number of the entry, for one that is new.
fn write(transaction: &Transaction<'_>, entry: &Entry, at: DateTime<Utc>) -> Result<Option<i64>> {
    let (number, changed) = match entry {
        Entry::Intend { target, grant, reasons } => {
            return insert(transaction, &Row::new(target, grant, reasons, None, at)?);
        }
        Entry::Adopt { target, grant, reasons, id } => {
            return insert(transaction, &Row::new(target, grant, reasons, Some(id), at)?);
        }
        Entry::Confirm { entry, id } => {
            let mut update =
                transaction.prepare_cached("UPDATE grants SET grant_id = ?2, confirmed_at = ?3 WHERE entry = ?1")?;
            (entry, update.execute(params![entry, id.0, text(at)])?)
        }
        Entry::Retime { entry, period, reasons } => {
            let mut update = transaction
                .prepare_cached(r#"UPDATE grants SET "from" = ?2, until = ?3, reasons = ?4 WHERE entry = ?1"#)?;
            let reasons = serde_json::to_string(reasons)?;
            (entry, update.execute(params![entry, text(period.start()), text(period.end()), reasons])?)
        }
        Entry::Forget { entry } => {
            (entry, transaction.prepare_cached("DELETE FROM grants WHERE entry = ?1")?.execute([entry])?)
        }
    };
    ensure!(changed == 1, "there is no entry {number}");
    Ok(None)
}

fn unreadable(path: &Path, why: impl std::fmt::Display) -> anyhow::Error {
    Unreadable(format!("the ledger {} cannot be read: {why}", path.display())).into()
}

/// What SQLite could not read, told with what to do about it.
fn damaged(path: &Path, error: impl Into<anyhow::Error>) -> anyhow::Error {
    let error = error.into();
    let code = error.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
    let advice = match code {
        Some(rusqlite::ErrorCode::ReadOnly) => {
            "a run ended in the middle of a write, which only a run that may write can undo: do such a run first"
        }
        Some(rusqlite::ErrorCode::DatabaseBusy) => "another program holds it open: end that program and run again",
        Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::PermissionDenied) => {
            "check who owns the file and its folder"
        }
        _ => {
            "put its last backup in its place; without one, move it away and run again, after which \
             nothing given so far counts as ours and has to be taken back by hand"
        }
    };
    unreadable(path, format_args!("{error:#}; {advice}"))
}

fn check_library() -> Result<()> {
    ensure!(
        rusqlite::version_number() >= OLDEST_SQLITE,
        "this build uses SQLite {}, which can corrupt a ledger; build it with the bundled SQLite (3.51.3 or newer)",
        rusqlite::version()
    );
    Ok(())
}

/// Makes a whole ledger under another name, then gives it its own: a file that is there but empty was cut short, and is
/// never taken for a new one. The lock is held, so a leftover is an ended run's.
fn create(path: &Path) -> Result<()> {
    let new = beside(path, ".new");
    let make = || {
        for leftover in [&new, &beside(&new, "-journal")] {
            match std::fs::remove_file(leftover) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        // SQLite would make the file with the mode that the umask leaves; made here, it is never wider than this.
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        let mut connection = connect(&new, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        migrate(&mut connection, 0)?;
        drop(connection);
        std::fs::rename(&new, path)?;
        let folder = path.parent().context("the ledger has no folder")?;
        File::open(folder)?.sync_all()?;
        anyhow::Ok(())
    };
    make().with_context(|| format!("the ledger {} could not be made; check its folder's owner", path.display()))
}

/// Whose file it is and who may read it, found out without SQLite: another program's database stays as it is.
fn check_file(path: &Path) -> Result<()> {
    let mut header = Vec::with_capacity(HEADER);
    let mut read = || {
        let file = File::open(path)?;
        let mode = file.metadata()?.permissions().mode();
        file.take(HEADER as u64).read_to_end(&mut header)?;
        std::io::Result::Ok(mode)
    };
    let mode = read().map_err(|error| unreadable(path, error))?;
    // The group is the operator's choice, as on a volume that Kubernetes hands to a group; everybody is a mistake.
    if mode & 0o007 != 0 {
        return Err(unreadable(
            path,
            format_args!("every user of this machine may open it (mode {:04o}): chmod 600 it", mode & 0o7777),
        ));
    }
    if header.len() < HEADER || !header.starts_with(b"SQLite format 3\0") {
        return Err(damaged(path, anyhow::anyhow!("it is not a database, or was cut short")));
    }
    if header[68..72] != APPLICATION_ID.to_be_bytes() {
        return Err(unreadable(path, "it is another program's database: give the ledger a path of its own"));
    }
    if header[18..20] != [1, 1] {
        return Err(unreadable(
            path,
            "somebody has switched it to write-ahead logging: `PRAGMA journal_mode = DELETE` in an SQLite shell undoes that",
        ));
    }
    Ok(())
}

fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    // FULL: what a transaction wrote outlives a power cut. The others: nothing that a tampered file holds gets run.
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")?;
    Ok(connection)
}

/// The number of its schema, after a look at every page of what is ours. The audit log, which only grows, is looked at by
/// `audit --verify`.
fn check_content(connection: &Connection, path: &Path) -> Result<usize> {
    let read = || {
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let verdict: String = connection.query_row("PRAGMA quick_check(grants)", [], |row| row.get(0))?;
        anyhow::Ok((version, verdict))
    };
    let (version, verdict) = read().map_err(|error| damaged(path, error))?;
    if verdict != "ok" {
        return Err(damaged(path, anyhow::anyhow!("{verdict}")));
    }
    match usize::try_from(version) {
        Ok(version) if (1..=MIGRATIONS.len()).contains(&version) => Ok(version),
        _ => Err(unreadable(
            path,
            format_args!(
                "it has schema {version}, and this oncall-sync knows up to {}: run the newer oncall-sync that wrote it",
                MIGRATIONS.len()
            ),
        )),
    }
}

/// Every step from `version` on, each with its number in one transaction.
fn migrate(connection: &mut Connection, version: usize) -> Result<()> {
    for (number, step) in (1..).zip(MIGRATIONS).skip(version) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}
