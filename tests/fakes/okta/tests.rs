//! The stand-in itself: what it answers, and what it refuses.

mod credentials;
mod limits;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde_json::json;

use super::client::{Told, ask, get, search};
use super::*;

fn now() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().expect("an instant")
}

fn world() -> World {
    World::at(now())
        .user("00u1", "Alice@Example.com")
        .account("00u2", "bob", "bob@example.com", Status::Active)
        .account("00u3", "carol@example.com", "carol@example.com", Status::Suspended)
        .group("00g1", "Oncall")
        .group("00g2", "oncall-2")
        .group_of("00g3", "Directory", Kind::App)
        .group_of("00g4", "Everyone", Kind::BuiltIn)
}

/// Bytes as they are; a client's library would put them straight.
fn raw(fake: &Fake, line: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(fake.url().replace("http://", "")).expect("it listens");
    let length = body.len();
    write!(stream, "{line} HTTP/1.1\r\nhost: fake\r\nauthorization: SSWS {API_TOKEN}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

async fn put(fake: &Fake, group: &str, user: &str) -> Told {
    ask(fake, Method::PUT, &format!("/api/v1/groups/{group}/users/{user}")).await
}

async fn delete(fake: &Fake, group: &str, user: &str) -> Told {
    ask(fake, Method::DELETE, &format!("/api/v1/groups/{group}/users/{user}")).await
}

#[tokio::test]
async fn memberships_come_and_go_and_come_to_the_same() {
    let fake = Okta::start(world());
    for told in [true, false] {
        assert_eq!(put(&fake, "00g1", "00u1").await.status, 204);
        assert_eq!(fake.changes().last().map(|change| (change.put, change.told)), Some((true, told)));
    }
    assert_eq!(fake.members("00g1"), ["00u1"]);
    let listed = get(&fake, "/api/v1/groups/00g1/users?limit=200").await;
    assert_eq!(listed.ids(), ["00u1"]);
    assert_eq!(listed.body[0]["profile"]["login"], "Alice@Example.com");
    for told in [true, false] {
        assert_eq!(delete(&fake, "00g1", "00u1").await.status, 204);
        assert_eq!(fake.changes().last().map(|change| (change.put, change.told)), Some((false, told)));
    }
    assert_eq!(put(&fake, "00g9", "00u1").await.error(), (404, "E0000007"));
    let nobody = delete(&fake, "00g1", "00u9").await;
    assert_eq!(nobody.error(), (404, "E0000007"));
    assert_eq!(nobody.body["errorSummary"], "Not found: Resource not found: 00u9 (User)");
    assert_eq!(put(&fake, "00g3", "00u1").await.error(), (403, "E0000006"));
    assert_eq!(delete(&fake, "00g4", "00u1").await.error(), (403, "E0000006"));
    fake.change(|world| world.set_status("00u2", Status::Deprovisioned));
    assert_eq!(put(&fake, "00g1", "00u2").await.error(), (403, "E0000038"));
}

#[tokio::test]
async fn every_answer_has_an_id_a_date_and_a_limit() {
    let fake = Okta::start(world());
    let one = get(&fake, "/api/v1/groups/00g1").await;
    let two = get(&fake, "/api/v1/groups/none").await;
    assert_ne!(one.header("x-okta-request-id"), two.header("x-okta-request-id"));
    assert_eq!(one.header("date"), "Sun, 01 Mar 2026 12:00:00 GMT");
    assert_eq!((one.header("x-rate-limit-limit"), one.header("x-rate-limit-remaining")), ("600", "599"));
    assert_eq!(two.header("x-rate-limit-remaining"), "598");
    let reset: i64 = one.header("x-rate-limit-reset").parse().expect("seconds");
    assert_eq!(reset - now().timestamp(), 60);
    let anonymous = Told::of(super::client::http().get(fake.url() + "/api/v1/groups/00g1")).await;
    assert_eq!(anonymous.error(), (401, "E0000011"));
    assert!(!anonymous.header("x-okta-request-id").is_empty());
}

#[tokio::test]
async fn a_rule_s_member_who_is_taken_out_is_excluded_from_it() {
    let fake = Okta::start(world().rule("0pr1", "00g1", &["00u1", "00u2"]).inactive_rule("0pr2", "00g1", &["00u3"]));
    assert_eq!(fake.members("00g1"), ["00u1", "00u2"]);
    assert_eq!(delete(&fake, "00g1", "00u3").await.status, 204);
    assert_eq!(fake.exclusions(), []);
    assert_eq!(delete(&fake, "00g1", "00u1").await.status, 204);
    assert_eq!(fake.members("00g1"), ["00u2"]);
    assert_eq!(fake.exclusions(), [("0pr1".to_owned(), "00u1".to_owned())]);
    let rules = get(&fake, "/api/v1/groups/rules?limit=50").await;
    assert_eq!(rules.ids(), ["0pr1", "0pr2"]);
    assert_eq!(rules.body[0]["conditions"]["people"]["users"]["exclude"], json!(["00u1"]));
    assert_eq!((&rules.body[0]["status"], &rules.body[1]["status"]), (&json!("ACTIVE"), &json!("INACTIVE")));
}

#[tokio::test]
async fn groups_are_found_by_id_by_search_by_beginning_and_by_type() {
    let fake = Okta::start(world());
    let one = get(&fake, "/api/v1/groups/00g3").await;
    assert_eq!((&one.body["type"], &one.body["profile"]["name"]), (&json!("APP_GROUP"), &json!("Directory")));
    assert_eq!(search(&fake, "groups", "profile.name eq \"oncall\"").await.ids(), ["00g1"]);
    assert_eq!(get(&fake, "/api/v1/groups?q=ONCALL").await.ids(), ["00g1", "00g2"]);
    assert_eq!(get(&fake, "/api/v1/groups?filter=type%20eq%20%22BUILT_IN%22").await.ids(), ["00g4"]);
    assert_eq!(get(&fake, "/api/v1/groups?filter=type%20eq%20%22built_in%22").await.ids(), [""; 0]);
    fake.change(|world| world.manners.not_indexed.insert("00g1".to_owned()));
    assert_eq!(search(&fake, "groups", "profile.name eq \"oncall\"").await.ids(), [""; 0]);
}

#[tokio::test]
async fn users_are_found_by_expression() {
    let odd = "o\"b\\r/ie*n(x)@example.com";
    let fake = Okta::start(world().user("00u9", odd));
    let find = async |expression: &str| {
        let told = search(&fake, "users", expression).await;
        if told.status == 200 { Ok(told.ids().join(" ")) } else { Err(told.error().1.to_owned()) }
    };
    for (expression, found) in [
        ("profile.login eq \"ALICE@example.com\"", "00u1"),
        ("profile.email EQ \"bob@example.com\"", "00u2"),
        ("profile.login eq \"bob@example.com\"", ""),
        ("profile.login eq \"bob\" or profile.email eq \"carol@example.com\"", "00u2 00u3"),
        ("profile.login sw \"a\" Or profile.email sw \"b\" aNd status eq \"SUSPENDED\"", "00u1"),
        ("(profile.login sw \"a\" or profile.email sw \"c\") and status eq \"suspended\"", "00u3"),
        ("profile.email eq \"álice@example.com\"", ""),
        ("profile.email eq \"*\"", ""),
        ("profile.email eq \"o\\\"b\\\\r/ie*n(x)@example.com\"", "00u9"),
        ("profile.email co \"LIC\"", "00u1"),
    ] {
        assert_eq!(find(expression).await.as_deref(), Ok(found), "{expression}");
    }
    for expression in [
        "profile.login eq \"alice",
        "profile.login eq alice",
        "profile.login eq \"a\"\"b\"",
        "profile.login eq \"a\\x\"",
        "profile.login ne \"a\"",
        "not profile.login eq \"a\"",
        "Profile.login eq \"a\"",
        "login eq \"a\"",
        "(profile.login eq \"a\"",
        "profile.login eq \"a\" or",
        "status co \"A\"",
        "profile.login eq \"a\nb\"",
        "",
    ] {
        assert_eq!(find(expression).await, Err("E0000031".to_owned()), "{expression}");
    }
    fake.change(|world| world.manners.not_indexed.insert("00u1".to_owned()));
    assert_eq!(find("profile.login eq \"alice@example.com\"").await.as_deref(), Ok(""));
    assert_eq!(
        get(&fake, "/api/v1/users/alice@example.com").await.body["id"],
        "00u1",
        "asked for directly, it is there"
    );
    fake.change(|world| world.manners.loose_search = true);
    assert_eq!(
        find("profile.login eq \"bob@example.com\"").await.as_deref(),
        Ok("00u2"),
        "an index not to be relied on"
    );
}

/// By id, login or short name; what is not in a login's plain signs is another login's door.
#[tokio::test]
async fn one_user_is_found_in_more_ways_than_one_would_like() {
    let fake = Okta::start(world().user("00u5", "alice@example.org").user("00u6", "renee@example.com"));
    for (key, found) in [
        ("00u1", "00u1"),
        ("ALICE@EXAMPLE.COM", "00u1"),
        ("alice%40example.com", "00u1"),
        ("carol", "00u3"),
        ("ren%C3%A9e@example.com", "00u6"),
        ("alice@example.com%3B@example.org", "00u1"),
        ("alice@example.com%3F", "00u1"),
        ("me", "00uadmin00000000001"),
    ] {
        let told = get(&fake, &format!("/api/v1/users/{key}")).await;
        assert_eq!((told.status, told.body["id"].as_str()), (200, Some(found)), "{key}");
    }
    for key in ["alice", "bob@example.com", "*", "nobody@example.com"] {
        assert_eq!(get(&fake, &format!("/api/v1/users/{key}")).await.error(), (404, "E0000007"), "{key}");
    }
    for key in ["a%2Fb@example.com", "a%5Cb@example.com", "a%5Bb%5D@example.com"] {
        let told = get(&fake, &format!("/api/v1/users/{key}")).await;
        assert_eq!((told.status, told.header("content-type")), (400, "text/html;charset=utf-8"), "{key}");
    }
    for status in Status::ALL {
        fake.change(|world| world.set_status("00u1", status));
        assert_eq!(get(&fake, "/api/v1/users/alice@example.com").await.body["status"], status.word());
    }
}

#[tokio::test]
async fn remembers_what_no_client_should_send() {
    let fake = Okta::start(world());
    for (method, path, status, code) in [
        (Method::GET, "/api/v1/apps", 404, "E0000007"),
        (Method::GET, "/api/v1/users", 400, "E0000001"),
        (Method::GET, "/api/v1/users/", 404, "E0000007"),
        (Method::GET, "/api/v1/users/?search=x", 404, "E0000007"),
        (Method::GET, "/api/v1/groups//users", 404, "E0000007"),
        (Method::DELETE, "/api/v1/groups/00g1", 405, "E0000022"),
        (Method::DELETE, "/api/v1/users/00u1", 405, "E0000022"),
        (Method::POST, "/api/v1/groups/00g1/users/00u1", 405, "E0000022"),
        (Method::DELETE, "/api/v1/groups/00g1/users", 405, "E0000022"),
        (Method::GET, "/api/v1/groups/00g1/users?page=2", 400, "E0000001"),
        (Method::GET, "/api/v1/groups?q=a&search=b", 400, "E0000001"),
        (Method::GET, "/api/v1/groups/00g1/users?limit=1&limit=2", 400, "E0000001"),
        (Method::GET, "/oauth2/v1/token", 404, "E0000007"),
    ] {
        let told = ask(&fake, method.clone(), path).await;
        assert_eq!(told.error(), (status, code), "{method} {path}");
        assert_eq!(fake.take_violations().len(), 1, "{method} {path}");
    }
    assert!(raw(&fake, "PUT /api/v1/groups/00g1/users/00u1", "{}").starts_with("HTTP/1.1 400"));
    assert!(raw(&fake, "GET /api/v1/users/../apps", "").starts_with("HTTP/1.1 404"));
    assert_eq!(fake.take_violations().len(), 2);
    let accept = super::client::http().get(fake.url() + "/api/v1/groups/00g1").header("accept", "text/xml");
    assert_eq!(Told::of(accept.header("authorization", format!("SSWS {API_TOKEN}"))).await.status, 400);
    assert_eq!(fake.take_violations().len(), 1);
}

#[test]
#[should_panic(expected = "Okta was asked what it does not know")]
fn it_panics_where_somebody_sent_it_and_nobody_looked() {
    let fake = Okta::start(world());
    raw(&fake, "GET /api/v1/apps", "");
}

#[tokio::test]
async fn fails_as_often_as_told() {
    let fake = Okta::start(world());
    let path = "/api/v1/groups/00g1/users/00u1";
    fake.fail_at("PUT", "/users/", 1, Fault::Html(503));
    fake.fail_at("PUT", "/users/", 1, Fault::DoneBut(502));
    assert_eq!(get(&fake, "/api/v1/users/bob").await.status, 200, "another method");
    assert_eq!((ask(&fake, Method::PUT, path).await.status, fake.members("00g1").len()), (503, 0));
    assert_eq!((ask(&fake, Method::PUT, path).await.status, fake.members("00g1").len()), (502, 1));
    assert!(fake.is_spent());
    fake.fail_after("00g1", 1, 1, Fault::Forbidden);
    assert_eq!(get(&fake, "/api/v1/groups/00g1").await.status, 200);
    assert_eq!(get(&fake, "/api/v1/groups/00g1").await.error(), (403, "E0000006"));
    fake.fail("", 1, Fault::Error(400, "E0000031", "Invalid search criteria."));
    assert_eq!(get(&fake, "/api/v1/groups/00g1").await.error(), (400, "E0000031"));
    fake.fail("", usize::MAX, Fault::InvalidToken);
    assert_eq!(get(&fake, "/api/v1/groups/00g1").await.error(), (401, "E0000011"));
    fake.heal();
    assert_eq!(get(&fake, "/api/v1/groups/00g1").await.status, 200);
    fake.fail("00g1", 1, Fault::Gone);
    let request = super::client::http().get(fake.url() + "/api/v1/groups/00g1");
    request.header("authorization", format!("SSWS {API_TOKEN}")).send().await.expect_err("no answer");
    fake.heal();
    assert_eq!(get(&fake, "/api/v1/groups/00g1").await.status, 200);
}
