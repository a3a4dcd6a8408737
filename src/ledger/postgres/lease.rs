//! The lock of one run over a ledger that many machines share, and how its holder learns in time that it lost it.
//!
//! A run holds an advisory lock for its whole length. Such a lock belongs to a session: the server frees it at once when
//! the connection closes, and keeps it for half a minute ([`SILENCE`]) when the connection falls silent. Every two seconds
//! the holder asks the server, in that same session, whether it still has the lock, and counts it as held until ten seconds
//! after the *sending* of the last question that was answered ([`Spans`]). So a holder that is cut off has stopped some
//! twenty seconds before anybody else can begin, as long as clocks run at about the same speed; no clock is compared.
//!
//! A server that was restarted, or a standby that took its place, has forgotten every lock, and a holder may not know it
//! yet. Therefore each holder renews a row, the lease, that survives. Whoever gets the lock while that row is neither
//! released nor expired, and was written under another start of the server, waits: until then the old holder might act.
//! Under the same start of the server the old session has ended, which means that its process or its connection is gone.
//! Each holder has a number (token) greater than the one before, and no write is taken from any but the newest: through
//! whatever pooler or past whatever pause it comes, it fails.
//!
//! What this cannot do: call back a request that is on its way already when the lock is lost. It also rests on a standby
//! that lags, and clocks of servers that differ, by less than twenty seconds together; on a machine whose monotonic clock
//! does not stand still (a virtual machine that is paused for more than half a minute may send the one request that it was
//! about to); and on nobody ending the holder's session by hand in the very seconds in which its network is cut.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::session::{Session, Statement, bare, code};
use crate::ledger::Locked;
use crate::net::machine;
use crate::stop::{LOST, Stop};

/// How the server finds out that a holder is gone without a word, in seconds and milliseconds: silence for
/// 15 s + 3 × 5 s, or an answer not taken for 30 s. Where a server cannot set one of these it keeps its own, longer span.
const SILENCE: &str = "SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; \
                       SET tcp_user_timeout = 30000";

/// "ocsy" in ASCII and 1. Advisory locks belong to one database, and a database has one schema `oncall_sync`: one key does.
macro_rules! key {
    () => {
        "1868788601, 1"
    };
}

/// Whether this very session holds the lock: false behind a pooler that hands the next statement to another session.
macro_rules! held {
    () => {
        "EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND (classid, objid, objsubid) = (1868788601, 1, 2) \
         AND granted AND pid = pg_catalog.pg_backend_pid())"
    };
}

/// The code with which the server refuses what comes from a run that is not the holder.
const NOT_HOLDER: &str = "OCS01";

const TAKE: &str = concat!("SELECT pg_catalog.pg_try_advisory_lock(", key!(), ")");

const HOLDER: &str = "SELECT holder.application_name, \
    to_char(holder.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') \
    FROM pg_catalog.pg_locks AS lock JOIN pg_catalog.pg_stat_activity AS holder USING (pid) \
    WHERE lock.locktype = 'advisory' AND (lock.classid, lock.objid, lock.objsubid) = (1868788601, 1, 2) AND lock.granted \
    AND lock.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())";

const CLAIM: &str = concat!(
    "UPDATE oncall_sync.lease SET token = token + 1, holder = $1, server_started_at = pg_catalog.pg_postmaster_start_time(), \
     expires_at = clock_timestamp() + make_interval(secs => $2) \
     WHERE ",
    held!(),
    " AND (SELECT version FROM oncall_sync.schema_version) = $3 \
     AND (expires_at <= clock_timestamp() OR server_started_at = pg_catalog.pg_postmaster_start_time()) RETURNING token"
);

const UNCLAIMED: &str = concat!(
    "SELECT ",
    held!(),
    ", holder, to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM oncall_sync.lease"
);

/// Renews the lease, or ends the transaction that it stands in.
const RENEW: &str = concat!(
    "WITH renewed AS (UPDATE oncall_sync.lease SET expires_at = clock_timestamp() + make_interval(secs => $2) \
     WHERE token = $1 AND ",
    held!(),
    " RETURNING token) \
     SELECT oncall_sync.ensure(EXISTS (SELECT FROM renewed), 'OCS01', 'this session does not hold the lock any more')"
);

const RELEASE: &str = "UPDATE oncall_sync.lease SET expires_at = '-infinity' WHERE token = $1";

const LET_GO: &str = concat!("SELECT pg_catalog.pg_advisory_unlock(", key!(), ")");

/// How long things last, the shorter ones first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spans {
    /// From one renewal to the next: often enough that several may be lost on the way.
    beat: Duration,
    /// From the sending of a renewal for as long as its success is believed.
    belief: Duration,
    /// From the answering of a renewal for as long as another server waits: the belief, and room for clocks of servers that
    /// differ and for a standby that lags.
    lease: Duration,
}

pub(super) const SPANS: Spans =
    Spans { beat: Duration::from_secs(2), belief: Duration::from_secs(10), lease: Duration::from_secs(30) };

/// Takes the lock for this session, or says who has it.
///
/// `more` is asked in the same breath, and answered as well.
pub(super) async fn lock(session: &Session, more: Statement<'_>, shown: &str) -> Result<Vec<Row>> {
    let asked = [more, bare(TAKE)];
    let (set, answers) = tokio::join!(biased; session.batch(SILENCE), session.ask(&asked));
    set?;
    let mut answers = answers?;
    let taken: bool = answers.pop().unwrap_or_default().first().context("no answer")?.try_get(0)?;
    let more = answers.pop().unwrap_or_default();
    if taken {
        return Ok(more);
    }
    // By now it may have let go.
    let holder = session.ask(&[bare(HOLDER)]).await?.remove(0).into_iter().next();
    let text = |column| holder.as_ref().and_then(|row| row.try_get::<_, Option<String>>(column).ok().flatten());
    let who = text(0).map_or(String::new(), |name| format!(": {name}"));
    let since = text(1).map_or(String::new(), |since| format!(", since {since}"));
    Err(Locked(format!("another run holds the ledger in {shown}{who}{since}; wait for it to end")).into())
}

/// Makes this session's lock known to whatever server comes after; answers the token and until when the lock counts as held.
///
/// Fails with [`Locked`] where another server's holder might still be at work.
pub(super) async fn claim(session: &Session, version: i32, spans: Spans, shown: &str) -> Result<(i64, Instant)> {
    let sent = Instant::now();
    let holder = format!("{} (process {})", machine(), std::process::id());
    let parameters: Vec<(Box<dyn tokio_postgres::types::ToSql + Sync + Send>, Type)> = vec![
        (Box::new(holder), Type::TEXT),
        (Box::new(spans.lease.as_secs_f64()), Type::FLOAT8),
        (Box::new(version), Type::INT4),
    ];
    let answers = session.ask(&[Statement { sql: CLAIM, parameters }, bare(UNCLAIMED)]).await?;
    if let Some(row) = answers[0].first() {
        return Ok((row.try_get(0)?, believed(sent, spans)));
    }
    let Some(row) = answers[1].first() else {
        bail!("its table `lease` is empty: put the database's last backup back")
    };
    if !row.try_get::<_, bool>(0)? {
        bail!(
            "the session that took the lock is not the one that answers: a pooler is in between that shares sessions \
             (PgBouncer's transaction mode); connect to the server itself, or to a pool in session mode"
        );
    }
    let (holder, until): (String, String) = (row.try_get(1)?, row.try_get(2)?);
    Err(Locked(format!(
        "another run may still be at work on the ledger in {shown}: {holder} held it when its server was restarted or replaced; \
         its time is up at {until}, and the run after that goes on"
    ))
    .into())
}

/// Until when the lock counts as held after a renewal that was sent then and succeeded.
pub(super) fn believed(sent: Instant, spans: Spans) -> Instant {
    sent + spans.belief
}

/// The statement that renews the lease, which every transaction begins with.
pub(super) fn renewal(token: i64, spans: Spans) -> Statement<'static> {
    let span = spans.lease.as_secs_f64();
    Statement { sql: RENEW, parameters: vec![(Box::new(token), Type::INT8), (Box::new(span), Type::FLOAT8)] }
}

/// Whether the server refused because another run has taken over.
pub(super) fn is_lost(error: &anyhow::Error) -> bool {
    code(error) == Some(NOT_HOLDER)
}

/// Renews the lease for as long as it is polled; ends when it is lost.
pub(super) async fn beat(session: &Session, token: i64, spans: Spans, stop: &Stop) {
    loop {
        tokio::time::sleep(spans.beat).await;
        let sent = Instant::now();
        if let Err(error) = session.ask(&[renewal(token, spans)]).await {
            tracing::warn!("{LOST}: {error:#}");
            return stop.lose();
        }
        stop.hold_until(believed(sent, spans));
    }
}

/// Gives the lock back.
pub(super) async fn release(session: &Session, token: i64) -> Result<()> {
    let released = Statement { sql: RELEASE, parameters: vec![(Box::new(token), Type::INT8)] };
    session.ask(&[released, bare(LET_GO)]).await.map(drop)
}
