//! Manners, credentials, limits, faults.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;

use super::*;
use crate::fakes::gate::Loss;

#[tokio::test]
async fn demands_manners() {
    let fake = GitHub::start(world());
    let url = format!("{}/orgs/acme/teams", fake.url());
    let bare = || client().get(&url).header("authorization", format!("Bearer {TOKEN}"));
    let got = send(bare()).await;
    assert_eq!(got.status, 403);
    assert!(got.body.as_str().expect("plain text").contains("User-Agent"));
    let named = || bare().header("user-agent", "tests");
    assert_eq!(send(named().header("accept", "*/*")).await.status, 422);
    assert_eq!(send(named().header("accept", "application/json")).await.status, 422, "no version");
    let versioned = |version| named().header("accept", "application/json").header("x-github-api-version", version);
    assert_eq!(send(versioned("2020-01-01")).await.status, 400);
    assert_eq!(send(versioned("2026-03-10")).await.status, 200);
    let anonymous = client().get(&url).header("user-agent", "tests").header("accept", "application/json");
    assert_eq!(send(anonymous.header("x-github-api-version", "2022-11-28")).await.status, 422);
    let violations = fake.take_violations();
    assert_eq!(violations.len(), 4, "{violations:#?}");
}

#[tokio::test]
async fn takes_only_its_token() {
    let fake = GitHub::start(world());
    for wrong in ["ghp_another", "ghs_another", "a.b.c", "x"] {
        assert_eq!(send(polite(&fake, Method::GET, "/orgs/acme/teams", wrong)).await.status, 401, "{wrong}");
    }
    let got = send(polite(&fake, Method::GET, "/orgs/acme/installation", TOKEN)).await;
    assert_eq!(got.status, 401, "that takes the app's own word");
}

#[tokio::test]
async fn every_answer_tells_time_and_limit() {
    let fake = GitHub::start(world().limit(2));
    let far = now() + TimeDelta::days(40);
    fake.set_clock(far);
    let got = get(&fake, "/orgs/acme/teams").await;
    let date = httpdate::parse_http_date(got.header("date")).expect("a date");
    assert!(DateTime::<Utc>::from(date) - far < TimeDelta::minutes(1));
    assert_eq!((got.header("x-ratelimit-remaining"), got.header("x-ratelimit-used")), ("1", "1"));
    assert_eq!((got.header("x-ratelimit-limit"), got.header("x-ratelimit-resource")), ("2", "core"));
    let reset: i64 = got.header("x-ratelimit-reset").parse().expect("seconds");
    assert!((3600..3660).contains(&(reset - far.timestamp())), "{reset}");
    assert!(!got.header("x-github-request-id").is_empty());
    get(&fake, "/orgs/acme/teams").await;
    let spent = get(&fake, "/orgs/acme/teams").await;
    assert_eq!((spent.status, spent.header("x-ratelimit-remaining")), (403, "0"));
    assert!(spent.message().contains("API rate limit exceeded"), "{}", spent.message());
    let answer = ask(&fake, "{ viewer { login } rateLimit { remaining cost } }", json!({})).await;
    assert_eq!(answer["data"]["rateLimit"], json!({"remaining": 1, "cost": 1}), "that has an hour of its own");
}

#[tokio::test]
async fn limits_and_refusals_look_alike_but_for_their_words() {
    let fake = GitHub::start(world());
    for status in [403, 429] {
        fake.fail("teams", 1, Fault::Primary { status, reset: 2 });
        let got = get(&fake, "/orgs/acme/teams").await;
        assert_eq!((got.status, got.header("x-ratelimit-remaining")), (status, "0"));
        let reset: i64 = got.header("x-ratelimit-reset").parse().expect("seconds");
        assert!((0..=3).contains(&(reset - fake.change(|world| world.now().timestamp()))));
        fake.fail("teams", 1, Fault::Secondary { status, retry_after: Some(1) });
        let got = get(&fake, "/orgs/acme/teams").await;
        assert_eq!((got.status, got.header("retry-after"), got.message()), (status, "1", SECONDARY));
    }
    fake.fail("teams", 1, Fault::Secondary { status: 403, retry_after: None });
    let got = get(&fake, "/orgs/acme/teams").await;
    assert_eq!((got.header("retry-after"), got.message()), ("", SECONDARY));
    assert_ne!(got.header("x-ratelimit-remaining"), "0");
    fake.fail("teams", 1, Fault::Forbidden(BEYOND_APP));
    let got = get(&fake, "/orgs/acme/teams").await;
    assert_eq!((got.status, got.message()), (403, BEYOND_APP));
    assert!(fake.is_spent());
}

#[tokio::test]
async fn fails_as_often_as_told() {
    let fake = GitHub::start(world());
    fake.fail_after("PUT", 1, 1, Fault::DoneBut(502));
    assert_eq!(put(&fake, "oncall-dba", "ada", json!({})).await.status, 200);
    assert_eq!(put(&fake, "oncall", "ada", json!({})).await.status, 502);
    assert_eq!(fake.members(10), ["ada", "grace"], "and was carried out");
    fake.fail("teams", 1, Fault::Html(503));
    fake.fail("teams", 1, Fault::Garbage(9));
    fake.fail("teams", 1, Fault::Redirect("http://127.0.0.1:1/".to_owned()));
    fake.fail("teams", 1, Fault::Lost(Loss::After(3)));
    assert_eq!(get(&fake, "/orgs/acme/teams").await.status, 503);
    assert_eq!(get(&fake, "/orgs/acme/teams").await.body, "x".repeat(9));
    assert_eq!(get(&fake, "/orgs/acme/teams").await.status, 302);
    polite(&fake, Method::GET, "/orgs/acme/teams", TOKEN).send().await.expect_err("broken off");
    fake.fail("teams", 1, Fault::Endless);
    assert!(get(&fake, "/orgs/acme/teams?page=9").await.header("link").contains("next"));
    assert_eq!(get(&fake, "/orgs/acme/teams").await.status, 200);
    assert_eq!(fake.writes().len(), 2);
    fake.fail("teams", 1, Fault::Gone);
    polite(&fake, Method::GET, "/orgs/acme/teams", TOKEN).send().await.expect_err("nobody there");
    fake.heal();
    assert_eq!(get(&fake, "/orgs/acme/teams").await.status, 200);
}

#[tokio::test]
async fn counts_who_comes_at_once() {
    let fake = GitHub::start(world().latency(Duration::from_millis(300)));
    let crowd: Vec<_> = join_all((0..110).map(|_| get(&fake, "/orgs/acme/teams"))).await;
    assert!(fake.most_at_once() > 100, "{}", fake.most_at_once());
    assert!(crowd.iter().any(|got| got.message() == SECONDARY), "more than a hundred are too many");
    assert!(crowd.iter().any(|got| got.status == 200));
}

#[tokio::test]
async fn an_app_gets_a_token_for_its_signed_word() {
    let fake = GitHub::start(world());
    let app = |method, path: &str| polite(&fake, method, path, &good_jwt(now()));
    let installation = send(app(Method::GET, "/orgs/acme/installation")).await;
    assert_eq!(installation.body["id"], INSTALLATION);
    assert_eq!(send(app(Method::GET, "/orgs/globex/installation")).await.status, 404);
    let tokens = format!("/app/installations/{INSTALLATION}/access_tokens");
    let got = send(app(Method::POST, &tokens)).await;
    assert_eq!(got.status, 201);
    let end: DateTime<Utc> = got.body["expires_at"].as_str().expect("text").parse().expect("an instant");
    assert!((end - now() - TimeDelta::hours(1)).num_seconds() < 30, "{end}");
    let token = got.body["token"].as_str().expect("text").to_owned();
    assert!(token.starts_with("ghs_") && token.len() > 200, "as long as they are nowadays");
    let by_token = || polite(&fake, Method::GET, "/orgs/acme/teams", &token);
    assert_eq!(send(by_token()).await.status, 200);
    assert_eq!(send(app(Method::GET, "/orgs/acme/teams")).await.status, 403, "the word itself opens no team");
    fake.set_clock(now() + TimeDelta::minutes(61));
    assert_eq!(send(by_token()).await.status, 401);
    fake.set_clock(now());
    fake.fail("teams", 1, Fault::Expired);
    assert_eq!(send(by_token()).await.status, 401);
    assert_eq!(send(by_token()).await.status, 401, "for good");
    fake.change(|world| world.suspended = true);
    let got = send(app(Method::POST, &tokens)).await;
    assert_eq!((got.status, got.message()), (403, "This installation has been suspended"));
    assert_eq!(send(app(Method::POST, "/app/installations/7/access_tokens")).await.status, 404);
}

#[tokio::test]
async fn an_apps_word_is_verified() {
    let fake = GitHub::start(world());
    let (at, head) = (now().timestamp(), json!({"alg": "RS256", "typ": "JWT"}));
    let good = json!({"iss": APP_ID, "iat": at - 60, "exp": at + 500});
    let with = |key: &str, value: Value| {
        let mut claims = good.clone();
        claims[key] = value;
        claims
    };
    let signed = |claims: &Value| jwt(APP_KEY_PKCS8, &head, claims);
    let mut tampered = signed(&good);
    let other = BASE64_URL_SAFE_NO_PAD.encode(with("iss", json!(1)).to_string());
    tampered.replace_range(tampered.find('.').expect("a dot") + 1..tampered.rfind('.').expect("a dot"), &other);
    let cases = [
        ("good", signed(&good), ""),
        ("as text", signed(&with("iss", json!(APP_ID.to_string()))), ""),
        ("by client id", signed(&with("iss", json!(CLIENT_ID))), ""),
        ("other key", jwt(OTHER_KEY, &head, &good), "could not be decoded"),
        ("other algorithm", jwt(APP_KEY_PKCS8, &json!({"alg": "HS256"}), &good), "could not be decoded"),
        ("tampered", tampered, "could not be decoded"),
        ("other app", signed(&with("iss", json!(1))), "'iss'"),
        ("from the future", signed(&with("iat", json!(at + 120))), "'iat'"),
        ("no start", signed(&with("iat", Value::Null)), "'iat'"),
        ("over", signed(&with("exp", json!(at - 1))), "'exp'"),
        ("too long", signed(&with("exp", json!(at + 700))), "too far in the future"),
        ("no end", signed(&with("exp", Value::Null)), "'exp'"),
    ];
    for (name, word, says) in cases {
        let got = send(polite(&fake, Method::GET, "/orgs/acme/installation", &word)).await;
        assert_eq!(got.status, if says.is_empty() { 200 } else { 401 }, "{name}: {}", got.body);
        assert!(got.message().contains(says), "{name}: {}", got.body);
    }
}

#[tokio::test]
async fn an_enterprise_server_has_its_own_paths() {
    let fake = GitHub::start(world().on_server().suspended(1));
    assert!(fake.url().ends_with("/api/v3"));
    let got = get(&fake, "/orgs/acme/teams/oncall").await;
    assert_eq!((got.status, got.header("x-ratelimit-limit")), (200, ""), "limits are off there");
    assert!(!got.header("x-github-enterprise-version").is_empty());
    let answer = ask(&fake, "{ viewer { login suspendedAt } user(login: \"eve\") { suspendedAt } }", json!({})).await;
    assert_eq!(answer["data"]["viewer"], json!({"login": "ada", "suspendedAt": "2026-02-01T00:00:00Z"}));
    assert_eq!(answer["data"]["user"], json!({"suspendedAt": null}));
    assert_ne!(get(&fake, "/users/ada").await.body["suspended_at"], Value::Null);
    let elsewhere = GitHub::start(world());
    ask(&elsewhere, "{ viewer { suspendedAt } }", json!({})).await;
    assert_eq!(elsewhere.take_violations().len(), 1, "GitHub.com knows no such field");
    let beside = fake.url().replace("/api/v3", "/orgs/acme/teams");
    let request = client().get(beside).header("user-agent", "tests").header("accept", "application/json");
    let request =
        request.header("x-github-api-version", "2022-11-28").header("authorization", format!("Bearer {TOKEN}"));
    assert_eq!(send(request).await.status, 422);
    assert_eq!(fake.take_violations().len(), 1);
}
