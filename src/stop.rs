//! The word to stop: from a signal, or because the run's time is up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::time::Instant;

/// Asked before each call that changes something: the call in flight ends, the next does not begin.
#[derive(Clone)]
pub struct Stop {
    asked: Arc<(AtomicBool, Notify)>,
    deadline: Instant,
}

impl Stop {
    pub fn at(deadline: Instant) -> Self {
        Self { asked: Arc::default(), deadline }
    }

    /// Says the word. Whoever waits in [`Stop::asked`] is woken.
    pub fn ask(&self) {
        self.asked.0.store(true, Ordering::Relaxed);
        self.asked.1.notify_waiters();
    }

    /// Returns when the word was said; at once where it was said before.
    pub async fn asked(&self) {
        let waiting = self.asked.1.notified();
        if !self.asked.0.load(Ordering::Relaxed) {
            waiting.await;
        }
    }

    /// Why nothing more may begin; `None` while all is well.
    pub fn reason(&self) -> Option<&'static str> {
        if self.asked.0.load(Ordering::Relaxed) {
            Some("the run was told to stop")
        } else if Instant::now() >= self.deadline {
            Some("the run's deadline has passed (`deadline` in the config sets it)")
        } else {
            None
        }
    }
}
