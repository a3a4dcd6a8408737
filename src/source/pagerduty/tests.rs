//! From PagerDuty's words to ours.

use super::*;

fn at(time: &str) -> DateTime<Utc> {
    time.parse().expect("an instant")
}

fn window(start: &str, end: &str) -> Period {
    Period::new(at(start), at(end)).expect("not empty")
}

fn day() -> Period {
    window("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")
}

fn alice() -> BTreeMap<String, Met> {
    let alice = Person { id: "P1".into(), name: "Alice".into(), email: Some(Email::new("alice@example.com")) };
    BTreeMap::from([("P1".to_owned(), (alice, None))])
}

fn read(entries: serde_json::Value) -> Reading {
    let entries = serde_json::from_value(entries).expect("entries");
    let answer = Answer { id: "PI7DH85".into(), name: "DBA".into(), entries, remarks: Vec::new() };
    reading(answer, &alice(), day()).expect("shifts that make sense")
}

#[test]
fn the_same_shift_of_two_policies_is_one_and_each_level_is_its_own() {
    let entry = |policy: &str, level: u32, start: &str| {
        serde_json::json!({
            "escalation_policy": {"id": policy}, "escalation_level": level, "user": {"id": "P1"},
            "start": start, "end": "2026-03-01T18:00:00+01:00"
        })
    };
    let early = "2026-02-28T12:00:00Z";
    let read = read(serde_json::json!([
        entry("A", 1, early),
        entry("B", 1, "2026-02-28T07:00:00-05:00"),
        entry("A", 2, early)
    ]));
    let levels: Vec<_> = read.shifts.iter().map(|shift| (shift.level, shift.start, shift.end)).collect();
    let (start, end) = (Some(at(early)), Some(at("2026-03-01T17:00:00Z")));
    assert_eq!(levels, [(Some(1), start, end), (Some(2), start, end)]);
}

#[test]
fn a_shift_may_have_no_bounds() {
    let read = read(serde_json::json!([{"user": {"id": "P1"}, "start": null, "end": null}]));
    assert_eq!((read.shifts[0].start, read.shifts[0].end), (None, None));
}

#[test]
fn what_does_not_touch_the_window_is_left_out() {
    let read = read(serde_json::json!([
        {"user": {"id": "P1"}, "start": "2026-02-28T00:00:00Z", "end": "2026-03-01T00:00:00Z"},
        {"user": {"id": "P1"}, "start": "2026-03-02T00:00:00Z", "end": null},
        {"user": null, "start": null, "end": null}
    ]));
    assert_eq!((read.shifts, read.remarks), (vec![], vec!["nobody is on call in the window".to_owned()]));
}

#[test]
fn a_shift_that_ends_before_it_begins_spoils_the_schedule() {
    let answer = |start: &str, end: &str| {
        let entries = serde_json::json!([
            {"user": {"id": "P1"}, "start": null, "end": null},
            {"user": {"id": "P1"}, "start": start, "end": end},
        ]);
        let entries = serde_json::from_value(entries).expect("entries");
        let answer = Answer { id: "PI7DH85".into(), name: "DBA".into(), entries, remarks: Vec::new() };
        reading(answer, &alice(), day()).map(|reading| reading.shifts.len())
    };
    let (first, second) = ("2026-03-01T08:00:00Z", "2026-03-01T09:00:00Z");
    assert_eq!(answer(first, second), Ok(2));
    assert_eq!(answer(first, first), Ok(1), "one of no length is nobody's");
    let error = answer(second, first).expect_err("backwards");
    assert!(error.contains("schedule 'DBA'") && error.contains("ends at 2026-03-01 08:00:00 UTC"), "{error}");
}

#[test]
fn a_reference_has_no_email_whatever_it_says() {
    let user = |json: &str| serde_json::from_str::<User>(json).expect("a user");
    let full = user(r#"{"id":"P1","type":"user","name":"Alice","email":"Alice@Example.com"}"#);
    assert_eq!(email(&full), Some(Email::new("alice@example.com")));
    for bare in [
        r#"{"id":"P1","type":"user_reference","email":"alice@example.com"}"#,
        r#"{"id":"P1","type":"user","email":" "}"#,
        r#"{"id":"P1"}"#,
    ] {
        assert_eq!(email(&user(bare)), None, "{bare}");
    }
    let (person, remark) = gone(&user(r#"{"id":"P1","type":"user_reference","summary":"Alice"}"#));
    assert_eq!((person.name.as_str(), person.email), ("Alice", None));
    assert!(remark.expect("a remark").contains("Alice (P1)"));
}

#[test]
fn whole_seconds_hold_the_window() {
    let wanted = window("2026-03-01T00:00:00.500Z", "2026-03-02T00:00:00.001Z");
    let (since, until, remark) = asked_of(wanted, day().start()).expect("asked");
    assert_eq!((since, until, remark), (at("2026-03-01T00:00:00Z"), at("2026-03-02T00:00:01Z"), None));
}

#[test]
fn nothing_is_asked_beyond_ninety_days() {
    let now = day().start();
    let long = Period::new(now, now + TimeDelta::days(120)).expect("not empty");
    let (_, until, remark) = asked_of(long, now).expect("asked");
    assert_eq!(until, now + TimeDelta::days(90) - SKEW);
    assert!(remark.expect("a remark").contains("90 days"));
    let just = Period::new(now, now + TimeDelta::days(90)).expect("not empty");
    assert_eq!(asked_of(just, now).expect("asked").2, None);
    let later = Period::new(now + TimeDelta::days(91), now + TimeDelta::days(92)).expect("not empty");
    assert!(asked_of(later, now).is_err());
}

#[test]
fn the_config_wants_a_key_and_knows_its_fields() {
    let config = |text: &str| toml::from_str::<Config>(text);
    let mut good = config("api_key = { env = \"K\" }\nca_file = \"ca.pem\"\ntimeout = \"1m 30s\"").expect("a config");
    good.resolve(Path::new("/etc/oncall"));
    assert_eq!(good.ca_file, Some(PathBuf::from("/etc/oncall/ca.pem")));
    assert_eq!(good.timeout.map(|span| span.0.as_secs()), Some(90));
    for bad in ["", "api_key = \"s3cret\"", "api_key = { env = \"K\" }\nkey = 1"] {
        assert!(config(bad).is_err(), "{bad}");
    }
}
