//! The one HTTP client: every REST adapter speaks through it.
//!
//! It retries, waits, counts and bounds, follows no redirects, and turns what goes wrong into a sentence with the method,
//! the path and the start of the answer. Queries, headers and secrets are in no error and no log line.

mod base;
mod call;
mod credential;
mod fault;
mod lease;
mod pages;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use http::{HeaderMap, Method, StatusCode};
use reqwest::{Request, Response, Url};

use super::{Context, Failure, Reach, USER_AGENT, Wait, retry, tls};
pub use base::address;
pub use call::{Answer, Call};
pub use credential::{Credential, Key, sensitive};
pub use fault::{Error, answer, explained, is_limit, is_refusal, request, start, status};
pub use lease::{Lease, Token};

/// Bytes of one answer, unpacked. A page of 100 full entries is about 120 kB with the vendors here; 32 calls at a time
/// of this size still fit a small container.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// Bytes kept of the body of an error: more than any vendor's JSON error, less than their HTML pages.
const MAX_ERROR_BODY: usize = 16 * 1024;

/// Where to and how.
pub struct Settings<'a> {
    pub reach: Reach<'a>,
    /// Sent with every request, beside what the credential adds.
    pub headers: HeaderMap,
    /// Proves who asks.
    pub credential: Arc<dyn Credential>,
    /// How this service says "later" where neither status nor headers do, and how long that is where they do not say.
    pub later: Later,
}

/// Reads from an answer of any status that the same request may succeed after some time; a service that says so by status
/// and headers alone needs none: [`by_status`].
pub type Later = fn(StatusCode, body: &[u8]) -> Option<Wait>;

/// Status and headers say it all.
pub fn by_status(_: StatusCode, _: &[u8]) -> Option<Wait> {
    None
}

/// A client of one service. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    host: String,
    timeout: Duration,
    credential: Arc<dyn Credential>,
    later: Later,
    context: Context,
}

impl Client {
    /// A client that has not connected yet. Fails on an address that is none, or would send the key in the clear.
    pub fn new(settings: Settings<'_>, context: Context) -> Result<Self> {
        let Settings { reach, headers, credential, later } = settings;
        let base = base::parse(reach.address).context("`base_url`")?;
        let mut tls = tls::config(reach.ca_file)?;
        // reqwest leaves the protocols of a ready-made TLS config alone.
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(USER_AGENT)
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            // Ours counts its attempts and keeps to the deadline; theirs does neither.
            .retry(reqwest::retry::never());
        if base.scheme() == "http" {
            // Loopback: through a proxy, the key would leave this machine in the clear.
            builder = builder.no_proxy();
        }
        let http = builder.build().context("the HTTP client cannot be set up")?;
        let host = base::host(&base);
        Ok(Self { http, base, host, timeout: reach.timeout, credential, later, context })
    }

    /// The host, and its port where that is not the usual one, for messages.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// A request for `path`, given as its segments below the base address.
    pub fn get(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::GET, path)
    }

    /// The same for PUT, which may be repeated.
    pub fn put(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::PUT, path)
    }

    /// The same for DELETE, which may be repeated.
    pub fn delete(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    /// The same for POST, which is repeated only where it is known not to have happened, or [`Call::repeatable`].
    pub fn post(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::POST, path)
    }

    fn call(&self, method: Method, path: &[&str]) -> Call<'_> {
        Call::new(self, method, base::join(&self.base, path))
    }

    /// Sends `request` until it is answered for good. `again`: doing it twice does not matter.
    async fn send(&self, request: Request, call: &str, again: bool) -> Result<(HeaderMap, Vec<u8>)> {
        let (renewed, doubtful) = (AtomicBool::new(false), AtomicBool::new(false));
        let answered = retry(&self.context, async || {
            let mut request = request.try_clone().expect("without a streamed body a request can be repeated");
            let proof = self.credential.prove(request.method(), request.url()).await;
            request.headers_mut().extend(proof.with_context(|| call.to_owned()).map_err(Failure::last)?);
            let shown = request.headers().clone();
            let mut failure = match self.attempt(request, call, again).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let answer = failure.error.downcast_mut::<Error>();
            let leaves_open = answer.as_ref().is_none_or(|answer| fault::leaves_open(answer.status));
            let before = doubtful.fetch_or(leaves_open, Ordering::Relaxed);
            if let Some(answer) = answer {
                answer.doubtful = before;
            }
            if let Some(refused) = failure.error.downcast_ref::<Error>()
                && self.credential.renews(&shown, refused.status, &refused.headers)
                && !renewed.swap(true, Ordering::Relaxed)
            {
                return Err(Failure { again: Some(Wait::For(Duration::ZERO)), ..failure });
            }
            Err(failure)
        });
        answered.await
    }

    async fn attempt(&self, request: Request, call: &str, again: bool) -> Result<(HeaderMap, Vec<u8>), Failure> {
        let start = Instant::now();
        let method = request.method().clone();
        // Without an answer nobody knows whether it was done; doing it twice must not matter.
        let again = again.then_some(Wait::Backoff);
        let answered = self.context.attempt(self.timeout, async {
            let sent = self.context.now();
            let response = self.http.execute(request).await.map_err(|error| self.unsent(error, call, again))?;
            self.context.hear(self.host(), response.headers(), sent);
            let status = response.status();
            let headers = response.headers().clone();
            let answer = if status.is_success() {
                body(response, call, again).await
            } else {
                Err(self.refused(response, &method, call).await)
            };
            tracing::debug!("{call}: {} in {} ms", status.as_u16(), start.elapsed().as_millis());
            let body = answer?;
            match (self.later)(status, &body) {
                Some(wait) => {
                    let told = fault::wait(StatusCode::TOO_MANY_REQUESTS, &headers, self.context.now());
                    Err(Failure::passing(self.error(call, status, headers, &body), told.or(wait)))
                }
                None => Ok((headers, body)),
            }
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
        let headers = response.headers().clone();
        let mut body = Vec::new();
        // An error page that breaks off is still an error page.
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() >= MAX_ERROR_BODY {
                break;
            }
        }
        let later = (self.later)(status, &body);
        let again = (later.is_some() || fault::passing(status, &headers, method))
            .then(|| fault::wait(status, &headers, self.context.now()).or(later.unwrap_or(Wait::Backoff)));
        Failure { error: self.error(call, status, headers, &body).into(), again }
    }

    fn error(&self, call: &str, status: StatusCode, headers: HeaderMap, body: &[u8]) -> Error {
        Error { call: call.to_owned(), status, headers, body: self.redacted(body), doubtful: false }
    }

    /// The text, without what proves who we are.
    fn redacted(&self, text: &[u8]) -> String {
        fault::redacted(text, &self.credential.secrets())
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
