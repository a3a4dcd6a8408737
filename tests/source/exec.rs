//! A command as a source, through the trait.

use std::collections::BTreeSet;

use oncall_sync::domain::{Coverage, Email, OnCall, Period, Person, Schedule, Shift};
use oncall_sync::net::{Clock, Context};
use oncall_sync::source::{Source, SourceConfig};
use serde_json::{Value, json};

use super::contract::{self, Case};
use crate::fakes::command::{Fake, Fault, Tenure, World};

fn at(text: &str) -> chrono::DateTime<chrono::Utc> {
    text.parse().expect("RFC 3339")
}

fn on_call(name: &str) -> OnCall {
    OnCall::Schedule(name.to_owned())
}

fn window() -> Period {
    Period::new(at("2026-03-01T00:00:00Z"), at("2026-03-03T00:00:00Z")).expect("not empty")
}

async fn connect(fake: &Fake) -> Box<dyn Source> {
    let config: SourceConfig = toml::from_str(&fake.toml()).expect("a config");
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    config.connect(Context::new(Clock::new(at("2026-03-01T12:00:00Z")), deadline)).await.expect("connects")
}

fn said(email: &str, start: Option<&str>, end: Option<&str>) -> Value {
    json!({ "person": { "id": "ada", "name": "Ada", "email": email }, "level": 1, "start": start, "end": end })
}

fn schedule(shifts: &[Value]) -> Value {
    json!({ "id": "dba", "name": "DBA rota", "shifts": shifts })
}

fn world(answer: Value) -> World {
    World::new(Tenure::Standing, "2026-03-01T12:00:00Z").schedule("dba-rota", answer)
}

fn known(start: Option<&str>, end: Option<&str>) -> Shift {
    let person = Person { id: "ada".into(), name: "Ada".into(), email: Some(Email::new("ada@example.com")) };
    let schedule = Schedule { id: "dba".into(), name: "DBA rota".into() };
    let (start, end) = (start.map(at), end.map(at));
    Shift { schedule, level: Some(1), person, start, end, overrides: Vec::new() }
}

#[tokio::test]
async fn a_command_keeps_the_contract() {
    let inside = [
        (None, Some("2026-03-01T06:00:00Z")),
        (Some("2026-02-01T00:00:00Z"), Some("2026-04-01T00:00:00Z")),
        (Some("2026-03-01T06:00:00Z"), Some("2026-03-01T18:00:00Z")),
        (Some("2026-03-02T06:00:00Z"), Some("2026-03-02T18:00:00Z")),
        (Some("2026-03-02T18:00:00Z"), None),
    ];
    let outside = [("2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"), ("2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z")];
    let told = inside.iter().map(|(start, end)| said("Ada@Example.com", *start, *end));
    let told: Vec<_> =
        told.chain(outside.iter().map(|(start, end)| said("ada@example.com", Some(start), Some(end)))).collect();
    let fake = Fake::start(world(schedule(&told)));
    let known = inside.iter().map(|(start, end)| known(*start, *end)).collect();
    let source = connect(&fake).await;
    let known = vec![(on_call("dba-rota"), known)];
    contract::run(Case { source, known, unknown: on_call("dba-rata"), near: "dba-rota", window: window() }).await;
    assert_eq!(fake.change(|world| world.violations.clone()), [""; 0]);
}

#[tokio::test]
async fn a_command_that_fails_says_so_for_each_schedule() {
    let fake = Fake::start(world(schedule(&[])));
    let asked = BTreeSet::from([on_call("a"), on_call("dba-rota")]);
    fake.trouble("read", Fault::Fail("the sheet is away".to_owned(), 2));
    for (_, sentence) in contract::fails(&*connect(&fake).await, &asked, window()).await {
        assert_eq!(sentence, "the command '/bin/sh', asked to `read`, failed (exit status: 2): the sheet is away");
    }
    fake.trouble("read", Fault::Say("{\"schedules\": []}".to_owned()));
    for (_, sentence) in contract::fails(&*connect(&fake).await, &asked, window()).await {
        assert!(sentence.contains("cannot be used: `schedules`: invalid type: sequence"), "{sentence}");
    }
    fake.trouble("read", Fault::Say("{\"schedules\": {}}".to_owned()));
    for (OnCall::Schedule(name), sentence) in contract::fails(&*connect(&fake).await, &asked, window()).await {
        assert!(sentence.ends_with(&format!("it says nothing of schedule '{name}'")), "{sentence}");
    }
}

#[tokio::test]
async fn a_schedule_that_makes_no_sense_spoils_no_other() {
    let ada = |change: &dyn Fn(&mut Value)| {
        let mut shift = said("ada@example.com", None, None);
        change(&mut shift);
        schedule(&[shift])
    };
    for (answer, why) in [
        (json!({ "error": "it is\u{0} closed" }), "the command '/bin/sh' says: it is\\u{0} closed"),
        (json!([]), "of schedule 'odd': it is no object"),
        (json!({ "id": "x", "name": "X" }), "of schedule 'odd': missing field `shifts`"),
        (json!({ "id": "", "name": "X", "shifts": [] }), "of schedule 'odd': its id is empty"),
        (json!({ "id": "x", "name": "X\n", "shifts": [] }), "its name holds a control character"),
        (ada(&|shift| shift["start"] = "yesterday".into()), "shifts[0].start: "),
        (ada(&|shift| shift["level"] = 0.into()), "a shift of person 'ada' is at level 0"),
        (ada(&|shift| shift["person"]["id"] = "\0".into()), "the id of a person"),
        (ada(&|shift| shift["person"]["email"] = "ada".into()), "the e-mail of person 'ada' is none: 'ada'"),
        (
            schedule(&[said("a@b.c", Some("2026-03-02T00:00:00Z"), Some("2026-03-01T00:00:00Z"))]),
            "which is not after its start",
        ),
    ] {
        let fake = Fake::start(world(schedule(&[])).schedule("odd", answer.clone()));
        let asked = BTreeSet::from([on_call("odd"), on_call("dba-rota")]);
        let readings = connect(&fake).await.read(&asked, window()).await;
        let error = format!("{:#}", readings[&on_call("odd")].as_ref().expect_err("odd"));
        assert!(error.contains(why), "{answer}: {error}");
        assert!(readings[&on_call("dba-rota")].is_ok(), "{answer}");
    }
}

#[tokio::test]
async fn what_may_be_left_out_may_be_left_out() {
    let bare = json!({ "id": "x", "name": "X", "shifts": [{ "person": { "id": "ada", "name": "Ada" } }] });
    let mut now = schedule(&[said(" ", None, None)]);
    now["coverage"] = "now".into();
    now["remarks"] = json!(["", "Only\u{1b} now.", " "]);
    let fake = Fake::start(world(bare).schedule("now", now));
    let readings = connect(&fake).await.read(&BTreeSet::from([on_call("dba-rota"), on_call("now")]), window()).await;
    let bare = readings[&on_call("dba-rota")].as_ref().expect("a reading");
    assert_eq!((bare.coverage, bare.shifts[0].level, &bare.shifts[0].person.email), (Coverage::Window, None, &None));
    let now = readings[&on_call("now")].as_ref().expect("a reading");
    assert_eq!((now.coverage, &now.shifts[0].person.email), (Coverage::Instant, &None));
    assert_eq!(now.remarks, ["Only\\u{1b} now."]);
}
