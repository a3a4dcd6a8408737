//! What is held: strangers' grants, odd times, and a service that allows one grant for an access.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use oncall_sync::domain::{Held, Owned, Period};
use oncall_sync::target::{Asked, Occupied};
use tonic::Code;

use super::*;
use crate::target::contract::{access, asked, now, owned, reading, shift};

/// What the database's grants look like.
async fn held(fake: &Fake) -> Vec<Held> {
    reading(&config(&fake.toml()), &asked(&[], &[DATABASE])).await.grants
}

/// Alice's grant of eight hours, made by our hand.
async fn given(fake: &Fake) -> Owned {
    let wanted = wanted(shift(8));
    let id = connect(fake).await.grant(&wanted).await.expect("the grant is made");
    owned(&id, &wanted)
}

/// Two hours, tomorrow.
fn later() -> Period {
    let start = now() + TimeDelta::days(1);
    Period::new(start, start + TimeDelta::hours(2)).expect("not empty")
}

#[tokio::test]
async fn grants_of_access_requests_are_foreign() {
    let fake = start(|_| {});
    let workflow = fake.change(|world| world.give("a-1", "rs-1", Some(shift(8).end())));
    fake.change(|world| world.grants[0].request = "aq-1".to_owned());
    let other = fake.change(|world| world.give("a-2", "rs-1", Some(shift(8).end())));
    let foreign: Vec<_> = held(&fake).await.into_iter().map(|held| (held.id.0, held.foreign)).collect();
    assert_eq!(foreign, [(workflow, true), (other, false)]);
}

#[tokio::test]
async fn no_time_and_the_epoch_are_the_same() {
    for sends_epoch in [false, true] {
        let fake = start(|manners| manners.sends_epoch = sends_epoch);
        fake.change(|world| world.give("a-1", "rs-1", None));
        let held = held(&fake).await;
        assert_eq!(held.len(), 1);
        assert_eq!((held[0].from, held[0].until), (None, None), "epoch: {sends_epoch}");
    }
}

#[tokio::test]
async fn what_is_owned_on_a_vanished_resource_is_shown_and_can_be_taken_back() {
    let fake = start(|_| {});
    let ours = given(&fake).await;
    fake.change(|world| world.resources.clear());
    let owned = BTreeSet::from([access("a-1", "rs-1", DATABASE)]);
    let current = reading(&config(&fake.toml()), &Asked { owned, ..Asked::default() }).await;
    let ids: Vec<_> = current.grants.iter().map(|held| &held.id).collect();
    assert_eq!(ids, Vec::from_iter(&ours.id));
    connect(&fake).await.revoke(&ours).await.expect("taken back");
    assert_eq!(fake.grants(), []);
}

#[tokio::test]
async fn what_has_expired_can_be_taken_back() {
    for shows_expired in [false, true] {
        let fake = start(|manners| manners.shows_expired = shows_expired);
        let ours = given(&fake).await;
        fake.change(|world| world.clock.0 += TimeDelta::hours(9));
        connect(&fake).await.revoke(&ours).await.expect("what has ended is success");
    }
}

#[tokio::test]
async fn another_window_can_be_granted_where_grants_may_be_many() {
    for several in [Several::Any, Several::Disjoint] {
        let fake = start(|manners| manners.several = several);
        let first = given(&fake).await;
        let second = connect(&fake).await.grant(&wanted(later())).await.expect("the grant is made");
        assert_ne!(first.id, Some(second));
        assert_eq!(fake.grants().len(), 2, "{several:?}");
    }
}

#[tokio::test]
async fn another_window_is_occupied_where_an_access_has_one_grant() {
    for sends_details in [false, true] {
        let fake = start(|manners| {
            manners.several = Several::One;
            manners.sends_details = sends_details;
        });
        given(&fake).await;
        let error = connect(&fake).await.grant(&wanted(later())).await.expect_err("there is no room");
        assert!(error.downcast_ref::<Occupied>().is_some() || error.chain().any(|cause| cause.is::<Occupied>()));
        assert!(told::<()>(Err(error)).contains(ALICE), "it says whose access it is");
        assert_eq!(fake.grants().len(), 1, "what is there stays");
    }
}

#[tokio::test]
async fn a_strangers_grant_in_the_way_stays() {
    for several in [Several::Disjoint, Several::One] {
        let fake = start(|manners| manners.several = several);
        fake.change(|world| world.give("a-1", "rs-1", None));
        let before = fake.grants();
        let error = connect(&fake).await.grant(&wanted(shift(8))).await.expect_err("there is no room");
        assert!(error.downcast_ref::<Occupied>().is_some() || error.chain().any(|cause| cause.is::<Occupied>()));
        assert_eq!(fake.grants(), before, "{several:?}");
    }
}

#[tokio::test]
async fn a_move_where_there_is_room_for_one() {
    for several in [Several::Disjoint, Several::One] {
        let fake = start(|manners| manners.several = several);
        let ours = given(&fake).await;
        let id = connect(&fake).await.amend(&ours, &wanted(shift(10))).await.expect("moved");
        let grants = fake.grants();
        assert_eq!(grants.len(), 1);
        assert_eq!((&grants[0].id, grants[0].until), (&id.0, Some(shift(10).end())), "{several:?}");
    }
}

#[tokio::test]
async fn a_move_outlives_a_passing_failure_between_delete_and_create() {
    let fake = start(|manners| manners.several = Several::One);
    let ours = given(&fake).await;
    let create = "AccountGrants.Create";
    fake.trouble(Trouble::new(create, Fault::Refuse(Code::Unavailable)).after("AccountGrants.Delete"));
    connect(&fake).await.amend(&ours, &wanted(shift(10))).await.expect("moved");
    let ends: Vec<_> = fake.grants().into_iter().map(|grant| grant.until).collect();
    assert_eq!(ends, [Some(shift(10).end())]);
}

#[tokio::test]
async fn a_move_that_fails_for_good_restores_what_was_there() {
    for code in [Code::FailedPrecondition, Code::PermissionDenied, Code::InvalidArgument] {
        let fake = start(|manners| manners.several = Several::One);
        let ours = given(&fake).await;
        let trouble = Trouble::new("AccountGrants.Create", Fault::Refuse(code)).times(usize::MAX);
        fake.trouble(trouble.after("AccountGrants.Delete").ending(shift(10).end()));
        told(connect(&fake).await.amend(&ours, &wanted(shift(10))).await);
        let grants = fake.grants();
        assert_eq!(grants.len(), 1, "{code:?}");
        assert_eq!(grants[0].until, Some(shift(8).end()), "{code:?}");
        assert!(grants[0].is_live(fake.change(|world| world.now())), "it holds again at once, {code:?}");
    }
}

#[tokio::test]
async fn a_move_that_cannot_even_restore_says_so() {
    let fake = start(|manners| manners.several = Several::One);
    let ours = given(&fake).await;
    let trouble = Trouble::new("AccountGrants.Create", Fault::Refuse(Code::FailedPrecondition)).times(usize::MAX);
    fake.trouble(trouble.after("AccountGrants.Delete"));
    let told = told(connect(&fake).await.amend(&ours, &wanted(shift(10))).await);
    assert!(told.contains(ALICE), "it says who is without access now: {told}");
}

#[tokio::test]
async fn a_move_that_is_refused_changes_nothing() {
    let fake = start(|manners| manners.several = Several::Any);
    let ours = given(&fake).await;
    let before = fake.grants();
    fake.trouble(Trouble::new("AccountGrants.Create", Fault::Refuse(Code::PermissionDenied)).times(usize::MAX));
    told(connect(&fake).await.amend(&ours, &wanted(shift(10))).await);
    assert_eq!(fake.grants(), before);
}

#[tokio::test]
async fn a_grant_that_is_refused_says_whose_it_was() {
    let fake = start(|manners| manners.refuses_suspended = true);
    let access = access("a-3", "rs-1", DATABASE);
    let wanted = Grant { access, email: Email::new(CAROL), period: shift(8) };
    let told = told(connect(&fake).await.grant(&wanted).await);
    assert!(told.contains(CAROL) && told.contains(DATABASE), "{told}");
}

#[tokio::test]
async fn sixty_grants_at_once() {
    let world = world().manners(|manners| manners.latency = Duration::from_millis(50));
    let fake =
        StrongDm::start((0..60).fold(world, |world, number| world.user(&format!("a-x{number}"), &email(number))));
    let target = connect(&fake).await;
    let wanted: Vec<_> = (0..60)
        .map(|number| Grant {
            access: access(&format!("a-x{number}"), "rs-1", DATABASE),
            email: Email::new(&email(number)),
            period: shift(8),
        })
        .collect();
    let ids = join_all(wanted.iter().map(|wanted| target.grant(wanted))).await;
    let ids: BTreeSet<_> = ids.into_iter().map(|id| id.expect("the grant is made").0).collect();
    assert_eq!(ids, fake.grants().into_iter().map(|grant| grant.id).collect());
    assert_eq!(ids.len(), 60);
    let calls = fake.calls();
    assert!(calls.len() <= 120, "two calls for a grant at most, not {} for 60", calls.len());
    let overlap = calls.windows(2).any(|pair| pair[0].ended.is_some_and(|ended| pair[1].started < ended));
    assert!(overlap, "the calls do not wait for each other");
}

fn email(number: usize) -> String {
    format!("person{number}@example.com")
}
