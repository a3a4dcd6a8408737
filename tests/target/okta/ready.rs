//! What has changed since the reading when somebody is about to be added.

use oncall_sync::target::{NotGiven, Occupied};

use super::*;

/// A target that has read the group, before anything changes.
async fn read_before(fake: &Fake) -> Box<dyn Target> {
    let target = connect(fake).await;
    let current = target.read(&asked(&[ALICE], &[GROUP])).await.expect("a reading");
    assert_eq!((current.accounts.len(), current.grants.len()), (1, 0), "{current:?}");
    target
}

/// Nothing is given for certain, so that the ledger forgets it; answers what a person is told.
async fn is_not_given(fake: &Fake, target: &dyn Target) -> String {
    let error = target.grant(&wanted(1, ALICE)).await.expect_err("not given");
    assert!(error.is::<NotGiven>(), "{error:?}");
    assert_eq!(fake.changes(), []);
    told(fake, Err::<(), _>(error))
}

#[tokio::test]
async fn who_was_put_there_by_hand_since_the_reading_is_not_ours() {
    let fake = Okta::start(world());
    let target = read_before(&fake).await;
    fake.change(|world| world.put(&group(1), &user(1)));
    let error = target.grant(&wanted(1, ALICE)).await.expect_err("it is somebody else's");
    assert!(error.is::<Occupied>(), "{error:?}");
    assert!(format!("{error:#}").contains("by somebody else"), "{error:#}");
    assert_eq!(fake.changes(), []);
}

#[tokio::test]
async fn who_was_suspended_since_the_reading_gets_nothing() {
    for status in [Status::Suspended, Status::Deprovisioned] {
        let fake = Okta::start(world());
        let target = read_before(&fake).await;
        fake.change(|world| world.set_status(&user(1), status));
        let error = is_not_given(&fake, &*target).await;
        assert!(error.contains("suspended or deactivated"), "{error}");
    }
}

/// The index knows only Bob's e-mail; the login, which goes before it, is an account's that it does not know yet.
#[tokio::test]
async fn a_login_goes_before_an_e_mail_also_where_the_index_lags() {
    let world = World::at(now()).account(&user(1), "bob", ALICE, Status::Active).group(&group(1), GROUP);
    let world = world.account(&user(2), ALICE, "alice@private.example", Status::Active);
    let fake = Okta::start(world.manners(|manners| manners.not_indexed = [user(2)].into()));
    let target = read_before(&fake).await;
    let error = is_not_given(&fake, &*target).await;
    assert!(error.contains("the login of another account") && error.contains(&user(2)), "{error}");
}

#[tokio::test]
async fn whose_address_has_changed_is_somebody_else() {
    let fake = Okta::start(world());
    let target = read_before(&fake).await;
    fake.change(|world| {
        world.delete_user(&user(1));
        *world = world.clone().account(&user(1), "al@example.com", "al@example.com", Status::Active);
    });
    let error = is_not_given(&fake, &*target).await;
    assert!(error.contains("not its login or e-mail any more"), "{error}");
}

/// A role that may not list somebody's groups still lists a group's members.
#[tokio::test]
async fn where_somebody_s_groups_are_hidden_the_group_s_members_tell() {
    let fake = Okta::start(world());
    let target = read_before(&fake).await;
    fake.fail("/groups", 1, Fault::Forbidden);
    assert_eq!(target.grant(&wanted(1, ALICE)).await.expect("it is given"), id(1));
    assert!(fake.is_spent());
    assert_eq!(fake.members(&group(1)), [user(1)]);
}

/// Where rules may not be read that is known to be so; where they could not be, nothing is planned on half of the truth.
#[tokio::test]
async fn rules_may_be_hidden_and_must_not_be_lost() {
    let fake = Okta::start(world());
    fake.fail("/groups/rules", 1, Fault::Forbidden);
    read(&fake).await.expect("a right that a role may lack");
    fake.fail("/groups/rules", 1, Fault::Says(200, "[{\"id\":".into()));
    let error = told(&fake, read(&fake).await);
    assert!(error.contains("the group rules of Okta cannot be read"), "{error}");
    assert!(fake.is_spent());
}
