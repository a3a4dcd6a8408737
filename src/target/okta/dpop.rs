//! Proofs of possession (DPoP, RFC 9449): each request is signed with a key that this run alone has.

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use anyhow::{Context as _, Result};
use async_trait::async_trait;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::mutex::Mutex;
use crate::net::Context;
use crate::net::http::{Credential, sensitive};
use crate::net::jwt::{Signer, encoded, unique};

/// Carries the proof.
pub const DPOP: HeaderName = HeaderName::from_static("dpop");

/// Carries what a server wants to have put into proofs.
const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Proves that requests come from whoever holds the key of this run.
pub struct Prover {
    key: Signer,
    context: Context,
    /// What the token endpoint asked to be put into proofs: every app has to, with Okta.
    nonce: Mutex<Option<String>>,
    /// The last one sent, to be taken out of what a server says.
    pub assertion: Mutex<Option<SecretString>>,
}

impl Prover {
    pub fn new(context: Context) -> Result<Self> {
        let key = Signer::for_this_run().context("the key that the access token is bound to")?;
        Ok(Self { key, context, nonce: Mutex::default(), assertion: Mutex::default() })
    }

    /// A proof for one request (RFC 9449, 4.2); with `token`, also that it belongs to the token.
    pub fn proof(
        &self,
        method: &Method,
        url: &Url,
        nonce: Option<&str>,
        token: Option<&SecretString>,
    ) -> Result<HeaderValue> {
        let mut claims: Value = json!({
            "htm": method.as_str(),
            "htu": address(url),
            "iat": self.context.now().timestamp(),
            "jti": unique()?,
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        if let Some(token) = token {
            claims["ath"] = encoded(Sha256::digest(token.expose_secret())).into();
        }
        sensitive(&self.key.sign(json!({ "typ": "dpop+jwt", "jwk": self.key.public() }), &claims)?)
    }
}

#[async_trait]
impl Credential for Prover {
    async fn prove(&self, method: &Method, url: &Url) -> Result<HeaderMap> {
        let nonce = self.nonce.lock().clone();
        Ok(HeaderMap::from_iter([(DPOP, self.proof(method, url, nonce.as_deref(), None)?)]))
    }

    fn renews(&self, _shown: &HeaderMap, status: StatusCode, headers: &HeaderMap) -> bool {
        // One fetches for all, so that a nonce that is known was in the proof: something else is wrong.
        status == StatusCode::BAD_REQUEST && renew(&self.nonce, headers) == Nonce::New
    }

    fn secrets(&self) -> Vec<SecretString> {
        self.assertion.lock().iter().cloned().collect()
    }
}

/// What an answer says of a nonce.
#[derive(Debug, PartialEq, Eq)]
pub enum Nonce {
    None,
    Known,
    New,
}

/// Keeps the nonce that an answer names; compared with the one kept, not with the one that was sent.
pub fn renew(kept: &Mutex<Option<String>>, headers: &HeaderMap) -> Nonce {
    let Some(named) = headers.get(NONCE).and_then(|nonce| nonce.to_str().ok()) else { return Nonce::None };
    let before = kept.lock().replace(named.to_owned());
    if before.as_deref() == Some(named) { Nonce::Known } else { Nonce::New }
}

/// The address as a proof names it: without its query, and its path as it reads once decoded.
///
/// RFC 9449 (4.3) has both sides normalise it, and Okta decodes: whatever is escaped is refused otherwise (okta-sdk-python#541,
/// okta-sdk-java#1526).
fn address(url: &Url) -> String {
    let mut bytes = Vec::new();
    let mut rest = url.path().as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    format!("{}{}", url.origin().ascii_serialization(), String::from_utf8_lossy(&bytes))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use chrono::DateTime;
    use std::time::Duration;
    use tokio::time::Instant;

    use super::*;
    use crate::net::Clock;

    const NOW: i64 = 1_772_323_200;

    fn prover() -> Prover {
        let clock = Clock::new(DateTime::from_timestamp(NOW, 0).expect("an instant"));
        Prover::new(Context::new(clock, Instant::now() + Duration::from_secs(60))).expect("a prover")
    }

    fn parts(proof: &HeaderValue) -> (Value, Value) {
        let decode =
            |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON");
        let mut parts = proof.to_str().expect("text").split('.').map(str::to_owned);
        let mut next = || parts.next().expect("three parts");
        (decode(&next()), decode(&next()))
    }

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[tokio::test]
    async fn a_proof_names_the_request_the_nonce_and_the_token() {
        let prover = prover();
        let address = url("https://acme.okta.com/api/v1/users?search=x&limit=200");
        let token = SecretString::from("a token");
        let (header, claims) = parts(&prover.proof(&Method::GET, &address, Some("n1"), Some(&token)).expect("a proof"));
        assert_eq!(header, json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": prover.key.public() }));
        assert!(header["jwk"].get("d").is_none());
        let id = claims["jti"].clone();
        // `printf 'a token' | openssl sha256 -binary | basenc --base64url`
        let hash = "4zFuK6_rthA6NBjod4wK3JYNQCE6A6fn9PzTQm7YB78";
        let named = "https://acme.okta.com/api/v1/users";
        assert_eq!(claims, json!({ "htm": "GET", "htu": named, "iat": NOW, "jti": id, "nonce": "n1", "ath": hash }));
        let (_, second) = parts(&prover.proof(&Method::POST, &address, None, None).expect("a proof"));
        assert!(second["jti"] != id && second.get("nonce").is_none() && second.get("ath").is_none(), "{second}");
    }

    #[test]
    fn an_address_is_named_as_okta_reads_it() {
        for (wire, read) in [
            ("https://acme.okta.com/api/v1/users/a%20b@x.com?q=%20", "https://acme.okta.com/api/v1/users/a b@x.com"),
            ("http://127.0.0.1:8080/x/zo%C3%AB%2B", "http://127.0.0.1:8080/x/zoë+"),
            ("https://acme.okta.com/100%", "https://acme.okta.com/100%"),
            ("https://acme.okta.com/%+f", "https://acme.okta.com/%+f"),
        ] {
            assert_eq!(address(&url(wire)), read);
        }
    }

    #[test]
    fn a_nonce_is_new_once() {
        let nonce = Mutex::default();
        let named = |nonce: &'static str| HeaderMap::from_iter([(NONCE, HeaderValue::from_static(nonce))]);
        assert_eq!(renew(&nonce, &HeaderMap::new()), Nonce::None);
        assert_eq!(renew(&nonce, &named("one")), Nonce::New);
        assert_eq!(renew(&nonce, &named("one")), Nonce::Known);
        assert_eq!(renew(&nonce, &named("two")), Nonce::New);
        assert_eq!(nonce.lock().as_deref(), Some("two"));
    }
}
