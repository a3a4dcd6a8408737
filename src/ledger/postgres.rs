//! The ledger in a PostgreSQL database, for runs on many machines.
//!
//! One database holds one ledger, in the schema `oncall_sync`. A `write` is one transaction and one round trip, however
//! many entries it has, for the calls to targets go on beside it.

mod lease;
mod session;
mod url;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Error, Result, bail, ensure};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_postgres::types::Type;

use super::copy::{Contents, Movable};
use super::row::{self, Row};
use super::{Entry, Ledger, Unreadable};
use crate::audit::{Chain, Event, Record};
use crate::domain::Owned;
use crate::stop::{LOST, Stop};
use lease::SPANS;
use session::{Session, Statement, bare};
pub use url::{Url, is_url};

/// Each step from one schema to the next, in order; never edited once released.
const MIGRATIONS: [&str; 1] = [include_str!("schema/postgres/0001.sql")];

/// The schema that this program knows.
const VERSION: i32 = 1;

/// Rows that are read or written by one statement while a ledger is copied.
const CHUNK: u32 = 10_000;

/// What there is, and whether it can be written. A server that answers before its log is on the disk loses intents in a
/// crash, so that is switched on where it is off.
const STATE: &str = "SELECT pg_catalog.pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', \
    current_setting('server_encoding'), \
    EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'oncall_sync' AND tablename = 'schema_version'), \
    EXISTS (SELECT FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace AS n ON n.oid = relnamespace \
            WHERE n.nspname = 'oncall_sync'), \
    CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END";

const SCHEMA: &str = "SELECT version FROM oncall_sync.schema_version";

const ROWS: &str = r#"SELECT entry, target, grant_id, account, email, entitlement, entitlement_name, "from", until, reasons,
    intended_at, confirmed_at FROM oncall_sync.grants ORDER BY entry"#;

const HEAD: &str = "SELECT number, body, hash FROM oncall_sync.audit ORDER BY number DESC LIMIT 1";

const RECORDS: &str = "SELECT number, body, hash FROM oncall_sync.audit WHERE number > $1 ORDER BY number LIMIT $2";

const LAST_ENTRY: &str = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM oncall_sync.grants_entry_seq";

const COUNT_ON: &str = "SELECT setval('oncall_sync.grants_entry_seq', greatest($1, 1), $1 > 0)";

/// A ledger in a PostgreSQL database.
pub struct Postgres {
    session: Arc<Session>,
    shown: String,
    /// `None` where it is only read.
    held: Option<Held>,
    /// Where the audit log ends; `None` while that is not known.
    chain: Option<Chain>,
}

/// The lock of this run.
struct Held {
    token: i64,
    stop: Stop,
    beat: JoinHandle<()>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.beat.abort();
    }
}

/// What is in the database.
struct State {
    /// There is a table `schema_version`.
    versioned: bool,
    /// There is something in the schema.
    used: bool,
}

impl Postgres {
    /// Opens the ledger for this run alone, and makes its tables where there are none. `stop` learns when it is lost.
    ///
    /// Fails with [`super::Locked`] while another run holds it, and with [`Unreadable`] where what is there cannot be
    /// trusted.
    pub async fn open(url: &Url, stop: &Stop) -> Result<Self> {
        let ended = stop.clone();
        let session = Session::connect(url, move || ended.lose()).await?;
        let shown = url.to_string();
        let found = lease::lock(&session, bare(STATE), &shown).await?;
        let state = state(&found, true).map_err(|error| unreadable(&shown, error))?;
        let mut version = version(&session, &state).await.map_err(|error| unreadable(&shown, error))?;
        for (number, step) in (1..).zip(MIGRATIONS).skip(usize::try_from(version)?) {
            let step = format!("{step}; UPDATE oncall_sync.schema_version SET version = {number}");
            session.batch(&step).await.with_context(|| {
                format!(
                    "the tables of the ledger in {shown} could not be made and all is as it was; let a role that may do so run \
                     this once, or have psql run src/ledger/schema/postgres/{number:04}.sql as such a role"
                )
            })?;
            version = number;
        }
        let (token, end) = lease::claim(&session, version, SPANS, &shown).await?;
        stop.hold_until(end);
        let session = Arc::new(session);
        let beat = tokio::spawn({
            let (session, stop) = (session.clone(), stop.clone());
            async move { lease::beat(&session, token, SPANS, &stop).await }
        });
        Ok(Self { session, shown, held: Some(Held { token, stop: stop.clone(), beat }), chain: None })
    }

    /// Opens the ledger without its lock and without writing anything; `None` where there is none.
    ///
    /// Fails with [`Unreadable`] where what is there cannot be trusted.
    pub async fn look(url: &Url) -> Result<Option<Self>> {
        let session = Session::connect(url, || ()).await?;
        let shown = url.to_string();
        let asked = [bare(STATE)];
        let (set, found) =
            tokio::join!(biased; session.batch("SET default_transaction_read_only = on"), session.ask(&asked));
        set?;
        let state = state(&found?.remove(0), false).map_err(|error| unreadable(&shown, error))?;
        let version = version(&session, &state).await.map_err(|error| unreadable(&shown, error))?;
        let ledger = Self { session: Arc::new(session), shown, held: None, chain: None };
        Ok((version > 0).then_some(ledger))
    }

    async fn read(&self, sql: &str, parameters: Vec<i64>) -> Result<Vec<tokio_postgres::Row>> {
        let parameters = parameters.into_iter().map(|number| (Box::new(number) as Box<_>, Type::INT8)).collect();
        Ok(self.unless_lost(self.session.ask(&[Statement { sql, parameters }])).await?.remove(0))
    }

    /// The answer, not waited for once the lock is lost.
    async fn unless_lost<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(Held { stop, .. }) = &self.held else { return answer.await };
        tokio::select! {
            biased;
            () = stop.lost() => bail!("{LOST}"),
            answer = answer => answer,
        }
    }

    /// Runs `statements` as one transaction, if this run still holds the ledger.
    async fn commit(&self, statements: Vec<Statement<'_>>) -> Result<Vec<Vec<tokio_postgres::Row>>> {
        let Some(Held { token, stop, .. }) = &self.held else { bail!("it was opened to be read") };
        let sent = Instant::now();
        let all: Vec<_> = std::iter::once(lease::renewal(*token, SPANS)).chain(statements).collect();
        let mut answers = self.unless_lost(self.session.transaction(&all)).await.inspect_err(|error| {
            if lease::is_lost(error) {
                stop.lose();
            }
        })?;
        stop.hold_until(lease::believed(sent, SPANS));
        answers.remove(0);
        Ok(answers)
    }

    async fn newest(&self) -> Result<Option<Record>> {
        self.read(HEAD, Vec::new()).await?.first().map(record).transpose()
    }

    fn damaged(&self, error: Error) -> Error {
        unreadable(&self.shown, error)
    }
}

#[async_trait]
impl Ledger for Postgres {
    async fn owned(&mut self) -> Result<BTreeMap<String, Vec<Owned>>> {
        let read =
            async { row::by_target(self.read(ROWS, Vec::new()).await?.iter().map(entry).collect::<Result<_>>()?) };
        read.await.map_err(|error| self.damaged(error))
    }

    async fn write(&mut self, at: DateTime<Utc>, entries: &[Entry], events: &[Event]) -> Result<Vec<i64>> {
        if entries.is_empty() && events.is_empty() {
            return Ok(Vec::new());
        }
        let work = async {
            let mut chain = match self.chain.take() {
                Some(chain) => chain,
                None => Chain::after(self.newest().await?.as_ref()),
            };
            let records: Vec<Record> = events.iter().map(|event| chain.add(event)).collect();
            let (mut statements, answers_numbers) = write::statements(entries, at)?;
            if !records.is_empty() {
                statements.push(write::append(&records));
            }
            let answers = self.commit(statements).await?;
            self.chain = Some(chain);
            let numbers = answers.first().filter(|_| answers_numbers).into_iter().flatten();
            numbers.map(|row| Ok(row.try_get(0)?)).collect()
        };
        let written: Result<Vec<i64>> = work.await;
        written.with_context(|| format!("the ledger in {} could not be written", self.shown))
    }

    async fn head(&mut self) -> Result<Option<Record>> {
        let head = self.newest().await.map_err(|error| self.damaged(error))?;
        self.chain = Some(Chain::after(head.as_ref()));
        Ok(head)
    }

    async fn records(&mut self, after: i64, most: u32) -> Result<Vec<Record>> {
        let read = self.read(RECORDS, vec![after, most.into()]).await;
        read.and_then(|rows| rows.iter().map(record).collect()).map_err(|error| self.damaged(error))
    }

    async fn close(&mut self) {
        let Some(held) = &self.held else { return };
        held.beat.abort();
        let released = self.unless_lost(lease::release(&self.session, held.token)).await;
        if let Err(error) = released {
            tracing::debug!("the ledger's lock is given back by the end of its session: {error:#}");
        }
        self.held = None;
    }
}

#[async_trait]
impl Movable for Postgres {
    async fn contents(&mut self) -> Result<Contents> {
        let rows = self.read(ROWS, Vec::new()).await?.iter().map(entry).collect::<Result<_>>()?;
        let last_entry =
            self.read(LAST_ENTRY, Vec::new()).await?.first().context("its entries are not counted")?.try_get(0)?;
        let mut records: Vec<Record> = Vec::new();
        loop {
            let more = self.records(records.last().map_or(0, |last| last.number), CHUNK).await?;
            if more.is_empty() {
                return Ok(Contents { rows, last_entry, records });
            }
            records.extend(more);
        }
    }

    async fn fill(&mut self, contents: &Contents) -> Result<()> {
        let chunk = CHUNK as usize;
        let rows = contents.rows.chunks(chunk).map(|rows| write::insert(rows, true));
        let records = contents.records.chunks(chunk).map(write::append);
        let count = Statement { sql: COUNT_ON, parameters: vec![(Box::new(contents.last_entry), Type::INT8)] };
        let written = self.commit(rows.chain(records).chain([count]).collect()).await;
        written.map(drop).with_context(|| format!("the ledger in {} could not be written", self.shown))
    }
}

/// What the database says of itself; fails where it cannot hold a ledger.
fn state(found: &[tokio_postgres::Row], to_write: bool) -> Result<State> {
    let row = found.first().context("its server answers nothing")?;
    let (standby, reads_only, encoding): (bool, bool, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    ensure!(
        !to_write || !standby,
        "this server is a standby, which can only be read: name the primary, or all servers (HOST,HOST) of which one is"
    );
    ensure!(
        !to_write || !reads_only,
        "this role or database only reads (default_transaction_read_only): take that setting off the role that runs syncs"
    );
    ensure!(
        encoding == "UTF8",
        "the database keeps text as {encoding}, which lacks letters: make one WITH ENCODING 'UTF8'"
    );
    Ok(State { versioned: row.try_get(3)?, used: row.try_get(4)? })
}

/// The number of its schema; 0 where there is none yet.
async fn version(session: &Session, state: &State) -> Result<i32> {
    if !state.versioned {
        ensure!(
            !state.used,
            "its schema oncall_sync is another program's, or has lost its table `schema_version`: give the ledger a database \
             of its own, or put the last backup back"
        );
        return Ok(0);
    }
    let answer = session.ask(&[bare(SCHEMA)]).await;
    let rows = answer.context("a role that runs syncs needs the rights that the README lists")?.remove(0);
    let version = match rows.as_slice() {
        [row] => row.try_get::<_, i32>(0).context("its `schema_version` is another program's")?,
        _ => bail!("its `schema_version` does not have one row"),
    };
    ensure!(
        (1..=VERSION).contains(&version),
        "it has schema {version}, and this oncall-sync knows up to {VERSION}: run the newer oncall-sync that wrote it"
    );
    Ok(version)
}

fn entry(row: &tokio_postgres::Row) -> Result<Row> {
    Ok(Row {
        entry: row.try_get(0)?,
        target: row.try_get(1)?,
        grant_id: row.try_get(2)?,
        account: row.try_get(3)?,
        email: row.try_get(4)?,
        entitlement: row.try_get(5)?,
        entitlement_name: row.try_get(6)?,
        from: row.try_get(7)?,
        until: row.try_get(8)?,
        reasons: row.try_get(9)?,
        intended_at: row.try_get(10)?,
        confirmed_at: row.try_get(11)?,
    })
}

fn record(row: &tokio_postgres::Row) -> Result<Record> {
    Ok(Record { number: row.try_get(0)?, body: row.try_get(1)?, hash: row.try_get(2)? })
}

fn unreadable(shown: &str, error: Error) -> Error {
    Unreadable(format!("the ledger in {shown} cannot be read: {error:#}")).into()
}
