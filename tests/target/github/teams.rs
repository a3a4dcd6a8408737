//! Which team a spelling means, who is in it, and whose membership is not ours to touch.

use std::collections::BTreeSet;

use oncall_sync::target::{Asked, Occupied};
use serde_json::json;

use super::*;
use crate::fakes::github::{Right, SYNCHRONISED};
use crate::target::contract::reading;

/// What a reading is asked for that is about nothing but `ours`.
fn of(ours: &Owned) -> Asked {
    Asked { owned: BTreeSet::from([ours.grant.access.clone()]), ..Asked::default() }
}

/// The slugs that a spelling stands for, or what is said instead.
async fn resolve(fake: &Fake, spelling: &str) -> Result<Vec<String>, String> {
    let mut current = reading(&config(&fake.toml()), &asked(&[], &[spelling])).await;
    let found = current.entitlements.remove(spelling).expect("every spelling asked for has an answer");
    found.map(|found| found.into_iter().map(|team| team.name.to_string()).collect())
}

#[tokio::test]
async fn a_team_is_meant_by_its_slug_or_its_exact_name() {
    let fake = GitHub::start(world().named_team(11, "on-call-dba-eu", "On-call DBA (EU)"));
    assert_eq!(resolve(&fake, TEAM).await.expect("a team"), [TEAM]);
    let by_name = team(&read(&fake, &[], &["On-call DBA (EU)"]).await, "On-call DBA (EU)");
    let by_slug = team(&read(&fake, &[], &["on-call-dba-eu"]).await, "on-call-dba-eu");
    assert_eq!(by_name, by_slug, "the same id by either");
    for spelling in
        ["on-call DBA (EU)", "ONCALL-DBA", "oncall", "oncall-", "dba", "", "*", "oncall-dba/members", "../x", "%"]
    {
        let said = resolve(&fake, spelling).await.expect_err(spelling);
        assert!(said.contains(spelling), "{spelling:?}: {said}");
    }
    let said = resolve(&fake, "oncal-dba").await.expect_err("a slip");
    assert!(said.contains("oncall-dba"), "it names the near match: {said}");
    let said = resolve(&fake, "On-call DBA (EUx").await.expect_err("a slip");
    assert!(said.contains("on-call-dba-eu") || said.contains("On-call DBA (EU)"), "{said}");
}

#[tokio::test]
async fn teams_of_another_organisation_are_not_ours() {
    let world = world().other_org(8_000, "globex").team_of("globex", 20, "secret-ops", "secret-ops");
    let fake = GitHub::start(world.team_of("globex", 21, TEAM, TEAM));
    for spelling in ["secret-ops", "globex/secret-ops", "globex/oncall-dba"] {
        let said = resolve(&fake, spelling).await.expect_err(spelling);
        assert!(!said.replace(spelling, "").contains("secret-ops"), "nor told of: {said}");
    }
    let ours = given(&fake).await;
    assert_eq!((fake.members(TEAM_ID), fake.members(21)), (vec!["alice-gh".to_owned()], vec![]));
    connect(&fake).await.revoke(&ours).await.expect("taken back");

    let toml = fake.toml().replace("\"acme\"", "\"acne\"");
    let told = match read_by(&toml, &[], &[TEAM]).await {
        Ok(current) => current.entitlements[TEAM].clone().expect_err("no such organisation"),
        Err(error) => told(Err::<(), _>(error)),
    };
    assert!(told.contains("acne"), "it names the organisation: {told}");
}

#[tokio::test]
async fn a_team_that_may_not_be_seen_is_said_so() {
    let fake = GitHub::start(with_saml().without(Right::Read));
    match read_by(&fake.toml(), &[], &[TEAM]).await {
        Ok(current) => assert!(current.entitlements[TEAM].as_ref().expect_err("unseen").contains(TEAM)),
        Err(error) => assert!(!told(Err::<(), _>(error)).is_empty()),
    }
}

#[tokio::test]
async fn members_of_child_teams_are_not_members_of_this_one() {
    let world = with_saml().team(11, "child").team(12, "grandchild").child_of(11, TEAM_ID).child_of(12, 11);
    let world = world.in_team(11, 1, Role::Member).in_team(12, 2, Role::Maintainer);
    for tells in [true, false] {
        let fake = GitHub::start(world.clone().with(|world| world.tells_inherited = tells));
        let current = read(&fake, &[ALICE, BOB], &[TEAM]).await;
        assert_eq!(current.grants, [], "nobody is in the team itself");

        // Her membership below ends with the team below; that of her shift is her own.
        let ours = given(&fake).await;
        assert_eq!(fake.members(TEAM_ID), ["alice-gh"]);
        connect(&fake).await.revoke(&ours).await.expect("taken back");
        assert_eq!((fake.members(TEAM_ID), fake.members(11)), (vec![], vec!["alice-gh".to_owned()]));

        // Somebody took her out of the team itself meanwhile: nothing is left to take back.
        fake.forget();
        connect(&fake).await.revoke(&ours).await.expect("gone already");
        assert_eq!((fake.events(), fake.members(11)), (vec![], vec!["alice-gh".to_owned()]));
        assert_eq!(reading(&config(&fake.toml()), &of(&ours)).await.grants, [], "what is owned and gone is not shown");
    }
}

#[tokio::test]
async fn a_maintainer_is_held_already_and_stays_one() {
    let fake = GitHub::start(with_saml().in_team(TEAM_ID, 1, Role::Maintainer).in_team(TEAM_ID, 3, Role::Member));
    let current = read(&fake, &[ALICE], &[TEAM]).await;
    let shown: Vec<_> = current.grants.iter().map(|held| held.access.account.0.as_str()).collect();
    assert_eq!(std::collections::BTreeSet::from_iter(shown), std::collections::BTreeSet::from(["1", "3"]));
    let wanted = grant("1", ALICE, &team(&current, TEAM));
    let id = connect(&fake).await.grant(&wanted).await.expect("held already");
    assert!(current.grants.iter().any(|held| held.id == id), "{id}");
    let olive = grant("3", "olive@example.com", &team(&current, TEAM));
    connect(&fake).await.grant(&olive).await.expect("held already");
    assert_eq!((fake.writes(), fake.events()), (vec![], vec![]), "no request is sent that could change a role");
}

#[tokio::test]
async fn somebody_made_maintainer_during_the_run_is_not_demoted() {
    let fake = GitHub::start(with_saml());
    let target = connect(&fake).await;
    let current = target.read(&asked(&[ALICE], &[TEAM])).await.expect("a reading");
    fake.change(|world| world.put_in(TEAM_ID, 1, Role::Maintainer));
    let refused = target.grant(&grant("1", ALICE, &team(&current, TEAM))).await.expect_err("somebody else gave it");
    assert!(refused.is::<Occupied>(), "or it would be taken for ours, and taken back: {refused:#}");
    assert!(told::<()>(Err(refused)).contains(ALICE));
    assert_eq!(fake.events(), [""; 0]);
}

/// Of many whose logins hold hers, the first page need not show her.
#[tokio::test]
async fn somebody_is_looked_for_on_every_page_before_they_are_put_in() {
    let world = world().member(6, "al").saml(6, ALICE).with(|world| world.page_limit = 1);
    let fake = GitHub::start(world.in_team(TEAM_ID, 1, Role::Member));
    let target = connect(&fake).await;
    let current = target.read(&asked(&[ALICE], &[TEAM])).await.expect("a reading");
    fake.change(|world| world.put_in(TEAM_ID, 6, Role::Maintainer));
    let refused = target.grant(&grant("6", ALICE, &team(&current, TEAM))).await.expect_err("held already");
    assert!(refused.is::<Occupied>(), "{refused:#}");
    assert_eq!(fake.events(), [""; 0]);
}

/// A slug that another team takes over between two pages leads to the members of both.
#[tokio::test]
async fn no_team_is_made_of_pages_of_two() {
    let world = with_saml().in_team(TEAM_ID, 1, Role::Member).in_team(TEAM_ID, 2, Role::Member);
    let fake = GitHub::start(world.with(|world| world.page_limit = 1));
    let edges = json!([{ "role": "MEMBER", "node": { "databaseId": 2, "login": "bob-gh" } }]);
    let members = json!({ "edges": edges, "pageInfo": { "hasNextPage": false, "endCursor": null } });
    let other = json!({ "databaseId": 77, "slug": TEAM, "name": TEAM, "members": members });
    fake.fail_after("IMMEDIATE", 1, 1, Fault::Says(200, json!({ "data": { "organization": { "t0": other } } })));
    let said = told(read_by(&fake.toml(), &[ALICE], &[TEAM]).await);
    assert!(fake.is_spent() && said.contains("changed while its members were read"), "{said}");
}

/// Whoever is left out of an answer would be forgotten by the ledger, and keep their access for ever.
#[tokio::test]
async fn what_github_leaves_out_of_an_answer_is_not_taken_for_gone() {
    let end = json!({ "hasNextPage": false, "endCursor": null });
    let hidden = json!({ "nodes": [null], "pageInfo": end });
    let members = json!({ "edges": [null], "pageInfo": end });
    let team = json!({ "databaseId": TEAM_ID, "slug": TEAM, "name": TEAM, "members": members });
    for (needle, organization) in [
        ("IMMEDIATE", json!({ "t0": team })),
        ("IMMEDIATE", json!({})),
        ("teams(first", json!({ "teams": hidden, "viewerCanAdminister": true })),
    ] {
        for errors in
            [json!([]), json!([{ "type": "NOT_FOUND", "path": ["organization", "t0", "members", "nodes", 0] }])]
        {
            let fake = GitHub::start(with_saml().in_team(TEAM_ID, 1, Role::Member));
            let body = json!({ "data": { "organization": organization }, "errors": errors });
            fake.fail(needle, 1, Fault::Says(200, body));
            let read = read_by(&fake.toml(), &[ALICE], &[TEAM, "no-such-team"]).await;
            assert!(fake.is_spent() && told(read).contains("GitHub"), "{needle} {organization}");
        }
    }
}

#[tokio::test]
async fn an_owner_is_given_and_taken_back_as_anybody() {
    let fake = GitHub::start(world());
    let wanted = grant("3", "olive@example.com", &entitlement(&fake).await);
    let id = connect(&fake).await.grant(&wanted).await.expect("given");
    assert_eq!(connect(&fake).await.grant(&wanted).await.expect("held"), id);
    connect(&fake).await.revoke(&owned(&id, &wanted)).await.expect("taken back");
    assert_eq!(fake.events(), ["added olive in oncall-dba", "removed olive from oncall-dba"]);
}

/// GitHub shows an owner as maintainer, whatever they were put there as; anybody else is one because somebody said so.
#[tokio::test]
async fn whom_somebody_made_a_maintainer_since_we_put_them_there_is_not_ours() {
    let fake = GitHub::start(with_saml());
    let ours = given(&fake).await;
    let olive = grant("3", "olive@example.com", &ours.grant.access.entitlement);
    let olive = owned(&connect(&fake).await.grant(&olive).await.expect("given"), &olive);
    let asked = Asked { owned: [&ours, &olive].map(|owned| owned.grant.access.clone()).into(), ..Asked::default() };
    for (role, foreign) in [(Role::Member, [false, false]), (Role::Maintainer, [true, false])] {
        fake.change(|world| world.put_in(TEAM_ID, 1, role));
        fake.forget();
        let current = connect(&fake).await.read(&asked).await.expect("a reading");
        assert_eq!(current.grants.iter().map(|held| held.foreign).collect::<Vec<_>>(), foreign, "{role:?}");
        let maintainers = if role == Role::Maintainer { 2 } else { 1 };
        assert_eq!(fake.requests().len(), 1 + maintainers, "each maintainer whom we own is looked up, and nobody else");
    }
    told(connect(&fake).await.revoke(&ours).await);
    assert_eq!((fake.events(), fake.members(TEAM_ID)), (vec![], vec!["alice-gh".to_owned(), "olive".to_owned()]));
}

/// Between the reading and the removal.
#[tokio::test]
async fn nobody_is_taken_out_who_is_not_ours_by_then() {
    type Change = fn(&mut World);
    let changes: [(&str, Change, &[&str]); 5] = [
        (
            "gone, and somebody else has the login",
            |world| {
                world.leave(1);
                world.rename(1, "alice-new");
                world.rename(2, "alice-gh");
                world.put_in(TEAM_ID, 2, Role::Member);
            },
            &[],
        ),
        (
            "renamed, and somebody else has the login",
            |world| {
                world.rename(1, "alice-new");
                world.rename(2, "alice-gh");
                world.put_in(TEAM_ID, 2, Role::Member);
            },
            &["removed alice-new from oncall-dba"],
        ),
        (
            "the team is renamed, and another has its slug",
            |world| {
                let team = world.team_mut(TEAM_ID);
                (team.slug, team.name) = ("dba-night".to_owned(), "DBA night".to_owned());
                *world = world.clone().team(78, TEAM).in_team(78, 1, Role::Member);
            },
            &["removed alice-gh from dba-night"],
        ),
        (
            "the team is gone, and another has its slug",
            |world| {
                world.delete_team(TEAM_ID);
                *world = world.clone().team(77, TEAM).in_team(77, 1, Role::Member);
            },
            &[],
        ),
        ("made a maintainer", |world| world.put_in(TEAM_ID, 1, Role::Maintainer), &[]),
    ];
    for (what, change, events) in changes {
        let fake = GitHub::start(with_saml());
        let ours = given(&fake).await;
        let target = connect(&fake).await;
        target.read(&of(&ours)).await.expect("a reading");
        fake.change(change);
        fake.forget();
        let taken = target.revoke(&ours).await;
        assert_eq!(fake.events(), events, "{what}");
        if what == "made a maintainer" {
            let said = told(taken);
            assert!(said.contains("made a maintainer of 'oncall-dba' by somebody else"), "{said}");
        } else {
            taken.unwrap_or_else(|error| panic!("{what}: {error:#}"));
        }
    }
}

/// GitHub answers the same for both, and only whom it shows every team knows which it is.
#[tokio::test]
async fn a_team_that_may_only_be_hidden_is_not_taken_for_deleted() {
    type Change = fn(&mut World);
    let ways: [(&str, Change, bool, bool); 4] = [
        ("deleted, seen by an owner", |world| world.delete_team(TEAM_ID), false, true),
        ("secret, seen by an owner", |world| world.team_mut(TEAM_ID).secret = true, false, true),
        ("secret", |world| world.team_mut(TEAM_ID).secret = true, false, false),
        ("deleted, seen by an App", |world| world.delete_team(TEAM_ID), true, false),
    ];
    for (what, change, by_app, is_told) in ways {
        let fake = GitHub::start(with_saml());
        let ours = given(&fake).await;
        fake.change(change);
        if what == "secret" {
            fake.change(|world| world.rights.remove(&Right::Own));
        }
        fake.forget();
        let config = config(&if by_app { fake.toml_app() } else { fake.toml() });
        let current = reading(&config, &of(&ours)).await;
        assert_eq!(current.hidden.is_empty(), is_told, "{what}: {current:?}");
        let taken = contract::connect(&config).await.revoke(&ours).await;
        if is_told {
            taken.unwrap_or_else(|error| panic!("{what}: {error:#}"));
        } else {
            let said = told(taken);
            assert!(current.hidden.values().all(|why| said.contains(why)), "{said}");
            assert!(said.contains("secret") && said.contains("release --entitlement 10"), "{said}");
            assert_eq!(fake.events(), [""; 0]);
        }
    }
}

#[tokio::test]
async fn whoever_is_only_invited_is_no_member() {
    let world = with_saml().invited(4, "penny").saml(4, "penny@example.com");
    let fake = GitHub::start(world);
    fake.change(|world| world.invite(TEAM_ID, 4));
    let current = read(&fake, &["penny@example.com"], &[TEAM]).await;
    assert_eq!(current.grants, []);
    let wanted = grant("4", "penny@example.com", &team(&current, TEAM));
    told(connect(&fake).await.grant(&wanted).await);
    assert_eq!((fake.writes(), fake.members(TEAM_ID)), (vec![], vec!["penny?".to_owned()]));
}

#[tokio::test]
async fn a_team_kept_by_an_identity_provider_is_refused_with_the_reason() {
    let fake = GitHub::start(with_saml().synchronised(TEAM_ID));
    let wanted = grant("1", ALICE, &entitlement(&fake).await);
    let told = told(connect(&fake).await.grant(&wanted).await);
    assert!(told.contains(ALICE) && told.contains(TEAM), "to whom and where: {told}");
    assert!(told.contains(SYNCHRONISED) || told.to_lowercase().contains("identity provider"), "{told}");
    assert!(fake.writes().len() <= 1, "what cannot pass is not tried again: {:?}", fake.writes());
}

#[tokio::test]
async fn whatever_is_gone_already_is_taken_back() {
    type Change = fn(&mut World);
    let gone: [(&str, Change); 5] = [
        ("the membership", |world| world.team_mut(TEAM_ID).members.clear()),
        ("her place in the organisation", |world| world.leave(1)),
        ("her account", |world| world.delete_user(1)),
        ("the team", |world| world.delete_team(TEAM_ID)),
        ("the team, and another has its slug", |world| {
            world.delete_team(TEAM_ID);
            *world = world.clone().team(77, TEAM).in_team(77, 1, Role::Member);
        }),
    ];
    for (what, change) in gone {
        for absent in [204, 404] {
            let fake = GitHub::start(with_saml().with(|world| world.absent = absent));
            let ours = given(&fake).await;
            fake.change(change);
            fake.forget();
            connect(&fake).await.revoke(&ours).await.unwrap_or_else(|error| panic!("{what}, {absent}: {error:#}"));
            assert_eq!(fake.events(), [""; 0], "{what}, {absent}: nobody else lost anything");
            let current = reading(&config(&fake.toml()), &of(&ours)).await;
            assert_eq!((&*current.grants, current.hidden.len()), (&[][..], 0), "{what}: and is not shown");
        }
    }
}

#[tokio::test]
async fn a_renamed_team_is_the_same_team() {
    let fake = GitHub::start(with_saml());
    let ours = given(&fake).await;
    fake.change(|world| {
        let team = world.team_mut(TEAM_ID);
        (team.slug, team.name) = ("dba-night".to_owned(), "DBA night".to_owned());
        *world = world.clone().team(78, TEAM).in_team(78, 1, Role::Member);
    });
    fake.forget();
    connect(&fake).await.revoke(&ours).await.expect("taken back");
    assert_eq!(fake.events(), ["removed alice-gh from dba-night"], "by its id, and not from what is called so now");
}
