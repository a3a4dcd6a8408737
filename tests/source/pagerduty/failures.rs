//! What goes wrong: waited out where that helps, told where it does not, and never an empty list.

use std::time::Duration;

use chrono::TimeDelta;
use oncall_sync::net::{Clock, Context};
use tokio::time::Instant;

use super::{
    ALICE, BOB, PRIMARY, asked, at, connect, context, now, people, primary, read_one, refusal, schedule, shift,
    shifts_of, source, window,
};
use crate::fakes::pagerduty::{Fault, PagerDuty, Raw};
use crate::source::contract;

/// More often than anybody asks.
const FOR_EVER: usize = usize::MAX;

/// A context whose run ends soon, for failures that would be tried again and again.
fn brief() -> Context {
    Context::new(Clock::new(now()), Instant::now() + Duration::from_secs(2))
}

/// Why the primary schedule cannot be read from `url`, by a run that ends soon.
async fn brief_refusal(url: &str, key: &str, timeout: &str) -> String {
    let source = connect(url, key, timeout, brief()).await;
    let mut sentences = contract::fails(source.as_ref(), &asked([PRIMARY.0]), window(24)).await;
    sentences.remove(&schedule(PRIMARY.0)).expect("an entry for what was asked")
}

#[tokio::test]
async fn a_wrong_key_is_an_error_that_does_not_show_it() {
    let fake = PagerDuty::start(primary());
    let source = connect(&fake.url(), "u+Wr0ngSecretKey", "20s", context()).await;
    let sentences = contract::fails(source.as_ref(), &asked([PRIMARY.0, "DBA Secondary"]), window(24)).await;
    for sentence in sentences.values() {
        assert!(sentence.contains("401") && sentence.contains("api_key"), "{sentence}");
        assert!(!sentence.contains("Wr0ngSecretKey"), "{sentence}");
    }
    assert!(fake.requests().len() <= 4, "a 401 is tried again: {:#?}", fake.requests());
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let fake = PagerDuty::start(primary());
    fake.fail("/oncalls", FOR_EVER, Fault::ScopeLacking);
    let sentence = refusal(&fake, PRIMARY.0).await;
    assert!(sentence.contains("403") && sentence.contains("oncalls.read"), "{sentence}");
    assert_eq!(fake.count("/oncalls"), 1, "a 403 is tried again");
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_an_error() {
    let fake = PagerDuty::start(primary());
    fake.fail("/oncalls", FOR_EVER, Fault::NotFound);
    let sentence = refusal(&fake, PRIMARY.0).await;
    assert!(sentence.contains("404"), "{sentence}");
    assert_eq!(fake.count("/oncalls"), 1, "a 404 is tried again");
}

#[tokio::test]
async fn a_rate_limit_is_waited_out_as_long_as_it_says() {
    let fake = PagerDuty::start(primary());
    fake.fail("/oncalls", 1, Fault::RateLimited { reset: 1 });
    let asked_at = Instant::now();
    assert_eq!(read_one(&fake, PRIMARY.0, window(24)).await.shifts, [shift(PRIMARY, ALICE, -5, 5)]);
    assert!(asked_at.elapsed() >= Duration::from_secs(1), "asked again after {:?}", asked_at.elapsed());
    assert_eq!(fake.count("/oncalls"), 2);
}

#[tokio::test]
async fn a_rate_limit_that_outlasts_the_run_is_an_error_at_once() {
    let fake = PagerDuty::start(primary());
    fake.fail("/oncalls", FOR_EVER, Fault::RateLimited { reset: 3600 });
    let asked_at = Instant::now();
    let sentence = refusal(&fake, PRIMARY.0).await;
    assert!(sentence.contains("429"), "{sentence}");
    assert!(asked_at.elapsed() < Duration::from_secs(10), "waited for {:?}", asked_at.elapsed());
    assert_eq!(fake.count("/oncalls"), 1);
}

#[tokio::test]
async fn passing_failures_are_tried_again() {
    let passing = [Fault::RateLimited { reset: 0 }, Fault::RateLimitedBare, Fault::Html(502), Fault::Html(503)];
    for fault in passing {
        let fake = PagerDuty::start(primary());
        fake.fail("/oncalls", 1, fault.clone());
        let shifts = read_one(&fake, PRIMARY.0, window(24)).await.shifts;
        assert_eq!(shifts, [shift(PRIMARY, ALICE, -5, 5)], "after {fault:?}");
        assert_eq!(fake.count("/oncalls"), 2, "after {fault:?}");
    }
}

#[tokio::test]
async fn a_failure_on_a_later_page_is_tried_again_there() {
    let mut world = people().schedule(PRIMARY.0, PRIMARY.1);
    for hour in 0..250 {
        world = world.shift(PRIMARY.0, BOB.0, at(hour), at(hour + 1));
    }
    let fake = PagerDuty::start(world);
    fake.fail("offset=100", 1, Fault::Html(503));
    assert_eq!(read_one(&fake, PRIMARY.0, window(250)).await.shifts.len(), 250);
    assert_eq!(fake.count("/oncalls"), 4);
}

#[tokio::test]
async fn a_later_page_that_never_comes_spoils_the_schedule() {
    let mut world = people().schedule(PRIMARY.0, PRIMARY.1);
    for hour in 0..250 {
        world = world.shift(PRIMARY.0, BOB.0, at(hour), at(hour + 1));
    }
    let fake = PagerDuty::start(world);
    fake.fail("offset=200", FOR_EVER, Fault::Html(400));
    let source = source(&fake).await;
    let sentences = contract::fails(source.as_ref(), &asked([PRIMARY.0]), window(250)).await;
    assert!(sentences[&schedule(PRIMARY.0)].contains("400"), "{sentences:?}");
}

#[tokio::test]
async fn an_outage_is_an_error_after_some_attempts() {
    let fake = PagerDuty::start(primary());
    fake.fail("/", FOR_EVER, Fault::Html(503));
    let sentence = refusal(&fake, PRIMARY.0).await;
    assert!(sentence.contains("503"), "{sentence}");
    assert!((2..=20).contains(&fake.requests().len()), "{} requests", fake.requests().len());
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error() {
    let raw = Raw::truncating("{\"oncalls\": [], \"limit\": 100, \"offset\": 0, \"more\": false");
    brief_refusal(&raw.url(), "u+key", "20s").await;
    assert!(!raw.heads().is_empty(), "nothing was asked");
}

#[tokio::test]
async fn a_service_that_never_answers_is_an_error_within_the_deadline() {
    let raw = Raw::silent();
    let asked_at = Instant::now();
    let sentence = brief_refusal(&raw.url(), "u+key", "60s").await;
    assert!(sentence.contains("no answer in the time that `deadline` in the config leaves for it"), "{sentence}");
    assert!(asked_at.elapsed() < Duration::from_secs(30), "waited for {:?}", asked_at.elapsed());
}

#[tokio::test]
async fn a_service_that_is_not_there_is_an_error_with_its_address() {
    let port = Raw::silent().port();
    let url = format!("http://127.0.0.1:{port}");
    let sentence = brief_refusal(&url, "u+key", "1s").await;
    assert!(sentence.contains(&format!("127.0.0.1:{port}")), "{sentence}");
    assert!(!sentence.contains("u+key"), "{sentence}");
}

#[tokio::test]
async fn pages_without_end_are_an_error() {
    let fake = PagerDuty::start(primary());
    fake.fail("/oncalls", FOR_EVER, Fault::Endless);
    refusal(&fake, PRIMARY.0).await;
    assert!(fake.count("/oncalls") < 1000, "{} pages", fake.count("/oncalls"));
}

#[tokio::test]
async fn a_list_of_schedules_without_end_is_an_error() {
    let fake = PagerDuty::start(primary());
    fake.fail("/schedules", FOR_EVER, Fault::Endless);
    refusal(&fake, "Nobody's").await;
    assert!(fake.requests().len() < 1000, "{} requests", fake.requests().len());
}

#[tokio::test]
async fn ten_megabytes_of_garbage_are_an_error_of_few_words() {
    let fake = PagerDuty::start(primary());
    fake.fail("/oncalls", FOR_EVER, Fault::Garbage(10_000_000));
    let sentence = refusal(&fake, PRIMARY.0).await;
    assert!(sentence.len() < 2000, "{} bytes of error", sentence.len());
}

#[tokio::test]
async fn a_redirect_is_refused_and_the_key_stays_here() {
    let thief = Raw::truncating("{}");
    for host in ["127.0.0.1", "localhost"] {
        let fake = PagerDuty::start(primary());
        fake.fail("/", FOR_EVER, Fault::Redirect(format!("http://{host}:{}/oncalls", thief.port())));
        let sentence = refusal(&fake, PRIMARY.0).await;
        assert!(sentence.contains("302") || sentence.contains("redirect"), "{sentence}");
    }
    assert_eq!(thief.heads(), Vec::<String>::new(), "the redirect was followed");
}

#[tokio::test]
async fn an_empty_schedule_that_cannot_be_checked_is_an_error() {
    let fake = PagerDuty::start(people().schedule("PIDLE", "Idle"));
    fake.fail("schedules/PIDLE", FOR_EVER, Fault::ScopeLacking);
    fake.fail("/schedules", FOR_EVER, Fault::ScopeLacking);
    let sentence = refusal(&fake, "PIDLE").await;
    assert!(sentence.contains("PIDLE"), "{sentence}");
}

#[tokio::test]
async fn a_schedule_with_shifts_needs_no_right_to_list_schedules() {
    let fake = PagerDuty::start(primary());
    fake.fail("schedules?", FOR_EVER, Fault::ScopeLacking);
    assert_eq!(read_one(&fake, PRIMARY.0, window(24)).await.shifts, [shift(PRIMARY, ALICE, -5, 5)]);
}

#[tokio::test]
async fn names_that_cannot_be_resolved_leave_ids_alone() {
    let fake = PagerDuty::start(primary().schedule("POTHER", "Other").shift("POTHER", BOB.0, at(0), at(1)));
    fake.fail("schedules?", FOR_EVER, Fault::ScopeLacking);
    let mut answer = source(&fake).await.read(&asked([PRIMARY.0, "Other"]), window(24)).await;
    let by_id = answer.remove(&schedule(PRIMARY.0)).expect("an entry for what was asked");
    assert_eq!(shifts_of(&schedule(PRIMARY.0), &by_id), [shift(PRIMARY, ALICE, -5, 5)]);
    let by_name = answer.remove(&schedule("Other")).expect("an entry for what was asked");
    assert!(by_name.is_err(), "{by_name:?}");
}

#[tokio::test]
async fn a_look_up_that_fails_costs_that_person_alone_and_is_said() {
    let world = primary().person_by_reference("PREF", "Ref Erence", "ref@example.com");
    let fake = PagerDuty::start(world.shift(PRIMARY.0, "PREF", at(5), at(9)));
    fake.fail("/users/PREF", FOR_EVER, Fault::ScopeLacking);
    let mut answer = source(&fake).await.read(&asked([PRIMARY.0]), window(24)).await;
    let reading =
        answer.remove(&schedule(PRIMARY.0)).expect("an entry for what was asked").expect("the schedule was read");
    let person = reading.shifts.iter().map(|shift| &shift.person).find(|person| person.id == "PREF").expect("is shown");
    // The planner lets stand what such a person holds, and says that they cannot be served.
    assert_eq!(person.email, None);
    let said = reading.remarks.iter().any(|remark| remark.contains("PREF") && remark.contains("403"));
    assert!(said, "{:?}", reading.remarks);
}

#[tokio::test]
async fn a_failing_batch_does_not_spoil_the_others() {
    let mut world = people();
    let ids: Vec<_> = (0..250).map(|number| format!("PS{number:05}")).collect();
    for id in &ids {
        world = world.schedule(id, &format!("Schedule {id}")).shift(id, BOB.0, at(0), at(1));
    }
    let fake = PagerDuty::start(world);
    fake.fail("PS00123", FOR_EVER, Fault::ScopeLacking);
    let answer = source(&fake).await.read(&asked(ids.iter().map(String::as_str)), window(24)).await;
    assert_eq!(answer.len(), 250);
    assert!(answer[&schedule("PS00123")].is_err(), "its requests failed");
    let read: Vec<_> = answer.values().filter_map(|reading| reading.as_ref().ok()).collect();
    assert!(read.len() >= 100, "only {} of 250 were read", read.len());
    assert!(read.iter().all(|reading| reading.shifts.len() == 1));
}

#[tokio::test]
async fn what_changed_meanwhile_is_read_anew() {
    let fake = PagerDuty::start(primary());
    let source = source(&fake).await;
    let one = asked([PRIMARY.0]);
    let before = source.read(&one, window(24)).await;
    assert_eq!(shifts_of(&schedule(PRIMARY.0), &before[&schedule(PRIMARY.0)]), [shift(PRIMARY, ALICE, -5, 5)]);
    fake.replace(people().schedule(PRIMARY.0, PRIMARY.1).shift(PRIMARY.0, BOB.0, at(-1), at(5)));
    let after = source.read(&one, window(24)).await;
    assert_eq!(shifts_of(&schedule(PRIMARY.0), &after[&schedule(PRIMARY.0)]), [shift(PRIMARY, BOB, -1, 5)]);
}

/// Twenty look-ups one after the other would take ten seconds.
#[tokio::test]
async fn look_ups_overlap() {
    let mut world = people().schedule(PRIMARY.0, PRIMARY.1);
    for number in 0..20 {
        let id = format!("PREF{number}");
        world = world.person_by_reference(&id, "By Reference", "ref@example.com");
        world = world.shift(PRIMARY.0, &id, at(number), at(number) + TimeDelta::hours(1));
    }
    let fake = PagerDuty::start(world.latency(Duration::from_millis(500)));
    let asked_at = Instant::now();
    assert_eq!(read_one(&fake, PRIMARY.0, window(24)).await.shifts.len(), 20);
    assert!(asked_at.elapsed() < Duration::from_secs(5), "took {:?}", asked_at.elapsed());
}
