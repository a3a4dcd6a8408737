//! The stand-in itself: what it answers, and what it refuses.

use std::io::{Read, Write};
use std::net::TcpStream;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Fake, Fault, PagerDuty, Raw, World};

fn now() -> DateTime<Utc> {
    "2026-03-02T12:00:00Z".parse().expect("an instant")
}

fn world() -> World {
    World::at(now())
        .person("PALICE", "Alice", "Alice@Example.com")
        .deleted_person("PGONE", "Gone Person")
        .schedule_at("PS1", "Primary", &[("PPOL1", 1), ("PPOL2", 2)])
        .schedule_v3("PS3", "Third")
        .shift("PS1", "PALICE", now() - TimeDelta::days(2), now() + TimeDelta::days(200))
        .always("PS3", "PGONE", None)
        .direct_target("PALICE")
}

/// One request over its own connection: the status, the head and the body.
fn ask(fake: &Fake, method: &str, uri: &str, key: &str) -> (u16, String, String) {
    let address = fake.url().replace("http://", "");
    let mut stream = TcpStream::connect(address).expect("the stand-in listens");
    let authorization = format!("authorization: Token token={key}");
    write!(stream, "{method} {uri} HTTP/1.1\r\nhost: fake\r\n{authorization}\r\nconnection: close\r\n\r\n")
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.to_lowercase(), body.to_owned())
}

fn get(fake: &Fake, uri: &str) -> (u16, Value) {
    let (status, _, body) = ask(fake, "GET", uri, fake.key());
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

#[test]
fn takes_only_its_key_and_says_no_more_about_it() {
    let fake = PagerDuty::start(world());
    let (status, head, body) = ask(&fake, "GET", "/abilities", "another");
    assert_eq!((status, body.as_str()), (401, ""));
    assert!(head.contains("content-type: text/html"), "{head}");
    assert_eq!(get(&fake, "/abilities").0, 200);
    assert_eq!(fake.count("/abilities"), 2);
}

#[test]
fn tells_whole_shifts_once_for_each_place() {
    let fake = PagerDuty::start(world());
    let (status, page) = get(&fake, "/oncalls?schedule_ids%5B%5D=PS1&time_zone=UTC&include%5B%5D=users");
    assert_eq!(status, 200);
    let entries = page["oncalls"].as_array().expect("entries");
    let places: Vec<_> =
        entries.iter().map(|entry| (&entry["escalation_policy"]["id"], &entry["escalation_level"])).collect();
    assert_eq!(places, [(&json!("PPOL1"), &json!(1)), (&json!("PPOL2"), &json!(2))]);
    assert_eq!(entries[0]["start"], "2026-02-28T12:00:00Z");
    assert_eq!(entries[0]["end"], "2026-09-18T12:00:00Z");
    assert_eq!(entries[0]["user"]["email"], "Alice@Example.com");
    assert_eq!((&page["limit"], &page["more"], &page["total"]), (&json!(25), &json!(false), &Value::Null));
}

#[test]
fn renders_the_accounts_own_zone_unless_asked() {
    let fake = PagerDuty::start(world());
    let (_, page) = get(&fake, "/oncalls?schedule_ids%5B%5D=PS1");
    assert_eq!(page["oncalls"][0]["start"], "2026-02-28T07:00:00-05:00");
    assert_eq!(page["oncalls"][0]["user"]["type"], "user_reference");
}

#[test]
fn a_deleted_user_is_a_bare_reference_even_when_included() {
    let fake = PagerDuty::start(world());
    let (_, page) = get(&fake, "/oncalls?schedule_ids%5B%5D=PS3&include%5B%5D=users");
    let entry = &page["oncalls"][0];
    assert_eq!((&entry["user"]["type"], &entry["user"]["html_url"]), (&json!("user_reference"), &Value::Null));
    assert_eq!((&entry["start"], &entry["end"]), (&Value::Null, &Value::Null));
    assert_eq!(entry["schedule"]["type"], "schedule_v3_reference");
    let (status, error) = get(&fake, "/users/PGONE");
    assert_eq!((status, &error["error"]["code"]), (404, &json!(2100)));
}

#[test]
fn direct_targets_show_only_where_null_is_asked_for_or_no_schedule_is() {
    let fake = PagerDuty::start(world());
    let (_, page) = get(&fake, "/oncalls?schedule_ids%5B%5D=null");
    assert_eq!(page["oncalls"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["oncalls"][0]["schedule"], Value::Null);
    assert_eq!(get(&fake, "/oncalls").1["oncalls"].as_array().map(Vec::len), Some(4));
}

#[test]
fn keeps_the_limits_of_the_api() {
    let fake = PagerDuty::start(world().refusing_beyond_90_days());
    for (uri, status, code) in [
        ("/oncalls?limit=101", 400, 2001),
        ("/oncalls?limit=100&offset=9901", 400, 2002),
        ("/oncalls?until=2026-03-01T00:00:00Z", 400, 2004),
        ("/oncalls?until=2026-03-05T00:00:00+01:00", 400, 2004),
        ("/oncalls?until=2026-08-01T00:00:00Z", 400, 2004),
        ("/schedules/PNONE", 404, 2100),
        ("/v3/schedules/PS1", 400, 2001),
    ] {
        let (got, error) = get(&fake, uri);
        assert_eq!((got, &error["error"]["code"]), (status, &json!(code)), "{uri}");
    }
    let ids = |count| {
        "/oncalls?limit=100&since=2026-03-02T12%3A00%3A00Z&until=2026-03-09T12%3A00%3A00Z".to_owned()
            + &"&schedule_ids%5B%5D=Q0123456789ABC".repeat(count)
    };
    assert_eq!(ask(&fake, "GET", &ids(100), fake.key()).0, 200);
    assert_eq!(ask(&fake, "GET", &ids(155), fake.key()).0, 414);
}

#[test]
fn lists_each_kind_of_schedule_by_itself() {
    let fake = PagerDuty::start(world());
    let (_, v2) = get(&fake, "/schedules?query=pRIM&limit=1");
    assert_eq!((&v2["schedules"][0]["id"], &v2["more"]), (&json!("PS1"), &json!(false)));
    assert_eq!(get(&fake, "/schedules?query=Third").1["schedules"], json!([]));
    let (_, v3) = get(&fake, "/v3/schedules");
    assert_eq!(v3["schedules"][0]["type"], "schedule_v3_reference");
    let (_, one) = get(&fake, "/schedules/PS1");
    assert_eq!(one["schedule"]["escalation_policies"].as_array().map(Vec::len), Some(2));
    assert_eq!(get(&fake, "/schedules/PS3").1["schedule"]["escalation_policies"], Value::Null);
}

#[test]
fn remembers_what_no_client_should_send() {
    let fake = PagerDuty::start(world());
    assert_eq!(get(&fake, "/services").0, 400);
    assert_eq!(get(&fake, "/oncalls?schedule_id=PS1").0, 400);
    assert_eq!(get(&fake, "/oncalls?earliest=true").0, 400);
    assert_eq!(ask(&fake, "POST", "/schedules", fake.key()).0, 400);
    let violations = fake.take_violations();
    assert_eq!(violations.len(), 4, "{violations:#?}");
    assert!(violations[1].contains("schedule_id"), "{violations:#?}");
}

#[test]
fn fails_as_often_as_told() {
    let fake = PagerDuty::start(world());
    fake.fail("/abilities", 1, Fault::RateLimited { reset: 3 });
    fake.fail("/abilities", 1, Fault::Html(503));
    let (status, head, _) = ask(&fake, "GET", "/abilities", fake.key());
    assert_eq!(status, 429);
    assert!(head.contains("ratelimit-reset: 3"), "{head}");
    assert_eq!(ask(&fake, "GET", "/abilities", fake.key()).0, 503);
    assert_eq!(get(&fake, "/abilities").0, 200);
    fake.fail("/oncalls", 1, Fault::Endless);
    let (_, page) = get(&fake, "/oncalls?offset=50");
    assert_eq!((page["oncalls"].as_array().map(Vec::len), &page["more"]), (Some(4), &json!(true)));
}

#[test]
fn the_raw_server_breaks_off() {
    let raw = Raw::truncating("{\"oncalls\": [");
    let mut stream = TcpStream::connect(("127.0.0.1", raw.port())).expect("it listens");
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, then the end");
    assert!(answer.ends_with("{\"oncalls\": ["), "{answer}");
    assert_eq!(raw.heads(), ["GET / HTTP/1.1\r\n\r\n"]);
}
