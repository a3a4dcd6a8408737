//! Files that nobody in their right mind writes: an answer or a fault, soon, and never a panic.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::testing::kept;

use super::*;
use crate::source::file::list;

/// Far above what any of these takes unoptimized on a busy machine, and far below what a hang takes.
const SOON: Duration = Duration::from_secs(10);

fn soon<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let answer = work();
    assert!(start.elapsed() < SOON, "{what} took {:?}", start.elapsed());
    answer
}

/// The duties of the 90 days from June 2026, the longest window that there is.
fn quarter(text: &str) -> Result<Expansion, String> {
    let schedule = schedule("Europe/Berlin", text);
    schedule.rotation.expand(period(&schedule.rotation.zone, "2026-06-01 00:00", "2026-08-30 00:00"))
}

fn layer(start: &str, every: &str, users: &str) -> String {
    format!("[[schedules.it.layers]]\nstart = '{start}'\nevery = '{every}'\nusers = {users}\n")
}

fn change(from: &str, to: &str, more: &str) -> String {
    format!("[[schedules.it.overrides]]\nfrom = '{from}'\nto = '{to}'\n{more}\n")
}

#[test]
fn depth_is_a_fault() {
    for (open, close) in [("[", "]"), ("{a=", "}"), ("[{a=", "}]")] {
        let (open, close) = (open.repeat(100_000), close.repeat(100_000));
        for text in [format!("a = {open}1{close}"), format!("a = {open}")] {
            soon(&text[..8], || rota::parse(&text, None)).expect_err("no rota");
        }
    }
    let key = vec!["a"; 200_000].join(".");
    for text in [format!("[{key}]"), format!("[[{key}]]"), format!("{key} = 1"), format!("x = {{ {key} = 1 }}")] {
        soon(&text[..4], || rota::parse(&text, None)).expect_err("no rota");
    }
}

#[test]
fn the_first_and_the_last_year_are_years() {
    let alone = soon("alone", || quarter(&layer("0001-01-01 00:00", "1 hour", "['ada']"))).expect("one duty");
    assert_eq!((alone.duties.len(), alone.duties[0].end), (1, None));
    let first_days = layer("0001-01-01 00:00", "1 day", "['ada']") + "during = 'Mon-Sun'\nend = '0001-01-03 00:00'";
    let first_days = schedule("Europe/Berlin", &first_days).rotation;
    let january = period(&first_days.zone, "0001-01-01 00:00", "0001-02-01 00:00");
    assert_eq!(first_days.expand(january).expect("one duty").duties.len(), 1);
    let weekly = soon("weekly", || quarter(&layer("0001-01-01 00:00", "1 week", "['ada', 'bob']"))).expect("turns");
    assert_eq!(weekly.duties.len(), 13);
    let future = soon("future", || quarter(&layer("9998-12-31 23:59", "1 hour", "['ada', 'bob']"))).expect("a gap");
    assert_eq!((future.duties.len(), future.uncovered.len()), (0, 1));
    let ever = change("0001-01-01 00:00", "9998-12-31 23:59", "user = 'ada'");
    assert_eq!(soon("ever", || quarter(&ever)).expect("one duty").duties.len(), 1);
    let beyond = layer("2026-01-05 09:00", "65535 months", "['ada', 'bob']") + "end = '9998-12-31 23:59'";
    assert_eq!(soon("beyond", || quarter(&beyond)).expect("one duty").duties.len(), 1);
}

#[test]
fn a_duty_of_millions_of_turns_is_refused_and_says_why() {
    let for_ever = layer("0001-01-01 00:00", "1 hour", "['ada', ['ada', 'bob']]") + "end = '9998-12-31 23:59'";
    let why = soon("millions", || quarter(&for_ever)).expect_err("too much");
    assert!(why.contains("more than 100000 turns") && why.contains("longer"), "{why}");
}

#[test]
fn ten_thousand_people_take_turns() {
    let people: Vec<_> = (0..10_000).map(|number| format!("'p{number}@example.com'")).collect();
    let named: String = (0..10_000).map(|number| format!("p{number} = 'p{number}@example.com'\n")).collect();
    let text = format!(
        "[people]\n{named}[schedules.it]\ntimezone = 'Europe/Berlin'\n{}",
        layer("2020-01-06 09:00", "3 hours", &format!("[{}]", people.join(", ")))
    );
    let schedules = soon("parse", || rota::parse(&text, None)).expect("no fault");
    let rotation = &schedules["it"].rotation;
    let window = period(&rotation.zone, "2026-06-01 00:00", "2026-08-30 00:00");
    assert_eq!(soon("expand", || rotation.expand(window)).expect("turns").duties.len(), 90 * 8);
    assert!(rotation.expand(window).expect("turns").duties.iter().all(|duty| duty.member.name.starts_with('p')));
}

#[test]
fn ten_thousand_overrides_are_worked_out() {
    let day = |ahead: i64| {
        let start = period(&Zone::utc(), "2026-01-01 00:00", "2026-01-02 00:00").start();
        (start + chrono::TimeDelta::hours(ahead)).format("%Y-%m-%dT%H:%MZ").to_string()
    };
    let base = layer("2026-01-05 09:00", "1 day", "['ada', 'bob', 'cy']");
    let staggered = |length: i64, more: &str| -> String {
        let user = |number: i64| format!("user = 'p{}@example.com'\n{more}", number % 7);
        (0..10_000).map(|number| change(&day(number), &day(number + length), &user(number))).collect()
    };
    for (what, text) in
        [("each overlapping hundreds", staggered(1_000, "")), ("all replacing", staggered(20_000, "replaces = 'bob'"))]
    {
        let found = soon(what, || quarter(&(base.clone() + &text))).expect("duties");
        assert!(!found.duties.is_empty() && found.uncovered.is_empty(), "{what}");
    }
}

/// Pieces of rota files, and what does not belong in one.
const PIECES: [&str; 44] = [
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
    "ada = ",
    "'ada'",
    "'ada@example.com'",
    "'nobody'",
    "['ada', ['nobody']]",
    "[]",
    "{ a = 1 }",
    "'Europe/Berlin'",
    "'Mon-Fri 18:00-09:00'",
    "'Fri 18:00 - Mon 09:00'",
    "'1 week'",
    "'65535 months'",
    "'0 hours'",
    "2026-01-05T09:00:00Z",
    "2026-03-29 02:30:00",
    "09:00:00",
    "'9998-12-31 23:59'",
    "'0001-01-01 00:00'",
    "1e400",
    "\n",
    "\n",
    "\n",
    ".",
    "\"",
    "'",
    "\u{1b}",
    "\u{feff}",
];

const CELLS: [&str; 18] = [
    "schedule,user,from,to,timezone\n",
    "schedule",
    "user",
    ",",
    ",",
    ",",
    ",",
    "\n",
    "\r\n",
    "\"",
    "a@b.c",
    "nobody",
    "2026-01-05 09:00",
    "2026-03-29 02:30",
    "9998-12-31 23:59",
    "0001-01-01T00:00+14:00",
    "Europe/Berlin",
    "\u{1b}\u{0}é",
];

fn text_of(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece = prop_oneof![12 => proptest::sample::select(pieces).prop_map(str::to_owned), 1 => any::<String>()];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_schedules_or_faults(toml in text_of(&PIECES), csv in text_of(&CELLS)) {
        let berlin = Zone::parse("Europe/Berlin").expect("known");
        for zone in [None, Some(&berlin)] {
            for answer in [rota::parse(&toml, zone), list::parse(&csv, zone)] {
                match answer {
                    Ok(schedules) => {
                        prop_assert!(!schedules.is_empty());
                        for schedule in schedules.values() {
                            let _ = schedule.rotation.expand(period(&berlin, "2026-03-01 00:00", "2026-04-01 00:00"));
                        }
                    }
                    Err(faults) => prop_assert!(!faults.is_empty()),
                }
            }
        }
    }

}

proptest! {
    // Each case may take as much work as is done at all.
    #![proptest_config(kept(8))]

    #[test]
    fn any_layer_and_override_is_expanded_or_refused(
        start in "(0001|1969|2026|9998)-(01|02|12)-(01|28|31) (00|02|23):(00|30|59)",
        every in "(0|1|2|65535|65536) (hours|days|weeks|months|minutes)",
        end in "(0001|2026|9998)-12-31 23:59",
        during in proptest::sample::select(&["'Mon-Sun'", "'Mon 00:00-24:00'", "'Fri 18:00 - Fri 17:59'", "[]"][..]),
        window in proptest::sample::select(&[("0001-01-01 00:00", "0001-03-31 00:00"), ("2026-03-01 00:00", "2026-05-30 00:00"), ("9998-10-01 00:00", "9998-12-31 23:59")][..]),
    ) {
        let text = format!(
            "[schedules.it]\ntimezone = 'Australia/Lord_Howe'\n{}end = '{end}'\nduring = {during}\n{}",
            layer(&start, &every, "['a@b.c', 'b@b.c']"),
            change(&start, &end, "user = 'c@b.c'"),
        );
        if let Ok(schedules) = rota::parse(&text, None) {
            let zone = &schedules["it"].rotation.zone;
            let _ = schedules["it"].rotation.expand(period(zone, window.0, window.1));
        }
    }
}
