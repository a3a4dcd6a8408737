//! A token that ends: fetched when it is first needed, and shared by every request until shortly before its end.

use anyhow::{Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};

use super::sensitive;
use crate::mutex::Mutex;
use crate::net::Context;

/// How long before its end a token is not used any more, longer than a request takes; of one that lives shortly, half its
/// life. One that ends earlier by the server's clock is renewed when it is refused.
const MARGIN: TimeDelta = TimeDelta::minutes(1);

/// A token as a service gave it.
#[derive(Clone)]
pub struct Token {
    /// How `Authorization` says what it is, for instance `Bearer`.
    pub scheme: &'static str,
    pub secret: SecretString,
    pub ends: DateTime<Utc>,
}

impl Token {
    /// `Authorization`.
    ///
    /// # Errors
    /// Where the token holds what no header can.
    pub fn authorization(&self) -> Result<HeaderValue> {
        sensitive(&format!("{} {}", self.scheme, self.secret.expose_secret()))
    }
}

/// The token that is good now, fetched by one request for all.
pub struct Lease {
    context: Context,
    /// Whose it is fetches; the others wait.
    turn: tokio::sync::Mutex<()>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    token: Option<Token>,
    /// Until when it is used.
    until: DateTime<Utc>,
    /// Every token so far: what a late answer may still repeat.
    issued: Vec<SecretString>,
    /// How often none was to be had, and why the last time.
    failures: u64,
    why: String,
}

impl Lease {
    /// Nothing is fetched yet.
    pub fn new(context: Context) -> Self {
        Self { context, turn: tokio::sync::Mutex::default(), kept: Mutex::default() }
    }

    /// The token that is good now, by `fetch` where there is none.
    ///
    /// # Errors
    /// Where there is none to be had, with the reason as a sentence alone: an answer about the token says nothing of what
    /// the request was about, and its 404 must not pass for that of a membership.
    pub async fn token(&self, fetch: impl Future<Output = Result<Token>> + Send) -> Result<Token> {
        // Who waits while a token is asked for in vain does not ask again.
        let before = self.kept.lock().failures;
        let _turn = self.turn.lock().await;
        {
            let kept = self.kept.lock();
            if let Some(token) = kept.token.as_ref().filter(|_| self.context.now() < kept.until) {
                return Ok(token.clone());
            }
            if kept.failures != before {
                bail!("{}", kept.why);
            }
        }
        let fetched = fetch.await;
        let mut kept = self.kept.lock();
        match fetched {
            Ok(token) => {
                kept.until = token.ends - MARGIN.min((token.ends - self.context.now()) / 2);
                kept.issued.push(token.secret.clone());
                kept.token = Some(token.clone());
                Ok(token)
            }
            Err(error) => {
                kept.failures += 1;
                kept.why = format!("{error:#}");
                bail!("{}", kept.why)
            }
        }
    }

    /// Whether an answer with this status refused the token; then it is forgotten, if it is the one among the headers `shown`:
    /// another may have been fetched meanwhile.
    pub fn renews(&self, shown: &HeaderMap, status: StatusCode) -> bool {
        if status != StatusCode::UNAUTHORIZED {
            return false;
        }
        let was_shown = |token: &Token| token.authorization().ok().as_ref() == shown.get(header::AUTHORIZATION);
        self.kept.lock().token.take_if(|token| was_shown(token));
        true
    }

    /// Every token so far.
    pub fn secrets(&self) -> Vec<SecretString> {
        self.kept.lock().issued.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use anyhow::anyhow;
    use tokio::time::Instant;

    use super::super::{Error, status};
    use super::*;
    use crate::net::Clock;

    fn lease() -> Lease {
        let clock = Clock::new("2026-03-01T12:00:00Z".parse().expect("an instant"));
        Lease::new(Context::new(clock, Instant::now() + Duration::from_secs(7200)))
    }

    /// The next token, which lives so many seconds.
    async fn token(lease: &Lease, fetched: &AtomicUsize, seconds: i64) -> String {
        let ends = lease.context.now() + TimeDelta::seconds(seconds);
        let fetch = async {
            tokio::task::yield_now().await;
            let secret = format!("t{}", fetched.fetch_add(1, Ordering::Relaxed)).into();
            Ok(Token { scheme: "Bearer", secret, ends })
        };
        lease.token(fetch).await.expect("a token").secret.expose_secret().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_fetched_once_for_all_and_anew_shortly_before_its_end() {
        let (lease, fetched) = (lease(), AtomicUsize::default());
        let both = tokio::join!(token(&lease, &fetched, 600), token(&lease, &fetched, 600));
        assert_eq!(both, ("t0".to_owned(), "t0".to_owned()));
        tokio::time::advance(Duration::from_secs(539)).await;
        assert_eq!(token(&lease, &fetched, 600).await, "t0");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(token(&lease, &fetched, 10).await, "t1");
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(token(&lease, &fetched, 10).await, "t1", "of a short life half is used");
        assert_eq!(lease.secrets().len(), 2, "a late answer may repeat the first");
    }

    #[tokio::test]
    async fn only_the_token_that_was_refused_is_forgotten() {
        let (lease, fetched) = (lease(), AtomicUsize::default());
        let shown = |secret: &str| {
            let token = Token { scheme: "Bearer", secret: secret.into(), ends: DateTime::default() };
            HeaderMap::from_iter([(header::AUTHORIZATION, token.authorization().expect("a header"))])
        };
        token(&lease, &fetched, 600).await;
        assert!(lease.renews(&shown("t7"), StatusCode::UNAUTHORIZED), "with the one that came in its place");
        assert!(!lease.renews(&shown("t0"), StatusCode::FORBIDDEN), "it is good, and may not do this");
        assert_eq!(token(&lease, &fetched, 600).await, "t0");
        assert!(lease.renews(&shown("t0"), StatusCode::UNAUTHORIZED));
        assert_eq!(token(&lease, &fetched, 600).await, "t1");
    }

    #[tokio::test]
    async fn who_waits_for_a_token_in_vain_is_told_why_and_asks_no_more() {
        let (lease, asked) = (lease(), AtomicUsize::default());
        let fetch = || async {
            asked.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            let (call, headers, body) = ("POST /token".to_owned(), HeaderMap::new(), String::new());
            let refused = Error { call, status: StatusCode::NOT_FOUND, headers, body, doubtful: false };
            Err(anyhow!(refused).context("no token"))
        };
        let (one, other) = tokio::join!(lease.token(fetch()), lease.token(fetch()));
        for error in [one.err().expect("none"), other.err().expect("none")] {
            assert!(error.to_string().starts_with("no token: POST /token answered 404"), "{error:#}");
            assert_eq!(status(&error), None, "it is no answer about what was asked for");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert!(lease.token(fetch()).await.is_err());
        assert_eq!(asked.load(Ordering::Relaxed), 2, "a later request asks again");
    }
}
