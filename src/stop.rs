//! The word to stop: from a signal, because the run's time is up, or because the ledger is no longer held.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How long the calls in flight have to end after the word: Kubernetes kills after thirty seconds, systemd after ninety, and
/// what became of them has to be written down before that.
pub const GRACE: Duration = Duration::from_secs(20);

/// Why nothing may be done any more, where another run may be at work by now.
pub const LOST: &str = "the ledger's lock was lost: its server has not answered in time, or has ended the session";

/// Asked before each call that changes something: the call in flight has [`GRACE`] to end, the next does not begin.
///
/// Where the ledger is lost, the call in flight is given up at once.
#[derive(Clone)]
pub struct Stop {
    /// When the word was said.
    asked: watch::Sender<Option<Instant>>,
    deadline: Instant,
    /// What is said once it has passed.
    late: &'static str,
    hold: watch::Sender<Hold>,
}

/// For how long this run may count the ledger as its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// Until it lets go: the lock is this machine's own.
    Firm,
    /// Until then, unless it is renewed before.
    Until(Instant),
    Lost,
}

impl Stop {
    pub fn at(deadline: Instant) -> Self {
        let late = "the run's deadline has passed (`deadline` in the config sets it)";
        Self { asked: watch::Sender::default(), deadline, late, hold: watch::Sender::new(Hold::Firm) }
    }

    /// The same word, and an earlier end; `late` is said once that has passed.
    #[must_use]
    pub fn by(&self, deadline: Instant, late: &'static str) -> Self {
        Self { deadline, late, ..self.clone() }
    }

    /// For what has to be done although the word was said; only where the ledger is lost nothing more may begin.
    #[must_use]
    pub fn unasked(&self) -> Self {
        Self { asked: watch::Sender::default(), ..self.clone() }
    }

    /// Says the word. Whoever waits in [`Stop::asked`] is woken.
    pub fn ask(&self) {
        self.asked.send_modify(|asked| {
            asked.get_or_insert_with(Instant::now);
        });
    }

    /// Whether the word was said.
    pub fn is_asked(&self) -> bool {
        self.asked.borrow().is_some()
    }

    /// Returns when the word was said; at once where it was said before.
    pub async fn asked(&self) {
        self.asked_at().await;
    }

    /// Returns when the word was said and the calls in flight have had their time since.
    pub async fn gave_time(&self) {
        sleep_until(self.asked_at().await + GRACE).await;
    }

    async fn asked_at(&self) -> Instant {
        let mut hearing = self.asked.subscribe();
        loop {
            if let Some(at) = *hearing.borrow_and_update() {
                return at;
            }
            // Its sender is here.
            let _heard = hearing.changed().await;
        }
    }

    /// The ledger is held until `end`. What was lost stays lost, also by the time that has passed.
    pub fn hold_until(&self, end: Instant) {
        self.hold.send_modify(|hold| *hold = if hold.is_over() { Hold::Lost } else { Hold::Until(end) });
    }

    /// The ledger is not held any more. Whoever waits in [`Stop::lost`] is woken.
    pub fn lose(&self) {
        self.hold.send_replace(Hold::Lost);
    }

    /// Whether the ledger was lost. Compares times by itself: a process that was suspended wakes to the truth.
    pub fn is_lost(&self) -> bool {
        self.hold.borrow().is_over()
    }

    /// Returns when the ledger is lost.
    pub async fn lost(&self) {
        let mut holding = self.hold.subscribe();
        loop {
            let hold = *holding.borrow_and_update();
            let ended = async {
                match hold {
                    Hold::Firm => std::future::pending().await,
                    Hold::Until(end) => sleep_until(end).await,
                    Hold::Lost => {}
                }
            };
            tokio::select! {
                biased;
                () = ended => return,
                _ = holding.changed() => {}
            }
        }
    }

    /// Why nothing more may begin; `None` while all is well.
    pub fn reason(&self) -> Option<&'static str> {
        if self.is_lost() {
            Some(LOST)
        } else if self.is_asked() {
            Some("the run was told to stop")
        } else if Instant::now() >= self.deadline {
            Some(self.late)
        } else {
            None
        }
    }
}

impl Hold {
    fn is_over(self) -> bool {
        match self {
            Self::Firm => false,
            Self::Until(end) => Instant::now() >= end,
            Self::Lost => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn held_for(seconds: u32) -> Stop {
        let stop = Stop::at(Instant::now() + SECOND * 3600);
        stop.hold_until(Instant::now() + SECOND * seconds);
        stop
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_renewed_is_lost_when_its_time_has_passed() {
        let stop = held_for(10);
        tokio::time::advance(SECOND * 9).await;
        assert_eq!(stop.reason(), None);
        tokio::time::advance(SECOND).await;
        assert_eq!(stop.reason(), Some(LOST));
        stop.hold_until(Instant::now() + SECOND * 10);
        assert_eq!(stop.reason(), Some(LOST), "a renewal that came too late renews nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_woken_by_the_time_and_not_before_a_renewed_one() {
        let stop = held_for(10);
        let start = Instant::now();
        let renewing = async {
            tokio::time::sleep(SECOND * 8).await;
            stop.hold_until(Instant::now() + SECOND * 10);
        };
        tokio::join!(stop.lost(), renewing);
        assert_eq!(start.elapsed().as_secs(), 18);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_woken_by_the_word() {
        let stop = held_for(10);
        let start = Instant::now();
        tokio::join!(stop.lost(), async { stop.lose() });
        assert_eq!((start.elapsed().as_secs(), stop.reason()), (0, Some(LOST)));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_have_their_time_from_the_first_word_on() {
        let stop = held_for(3600);
        let start = Instant::now();
        for _ in 0..2 {
            tokio::time::sleep(SECOND * 5).await;
            stop.ask();
        }
        stop.gave_time().await;
        assert_eq!(start.elapsed(), SECOND * 5 + GRACE);
        let hour = SECOND * 3600;
        assert!(tokio::time::timeout(hour, stop.unasked().gave_time()).await.is_err(), "taking back has its own end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lock_of_this_machine_is_not_lost_by_time() {
        let stop = Stop::at(Instant::now() + SECOND * 3600);
        assert!(tokio::time::timeout(SECOND * 600, stop.lost()).await.is_err());
        assert_eq!(stop.reason(), None);
    }
}
