//! How the service misbehaves when told to.

use httpmock::HttpMockResponse;
use serde_json::{Value, json};

use super::answer::Answer;
use crate::fakes::gate::{Gate, Loss};

/// What GitHub writes into a secondary limit's answer; a client has nothing else to know it by.
pub const SECONDARY: &str = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. \
     If you reach out to GitHub Support for help, please include the request ID.";

/// What it writes into a primary limit's.
const PRIMARY: &str = "API rate limit exceeded for user ID 1.";

/// What GitHub says to an app whose permissions do not reach so far.
pub const BEYOND_APP: &str = "Resource not accessible by integration";

/// A way to fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A bare status with the HTML page of a proxy.
    Html(u16),
    /// The hour's requests are used up: 403 or 429 with `x-ratelimit-remaining: 0`, reset in so many seconds of the
    /// service's own clock.
    Primary {
        status: u16,
        reset: i64,
    },
    /// Too many at once: 403 or 429 with the message, and `retry-after` where it is given.
    Secondary {
        status: u16,
        retry_after: Option<u64>,
    },
    /// 403 with this message and nothing of a limit.
    Forbidden(&'static str),
    /// 401 of a token that is wrong or was taken back.
    BadCredentials,
    NotFound,
    /// 200 whose body is this many bytes of no JSON.
    Garbage(usize),
    /// This status and body.
    Says(u16, Value),
    /// 400 with the credential in it, as a proxy's page for whoever debugs it.
    Echo,
    /// 302 to this URL.
    Redirect(String),
    /// 200 with a GraphQL error of this type and message, and no data.
    GraphQl(&'static str, &'static str),
    /// The hour's points are used up, as GraphQL says it: 200, an error, and the headers of the limit.
    GraphQlLimit {
        reset: i64,
    },
    /// The request is carried out, and the answer is a proxy's page with this status.
    DoneBut(u16),
    /// Every installation token issued so far has expired when this request comes.
    Expired,
    /// The first page again and again, each time with more to come.
    Endless,
    /// The right answer, lost on its way.
    Lost(Loss),
    /// The connection breaks, and new ones are refused until the stand-in is opened again.
    Gone,
}

impl Fault {
    /// The failing answer at `now` in epoch seconds; `None` for the faults that are a right answer gone wrong.
    pub(super) fn answer(&self, now: i64) -> Option<Answer> {
        Some(match self {
            Self::Primary { status, reset } => Answer::message(*status, PRIMARY).with(spent(now + reset)),
            Self::GraphQlLimit { reset } => {
                let errors = json!({"errors": [{"type": "RATE_LIMITED", "message": PRIMARY}]});
                Answer::json(200, errors).with(spent(now + reset))
            }
            Self::Secondary { status, retry_after } => {
                let wait = retry_after.map(|seconds| ("retry-after", seconds.to_string()));
                Answer::message(*status, SECONDARY).with(wait)
            }
            Self::Forbidden(message) => Answer::message(403, message),
            Self::BadCredentials => Answer::message(401, "Bad credentials"),
            Self::NotFound => Answer::message(404, "Not Found"),
            Self::Says(status, body) => Answer::json(*status, body.clone()),
            Self::GraphQl(kind, message) => Answer::json(200, json!({"errors": [{"type": kind, "message": message}]})),
            _ => return None,
        })
    }

    /// An answer that is not GitHub's, but that of something before it.
    pub(super) fn foreign(&self) -> Option<HttpMockResponse> {
        let response = match self {
            Self::Html(status) | Self::DoneBut(status) => HttpMockResponse::builder()
                .status(*status)
                .header("content-type", "text/html")
                .body(format!("<html><head><title>{status}</title></head><body>Unicorn!</body></html>"))
                .build(),
            Self::Garbage(bytes) => HttpMockResponse::builder()
                .status(200)
                .header("content-type", "application/json; charset=utf-8")
                .body("x".repeat(*bytes))
                .build(),
            Self::Redirect(to) => HttpMockResponse::builder().status(302).header("location", to.clone()).build(),
            _ => return None,
        };
        Some(response)
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

/// The headers of an hour that is used up until `reset` in epoch seconds.
fn spent(reset: i64) -> [(&'static str, String); 3] {
    [
        ("x-ratelimit-remaining", "0".to_owned()),
        ("x-ratelimit-used", "5000".to_owned()),
        ("x-ratelimit-reset", reset.to_string()),
    ]
}
