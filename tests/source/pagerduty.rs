//! PagerDuty: the contract, and which schedule is meant.

mod failures;
mod paging;
mod people;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use oncall_sync::domain::{Coverage, Email, OnCall, Period, Person, Reading, Schedule, Shift};
use oncall_sync::net::{Clock, Context};
use oncall_sync::source::{Source, SourceConfig};
use tokio::time::Instant;

use super::contract::{self, Case, shifts_of};
use crate::fakes::pagerduty::{Fake, PagerDuty, World};

/// A Monday noon, far from any change of clocks.
fn now() -> DateTime<Utc> {
    "2026-03-02T12:00:00Z".parse().expect("an instant")
}

/// `hours` after [`now`].
fn at(hours: i64) -> DateTime<Utc> {
    now() + TimeDelta::hours(hours)
}

/// From [`now`], for `hours`.
fn window(hours: i64) -> Period {
    Period::new(now(), at(hours)).expect("not empty")
}

fn context() -> Context {
    Context::new(Clock::new(now()), Instant::now() + Duration::from_secs(30))
}

/// The source that reads from `url` with `key`.
async fn connect(url: &str, key: &str, timeout: &str, context: Context) -> Box<dyn Source> {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file, for its owner alone");
    writeln!(file, "{key}").expect("written");
    let path = file.path().display();
    let text =
        format!("kind = \"pagerduty\"\napi_key = {{ file = '{path}' }}\nbase_url = '{url}'\ntimeout = '{timeout}'\n");
    let config: SourceConfig = toml::from_str(&text).expect("the config of a PagerDuty source");
    config.connect(context).await.expect("its key can be read")
}

async fn source(fake: &Fake) -> Box<dyn Source> {
    connect(&fake.url(), fake.key(), "10s", context()).await
}

fn schedule(name: &str) -> OnCall {
    OnCall::Schedule(name.to_owned())
}

fn asked<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<OnCall> {
    names.into_iter().map(schedule).collect()
}

async fn read(fake: &Fake, names: &[&str], window: Period) -> BTreeMap<OnCall, Result<Reading>> {
    source(fake).await.read(&asked(names.iter().copied()), window).await
}

/// The reading of one schedule that can be read.
async fn read_one(fake: &Fake, name: &str, window: Period) -> Reading {
    let mut answer = read(fake, &[name], window).await;
    let reading = answer.remove(&schedule(name)).expect("an entry for what was asked");
    reading.unwrap_or_else(|error| panic!("schedule '{name}' cannot be read: {error:#}"))
}

/// Why one schedule cannot be read.
async fn refusal(fake: &Fake, name: &str) -> String {
    let mut sentences = contract::fails(source(fake).await.as_ref(), &asked([name]), window(24)).await;
    sentences.remove(&schedule(name)).expect("an entry for what was asked")
}

fn shift(schedule: (&str, &str), person: (&str, &str, &str), start: i64, end: i64) -> Shift {
    Shift {
        schedule: Schedule { id: schedule.0.to_owned(), name: schedule.1.to_owned() },
        level: Some(1),
        person: Person { id: person.0.to_owned(), name: person.1.to_owned(), email: Some(Email::new(person.2)) },
        start: Some(at(start)),
        end: Some(at(end)),
        overrides: Vec::new(),
    }
}

const ALICE: (&str, &str, &str) = ("PALICE", "Alice", "alice@example.com");
const BOB: (&str, &str, &str) = ("PBOB", "Bob", "bob@example.com");
const PRIMARY: (&str, &str) = ("PI7DH85", "Primary On-Call");
const SECONDARY: (&str, &str) = ("PSECOND", "DBA Secondary");

/// Alice (whose e-mail has capitals) and Bob, on no schedule yet.
fn people() -> World {
    World::at(now()).person(ALICE.0, ALICE.1, "Alice@Example.COM").person(BOB.0, BOB.1, BOB.2)
}

/// A primary with Alice on call now.
fn primary() -> World {
    people().schedule(PRIMARY.0, PRIMARY.1).shift(PRIMARY.0, ALICE.0, at(-5), at(5))
}

#[tokio::test]
async fn keeps_the_contract() {
    let (length, mut world) = (168, people().schedule(PRIMARY.0, PRIMARY.1).schedule(SECONDARY.0, SECONDARY.1));
    let mut first = Vec::new();
    for hour in -3..length + 3 {
        let who = if hour % 2 == 0 { ALICE } else { BOB };
        world = world.shift(PRIMARY.0, who.0, at(hour), at(hour + 1));
        if (0..length).contains(&hour) {
            first.push(shift(PRIMARY, who, hour, hour + 1));
        }
    }
    world =
        world.shift(SECONDARY.0, BOB.0, at(-1000), at(1000)).shift(SECONDARY.0, ALICE.0, at(length), at(length + 1));
    let fake = PagerDuty::start(world);
    contract::run(Case {
        source: source(&fake).await,
        known: vec![(schedule(PRIMARY.0), first), (schedule(SECONDARY.1), vec![shift(SECONDARY, BOB, -1000, 1000)])],
        unknown: schedule("Primary OnCall"),
        near: PRIMARY.1,
        window: window(length),
    })
    .await;
}

#[tokio::test]
async fn a_schedule_goes_by_its_id_and_by_its_exact_name() {
    let fake = PagerDuty::start(primary());
    let answer = read(&fake, &[PRIMARY.0, PRIMARY.1], window(24)).await;
    assert_eq!(answer.len(), 2);
    for (on_call, reading) in &answer {
        assert_eq!(shifts_of(on_call, reading), [shift(PRIMARY, ALICE, -5, 5)]);
        assert_eq!(reading.as_ref().map(|reading| reading.coverage).ok(), Some(Coverage::Window));
    }
}

#[tokio::test]
async fn a_part_of_a_name_is_no_name() {
    let fake = PagerDuty::start(primary());
    let sentence = refusal(&fake, "Primary").await;
    assert!(sentence.contains("'Primary'") && sentence.contains(PRIMARY.1), "{sentence}");
}

#[tokio::test]
async fn a_mistyped_id_is_an_error_that_names_it() {
    let fake = PagerDuty::start(primary());
    let sentence = refusal(&fake, "PI7DH86").await;
    assert!(sentence.contains("PI7DH86"), "{sentence}");
    assert!(sentence.contains(PRIMARY.0) || sentence.contains(PRIMARY.1), "proposes nothing: {sentence}");
}

#[tokio::test]
async fn a_name_is_found_beyond_the_first_page_of_schedules() {
    let mut world = people();
    for number in 0..150 {
        world = world.schedule(&format!("PS{number:05}"), &format!("Zone Watch {number:03}"));
    }
    let fake = PagerDuty::start(world.shift("PS00149", BOB.0, at(-1), at(1)));
    let reading = read_one(&fake, "Zone Watch 149", window(24)).await;
    assert_eq!(reading.shifts, [shift(("PS00149", "Zone Watch 149"), BOB, -1, 1)]);
    let sentence = refusal(&fake, "Zone Watch 150").await;
    assert!(sentence.contains("Zone Watch 150"), "{sentence}");
}

#[tokio::test]
async fn an_ambiguous_name_is_an_error_that_lists_the_ids() {
    let fake =
        PagerDuty::start(people().schedule("PONE", "Twins").schedule("PTWO", "Twins").schedule_v3("PTHREE", "Solo"));
    let sentence = refusal(&fake, "Twins").await;
    assert!(sentence.contains("Twins") && sentence.contains("PONE") && sentence.contains("PTWO"), "{sentence}");
    assert!(!sentence.contains("PTHREE"), "{sentence}");
}

#[tokio::test]
async fn names_shared_by_both_kinds_of_schedule_are_ambiguous() {
    let fake = PagerDuty::start(people().schedule("POLD", "Twins").schedule_v3("PNEW", "Twins"));
    let sentence = refusal(&fake, "Twins").await;
    assert!(sentence.contains("POLD") && sentence.contains("PNEW"), "{sentence}");
}

#[tokio::test]
async fn odd_characters_never_reach_another_schedule() {
    let fake = PagerDuty::start(primary());
    for name in ["PI7 DH85", "PI7DH85/users", "../abilities", "PI7DH85?x=1&y", "null", "Primär", "*"] {
        let sentence = refusal(&fake, name).await;
        assert!(sentence.contains(name), "{name} is not named: {sentence}");
    }
}

#[tokio::test]
async fn a_name_may_hold_any_character() {
    let name = "Ops & Dev #1 / 100% \"über\" + more";
    let world = people().schedule("POPS", name).shift("POPS", BOB.0, at(-1), at(1));
    let fake = PagerDuty::start(world);
    assert_eq!(read_one(&fake, name, window(24)).await.shifts, [shift(("POPS", name), BOB, -1, 1)]);
}

#[tokio::test]
async fn a_shift_based_schedule_is_read_like_any_other() {
    let world =
        people().schedule_v3("PV3", "New Kind").shift("PV3", ALICE.0, at(-1), at(1)).shift("PV3", BOB.0, at(0), at(2));
    let fake = PagerDuty::start(world);
    for name in ["PV3", "New Kind"] {
        let shifts = shifts_of(&schedule(name), &Ok(read_one(&fake, name, window(24)).await));
        assert_eq!(shifts, [shift(("PV3", "New Kind"), ALICE, -1, 1), shift(("PV3", "New Kind"), BOB, 0, 2)]);
    }
}

#[tokio::test]
async fn a_shift_based_schedule_without_shifts_is_no_error() {
    for world in [people(), people().refusing_v3_at_v2()] {
        let fake = PagerDuty::start(world.schedule_v3("PV3", "New Kind"));
        let reading = read_one(&fake, "PV3", window(24)).await;
        assert_eq!(reading.shifts, []);
        assert_eq!((reading.schedule.id.as_str(), reading.schedule.name.as_str()), ("PV3", "New Kind"));
    }
}

#[tokio::test]
async fn a_schedule_that_no_policy_uses_is_remarked_upon() {
    let world = people().schedule_at("PLONE", "Lonely", &[]).shift("PLONE", ALICE.0, at(-1), at(1));
    let fake = PagerDuty::start(world);
    let reading = read_one(&fake, "PLONE", window(24)).await;
    assert_eq!(reading.shifts, []);
    assert_eq!((reading.schedule.id.as_str(), reading.schedule.name.as_str()), ("PLONE", "Lonely"));
    let remarks = reading.remarks.join(" ");
    assert!(remarks.contains("escalation policy"), "{remarks}");
}

#[tokio::test]
async fn an_empty_schedule_is_checked_to_exist_and_is_no_error() {
    let fake = PagerDuty::start(people().schedule("PIDLE", "Idle"));
    assert_eq!(read_one(&fake, "PIDLE", window(24)).await.shifts, []);
    let looked = fake.requests().iter().any(|request| request.path.contains("schedules"));
    assert!(looked, "an empty answer proves nothing: {:#?}", fake.requests());
}
