//! The ledger as one SQLite file beside its lock.
//!
//! A rollback journal, not a write-ahead log: between runs the ledger is a single file that can be copied and moved.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, SecondsFormat, Utc};
use rusqlite::{Connection, OpenFlags, Row, Transaction, TransactionBehavior, params};

use super::{Entry, Ledger, Locked, Unreadable};
use crate::domain::{Access, AccountId, Email, Entitlement, Grant, GrantId, Owned, Period, Reasons};

/// SQLite 3.51.3, the first without the WAL-reset bug that corrupts a database. The ledger uses no WAL, but somebody's
/// shell may switch it on, and a build against the system's library would bring the bug back unseen.
const OLDEST_SQLITE: i32 = 3_051_003;

/// "ocsy" in ASCII: marks the file as ours in SQLite's header, where `file` and we look.
const APPLICATION_ID: i32 = 0x6f63_7379;

/// Each step from one schema to the next, in order; never edited once released.
const MIGRATIONS: &[&str] = &[include_str!("schema/0001.sql")];

/// How long to wait for a reader to let go. Every statement here takes milliseconds, so five seconds means somebody sits
/// in a shell with an open transaction.
const BUSY: Duration = Duration::from_secs(5);

/// Length of SQLite's header, which holds all that tells whose file it is (SQLite, "Database File Format", 1.3).
const HEADER: usize = 100;

/// The ledger in an SQLite file.
pub struct Sqlite {
    connection: Connection,
    path: PathBuf,
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
        Ok(Self { connection, path, _lock: Some(lock) })
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
        if version < MIGRATIONS.len() {
            return Err(unreadable(
                &path,
                "it has an older version's schema, which only a run that may write can bring up to date: do such a run first",
            ));
        }
        Ok(Some(Self { connection, path, _lock: None }))
    }

    /// Runs `work` as one transaction: all of it is on disk when this returns, or nothing is.
    fn write<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let Self { connection, path, _lock } = self;
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

impl Ledger for Sqlite {
    fn owned(&self) -> Result<BTreeMap<String, Vec<Owned>>> {
        let mut owned: BTreeMap<String, Vec<Owned>> = BTreeMap::new();
        let mut read = || {
            let mut statement = self.connection.prepare_cached(
                r#"SELECT entry, target, grant_id, account, email, entitlement, entitlement_name, "from", until, reasons
                   FROM grants ORDER BY entry"#,
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let entry: i64 = row.get("entry")?;
                let one = parse(entry, row).with_context(|| format!("entry {entry} makes no sense"))?;
                owned.entry(row.get("target")?).or_default().push(one);
            }
            anyhow::Ok(())
        };
        read().map_err(|error| damaged(&self.path, error))?;
        Ok(owned)
    }

    fn intend(&mut self, target: &str, grants: &[(Grant, Reasons)], at: DateTime<Utc>) -> Result<Vec<i64>> {
        self.write(|transaction| {
            let mut insert = transaction.prepare_cached(
                r#"INSERT INTO grants (target, account, email, entitlement, entitlement_name, "from", until, reasons,
                                       intended_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"#,
            )?;
            let one = |(Grant { access, email, period }, reasons): &(Grant, Reasons)| {
                Ok(insert.insert(params![
                    target,
                    access.account.0,
                    email.to_string(),
                    access.entitlement.id,
                    access.entitlement.name,
                    text(period.start()),
                    text(period.end()),
                    serde_json::to_string(reasons)?,
                    text(at),
                ])?)
            };
            grants.iter().map(one).collect()
        })
    }

    fn record(&mut self, entries: &[Entry], at: DateTime<Utc>) -> Result<()> {
        self.write(|transaction| entries.iter().try_for_each(|entry| record(transaction, entry, at)))
    }
}

fn record(transaction: &Transaction<'_>, entry: &Entry, at: DateTime<Utc>) -> Result<()> {
    let (number, changed) = match entry {
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
    Ok(())
}

fn parse(entry: i64, row: &Row<'_>) -> Result<Owned> {
    let text = |column: &str| row.get::<_, String>(column);
    let instant = |column: &str| {
        let value = text(column)?;
        value.parse::<DateTime<Utc>>().with_context(|| format!("`{column}` is {value:?}, not a time"))
    };
    let period = Period::new(instant("from")?, instant("until")?).context("it ends before it begins")?;
    let access = Access {
        account: AccountId(text("account")?),
        entitlement: Entitlement { id: text("entitlement")?.into(), name: text("entitlement_name")?.into() },
    };
    Ok(Owned {
        entry,
        id: row.get::<_, Option<String>>("grant_id")?.map(GrantId),
        grant: Grant { access, email: Email::new(&text("email")?), period },
        reasons: serde_json::from_str(&text("reasons")?).context("`reasons` is not what a ledger holds")?,
    })
}

/// RFC 3339 in UTC, no digit lost.
fn text(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::AutoSi, true)
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

/// The file behind any links, so that two names for one ledger share one lock.
fn real(path: &Path, make_folder: bool) -> Result<PathBuf> {
    match path.canonicalize() {
        Ok(path) => return Ok(path),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(unreadable(path, error)),
    }
    if path.is_symlink() {
        // Likely a volume that is not mounted; a new ledger in its place would disown everything that was given.
        return Err(unreadable(path, "it is a link that leads nowhere: mount what it leads to, or remove the link"));
    }
    let name = path.file_name().ok_or_else(|| unreadable(path, "that is not the name of a file"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if make_folder {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.with_context(|| format!("the folder {} of the ledger could not be made", folder.display()))?;
    }
    match folder.canonicalize() {
        Ok(folder) => Ok(folder.join(name)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(unreadable(path, error)),
    }
}

/// Takes the lock file beside the ledger. It stays when the run ends: removing it would let two runs lock two files of
/// one name.
fn lock(path: &Path) -> Result<File> {
    let name = beside(path, ".lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&name);
    let file = file.with_context(|| format!("the lock file {} could not be opened", name.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Locked(format!(
            "another run holds the ledger {} (lock file {}): wait for it to end",
            path.display(),
            name.display()
        ))
        .into()),
        Err(TryLockError::Error(error)) => Err(error)
            .with_context(|| format!("the lock file {} cannot be locked; is its file system remote?", name.display())),
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Whether there is a ledger; a journal without its ledger is a ledger that was lost, not one that never was.
fn exists(path: &Path) -> Result<bool> {
    let there = |path: &Path| path.try_exists().map_err(|error| unreadable(path, error));
    if there(path)? {
        return Ok(true);
    }
    let journal = beside(path, "-journal");
    if there(&journal)? {
        return Err(unreadable(
            path,
            format_args!("it is gone, but its journal {} is there: bring it back, or remove both", journal.display()),
        ));
    }
    Ok(false)
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

/// The number of its schema, after a look at every page.
fn check_content(connection: &Connection, path: &Path) -> Result<usize> {
    let read = || {
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let verdict: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
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
