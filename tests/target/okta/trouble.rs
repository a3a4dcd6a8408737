//! A service that fails, refuses, loses replies, lies about its pages, or has lost what we ask about.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use oncall_sync::domain::Owned;
use oncall_sync::net::Clock;
use tokio::time::Instant;

use super::contract::owned;
use super::*;
use crate::fakes::gate::Loss;

/// Of the one group.
const MEMBERS: &str = "00gfake0000000000001/users";

fn ours(person: usize, email: &str) -> Owned {
    owned(&id(person), &wanted(person, email))
}

#[tokio::test]
async fn a_passing_failure_is_tried_again() {
    let faults = [
        Fault::Html(502),
        Fault::Html(503),
        Fault::Html(504),
        Fault::RateLimited { seconds: 1 },
        Fault::TooManyAtOnce,
        Fault::Lost(Loss::After(0)),
    ];
    let waited_out = faults.map(async |fault| {
        let fake = Okta::start(world().member(&group(1), &user(2)));
        for needle in ["/api/v1/users?", "/api/v1/groups?", MEMBERS] {
            fake.fail(needle, 1, fault.clone());
        }
        let current = read(&fake).await.unwrap_or_else(|error| panic!("{fault:?}: {error:#}"));
        assert_eq!((current.accounts.len(), current.grants.len()), (1, 1), "{fault:?}");
        assert!(fake.is_spent(), "{fault:?}");
    });
    join_all(waited_out).await;
}

/// Both are idempotent: what is not known to have been done is done again.
#[tokio::test]
async fn a_change_whose_reply_was_lost_is_no_failure() {
    let faults = [
        Fault::Lost(Loss::After(0)),
        Fault::Lost(Loss::After(20)),
        Fault::DoneBut(503),
        Fault::DoneBut(504),
        Fault::Html(503),
        Fault::RateLimited { seconds: 1 },
    ];
    let waited_out = faults.map(async |fault| {
        let fake = Okta::start(world());
        let target = connect(&fake).await;
        fake.fail_at("PUT", "", 1, fault.clone());
        assert_eq!(target.grant(&wanted(1, ALICE)).await.expect("it is made"), id(1), "{fault:?}");
        assert_eq!(fake.members(&group(1)), [user(1)], "{fault:?}");
        fake.fail_at("DELETE", "", 1, fault.clone());
        target.revoke(&ours(1, ALICE)).await.expect("it is taken back");
        assert_eq!(fake.members(&group(1)), [""; 0], "{fault:?}");
    });
    join_all(waited_out).await;
}

#[tokio::test]
async fn what_is_gone_is_taken_back_already() {
    type Happens = fn(&mut World);
    let events: [(&str, Happens); 5] = [
        ("the account is deleted", |world| world.delete_user(&user(1))),
        ("the account is deactivated", |world| world.set_status(&user(1), Status::Deprovisioned)),
        ("the group is deleted", |world| world.delete_group(&group(1))),
        ("both are deleted", |world| {
            world.delete_user(&user(1));
            world.delete_group(&group(1));
        }),
        ("somebody took it away", |world| world.take(&group(1), &user(1))),
    ];
    for (what, happens) in events {
        let fake = Okta::start(world());
        let target = connect(&fake).await;
        target.grant(&wanted(1, ALICE)).await.expect("the grant is made");
        fake.change(happens);
        target.revoke(&ours(1, ALICE)).await.unwrap_or_else(|error| panic!("{what}: {error:#}"));
        let by_ownership = contract::asked(&[], &[]);
        let owned = oncall_sync::target::Asked { owned: [wanted(1, ALICE).access].into(), ..by_ownership };
        let current = connect(&fake).await.read(&owned).await.unwrap_or_else(|error| panic!("{what}: {error:#}"));
        assert_eq!(current.grants, [], "{what}");
    }
}

/// Only Okta's own 404 says that something is gone; a proxy's says that nobody was asked.
#[tokio::test]
async fn somebody_else_s_404_takes_nothing_back() {
    let fake = Okta::start(world().member(&group(1), &user(1)));
    fake.fail_at("DELETE", "", usize::MAX, Fault::Html(404));
    told(&fake, connect(&fake).await.revoke(&ours(1, ALICE)).await);
    assert_eq!(fake.members(&group(1)), [user(1)]);
}

/// Nor is Okta's own believed against its own list: what may not be seen is answered the same way.
#[tokio::test]
async fn a_404_for_somebody_who_is_still_listed_takes_nothing_back() {
    let fake = Okta::start(world().member(&group(1), &user(1)));
    let missing = "Not found: Resource not found: 00ufake (User)";
    fake.fail_at("DELETE", "", usize::MAX, Fault::Error(404, "E0000007", missing));
    let error = told(&fake, connect(&fake).await.revoke(&ours(1, ALICE)).await);
    assert!([ALICE, GROUP, "still"].iter().all(|part| error.contains(part)), "{error}");
}

#[tokio::test]
async fn what_is_gone_cannot_be_given() {
    let fake = Okta::start(world());
    let target = connect(&fake).await;
    fake.change(|world| world.delete_user(&user(1)));
    let error = told(&fake, target.grant(&wanted(1, ALICE)).await);
    assert!([ALICE, GROUP, "E0000007", "Resource not found"].iter().all(|part| error.contains(part)), "{error}");
    fake.change(|world| world.delete_group(&group(1)));
    told(&fake, target.grant(&wanted(2, BOB)).await);
}

/// What Okta's support asks for: code, summary, and the request's id.
#[tokio::test]
async fn a_refusal_is_told_with_code_summary_and_request_id() {
    let fake = Okta::start(world());
    let target = connect(&fake).await;
    fake.fail_at("PUT", "", 1, Fault::Forbidden);
    let error = told(&fake, target.grant(&wanted(1, ALICE)).await);
    let expected = ["E0000006", "You do not have permission to perform the requested action", "fake000", ALICE, GROUP];
    assert!(expected.iter().all(|part| error.contains(part)), "{error}");
    fake.fail_at(
        "DELETE",
        "",
        1,
        Fault::Error(403, "E0000038", "This operation is not allowed in the user's current status."),
    );
    let error = told(&fake, target.revoke(&ours(1, ALICE)).await);
    assert!(["E0000038", "not allowed", "fake000", ALICE, GROUP].iter().all(|part| error.contains(part)), "{error}");
    for needle in ["/api/v1/users?", "/api/v1/groups?", MEMBERS] {
        let fake = Okta::start(world());
        fake.fail(needle, usize::MAX, Fault::Error(400, "E0000001", "Api validation failed: limit"));
        let outcome = read(&fake).await;
        let error = match outcome {
            Ok(mut current) => current.entitlements.remove(GROUP).expect("an answer").expect_err(needle),
            Err(_) => told(&fake, outcome),
        };
        assert!(
            ["E0000001", "Api validation failed: limit", "fake000"].iter().all(|part| error.contains(part)),
            "{error}"
        );
        let refused = fake.requests().iter().filter(|request| request.status == 400).count();
        assert!(refused <= 2, "what cannot pass is not tried again");
    }
}

/// Okta refuses what it finds too complex, and does not say from where on that is.
#[tokio::test]
async fn a_search_that_is_refused_as_too_complex_is_made_simpler_or_an_error() {
    let refused = Fault::Error(400, "E0000031", "Invalid search criteria.");
    for times in [1, 2] {
        let fake = Okta::start(world());
        fake.fail("/api/v1/users?", times, refused.clone());
        let current = read_by(&fake.toml(), context(), &[ALICE, BOB, CAROL], &[]).await.expect("asked for in parts");
        assert_eq!(current.accounts.len(), 3, "{times}");
    }
    for needle in ["/api/v1/users?", "/api/v1/groups?search"] {
        let fake = Okta::start(world());
        fake.fail(needle, usize::MAX, refused.clone());
        let error = told(&fake, read_by(&fake.toml(), context(), &[ALICE, BOB, CAROL], &[GROUP]).await);
        assert!(error.contains("E0000031"), "{error}");
        assert!(fake.requests().len() < 30, "{}", fake.requests().len());
    }
}

#[tokio::test]
async fn a_person_who_cannot_be_looked_up_is_no_person_without_account() {
    let fake = Okta::start(world());
    fake.change(|world| world.manners.not_indexed.insert(user(1)));
    fake.fail("/api/v1/users/", usize::MAX, Fault::Forbidden);
    let error = told(&fake, read(&fake).await);
    assert!(error.contains("E0000006"), "an empty answer would take back what she holds: {error}");
}

#[tokio::test]
async fn a_token_revoked_in_mid_run_is_an_error_at_once() {
    let fake = Okta::start(world());
    let target = connect(&fake).await;
    target.grant(&wanted(1, ALICE)).await.expect("the grant is made");
    fake.fail("", usize::MAX, Fault::InvalidToken);
    let before = fake.requests().len();
    let error = told(&fake, target.grant(&wanted(2, BOB)).await);
    assert!(error.contains("E0000011") && error.contains("api_token"), "{error}");
    assert!(fake.requests().len() - before <= 2, "what cannot pass is not tried again");
}

/// Its clock an hour ahead of ours, and an hour behind: the reset is by its own.
#[tokio::test]
async fn a_rate_limit_is_waited_out_by_okta_s_own_clock() {
    let waited_out = [1, -1].map(async |hours| {
        let fake = Okta::start(world());
        fake.ahead(TimeDelta::hours(hours));
        fake.fail("/api/v1/", 1, Fault::RateLimited { seconds: 3 });
        let start = Instant::now();
        read(&fake).await.expect("a reading");
        assert!(
            (Duration::from_millis(1500)..Duration::from_secs(12)).contains(&start.elapsed()),
            "{:?}",
            start.elapsed()
        );
    });
    join_all(waited_out).await;
}

#[tokio::test]
async fn a_limit_reached_for_real_is_waited_out() {
    let crowd = (4..8).fold(world(), |world, number| world.user(&user(number), &format!("p{number}@example.com")));
    let fake = Okta::start(crowd.manners(|manners| manners.rate = (3, TimeDelta::seconds(2))));
    let target = connect(&fake).await;
    for (person, email) in [(1, ALICE), (2, BOB), (4, "p4@example.com")] {
        target.grant(&wanted(person, email)).await.expect("the grant is made, sooner or later");
    }
    assert!(fake.requests().iter().any(|request| request.status == 429));
    let refused = fake.requests().iter().filter(|request| request.status == 429).count();
    assert!(refused <= 4, "nobody knocks on while the door is shut: {refused}");
}

#[tokio::test]
async fn a_rate_limit_that_resets_after_the_deadline_is_an_error() {
    let fake = Okta::start(world());
    fake.fail("", usize::MAX, Fault::RateLimited { seconds: 3600 });
    let error = told(&fake, read(&fake).await);
    assert!(error.contains("deadline"), "{error}");
}

#[tokio::test]
async fn a_listing_that_goes_in_circles_is_an_error() {
    for needle in ["/api/v1/users?", "/api/v1/groups?", MEMBERS] {
        let fake = Okta::start(world().member(&group(1), &user(1)).member(&group(1), &user(2)));
        fake.change(|world| world.manners.page_size = 1);
        fake.fail(needle, usize::MAX, Fault::Endless);
        let outcome = read(&fake).await;
        let spoiled = match &outcome {
            Ok(current) => current.entitlements[GROUP].is_err(),
            Err(error) => !format!("{error:#}").contains("deadline"),
        };
        assert!(spoiled, "{needle}: noticed before the deadline: {outcome:?}");
    }
}

/// A next page elsewhere would get the token.
#[tokio::test]
async fn a_page_elsewhere_is_not_fetched() {
    let (fake, stranger) =
        (Okta::start(world().member(&group(1), &user(1)).member(&group(1), &user(2))), Okta::start(world()));
    fake.change(|world| world.manners.page_size = 1);
    for toml in [fake.toml(), fake.toml_with_key(PKCS8, "")] {
        fake.fail(MEMBERS, 1, Fault::NextAt(format!("{}/api/v1/groups/{}/users?after=x", stranger.url(), group(1))));
        let outcome = read_by(&toml, context(), &[ALICE], &[GROUP]).await;
        let spoiled =
            outcome.as_ref().is_err() || outcome.as_ref().is_ok_and(|current| current.entitlements[GROUP].is_err());
        assert!(spoiled, "half a list is no list: {outcome:?}");
        assert!(fake.is_spent());
    }
    assert_eq!(stranger.requests(), [], "nothing was sent there");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (fake, stranger) = (Okta::start(world()), Okta::start(world()));
    fake.fail("", usize::MAX, Fault::Redirect(stranger.url()));
    told(&fake, read(&fake).await);
    assert_eq!(stranger.requests(), []);
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_an_error() {
    for body in ["", "x", "{}", "null", "[null]", "[{}]", "[{\"id\":7}]", "[{\"id\":\"\"}]"] {
        for needle in ["/api/v1/users?", MEMBERS] {
            let fake = Okta::start(world().member(&group(1), &user(1)));
            fake.fail(needle, usize::MAX, Fault::Says(200, body.to_owned()));
            let outcome = read(&fake).await;
            let spoiled = match &outcome {
                Ok(current) => current.entitlements[GROUP].is_err(),
                Err(_) => !told(&fake, outcome).contains("deadline"),
            };
            assert!(spoiled, "{needle} {body}");
        }
    }
}

#[tokio::test]
async fn an_error_page_that_echoes_the_token_does_not_show_it() {
    let fake = Okta::start(world());
    let page = format!("{{\"errorCode\":\"E0000001\",\"errorSummary\":\"not {API_TOKEN}\"}}");
    fake.fail("", usize::MAX, Fault::Says(400, page));
    let error = told(&fake, read(&fake).await);
    assert!(error.contains("not ***"), "{error}");
}

#[tokio::test]
async fn a_service_that_is_away_is_named_and_an_error_in_time() {
    let fake = Okta::start(world());
    let target = connect(&fake).await;
    fake.fail("", 1, Fault::Gone);
    let run = Context::new(Clock::new(now()), Instant::now() + Duration::from_secs(3));
    let error = told(&fake, read_by(&fake.toml(), run, &[ALICE], &[GROUP]).await);
    assert!(error.contains(fake.url().trim_start_matches("http://")), "{error}");
    fake.heal();
    target.grant(&wanted(1, ALICE)).await.expect("it is back");
}

#[tokio::test]
async fn a_grant_is_not_made_where_okta_does_not_keep_the_members() {
    let fake = Okta::start(world().group_of(&group(1), GROUP, Kind::App));
    let error = told(&fake, connect(&fake).await.grant(&wanted(1, ALICE)).await);
    assert!(error.contains("E0000006") && error.contains(GROUP), "{error}");
}
