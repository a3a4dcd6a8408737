//! Any command as a source: a program of the user's that speaks the protocol of `exec`.

pub mod api;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, anyhow};
use async_trait::async_trait;

use crate::describe::Describe;
use crate::domain::{Coverage, Email, OnCall, Period, Person, Reading, Schedule, Shift};
use crate::exec::{Command, Each, Words, check_dates};
use crate::harmless::shown;
use crate::net::Context;
use crate::words::count;

pub use crate::exec::Config;

/// Remarks of one schedule that are told one by one: a report is for reading.
const REMARKS_TOLD: usize = 20;

#[async_trait]
impl Describe<dyn super::Source> for Config {
    fn faults(&self) -> Vec<String> {
        Self::faults(self)
    }

    async fn connect(&self, context: Context) -> Result<Box<dyn super::Source>> {
        Ok(Box::new(Exec { command: Self::connect(self, context).await? }))
    }
}

/// What a command tells of schedules.
pub struct Exec {
    command: Command,
}

impl Exec {
    async fn all(&self, asked: &BTreeSet<OnCall>, window: Period) -> Result<api::Reading> {
        let window = window.whole_seconds();
        let request = api::Read {
            asked: asked.iter().map(|OnCall::Schedule(name)| name.clone()).collect(),
            window: api::Window { from: window.start(), until: window.end() },
        };
        self.command.call("read", &request).await
    }

    fn one(&self, name: &str, answer: Option<Each<api::Schedule>>, window: Period) -> Result<Reading> {
        let words = self.command.words();
        let about = |why: String| self.command.unusable("read", &format!("of schedule '{}': {why}", shown(name)));
        match answer {
            None => Err(self.command.unusable("read", &format!("it says nothing of schedule '{}'", shown(name)))),
            Some(Each::Unusable(why)) => Err(about(why)),
            Some(Each::Error(error)) => {
                Err(anyhow!("the command '{}' says: {}", self.command.name(), words.sentence(&error)))
            }
            Some(Each::Is(schedule)) => reading(schedule, window, words).map_err(about),
        }
    }
}

#[async_trait]
impl super::Source for Exec {
    async fn read(&self, asked: &BTreeSet<OnCall>, window: Period) -> BTreeMap<OnCall, Result<Reading>> {
        if asked.is_empty() {
            return BTreeMap::new();
        }
        let mut answered = self.all(asked, window).await;
        let answer = |asked: &OnCall| {
            let OnCall::Schedule(name) = asked;
            match &mut answered {
                Ok(api::Reading { schedules }) => self.one(name, schedules.remove(name), window),
                Err(error) => Err(anyhow!("{error:#}")),
            }
        };
        asked.iter().cloned().zip(asked.iter().map(answer)).collect()
    }
}

/// The schedule in our words, with the shifts that touch `window`, each once.
///
/// # Errors
/// The first thing in it that makes no sense: an answer that does not is not half believed.
fn reading(answer: api::Schedule, window: Period, words: &Words) -> Result<Reading, String> {
    let api::Schedule { id, name, shifts: listed, coverage, remarks } = answer;
    words.word("its id", &id)?;
    words.word("its name", &name)?;
    let schedule = Schedule { id, name };
    let mut shifts = BTreeSet::new();
    for shift in listed {
        let shift = self::shift(shift, &schedule, words)?;
        if shift.touches(&window) {
            shifts.insert(shift);
        }
    }
    let coverage = match coverage {
        api::Coverage::Window => Coverage::Window,
        api::Coverage::Now => Coverage::Instant,
    };
    let mut told: Vec<String> = remarks.iter().filter_map(|remark| words.remark(remark)).collect();
    if let Some(more) = told.len().checked_sub(REMARKS_TOLD).filter(|more| *more > 0) {
        told.truncate(REMARKS_TOLD);
        told.push(format!("the command has {} on schedule '{}'", count(more, "more remark"), shown(&schedule.name)));
    }
    if shifts.is_empty() && told.is_empty() {
        told.push("nobody is on call in the window".to_owned());
    }
    Ok(Reading { schedule, coverage, shifts: shifts.into_iter().collect(), remarks: told })
}

fn shift(shift: api::Shift, schedule: &Schedule, words: &Words) -> Result<Shift, String> {
    let api::Shift { person: api::Person { id, name, email }, level, start, end } = shift;
    words.word("the id of a person", &id)?;
    let whose = format!("'{}'", shown(&id));
    words.word(&format!("the name of person {whose}"), &name)?;
    check_dates(&format!("a shift of person {whose}"), start, end)?;
    if level == Some(0) {
        return Err(format!("a shift of person {whose} is at level 0, and the first level is 1"));
    }
    let address = |email: &str| match Email::parse(email.trim()) {
        Some(_) => words.word(&format!("the e-mail of person {whose}"), email).map(Email::new),
        None => Err(format!("the e-mail of person {whose} is none: '{}'", shown(email))),
    };
    // An address that is left empty in some form is none as well.
    let email = email.filter(|email| !email.trim().is_empty()).as_deref().map(address).transpose()?;
    Ok(Shift {
        schedule: schedule.clone(),
        level,
        person: Person { id, name, email },
        start,
        end,
        overrides: Vec::new(),
    })
}
