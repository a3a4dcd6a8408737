//! What proves to Okta who asks: an API token, or an access token of a service app, bound to a key of this run.
//!
//! The app proves itself by its private key (`private_key_jwt`, RFC 7523) and always offers a proof of possession (DPoP, RFC
//! 9449), which new API Services apps demand; where the server gives a plain bearer token for it, that is used as one.

use std::sync::Arc;

use ::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use anyhow::{Context as _, Result};
use async_trait::async_trait;
use chrono::TimeDelta;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::dpop::{DPOP, Nonce, Prover, renew};
use super::fault::explained;
use crate::mutex::Mutex;
use crate::net::http::{self, Credential, Key, Lease, Token};
use crate::net::jwt::Signer;
use crate::net::{Context, Reach};

/// To read groups, their members and rules and to change members; to find people. Nothing else is asked for.
const SCOPES: &str = "okta.groups.manage okta.users.read";

/// How long an assertion is good for. Okta allows an hour; this bears a clock that is as slow as a run bears it.
const ASSERTION: TimeDelta = TimeDelta::minutes(10);

/// The life of a token whose answer does not say: Okta's are good for an hour.
const LIFE: u32 = 3600;

/// How a token is shown that is bound to the key of this run, so that each request needs a proof.
const BOUND: &str = "DPoP";

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
    lease: Lease,
    /// What the API itself asked to be put into proofs, if it did.
    nonce: Mutex<Option<String>>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    expires_in: Option<u32>,
}

impl OAuth {
    pub fn new(app: &App<'_>, reach: Reach<'_>, context: Context) -> Result<Self> {
        let signer = Signer::rsa(app.private_key).context("`private_key`")?;
        let key_id = app.key_id.or(signer.key_id()).map(str::to_owned);
        let prover = Arc::new(Prover::new(context.clone())?);
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]);
        let credential: Arc<dyn Credential> = prover.clone();
        let settings = http::Settings { reach, headers, credential, later: http::by_status };
        let client = http::Client::new(settings, context.clone())?;
        let mut audience = Url::parse(reach.address.trim())?;
        audience.path_segments_mut().ok().context("`base_url` has no path")?.pop_if_empty().extend(TOKEN);
        let (client_id, audience) = (app.client_id.to_owned(), audience.into());
        let lease = Lease::new(context.clone());
        Ok(Self { client, prover, context, client_id, audience, key_id, signer, lease, nonce: Mutex::default() })
    }

    async fn fetch(&self) -> Result<Token> {
        let assertion = self.assertion()?;
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", SCOPES),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.expose_secret()),
        ];
        *self.prover.assertion.lock() = Some(assertion.clone());
        // A token that nobody took does no harm: asking twice does not matter.
        let call = self.client.post(&TOKEN).form(&form).repeatable();
        let granted = call.secret_answer::<Granted>().await.map_err(explained);
        let Granted { access_token, token_type, expires_in } =
            granted.context("Okta gives no access token to the service app")?;
        let scheme = [BOUND, "Bearer"].into_iter().find(|scheme| token_type.eq_ignore_ascii_case(scheme));
        let scheme = scheme.with_context(|| {
            format!("Okta's token is of a type that is not spoken here: {}", http::start(&token_type))
        })?;
        let ends = self.context.now() + TimeDelta::seconds(expires_in.unwrap_or(LIFE).into());
        Ok(Token { scheme, secret: access_token.into(), ends })
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
        let token = self.lease.token(self.fetch()).await?;
        let nonce = self.nonce.lock().clone();
        let mut headers = HeaderMap::from_iter([(header::AUTHORIZATION, token.authorization()?)]);
        if token.scheme == BOUND {
            headers.insert(DPOP, self.prover.proof(method, url, nonce.as_deref(), Some(&token.secret))?);
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
        self.lease.renews(shown, status)
    }

    fn secrets(&self) -> Vec<SecretString> {
        self.lease.secrets()
    }
}

fn holds(value: &HeaderValue, word: &str) -> bool {
    String::from_utf8_lossy(value.as_bytes()).contains(word)
}
