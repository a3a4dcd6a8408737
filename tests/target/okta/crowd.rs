//! How much is asked: every group is listed once, every person looked up once, and no more at a time than Okta takes.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;

use super::*;

const GROUPS: usize = 50;
const MEMBERS: usize = 1_000;
const PEOPLE: usize = 200;

fn email(number: usize) -> String {
    format!("person.number.{number}@engineering.example.com")
}

/// 50 groups, 1,000 members in the first and 20 in each other, 200 people of whom ten are not indexed yet.
fn crowd() -> World {
    let mut world = World::at(now());
    for number in 0..MEMBERS {
        world = world.user(&user(number), &email(number));
    }
    for number in 0..GROUPS {
        let id = group(number);
        world = world.group(&id, &format!("oncall-team-{number}"));
        for member in 0..if number == 0 { MEMBERS } else { 20 } {
            world.put(&id, &user(member));
        }
    }
    world.manners(|manners| manners.not_indexed = (0..10).map(user).collect())
}

#[tokio::test]
async fn a_large_reading_asks_for_each_thing_once() {
    for key in [false, true] {
        let fake = Okta::start(crowd());
        let toml = if key { fake.toml_with_key(PKCS8, "") } else { fake.toml() };
        let emails: Vec<_> =
            (0..PEOPLE).map(|number| format!("Person.number.{number}@engineering.example.com")).collect();
        let names: Vec<_> = (0..GROUPS).map(|number| format!("oncall-team-{number}")).collect();
        let emails: Vec<_> = emails.iter().map(String::as_str).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let context = context();
        let current = read_by(&toml, context.clone(), &emails, &names).await.expect("a reading");
        assert_eq!((current.accounts.len(), current.grants.len()), (PEOPLE, MEMBERS + (GROUPS - 1) * 20));

        let requests = fake.requests();
        assert_eq!(requests.len() as u64, context.requests(), "every request is counted");
        assert!(
            requests.iter().all(|request| request.status == 200 || request.path.starts_with("/oauth2")),
            "{requests:?}"
        );
        let mut once = BTreeMap::new();
        for request in requests.iter().filter(|request| request.path.starts_with("/api/")) {
            *once.entry((request.path.clone(), request.query.clone())).or_insert(0) += 1;
        }
        assert!(once.values().all(|times| *times == 1), "nothing is asked twice");
        let (members, batches) = (
            requests
                .iter()
                .filter(|request| request.path.ends_with("/users") && request.path.contains("/groups/"))
                .count(),
            requests.iter().filter(|request| request.path == "/api/v1/users").count(),
        );
        let (direct, others) = (fake.count("GET", "/api/v1/users/"), requests.len());
        let longest = requests.iter().map(|request| request.length).max().expect("some");
        assert_eq!(direct, 10, "only who was not found is asked for directly");
        // One of the groups is five pages long.
        assert_eq!((members, batches), (GROUPS - 1 + 5, 8), "pages of members, searches for people");
        // The groups by their names, and their rules; for a service app its token, with and without a nonce.
        assert_eq!(others, members + batches + direct + 2 + 1 + if key { 2 } else { 0 }, "requests in all");
        assert!(longest <= 8_000, "{longest} bytes of path and query");
        let how = if key { "key" } else { "token" };
        // Shown where it fails, and with --nocapture.
        #[expect(clippy::disallowed_macros, reason = "the numbers are for people")]
        {
            println!(
                "{how}: {others} requests: {members} pages of members, {batches} searches, {direct} direct, longest {longest} bytes"
            );
        }
    }
}

/// 35 is what the free plan takes; each grant is two looks and one change.
#[tokio::test]
async fn no_more_is_under_way_than_the_free_plan_takes() {
    let world = crowd().manners(|manners| (manners.concurrent, manners.latency) = (35, Duration::from_millis(30)));
    let fake = Okta::start(world.group(&group(99), "empty"));
    let target = connect(&fake).await;
    let entitlement = Entitlement { id: group(99).as_str().into(), name: "empty".into() };
    let grants: Vec<_> = (0..100)
        .map(|number| {
            let access = Access { account: user(number).as_str().into(), entitlement: entitlement.clone() };
            Grant { access, email: Email::new(&email(number)), period: shift(8) }
        })
        .collect();
    target.read(&asked(&[], &["empty"])).await.expect("a reading");
    fake.forget();
    let made = join_all(grants.iter().map(|grant| target.grant(grant))).await;
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    assert!(fake.widest() <= 35, "{} at a time", fake.widest());
    assert_eq!((fake.requests().len(), fake.members(&group(99)).len()), (300, 100));
}

/// After a reading, as in every run; what we have put there ourselves is no request more, and no error.
#[tokio::test]
async fn a_grant_is_two_looks_and_a_change_and_a_revocation_is_one() {
    let fake = Okta::start(world());
    let target = connect(&fake).await;
    target.read(&asked(&[ALICE], &[GROUP])).await.expect("a reading");
    fake.forget();
    let id = target.grant(&wanted(1, ALICE)).await.expect("the grant is made");
    assert_eq!((fake.count("PUT", ""), fake.requests().len()), (1, 3));
    target.grant(&wanted(1, ALICE)).await.expect("it is held");
    assert_eq!(fake.requests().len(), 3, "{:?}", fake.requests());
    fake.forget();
    for _ in 0..2 {
        target.revoke(&contract::owned(&id, &wanted(1, ALICE))).await.expect("it is taken back");
    }
    assert_eq!((fake.count("DELETE", ""), fake.requests().len()), (2, 2));
}
