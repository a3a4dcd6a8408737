//! How the service misbehaves when told to.

use chrono::{DateTime, TimeDelta, Utc};
use httpmock::HttpMockResponse;

use super::shapes::{okta_error, respond};
use crate::fakes::gate::{Gate, Loss};

/// A way to fail.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// A bare status with the HTML page of a proxy.
    Html(u16),
    /// 429 until so many seconds from now by its own clock; it sends no `Retry-After`.
    RateLimited { seconds: i64 },
    /// 429 because too much is unfinished; the headers tell of the concurrent limit.
    TooManyAtOnce,
    /// 401: the token was revoked, or nobody used it for 30 days.
    InvalidToken,
    /// 400 with a challenge and without a word, as for a proof that is not in order.
    WrongProof,
    /// 403 of an administrator who may not.
    Forbidden,
    /// This status, error code and summary, in Okta's own form.
    Error(u16, &'static str, &'static str),
    /// This status and body.
    Says(u16, String),
    /// 302 to this URL.
    Redirect(String),
    /// The same page again and again, each time with the same one to come.
    Endless,
    /// The page that was asked for, whose next one is said to be at this URL.
    NextAt(String),
    /// What was asked for is done, and the answer says that it failed.
    DoneBut(u16),
    /// The right answer, lost on its way.
    Lost(Loss),
    /// The connection breaks, and new ones are refused until the stand-in is opened again.
    Gone,
}

impl Fault {
    /// The failing answer; `None` for the faults that are an answer gone wrong.
    pub(super) fn response(&self, now: DateTime<Utc>) -> Option<HttpMockResponse> {
        Some(match self {
            Self::Html(status) | Self::DoneBut(status) => html(*status),
            Self::RateLimited { seconds } => too_many(600, now + TimeDelta::seconds(*seconds)),
            Self::TooManyAtOnce => too_many(75, now + TimeDelta::seconds(1)),
            Self::InvalidToken => okta_error(401, "E0000011", "Invalid token provided", &[]),
            Self::WrongProof => {
                let challenge = "DPoP algs=\"RS256 ES256\", error=\"invalid_dpop_proof\", error_description=\"'htu' claim in the DPoP proof JWT is invalid.\"";
                let answer = HttpMockResponse::builder().status(400).header("content-type", "application/json");
                answer.header("www-authenticate", challenge).build()
            }
            Self::Forbidden => {
                okta_error(403, "E0000006", "You do not have permission to perform the requested action", &[])
            }
            Self::Error(status, code, summary) => okta_error(*status, code, summary, &[]),
            Self::Says(status, body) => respond(*status, "application/json", body.clone()),
            Self::Redirect(to) => HttpMockResponse::builder().status(302).header("location", to.clone()).build(),
            Self::Endless | Self::NextAt(_) | Self::Lost(_) | Self::Gone => return None,
        })
    }

    /// Whether the request is carried out nevertheless.
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::DoneBut(_))
    }

    /// Has the network do its part of the fault.
    pub(super) fn spoil(&self, gate: &Gate) {
        match self {
            Self::Lost(loss) => gate.lose(Some(*loss)),
            Self::Gone => gate.vanish(),
            _ => {}
        }
    }
}

/// The refusal of a request too many, of `limit`, until `reset`.
pub(super) fn too_many(limit: u64, reset: DateTime<Utc>) -> HttpMockResponse {
    let summary = "API call exceeded rate limit due to too many requests.";
    let mut response = okta_error(429, "E0000047", summary, &[]);
    response.headers.get_or_insert_default().extend(rate_headers(limit, 0, reset));
    response
}

/// What every answer says of its limit; the reset is in seconds of the epoch, by the service's own clock.
pub(super) fn rate_headers(limit: u64, remaining: u64, reset: DateTime<Utc>) -> [(String, String); 3] {
    [("limit", limit.to_string()), ("remaining", remaining.to_string()), ("reset", reset.timestamp().to_string())]
        .map(|(name, value)| (format!("x-rate-limit-{name}"), value))
}

/// The page that the web server in front of the API answers with.
pub(super) fn html(status: u16) -> HttpMockResponse {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><title>HTTP Status {status}</title></head><body><h1>HTTP Status {status}</h1></body></html>"
    );
    respond(status, "text/html;charset=utf-8", page)
}
