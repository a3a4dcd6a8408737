//! Who a shift belongs to, when, and how often it is told.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use oncall_sync::domain::{Email, Period};

use super::{ALICE, BOB, PRIMARY, at, now, people, primary, read_one, shift, window};
use crate::fakes::pagerduty::PagerDuty;

#[tokio::test]
async fn a_shift_seen_through_two_policies_is_one_shift() {
    let world = people().schedule_at(PRIMARY.0, PRIMARY.1, &[("PPOL1", 1), ("PPOL2", 1)]);
    let fake = PagerDuty::start(world.shift(PRIMARY.0, ALICE.0, at(-5), at(5)));
    assert_eq!(read_one(&fake, PRIMARY.0, window(24)).await.shifts, [shift(PRIMARY, ALICE, -5, 5)]);
}

#[tokio::test]
async fn a_shift_at_two_levels_is_told_once_for_each_level() {
    let places = [("PPOL1", 1), ("PPOL1", 2), ("PPOL2", 2)];
    let world = people().schedule_at(PRIMARY.0, PRIMARY.1, &places).shift(PRIMARY.0, ALICE.0, at(-5), at(5));
    let fake = PagerDuty::start(world);
    let shifts = read_one(&fake, PRIMARY.0, window(24)).await.shifts;
    let levels: Vec<_> = shifts.iter().map(|shift| shift.level).collect::<BTreeSet<_>>().into_iter().collect();
    assert_eq!(levels, [Some(1), Some(2)]);
    assert_eq!(shifts.len(), 2, "{shifts:#?}");
    for mut seen in shifts {
        seen.level = Some(1);
        assert_eq!(seen, shift(PRIMARY, ALICE, -5, 5));
    }
}

#[tokio::test]
async fn whoever_is_always_on_call_has_no_end() {
    let world = people().schedule(PRIMARY.0, PRIMARY.1);
    let fake = PagerDuty::start(world.always(PRIMARY.0, ALICE.0, Some(at(-100))).always(PRIMARY.0, BOB.0, None));
    let mut times: Vec<_> = Vec::new();
    for shift in read_one(&fake, PRIMARY.0, window(24)).await.shifts {
        times.push((shift.person.name, shift.start, shift.end));
    }
    times.sort();
    assert_eq!(times, [("Alice".to_owned(), Some(at(-100)), None), ("Bob".to_owned(), None, None)]);
}

#[tokio::test]
async fn a_policys_direct_target_is_on_nobodys_schedule() {
    let fake = PagerDuty::start(primary().direct_target(BOB.0));
    assert_eq!(read_one(&fake, PRIMARY.0, window(24)).await.shifts, [shift(PRIMARY, ALICE, -5, 5)]);
}

#[tokio::test]
async fn a_deleted_user_is_a_person_without_email() {
    let world = primary().deleted_person("PGONE", "Gone Person").shift(PRIMARY.0, "PGONE", at(5), at(9));
    let fake = PagerDuty::start(world);
    let shifts = read_one(&fake, PRIMARY.0, window(24)).await.shifts;
    assert_eq!(shifts.len(), 2);
    let gone = shifts.iter().find(|shift| shift.person.id == "PGONE").expect("the deleted user's shift");
    assert_eq!((gone.person.name.as_str(), &gone.person.email), ("Gone Person", &None));
    assert!(fake.count("/users/") <= 1);
}

#[tokio::test]
async fn a_user_without_email_is_looked_up_once_for_fifty_shifts() {
    let mut world = people().schedule(PRIMARY.0, PRIMARY.1).person_without_email("PSHY", "Shy Person");
    for hour in 0..50 {
        world = world.shift(PRIMARY.0, "PSHY", at(2 * hour), at(2 * hour + 1));
    }
    let fake = PagerDuty::start(world);
    let shifts = read_one(&fake, PRIMARY.0, window(100)).await.shifts;
    assert_eq!(shifts.len(), 50);
    assert!(shifts.iter().all(|shift| shift.person.email.is_none() && shift.person.name == "Shy Person"));
    assert!(fake.count("/users/") <= 1, "{} look-ups", fake.count("/users/"));
}

#[tokio::test]
async fn a_user_given_by_reference_alone_is_looked_up() {
    let world = people().schedule(PRIMARY.0, PRIMARY.1).person_by_reference("PREF", "Ref Erence", "Ref@Example.com");
    let fake = PagerDuty::start(world.shift(PRIMARY.0, "PREF", at(0), at(1)).shift(PRIMARY.0, "PREF", at(2), at(3)));
    let shifts = read_one(&fake, PRIMARY.0, window(24)).await.shifts;
    assert_eq!(shifts.len(), 2);
    assert!(shifts.iter().all(|shift| shift.person.email == Some(Email::new("ref@example.com"))), "{shifts:#?}");
    assert_eq!(fake.count("/users/PREF"), 1);
}

#[tokio::test]
async fn users_with_an_email_are_never_looked_up() {
    let fake = PagerDuty::start(primary());
    read_one(&fake, PRIMARY.0, window(24)).await;
    assert_eq!(fake.count("/users"), 0);
}

#[tokio::test]
async fn times_with_an_offset_are_the_same_instants() {
    let fake = PagerDuty::start(primary().always_offset());
    assert_eq!(read_one(&fake, PRIMARY.0, window(24)).await.shifts, [shift(PRIMARY, ALICE, -5, 5)]);
}

#[tokio::test]
async fn shifts_that_only_meet_the_window_are_outside_of_it() {
    let world = primary().shift(PRIMARY.0, BOB.0, at(-9), at(0)).shift(PRIMARY.0, BOB.0, at(24), at(30));
    let fake = PagerDuty::start(world);
    assert_eq!(read_one(&fake, PRIMARY.0, window(24)).await.shifts, [shift(PRIMARY, ALICE, -5, 5)]);
}

#[tokio::test]
async fn fractions_of_a_second_in_the_window_lose_no_shift() {
    let fake = PagerDuty::start(primary().shift(PRIMARY.0, BOB.0, at(5), at(9)));
    let fraction = TimeDelta::milliseconds(750);
    let window = Period::new(now() + fraction, at(5) + fraction).expect("not empty");
    let mut shifts = read_one(&fake, PRIMARY.0, window).await.shifts;
    shifts.sort();
    assert_eq!(shifts, [shift(PRIMARY, ALICE, -5, 5), shift(PRIMARY, BOB, 5, 9)]);
}
