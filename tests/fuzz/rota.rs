//! The rota file, in TOML and as a list in CSV.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use oncall_sync::domain::{Email, OnCall, Period, Reading};
use oncall_sync::net::{Clock, Context};
use oncall_sync::source::SourceConfig;
use tokio::time::Instant;

use super::change::Format;
use super::{Fuzz, folder, is_sentence, runtime};

const TOML: [&str; 42] = [
    "[people]\n",
    "[schedules.a]\n",
    "[[schedules.a.layers]]\n",
    "[[schedules.a.overrides]]\n",
    "[schedules]\n",
    "[[people]]\n",
    "timezone = ",
    "start = ",
    "every = ",
    "users = ",
    "during = ",
    "end = ",
    "from = ",
    "to = ",
    "user = ",
    "replaces = ",
    "reason = ",
    "'alice'",
    "'alice@example.com'",
    "'nobody'",
    "['alice', ['nobody']]",
    "[]",
    "[[]]",
    "'Europe/Berlin'",
    "'Australia/Lord_Howe'",
    "'Mars/Olympus'",
    "'Mon-Fri 18:00-09:00'",
    "'Fri 18:00 - Mon 09:00'",
    "'00:00-24:00'",
    "'1 week'",
    "'1 hour'",
    "'65535 months'",
    "'0 hours'",
    "2026-01-05T09:00:00Z",
    "2026-03-29 02:30:00",
    "09:00:00",
    "'9998-12-31 23:59'",
    "'9999-12-31 23:59'",
    "'0001-01-01 00:00'",
    "'-9999-01-01 00:00'",
    "'2026-03-29 02:30'",
    "'2026-10-25T02:30+01:00'",
];

const CSV: [&str; 20] = [
    "schedule,user,from,to,timezone,reason\n",
    "schedule",
    "user",
    "from",
    "to",
    "timezone",
    ";",
    "\"\"",
    "a@b.c",
    "nobody",
    "2026-01-05 09:00",
    "2026-03-29 02:30",
    "9998-12-31 23:59",
    "0001-01-01T00:00+14:00",
    "Europe/Berlin",
    "database",
    ",,,,,\n",
    "\r",
    "\"a\nb\"",
    "=cmd|'/c calc'!A1",
];

#[test]
fn rota() {
    fuzz(&Fuzz { name: "rota", format: Format::Toml, words: &TOML, cases: 300 }, "rota.toml", |text| {
        let Ok(table) = toml::from_str::<toml::Table>(text) else { return BTreeSet::new() };
        let mut found = BTreeSet::new();
        strings(&toml::Value::Table(table), &mut found);
        found
    });
}

#[test]
fn rota_list() {
    fuzz(&Fuzz { name: "rota_list", format: Format::Csv, words: &CSV, cases: 300 }, "rota.csv", |text| {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let rows = reader.records().map_while(Result::ok);
        rows.flat_map(|row| row.iter().map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()).collect()
    });
}

/// `words` are the names and values that a text holds.
fn fuzz(fuzz: &Fuzz, name: &str, words: impl Fn(&str) -> BTreeSet<String>) {
    let (folder, runtime) = (folder(), runtime());
    let path = folder.path().join(name);
    let window = Period::new(at("2026-03-20T00:00:00Z"), at("2026-04-03T00:00:00Z")).expect("not empty");
    fuzz.run(|text| {
        fs::write(&path, text).expect("a file");
        let whole = String::from_utf8_lossy(text);
        let words = words(whole.strip_prefix('\u{feff}').unwrap_or(&whole));
        let asked = words.iter().take(50).cloned().chain(["nobody asked for this".to_owned()]);
        let asked = asked.map(OnCall::Schedule).collect();
        let readings = runtime.block_on(async {
            let context =
                Context::new(Clock::new(at("2026-03-20T12:00:00Z")), Instant::now() + Duration::from_secs(60));
            let config = format!("kind = 'file'\npath = '{}'\ntimezone = 'Europe/Berlin'", path.display());
            let config: SourceConfig = toml::from_str(&config).expect("the config of a rota");
            config.connect(context).await.expect("a source").read(&asked, window).await
        });
        assert_eq!(readings.keys().collect::<Vec<_>>(), asked.iter().collect::<Vec<_>>());
        for (OnCall::Schedule(name), reading) in &readings {
            match reading {
                Ok(reading) => makes_sense(name, reading, window, &words),
                Err(error) => tells(&format!("{error:#}"), &path, &whole),
            }
        }
    });
}

fn makes_sense(name: &str, reading: &Reading, window: Period, words: &BTreeSet<String>) {
    assert_eq!((reading.schedule.id.as_str(), reading.schedule.name.as_str()), (name, name));
    let people: BTreeSet<Email> = words.iter().map(|word| Email::new(word)).collect();
    for shift in &reading.shifts {
        assert_eq!(shift.schedule, reading.schedule);
        let email = shift.person.email.as_ref().expect("a rota names people by their e-mail");
        assert!(Email::parse(email.as_str()).is_some(), "{email} is no address");
        assert!(people.contains(email), "nobody wrote of {email}");
        assert!(!shift.person.name.is_empty() && !shift.person.id.is_empty());
        let start = shift.start.expect("a turn begins");
        let period = Period::new(start, shift.end.unwrap_or(DateTime::<Utc>::MAX_UTC)).expect("a turn lasts");
        assert!(period.overlaps(&window), "{shift:?}");
    }
    reading.remarks.iter().for_each(|remark| is_sentence(remark));
}

/// Where the error gives lines, there are such lines.
fn tells(error: &str, path: &Path, text: &str) {
    is_sentence(error);
    let lines = text.split('\n').count();
    let place = format!("{}:", path.display());
    for told in error.lines().filter_map(|line| line.strip_prefix(&place)) {
        let Some((number, _)) = told.split_once(": ") else { continue };
        let number: usize = number.parse().unwrap_or_else(|_| panic!("{told:?} begins with no line"));
        assert!((1..=lines).contains(&number), "line {number} of {lines}");
    }
}

fn strings(value: &toml::Value, found: &mut BTreeSet<String>) {
    match value {
        toml::Value::String(text) => drop(found.insert(text.clone())),
        toml::Value::Array(list) => list.iter().for_each(|one| strings(one, found)),
        toml::Value::Table(table) => {
            for (key, value) in table {
                found.insert(key.clone());
                strings(value, found);
            }
        }
        _ => {}
    }
}

fn at(time: &str) -> DateTime<Utc> {
    time.parse().expect("an instant")
}
