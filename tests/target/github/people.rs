//! Whom an e-mail means: never whoever claims it on a profile, never an outsider, never whoever has taken over a login.

use super::*;
use crate::fakes::github::{Identity, Right, SHORTCODE};
use crate::target::contract::reading;

/// The ids of the accounts that `toml` finds for these people.
async fn found(toml: &str, emails: &[&str]) -> Vec<String> {
    let current = reading(&config(toml), &asked(emails, &[])).await;
    current.accounts.iter().map(|account| account.id.0.clone()).collect()
}

#[tokio::test]
async fn the_map_comes_before_single_sign_on_before_the_enterprise_before_verified_addresses() {
    let managed = World::managed_login("alice@corp.example");
    let world = World::at(now())
        .member(11, "by-map")
        .member(12, "by-saml")
        .member(13, &managed)
        .member(14, "by-domain")
        .member(15, "by-profile")
        .enterprise("acme-inc")
        .scim("alice@corp.example", &[ALICE], true)
        .saml(12, ALICE)
        .verified_email(14, ALICE)
        .public_email(15, ALICE);
    let fake = GitHub::start(world.clone());
    let toml = format!("enterprise = \"acme-inc\"\n{}", fake.toml());
    assert_eq!(found(&with_logins(&toml, &[(ALICE, "by-map")]), &[ALICE]).await, ["11"]);
    assert_eq!(found(&toml, &[ALICE]).await, ["12"]);

    let fake = GitHub::start(world.with(|world| world.saml = None));
    let toml = fake.toml();
    assert_eq!(found(&format!("enterprise = \"acme-inc\"\n{toml}"), &[ALICE]).await, ["13"]);
    assert_eq!(found(&toml, &[ALICE]).await, ["14"], "without an enterprise in the config it is not asked");
    assert_eq!(fake.count("/scim/"), 3, "once by each of three readings");
    fake.change(|world| world.users.get_mut(&14).expect("there").verified.clear());
    assert_eq!(found(&toml, &[ALICE]).await, [""; 0], "what anybody may write on a profile counts for nothing");
}

#[tokio::test]
async fn case_does_not_matter_and_parts_are_not_enough() {
    let world = world().saml(1, "Alice@Example.COM").verified_email(2, "BOB@example.com");
    let fake = GitHub::start(world);
    assert_eq!(found(&fake.toml(), &["aLICE@example.com", BOB]).await, ["1", "2"]);
    for hostile in ["alice", "alice@example.co", "xalice@example.com", "*", "\"", "alice@example.com\"", "", "alice@*"]
    {
        assert_eq!(found(&fake.toml(), &[hostile]).await, [""; 0], "{hostile:?}");
    }
    let toml = with_logins(&fake.toml(), &[("Carol@Example.com", "bob-gh")]);
    assert_eq!(found(&toml, &["carol@example.com"]).await, ["2"]);
}

#[tokio::test]
async fn an_identity_is_known_by_any_of_its_addresses() {
    let identities = [
        Identity { emails: vec![ALICE.into()], name_id: Some("opaque-1".into()), ..Identity::default() },
        Identity { scim_username: Some(ALICE.into()), ..Identity::default() },
        Identity { scim_emails: vec![ALICE.into()], scim_username: Some("a".into()), ..Identity::default() },
    ];
    for identity in identities {
        let fake = GitHub::start(world().identity(Identity { user: Some(1), ..identity.clone() }));
        assert_eq!(found(&fake.toml(), &[ALICE]).await, ["1"], "{identity:?}");
        let unclaimed = GitHub::start(world().identity(identity.clone()));
        assert_eq!(found(&unclaimed.toml(), &[ALICE]).await, [""; 0], "nobody has claimed {identity:?}");
    }
}

#[tokio::test]
async fn two_accounts_with_one_address_are_both_shown() {
    let fake = GitHub::start(world().saml(1, ALICE).saml(2, ALICE));
    assert_eq!(found(&fake.toml(), &[ALICE]).await, ["1", "2"]);
}

#[tokio::test]
async fn who_is_suspended_at_the_provider_gets_nothing() {
    let managed = World::managed_login("alice");
    let world = World::at(now()).member(13, &managed).enterprise("acme-inc").scim("alice", &[ALICE], false);
    let fake = GitHub::start(world.team(TEAM_ID, TEAM));
    let current = read_by(&format!("enterprise = \"acme-inc\"\n{}", fake.toml()), &[ALICE], &[]).await;
    let accounts = current.expect("a reading").accounts;
    assert!(accounts.iter().all(|account| account.suspended), "{accounts:?}");
}

/// Reads and, where the account is shown all the same, tries to give: nobody may be invited, whatever comes of it.
async fn nobody_is_invited(world: World, toml: impl FnOnce(&Fake) -> String, login: &str) {
    let fake = GitHub::start(world);
    let toml = toml(&fake);
    let target = contract::connect(&config(&toml)).await;
    let current = match target.read(&asked(&[ALICE], &[TEAM])).await {
        Ok(current) => current,
        Err(error) => {
            let told = told(Err::<(), _>(error));
            assert!(told.contains(login) || told.contains(ALICE), "it says about whom: {told}");
            return;
        }
    };
    for account in &current.accounts {
        let told = told(target.grant(&grant(&account.id.0, ALICE, &team(&current, TEAM))).await);
        assert!(told.contains(ALICE) && told.contains("acme"), "{told}");
    }
    assert_eq!((fake.events(), fake.writes()), (vec![], vec![]), "{login}");
    assert_eq!(fake.members(TEAM_ID), [""; 0]);
}

#[tokio::test]
async fn a_login_that_is_nobodys_or_an_outsiders_is_never_invited() {
    let world = || world().invited(4, "penny").other_org(8_000, "globex");
    for login in ["nobody-at-all", "eve", "penny", "globex", "", "../../orgs/acme/teams", "alice-gh?x=1", "a b", "eve/"]
    {
        nobody_is_invited(world(), |fake| with_logins(&fake.toml(), &[(ALICE, login)]), login).await;
    }
    nobody_is_invited(world().saml(5, ALICE), Fake::toml, "eve").await;
    nobody_is_invited(world().saml(4, ALICE), Fake::toml, "penny").await;
    nobody_is_invited(world().verified_email(5, ALICE), Fake::toml, "eve").await;
}

/// What fails for one person is said about that person, and the others are served.
#[tokio::test]
async fn a_bad_login_spoils_nobody_else() {
    for login in ["eve", "nobody-at-all"] {
        let fake = GitHub::start(with_saml());
        let toml = with_logins(&fake.toml(), &[(ALICE, login)]);
        let current = read_by(&toml, &[ALICE, BOB], &[TEAM]).await.expect("Bob's reading");
        assert!(ids(&current).contains(&"2"), "{login}: {current:?}");
        assert!(!ids(&current).contains(&"1"), "the map is not overruled by what comes after it: {login}");
    }
}

#[tokio::test]
async fn who_left_between_reading_and_giving_is_not_invited() {
    let fake = GitHub::start(with_saml());
    let target = connect(&fake).await;
    let current = target.read(&asked(&[ALICE], &[TEAM])).await.expect("a reading");
    let wanted = grant("1", ALICE, &team(&current, TEAM));
    fake.change(|world| world.leave(1));
    // A new instance, as after a crash, has to look; the old one may have looked a moment ago.
    let told = told(connect(&fake).await.grant(&wanted).await);
    assert!(told.contains(ALICE), "{told}");
    assert_eq!(fake.events(), [""; 0]);
}

/// Between a reading and a change lie seconds or minutes, and an invitation can take a paid seat.
#[tokio::test]
async fn who_leaves_during_the_run_is_not_invited() {
    let fake = GitHub::start(with_saml());
    let target = connect(&fake).await;
    let current = target.read(&asked(&[ALICE], &[TEAM])).await.expect("a reading");
    fake.change(|world| world.leave(1));
    let told = told(target.grant(&grant("1", ALICE, &team(&current, TEAM))).await);
    assert!(told.contains(ALICE), "{told}");
    assert_eq!(fake.events(), [""; 0]);
}

/// The login is the right one, and the member who has it by now is somebody else.
#[tokio::test]
async fn whoever_took_over_a_login_a_moment_ago_is_not_taken_for_its_old_owner() {
    let fake = GitHub::start(world());
    let other = serde_json::json!({ "state": "active", "user": { "id": 99, "login": "eve" } });
    fake.fail("/memberships/eve", 1, Fault::Says(200, other));
    let current = read_by(&with_logins(&fake.toml(), &[(ALICE, "eve")]), &[ALICE], &[TEAM]).await.expect("a reading");
    assert_eq!(ids(&current), [""; 0]);
    let why = &current.absent[&Email::new(ALICE)];
    assert!(fake.is_spent() && why.contains("taken over by somebody else"), "{why}");
}

/// An enterprise's own administrator is called by its short code and `_admin`, which no user name makes.
#[tokio::test]
async fn the_enterprises_administrator_is_nobodys_account() {
    let admin = format!("{SHORTCODE}_admin");
    let world = World::at(now()).owner(7, &admin).member(8, &World::managed_login("other")).enterprise("acme-inc");
    let fake = GitHub::start(world.scim(SHORTCODE, &[ALICE], true).scim("admin", &[BOB], true));
    let toml = format!("enterprise = \"acme-inc\"\n{}", fake.toml());
    assert_eq!(found(&toml, &[ALICE, BOB]).await, [""; 0]);
}

#[tokio::test]
async fn a_renamed_login_is_the_same_person() {
    let fake = GitHub::start(with_saml());
    let ours = given(&fake).await;
    fake.change(|world| {
        world.rename(1, "alice-renamed");
        world.add_user(6, "alice-gh", "User");
    });
    let current = read(&fake, &[ALICE], &[TEAM]).await;
    assert_eq!(ids(&current), ["1"]);
    assert_eq!(current.grants.iter().map(|held| &held.id).collect::<Vec<_>>(), [ours.id.as_ref().expect("an id")]);
    let again = connect(&fake).await.grant(&ours.grant).await.expect("held already");
    assert_eq!(Some(&again), ours.id.as_ref());
    connect(&fake).await.revoke(&ours).await.expect("taken back");
    assert_eq!(fake.events(), ["added alice-gh in oncall-dba", "removed alice-renamed from oncall-dba"]);
    assert_eq!(connect(&fake).await.grant(&ours.grant).await.expect("given anew"), again);
    assert_eq!(fake.members(TEAM_ID), ["alice-renamed"]);
}

#[tokio::test]
async fn whoever_takes_over_a_login_is_neither_removed_nor_given() {
    let fake = GitHub::start(with_saml());
    let ours = given(&fake).await;
    fake.change(|world| {
        world.leave(1);
        world.rename(1, "alice-elsewhere");
        world.rename(2, "alice-gh");
        world.put_in(TEAM_ID, 2, Role::Member);
    });
    fake.forget();
    connect(&fake).await.revoke(&ours).await.expect("she is gone, which is what was wanted");
    assert_eq!((fake.events(), fake.members(TEAM_ID)), (vec![], vec!["alice-gh".to_owned()]));

    fake.change(|world| world.team_mut(TEAM_ID).members.clear());
    let told = told(connect(&fake).await.grant(&ours.grant).await);
    assert!(told.contains(ALICE), "{told}");
    assert_eq!((fake.events(), fake.members(TEAM_ID)), (vec![], vec![]));
}

#[tokio::test]
async fn whoever_takes_over_a_login_during_the_run_is_not_removed() {
    let fake = GitHub::start(with_saml());
    let ours = given(&fake).await;
    let target = connect(&fake).await;
    fake.change(|world| {
        world.rename(1, "alice-renamed");
        world.rename(2, "alice-gh");
        world.put_in(TEAM_ID, 2, Role::Member);
    });
    target.revoke(&ours).await.expect("taken back");
    assert_eq!(fake.members(TEAM_ID), ["alice-gh"]);
}

#[tokio::test]
async fn identities_that_may_not_be_read_spoil_no_login_written_down() {
    let fake = GitHub::start(with_saml().without(Right::Identities));
    let toml = with_logins(&fake.toml(), &[(ALICE, "alice-gh")]);
    assert_eq!(ids(&read_by(&toml, &[ALICE], &[TEAM]).await.expect("a reading")), ["1"]);
    // Whether Bob is missing or the reading fails, nobody takes it for a reading in which he has no account unsaid.
    match read_by(&toml, &[ALICE, BOB], &[TEAM]).await {
        Ok(current) => assert_eq!(ids(&current), ["1"]),
        Err(error) => {
            let told = told(Err::<(), _>(error)).to_lowercase();
            assert!(
                ["saml", "identit", "single sign-on", "owner", "admin:org"].iter().any(|word| told.contains(word)),
                "{told}"
            );
        }
    }
}
