//! What a rota file promises, rule by rule, and its properties against an evaluator that goes minute by minute.

mod abuse;
mod faults;
mod list;
mod properties;
mod rules;

use super::expand::Expansion;
use super::rota;
use super::schedule::Schedule;
use crate::domain::Period;
use crate::zone::Zone;

const PEOPLE: &str = r#"
[people]
ada = "ada@example.com"
bob = "bob@example.com"
cy = "cy@example.com"
"#;

fn period(zone: &Zone, from: &str, to: &str) -> Period {
    let at = |text| zone.parse_instant(text).expect("a time").instant;
    Period::new(at(from), at(to)).expect("not empty")
}

fn schedule(zone: &str, text: &str) -> Schedule {
    let text = format!("{PEOPLE}[schedules.it]\ntimezone = '{zone}'\n{text}");
    let mut schedules = rota::parse(&text, None).unwrap_or_else(|faults| panic!("{faults:#?}\n{text}"));
    schedules.remove("it").expect("it is there")
}

fn expand(zone: &str, text: &str, from: &str, to: &str) -> Expansion {
    let schedule = schedule(zone, text);
    schedule.rotation.expand(period(&schedule.rotation.zone, from, to)).expect("little work")
}

/// The shifts as `ada 01-05 09:00 to 01-12 09:00`, on the schedule's wall clock.
fn shifts(zone: &str, text: &str, from: &str, to: &str) -> Vec<String> {
    let shown = Zone::parse(zone).expect("known");
    let time = |instant| shown.civil(instant).to_string()[5..].to_owned();
    let duties = expand(zone, text, from, to).duties;
    duties
        .iter()
        .map(|duty| {
            let end = duty.end.map_or("ever".to_owned(), time);
            format!("{} {} to {end}", duty.member.name, time(duty.start))
        })
        .collect()
}
