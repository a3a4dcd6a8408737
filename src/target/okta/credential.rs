//! What proves to Okta who asks: an API token, or an access token of a service app, bound to a key of this run.
//!
//! The app proves itself by its private key (`private_key_jwt`, RFC 7523) and always offers a proof of possession (DPoP, RFC
//! 9449), which new API Services apps demand; where the server gives a plain bearer token for it, that is used as one.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use anyhow::{Context as _, Error, Result, bail, ensure};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::dpop::{DPOP, Nonce, Prover, lock, renew, sensitive};
use super::fault::explained;
use crate::net::Context;
use crate::net::http::{self, Credential, Key};
use crate::net::jwt::Signer;

/// To read groups, their members and rules and to change members; to find people. Nothing else is asked for.
const SCOPES: &str = "okta.groups.manage okta.users.read";

/// How long an assertion is good for. Okta allows an hour; this bears a clock that is as slow as a run bears it.
const ASSERTION: TimeDelta = TimeDelta::minutes(10);

/// How long before its end a token is not used any more, longer than a request takes; of one that lives shortly, half its life.
const MARGIN: TimeDelta = TimeDelta::minutes(1);

/// The life of a token whose answer does not say: Okta's are good for an hour.
const LIFE: u32 = 3600;

/// The token endpoint of the organisation's own authorization server: no custom one gives out these scopes.
const TOKEN: [&str; 3] = ["oauth2", "v1", "token"];

/// An API token (`Authorization: SSWS …`).
pub fn api_token(token: SecretString) -> Result<Key> {
    Key::new(header::AUTHORIZATION, "SSWS ", token)
}

/// A service app.
pub struct App<'a> {
    pub client_id: &'a str,
    pub private_key: &'a SecretString,
    /// Which of the app's public keys it is, where the key does not say.
    pub key_id: Option<&'a str>,
}

/// An access token of a service app, fetched when it is first needed and shared by every request.
pub struct OAuth {
    client: http::Client,
    prover: Arc<Prover>,
    context: Context,
    client_id: String,
    /// Whom the app speaks to when it says who it is: the address of the token endpoint.
    audience: String,
    key_id: Option<String>,
    signer: Signer,
    /// Who gets it keeps the others waiting, so that one request fetches it for all.
    fetching: tokio::sync::Mutex<()>,
    token: Mutex<Option<Token>>,
    /// Every token so far: what a late answer may still repeat.
    issued: Mutex<Vec<SecretString>>,
    /// How often no token was to be had, and why the last time.
    failed: Mutex<(u64, String)>,
    /// What the API itself asked to be put into proofs, if it did.
    nonce: Mutex<Option<String>>,
}

#[derive(Clone)]
struct Token {
    secret: SecretString,
    /// Bound to the key of this run, so that each request needs a proof.
    bound: bool,
    /// When it is not used any more, a little before its end.
    until: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    expires_in: Option<u32>,
}

impl OAuth {
    pub fn new(
        app: &App<'_>,
        base_url: &str,
        ca_file: Option<&Path>,
        timeout: Duration,
        context: Context,
    ) -> Result<Self> {
        let signer = Signer::rsa(app.private_key).context("`private_key`")?;
        let key_id = app.key_id.or(signer.key_id()).map(str::to_owned);
        let prover = Arc::new(Prover::new(context.clone())?);
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]);
        let credential: Arc<dyn Credential> = prover.clone();
        let settings = http::Settings { base_url, ca_file, timeout, headers, credential, later: http::by_status };
        let client = http::Client::new(settings, context.clone())?;
        let mut audience = Url::parse(base_url.trim())?;
        audience.path_segments_mut().ok().context("`base_url` has no path")?.pop_if_empty().extend(TOKEN);
        let (client_id, audience) = (app.client_id.to_owned(), audience.into());
        let (fetching, token, issued, failed, nonce) = Default::default();
        Ok(Self {
            client,
            prover,
            context,
            client_id,
            audience,
            key_id,
            signer,
            fetching,
            token,
            issued,
            failed,
            nonce,
        })
    }

    /// The token that is good now.
    async fn token(&self) -> Result<Token> {
        // Who waits while a token is asked for in vain does not ask again.
        let before = lock(&self.failed).0;
        let _one_at_a_time = self.fetching.lock().await;
        let good = |token: &&Token| self.context.now() < token.until;
        if let Some(token) = lock(&self.token).as_ref().filter(good) {
            return Ok(token.clone());
        }
        if let (times, why) = &*lock(&self.failed)
            && *times != before
        {
            bail!("{why}");
        }
        match self.fetch().await {
            Ok(token) => {
                lock(&self.issued).push(token.secret.clone());
                *lock(&self.token) = Some(token.clone());
                Ok(token)
            }
            Err(error) => {
                let why = untold(&error);
                *lock(&self.failed) = (before + 1, why.clone());
                bail!(why)
            }
        }
    }

    async fn fetch(&self) -> Result<Token> {
        let assertion = self.assertion()?;
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", SCOPES),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.expose_secret()),
        ];
        *lock(&self.prover.assertion) = Some(assertion.clone());
        // A token that nobody took does no harm: asking twice does not matter.
        let call = self.client.post(&TOKEN).form(&form).repeatable();
        let granted: Granted = call.secret_answer().await.map_err(explained)?;
        let bound = granted.token_type.eq_ignore_ascii_case("DPoP");
        ensure!(
            bound || granted.token_type.eq_ignore_ascii_case("Bearer"),
            "the token is of a type that is not spoken here: {}",
            http::start(&granted.token_type)
        );
        let life = TimeDelta::seconds(granted.expires_in.unwrap_or(LIFE).into());
        let until = self.context.now() + life - MARGIN.min(life / 2);
        Ok(Token { secret: granted.access_token.into(), bound, until })
    }

    /// Says who asks for a token. It has no `jti`: with one, Okta takes it once, and a nonce may have to be fetched between.
    /// It has no `iat`, so that a clock that is ahead of Okta's does no harm.
    fn assertion(&self) -> Result<SecretString> {
        let mut header = json!({ "typ": "JWT" });
        if let Some(key_id) = &self.key_id {
            header["kid"] = key_id.as_str().into();
        }
        let claims = json!({
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.audience,
            "exp": (self.context.now() + ASSERTION).timestamp(),
        });
        Ok(self.signer.sign(header, &claims)?.into())
    }
}

#[async_trait]
impl Credential for OAuth {
    async fn prove(&self, method: &Method, url: &Url) -> Result<HeaderMap> {
        let Token { secret, bound, .. } = self.token().await?;
        let nonce = lock(&self.nonce).clone();
        let mut headers = HeaderMap::new();
        let scheme = if bound { "DPoP" } else { "Bearer" };
        headers.insert(header::AUTHORIZATION, sensitive(&format!("{scheme} {}", secret.expose_secret()))?);
        if bound {
            headers.insert(DPOP, self.prover.proof(method, url, nonce.as_deref(), Some(&secret))?);
        }
        Ok(headers)
    }

    fn renews(&self, shown: &HeaderMap, status: StatusCode, headers: &HeaderMap) -> bool {
        let nonce = renew(&self.nonce, headers);
        let mut challenges = headers.get_all(header::WWW_AUTHENTICATE).iter();
        // By 400 or 401: RFC 9449 says the one, and Okta has been seen to answer the other.
        if nonce != Nonce::None && challenges.any(|challenge| holds(challenge, "use_dpop_nonce")) {
            return true;
        }
        if status != StatusCode::UNAUTHORIZED {
            return false;
        }
        // Only whoever showed the token that is still kept drops it: another may have been fetched meanwhile.
        let mut token = lock(&self.token);
        let was_shown = |token: &&Token| {
            let authorization = shown.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
            authorization.ends_with(format!(" {}", token.secret.expose_secret()).as_bytes())
        };
        if token.as_ref().filter(was_shown).is_some() {
            *token = None;
        }
        true
    }

    fn secrets(&self) -> Vec<SecretString> {
        lock(&self.issued).clone()
    }
}

/// Why there is no token, as a sentence alone: an answer of the token endpoint says nothing of what the API was asked for,
/// and its 404 must not pass for that of a membership.
fn untold(error: &Error) -> String {
    format!("Okta gives no access token to the service app: {error:#}")
}

fn holds(value: &HeaderValue, word: &str) -> bool {
    String::from_utf8_lossy(value.as_bytes()).contains(word)
}

#[cfg(test)]
mod tests {
    use super::super::fault::is_gone;
    use super::*;

    #[tokio::test]
    async fn a_refusal_drops_the_token_that_was_shown_and_no_later_one() {
        let end = tokio::time::Instant::now() + Duration::from_secs(60);
        let context = Context::new(crate::net::Clock::new(DateTime::UNIX_EPOCH), end);
        let private_key = &include_str!("../../net/jwt/pkcs8.pem").into();
        let app = App { client_id: "0oa1", private_key, key_id: None };
        let oauth = OAuth::new(&app, "http://127.0.0.1:1", None, Duration::from_secs(1), context).expect("an app");
        let until = DateTime::UNIX_EPOCH + TimeDelta::hours(1);
        *lock(&oauth.token) = Some(Token { secret: "new".into(), bound: true, until });
        let kept = || lock(&oauth.token).is_some();
        let renews = |token: &str, status| {
            let shown = HeaderMap::from_iter([(header::AUTHORIZATION, sensitive(token).expect("a header"))]);
            oauth.renews(&shown, status, &HeaderMap::new())
        };
        assert!(!renews("DPoP new", StatusCode::FORBIDDEN) && kept());
        assert!(renews("DPoP old", StatusCode::UNAUTHORIZED) && kept(), "another was fetched meanwhile");
        assert!(renews("DPoP new", StatusCode::UNAUTHORIZED) && !kept());
    }

    #[test]
    fn no_answer_of_the_token_endpoint_passes_for_one_of_the_api() {
        let answer = http::Error {
            call: "POST /oauth2/v1/token".into(),
            status: StatusCode::NOT_FOUND,
            headers: HeaderMap::new(),
            body: r#"{"errorCode":"E0000007","errorSummary":"Not found"}"#.into(),
        };
        let error = explained(answer.into());
        assert!(is_gone(&error));
        let told = explained(anyhow::anyhow!(untold(&error)).context("DELETE"));
        assert!(!is_gone(&told) && format!("{told:#}").contains("E0000007"), "{told:#}");
    }
}
