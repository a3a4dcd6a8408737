//! PagerDuty's REST API v2, in its own words: what is asked, and what it answers.
//!
//! Any field that is not required may be null, and unknown fields come at any time ("Types", PagerDuty developer docs);
//! the published OpenAPI says less than that, so what is optional here follows the former.

use std::sync::Arc;

use ::http::{HeaderMap, HeaderValue, header};
use anyhow::{Context as _, Result, bail, ensure};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures_util::future::{join_all, try_join};
use secrecy::SecretString;
use serde::Deserialize;

use super::fault::explained;
use super::pages::{self, LIMIT, List, Page, Place};
use crate::net::http::{self, status};
use crate::net::{Context, Reach};
use crate::words::count;

/// The service region of most accounts; "https://api.eu.pagerduty.com" is the other.
pub const BASE_URL: &str = "https://api.pagerduty.com";

/// How far ahead `/oncalls` shows shifts ("List all of the on-calls", PagerDuty API reference).
pub const HORIZON: TimeDelta = TimeDelta::days(90);

/// Ids in one request. PagerDuty's front refuses URLs of about 4 kB, and an id takes up to 34 bytes there.
pub const MAX_IDS: usize = 100;

/// Pieces that one batch is cut into at most. Each can hold 10 000 entries, so that beyond this the answers make no sense.
const MAX_PIECES: usize = 64;

/// Any object, as another one refers to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reference {
    pub id: String,
    #[serde(default)]
    pub summary: Option<String>,
}

/// Somebody, in full (`user`) or as a reference (`user_reference`); deleted ones are always references.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    pub id: String,
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    #[serde(default)]
    pub summary: Option<String>,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub email: Option<String>,
    /// Not documented, seen in references to users that are gone.
    #[serde(default)]
    pub deleted_at: Option<String>,
}

/// One entry of `/oncalls`: somebody at one level of one escalation policy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Oncall {
    #[serde(default)]
    pub escalation_policy: Option<Reference>,
    #[serde(default)]
    pub escalation_level: Option<u32>,
    /// `None` for somebody who is on the policy directly. Its type, classic or shift-based, makes no difference.
    #[serde(default)]
    pub schedule: Option<Reference>,
    #[serde(default)]
    pub user: Option<User>,
    /// Of the whole shift, not of its part in the window.
    #[serde(default)]
    pub start: Option<DateTime<Utc>>,
    #[serde(default)]
    pub end: Option<DateTime<Utc>>,
}

/// One schedule, as asked for by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub name: Option<String>,
    /// Whether any escalation policy uses it; `None` where the answer does not say.
    pub used: Option<bool>,
}

/// Every schedule that the key sees.
#[derive(Debug, Default)]
pub struct Schedules {
    pub all: Vec<Reference>,
    /// Why the shift-based ones are not among them.
    pub lacking: Option<Lacking>,
}

/// Why the shift-based schedules could not be listed.
#[derive(Debug)]
pub struct Lacking {
    /// There may be some that the key may not list; else the account has no such schedules.
    pub hidden: bool,
    pub why: String,
}

#[derive(Deserialize)]
struct OncallsPage {
    oncalls: Vec<Oncall>,
    more: Option<bool>,
    total: Option<u64>,
}

#[derive(Deserialize)]
struct SchedulesPage {
    schedules: Vec<NamedSchedule>,
    more: Option<bool>,
    total: Option<u64>,
}

#[derive(Deserialize)]
struct NamedSchedule {
    id: String,
    name: Option<String>,
    summary: Option<String>,
}

#[derive(Deserialize)]
struct OneSchedule {
    schedule: Option<FullSchedule>,
}

#[derive(Deserialize)]
struct FullSchedule {
    name: Option<String>,
    summary: Option<String>,
    escalation_policies: Option<Vec<Reference>>,
}

#[derive(Deserialize)]
struct OneUser {
    user: User,
}

/// A part of a question to `/oncalls`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece<'a> {
    ids: &'a [&'a str],
    since: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Piece<'_> {
    /// Two that ask for the same together: half of the schedules each, or half of the time for a single one.
    fn halves(&self) -> Option<[Self; 2]> {
        if self.ids.len() > 1 {
            let (left, right) = self.ids.split_at(self.ids.len() / 2);
            return Some([Self { ids: left, ..self.clone() }, Self { ids: right, ..self.clone() }]);
        }
        let seconds = (self.until - self.since).num_seconds();
        let middle = self.since + TimeDelta::seconds(seconds / 2);
        (seconds > 1).then(|| [Self { until: middle, ..self.clone() }, Self { since: middle, ..self.clone() }])
    }
}

/// PagerDuty's requests, by one key.
pub struct Api {
    client: http::Client,
}

impl Api {
    pub fn new(reach: Reach<'_>, key: SecretString, context: Context) -> Result<Self> {
        let credential = Arc::new(http::Key::new(header::AUTHORIZATION, "Token token=", key).context("`api_key`")?);
        let accept = HeaderValue::from_static("application/vnd.pagerduty+json;version=2");
        let headers = HeaderMap::from_iter([(header::ACCEPT, accept)]);
        let settings = http::Settings { reach, headers, credential, later: http::by_status };
        Ok(Self { client: http::Client::new(settings, context)? })
    }

    /// Every entry of the schedules `ids` (100 at most) that touches the time from `since` to `until`, whole seconds both.
    pub async fn oncalls(&self, ids: &[&str], since: DateTime<Utc>, until: DateTime<Utc>) -> Result<Vec<Oncall>> {
        let mut pieces = vec![Piece { ids, since, until }];
        let (mut asked, mut entries) = (0, Vec::new());
        while !pieces.is_empty() {
            asked += pieces.len();
            ensure!(
                asked <= MAX_PIECES,
                "PagerDuty counts more on-call entries than can be read of {}; is `base_url` right?",
                count(ids.len(), "schedule")
            );
            let mut smaller = Vec::new();
            let answers = join_all(pieces.iter().map(|piece| self.piece(piece))).await;
            for (piece, answer) in pieces.iter().zip(answers) {
                match answer? {
                    List::Whole(read) => entries.extend(read),
                    List::TooLong => match piece.halves() {
                        Some(halves) => smaller.extend(halves),
                        None => {
                            bail!("schedule {} has more on-call entries in one second than can be read", piece.ids[0])
                        }
                    },
                }
            }
            pieces = smaller;
        }
        Ok(entries)
    }

    async fn piece(&self, piece: &Piece<'_>) -> Result<List<Oncall>> {
        let time = |instant: DateTime<Utc>| instant.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut query: Vec<(&str, String)> = piece.ids.iter().map(|id| ("schedule_ids[]", (*id).to_owned())).collect();
        query.push(("since", time(piece.since)));
        query.push(("until", time(piece.until)));
        query.push(("time_zone", "UTC".to_owned()));
        query.push(("include[]", "users".to_owned()));
        pages::read("on-call entries", async |place| {
            let page = self.page::<OncallsPage>(&["oncalls"], &query, place).await.map_err(explained)?;
            Ok(Page { rows: page.oncalls, more: page.more, total: page.total })
        })
        .await
    }

    /// Every schedule, of both kinds: no endpoint lists both ("Migrating to shift-based schedules", developer docs).
    pub async fn schedules(&self) -> Result<Schedules> {
        let classic = async { self.list(&["schedules"]).await.map_err(explained) };
        let shift_based = async {
            match self.list(&["v3", "schedules"]).await {
                Ok(list) => Ok((list, None)),
                // Accounts without the feature, and keys that may not see it, still have their classic schedules.
                Err(error) => match status(&error) {
                    Some(status @ (400 | 402 | 403 | 404)) => {
                        let lacking = Lacking { hidden: status == 403, why: format!("{:#}", explained(error)) };
                        Ok((Vec::new(), Some(lacking)))
                    }
                    _ => Err(explained(error)),
                },
            }
        };
        let (mut all, (more, lacking)) = try_join(classic, shift_based).await?;
        all.extend(more);
        Ok(Schedules { all, lacking })
    }

    async fn list(&self, path: &[&str]) -> Result<Vec<Reference>> {
        let list = pages::read("schedules", async |place| {
            let page = self.page::<SchedulesPage>(path, &[], place).await?;
            let rows = page
                .schedules
                .into_iter()
                .map(|schedule| Reference { id: schedule.id, summary: schedule.name.or(schedule.summary) });
            Ok(Page { rows: rows.collect(), more: page.more, total: page.total })
        });
        match list.await? {
            List::Whole(schedules) => Ok(schedules),
            List::TooLong => bail!("there are more schedules than PagerDuty lists (10 000): ask for schedules by id"),
        }
    }

    /// The schedule with this id, of either kind; `None` where there is none.
    pub async fn schedule(&self, id: &str) -> Result<Option<Found>> {
        let classic = match self.client.get(&["schedules", id]).answer::<OneSchedule>().await {
            Ok(answer) => answer.schedule,
            Err(error) if matches!(status(&error), Some(400 | 404)) => None,
            Err(error) => return Err(explained(error)),
        };
        let found = |schedule: FullSchedule| Found {
            name: schedule.name.or(schedule.summary),
            used: schedule.escalation_policies.map(|policies| !policies.is_empty()),
        };
        // The classic endpoint answers for a shift-based one in a shape without policies.
        let classic = match classic.map(found) {
            Some(found) if found.used.is_some() => return Ok(Some(found)),
            other => other,
        };
        match self.client.get(&["v3", "schedules", id]).answer::<OneSchedule>().await {
            Ok(answer) => Ok(answer.schedule.map(found).or(classic)),
            Err(error) => match (status(&error), classic) {
                (_, Some(found)) => Ok(Some(found)),
                (Some(400 | 404), None) => Ok(None),
                (_, None) => Err(explained(error)),
            },
        }
    }

    /// The user with this id; `None` where there is none, or none any more.
    pub async fn user(&self, id: &str) -> Result<Option<User>> {
        match self.client.get(&["users", id]).answer::<OneUser>().await {
            Ok(answer) => Ok(Some(answer.user)),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(explained(error)),
        }
    }

    async fn page<T: serde::de::DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        place: Place,
    ) -> Result<T> {
        let mut query = query.to_vec();
        query.push(("limit", LIMIT.to_string()));
        query.push(("offset", place.offset.to_string()));
        if place.total {
            query.push(("total", "true".to_owned()));
        }
        self.client.get(path).query(&query).answer().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> DateTime<Utc> {
        time.parse().expect("an instant")
    }

    #[test]
    fn an_entry_may_lack_nearly_everything() {
        let bare: Oncall =
            serde_json::from_str(r#"{"user":{"id":"P1"},"schedule":null,"start":null,"end":null}"#).expect("an entry");
        assert_eq!((bare.schedule, bare.start, bare.end, bare.escalation_level), (None, None, None, None));
    }

    #[test]
    fn times_come_with_any_offset() {
        let entry = r#"{"start":"2026-03-08T01:30:00-05:00","end":"2026-03-08T09:00:00Z","new_field":{"a":[1]}}"#;
        let entry: Oncall = serde_json::from_str(entry).expect("an entry");
        assert_eq!((entry.start, entry.end), (Some(at("2026-03-08T06:30:00Z")), Some(at("2026-03-08T09:00:00Z"))));
    }

    #[test]
    fn halves_ask_for_the_same_together() {
        let (since, until) = (at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:03Z"));
        let three = Piece { ids: &["A", "B", "C"], since, until };
        let [left, right] = three.halves().expect("halves");
        assert_eq!([left.ids, right.ids].concat(), three.ids);
        let [left, right] = Piece { ids: &["A"], since, until }.halves().expect("halves");
        assert_eq!((left.since, left.until, right.until), (since, right.since, until));
        assert_eq!(Piece { ids: &["A"], since, until: at("2026-01-01T00:00:01Z") }.halves(), None);
    }
}
