//! Who asks: a token, or a GitHub App by its key.
//!
//! An App signs a token of its own (JWT, RS256) and trades it for one of its installation in the organisation, which ends
//! after an hour ("Generating an installation access token for a GitHub App", GitHub docs).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::fault::{explained, status};
use crate::net::Context;
use crate::net::http::{Client, Credential, Key};
use crate::net::jwt::Signer;

/// How far back a signed token is dated, "to protect against clock drift" (GitHub docs).
const BACKDATED: TimeDelta = TimeDelta::seconds(60);

/// How long a signed token is valid; GitHub takes no more than ten minutes, by its own clock.
const SIGNED_FOR: TimeDelta = TimeDelta::minutes(9);

/// How long before its end a token is not used any more: longer than a request takes. One that ends earlier by GitHub's
/// clock is renewed when it is refused.
const SPARE: TimeDelta = TimeDelta::minutes(1);

/// A token that somebody made, as it is sent.
///
/// # Errors
/// Where it holds what no header can.
pub fn token(secret: SecretString) -> Result<Key> {
    Key::new(AUTHORIZATION, "Bearer ", secret)
}

/// A GitHub App as itself, which may ask for its installations and their tokens and nothing else.
pub struct Signed {
    pub app_id: String,
    pub signer: Signer,
    pub context: Context,
    /// What was signed so far: it is good for minutes, and a server may repeat it.
    pub signed: Mutex<Vec<SecretString>>,
}

#[async_trait]
impl Credential for Signed {
    async fn prove(&self, _: &Method, _: &Url) -> Result<HeaderMap> {
        let now = self.context.now();
        let (issued, ends) = ((now - BACKDATED).timestamp(), (now + SIGNED_FOR).timestamp());
        let claims = json!({ "iss": self.app_id, "iat": issued, "exp": ends });
        let token = self.signer.sign(json!({ "typ": "JWT" }), &claims)?;
        let token = SecretString::from(token);
        lock(&self.signed).push(token.clone());
        bearer(&token)
    }

    fn secrets(&self) -> Vec<SecretString> {
        lock(&self.signed).clone()
    }
}

/// A GitHub App in one organisation.
pub struct Installed {
    /// Asks as the App itself.
    app: Client,
    org: String,
    context: Context,
    installation: Mutex<Option<u64>>,
    token: Mutex<Option<Token>>,
    /// Every token so far: what a late answer may still repeat.
    issued: Mutex<Vec<SecretString>>,
    /// Whoever fetches a token; the others wait for it.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Token {
    token: SecretString,
    ends: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Made {
    token: String,
    expires_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
}

impl Installed {
    /// Nothing is asked yet; the installation is found by itself where it is not given.
    pub fn new(app: Client, org: &str, installation: Option<u64>, context: Context) -> Arc<Self> {
        Arc::new(Self {
            app,
            org: org.to_owned(),
            context,
            installation: Mutex::new(installation),
            token: Mutex::default(),
            issued: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    fn current(&self) -> Option<Token> {
        let usable = |token: &&Token| token.ends - self.context.now() > SPARE;
        lock(&self.token).as_ref().filter(usable).cloned()
    }

    async fn token(&self) -> Result<Token> {
        if let Some(token) = self.current() {
            return Ok(token);
        }
        let _turn = self.turn.lock().await;
        if let Some(token) = self.current() {
            return Ok(token);
        }
        let installation = self.installation().await?.to_string();
        let path = ["app", "installations", &installation, "access_tokens"];
        // A token too many ends by itself within the hour.
        let made = self.app.post(&path).repeatable().secret_answer::<Made>().await.map_err(explained);
        let Made { token, expires_at: ends } = made.context("GitHub gives this App no token for its installation")?;
        let token = Token { token: token.into(), ends };
        lock(&self.issued).push(token.token.clone());
        *lock(&self.token) = Some(token.clone());
        Ok(token)
    }

    async fn installation(&self) -> Result<u64> {
        let known = *lock(&self.installation);
        if let Some(id) = known {
            return Ok(id);
        }
        let found = self.app.get(&["orgs", &self.org, "installation"]).answer::<Installation>().await;
        let found = found.map_err(|error| {
            let missing = status(&error) == Some(404);
            let error = explained(error);
            if missing {
                error.context(format!(
                    "this GitHub App is not installed in the organisation '{}'; install it there, or check `org` and `app_id`",
                    self.org
                ))
            } else {
                error.context("the installation of this GitHub App cannot be found")
            }
        })?;
        *lock(&self.installation) = Some(found.id);
        Ok(found.id)
    }
}

#[async_trait]
impl Credential for Installed {
    async fn prove(&self, _: &Method, _: &Url) -> Result<HeaderMap> {
        bearer(&self.token().await?.token)
    }

    fn renews(&self, shown: &HeaderMap, status: StatusCode, _: &HeaderMap) -> bool {
        if status != StatusCode::UNAUTHORIZED {
            return false;
        }
        let mut token = lock(&self.token);
        // Where another call has fetched a new one meanwhile, that one is tried.
        let is_shown = |token: &Token| {
            bearer(&token.token).ok().as_ref().and_then(|ours| ours.get(AUTHORIZATION)) == shown.get(AUTHORIZATION)
        };
        if token.as_ref().is_some_and(is_shown) {
            *token = None;
        }
        true
    }

    fn secrets(&self) -> Vec<SecretString> {
        lock(&self.issued).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A token is whole whatever panicked while it was locked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bearer(token: &SecretString) -> Result<HeaderMap> {
    let value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret())).ok();
    let mut value = value.context("GitHub's token holds characters that no token has")?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::api::{Access, client};
    use super::*;
    use crate::net::Clock;

    /// An App that has asked nobody for anything.
    fn installed() -> Arc<Installed> {
        let clock = Clock::new(DateTime::UNIX_EPOCH);
        let context = Context::new(clock, tokio::time::Instant::now() + Duration::from_secs(60));
        let timeout = Duration::from_secs(1);
        let credential = Arc::new(token("unused".into()).expect("a token"));
        let access = Access { base_url: "http://127.0.0.1:1", ca_file: None, timeout, credential };
        Installed::new(client(&access, context.clone()).expect("a client"), "acme", Some(1), context)
    }

    #[tokio::test]
    async fn a_refusal_drops_the_token_that_was_shown_and_no_later_one() {
        let installed = installed();
        let shown = |token: &str| bearer(&token.into()).expect("a header");
        let kept = || lock(&installed.token).is_some();
        *lock(&installed.token) = Some(Token { token: "new".into(), ends: DateTime::UNIX_EPOCH + TimeDelta::hours(1) });
        let renews = |token: &str, status| installed.renews(&shown(token), status, &HeaderMap::new());
        assert!(!renews("new", StatusCode::FORBIDDEN) && kept());
        assert!(renews("old", StatusCode::UNAUTHORIZED) && kept(), "another was fetched meanwhile");
        assert!(renews("new", StatusCode::UNAUTHORIZED) && !kept());
    }

    #[tokio::test]
    async fn a_token_is_used_until_a_minute_before_its_end() {
        let installed = installed();
        for (seconds, usable) in [(120, true), (59, false), (-1, false)] {
            let ends = DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
            *lock(&installed.token) = Some(Token { token: "one".into(), ends });
            assert_eq!(installed.current().is_some(), usable, "{seconds}");
        }
    }
}
