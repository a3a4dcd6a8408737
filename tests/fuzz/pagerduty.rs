//! What PagerDuty answers: one body for every request, which holds what each of them looks for.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::rc::Rc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use oncall_sync::domain::{Email, OnCall, Period, Reading};
use oncall_sync::net::{Clock, Context};
use oncall_sync::source::{Source, SourceConfig};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::change::Format;
use super::{Fuzz, folder, is_sentence, runtime};

const WORDS: [&str; 30] = [
    "oncalls",
    "schedules",
    "schedule",
    "user",
    "users",
    "more",
    "total",
    "id",
    "name",
    "email",
    "summary",
    "type",
    "user_reference",
    "deleted_at",
    "start",
    "end",
    "escalation_level",
    "escalation_policies",
    "PI7DH85",
    "DBA Primary",
    "PALICE",
    "null",
    "true",
    "{\"id\":\"PI7DH85\",\"id\":\"PI7DH86\"}",
    "\"more\":true,\"total\":10000,",
    "\"\\ud83d\"",
    "\"\\u0000\\u001b[31m\\u202e\"",
    "10000",
    "10001",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

#[test]
fn pagerduty() {
    let (runtime, local) = (runtime(), LocalSet::new());
    let body = Rc::new(RefCell::new(Vec::new()));
    let served = Rc::clone(&body);
    let source = local.block_on(&runtime, async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(serve(stream, Rc::clone(&served)));
            }
        });
        connect(&url).await
    });
    let asked: BTreeSet<OnCall> = ["PI7DH85", "DBA Primary"].map(|name| OnCall::Schedule(name.to_owned())).into();
    let window = Period::new(at("2026-03-02T00:00:00Z"), at("2026-03-04T00:00:00Z")).expect("not empty");
    let fuzz = Fuzz { name: "pagerduty", format: Format::Json, words: &WORDS, cases: 300 };
    fuzz.run(|answer| {
        body.replace(answer.to_vec());
        let readings = local.block_on(&runtime, source.read(&asked, window));
        assert_eq!(readings.keys().collect::<Vec<_>>(), asked.iter().collect::<Vec<_>>());
        let words = words(answer);
        for (OnCall::Schedule(name), reading) in &readings {
            match reading {
                Ok(reading) => makes_sense(name, reading, window, words.as_ref()),
                Err(error) => is_sentence(&format!("{error:#}")),
            }
        }
    });
}

fn makes_sense(name: &str, reading: &Reading, window: Period, words: Option<&BTreeSet<String>>) {
    let spoken = |text: &str| words.is_none_or(|words| words.contains(text));
    assert!(reading.schedule.id == name || spoken(&reading.schedule.id), "{reading:?}");
    for shift in &reading.shifts {
        assert_eq!(shift.schedule, reading.schedule);
        let begins = shift.start.unwrap_or(DateTime::<Utc>::MIN_UTC);
        let period = Period::new(begins, shift.end.unwrap_or(DateTime::<Utc>::MAX_UTC)).expect("a shift lasts");
        assert!(period.overlaps(&window), "{shift:?}");
        assert!(spoken(&shift.person.id), "nobody spoke of {:?}", shift.person);
        let known = |email: &Email| words.is_none_or(|words| words.iter().any(|word| Email::new(word) == *email));
        assert!(shift.person.email.as_ref().is_none_or(known), "{shift:?}");
    }
    assert!(!reading.shifts.is_empty() || !reading.remarks.is_empty(), "nobody is on call, and nothing is said of it");
    reading.remarks.iter().for_each(|remark| is_sentence(remark));
}

/// Every string in the answer. `None` where it cannot be read whole, which a field that nobody reads need not be.
fn words(answer: &[u8]) -> Option<BTreeSet<String>> {
    let mut words = BTreeSet::new();
    let mut left: Vec<Value> = vec![serde_json::from_slice(answer).ok()?];
    while let Some(value) = left.pop() {
        match value {
            Value::String(text) => drop(words.insert(text)),
            Value::Array(list) => left.extend(list),
            Value::Object(map) => left.extend(map.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
    Some(words)
}

async fn connect(url: &str) -> Box<dyn Source> {
    let folder = folder();
    let key = folder.path().join("key");
    fs::write(&key, "u+AnyKey").expect("a file");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("a mode");
    let config = format!("kind = 'pagerduty'\napi_key = {{ file = '{}' }}\nbase_url = '{url}'", key.display());
    let config: SourceConfig = toml::from_str(&config).expect("the config of a PagerDuty source");
    let for_ever = Instant::now() + Duration::from_secs(86_400);
    config.connect(Context::new(Clock::new(at("2026-03-02T12:00:00Z")), for_ever)).await.expect("a source")
}

/// Answers every request on a connection with the present body.
async fn serve(stream: TcpStream, body: Rc<RefCell<Vec<u8>>>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let (mut stream, mut line) = (BufReader::new(stream), String::new());
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        if line == "\r\n" {
            let body = body.borrow().clone();
            let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
            answer.extend(body);
            stream.write_all(&answer).await.ok()?;
        }
    }
}

fn at(time: &str) -> DateTime<Utc> {
    time.parse().expect("an instant")
}
