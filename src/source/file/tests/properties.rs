use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use crate::testing::kept;

use super::*;
use crate::source::file::expand::{Duty, Layer, Override, Rotation};
use crate::zone::{Civil, Unit, Written};

const ZONES: [&str; 5] =
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo"];
const PLACES: [&str; 6] = ["'ada'", "'bob'", "'cy'", "'nobody'", "['ada', 'bob']", "['bob', 'cy']"];
const DURING: [(&str, &[&str]); 6] = [
    ("", &[]),
    ("", &[]),
    ("during = 'Mon-Fri 09:00-17:00'", &["Mon Tue Wed Thu Fri", "540", "1020"]),
    ("during = 'Mon-Fri 18:00-09:00'", &["Mon Tue Wed Thu Fri", "1080", "1980"]),
    ("during = 'Fri 18:00 - Mon 09:00'", &["Fri", "1080", "4860"]),
    ("during = '02:30-02:15'", &["Mon Tue Wed Thu Fri Sat Sun", "150", "1575"]),
];

/// A layer as text, and which of `DURING` it has.
fn layer(places: &'static [&'static str]) -> impl Strategy<Value = (String, usize)> {
    let every = prop_oneof![
        (1..30i64).prop_map(|count| format!("{count} hours")),
        (1..9i64).prop_map(|count| format!("{count} days")),
        (1..3i64).prop_map(|count| format!("{count} weeks")),
        Just("1 month".to_owned()),
    ];
    let start = (0..400i64, 0..48i64).prop_map(|(day, half)| time(day, half));
    let users = proptest::collection::vec(proptest::sample::select(places), 1..5);
    let end = proptest::option::of((401..900i64, 0..48i64).prop_map(|(day, half)| time(day, half)));
    (start, every, users, 0..DURING.len(), end).prop_map(|(start, every, users, during, end)| {
        let end = end.map(|end| format!("end = '{end}'")).unwrap_or_default();
        let text = format!(
            "[[schedules.it.layers]]\nstart = '{start}'\nevery = '{every}'\nusers = [{}]\n{}\n{end}\n",
            users.join(", "),
            DURING[during].0
        );
        (text, during)
    })
}

/// An override of an hour and a half or more: of a shorter one, in the hour that a clock skips, nothing is left, and it is refused.
fn exception(places: &'static [&'static str]) -> impl Strategy<Value = String> {
    let replaces = proptest::option::of(proptest::sample::select(&PLACES[..3]));
    (380..460i64, 0..48i64, 3..200i64, proptest::sample::select(places), replaces).prop_map(
        |(day, half, length, user, replaces)| {
            let replaces = replaces.map(|name| format!("replaces = {name}")).unwrap_or_default();
            let (from, to) = (time(day, half), time(day, half + length));
            format!("[[schedules.it.overrides]]\nfrom = '{from}'\nto = '{to}'\nuser = {user}\n{replaces}\n")
        },
    )
}

/// Half hours after a day of 2025, on the wall clock.
fn time(day: i64, half_hours: i64) -> String {
    let Ok(Written::Civil(start)) = Written::parse("2025-01-01 00:00") else { panic!("a wall-clock time") };
    start.after(day * 48 * 30 + half_hours * 30, Unit::Minutes).expect("in range").to_string()
}

#[derive(Debug)]
struct Rota {
    rotation: Rotation,
    during: Vec<usize>,
    /// When each turn of each layer begins, from the first.
    begins: Vec<Vec<DateTime<Utc>>>,
}

fn rota(places: &'static [&'static str]) -> impl Strategy<Value = Rota> {
    let layers = proptest::collection::vec(layer(places), 0..4);
    let exceptions = proptest::collection::vec(exception(places), 1..4);
    (proptest::sample::select(&ZONES[..]), layers, exceptions).prop_map(|(zone, layers, exceptions)| {
        let text: String =
            layers.iter().map(|(text, _)| text.as_str()).chain(exceptions.iter().map(String::as_str)).collect();
        let rotation = schedule(zone, &text).rotation;
        let begins = rotation.layers.iter().map(|layer| begins(layer, &rotation.zone)).collect();
        Rota { rotation, during: layers.iter().map(|(_, during)| *during).collect(), begins }
    })
}

fn expand(rota: &Rota, window: Period) -> Expansion {
    rota.rotation.expand(window).expect("little work")
}

/// A window around the changes of the clock in spring and autumn, and around the overrides.
fn window(days: std::ops::Range<i64>) -> impl Strategy<Value = Period> {
    (prop_oneof![380..460i64, 640..680i64], 0..24i64, days).prop_map(|(day, hour, length)| {
        let start: DateTime<Utc> = "2025-01-01T00:00:00Z".parse().expect("RFC 3339");
        let start = start + TimeDelta::days(day) + TimeDelta::hours(hour);
        Period::new(start, start + TimeDelta::days(length)).expect("not empty")
    })
}

/// Who is on call at an instant, straight from the rules: every turn from the first, every span of every day around.
fn naive(rota: &Rota, instant: DateTime<Utc>) -> BTreeSet<String> {
    let zone = &rota.rotation.zone;
    let mut on = BTreeSet::new();
    for (number, layer) in rota.rotation.layers.iter().enumerate() {
        let begun = rota.begins[number].iter().filter(|begin| **begin <= instant).count();
        let ended = layer.end.is_some_and(|end| end <= instant);
        if begun > 0 && !ended && counts(rota.during[number], zone, instant) {
            on = layer.users[(begun - 1) % layer.users.len()].iter().map(|member| member.name.clone()).collect();
        }
    }
    for Override { period, group, replaces, .. } in &rota.rotation.overrides {
        let names = group.iter().map(|member| member.name.clone());
        match replaces {
            _ if !period.contains(instant) => {}
            None => on = names.collect(),
            Some(member) if on.remove(&member.name) => on.extend(names),
            Some(_) => {}
        }
    }
    on
}

/// Up to the end of 2028, which no window and no duty of these rotas goes beyond, save one without an end.
fn begins(layer: &Layer, zone: &Zone) -> Vec<DateTime<Utc>> {
    let begins = |turn: i64| layer.start.after(turn * layer.count, layer.unit).map(|civil| zone.place(civil).instant);
    let last: DateTime<Utc> = "2029-01-01T00:00:00Z".parse().expect("RFC 3339");
    (0..).map_while(begins).take_while(|begin| *begin < last).collect()
}

fn counts(during: usize, zone: &Zone, instant: DateTime<Utc>) -> bool {
    let [days, from, to] = DURING[during].1 else { return true };
    let today = zone.civil(instant).midnight();
    let spans = |midnight: Civil| {
        let at = |minute: &str| {
            let minute: i64 = minute.parse().expect("a number");
            zone.place(midnight.after(minute, Unit::Minutes).expect("in range")).instant
        };
        days.contains(&midnight.weekday().to_string()) && at(from) <= instant && instant < at(to)
    };
    (-8..=1).filter_map(|ahead| today.after(ahead, Unit::Days)).any(spans)
}

fn on_call(duties: &[Duty], instant: DateTime<Utc>) -> BTreeSet<String> {
    let on = duties.iter().filter(|duty| duty.start <= instant && duty.end.is_none_or(|end| instant < end));
    on.map(|duty| duty.member.name.clone()).collect()
}

proptest! {
    #![proptest_config(kept(96))]

    #[test]
    fn says_what_the_rules_say(rota in rota(&PLACES), window in window(1..4)) {
        let found = expand(&rota, window);
        let spans = found.duties.iter().flat_map(|duty| [Some(duty.start), duty.end]).flatten();
        let spans = spans.chain(found.uncovered.iter().flat_map(|gap| [gap.start(), gap.end()]));
        // Every minute around each change that was found; and in steps as short as the shortest span that these rotas
        // have, for changes that were not.
        let around = spans.flat_map(|at| (-3..=3).map(move |ahead| at + TimeDelta::minutes(ahead)));
        let through = (0..window.length().num_minutes()).step_by(15).map(|minute| window.start() + TimeDelta::minutes(minute));
        for instant in around.chain(through).filter(|instant| window.contains(*instant)) {
            let expected = naive(&rota, instant);
            prop_assert_eq!(on_call(&found.duties, instant), expected.clone(), "{}", instant);
            let uncovered = found.uncovered.iter().any(|gap| gap.contains(instant));
            prop_assert!(!uncovered || expected.is_empty(), "{} is told to be uncovered", instant);
        }
    }

    #[test]
    fn starts_and_ends_are_true(rota in rota(&PLACES), window in window(1..20)) {
        for Duty { start, end, member, .. } in expand(&rota, window).duties {
            prop_assert!(Period::new(start, end.unwrap_or(DateTime::<Utc>::MAX_UTC)).is_some_and(|duty| duty.overlaps(&window)));
            prop_assert!(naive(&rota, start).contains(&member.name));
            prop_assert!(!naive(&rota, start - TimeDelta::seconds(1)).contains(&member.name));
            if let Some(end) = end {
                prop_assert!(naive(&rota, end - TimeDelta::seconds(1)).contains(&member.name));
                prop_assert!(!naive(&rota, end).contains(&member.name));
            }
        }
    }

    #[test]
    fn one_at_a_time_never_overlaps(rota in rota(&PLACES[..4]), window in window(1..60)) {
        let duties = expand(&rota, window).duties;
        for pair in duties.windows(2) {
            prop_assert!(pair[0].end.is_some_and(|end| end <= pair[1].start), "{pair:?}");
        }
    }

    #[test]
    fn asking_in_parts_is_asking_once(rota in rota(&PLACES), window in window(2..60), part in 1..99i32) {
        let middle = window.start() + window.length() * part / 100;
        let parts = [Period::new(window.start(), middle), Period::new(middle, window.end())];
        let expanded = parts.map(|part| expand(&rota, part.expect("not empty")));
        let in_parts: BTreeSet<Duty> = expanded.iter().flat_map(|part| part.duties.iter().cloned()).collect();
        let at_once: BTreeSet<Duty> = expand(&rota, window).duties.into_iter().collect();
        prop_assert_eq!(in_parts, at_once);
    }
}
