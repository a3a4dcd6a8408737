//! How the service misbehaves when told to.

use httpmock::HttpMockResponse;
use serde_json::{Value, json};

use super::answer::{json_body, respond};
use crate::fakes::gate::{Gate, Loss};

/// A way to fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A bare status with the HTML page of a proxy, as 5xx and 414 have it.
    Html(u16),
    /// 429 with the seconds until the limit is reset.
    RateLimited { reset: u64 },
    /// 429 without headers or body, which the vendor says can occur.
    RateLimitedBare,
    /// 403 of a token that lacks a scope.
    ScopeLacking,
    /// 404 code 2100.
    NotFound,
    /// 200 whose body is this many bytes of no JSON.
    Garbage(usize),
    /// This status and body.
    Says(u16, String),
    /// 200 with this body.
    Json(Value),
    /// 302 to this URL.
    Redirect(String),
    /// The first page again and again, each time with more to come.
    Endless,
    /// The right answer, lost on its way.
    Lost(Loss),
    /// The connection breaks, and new ones are refused until the stand-in is opened again.
    Gone,
}

impl Fault {
    /// The failing answer; `None` for the faults that are an answer gone wrong.
    pub(super) fn response(&self) -> Option<HttpMockResponse> {
        Some(match self {
            Self::Html(status) => {
                let page = format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>");
                respond(*status, "text/html", page)
            }
            Self::RateLimited { reset } => HttpMockResponse::builder()
                .status(429)
                .header("content-type", "application/json")
                .header("ratelimit-limit", "960")
                .header("ratelimit-remaining", "0")
                .header("ratelimit-reset", reset.to_string())
                .body(json!({"error": {"message": "Rate Limit Exceeded", "code": 2020}}).to_string())
                .build(),
            Self::RateLimitedBare => HttpMockResponse::builder().status(429).build(),
            Self::ScopeLacking => json_body(
                403,
                &json!({"error": {
                    "message": "Access token lacks required scopes", "code": 2010,
                    "required_scopes": "oncalls.read", "token_scopes": "users.read",
                }}),
            ),
            Self::NotFound => json_body(404, &json!({"error": {"message": "Not Found", "code": 2100}})),
            Self::Garbage(bytes) => respond(200, "application/json", "x".repeat(*bytes)),
            Self::Says(status, body) => respond(*status, "application/json", body.clone()),
            Self::Json(body) => json_body(200, body),
            Self::Redirect(to) => HttpMockResponse::builder().status(302).header("location", to.clone()).build(),
            Self::Endless | Self::Lost(_) | Self::Gone => return None,
        })
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
