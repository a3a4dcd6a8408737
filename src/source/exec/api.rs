//! The protocol's words for a source: what a command is asked, and what it answers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::exec::Each;

/// Asks who is on call.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Read {
    /// Schedules as rules spell them.
    pub asked: Vec<String>,
    pub window: Window,
}

/// From one instant up to another.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Window {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

/// Who is on call.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Reading {
    /// An answer for each schedule asked for.
    pub schedules: BTreeMap<String, Each<Schedule>>,
}

/// A schedule as its system knows it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Schedule {
    /// The system's own id.
    #[schemars(length(min = 1, max = 2048))]
    pub id: String,
    /// For people.
    #[schemars(length(min = 1, max = 2048))]
    pub name: String,
    /// Every shift that touches the window, with its true start and end.
    pub shifts: Vec<Shift>,
    /// How much is known.
    #[serde(default)]
    pub coverage: Coverage,
    /// What a person should know of it, in whole sentences.
    #[serde(default)]
    pub remarks: Vec<String>,
}

/// How much is known of a schedule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Coverage {
    /// Every shift that touches the window.
    #[default]
    Window,
    /// Only who is on call now.
    Now,
}

/// One person on call.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Shift {
    pub person: Person,
    /// The escalation level, 1 being called first; null or left out where there are none.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub level: Option<u32>,
    /// Null or left out: always on call so far.
    #[serde(default)]
    pub start: Option<DateTime<Utc>>,
    /// Null or left out: no end is known.
    #[serde(default)]
    pub end: Option<DateTime<Utc>>,
}

/// The human as the system knows them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Person {
    /// The system's own id.
    #[schemars(length(min = 1, max = 2048))]
    pub id: String,
    #[schemars(length(min = 1, max = 2048))]
    pub name: String,
    /// Null or left out: somebody who cannot be given anything.
    #[serde(default)]
    pub email: Option<String>,
}
