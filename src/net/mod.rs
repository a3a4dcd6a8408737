//! The network: one client for HTTP, one for gRPC, and the manners that both keep.

pub mod grpc;
pub mod http;
pub mod jwt;
mod retry;
pub mod tls;

use std::future::Future;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::http::HeaderMap;
use ::http::header::{AGE, DATE};
use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::domain::Witness;

pub use retry::{Failure, Wait, retry};

use crate::mutex::Mutex;
use crate::span::Span;
use crate::stop::{GRACE, LOST, Stop};

/// Calls to one host at a time. Enough to hide a latency of 50 ms behind a thousand calls, and well under the hundred
/// streams that HTTP/2 servers commonly allow on one connection.
pub const CONCURRENCY: usize = 32;

/// One attempt at one request, where the config says nothing: as long as vendors' own clients commonly wait.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// As what this program makes itself known to servers.
pub const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Where a service is and how it is spoken to, as the config says it.
#[derive(Clone, Copy)]
pub struct Reach<'a> {
    /// `https://host[:port][/prefix]`, for gRPC also `host:port`; `http://` only to this machine.
    pub address: &'a str,
    /// PEM file of CAs trusted beside the usual ones.
    pub ca_file: Option<&'a Path>,
    /// Of one attempt, the body of the answer included.
    pub timeout: Duration,
}

impl<'a> Reach<'a> {
    pub fn new(address: &'a str, ca_file: Option<&'a Path>, timeout: Option<Span>) -> Self {
        Self { address, ca_file, timeout: timeout.map_or(TIMEOUT, |span| span.0) }
    }
}

/// What one adapter's calls share: the run's clock and deadline, the count of requests, the manners towards the host.
///
/// One for each source and target. Clones are the same context.
#[derive(Clone)]
pub struct Context {
    clock: Clock,
    deadline: Arc<Mutex<Instant>>,
    requests: Arc<AtomicU64>,
    places: Arc<Semaphore>,
    not_before: Arc<Mutex<Option<Instant>>>,
    witness: Arc<Mutex<Option<Witness>>>,
    stop: Option<Stop>,
}

/// The run's clock: read once, in `main`, and moved on by the machine's monotonic clock.
#[derive(Clone, Copy)]
pub struct Clock {
    now: DateTime<Utc>,
    read: Instant,
    of_machine: bool,
}

impl Clock {
    /// A clock that was told the time, for drills and tests: whether it is right, nobody is asked.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self { now, read: Instant::now(), of_machine: false }
    }

    /// The machine's clock, which is held against those of others.
    pub fn of_machine(now: DateTime<Utc>) -> Self {
        Self { of_machine: true, ..Self::new(now) }
    }

    pub fn is_machines(&self) -> bool {
        self.of_machine
    }

    pub fn now(&self) -> DateTime<Utc> {
        TimeDelta::from_std(self.read.elapsed()).map_or(self.now, |elapsed| self.now + elapsed)
    }
}

impl Context {
    /// A context whose calls end at `deadline` at the latest.
    pub fn new(clock: Clock, deadline: Instant) -> Self {
        Self {
            clock,
            deadline: Arc::new(Mutex::new(deadline)),
            requests: Arc::default(),
            places: Arc::new(Semaphore::new(CONCURRENCY)),
            not_before: Arc::default(),
            witness: Arc::default(),
            stop: None,
        }
    }

    /// Sends nothing more once `stop` says that the ledger is lost, or was asked and has given the calls in flight their time.
    #[must_use]
    pub fn heeding(self, stop: &Stop) -> Self {
        Self { stop: Some(stop.clone()), ..self }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub fn deadline(&self) -> Instant {
        *self.deadline.lock()
    }

    /// From here on calls may last until `deadline`: another part of the run begins, with time of its own.
    pub fn prolong(&self, deadline: Instant) {
        *self.deadline.lock() = deadline;
    }

    /// Requests sent so far, attempts that failed included.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Of the times that servers put on their answers so far, the one furthest from ours.
    pub fn witness(&self) -> Option<Witness> {
        self.witness.lock().clone()
    }

    /// Takes note of the time in the `headers` of an answer by `server`, just received, to what was sent at `sent`.
    fn hear(&self, server: &str, headers: &HeaderMap, sent: DateTime<Utc>) {
        // One that comes from a cache tells when it was made.
        if !self.clock.of_machine || headers.contains_key(AGE) {
            return;
        }
        let date = headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        let Some(date) = date else { return };
        let heard = Witness::new(server, date.into(), sent, self.now());
        let mut witness = self.witness.lock();
        if witness.as_ref().is_none_or(|known| known.difference() < heard.difference()) {
            *witness = Some(heard);
        }
    }

    /// One attempt at one request: waits for a place and for a pause that the host asked for, counts it, and ends it
    /// after `timeout` or at the deadline.
    pub async fn attempt<T>(&self, timeout: Duration, call: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.given_up() => {
                Err(anyhow::anyhow!("no answer within {} s after the run was told to stop", GRACE.as_secs()))
            }
            answer = self.within(timeout, call) => answer,
        }
    }

    /// Returns when nothing is waited for any more, because the run was told to stop.
    async fn given_up(&self) {
        match &self.stop {
            Some(stop) => stop.gave_time().await,
            None => std::future::pending().await,
        }
    }

    async fn within<T>(&self, timeout: Duration, call: impl Future<Output = T>) -> Result<T> {
        let place = self.places.acquire().await.context("the connection's places are gone")?;
        let deadline = self.deadline();
        let pause = *self.not_before.lock();
        if let Some(until) = pause.filter(|until| *until > Instant::now()) {
            tokio::time::sleep_until(until.min(deadline)).await;
        }
        // Whatever has arrived meanwhile is seen to first: of an ended session of the ledger we learn before we send.
        tokio::task::yield_now().await;
        anyhow::ensure!(!self.stop.as_ref().is_some_and(Stop::is_lost), "not sent, because {LOST}");
        anyhow::ensure!(
            Instant::now() < deadline,
            "not sent, because the time is over that `deadline` in the config leaves for it"
        );
        self.requests.fetch_add(1, Ordering::Relaxed);
        let end = deadline.min(Instant::now() + timeout);
        let answer = tokio::time::timeout_at(end, call).await;
        drop(place);
        answer.map_err(|_| {
            if end == deadline {
                anyhow::anyhow!("no answer in the time that `deadline` in the config leaves for it")
            } else {
                anyhow::anyhow!("no answer within {} s (`timeout` in the config sets it)", timeout.as_secs_f32())
            }
        })
    }

    /// Keeps every call to this host back for `pause`, because the host said so.
    pub fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut not_before = self.not_before.lock();
        *not_before = Some(not_before.map_or(until, |old| old.max(until)));
    }
}

/// What this machine calls itself.
pub fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Whether `host`, as URLs spell it, is this machine for certain: only there may a key travel in the clear.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_in_flight_has_a_while_after_the_word_and_nothing_follows() {
        let end = Instant::now() + Duration::from_secs(3600);
        let stop = Stop::at(end);
        let context = Context::new(Clock::new(DateTime::UNIX_EPOCH), end).heeding(&stop);
        let timeout = Duration::from_secs(600);
        let slow = context.attempt(timeout, tokio::time::sleep(GRACE / 2));
        let told = async { stop.ask() };
        assert!(tokio::join!(slow, told).0.is_ok(), "it comes to its end");
        let asked = Instant::now();
        let error = context.attempt(timeout, std::future::pending::<()>()).await.expect_err("given up");
        assert_eq!(error.to_string(), "no answer within 20 s after the run was told to stop");
        assert_eq!(asked.elapsed(), GRACE / 2);
        // Nor is the end of a wait between two attempts.
        let again = || async { Err::<(), _>(Failure::passing(anyhow::anyhow!("busy"), Wait::For(timeout))) };
        let error = retry(&context, again).await.expect_err("given up");
        assert_eq!((error.to_string(), asked.elapsed()), ("busy".to_owned(), GRACE / 2));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_more_is_sent_once_the_ledger_is_lost() {
        let end = Instant::now() + Duration::from_secs(3600);
        let stop = Stop::at(end);
        let context = Context::new(Clock::new(DateTime::UNIX_EPOCH), end).heeding(&stop);
        let send = || context.attempt(TIMEOUT, async {});
        stop.hold_until(Instant::now() + Duration::from_secs(10));
        send().await.expect("sent");
        tokio::time::advance(Duration::from_secs(10)).await;
        let error = send().await.expect_err("not sent");
        assert!(error.to_string().contains("the ledger's lock was lost"), "{error:#}");
        assert_eq!(context.requests(), 1);
    }

    /// What ends the ledger's session and what a target answered come in together: the first is seen to before more is sent.
    #[tokio::test]
    async fn what_has_arrived_is_seen_to_before_anything_is_sent() {
        let end = Instant::now() + Duration::from_secs(3600);
        let stop = Stop::at(end);
        let context = Context::new(Clock::new(DateTime::UNIX_EPOCH), end).heeding(&stop);
        tokio::spawn(async move { stop.lose() });
        context.attempt(TIMEOUT, async {}).await.expect_err("not sent");
    }
}
