//! Who is on call, from when to when.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Period;

/// An e-mail address, in lower case: addresses match without regard to case.
///
/// Letters beyond ASCII that fold to one of ASCII, as the Kelvin sign does to `k`, stay: a look-alike is somebody else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct Email(Arc<str>);

impl Email {
    pub fn new(address: &str) -> Self {
        let address = address.trim();
        let mut folded = String::with_capacity(address.len());
        for letter in address.chars() {
            if letter.is_ascii() {
                folded.push(letter.to_ascii_lowercase());
            } else if letter.to_lowercase().any(|letter| letter.is_ascii()) {
                folded.push(letter);
            } else {
                folded.extend(letter.to_lowercase());
            }
        }
        Self(folded.into())
    }

    /// The address, where `text` looks like one, and like nothing that a search could take for a pattern.
    pub fn parse(text: &str) -> Option<Self> {
        let odd = |sign: char| sign.is_whitespace() || sign.is_control() || "@*\"'<>,;".contains(sign);
        let plain = |part: &str| !part.is_empty() && !part.contains(odd);
        let (local, domain) = text.split_once('@')?;
        (plain(&local.replace('\'', "")) && plain(domain)).then(|| Self::new(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Email {
    fn from(address: String) -> Self {
        Self::new(&address)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The human as the source knows them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Person {
    /// The source's own id, for instance PagerDuty's `PXPGF42`.
    pub id: String,
    pub name: String,
    /// `None` where the source gave none: somebody who cannot be served, and has to be named.
    pub email: Option<Email>,
}

/// What a rule can ask a source for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OnCall {
    /// A schedule, by its id or by its exact name.
    Schedule(String),
}

impl fmt::Display for OnCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schedule(name) => write!(f, "schedule '{name}'"),
        }
    }
}

/// A schedule as the source knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Schedule {
    pub id: String,
    pub name: String,
}

/// One person on call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shift {
    pub schedule: Schedule,
    /// The escalation level it is seen at, 1 being called first; `None` where the source has no levels.
    pub level: Option<u32>,
    pub person: Person,
    /// Its true start, however long ago; `None` where it has none (always on call).
    pub start: Option<DateTime<Utc>>,
    /// Its true end, however far ahead; `None` where it has none (always on call, or the source knows only now).
    pub end: Option<DateTime<Utc>>,
    /// The overrides that put the person there for part of it; empty also where the source does not tell.
    #[serde(default)]
    pub overrides: Vec<Override>,
}

impl Shift {
    /// Whether some of it lies in `window`.
    pub fn touches(&self, window: &Period) -> bool {
        let (start, end) =
            (self.start.unwrap_or(DateTime::<Utc>::MIN_UTC), self.end.unwrap_or(DateTime::<Utc>::MAX_UTC));
        Period::new(start, end).is_some_and(|period| period.overlaps(window))
    }
}

/// An exception in a schedule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Override {
    pub period: Period,
    /// Why, in somebody's own words.
    pub reason: Option<String>,
}

/// How much a reading knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Coverage {
    /// Every shift that touches the window.
    Window,
    /// Only who is on call at this instant; its shifts are open-ended.
    Instant,
}

/// What a source answered for one thing asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    pub schedule: Schedule,
    pub coverage: Coverage,
    pub shifts: Vec<Shift>,
    /// What a person should know of it, in whole sentences, for instance that no escalation policy uses the schedule.
    pub remarks: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails_match_without_regard_to_case() {
        assert_eq!(Email::new(" Alice@Example.COM "), Email::new("alice@example.com"));
        assert_eq!(Email::new("ÉRIC@example.com"), Email::new("éric@example.com"));
        assert_eq!(serde_json::from_str::<Email>("\"BOB@example.com\"").expect("a string").as_str(), "bob@example.com");
    }

    #[test]
    fn a_letter_that_only_looks_like_another_is_another() {
        for (one, other) in [
            ("\u{212a}ate@example.com", "kate@example.com"),
            ("\u{130}da@example.com", "ida@example.com"),
            ("\u{430}da@example.com", "ada@example.com"),
            ("stra\u{df}e@example.com", "strasse@example.com"),
            ("ada@example\u{200b}.com", "ada@example.com"),
            ("ada@example.com.", "ada@example.com"),
            ("*@example.com", "ada@example.com"),
        ] {
            assert_ne!(Email::new(one), Email::new(other), "{one}");
            assert_eq!(Email::new(one), Email::new(Email::new(one).as_str()), "{one} stays what it is");
        }
    }

    #[test]
    fn an_address_holds_nothing_that_a_search_could_take_for_a_pattern() {
        for good in ["alice@example.com", "o'brien@example.com", "zoë+oncall@example.co.uk"] {
            assert_eq!(Email::parse(good), Some(Email::new(good)), "{good}");
        }
        for bad in [
            "",
            "alice",
            "@example.com",
            "alice@",
            "a@b@c",
            "*@example.com",
            "a b@c.d",
            "\"a\"@b.c",
            "a@b,c@d",
            "'@b.c",
        ] {
            assert_eq!(Email::parse(bad), None, "{bad}");
        }
    }
}
