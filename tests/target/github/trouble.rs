//! A service that limits, refuses, loses replies, breaks off, or is somebody else.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::*;
use crate::fakes::gate::Loss;
use crate::fakes::github::{BEYOND_APP, NO_ADMIN, SECONDARY};

/// Well under every pause that is asked for where none must be made, and over what a loaded machine takes.
const AT_ONCE: Duration = Duration::from_secs(8);

#[tokio::test]
async fn a_passing_limit_is_waited_out_wherever_it_comes() {
    let limits = [
        Fault::Secondary { status: 403, retry_after: Some(1) },
        Fault::Secondary { status: 429, retry_after: Some(1) },
        Fault::Primary { status: 403, reset: 1 },
        Fault::Primary { status: 429, reset: 1 },
    ];
    // Side by side, for each is waited out.
    let waited_out = limits.map(async |limit| {
        let fake = GitHub::start(with_saml());
        let target = connect(&fake).await;
        for needle in ["", "/graphql", "PUT", "DELETE"] {
            fake.fail(needle, 1, limit.clone());
        }
        let current = target.read(&asked(&[ALICE], &[TEAM])).await.expect("a reading");
        assert_eq!(ids(&current), ["1"], "{limit:?}");
        let wanted = grant("1", ALICE, &team(&current, TEAM));
        let id = target.grant(&wanted).await.expect("given at the second attempt");
        assert_eq!(fake.count("PUT"), 2, "{limit:?}");
        target.revoke(&owned(&id, &wanted)).await.expect("taken back at the second attempt");
        assert_eq!(fake.count("DELETE"), 2, "{limit:?}");
        assert_eq!(fake.events(), ["added alice-gh in oncall-dba", "removed alice-gh from oncall-dba"], "{limit:?}");
    });
    join_all(waited_out).await;
}

/// The reset is in the service's own time, which may be far from ours.
#[tokio::test]
async fn a_limits_end_is_taken_by_the_clock_of_whoever_set_it() {
    let waited_out = [TimeDelta::days(40), TimeDelta::days(-40)].map(async |ahead| {
        let fake = GitHub::start(with_saml());
        fake.set_clock(now() + ahead);
        fake.fail("/graphql", 1, Fault::Primary { status: 403, reset: 2 });
        let start = Instant::now();
        let current = read(&fake, &[ALICE], &[TEAM]).await;
        assert_eq!(ids(&current), ["1"]);
        assert!((Duration::from_secs(1)..AT_ONCE).contains(&start.elapsed()), "{ahead}: {:?}", start.elapsed());
    });
    join_all(waited_out).await;
}

#[tokio::test]
async fn a_limit_of_graphql_comes_with_status_200_and_is_waited_out() {
    let fake = GitHub::start(with_saml());
    fake.fail("/graphql", 1, Fault::GraphQlLimit { reset: 1 });
    let current = read(&fake, &[ALICE], &[TEAM]).await;
    assert_eq!(ids(&current), ["1"]);
    assert!(fake.is_spent());
}

#[tokio::test]
async fn a_limit_that_outlasts_the_run_is_an_error_at_once() {
    // How long each asks to wait: the second in which the hour begins anew has to end. "Otherwise, wait for at least one
    // minute": the run of a test has half of that.
    let limits = [403, 429].into_iter().flat_map(|status| {
        [
            (Fault::Primary { status, reset: 3600 }, 3601),
            (Fault::Secondary { status, retry_after: Some(3600) }, 3600),
            (Fault::Secondary { status, retry_after: None }, 60),
        ]
    });
    for (limit, seconds) in limits {
        // With the headers of the hour, which has requests left in a secondary limit, and without any.
        for world in [with_saml(), world().on_server().verified_email(1, ALICE)] {
            let fake = GitHub::start(world);
            let wanted = grant("1", ALICE, &entitlement(&fake).await);
            for needle in ["", "PUT"] {
                fake.forget();
                fake.fail(needle, usize::MAX, limit.clone());
                let start = Instant::now();
                let told = told(connect(&fake).await.grant(&wanted).await);
                let asks = format!("it asks to wait {seconds} s, which is longer than `deadline`");
                assert!(told.contains(&asks), "{limit:?}: {told}");
                assert!(start.elapsed() < AT_ONCE, "{limit:?}");
                assert!(fake.count("PUT") <= 1, "a limit is not run against: {limit:?}");
                fake.heal();
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_is_shown_at_once_with_its_words() {
    for message in [BEYOND_APP, NO_ADMIN, "Resource protected by organization SAML enforcement."] {
        let fake = GitHub::start(with_saml());
        let wanted = grant("1", ALICE, &entitlement(&fake).await);
        fake.fail("PUT", usize::MAX, Fault::Forbidden(message));
        let start = Instant::now();
        let said = told(connect(&fake).await.grant(&wanted).await);
        assert!(said.contains(message), "{said}");
        assert!(said.contains(ALICE) && said.contains(TEAM), "to whom and where: {said}");
        assert_eq!(fake.count("PUT"), 1, "what cannot pass is not tried again");
        assert!(start.elapsed() < AT_ONCE);

        let fake = GitHub::start(with_saml());
        fake.fail("", usize::MAX, Fault::Forbidden(message));
        let said = told(read_by(&fake.toml(), &[ALICE], &[TEAM]).await);
        assert!(said.contains(message), "{said}");
        assert!(!said.contains(SECONDARY) && !said.contains("deadline"), "a refusal is no limit: {said}");
    }
}

#[tokio::test]
async fn a_refusal_in_graphql_is_no_empty_reading() {
    for kind in ["FORBIDDEN", "INSUFFICIENT_SCOPES", "NOT_FOUND", "SERVICE_UNAVAILABLE"] {
        let fake = GitHub::start(with_saml().in_team(TEAM_ID, 1, Role::Member));
        let toml = with_logins(&fake.toml(), &[(ALICE, "alice-gh")]);
        fake.fail("/graphql", usize::MAX, Fault::GraphQl(kind, "These are the reasons."));
        match read_by(&toml, &[ALICE], &[TEAM]).await {
            Ok(current) => {
                let said = current.entitlements[TEAM].clone().expect_err("unread, so unresolved");
                assert!(said.contains("These are the reasons."), "{kind}: {said}");
            }
            Err(error) => {
                let said = told(Err::<(), _>(error));
                assert!(said.contains("These are the reasons."), "{kind}: {said}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_taken_back_in_mid_run_is_named() {
    let fake = GitHub::start(with_saml());
    let wanted = grant("1", ALICE, &entitlement(&fake).await);
    fake.fail("", usize::MAX, Fault::BadCredentials);
    let said = told(connect(&fake).await.grant(&wanted).await);
    assert!(said.to_lowercase().contains("token"), "{said}");
    fake.heal();
    fake.forget();
    fake.fail("PUT", usize::MAX, Fault::BadCredentials);
    told(connect(&fake).await.grant(&wanted).await);
    assert_eq!(fake.count("PUT"), 1);
}

#[tokio::test]
async fn a_passing_failure_is_tried_again() {
    for fault in [Fault::Html(502), Fault::Html(503), Fault::Html(504), Fault::Lost(Loss::After(3))] {
        let fake = GitHub::start(with_saml());
        fake.fail("", 1, fault.clone());
        fake.fail("/graphql", 1, fault.clone());
        assert_eq!(ids(&read(&fake, &[ALICE], &[TEAM]).await), ["1"], "{fault:?}");
        assert!(fake.is_spent());
    }
}

#[tokio::test]
async fn a_change_whose_reply_was_lost_is_made_once_and_recognised() {
    let faults = [Fault::DoneBut(502), Fault::DoneBut(503), Fault::Lost(Loss::After(0)), Fault::Html(503)];
    let waited_out = faults.map(async |fault| {
        for absent in [204, 404] {
            let fake = GitHub::start(with_saml().with(|world| world.absent = absent));
            let target = connect(&fake).await;
            let wanted = grant("1", ALICE, &entitlement(&fake).await);
            fake.fail("PUT", 1, fault.clone());
            let id = target.grant(&wanted).await.expect("made, and found");
            fake.fail("DELETE", 1, fault.clone());
            target.revoke(&owned(&id, &wanted)).await.expect("taken back");
            assert_eq!(
                fake.events(),
                ["added alice-gh in oncall-dba", "removed alice-gh from oncall-dba"],
                "{fault:?}"
            );
        }
    });
    join_all(waited_out).await;
}

#[tokio::test]
async fn a_listing_that_never_ends_is_an_error() {
    let fake = GitHub::start(with_saml().in_team(TEAM_ID, 1, Role::Member));
    fake.fail("", usize::MAX, Fault::Endless);
    let start = Instant::now();
    told(read_by(&fake.toml(), &[ALICE], &[TEAM]).await);
    assert!(start.elapsed() < AT_ONCE, "noticed before the deadline");
}

/// It is no limit of the hour, so its headers may say nothing of when to come again.
#[tokio::test]
async fn a_secondary_limit_of_graphql_is_one_as_well() {
    let fake = GitHub::start(with_saml());
    fake.fail("/graphql", usize::MAX, Fault::Says(200, serde_json::json!({ "errors": [{ "message": SECONDARY }] })));
    let said = told(read_by(&fake.toml(), &[ALICE], &[TEAM]).await);
    assert!(said.contains("it asks to wait 60 s") && fake.count("/graphql") <= 2, "{said}");
}

/// The pages of such a list would be asked for all at once.
#[tokio::test]
async fn a_list_of_more_people_than_there_are_is_an_error_at_once() {
    let fake = GitHub::start(world().enterprise("acme-inc").scim("zoe", &["zoe@example.com"], true));
    let page = serde_json::json!({ "totalResults": 100_001, "Resources": [{ "userName": "zoe" }] });
    fake.fail("/scim/", 1, Fault::Says(200, page));
    let toml = format!("enterprise = \"acme-inc\"\n{}", fake.toml());
    let said = told(read_by(&toml, &[ALICE], &[TEAM]).await);
    assert!(said.contains("100001 SCIM users") && fake.count("/scim/") == 1, "{said}");
}

#[tokio::test]
async fn an_answer_that_is_not_githubs_is_an_error() {
    for fault in [Fault::Garbage(2_000), Fault::Says(200, serde_json::json!({"hello": "world"})), Fault::Html(418)] {
        let fake = GitHub::start(with_saml());
        fake.fail("", usize::MAX, fault.clone());
        let said = told(read_by(&fake.toml(), &[ALICE], &[TEAM]).await);
        assert!(said.contains("127.0.0.1"), "it says who answered so: {fault:?}: {said}");
        assert!(said.len() < 1_500, "{said}");
    }
}

#[tokio::test]
async fn a_missing_page_is_no_empty_one() {
    for needle in ["/graphql", "/orgs/", "/organizations/"] {
        let fake = GitHub::start(with_saml().in_team(TEAM_ID, 1, Role::Member).with(|world| world.page_limit = 1));
        fake.fail_after(needle, 1, usize::MAX, Fault::NotFound);
        // Whatever is asked for twice must not end in half an answer.
        if let Ok(current) = read_by(&fake.toml(), &[ALICE, BOB], &[TEAM]).await {
            let unread = |email: &str| ids(&current).len() == 2 || current.absent.contains_key(&Email::new(email));
            assert!(unread(ALICE) && unread(BOB), "{needle}: {current:?}");
            assert!(current.entitlements[TEAM].is_err() || current.grants.len() == 1, "{needle}: {current:?}");
        }
    }
}

#[tokio::test]
async fn the_token_goes_nowhere_else() {
    let elsewhere = GitHub::start(with_saml());
    let fake = GitHub::start(with_saml());
    fake.fail("", usize::MAX, Fault::Redirect(elsewhere.url()));
    told(read_by(&fake.toml(), &[ALICE], &[TEAM]).await);
    assert_eq!(elsewhere.requests(), []);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_named() {
    let fake = GitHub::start(with_saml());
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let nobody = format!("http://127.0.0.1:{port}");
    let said = told(read_by(&fake.toml().replace(&fake.url(), &nobody), &[ALICE], &[TEAM]).await);
    assert!(said.contains(&format!("127.0.0.1:{port}")), "{said}");
}
