//! Teams, memberships and people by REST.

use super::*;

#[tokio::test]
async fn a_teams_list_includes_those_below() {
    let fake = GitHub::start(world());
    let got = get(&fake, "/orgs/acme/teams/oncall/members").await;
    assert_eq!(got.each("login"), ["ada", "grace"]);
    assert_eq!((&got.body[0]["inherited"], &got.body[1]["role"]), (&json!(true), &json!("maintainer")));
    assert_eq!(get(&fake, "/orgs/ACME/teams/OnCall/members?role=maintainer").await.each("login"), ["grace"]);
    let membership = get(&fake, "/orgs/acme/teams/oncall/memberships/ada").await;
    assert_eq!((membership.status, &membership.body["state"]), (200, &json!("active")), "counts as much as her own");
    assert_eq!(get(&fake, "/orgs/acme/teams/oncall/memberships/eve").await.status, 404);

    let plain = GitHub::start(world().with(|world| world.tells_inherited = false));
    assert_eq!(get(&plain, "/orgs/acme/teams/oncall/members").await.body[0]["inherited"], Value::Null);
}

#[tokio::test]
async fn pages_are_linked_by_ids_and_can_be_followed() {
    let fake = GitHub::start(world().with(|world| world.page_limit = 1));
    let first = get(&fake, "/orgs/acme/teams/oncall/members?per_page=100&role=all").await;
    assert_eq!(first.each("login"), ["ada"]);
    let link = first.header("link").to_owned();
    let next = link.split(';').next().and_then(|url| url.strip_prefix('<')?.strip_suffix('>')).expect("a link");
    let path = next.strip_prefix(&fake.url()).expect("to the same place");
    assert!(path.starts_with("/organizations/9000/team/10/members?"), "{link}");
    let second = get(&fake, path).await;
    assert_eq!(second.each("login"), ["grace"]);
    assert!(!second.header("link").contains("next"), "{}", second.header("link"));
    assert_eq!(get(&fake, "/orgs/acme/members?per_page=100").await.each("login"), ["ada"]);
}

#[tokio::test]
async fn a_put_demotes_promotes_and_invites_and_tells_so() {
    let fake = GitHub::start(world());
    let member = json!({"role": "member"});
    assert_eq!(put(&fake, "oncall", "ada", member.clone()).await.body["state"], "active");
    assert_eq!(put(&fake, "oncall", "ada", member.clone()).await.status, 200, "again, without an event");
    assert_eq!(put(&fake, "oncall", "grace", member.clone()).await.body["role"], "member");
    assert_eq!(put(&fake, "oncall", "ada", json!({"role": "maintainer"})).await.status, 200);
    let got = put(&fake, "oncall", "eve", member.clone()).await;
    assert_eq!((&got.body["state"], got.status), (&json!("pending"), 200));
    assert_eq!(put(&fake, "oncall", "penny", member.clone()).await.body["state"], "pending");
    let owner = put(&fake, "oncall", "olive", member).await;
    assert_eq!(owner.body["role"], "maintainer", "an owner is shown as one");
    assert_eq!(
        fake.events(),
        [
            "added ada in oncall",
            "demoted grace in oncall",
            "promoted ada in oncall",
            "invited eve in oncall",
            "invited penny in oncall",
            "added olive in oncall",
        ]
    );
    assert_eq!(fake.members(10), ["ada", "grace", "olive", "penny?", "eve?"]);
    assert_eq!(get(&fake, "/orgs/acme/teams/oncall/invitations").await.each("login"), ["penny", "eve"]);
    assert_eq!(get(&fake, "/orgs/acme/memberships/eve").await.body["state"], "pending");
}

#[tokio::test]
async fn a_put_is_refused_as_github_refuses_it() {
    let fake = GitHub::start(world().synchronised(11));
    let got = put(&fake, "oncall-dba", "ada", json!({"role": "member"})).await;
    assert_eq!((got.status, got.message()), (403, SYNCHRONISED));
    assert_eq!(delete(&fake, "oncall-dba", "ada").await.status, 403);
    assert_eq!(put(&fake, "oncall", "ada", json!({"role": "owner"})).await.status, 422);
    assert_eq!(put(&fake, "oncall", "globex", json!({"role": "member"})).await.status, 422);
    assert_eq!(put(&fake, "oncall", "nobody", json!({})).await.status, 404);
    assert_eq!(put(&fake, "none", "ada", json!({})).await.status, 404);
    fake.change(|world| world.rights.remove(&Right::Write));
    let got = put(&fake, "oncall", "ada", json!({})).await;
    assert_eq!((got.status, got.message()), (403, NO_ADMIN));
    fake.change(|world| world.rights.remove(&Right::Read));
    assert_eq!(get(&fake, "/orgs/acme/teams/oncall").await.status, 404, "who may not know is told that there is none");
    assert_eq!(fake.events(), [""; 0]);
    assert_eq!(put(&fake, "oncall", "ada", json!({"rule": 1})).await.status, 404);
}

#[tokio::test]
async fn a_removal_takes_the_person_from_this_team_alone() {
    let fake = GitHub::start(world().with(|world| world.absent = 404));
    assert_eq!(delete(&fake, "oncall", "grace").await.status, 204);
    assert_eq!(delete(&fake, "oncall", "grace").await.status, 404);
    assert_eq!(delete(&fake, "oncall", "ada").await.status, 404, "she is in the one below");
    assert_eq!((fake.members(10), fake.members(11)), (vec![], vec!["ada".to_owned()]));
    assert_eq!(fake.events(), ["removed grace from oncall"]);
    fake.change(|world| world.absent = 204);
    assert_eq!(delete(&fake, "oncall", "grace").await.status, 204);
}

#[tokio::test]
async fn teams_and_people_are_found_by_slug_id_and_login() {
    let fake = GitHub::start(world());
    assert_eq!(get(&fake, "/orgs/acme/teams?per_page=100").await.each("slug"), ["oncall", "oncall-dba"]);
    let team = get(&fake, "/orgs/acme/teams/oncall-dba").await.body;
    assert_eq!((&team["parent"]["slug"], &team["organization"]["login"]), (&json!("oncall"), &json!("acme")));
    let by_id = get(&fake, "/organizations/9000/team/11").await.body;
    assert_eq!(by_id["node_id"], team["node_id"]);
    assert_eq!(get(&fake, "/organizations/9000/team/20").await.status, 404, "that is the other organisation's");
    assert_eq!(get(&fake, "/user/5").await.body["login"], "eve");
    assert_eq!(get(&fake, "/users/EVE").await.body["id"], 5);
    assert_eq!(get(&fake, "/users/nobody").await.status, 404);
    assert_eq!(get(&fake, "/orgs/nowhere/teams/oncall").await.status, 404);
    assert_eq!(get(&fake, "/orgs/acme/memberships/ada").await.body["state"], "active");
    assert_eq!(get(&fake, "/orgs/acme/memberships/olive").await.body["role"], "admin");
    assert_eq!(get(&fake, "/orgs/acme/memberships/eve").await.status, 404);
    assert_eq!(get(&fake, "/orgs/acme/members").await.each("login"), ["ada", "grace", "olive"]);
}

#[tokio::test]
async fn a_secret_team_is_shown_to_owners_and_to_nobody_else() {
    let fake = GitHub::start(world());
    fake.change(|world| world.team_mut(10).secret = true);
    let query = "{ organization(login: \"acme\") { viewerCanAdminister team(slug: \"oncall\") { privacy } \
        teams(first: 9) { nodes { slug } } } }";
    let org = |owner: bool, team: Value, slugs: &[&str]| {
        let nodes: Vec<_> = slugs.iter().map(|slug| json!({"slug": slug})).collect();
        json!({"organization": {"viewerCanAdminister": owner, "team": team, "teams": {"nodes": nodes}}})
    };
    let by_owner = ask(&fake, query, json!({})).await;
    assert_eq!(by_owner["data"], org(true, json!({"privacy": "SECRET"}), &["oncall", "oncall-dba"]));
    assert_eq!(get(&fake, "/organizations/9000/team/10").await.body["privacy"], "secret");
    fake.change(|world| world.rights.remove(&Right::Own));
    let by_another = ask(&fake, query, json!({})).await;
    assert_eq!((&by_another["data"], errors(&by_another)), (&org(false, Value::Null, &["oncall-dba"]), vec![]));
    for path in ["/organizations/9000/team/10", "/orgs/acme/teams/oncall", "/orgs/acme/teams/oncall/memberships/grace"]
    {
        assert_eq!(get(&fake, path).await.status, 404, "as if it were gone: {path}");
    }
    assert_eq!(delete(&fake, "oncall", "grace").await.status, 404);
    assert_eq!((get(&fake, "/orgs/acme/teams").await.each("slug"), fake.events()), (vec!["oncall-dba".into()], vec![]));
}

#[tokio::test]
async fn a_login_can_be_renamed_and_taken() {
    let fake = GitHub::start(world());
    fake.change(|world| {
        world.rename(1, "ada-l");
        world.rename(5, "ada");
    });
    assert_eq!(get(&fake, "/user/1").await.body["login"], "ada-l");
    assert_eq!(get(&fake, "/users/ada").await.body["id"], 5);
    fake.change(|world| world.leave(1));
    assert_eq!(fake.members(11), [""; 0]);
    fake.change(|world| world.delete_team(10));
    assert_eq!(get(&fake, "/orgs/acme/teams/oncall").await.status, 404);
    assert_eq!(get(&fake, "/orgs/acme/teams/oncall-dba").await.body["parent"], Value::Null);
}

#[tokio::test]
async fn provisioned_users_come_in_pages() {
    let world = world().enterprise("acme-inc");
    let world = world.scim("ada.l@acme.com", &["ada@example.com"], true).scim("bob", &["bob@example.com"], false);
    let fake = GitHub::start(world);
    let users = "/scim/v2/enterprises/acme-inc/Users";
    let page = get(&fake, &format!("{users}?startIndex=2&count=1")).await.body;
    assert_eq!((&page["totalResults"], &page["itemsPerPage"], &page["startIndex"]), (&json!(2), &json!(1), &json!(2)));
    let bob = &page["Resources"][0];
    assert_eq!((&bob["userName"], &bob["active"]), (&json!("bob"), &json!(false)));
    let filtered = get(&fake, &format!("{users}?filter=userName%20eq%20%22BOB%22")).await.body;
    assert_eq!(filtered["totalResults"], 1);
    assert_eq!(get(&fake, &format!("{users}?filter=emails%20eq%20%22bob%22")).await.status, 400);
    assert_eq!(get(&fake, "/scim/v2/enterprises/other/Users").await.status, 404);
    fake.change(|world| world.rights.remove(&Right::Scim));
    assert_eq!(get(&fake, users).await.status, 403);
    assert_eq!(World::managed_login("ada.l@acme.com"), "ada-l_acme");
}

#[tokio::test]
async fn what_no_client_should_send_is_remembered() {
    let fake = GitHub::start(world());
    let asked = [
        (Method::GET, "/search/users?q=ada%40example.com+in:email"),
        (Method::GET, "/teams/10/members"),
        (Method::GET, "/orgs/acme/team/oncall"),
        (Method::GET, "/orgs/acme/teams/oncall/members?limit=5"),
        (Method::GET, "/orgs/acme/teams/oncall/members?per_page=101"),
        (Method::GET, "/orgs/acme/teams/oncall/members?page=0"),
        (Method::PUT, "/orgs/acme/memberships/eve"),
        (Method::DELETE, "/orgs/acme/members/ada"),
        (Method::POST, "/orgs/acme/invitations"),
        (Method::DELETE, "/orgs/acme/teams/oncall"),
    ];
    for (method, path) in &asked {
        assert_eq!(send(polite(&fake, method.clone(), path, TOKEN)).await.status, 422, "{method} {path}");
    }
    assert_eq!(put(&fake, "oncall", "ada", json!({"rule": "member"})).await.status, 422);
    let violations = fake.take_violations();
    assert_eq!(violations.len(), asked.len() + 1, "{violations:#?}");
    assert_eq!(fake.events(), [""; 0]);
}
