//! Stand-in services: each keeps its state, checks credentials, and refuses what it does not know. And a real database.

pub mod command;
pub mod gate;
pub mod github;
mod jwt;
mod keys;
pub mod okta;
pub mod pagerduty;
pub mod postgres;
mod rest;
pub mod strongdm;

use chrono::{DateTime, TimeDelta, Utc};

/// The machine's clock. What is run without `--now` goes by it.
#[expect(clippy::disallowed_methods, reason = "the program is told by others' clocks whether this one is right")]
pub fn machine() -> DateTime<Utc> {
    Utc::now()
}

/// An HTTP date so far ahead of the machine's clock.
fn date(ahead: TimeDelta) -> String {
    httpdate::fmt_http_date((machine() + ahead).into())
}
