//! The gRPC server: one service for every path, over the bytes as they came.

use std::convert::Infallible;
use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::header::DATE;
use prost::bytes::{Buf as _, BufMut as _};
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::Service;
use tonic::metadata::MetadataMap;
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Request, Response, Status};

use super::methods::{self, Refusal};
use super::world::{Fault, World};
use super::{ACCESS_KEY, SECRET_KEY, wire};
use crate::fakes::gate::Gate;

/// The version of the API that the vendor's SDKs have named since 2025-04-15.
const API_VERSION: &str = "2025-04-14";

/// One call that arrived, whatever came of it.
#[derive(Debug, Clone)]
pub struct Call {
    /// `Service.Method`.
    pub method: String,
    pub started: DateTime<Utc>,
    /// `None`: no answer was sent.
    pub ended: Option<DateTime<Utc>>,
    pub code: Option<Code>,
}

/// What the server and the test share.
#[derive(Clone)]
pub struct Shared {
    pub state: Arc<Mutex<State>>,
    pub gate: Gate,
}

pub struct State {
    pub world: World,
    pub calls: Vec<Call>,
    pub violations: Vec<String>,
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn answer(&self, path: &str, request: Request<Vec<u8>>) -> Result<Vec<u8>, Status> {
        let method = path.strip_prefix("/v1.").unwrap_or(path).replace('/', ".");
        let (index, latency) = {
            let mut state = self.lock();
            let started = state.world.now();
            state.calls.push(Call { method: method.clone(), started, ended: None, code: None });
            (state.calls.len() - 1, state.world.manners.latency)
        };
        tokio::time::sleep(latency).await;
        let outcome = self.lock().act(&method, request.metadata(), request.get_ref());
        let answer = match outcome {
            Outcome::Answer(answer) => answer,
            Outcome::Silence => pending().await,
            Outcome::Break => {
                self.gate.cut();
                pending().await
            }
            Outcome::Close => {
                self.gate.close();
                pending().await
            }
        };
        let mut state = self.lock();
        let ended = state.world.now();
        let call = &mut state.calls[index];
        call.ended = Some(ended);
        call.code = Some(answer.as_ref().err().map_or(Code::Ok, Status::code));
        answer
    }
}

enum Outcome {
    Answer(Result<Vec<u8>, Status>),
    Silence,
    Break,
    Close,
}

impl State {
    fn act(&mut self, method: &str, metadata: &MetadataMap, request: &[u8]) -> Outcome {
        if let Err(refusal) = self.admit(method, metadata, request) {
            return Outcome::Answer(Err(self.status(method, refusal)));
        }
        match self.world.trouble(method, methods::end_of(method, request)) {
            None => Outcome::Answer(self.carry_out(method, request)),
            Some(Fault::Refuse(code)) => Outcome::Answer(Err(Status::new(code, "refused by the test"))),
            Some(Fault::Says(code, words)) => Outcome::Answer(Err(Status::new(code, words))),
            Some(Fault::RateLimit(wait)) => Outcome::Answer(Err(self.exhausted(wait))),
            Some(Fault::DoneBut(code)) => {
                let done = self.carry_out(method, request);
                Outcome::Answer(done.and_then(|_| Err(Status::new(code, "done, and yet refused by the test"))))
            }
            Some(Fault::LostReply) => match self.carry_out(method, request) {
                Ok(_) => Outcome::Break,
                Err(status) => Outcome::Answer(Err(status)),
            },
            Some(Fault::Hang) => Outcome::Silence,
            Some(Fault::DoneInSilence) => {
                let _nobody_hears_it = self.carry_out(method, request);
                Outcome::Silence
            }
            Some(Fault::Garbage) => {
                Outcome::Answer(self.carry_out(method, request).map(|_| b"\xff\xff garbage".to_vec()))
            }
            Some(Fault::Break) => Outcome::Break,
            Some(Fault::Gone) => Outcome::Close,
        }
    }

    fn carry_out(&mut self, method: &str, request: &[u8]) -> Result<Vec<u8>, Status> {
        let answer = methods::call(&mut self.world, method, request);
        if answer.is_ok() {
            self.world.carried_out(method);
        }
        answer.map_err(|refusal| self.status(method, refusal))
    }

    /// Checks key, signature, version and agent.
    fn admit(&self, method: &str, metadata: &MetadataMap, request: &[u8]) -> Result<(), Refusal> {
        let get = |key| metadata.get(key).and_then(|value| value.to_str().ok());
        let need = |key| get(key).ok_or_else(|| Refusal::Violation(format!("the header {key} is missing")));
        if need("x-sdm-api-version")? != API_VERSION {
            return Err(Refusal::Violation("the API version is another than the SDKs'".to_owned()));
        }
        need("x-sdm-user-agent")?;
        let (key, signature) = (need("x-sdm-authentication")?, need("x-sdm-signature")?);
        let today = self.world.now() + TimeDelta::days(self.world.manners.days_ahead);
        let expected = wire::sign(SECRET_KEY, &today.format("%F").to_string(), method, request);
        if key == ACCESS_KEY && signature == expected {
            return Ok(());
        }
        Err(Refusal::Status(Status::unauthenticated("access denied")))
    }

    fn status(&mut self, method: &str, refusal: Refusal) -> Status {
        match refusal {
            Refusal::Status(status) => status,
            Refusal::Violation(what) => {
                self.violations.push(format!("{method}: {what}"));
                Status::invalid_argument(what)
            }
        }
    }

    fn exhausted(&self, wait: Option<Duration>) -> Status {
        let message = "rate limit exceeded";
        let Some(wait) = wait else { return Status::resource_exhausted(message) };
        let reset_at = Some(wire::timestamp(self.world.now() + wait));
        let limit = wire::RateLimit { limit: 5000, remaining: 0, reset_at, bucket: "read".to_owned() };
        let details = wire::details(Code::ResourceExhausted as i32, message, "RateLimitMetadata", &limit);
        Status::with_details(Code::ResourceExhausted, message, details.into())
    }
}

/// The tower service: every path, none of them known here.
#[derive(Clone)]
pub struct AnyMethod(pub Shared);

impl Service<http::Request<Body>> for AnyMethod {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let one = OneCall { shared: self.0.clone(), path: request.uri().path().to_owned() };
        let busy = self.0.gate.busy();
        let ahead = self.0.lock().world.manners.dated_ahead;
        Box::pin(async move {
            let mut answer = Grpc::new(Raw).unary(one, request).await;
            drop(busy);
            if let Some(ahead) = ahead {
                answer.headers_mut().insert(DATE, crate::fakes::date(ahead).parse().expect("a header"));
            }
            Ok(answer)
        })
    }
}

struct OneCall {
    shared: Shared,
    path: String,
}

impl UnaryService<Vec<u8>> for OneCall {
    type Response = Vec<u8>;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, Status>> + Send>>;

    fn call(&mut self, request: Request<Vec<u8>>) -> Self::Future {
        let (shared, path) = (self.shared.clone(), self.path.clone());
        Box::pin(async move { shared.answer(&path, request).await.map(Response::new) })
    }
}

/// Messages as the bytes they are.
#[derive(Clone, Copy, Default)]
pub struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut item = vec![0; from.remaining()];
        from.copy_to_slice(&mut item);
        Ok(Some(item))
    }
}
