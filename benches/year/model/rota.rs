//! A rota as data, and as the TOML that the program reads.

use std::fmt;

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;

/// A person by number; the e-mail address carries it.
pub type Person = usize;

/// Who is on call together; empty where nobody is.
pub type Group = Vec<Person>;

/// What a schedule gives; several may give the same.
pub const ENTITLEMENTS: [&str; 3] = ["prod-postgres", "prod-kubernetes", "prod-shell"];

#[derive(Debug, Clone)]
pub struct Rota {
    pub schedules: Vec<Schedule>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    pub name: &'static str,
    pub zone: Tz,
    /// Which of [`ENTITLEMENTS`] its shifts give.
    pub gives: usize,
    pub layers: Vec<Layer>,
    pub overrides: Vec<Override>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    pub start: NaiveDateTime,
    pub hours: i64,
    pub users: Vec<Group>,
    pub during: Option<During>,
}

/// A span of the week: from a day's hour up to another day's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct During {
    pub text: &'static str,
    /// Hours after Monday's midnight.
    pub from: i64,
    pub to: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    pub from: When,
    pub to: When,
    pub users: Group,
    pub replaces: Option<Person>,
}

/// A time as somebody writes it: by the clock of the schedule's zone, or as an instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum When {
    Clock(NaiveDateTime),
    Instant(DateTime<Utc>),
}

impl Rota {
    pub fn toml(&self) -> String {
        let mut text = String::new();
        for schedule in &self.schedules {
            schedule.write(&mut text).expect("a string takes everything");
        }
        text
    }
}

impl Schedule {
    fn write(&self, to: &mut String) -> fmt::Result {
        use fmt::Write as _;
        let name = self.name;
        writeln!(to, "[schedules.{name}]\ntimezone = \"{}\"", self.zone)?;
        for Layer { start, hours, users, during } in &self.layers {
            let users: Vec<String> = users.iter().map(|group| spelled(group)).collect();
            let every = match hours {
                hours if hours % 168 == 0 => format!("{} weeks", hours / 168),
                hours if hours % 24 == 0 => format!("{} days", hours / 24),
                hours => format!("{hours} hours"),
            };
            writeln!(to, "[[schedules.{name}.layers]]\nstart = \"{}\"", start.format("%Y-%m-%d %H:%M"))?;
            writeln!(to, "every = \"{every}\"\nusers = [{}]", users.join(", "))?;
            if let Some(During { text, .. }) = during {
                writeln!(to, "during = [\"{text}\"]")?;
            }
        }
        for Override { from, to: until, users, replaces } in &self.overrides {
            writeln!(to, "[[schedules.{name}.overrides]]\nfrom = \"{from}\"\nto = \"{until}\"")?;
            writeln!(to, "user = {}", spelled(users))?;
            if let Some(person) = replaces {
                writeln!(to, "replaces = \"{}\"", email(*person))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock(civil) => write!(f, "{}", civil.format("%Y-%m-%d %H:%M")),
            Self::Instant(instant) => write!(f, "{}", instant.format("%Y-%m-%dT%H:%M:%SZ")),
        }
    }
}

fn spelled(group: &[Person]) -> String {
    match group {
        [] => "\"nobody\"".into(),
        [one] => format!("\"{}\"", email(*one)),
        many => {
            let emails: Vec<String> = many.iter().map(|person| format!("\"{}\"", email(*person))).collect();
            format!("[{}]", emails.join(", "))
        }
    }
}

pub fn email(person: Person) -> String {
    format!("person-{person}@example.com")
}

/// Whose address that is.
pub fn person(email: &str) -> Option<Person> {
    email.strip_prefix("person-")?.strip_suffix("@example.com")?.parse().ok()
}
