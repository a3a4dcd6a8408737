//! PagerDuty: `/oncalls` for shifts, with people included.

mod api;
mod fault;
mod lookup;
mod names;
mod pages;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};
use async_trait::async_trait;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::describe::{Describe, Resolve};
use crate::domain::{Coverage, Email, OnCall, Period, Person, Reading, Schedule, Shift};
use crate::harmless::shown;
use crate::net::{Context, Reach};
use crate::secret::SecretRef;
use crate::span::Span;
use api::{Api, Oncall, User};
use lookup::{Answer, Lookup};

/// PagerDuty's REST API v2.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// An API key that may read; read-only keys do.
    pub api_key: SecretRef,
    /// Default `https://api.pagerduty.com`; `https://api.eu.pagerduty.com` for accounts of the EU region.
    #[serde(default, deserialize_with = "crate::net::http::address")]
    pub base_url: Option<String>,
    /// PEM file of CAs trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Of one attempt at one request; default `30s`.
    pub timeout: Option<Span>,
}

impl Resolve for Config {
    fn resolve(&mut self, folder: &Path) {
        self.api_key.resolve(folder);
        self.ca_file.resolve(folder);
    }
}

#[async_trait]
impl Describe<dyn super::Source> for Config {
    async fn connect(&self, context: Context) -> Result<Box<dyn super::Source>> {
        let key = self.api_key.read().await.context("PagerDuty's `api_key`")?;
        let base_url = self.base_url.as_deref().unwrap_or(api::BASE_URL);
        let reach = Reach::new(base_url, self.ca_file.as_deref(), self.timeout);
        let api = Api::new(reach, key, context.clone()).context("PagerDuty")?;
        Ok(Box::new(PagerDuty { api, context }))
    }
}

/// A PagerDuty account.
pub struct PagerDuty {
    api: Api,
    context: Context,
}

/// How far PagerDuty's clock may be behind ours: by its own clock, nothing beyond its horizon is asked for.
const SKEW: TimeDelta = TimeDelta::minutes(1);

/// Somebody on call, and what to say of how they were found.
type Met = (Person, Option<String>);

impl PagerDuty {
    /// Everybody in `entries`, once each; who came without an e-mail is looked up.
    async fn people(&self, entries: impl Iterator<Item = &Oncall>) -> BTreeMap<String, Met> {
        let mut users: BTreeMap<&str, &User> = BTreeMap::new();
        for user in entries.filter_map(|entry| entry.user.as_ref()) {
            let known = users.entry(&user.id).or_insert(user);
            if email(known).is_none() {
                *known = user;
            }
        }
        let met = users.into_values().map(async |user| {
            let met = match email(user) {
                Some(email) => (person(user, Some(email)), None),
                None if user.deleted_at.is_some() => gone(user),
                None => match self.api.user(&user.id).await {
                    // An id is a part of the address that is asked for, where odd signs change what is answered.
                    Ok(Some(full)) if full.id != user.id => not_found(user, "PagerDuty answers with somebody else"),
                    Ok(Some(full)) => (person(&full, email(&full)), None),
                    Ok(None) => gone(user),
                    Err(error) => not_found(user, &format!("{error:#}")),
                },
            };
            (user.id.clone(), met)
        });
        join_all(met).await.into_iter().collect()
    }
}

/// The e-mail, where the user is there in full.
fn email(user: &User) -> Option<Email> {
    let address = user.email.as_deref().filter(|address| !address.trim().is_empty())?;
    (user.kind.as_deref() == Some("user")).then(|| Email::new(address))
}

fn person(user: &User, email: Option<Email>) -> Person {
    let name = user.name.as_ref().or(user.summary.as_ref()).filter(|name| !name.trim().is_empty());
    Person { id: user.id.clone(), name: name.unwrap_or(&user.id).clone(), email }
}

/// Somebody whose user was deleted while still in a schedule.
fn gone(user: &User) -> Met {
    let person = person(user, None);
    let (name, id) = (shown(&person.name), shown(&person.id));
    let remark = format!("{name} ({id}) is on call, and no longer a user of PagerDuty");
    (person, Some(remark))
}

/// Somebody whose e-mail could not be had.
fn not_found(user: &User, why: &str) -> Met {
    let person = person(user, None);
    let remark = format!("{} ({}) could not be looked up: {why}", shown(&person.name), shown(&person.id));
    (person, Some(remark))
}

/// The shifts of `answer` that touch `window`, each once.
///
/// # Errors
/// Where one ends before it begins: an answer that makes no sense is not half believed.
fn reading(answer: Answer, people: &BTreeMap<String, Met>, window: Period) -> Result<Reading, String> {
    let Answer { id, name, entries, mut remarks } = answer;
    let schedule = Schedule { id, name };
    let mut shifts = BTreeSet::new();
    let mut said = BTreeSet::new();
    for Oncall { user, start, end, escalation_level, .. } in entries {
        if let (Some(begins), Some(ends)) = (start, end)
            && ends < begins
        {
            return Err(format!(
                "PagerDuty gives a shift in schedule '{}' that ends at {ends} and begins at {begins}; an answer that makes no sense is not used",
                schedule.name
            ));
        }
        // An entry without a user is a gap that is spelled out.
        let Some((person, remark)) = user.and_then(|user| people.get(&user.id)) else { continue };
        let (schedule, person) = (schedule.clone(), person.clone());
        let shift = Shift { schedule, level: escalation_level, person, start, end, overrides: Vec::new() };
        if shift.touches(&window) {
            said.extend(remark.clone());
            shifts.insert(shift);
        }
    }
    remarks.extend(said);
    if shifts.is_empty() && remarks.is_empty() {
        remarks.push("nobody is on call in the window".to_owned());
    }
    Ok(Reading { schedule, coverage: Coverage::Window, shifts: shifts.into_iter().collect(), remarks })
}

/// What to ask for: the window in whole seconds and no further ahead than PagerDuty knows; and what to say if it is less.
fn asked_of(window: Period, now: DateTime<Utc>) -> Result<(DateTime<Utc>, DateTime<Utc>, Option<String>)> {
    let second = TimeDelta::seconds(1);
    let whole = |instant: DateTime<Utc>| instant.duration_trunc(second).unwrap_or(instant);
    let (since, horizon) = (whole(window.start()), now + api::HORIZON);
    let until = whole(window.end() + second - TimeDelta::nanoseconds(1)).min(whole(horizon - SKEW));
    let days = api::HORIZON.num_days();
    ensure!(since < until, "PagerDuty shows shifts at most {days} days ahead, and the window begins later");
    let less =
        format!("the window ends later than PagerDuty shows shifts; only those of the next {days} days were read");
    Ok((since, until, (window.end() > horizon).then_some(less)))
}

#[async_trait]
impl super::Source for PagerDuty {
    async fn read(&self, asked: &BTreeSet<OnCall>, window: Period) -> BTreeMap<OnCall, Result<Reading>> {
        let (since, until, clipped) = match asked_of(window, self.context.now()) {
            Ok(asked_of) => asked_of,
            Err(error) => return asked.iter().map(|asked| (asked.clone(), Err(anyhow!("{error:#}")))).collect(),
        };
        let texts = asked.iter().map(|OnCall::Schedule(text)| text.as_str()).collect();
        let mut answers = Lookup::new(&self.api, since, until).all(&texts).await;
        let people = self.people(answers.values().flatten().flat_map(|answer| &answer.entries)).await;
        let readings = asked.iter().map(|asked| {
            let OnCall::Schedule(text) = asked;
            let answer = answers.remove(text).unwrap_or_else(|| Err(format!("{asked} was not looked for")));
            let reading = answer.and_then(|answer| {
                let mut reading = reading(answer, &people, window)?;
                reading.remarks.extend(clipped.clone());
                Ok(reading)
            });
            (asked.clone(), reading.map_err(|sentence| anyhow!(sentence)))
        });
        readings.collect()
    }
}

#[cfg(test)]
mod tests;
