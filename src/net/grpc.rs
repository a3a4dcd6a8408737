//! gRPC: one client for every adapter that speaks it.

mod dial;
mod error;

use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use http::uri::PathAndQuery;
use hyper_util::client::proxy::matcher::Matcher;
use prost::Message;
use tokio::time::Instant;
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use super::{Context, Failure, Reach, Wait, retry};
pub use error::{Error, Fate, Method};

/// The longest answer that is read. A page of a thousand records of 16 kB each (keys and certificates included) fits;
/// what is longer is a mistake or an attack.
const LONGEST_ANSWER: usize = 16 << 20;

/// What differs from one vendor to the next.
pub trait Vendor: Send + Sync {
    /// Credentials and signature of one attempt at sending `message`.
    fn metadata(&self, method: Method, message: &[u8], now: DateTime<Utc>) -> MetadataMap;

    /// When a refused request may come again, where the vendor says so in the details of its error.
    fn reset_at(&self, error: &Error) -> Option<DateTime<Utc>>;
}

/// A connection to one host, in the manners of one vendor.
pub struct Client<V> {
    channel: Channel,
    shown: String,
    vendor: V,
    timeout: Duration,
    context: Context,
}

impl<V: Vendor> Client<V> {
    /// A client (TLS unless the address is `http://` to this machine) which connects at its first call.
    ///
    /// A proxy in HTTPS_PROXY or ALL_PROXY is used, unless NO_PROXY lists the host.
    pub fn new(reach: Reach<'_>, vendor: V, context: Context) -> Result<Self> {
        let line = dial::dial(reach.address, reach.ca_file, &Matcher::from_env())?;
        Ok(Self::over(line, reach.timeout, vendor, context))
    }

    fn over(dial::Line { channel, shown }: dial::Line, timeout: Duration, vendor: V, context: Context) -> Self {
        Self { channel, shown, vendor, timeout, context }
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Sends what may be sent twice: a question, or a write whose repetition changes nothing.
    pub async fn call<Q, A>(&self, method: Method, message: &Q) -> Result<A>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        retry(&self.context, async || {
            self.once(method, message).await.map_err(|error| {
                let again = self.again(&error);
                Failure { error: error.into(), again }
            })
        })
        .await
    }

    /// Sends what must not happen twice.
    ///
    /// Tried again only when it is known not to have happened, or when `look`, asked because the outcome of an attempt is
    /// unknown, says that it did not; what `look` finds is the answer.
    pub async fn create<Q, A, Look>(&self, method: Method, message: &Q, look: impl Fn() -> Look) -> Result<A>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
        Look: Future<Output = Result<Option<A>>>,
    {
        retry(&self.context, async || {
            let error = match self.once(method, message).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if error.fate() == Fate::Unknown {
                match look().await {
                    Ok(Some(found)) => return Ok(found),
                    Ok(None) => {}
                    Err(blind) => {
                        let blind = format!("it may have happened, which could not be looked up ({blind:#})");
                        return Err(Failure::last(anyhow::Error::new(error).context(blind)));
                    }
                }
            }
            let again = self.again(&error);
            Err(Failure { error: error.into(), again })
        })
        .await
    }

    /// Whether the same request may be tried again, as far as the error goes, and after how long.
    fn again(&self, error: &Error) -> Option<Wait> {
        if Instant::now() >= self.context.deadline() || !error.is_passing() {
            return None;
        }
        let wait = self.vendor.reset_at(error).and_then(|at| (at - self.context.now()).to_std().ok());
        Some(wait.filter(|wait| !wait.is_zero()).map_or(Wait::Backoff, Wait::For))
    }

    async fn once<Q, A>(&self, method: Method, message: &Q) -> Result<A, Error>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        let mut started = None;
        let call = async {
            started = Some(Instant::now());
            self.exchange(method, message).await
        };
        let outcome = self.context.attempt(self.timeout, call).await;
        let answer = match outcome {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(status)) => Err(Error::from_status(&self.shown, method, &status)),
            Err(silence) if started.is_some() => Err(Error::silent(&self.shown, method, format!("{silence:#}"))),
            Err(unsent) => Err(Error::unsent(&self.shown, method, format!("{unsent:#}"))),
        };
        let code = answer.as_ref().err().map_or(tonic::Code::Ok, |error| error.code);
        let ms = started.map_or(0, |started| started.elapsed().as_millis());
        tracing::debug!(%method, ?code, ms, "gRPC request to {}", self.shown);
        answer
    }

    /// The bytes signed are the bytes sent: prost has one encoding for one message.
    async fn exchange<Q, A>(&self, method: Method, message: &Q) -> Result<A, Status>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(LONGEST_ANSWER);
        grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
        let mut request = Request::new(message.clone());
        let sent = self.context.now();
        *request.metadata_mut() = self.vendor.metadata(method, &message.encode_to_vec(), sent);
        let codec: ProstCodec<Q, A> = ProstCodec::default();
        let answer = grpc.unary(request, PathAndQuery::from_static(method.0), codec).await;
        let metadata = answer.as_ref().map_or_else(Status::metadata, Response::metadata);
        self.context.hear(&self.shown, metadata.as_ref(), sent);
        Ok(answer?.into_inner())
    }
}

/// The error of gRPC behind a chain of sentences.
pub fn cause(error: &anyhow::Error) -> Option<&Error> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

#[cfg(test)]
mod tests;
