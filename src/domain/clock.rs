//! Whether the clock that a run goes by can be right: held against the servers that answered, and against the last run.

use std::fmt;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Period, Refusal};
use crate::span::Span;

/// How far two clocks may be apart. As much as Kerberos allows: beyond any drift that NTP leaves, and no longer than the
/// usual interval of runs, by which access comes and goes late anyway.
pub const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// What a server said the time was, and what our clock showed then.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Witness {
    /// The host, and the way there, as messages have it.
    pub server: String,
    pub theirs: DateTime<Utc>,
    /// Of the time that the exchange took, the instant nearest to theirs: latency is no difference.
    pub ours: DateTime<Utc>,
}

impl Witness {
    /// A server's answer that carries the time `date`, in whole seconds; by our clock it was asked for at `sent` and here at
    /// `received`.
    pub fn new(server: &str, date: DateTime<Utc>, sent: DateTime<Utc>, received: DateTime<Utc>) -> Self {
        // What is told in whole seconds may be almost a second later.
        let theirs = sent.clamp(date, date.checked_add_signed(TimeDelta::seconds(1)).unwrap_or(date));
        Self { server: server.to_owned(), theirs, ours: theirs.clamp(sent, received.max(sent)) }
    }

    /// How far the two clocks are apart.
    pub fn difference(&self) -> TimeDelta {
        (self.theirs - self.ours).abs()
    }

    fn agrees(&self) -> bool {
        self.difference() <= TOLERANCE
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, theirs, ours } = self;
        let side = if theirs > ours { "behind" } else { "ahead" };
        let apart = length(self.difference());
        write!(f, "{server} says that it is {}, and this machine {}, {apart} {side}", shown(*theirs), shown(*ours))
    }
}

/// What tells the time beside our clock. Empty where the clock is a drill's, and not the machine's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witnesses {
    /// Every server of a source or target that answered in this run.
    pub servers: Vec<Witness>,
    /// When the last run that was not refused wrote its last record.
    pub last_run: Option<DateTime<Utc>>,
}

impl Witnesses {
    /// Why a run that takes it to be the start of `window` asks for a person's word.
    ///
    /// Servers know best. Where none was asked, the last run says at least that it cannot be earlier, and that a pause longer
    /// than what runs look ahead is worth a look.
    pub fn refusal(&self, window: Period) -> Option<Refusal> {
        let now = window.start();
        let (agree, differ): (Vec<_>, Vec<_>) = self.servers.iter().cloned().partition(Witness::agrees);
        if !differ.is_empty() {
            return Some(Refusal::Clock { differ, agree });
        }
        let last = self.last_run.filter(|_| agree.is_empty())?;
        if last - now > TOLERANCE {
            return Some(Refusal::WentBack { now, last });
        }
        (now - last > window.length()).then(|| Refusal::Pause { now, last, window: window.length() })
    }
}

/// Says which clocks differ, and which do not.
pub(super) fn differing(f: &mut fmt::Formatter<'_>, differ: &[Witness], agree: &[Witness]) -> fmt::Result {
    let differ: Vec<String> = differ.iter().map(Witness::to_string).collect();
    let agree: Vec<&str> = agree.iter().map(|witness| &*witness.server).collect();
    write!(f, "two clocks differ by more than {}: {}", length(TOLERANCE), differ.join("; "))?;
    if !agree.is_empty() {
        write!(f, "; {} and this machine agree", agree.join(", "))?;
    }
    f.write_str("; set the one that is wrong")
}

pub(super) fn shown(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A length of time in whole seconds, as people write it.
pub(super) fn length(length: TimeDelta) -> Span {
    Span::from_secs(length.num_seconds().unsigned_abs())
}
