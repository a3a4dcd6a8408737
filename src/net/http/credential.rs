//! What proves to a service who asks.

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

/// Proves to a service who asks, anew for each attempt.
#[async_trait]
pub trait Credential: Send + Sync {
    /// The headers for one attempt; asked for while no place of the connection is taken, so that a token may be fetched.
    async fn prove(&self, method: &Method, url: &Url) -> Result<HeaderMap>;

    /// Whether a new proof may be accepted where this one, among the headers `shown`, was refused: the token has ended
    /// before its time, a nonce is asked for. Then it is tried once more, once for each request.
    fn renews(&self, _shown: &HeaderMap, _status: StatusCode, _headers: &HeaderMap) -> bool {
        false
    }

    /// What is taken out of whatever a server says before it is shown, should the server echo it.
    fn secrets(&self) -> Vec<SecretString>;
}

/// The same header for every request: a token that does not change.
pub struct Key {
    header: HeaderName,
    value: HeaderValue,
    secret: SecretString,
}

impl Key {
    /// `scheme` and `secret` as the value of `header`, for instance `Bearer `.
    ///
    /// # Errors
    /// Where the secret holds what no header can.
    pub fn new(header: HeaderName, scheme: &str, secret: SecretString) -> Result<Self> {
        let value = sensitive(&format!("{scheme}{}", secret.expose_secret()))?;
        Ok(Self { header, value, secret })
    }
}

/// A header's value that no log shows.
///
/// # Errors
/// Where no header can hold it.
pub fn sensitive(text: &str) -> Result<HeaderValue> {
    let value = HeaderValue::try_from(text).ok();
    let mut value = value.context("it holds characters that no key has, a line break for instance")?;
    value.set_sensitive(true);
    Ok(value)
}

#[async_trait]
impl Credential for Key {
    async fn prove(&self, _: &Method, _: &Url) -> Result<HeaderMap> {
        Ok(HeaderMap::from_iter([(self.header.clone(), self.value.clone())]))
    }

    fn secrets(&self) -> Vec<SecretString> {
        vec![self.secret.clone()]
    }
}
