//! One request, put together part by part, and its answer.

use std::fmt::Display;

use anyhow::{Context as _, Result, anyhow, ensure};
use http::{HeaderMap, Method};
use reqwest::{RequestBuilder, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Client, fault, pages};

/// A request that has not been sent.
pub struct Call<'a> {
    client: &'a Client,
    /// Method, path and host, for messages.
    name: String,
    request: RequestBuilder,
    repeatable: bool,
}

/// A request that was answered with success.
pub struct Answer<'a> {
    client: &'a Client,
    call: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl<'a> Call<'a> {
    pub(super) fn new(client: &'a Client, method: Method, url: Url) -> Self {
        let name = format!("{method} {} on {}", url.path(), client.host());
        let repeatable = method.is_idempotent();
        Self { client, name, request: client.http.request(method, url), repeatable }
    }

    /// Adds to the query; a value may be any text.
    #[must_use]
    pub fn query(self, query: &[(&str, impl Display)]) -> Self {
        let query: Vec<(&str, String)> = query.iter().map(|(name, value)| (*name, value.to_string())).collect();
        Self { request: self.request.query(&query), ..self }
    }

    /// Sends `body` as JSON.
    #[must_use]
    pub fn json(self, body: &impl Serialize) -> Self {
        Self { request: self.request.json(body), ..self }
    }

    /// Sends `body` as a form.
    #[must_use]
    pub fn form(self, body: &impl Serialize) -> Self {
        Self { request: self.request.form(body), ..self }
    }

    /// Doing it twice does not matter, whatever the method: it only reads, for instance.
    #[must_use]
    pub fn repeatable(self) -> Self {
        Self { repeatable: true, ..self }
    }

    /// Sends it, again where that can help.
    ///
    /// # Errors
    /// A status other than 2xx is a [`super::Error`] by downcast, also behind context.
    pub async fn send(self) -> Result<Answer<'a>> {
        let Self { client, name, request, repeatable } = self;
        let request = request.build().map_err(reqwest::Error::without_url);
        let request = request.with_context(|| format!("{name}: the request cannot be put together"))?;
        let (headers, body) = client.send(request, &name, repeatable).await?;
        Ok(Answer { client, call: name, headers, body })
    }

    /// Sends it, and decodes the answer.
    ///
    /// # Errors
    /// As [`Call::send`], and where the answer is not as documented.
    pub async fn answer<T: DeserializeOwned>(self) -> Result<T> {
        self.send().await?.decode()
    }

    /// The same for an answer that holds a secret, of which no error shows a word.
    ///
    /// # Errors
    /// As [`Call::answer`].
    pub async fn secret_answer<T: DeserializeOwned>(self) -> Result<T> {
        let Answer { call, headers, body, .. } = self.send().await?;
        fault::decode_unseen(&body).map_err(|problem| anyhow!("{call}: {problem}{}", fault::request(&headers)))
    }

    /// Sends it, and reads on as long as `Link` names a next page (RFC 8288); each page is a list.
    ///
    /// # Errors
    /// As [`Call::answer`]; where a next page is elsewhere, was read before, or there is no end of them. Half a list is none.
    pub async fn pages<T: DeserializeOwned>(self) -> Result<Vec<T>> {
        let client = self.client;
        let mut answer = self.send().await?;
        let mut rows: Vec<T> = answer.decode()?;
        let mut seen = pages::Seen::default();
        while let Some(next) = answer.next()? {
            ensure!(
                seen.is_new(&next),
                "{}: the list of pages has no end; an answer that makes no sense is not used",
                answer.call
            );
            answer = Call::new(client, Method::GET, next).send().await?;
            rows.extend(answer.decode::<Vec<T>>()?);
        }
        Ok(rows)
    }
}

impl Answer<'_> {
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The answer as what it should be.
    ///
    /// # Errors
    /// Where it is not as documented; the field is named.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        fault::decode(&self.body).map_err(|problem| {
            let shown = fault::shown(&self.client.redacted(&self.body));
            let problem = fault::start(&self.client.redacted(problem.as_bytes()));
            anyhow!("{}: {problem}; it starts with {shown}{}", self.call, fault::request(&self.headers))
        })
    }

    /// Where the next page is.
    ///
    /// # Errors
    /// Where it is no address, or one on another host: the key stays here.
    fn next(&self) -> Result<Option<Url>> {
        let next = pages::next(&self.headers, &self.client.base).with_context(|| self.call.clone())?;
        let Some(next) = next else { return Ok(None) };
        ensure!(
            next.origin() == self.client.base.origin(),
            "{}: the next page is said to be on {}, which is not asked, lest the key go elsewhere; check `base_url`",
            self.call,
            fault::start(next.host_str().unwrap_or_default())
        );
        Ok(Some(next))
    }
}
