//! Some days of the year in the model world that `cargo bench --bench year` lives through as a whole: days on which clocks
//! change, with far more edits of the rota than anybody makes.

#[path = "../benches/year/model/mod.rs"]
mod model;

use chrono::{NaiveDate, NaiveDateTime};
use chrono_tz::{America, Australia, Europe, Tz};
use model::events::{DAY, INTERVAL, Year};
use model::measure::{Cause, Tally, Wrong, live};
use model::oracle::{Spans, on_call, place};
use model::rota::{During, Group, Layer, Override, Schedule, When};
use model::tools::{CreateOnly, Membership, Ours};
use oncall_sync::domain::Tenure;

fn clock(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("a time")
}

/// Seconds since 1970, from a time in UTC.
fn utc(text: &str) -> i64 {
    clock(text).and_utc().timestamp()
}

#[test]
fn the_oracle_places_clocks_as_one_does_by_hand() {
    for (zone, civil, instant) in [
        (Europe::Berlin, "2026-03-28 02:30", "2026-03-28 01:30"),
        // Skipped: 02:00 CET is 03:00 CEST, so this is 03:30 CEST.
        (Europe::Berlin, "2026-03-29 02:30", "2026-03-29 01:30"),
        (Europe::Berlin, "2026-03-30 02:30", "2026-03-30 00:30"),
        // Doubled: the first is still CEST.
        (Europe::Berlin, "2026-10-25 02:30", "2026-10-25 00:30"),
        (Europe::Berlin, "2026-10-26 02:30", "2026-10-26 01:30"),
        (Europe::London, "2026-03-29 01:30", "2026-03-29 01:30"),
        (America::New_York, "2026-03-08 02:30", "2026-03-08 07:30"),
        (America::New_York, "2026-11-01 01:30", "2026-11-01 05:30"),
        // The other half of the globe: forward in October, back in April.
        (Australia::Sydney, "2026-10-04 02:30", "2026-10-03 16:30"),
        (Australia::Sydney, "2026-04-05 02:30", "2026-04-04 15:30"),
    ] {
        assert_eq!(place(zone, clock(civil)), utc(instant), "{civil} in {zone}");
    }
}

fn layer(start: &str, hours: i64, users: &[&[usize]]) -> Layer {
    let users = users.iter().map(|group| group.to_vec()).collect();
    Layer { start: clock(start), hours, users, during: None }
}

fn change(from: &str, to: &str, users: Group, replaces: Option<usize>) -> Override {
    Override { from: When::Clock(clock(from)), to: When::Clock(clock(to)), users, replaces }
}

/// Who is on call in a schedule of three people, between two times in UTC.
fn read(zone: Tz, layers: Vec<Layer>, overrides: Vec<Override>, from: &str, to: &str) -> Vec<Spans> {
    let schedule = Schedule { name: "it", zone, gives: 0, layers, overrides };
    on_call(&schedule, 3, utc(from), utc(to))
}

fn spans(texts: &[(&str, &str)]) -> Spans {
    texts.iter().map(|(from, to)| (utc(from), utc(to))).collect()
}

#[test]
fn the_oracle_takes_turns_as_one_does_by_hand() {
    let weekly = || layer("2026-03-16 09:00", 168, &[&[0], &[1, 2], &[]]);
    assert_eq!(
        read(Europe::Berlin, vec![weekly()], vec![], "2026-03-17 00:00", "2026-04-14 00:00"),
        [
            // Nine o'clock is at eight in UTC, and at seven when clocks have changed.
            spans(&[("2026-03-17 00:00", "2026-03-23 08:00"), ("2026-04-06 07:00", "2026-04-13 07:00")]),
            spans(&[("2026-03-23 08:00", "2026-03-30 07:00"), ("2026-04-13 07:00", "2026-04-14 00:00")]),
            spans(&[("2026-03-23 08:00", "2026-03-30 07:00"), ("2026-04-13 07:00", "2026-04-14 00:00")]),
        ]
    );
    let halves = layer("2026-10-03 02:30", 12, &[&[0], &[1]]);
    assert_eq!(
        read(Australia::Sydney, vec![halves], vec![], "2026-10-02 18:00", "2026-10-04 18:00")[0],
        // The second night begins at 02:30, which is skipped: an hour later, at 03:30.
        spans(&[
            ("2026-10-02 18:00", "2026-10-03 04:30"),
            ("2026-10-03 16:30", "2026-10-04 03:30"),
            ("2026-10-04 15:30", "2026-10-04 18:00"),
        ])
    );
    let during = Some(During { text: "Fri 18:00 - Mon 08:00", from: 4 * 24 + 18, to: 7 * 24 + 8 });
    let weekend = Layer { during, ..layer("2026-03-02 08:00", 168, &[&[2], &[]]) };
    let base = layer("2026-03-02 08:00", 24, &[&[0]]);
    assert_eq!(
        read(America::New_York, vec![base, weekend], vec![], "2026-03-06 00:00", "2026-03-17 00:00"),
        [
            // A later layer covers, also where it says that nobody is on call.
            spans(&[
                ("2026-03-06 00:00", "2026-03-06 23:00"),
                ("2026-03-09 12:00", "2026-03-13 22:00"),
                ("2026-03-16 12:00", "2026-03-17 00:00"),
            ]),
            spans(&[]),
            spans(&[("2026-03-06 23:00", "2026-03-09 12:00")]),
        ]
    );
}

#[test]
fn the_oracle_makes_exceptions_as_one_does_by_hand() {
    let overrides = vec![
        // From a doubled hour, of which the first is taken, to an hour after the change.
        change("2026-10-25 02:30", "2026-10-25 06:00", vec![1], None),
        change("2026-10-25 05:00", "2026-10-25 08:00", vec![2], Some(1)),
        change("2026-10-25 07:00", "2026-10-25 08:00", vec![1, 2], Some(0)),
        change("2026-10-25 09:00", "2026-10-25 10:00", vec![], None),
    ];
    assert_eq!(
        read(
            Europe::Berlin,
            vec![layer("2026-10-19 09:00", 168, &[&[0]])],
            overrides,
            "2026-10-25 00:00",
            "2026-10-25 12:00"
        ),
        [
            spans(&[
                ("2026-10-25 00:00", "2026-10-25 00:30"),
                ("2026-10-25 05:00", "2026-10-25 06:00"),
                ("2026-10-25 07:00", "2026-10-25 08:00"),
                ("2026-10-25 09:00", "2026-10-25 12:00"),
            ]),
            spans(&[("2026-10-25 00:30", "2026-10-25 04:00"), ("2026-10-25 06:00", "2026-10-25 07:00")]),
            spans(&[("2026-10-25 04:00", "2026-10-25 05:00"), ("2026-10-25 06:00", "2026-10-25 07:00")]),
        ]
    );
}

/// Six days from `month`, `day`, with an edit every five hours or so. A run takes milliseconds without optimisation.
fn days(month: u32, day: u32) -> Year {
    Year::new(u64::from(month), NaiveDate::from_ymd_opt(2026, month, day).expect("a day"), 6, 150)
}

/// Nothing is wrong that the interval between runs does not explain, and that for no longer than the interval.
fn is_exact(tally: &Tally) {
    assert!(tally.shifts > 25 && tally.killed > 25, "too little happened: {tally:?}");
    assert_eq!(tally.of(Cause::Tool), Wrong::default(), "{:#?}", tally.unexplained);
    let Wrong { missing, excess } = tally.longest;
    assert!(missing <= INTERVAL && excess <= INTERVAL, "{tally:?}");
}

/// Berlin and London go back on the 25th of October.
#[test]
fn scheduled_access_is_exact_to_the_second() {
    let year = days(10, 22);
    is_exact(&live(&year, &mut Ours::new(Tenure::Scheduled, 0, &year)));
}

/// Berlin and London go forward on the 29th of March.
#[test]
fn expiring_access_begins_with_a_run_and_ends_to_the_second() {
    let year = days(3, 26);
    is_exact(&live(&year, &mut Ours::new(Tenure::Expiring, 0, &year)));
}

/// Sydney goes back on the 5th of April.
#[test]
fn standing_access_is_an_interval_late_at_most() {
    let year = days(4, 2);
    is_exact(&live(&year, &mut Ours::new(Tenure::Standing, 0, &year)));
}

/// The measure finds what is wrong: a tool that never corrects is not exact, and one that syncs less often is later.
#[test]
fn other_ways_are_not_exact() {
    let year = days(3, 27);
    let made = live(&year, &mut CreateOnly::new(&year));
    assert!(made.of(Cause::Tool).excess > DAY && made.longest.excess > DAY / 2, "{made:?}");
    let members = live(&year, &mut Membership::new());
    let longest = members.longest.missing.max(members.longest.excess);
    assert!(longest > INTERVAL && longest <= Membership::INTERVAL, "{members:?}");
}
