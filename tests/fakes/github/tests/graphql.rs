//! GraphQL: selection, pages, bounds, errors.

use super::*;

const MEMBERS: &str = "query($org: String!, $slug: String!, $after: String) { organization(login: $org) { team(slug: $slug) { \
     id databaseId members(first: 100, after: $after, membership: IMMEDIATE) { \
     edges { role node { ...who } } pageInfo { hasNextPage endCursor } } } } } fragment who on User { databaseId login }";

fn of(slug: &str) -> Value {
    json!({"org": "acme", "slug": slug})
}

#[tokio::test]
async fn immediate_members_are_not_those_below() {
    let fake = GitHub::start(world());
    let answer = ask(&fake, MEMBERS, of("oncall")).await;
    let team = &answer["data"]["organization"]["team"];
    assert_eq!(team["members"]["edges"], json!([{"role": "MAINTAINER", "node": {"databaseId": 2, "login": "grace"}}]));
    assert_eq!(team["id"], get(&fake, "/orgs/acme/teams/oncall").await.body["node_id"]);
    let query = "{ organization(login: \"ACME\") { team(slug: \"oncall\") { all: members(first: 9) { totalCount } \
        below: members(first: 9, membership: CHILD_TEAM) { nodes { login } } childTeams(first: 1) { nodes { slug } } } } }";
    let team = &ask(&fake, query, json!({})).await["data"]["organization"]["team"];
    assert_eq!(team["all"]["totalCount"], 2);
    assert_eq!(team["below"]["nodes"], json!([{"login": "ada"}]));
    assert_eq!(team["childTeams"]["nodes"][0]["slug"], "oncall-dba");
}

#[tokio::test]
async fn pages_go_on_after_their_cursor() {
    let world = world().in_team(10, 1, Role::Member).with(|world| world.page_limit = 1);
    let fake = GitHub::start(world);
    let page = |answer: &Value| answer["data"]["organization"]["team"]["members"].clone();
    let first = page(&ask(&fake, MEMBERS, of("oncall")).await);
    assert_eq!((&first["edges"][0]["node"]["login"], &first["pageInfo"]["hasNextPage"]), (&json!("ada"), &json!(true)));
    let mut next = of("oncall");
    next["after"] = first["pageInfo"]["endCursor"].clone();
    let second = page(&ask(&fake, MEMBERS, next.clone()).await);
    assert_eq!(
        (&second["edges"][0]["node"]["login"], &second["pageInfo"]["hasNextPage"]),
        (&json!("grace"), &json!(false))
    );
    next["after"] = json!("nonsense");
    assert_eq!(errors(&ask(&fake, MEMBERS, next).await), ["INVALID_CURSOR_ARGUMENTS"]);
}

#[tokio::test]
async fn bounds_are_kept() {
    let fake = GitHub::start(world());
    let query = |inner: &str| format!("{{ organization(login: \"acme\") {{ {inner} }} }}");
    let many = ask(&fake, &query("teams(first: 101) { totalCount }"), json!({})).await;
    assert_eq!((errors(&many), &many["data"]["organization"]), (vec!["EXCESSIVE_PAGINATION"], &Value::Null));
    let none = ask(&fake, &query("teams { totalCount }"), json!({})).await;
    assert_eq!(errors(&none), ["MISSING_PAGINATION_BOUNDARIES"]);
    let huge = query(
        "teams(first: 100) { nodes { members(first: 100) { nodes { login } } \
        childTeams(first: 100) { nodes { members(first: 100) { nodes { login } } } } } }",
    );
    assert_eq!(errors(&ask(&fake, &huge, json!({})).await), ["MAX_NODE_LIMIT_EXCEEDED"]);
    let ids = vec!["U_x"; 101];
    let answer = ask(&fake, "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({"ids": ids})).await;
    assert_eq!(errors(&answer), ["ARGUMENT_LIMIT"]);
    let cost = "query($n: Int!) { rateLimit { cost nodeCount } organization(login: \"acme\") { teams(first: $n) { nodes { \
        members(first: 10) { nodes { login } } } } } }";
    let answer = ask(&fake, cost, json!({"n": 100})).await;
    assert_eq!(answer["data"]["rateLimit"], json!({"cost": 1, "nodeCount": 1100}));
}

#[tokio::test]
async fn what_is_missing_spoils_nothing_else() {
    let fake = GitHub::start(world());
    let ada = get(&fake, "/users/ada").await.body["node_id"].clone();
    let team = get(&fake, "/orgs/acme/teams/oncall").await.body["node_id"].clone();
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename ... on User { login } ... on Team { slug } } \
        gone: organization(login: \"nowhere\") { id } here: organization(login: \"acme\") { team(slug: \"none\") { id } } }";
    let answer = ask(&fake, query, json!({"ids": [ada, "U_gone", team]})).await;
    let nodes = json!([{"__typename": "User", "login": "ada"}, null, {"__typename": "Team", "slug": "oncall"}]);
    assert_eq!(answer["data"], json!({"nodes": nodes, "gone": null, "here": {"team": null}}));
    assert_eq!(errors(&answer), ["NOT_FOUND", "NOT_FOUND"]);
    assert_eq!(answer["errors"][1]["path"], json!(["nodes", 1]));
}

#[tokio::test]
async fn identities_and_verified_addresses_are_for_owners() {
    let unclaimed = Identity { scim_username: Some("new@example.com".into()), ..Identity::default() };
    let world = world().saml(1, "ada@example.com").identity(unclaimed);
    let world = world.verified_email(2, "grace@example.com").verified_email(5, "eve@example.com");
    let fake = GitHub::start(world);
    let query = "{ organization(login: \"acme\") { login samlIdentityProvider { externalIdentities(first: 10) { nodes { guid \
        samlIdentity { nameId emails { value } } scimIdentity { username } user { login databaseId } } } } \
        membersWithRole(first: 10) { edges { role node { login organizationVerifiedDomainEmails(login: \"acme\") } } } } }";
    let answer = ask(&fake, query, json!({})).await;
    let org = &answer["data"]["organization"];
    assert_eq!(
        org["samlIdentityProvider"]["externalIdentities"]["nodes"],
        json!([
            {"guid": "guid-1", "samlIdentity": {"nameId": "ada@example.com", "emails": []}, "scimIdentity": null,
             "user": {"login": "ada", "databaseId": 1}},
            {"guid": "guid-2", "samlIdentity": null, "scimIdentity": {"username": "new@example.com"}, "user": null},
        ])
    );
    let members = &org["membersWithRole"]["edges"];
    assert_eq!(members[1]["node"]["organizationVerifiedDomainEmails"], json!(["grace@example.com"]));
    assert_eq!((members.as_array().map(Vec::len), &members[2]["role"]), (Some(3), &json!("ADMIN")));

    fake.change(|world| world.rights.remove(&Right::Identities));
    let answer = ask(&fake, query, json!({})).await;
    assert_eq!(errors(&answer), ["INSUFFICIENT_SCOPES"]);
    let org = &answer["data"]["organization"];
    assert_eq!((&org["login"], &org["samlIdentityProvider"]), (&json!("acme"), &Value::Null), "the rest is served");
    assert_eq!(org["membersWithRole"]["edges"][1]["node"]["organizationVerifiedDomainEmails"], json!([]));
    let eve = "{ user(login: \"eve\") { organizationVerifiedDomainEmails(login: \"acme\") } }";
    fake.change(|world| world.rights.insert(Right::Identities));
    let answer = ask(&fake, eve, json!({})).await;
    assert_eq!(answer["data"]["user"]["organizationVerifiedDomainEmails"], json!([]), "an outsider's are nobody's");
}

#[tokio::test]
async fn limits_come_with_status_200() {
    let fake = GitHub::start(world());
    fake.fail("/graphql", 1, Fault::GraphQlLimit { reset: 1 });
    let answer = ask(&fake, "{ viewer { login } }", json!({})).await;
    assert_eq!((errors(&answer), &answer["data"]), (vec!["RATE_LIMITED"], &Value::Null));
    fake.fail("/graphql", 1, Fault::GraphQl("SERVICE_UNAVAILABLE", "Something went wrong."));
    assert_eq!(errors(&ask(&fake, "{ viewer { login } }", json!({})).await), ["SERVICE_UNAVAILABLE"]);
    fake.change(|world| world.page_limit = 1);
    fake.fail("/graphql", 1, Fault::Endless);
    let answer = ask(&fake, MEMBERS, of("oncall-dba")).await;
    assert_eq!(answer["data"]["organization"]["team"]["members"]["pageInfo"]["hasNextPage"], true);
    let spent = GitHub::start(world().limit(0));
    assert_eq!(errors(&ask(&spent, "{ viewer { login } }", json!({})).await), ["RATE_LIMITED"]);
}

#[tokio::test]
async fn invalid_queries_are_remembered() {
    let fake = GitHub::start(world());
    let queries = [
        (
            "{ organization(login: \"acme\") { secrets } }",
            json!({}),
            "Field 'secrets' doesn't exist on type 'Organization'",
        ),
        ("{ organization { login } }", json!({}), "login"),
        ("{ search(type: USER, query: \"ada@example.com\", first: 1) { userCount } }", json!({}), "Field 'search'"),
        ("query($slug: String!) { organization(login: $slug) { login } }", json!({}), "slug"),
        ("query($slug: String!) { viewer { login } }", json!({"slug": "x"}), "slug"),
        ("{ organization(login: 5) { login } }", json!({}), ""),
        ("mutation { addStar(input: {}) { id } }", json!({}), ""),
        ("{ viewer }", json!({}), ""),
        ("{ viewer { login }", json!({}), ""),
    ];
    for (query, variables, says) in &queries {
        let answer = ask(&fake, query, variables.clone()).await;
        let violation = fake.take_violations();
        assert_eq!(violation.len(), 1, "{query}: {answer}");
        assert!(violation[0].contains(says), "{query}: {violation:?}");
    }
}
