//! Who asks: a token, or a GitHub App by its key.
//!
//! An App signs a token of its own (JWT, RS256) and trades it for one of its installation in the organisation, which ends
//! after an hour ("Generating an installation access token for a GitHub App", GitHub docs).

use std::sync::Arc;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode};
use reqwest::Url;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OnceCell;

use super::fault::explained;
use crate::mutex::Mutex;
use crate::net::Context;
use crate::net::http::{Client, Credential, Key, Lease, Token, sensitive, status};
use crate::net::jwt::Signer;

/// How far back a signed token is dated, "to protect against clock drift" (GitHub docs).
const BACKDATED: TimeDelta = TimeDelta::seconds(60);

/// How long a signed token is valid; GitHub takes no more than ten minutes, by its own clock.
const SIGNED_FOR: TimeDelta = TimeDelta::minutes(9);

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
        let proof = HeaderMap::from_iter([(AUTHORIZATION, sensitive(&format!("Bearer {token}"))?)]);
        self.signed.lock().push(token.into());
        Ok(proof)
    }

    fn secrets(&self) -> Vec<SecretString> {
        self.signed.lock().clone()
    }
}

/// A GitHub App in one organisation.
pub struct Installed {
    /// Asks as the App itself.
    app: Client,
    org: String,
    installation: OnceCell<u64>,
    lease: Lease,
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
        let installation = OnceCell::new_with(installation);
        Arc::new(Self { app, org: org.to_owned(), installation, lease: Lease::new(context) })
    }

    async fn fetch(&self) -> Result<Token> {
        let installation = self.installation.get_or_try_init(|| self.find()).await?.to_string();
        let path = ["app", "installations", &installation, "access_tokens"];
        // A token too many ends by itself within the hour.
        let made = self.app.post(&path).repeatable().secret_answer::<Made>().await.map_err(explained);
        let Made { token, expires_at } = made.context("GitHub gives this App no token for its installation")?;
        Ok(Token { scheme: "Bearer", secret: token.into(), ends: expires_at })
    }

    async fn find(&self) -> Result<u64> {
        let found = self.app.get(&["orgs", &self.org, "installation"]).answer::<Installation>().await;
        let found = found.map_err(explained).map_err(|error| match status(&error) {
            Some(404) => error.context(format!(
                "this GitHub App is not installed in the organisation '{}'; install it there, or check `org` and `app_id`",
                self.org
            )),
            _ => error.context("the installation of this GitHub App cannot be found"),
        })?;
        Ok(found.id)
    }
}

#[async_trait]
impl Credential for Installed {
    async fn prove(&self, _: &Method, _: &Url) -> Result<HeaderMap> {
        let token = self.lease.token(self.fetch()).await?;
        Ok(HeaderMap::from_iter([(AUTHORIZATION, token.authorization()?)]))
    }

    fn renews(&self, shown: &HeaderMap, status: StatusCode, _: &HeaderMap) -> bool {
        self.lease.renews(shown, status)
    }

    fn secrets(&self) -> Vec<SecretString> {
        self.lease.secrets()
    }
}
