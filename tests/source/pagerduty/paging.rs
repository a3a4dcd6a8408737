//! Many shifts and many schedules: everything arrives, in few requests.

use std::collections::BTreeSet;

use super::{ALICE, BOB, PRIMARY, asked, at, people, read_one, schedule, shifts_of, source, window};
use crate::fakes::pagerduty::{Fake, PagerDuty, World};

/// `count` schedules, each with `shifts` shifts of one hour from now on.
fn crowd(count: usize, shifts: i64) -> (World, Vec<String>) {
    let ids: Vec<_> = (0..count).map(|number| format!("Q{number:013}")).collect();
    let mut world = people();
    for id in &ids {
        world = world.schedule(id, &format!("Schedule {id}"));
        for hour in 0..shifts {
            world = world.shift(id, if hour % 2 == 0 { ALICE.0 } else { BOB.0 }, at(hour), at(hour + 1));
        }
    }
    (world, ids)
}

/// Reads all of `ids`, and asserts that each has `shifts` of them.
async fn reads_all(fake: &Fake, ids: &[String], shifts: usize) {
    let answer = source(fake).await.read(&asked(ids.iter().map(String::as_str)), window(1000)).await;
    assert_eq!(answer.len(), ids.len());
    for (on_call, reading) in &answer {
        let told = shifts_of(on_call, reading);
        assert_eq!(told.len(), shifts, "{on_call}");
        assert_eq!(told.iter().map(|shift| shift.start).collect::<BTreeSet<_>>().len(), shifts, "{on_call}");
    }
}

#[tokio::test]
async fn two_hundred_and_fifty_entries_take_three_pages() {
    let (world, ids) = crowd(1, 250);
    let fake = PagerDuty::start(world);
    reads_all(&fake, &ids, 250).await;
    assert_eq!(fake.count("/oncalls"), 3);
    assert!(fake.requests().len() <= 3 + SLACK, "{:#?}", fake.requests());
}

/// Requests beside pages and look-ups, however much there is to read: one page each of the two lists of schedules,
/// where a name has to be resolved, and their like.
const SLACK: usize = 4;

#[tokio::test]
async fn requests_are_pages_and_people_unknown_and_little_more() {
    let (mut world, ids) = crowd(20, 14);
    for number in 0..5 {
        let id = format!("PREF{number}");
        world = world.person_by_reference(&id, "By Reference", "ref@example.com");
        for schedule in &ids {
            world = world.shift(schedule, &id, at(14 + number), at(15 + number));
        }
    }
    let fake = PagerDuty::start(world);
    reads_all(&fake, &ids, 19).await;
    let pages = (20 * 19_usize).div_ceil(100);
    assert_eq!(fake.count("/users/"), 5);
    assert!(fake.requests().len() <= pages + 5 + SLACK, "{} requests", fake.requests().len());
}

#[tokio::test]
async fn an_exact_page_is_not_followed_for_ever() {
    let (world, ids) = crowd(1, 100);
    let fake = PagerDuty::start(world);
    reads_all(&fake, &ids, 100).await;
    assert_eq!(fake.count("/oncalls"), 1);
}

#[tokio::test]
async fn more_than_a_hundred_schedules_go_in_batches() {
    let (world, ids) = crowd(250, 1);
    let fake = PagerDuty::start(world);
    reads_all(&fake, &ids, 1).await;
    let most = fake.requests().iter().map(|request| request.query.len()).max().expect("requests were made");
    assert!(most > 50, "schedules are asked for one by one");
    assert!(fake.count("/oncalls") <= 3 + 3, "{} pages", fake.count("/oncalls"));
}

#[tokio::test]
async fn more_than_ten_thousand_entries_are_read_whole() {
    let (world, ids) = crowd(30, 350);
    let fake = PagerDuty::start(world);
    reads_all(&fake, &ids, 350).await;
    let pages = (30 * 350_usize).div_ceil(100);
    assert!(fake.count("/oncalls") <= 2 * pages + 10, "{} pages for {pages}", fake.count("/oncalls"));
}

/// One schedule cannot be split by ids. Beyond the ceiling it is read another way or refused, and never cut short.
#[tokio::test]
async fn one_schedule_beyond_the_ceiling_is_whole_or_an_error() {
    let names: Vec<_> = (0..35).map(|number| format!("PPOL{number:02}")).collect();
    let places: Vec<_> = names.iter().map(|policy| (policy.as_str(), 1)).collect();
    let mut world = people().schedule_at(PRIMARY.0, PRIMARY.1, &places);
    for hour in 0..300 {
        world = world.shift(PRIMARY.0, ALICE.0, at(hour), at(hour + 1));
    }
    let fake = PagerDuty::start(world);
    let mut answer = source(&fake).await.read(&asked([PRIMARY.0]), window(300)).await;
    match answer.remove(&schedule(PRIMARY.0)).expect("an entry for what was asked") {
        Ok(reading) => assert_eq!(reading.shifts.len(), 300),
        Err(error) => assert!(format!("{error:#}").contains(PRIMARY.0), "does not name the schedule: {error:#}"),
    }
}

#[tokio::test]
async fn a_window_beyond_the_ninety_days_is_cut_or_refused_but_never_empty() {
    let world = || people().schedule(PRIMARY.0, PRIMARY.1).shift(PRIMARY.0, ALICE.0, at(-1), at(1));
    for world in [world(), world().refusing_beyond_90_days()] {
        let fake = PagerDuty::start(world);
        let mut answer = source(&fake).await.read(&asked([PRIMARY.0]), window(24 * 120)).await;
        if let Ok(reading) = answer.remove(&schedule(PRIMARY.0)).expect("an entry for what was asked") {
            assert_eq!(reading.shifts.len(), 1);
        }
    }
}

#[tokio::test]
async fn a_name_costs_the_same_requests_in_a_small_account_and_a_single_page() {
    let fake = PagerDuty::start(super::primary());
    read_one(&fake, PRIMARY.1, window(24)).await;
    assert_eq!(fake.count("/oncalls"), 1);
    assert!(fake.requests().len() <= 1 + SLACK, "{:#?}", fake.requests());
}
