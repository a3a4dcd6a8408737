//! How exact access is, over a year of runs every five minutes.
//!
//! ```text
//! cargo bench --bench year
//! cargo bench --bench year -- --seed 7 --days 30
//! ```
//!
//! The program's own runs, in process: 105,120 for each of its ways to keep time, on files in memory. Beside them two models
//! of other ways. Prints the table of the README; fails where a second is wrong that nothing explains,
//! or where something stays wrong for longer than from one run to the next.

#![expect(clippy::disallowed_macros, reason = "a bench prints what it measured")]

mod model;

use std::sync::Mutex;
use std::time::Instant;

use chrono::NaiveDate;
use model::events::{INTERVAL, Year};
use model::measure::{Cause, Tally, Wrong, live};
use model::tools::{CreateOnly, Membership, Ours};
use oncall_sync::domain::Tenure;

type Scenario = (&'static str, fn(&Year) -> Tally);

const SCENARIOS: [Scenario; 6] = [
    ("`scheduled`", |year| live(year, &mut Ours::new(Tenure::Scheduled, 0, year))),
    ("`expiring`", |year| live(year, &mut Ours::new(Tenure::Expiring, 0, year))),
    ("`expiring`, `early = \"5m\"`", |year| live(year, &mut Ours::new(Tenure::Expiring, 300, year))),
    ("`standing`", |year| live(year, &mut Ours::new(Tenure::Standing, 0, year))),
    ("a model: create only", |year| live(year, &mut CreateOnly::new(year))),
    ("a model: members every 15 min", |year| live(year, &mut Membership::new())),
];
/// How many of them are the program's.
const OURS: usize = 4;

fn main() {
    let (seed, days) = (asked("--seed").unwrap_or(2026), asked("--days").unwrap_or(365));
    let first = NaiveDate::from_ymd_opt(2026, 1, 1).expect("a day");
    // Twenty overrides and swaps a month, and in the same time somebody who joins and somebody who leaves.
    let edits = asked("--edits").unwrap_or(22);
    let few = |number: u64| i64::try_from(number).expect("few");
    let year = Year::new(seed, first, few(days), few(edits));
    println!(
        "seed {seed}, {days} days from {first}: {} edits of the rota, {} outages\n",
        year.versions.len() - 1,
        year.outages.len()
    );
    let waiting = Mutex::new(SCENARIOS.iter().enumerate());
    let done: Mutex<Vec<(usize, Tally, f64)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some((number, (_, run))) = waiting.lock().expect("nobody panicked").next() else { break };
                    let begun = Instant::now();
                    let tally = run(&year);
                    done.lock().expect("nobody panicked").push((number, tally, begun.elapsed().as_secs_f64()));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("nobody panicked");
    done.sort_by_key(|(number, ..)| *number);
    println!("| | nothing explains | longest | interval | killed runs | outages |");
    println!("|---|--:|--:|--:|--:|--:|");
    for (number, tally, _) in &done {
        println!("{}", row(SCENARIOS[*number].0, tally));
    }
    println!();
    for (number, tally, seconds) in &done {
        let Tally { runs, killed, shifts, .. } = tally;
        println!(
            "{}: {shifts} person-shifts, {runs} runs, {killed} of them killed or without one side, {seconds:.1} s",
            SCENARIOS[*number].0
        );
    }
    let unexplained: Vec<&String> = done[..OURS].iter().flat_map(|(_, tally, _)| &tally.unexplained).collect();
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    let late = done[..OURS].iter().map(|(_, tally, _)| tally.longest.missing.max(tally.longest.excess)).max();
    assert!(late <= Some(INTERVAL), "wrong for {late:?} s, longer than from one run to the next");
}

/// Seconds for each person-shift.
fn row(name: &str, tally: &Tally) -> String {
    let per_shift = |cause| {
        let Wrong { missing, excess } = tally.of(cause);
        let each = |seconds: i64| match seconds {
            0 => "0".to_owned(),
            seconds => format!("{:.1}", seconds as f64 / tally.shifts as f64),
        };
        format!("{} / {}", each(missing), each(excess))
    };
    let Wrong { missing, excess } = tally.longest;
    let [tool, interval, kill, outage] = [Cause::Tool, Cause::Interval, Cause::Kill, Cause::Outage].map(per_shift);
    format!("| {name} | {tool} | {missing} / {excess} | {interval} | {kill} | {outage} |")
}

fn asked(option: &str) -> Option<u64> {
    let after = std::env::args().skip_while(|argument| argument != option).nth(1)?;
    Some(after.parse().unwrap_or_else(|_| panic!("{option} takes a number, not '{after}'")))
}
