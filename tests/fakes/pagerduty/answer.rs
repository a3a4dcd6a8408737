//! What each endpoint answers, in the vendor's shapes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use httpmock::HttpMockResponse;
use serde_json::{Value, json};

use super::world::{Kind, Person, Schedule, Shift, World};

/// "On-call shifts are limited to 90 days in the future" (`since` of `GET /oncalls`).
const HORIZON: TimeDelta = TimeDelta::days(90);

/// The largest page of the paged endpoints, and of the list of shift-based schedules.
const MAX_LIMIT: usize = 100;
const MAX_LIMIT_V3: usize = 1000;

/// `offset` and `limit` together may not reach further.
const CEILING: usize = 10_000;

/// Ends a request early: an answer, or an answer and a rule that the client broke.
pub(super) enum Stop {
    Refused(Box<HttpMockResponse>),
    Violation(String),
}

type Answer = Result<HttpMockResponse, Stop>;

/// The parameters of a request, and which of them the endpoint has asked for.
pub(super) struct Query {
    given: BTreeMap<String, Vec<String>>,
}

impl Query {
    /// Takes `given` if every parameter is one of `known`, and only those that end in `[]` are repeated.
    fn parse(given: &[(String, String)], known: &[&str]) -> Result<Self, Stop> {
        let mut query = Self { given: BTreeMap::new() };
        for (name, value) in given {
            if !known.contains(&name.as_str()) {
                return Err(Stop::Violation(format!("unknown query parameter {name}")));
            }
            let values = query.given.entry(name.clone()).or_default();
            values.push(value.clone());
            if values.len() > 1 && !name.ends_with("[]") {
                return Err(Stop::Violation(format!("query parameter {name} is given twice")));
            }
        }
        Ok(query)
    }

    fn all(&self, name: &str) -> &[String] {
        self.given.get(name).map_or(&[], Vec::as_slice)
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.all(name).first().map(String::as_str)
    }

    fn number(&self, name: &str, default: usize) -> Result<usize, Stop> {
        self.one(name).map_or(Ok(default), |text| text.parse().map_err(|_| invalid(name)))
    }

    fn instant(&self, name: &str, default: DateTime<Utc>) -> Result<DateTime<Utc>, Stop> {
        let Some(text) = self.one(name) else { return Ok(default) };
        let instant = DateTime::parse_from_rfc3339(text);
        instant.map(|instant| instant.to_utc()).map_err(|_| refused(400, 2004, "Invalid Input Provided", name))
    }

    fn includes(&self, what: &str, possible: &[&str]) -> Result<bool, Stop> {
        match self.all("include[]").iter().find(|asked| !possible.contains(&asked.as_str())) {
            Some(unknown) => Err(Stop::Violation(format!("include[]={unknown} is none of {possible:?}"))),
            None => Ok(self.all("include[]").iter().any(|asked| asked == what)),
        }
    }

    /// One page of `rows` under `name`, with the paging fields.
    fn page<T>(&self, name: &str, rows: &[T], sizes: (usize, usize), show: impl Fn(&T) -> Value) -> Answer {
        let (default, max) = sizes;
        let (limit, offset) = (self.number("limit", default)?, self.number("offset", 0)?);
        if limit == 0 || limit > max {
            return Err(invalid("limit"));
        }
        if offset + limit > CEILING {
            return Err(refused(400, 2002, "Arguments Caused Error", "Offset and limit reach beyond 10000."));
        }
        let total = match self.one("total") {
            Some("true") => json!(rows.len()),
            Some("false") | None => Value::Null,
            Some(other) => return Err(Stop::Violation(format!("total={other} is not understood"))),
        };
        let shown: Vec<_> = rows.iter().skip(offset).take(limit).map(show).collect();
        let more = offset + shown.len() < rows.len();
        let page = json!({name: shown, "limit": limit, "offset": offset, "more": more, "total": total});
        Ok(json_body(200, &page))
    }
}

/// Answers one request of `path`.
pub(super) fn answer(world: &World, path: &str, given: &[(String, String)]) -> Answer {
    let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
    match parts.as_slice() {
        ["oncalls"] => oncalls(world, given),
        ["schedules"] => schedules(world, given),
        ["schedules", id] => schedule(world, id, given),
        ["v3", "schedules"] => schedules_v3(world, given),
        ["v3", "schedules", id] => schedule_v3(world, id, given),
        ["users", id] => user(world, id, given),
        ["abilities"] => {
            Query::parse(given, &[])?;
            Ok(json_body(200, &json!({"abilities": ["teams", "read_only_users", "urgencies"]})))
        }
        _ => Err(Stop::Violation(format!("unknown path {path}"))),
    }
}

/// An entry of `/oncalls`: a shift at one of its schedule's places.
struct Entry<'a> {
    policy: &'a str,
    level: u32,
    schedule: Option<&'a Schedule>,
    shift: &'a Shift,
}

fn oncalls(world: &World, given: &[(String, String)]) -> Answer {
    const KNOWN: &[&str] = &[
        "time_zone",
        "limit",
        "offset",
        "total",
        "include[]",
        "user_ids[]",
        "escalation_policy_ids[]",
        "schedule_ids[]",
        "since",
        "until",
        "earliest",
    ];
    let query = Query::parse(given, KNOWN)?;
    if query.one("earliest") == Some("true") {
        return Err(Stop::Violation("earliest=true hides a user's other shifts".to_owned()));
    }
    let since = query.instant("since", world.now)?;
    let until = query.instant("until", world.now)?;
    if until < since {
        return Err(refused(400, 2004, "Invalid Input Provided", "Until must be after since."));
    }
    let horizon = world.now + HORIZON;
    if until > horizon && world.refuses_beyond_horizon {
        return Err(refused(400, 2004, "Invalid Input Provided", "Until is more than 90 days ahead."));
    }
    let utc = match query.one("time_zone") {
        None => false,
        Some("UTC" | "Etc/UTC") => !world.always_offset,
        Some(zone) => return Err(Stop::Violation(format!("time_zone={zone}: this stand-in renders only UTC"))),
    };
    let full = query.includes("users", &["users", "schedules", "escalation_policies"])?;
    let rows = entries(world, &query, since, until.min(horizon));
    query.page("oncalls", &rows, (25, MAX_LIMIT), |entry| {
        json!({
            "escalation_policy": reference("escalation_policy_reference", "escalation_policies", entry.policy, "Policy"),
            "escalation_level": entry.level,
            "schedule": entry.schedule.map(schedule_reference),
            "user": person(&world.people[&entry.shift.person], full),
            "start": entry.shift.start.map(|start| time(world, start, utc)),
            "end": entry.shift.end.map(|end| time(world, end, utc)),
        })
    })
}

/// The entries that overlap or meet the window: at its very edges the vendor's documentation leaves it open.
fn entries<'a>(world: &'a World, query: &Query, since: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Entry<'a>> {
    let wanted = |name: &str, id: &str| {
        let ids = query.all(name);
        ids.is_empty() || ids.iter().any(|wanted| wanted == id)
    };
    let schedules: BTreeSet<_> = query.all("schedule_ids[]").iter().map(String::as_str).collect();
    let mut rows = Vec::new();
    for shift in &world.shifts {
        let schedule = shift.schedule.as_ref().map(|id| &world.schedules[id]);
        let place = schedule.map_or("null", |schedule| schedule.id.as_str());
        if !(schedules.is_empty() || schedules.contains(place)) || !wanted("user_ids[]", &shift.person) {
            continue;
        }
        if shift.start.is_some_and(|start| start > until) || shift.end.is_some_and(|end| end < since) {
            continue;
        }
        let places: Vec<_> = match schedule {
            Some(schedule) => schedule.places.iter().map(|(policy, level)| (policy.as_str(), *level)).collect(),
            None => vec![("PDIRECT", 1)],
        };
        for (policy, level) in places.into_iter().filter(|(policy, _)| wanted("escalation_policy_ids[]", policy)) {
            rows.push(Entry { policy, level, schedule, shift });
        }
    }
    rows.sort_by_key(|entry| (entry.policy, entry.level, entry.shift.start));
    rows
}

fn schedules(world: &World, given: &[(String, String)]) -> Answer {
    let query = Query::parse(given, &["limit", "offset", "total", "query", "team_ids[]"])?;
    let rows = named(world, &query, false);
    query.page("schedules", &rows, (25, MAX_LIMIT), |schedule| schedule_body(schedule))
}

fn schedules_v3(world: &World, given: &[(String, String)]) -> Answer {
    let query = Query::parse(given, &["limit", "offset", "total", "query", "team_ids[]"])?;
    let rows = named(world, &query, true);
    query.page("schedules", &rows, (100, MAX_LIMIT_V3), |schedule| schedule_reference(schedule))
}

/// The schedules of one kind whose name contains what is asked for, any case, in the order of their names.
fn named<'a>(world: &'a World, query: &Query, v3: bool) -> Vec<&'a Schedule> {
    let part = query.one("query").unwrap_or_default().to_lowercase();
    let fits = |schedule: &&Schedule| schedule.v3 == v3 && schedule.name.to_lowercase().contains(&part);
    let mut rows: Vec<_> = world.schedules.values().filter(fits).collect();
    rows.sort_by_key(|schedule| (&schedule.name, &schedule.id));
    rows
}

fn schedule(world: &World, id: &str, given: &[(String, String)]) -> Answer {
    Query::parse(given, &["since", "until", "time_zone", "overflow"])?;
    let schedule = world.schedules.get(id).ok_or_else(not_found)?;
    if !schedule.v3 {
        return Ok(json_body(200, &json!({"schedule": schedule_body(schedule)})));
    }
    if world.refuses_v3_at_v2 {
        return Err(refused(400, 2001, "Invalid Input Provided", "Schedule is shift-based."));
    }
    Ok(schedule_v3_body(schedule))
}

fn schedule_v3(world: &World, id: &str, given: &[(String, String)]) -> Answer {
    let query = Query::parse(given, &["since", "until", "time_zone", "overflow", "include[]"])?;
    query.includes("final_schedule", &["final_schedule"])?;
    let schedule = world.schedules.get(id).ok_or_else(not_found)?;
    if schedule.v3 {
        return Ok(schedule_v3_body(schedule));
    }
    let error = json!({"error": {
        "message": "Invalid Input Provided", "code": 2001, "errors": {"schedule": ["is not shift-based"]},
    }});
    Err(Stop::Refused(Box::new(json_body(400, &error))))
}

fn user(world: &World, id: &str, given: &[(String, String)]) -> Answer {
    Query::parse(given, &[])?;
    match world.people.get(id).filter(|person| person.kind != Kind::Deleted) {
        Some(known) => Ok(json_body(200, &json!({"user": full_user(known)}))),
        None => Err(not_found()),
    }
}

fn person(person: &Person, full: bool) -> Value {
    let mut short = reference("user_reference", "users", &person.id, &person.name);
    match person.kind {
        Kind::Full if full => full_user(person),
        Kind::Full | Kind::Reference => short,
        Kind::Deleted => {
            short["html_url"] = Value::Null;
            short["deleted_at"] = json!("2024-02-29T08:00:00-05:00");
            short
        }
    }
}

fn full_user(person: &Person) -> Value {
    let mut user = reference("user", "users", &person.id, &person.name);
    user["name"] = json!(person.name);
    user["email"] = json!(person.email);
    for (field, value) in [("time_zone", "America/Lima"), ("color", "green"), ("role", "user")] {
        user[field] = json!(value);
    }
    user["job_title"] = Value::Null;
    user["invitation_sent"] = json!(false);
    user["teams"] = json!([]);
    user
}

fn schedule_reference(schedule: &Schedule) -> Value {
    if schedule.v3 {
        reference("schedule_v3_reference", "v3/schedules", &schedule.id, &schedule.name)
    } else {
        reference("schedule_reference", "schedules", &schedule.id, &schedule.name)
    }
}

fn schedule_body(schedule: &Schedule) -> Value {
    let policies: BTreeSet<_> = schedule.places.iter().map(|(policy, _)| policy).collect();
    let policies =
        policies.into_iter().map(|id| reference("escalation_policy_reference", "escalation_policies", id, id));
    let mut body = reference("schedule", "schedules", &schedule.id, &schedule.name);
    body["name"] = json!(schedule.name);
    body["time_zone"] = json!("America/New_York");
    body["description"] = Value::Null;
    body["escalation_policies"] = policies.collect();
    body["users"] = json!([]);
    body
}

fn schedule_v3_body(schedule: &Schedule) -> HttpMockResponse {
    let mut body = reference("schedule_v3", "v3/schedules", &schedule.id, &schedule.name);
    body["name"] = json!(schedule.name);
    body["time_zone"] = json!("America/New_York");
    json_body(200, &json!({"schedule": body}))
}

/// A reference; its `self` leads to the vendor's host, where no client of a stand-in has business.
fn reference(kind: &str, folder: &str, id: &str, summary: &str) -> Value {
    json!({
        "id": id, "type": kind, "summary": summary,
        "self": format!("https://api.pagerduty.com/{folder}/{id}"),
        "html_url": format!("https://subdomain.pagerduty.com/{folder}/{id}"),
    })
}

fn time(world: &World, instant: DateTime<Utc>, utc: bool) -> String {
    if utc {
        instant.to_rfc3339_opts(SecondsFormat::Secs, true)
    } else {
        instant.with_timezone(&world.zone).to_rfc3339_opts(SecondsFormat::Secs, false)
    }
}

fn not_found() -> Stop {
    Stop::Refused(Box::new(json_body(404, &json!({"error": {"message": "Not Found", "code": 2100}}))))
}

fn invalid(name: &str) -> Stop {
    refused(400, 2001, "Invalid Input Provided", &format!("{name} is invalid."))
}

fn refused(status: u16, code: u32, message: &str, detail: &str) -> Stop {
    let error = json!({"error": {"message": message, "code": code, "errors": [detail]}});
    Stop::Refused(Box::new(json_body(status, &error)))
}

pub(super) fn json_body(status: u16, body: &Value) -> HttpMockResponse {
    respond(status, "application/json", body.to_string())
}

pub(super) fn respond(status: u16, kind: &str, body: String) -> HttpMockResponse {
    HttpMockResponse::builder().status(status).header("content-type", kind).body(body).build()
}
