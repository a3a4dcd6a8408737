//! From what rules call a schedule to its on-call entries, in as few requests as that takes.
//!
//! An empty answer is ambiguous with PagerDuty: nobody on call, a schedule that no escalation policy uses, a mistyped id.
//! So each schedule without entries is looked at itself before anything is said about it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use tokio::sync::OnceCell;

use super::api::{Api, Found, MAX_IDS, Oncall, Schedules};
use super::names;
use crate::net::http::status;

/// What was found for one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub id: String,
    pub name: String,
    pub entries: Vec<Oncall>,
    pub remarks: Vec<String>,
}

/// One round of look-ups: the time asked for, and the list of all schedules, read once if it is needed.
pub struct Lookup<'a> {
    api: &'a Api,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    schedules: OnceCell<Result<Schedules, String>>,
}

/// A schedule as PagerDuty knows it.
#[derive(Debug, Clone)]
enum Known {
    Entries(Vec<Oncall>),
    /// It has none.
    Empty(Found),
    /// There is no schedule with this id.
    Missing,
}

impl<'a> Lookup<'a> {
    pub fn new(api: &'a Api, since: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        Self { api, since, until, schedules: OnceCell::new() }
    }

    /// An answer for each text, or a sentence that says why there is none.
    pub async fn all(&self, texts: &BTreeSet<&str>) -> BTreeMap<String, Result<Answer, String>> {
        if texts.iter().any(|text| !names::like_id(text)) {
            self.schedules().await;
        }
        let mut answers = BTreeMap::new();
        let mut ids: BTreeMap<&str, String> = BTreeMap::new();
        for text in texts {
            match self.id(text) {
                Ok(id) => drop(ids.insert(text, id)),
                Err(sentence) => drop(answers.insert((*text).to_owned(), Err(sentence))),
            }
        }
        let mut known = self.known(&ids.values().map(String::as_str).collect()).await;
        // What looks like an id and is none may be a name.
        let missing = |id: &str, known: &BTreeMap<String, Result<Known, String>>| {
            matches!(known.get(id), Some(Ok(Known::Missing)))
        };
        if ids.values().any(|id| missing(id, &known)) {
            self.schedules().await;
            for (text, id) in &mut ids {
                if missing(id, &known) {
                    match self.named(text) {
                        Ok(named) => *id = named,
                        Err(sentence) => drop(known.insert(id.clone(), Err(sentence))),
                    }
                }
            }
            let more = ids.values().map(String::as_str).filter(|id| !known.contains_key(*id)).collect();
            known.extend(self.known(&more).await);
        }
        answers.extend(ids.into_iter().map(|(text, id)| {
            let known = known.get(&id).cloned().expect("every id was looked up");
            (text.to_owned(), known.and_then(|known| self.answer(text, id, known)))
        }));
        answers
    }

    async fn schedules(&self) -> &Result<Schedules, String> {
        let read = async || self.api.schedules().await.map_err(|error| format!("{error:#}"));
        self.schedules.get_or_init(read).await
    }

    /// The id to try for `text`, by the list of schedules where it was read.
    fn id(&self, text: &str) -> Result<String, String> {
        let id = match self.schedules.get() {
            None => return Ok(text.to_owned()),
            Some(Ok(schedules)) => names::resolve(text, schedules).map(|schedule| schedule.id.clone()),
            Some(Err(error)) => Err(format!("the schedule '{text}' was not looked for: {error}")),
        };
        // The list may hide what can be read by its id.
        if names::like_id(text) && id.is_err() { Ok(text.to_owned()) } else { id }
    }

    /// The id of the schedule that is named `text`.
    fn named(&self, text: &str) -> Result<String, String> {
        match self.schedules.get() {
            Some(Ok(schedules)) => match names::resolve(text, schedules)?.id.as_str() {
                id if id == text => {
                    Err(format!("PagerDuty lists the schedule '{text}', and has none with this id when asked for it"))
                }
                id => Ok(id.to_owned()),
            },
            Some(Err(error)) => {
                Err(format!("PagerDuty has no schedule with the id '{text}', and names were not searched: {error}"))
            }
            None => Err(format!("PagerDuty has no schedule with the id '{text}'")),
        }
    }

    /// What PagerDuty knows of each of `ids`.
    async fn known(&self, ids: &BTreeSet<&str>) -> BTreeMap<String, Result<Known, String>> {
        let ids: Vec<&str> = ids.iter().copied().collect();
        let batches = join_all(ids.chunks(MAX_IDS).map(|batch| self.batch(batch))).await;
        batches.into_iter().flatten().collect()
    }

    async fn batch(&self, ids: &[&str]) -> BTreeMap<String, Result<Known, String>> {
        let error = match self.api.oncalls(ids, self.since, self.until).await {
            Ok(entries) => return self.sorted(ids, entries).await,
            Err(error) => error,
        };
        let failed = |ids: &[&str], error: &anyhow::Error| {
            ids.iter().map(|id| ((*id).to_owned(), Err(format!("{error:#}")))).collect::<BTreeMap<_, _>>()
        };
        if !matches!(status(&error), Some(400 | 404)) {
            return failed(ids, &error);
        }
        // One unknown id must not cost the others their reading, should PagerDuty refuse all of them for it.
        let found = join_all(ids.iter().map(|id| self.api.schedule(id))).await;
        let (missing, rest): (Vec<_>, Vec<_>) = ids.iter().zip(found).partition(|(_, found)| matches!(found, Ok(None)));
        let rest: Vec<&str> = rest.into_iter().map(|(id, _)| *id).collect();
        let mut known: BTreeMap<String, Result<Known, String>> =
            missing.iter().map(|(id, _)| ((**id).to_owned(), Ok(Known::Missing))).collect();
        if missing.is_empty() {
            return failed(ids, &error);
        }
        if !rest.is_empty() {
            known.extend(match self.api.oncalls(&rest, self.since, self.until).await {
                Ok(entries) => self.sorted(&rest, entries).await,
                Err(error) => failed(&rest, &error),
            });
        }
        known
    }

    /// The entries by schedule, and a look at each schedule that has none.
    async fn sorted(&self, ids: &[&str], entries: Vec<Oncall>) -> BTreeMap<String, Result<Known, String>> {
        let mut sorted: BTreeMap<&str, Vec<Oncall>> = ids.iter().map(|id| (*id, Vec::new())).collect();
        for entry in entries {
            // Entries without a schedule are of people who are on a policy directly: nobody asked for them.
            let id = entry.schedule.as_ref().map(|schedule| schedule.id.clone()).unwrap_or_default();
            if let Some(entries) = sorted.get_mut(id.as_str()) {
                entries.push(entry);
            }
        }
        let known = sorted.into_iter().map(async |(id, entries)| {
            let known = if entries.is_empty() {
                match self.api.schedule(id).await {
                    Ok(Some(found)) => Ok(Known::Empty(found)),
                    Ok(None) => Ok(Known::Missing),
                    Err(error) => {
                        Err(format!("nobody is on call by schedule {id}, and why could not be told: {error:#}"))
                    }
                }
            } else {
                Ok(Known::Entries(entries))
            };
            (id.to_owned(), known)
        });
        join_all(known).await.into_iter().collect()
    }

    fn answer(&self, text: &str, id: String, known: Known) -> Result<Answer, String> {
        let schedules = self.schedules.get().and_then(|schedules| schedules.as_ref().ok());
        let listed = schedules.and_then(|schedules| schedules.all.iter().find(|schedule| schedule.id == id));
        let listed = listed.and_then(|schedule| schedule.summary.clone());
        let hidden = schedules.and_then(|schedules| schedules.lacking.as_ref()).filter(|lacking| lacking.hidden);
        let namesake = hidden.filter(|_| text != id).map(|lacking| {
            format!(
                "it was found by its name, and a shift-based schedule of the same name would be missed ({})",
                lacking.why
            )
        });
        let (name, entries, remark) = match known {
            Known::Missing => return Err(format!("PagerDuty has no schedule with the id '{id}'")),
            Known::Entries(entries) => {
                let name = entries.iter().find_map(|entry| entry.schedule.as_ref()?.summary.clone());
                (name, entries, None)
            }
            Known::Empty(found) => {
                let remark = match found.used {
                    Some(true) => "nobody is on call in the window",
                    Some(false) => "no escalation policy uses it, so PagerDuty knows nobody on call",
                    None => "nobody is on call in the window, or no escalation policy uses it",
                };
                (found.name, Vec::new(), Some(remark.to_owned()))
            }
        };
        let name = name.or(listed).unwrap_or_else(|| id.clone());
        Ok(Answer { id, name, entries, remarks: remark.into_iter().chain(namesake).collect() })
    }
}

#[cfg(test)]
mod tests;
