//! When to try again, and after how long.

use std::time::Duration;

use anyhow::Error;
use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::Instant;

use super::Context;

/// Attempts in all. Cron tries again within minutes, so patience beyond a few seconds buys nothing.
const ATTEMPTS: usize = 5;

/// The first wait; each next one is twice as long: 0.2, 0.4, 0.8 and 1.6 s, each with jitter.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// A failed attempt, and whether another may be made.
#[derive(Debug)]
pub struct Failure {
    pub error: Error,
    /// `None`: trying again cannot help, or could do the same thing twice.
    pub again: Option<Wait>,
}

/// How long to wait before the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Longer each time.
    Backoff,
    /// As long as the server said.
    For(Duration),
}

impl Wait {
    /// What the server said, else `other`.
    pub fn or(self, other: Self) -> Self {
        if self == Self::Backoff { other } else { self }
    }
}

impl Failure {
    pub fn last(error: impl Into<Error>) -> Self {
        Self { error: error.into(), again: None }
    }

    pub fn passing(error: impl Into<Error>, wait: Wait) -> Self {
        Self { error: error.into(), again: Some(wait) }
    }
}

/// Tries until it succeeds, fails for good, has been tried five times, or would have to wait past the deadline.
///
/// A wait that the server asked for keeps back every other call to that host as well.
pub async fn retry<T, Attempt>(context: &Context, mut attempt: impl FnMut() -> Attempt) -> Result<T, Error>
where
    Attempt: Future<Output = Result<T, Failure>>,
{
    let mut waits = ExponentialBuilder::default()
        .with_min_delay(FIRST_WAIT)
        .with_factor(2.0)
        .with_jitter()
        .with_max_times(ATTEMPTS - 1)
        .build();
    loop {
        let Failure { error, again } = match attempt().await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let Some(again) = again else { return Err(error) };
        let Some(backoff) = waits.next() else {
            return Err(match again {
                Wait::Backoff => error,
                Wait::For(_) => error.context(format!("it still asks to wait after {ATTEMPTS} attempts")),
            });
        };
        let wait = match again {
            Wait::Backoff => backoff,
            Wait::For(wait) => wait,
        };
        // A server may name a wait that no clock can count.
        if Instant::now().checked_add(wait).is_none_or(|end| end >= context.deadline()) {
            return Err(match again {
                Wait::Backoff => error,
                Wait::For(wait) => error.context(format!(
                    "it asks to wait {} s, which is longer than `deadline` in the config leaves for it",
                    wait.as_secs()
                )),
            });
        }
        tracing::debug!("{error:#}; trying again in {wait:?}");
        if let Wait::For(wait) = again {
            context.pause(wait);
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = context.given_up() => return Err(error),
        }
    }
}
