//! What a command may say: ids and names that are one, and sentences that can be shown.

use std::fmt;

use chrono::{DateTime, Datelike as _, Utc};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize as _, Deserializer};

use crate::command::Hidden;
use crate::harmless::{line, shown};

/// The longest id or name in bytes: more than any distinguished name or resource name of a cloud (2,048 are the longest).
const LONGEST: usize = 2_048;

/// The last year that every date format and database here can write.
const LAST_YEAR: i32 = 9_999;

/// Checks words, and cleans sentences of the secrets that the command was given.
#[derive(Debug, Clone, Default)]
pub struct Words {
    hidden: Hidden,
}

impl Words {
    pub fn new(hidden: Hidden) -> Self {
        Self { hidden }
    }

    pub fn hidden(&self) -> &Hidden {
        &self.hidden
    }

    /// A sentence of the command's on one line, without secrets and without what a terminal would obey.
    pub fn sentence(&self, said: &str) -> String {
        self.remark(said).unwrap_or_else(|| "it gives no reason".to_owned())
    }

    /// The same of what need not be said; `None` where nothing is.
    pub fn remark(&self, said: &str) -> Option<String> {
        let said = self.hidden.clean(said.trim());
        said.chars().any(char::is_alphanumeric).then(|| line(&said).into_owned())
    }

    /// An id or a name: `what` it is, in the sentence of the fault.
    ///
    /// # Errors
    /// Where it is empty, endless, holds a control character or a secret.
    pub fn word<'w>(&self, what: &str, word: &'w str) -> Result<&'w str, String> {
        if word.trim().is_empty() {
            return Err(format!("{what} is empty"));
        }
        if word.len() > LONGEST {
            return Err(format!("{what} is longer than {LONGEST} bytes: '{}'", shown(&self.hidden.clean(word))));
        }
        if word.contains(char::is_control) {
            return Err(format!("{what} holds a control character: '{}'", shown(&self.hidden.clean(word))));
        }
        match self.hidden.variable_in(word) {
            Some(variable) => Err(format!("{what} holds the value of {variable}, which is a secret")),
            None => Ok(word),
        }
    }
}

/// A program and its arguments as a config has them.
///
/// # Errors
/// Where they are no list of words, a line for a shell for instance.
pub fn listed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    deserializer.deserialize_seq(Listed)
}

struct Listed;

impl<'de> Visitor<'de> for Listed {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of words, for no shell splits them: [\"./PROGRAM\", \"ARGUMENT\"]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, words: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(words))
    }
}

/// Two dates that go together: in years that can be written down, and the end after the start.
///
/// # Errors
/// A sentence that names `whose` they are.
pub fn check_dates(whose: &str, from: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>) -> Result<(), String> {
    if let Some(odd) = [from, until].into_iter().flatten().find(|date| !(1..=LAST_YEAR).contains(&date.year())) {
        return Err(format!("{whose} has a date in the year {}", odd.year()));
    }
    match (from, until) {
        (Some(from), Some(until)) if until <= from => {
            Err(format!("{whose} ends at {until}, which is not after its start at {from}"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    #[test]
    fn a_word_is_one_that_can_be_shown_and_kept() {
        let secret = SecretString::from("hunter2");
        let words = Words::new(Hidden::new([("TOKEN", &secret)]));
        assert_eq!(words.word("the id", "ou=dba, o=Zoë"), Ok("ou=dba, o=Zoë"));
        for (word, fault) in [
            ("", "the id is empty"),
            (" ", "the id is empty"),
            ("a\0b", "the id holds a control character: 'a\\u{0}b'"),
            ("a\nb", "the id holds a control character: 'a\\u{a}b'"),
            ("a\u{9b}31m", "the id holds a control character: 'a\\u{9b}31m'"),
            ("x-hunter2", "the id holds the value of TOKEN, which is a secret"),
            ("\nhunter2", "the id holds a control character: '\\u{a}$TOKEN'"),
        ] {
            assert_eq!(words.word("the id", word).expect_err(word), fault);
        }
        let long = "x".repeat(LONGEST + 1);
        assert!(words.word("the id", &long).expect_err("long").starts_with("the id is longer than 2048 bytes: 'xxx"));
        assert_eq!(words.word("the id", &long[1..]), Ok(&long[1..]));
    }

    #[test]
    fn a_sentence_can_be_shown() {
        let secret = SecretString::from("hunter2");
        let words = Words::new(Hidden::new([("TOKEN", &secret)]));
        assert_eq!(words.sentence(" no\0 \u{1b}[31mhunter2\n"), "no\\u{0} \\u{1b}[31m$TOKEN");
        assert_eq!(words.sentence(" \n"), "it gives no reason");
    }

    #[test]
    fn dates_go_together() {
        let at = |text: &str| Some(text.parse().expect("an instant"));
        let (start, end) = (at("2026-03-01T00:00:00Z"), at("2026-03-02T00:00:00Z"));
        assert_eq!(check_dates("it", start, end), Ok(()));
        assert_eq!(check_dates("it", None, end), Ok(()));
        assert!(check_dates("it", end, start).is_err());
        assert!(check_dates("it", start, start).is_err());
        assert!(check_dates("it", None, at("+12026-03-02T00:00:00Z")).is_err());
    }
}
