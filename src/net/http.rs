//! The one HTTP client: every REST adapter speaks through it.
//!
//! It retries, waits, counts and bounds, follows no redirects, and turns what goes wrong into a sentence with the method,
//! the path and the start of the answer. Queries, headers and secrets are in no error and no log line.

mod base;
mod fault;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use http::{HeaderMap, Method};
use reqwest::{Request, Response, Url};
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use super::{Context, Failure, USER_AGENT, Wait, retry, tls};
pub use fault::{Error, start};

/// Bytes of one answer, unpacked. A page of 100 full entries is about 120 kB with the vendors here; 32 calls at a time
/// of this size still fit a small container.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// Bytes kept of the body of an error: more than any vendor's JSON error, less than their HTML pages.
const MAX_ERROR_BODY: usize = 16 * 1024;

/// Where to and how.
pub struct Settings<'a> {
    /// `https://host[:port][/prefix]`; `http://` only to this machine.
    pub base_url: &'a str,
    /// PEM file of CAs trusted beside the usual ones.
    pub ca_file: Option<&'a Path>,
    /// Of one attempt, the body of the answer included.
    pub timeout: Duration,
    /// Sent with every request.
    pub headers: HeaderMap,
    /// Taken out of whatever a server says before it is shown, should the server echo it.
    pub secret: SecretString,
}

/// A client of one service. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    host: String,
    timeout: Duration,
    secret: SecretString,
    context: Context,
}

/// A request that was answered with success.
struct Answer {
    call: String,
    body: Vec<u8>,
}

impl Client {
    /// A client that has not connected yet. Fails on an address that is none, or would send the key in the clear.
    pub fn new(settings: Settings<'_>, context: Context) -> Result<Self> {
        let base = base::parse(settings.base_url)?;
        let mut tls = tls::config(settings.ca_file)?;
        // reqwest leaves the protocols of a ready-made TLS config alone.
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(USER_AGENT)
            .default_headers(settings.headers)
            .redirect(reqwest::redirect::Policy::none())
            // Ours counts its attempts and keeps to the deadline; theirs does neither.
            .retry(reqwest::retry::never());
        if base.scheme() == "http" {
            // Loopback: through a proxy, the key would leave this machine in the clear.
            builder = builder.no_proxy();
        }
        let http = builder.build().context("the HTTP client cannot be set up")?;
        let host = base::host(&base);
        Ok(Self { http, base, host, timeout: settings.timeout, secret: settings.secret, context })
    }

    /// The host, and its port where that is not the usual one, for messages.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// GETs `path`, given as its segments, and decodes the answer.
    ///
    /// A status other than 2xx is an [`Error`] by downcast, also behind context.
    pub async fn get_json<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, String)]) -> Result<T> {
        let answer = self.send(Method::GET, path, query).await?;
        fault::decode(&answer.body).map_err(|problem| {
            let shown = fault::shown(&fault::redacted(&answer.body, &self.secret));
            let problem = start(&fault::redacted(problem.as_bytes(), &self.secret));
            anyhow!("{}: {problem}; it starts with {shown}", answer.call)
        })
    }

    async fn send(&self, method: Method, path: &[&str], query: &[(&str, String)]) -> Result<Answer> {
        let url = base::join(&self.base, path);
        let call = format!("{method} {} on {}", url.path(), self.host());
        let request = self.http.request(method, url).query(query).build().map_err(reqwest::Error::without_url);
        let request = request.with_context(|| format!("{call}: the request cannot be put together"))?;
        let body = retry(&self.context, async || {
            let request = request.try_clone().expect("without a streamed body a request can be repeated");
            self.attempt(request, &call).await
        });
        Ok(Answer { body: body.await?, call })
    }

    async fn attempt(&self, request: Request, call: &str) -> Result<Vec<u8>, Failure> {
        let start = Instant::now();
        let method = request.method().clone();
        // Without an answer nobody knows whether it was done; doing it twice must not matter.
        let again = method.is_idempotent().then_some(Wait::Backoff);
        let answered = self.context.attempt(self.timeout, async {
            let sent = self.context.now();
            let response = self.http.execute(request).await.map_err(|error| self.unsent(error, call, again))?;
            self.context.hear(self.host(), response.headers(), sent);
            let status = response.status();
            let body = if status.is_success() {
                body(response, call, again).await
            } else {
                Err(self.refused(response, &method, call).await)
            };
            tracing::debug!("{call}: {} in {} ms", status.as_u16(), start.elapsed().as_millis());
            body
        });
        answered.await.unwrap_or_else(|late| {
            tracing::debug!("{call}: no answer in {} ms", start.elapsed().as_millis());
            let again = again.filter(|_| tokio::time::Instant::now() < self.context.deadline());
            Err(Failure { error: late.context(call.to_owned()), again })
        })
    }

    /// The failure of a request that got no answer.
    fn unsent(&self, error: reqwest::Error, call: &str, again: Option<Wait>) -> Failure {
        tracing::debug!("{call}: no answer");
        if let Some(problem) = fault::certificate(&error, self.host()) {
            return Failure::last(anyhow!("{call}: {problem}"));
        }
        Failure { error: anyhow!(error.without_url()).context(format!("{call}: no answer")), again }
    }

    /// The failure of a request that was answered with anything but success.
    async fn refused(&self, mut response: Response, method: &Method, call: &str) -> Failure {
        let status = response.status();
        let again = fault::passing(status, method).then(|| fault::wait(status, response.headers(), self.context.now()));
        let mut body = Vec::new();
        // An error page that breaks off is still an error page.
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() >= MAX_ERROR_BODY {
                break;
            }
        }
        let body = fault::redacted(&body, &self.secret);
        let error = Error { call: call.to_owned(), status, body };
        Failure { error: error.into(), again }
    }
}

async fn body(mut response: Response, call: &str, again: Option<Wait>) -> Result<Vec<u8>, Failure> {
    let too_long = || {
        let limit = MAX_BODY / 1024 / 1024;
        Failure::last(anyhow!(
            "{call}: the answer is longer than {limit} MiB, which no honest answer is; was it this API?"
        ))
    };
    if response.content_length().is_some_and(|length| length > MAX_BODY as u64) {
        return Err(too_long());
    }
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_BODY => return Err(too_long()),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => {
                let error = anyhow!(error.without_url()).context(format!("{call}: the answer broke off"));
                return Err(Failure { error, again });
            }
        }
    }
}
