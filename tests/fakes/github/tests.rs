//! The stand-in itself, asked by a plain client: what it answers, and what it refuses.

mod door;
mod graphql;
mod teams;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::*;
use crate::fakes::jwt::signed as jwt;

fn now() -> DateTime<Utc> {
    "2026-03-02T12:00:00Z".parse().expect("an instant")
}

/// Ada and Grace in the organisation, Olive who owns it, Penny who is invited, Eve who has nothing to do with it; a team
/// with Grace as its maintainer, and one below with Ada.
fn world() -> World {
    World::at(now())
        .member(1, "ada")
        .member(2, "grace")
        .owner(3, "olive")
        .invited(4, "penny")
        .outsider(5, "eve")
        .other_org(8_000, "globex")
        .team(10, "oncall")
        .named_team(11, "oncall-dba", "On-call DBA")
        .child_of(11, 10)
        .team_of("globex", 20, "oncall", "oncall")
        .in_team(10, 2, Role::Maintainer)
        .in_team(11, 1, Role::Member)
}

fn client() -> Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls = tls.expect("versions").with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let client = Client::builder().tls_backend_preconfigured(tls).no_proxy();
    client.redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

/// What came back.
struct Got {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    /// This field of each row.
    fn each(&self, field: &str) -> Vec<String> {
        let rows = self.body.as_array().unwrap_or_else(|| panic!("no list: {}", self.body));
        rows.iter().map(|row| row[field].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// A request with the manners of a good client.
fn polite(fake: &Fake, method: Method, path: &str, credential: &str) -> RequestBuilder {
    client()
        .request(method, format!("{}{path}", fake.url()))
        .header("user-agent", "tests")
        .header("accept", "application/vnd.github+json")
        .header("x-github-api-version", "2022-11-28")
        .header("authorization", format!("Bearer {credential}"))
}

async fn send(request: RequestBuilder) -> Got {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.expect("a body");
    Got { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}

async fn get(fake: &Fake, path: &str) -> Got {
    send(polite(fake, Method::GET, path, TOKEN)).await
}

async fn put(fake: &Fake, team: &str, login: &str, body: Value) -> Got {
    let path = format!("/orgs/acme/teams/{team}/memberships/{login}");
    send(polite(fake, Method::PUT, &path, TOKEN).json(&body)).await
}

async fn delete(fake: &Fake, team: &str, login: &str) -> Got {
    let path = format!("/orgs/acme/teams/{team}/memberships/{login}");
    send(polite(fake, Method::DELETE, &path, TOKEN)).await
}

/// The whole answer to a query; GraphQL fails with 200 as well.
async fn ask(fake: &Fake, query: &str, variables: Value) -> Value {
    let base = fake.url();
    let url = format!("{}/graphql", base.strip_suffix("/v3").unwrap_or(&base));
    let request = client().post(url).header("user-agent", "tests").header("accept", "application/vnd.github+json");
    let request = request.header("authorization", format!("Bearer {TOKEN}"));
    let got = send(request.json(&json!({"query": query, "variables": variables}))).await;
    got.body
}

fn errors(answer: &Value) -> Vec<&str> {
    let all = answer["errors"].as_array().into_iter().flatten();
    all.map(|error| error["type"].as_str().unwrap_or_default()).collect()
}

fn good_jwt(at: DateTime<Utc>) -> String {
    let claims = json!({"iss": APP_ID.to_string(), "iat": at.timestamp() - 60, "exp": at.timestamp() + 540});
    jwt(APP_KEY_PKCS8, &json!({"alg": "RS256", "typ": "JWT"}), &claims)
}
