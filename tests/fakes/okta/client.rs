//! A plain client, which signs what the stand-in verifies and can be made to do it wrong.

use chrono::{DateTime, Utc};
use reqwest::{Method, RequestBuilder, Response};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Fake;
use super::auth::{API_TOKEN, CLIENT_ID};
use crate::fakes::jwt::{encode, hash, signed};
use crate::fakes::keys;

/// Names every token differently.
static NEXT: AtomicUsize = AtomicUsize::new(0);

pub(super) fn unique() -> String {
    format!("id-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What a request was answered with.
#[derive(Debug)]
pub(super) struct Told {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Told {
    pub(super) async fn of(request: RequestBuilder) -> Self {
        let response: Response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.expect("a body");
        Self { status, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII")).unwrap_or_default()
    }

    /// Every `Link` header.
    pub(super) fn links(&self) -> Vec<String> {
        self.headers.get_all("link").iter().map(|link| link.to_str().expect("ASCII").to_owned()).collect()
    }

    /// Where the next page is.
    pub(super) fn next(&self) -> Option<String> {
        let links = self.links().join(", ");
        let next = links.split(", ").find(|link| link.ends_with("rel=\"next\""))?;
        Some(next.trim_start_matches('<').split('>').next()?.to_owned())
    }

    /// Status and error code, of the API or of OAuth.
    pub(super) fn error(&self) -> (u16, &str) {
        (self.status, self.body["errorCode"].as_str().or(self.body["error"].as_str()).unwrap_or_default())
    }

    pub(super) fn ids(&self) -> Vec<&str> {
        self.body.as_array().expect("a list").iter().map(|one| one["id"].as_str().expect("an id")).collect()
    }
}

pub(super) fn http() -> reqwest::Client {
    let tls = oncall_sync::net::tls::config(None).expect("TLS, which is not used");
    let builder = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy();
    builder.redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

/// A request with the API token; `path` may have a query.
pub(super) async fn ask(fake: &Fake, method: Method, path: &str) -> Told {
    let url = if path.starts_with("http") { path.to_owned() } else { fake.url() + path };
    Told::of(http().request(method, url).header("authorization", format!("SSWS {API_TOKEN}"))).await
}

pub(super) async fn get(fake: &Fake, path: &str) -> Told {
    ask(fake, Method::GET, path).await
}

pub(super) async fn search(fake: &Fake, list: &str, expression: &str) -> Told {
    let url = reqwest::Url::parse_with_params(&format!("{}/api/v1/{list}", fake.url()), [("search", expression)]);
    get(fake, url.expect("an address").as_str()).await
}

/// The claims of an assertion that is in order.
pub(super) fn assertion(fake: &Fake, now: DateTime<Utc>) -> Value {
    json!({
        "iss": CLIENT_ID, "sub": CLIENT_ID, "aud": format!("{}/oauth2/v1/token", fake.url()),
        "iat": now.timestamp(), "exp": now.timestamp() + 300, "jti": unique(),
    })
}

/// Asks for a token with these assertion claims, and a proof or none.
pub(super) async fn token(fake: &Fake, claims: &Value, proof: Option<String>) -> Told {
    let assertion = signed(keys::PKCS8, &json!({"alg": "RS256", "kid": keys::KEY_ID}), claims);
    token_with(fake, &assertion, "okta.groups.manage okta.users.read", proof).await
}

pub(super) async fn token_with(fake: &Fake, assertion: &str, scope: &str, proof: Option<String>) -> Told {
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", scope),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
    ];
    let mut request = http().post(fake.url() + "/oauth2/v1/token").form(&form);
    if let Some(proof) = proof {
        request = request.header("dpop", proof);
    }
    Told::of(request).await
}

/// A key for proofs.
pub(super) struct Prover(EcdsaKeyPair);

impl Prover {
    pub(super) fn new() -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random).expect("a key"))
    }

    pub(super) fn jwk(&self) -> Value {
        let point = self.0.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..])})
    }

    pub(super) fn sign(&self, header: &Value, claims: &Value) -> String {
        let text = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.0.sign(&SystemRandom::new(), text.as_bytes()).expect("signed");
        format!("{text}.{}", encode(signature))
    }

    /// A proof that is in order but for what `more` puts in the place of its claims.
    pub(super) fn proof(&self, method: &str, url: &str, now: DateTime<Utc>, more: &Value) -> String {
        let mut claims = json!({"htm": method, "htu": url, "iat": now.timestamp(), "jti": unique()});
        for (name, value) in more.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        self.sign(&json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()}), &claims)
    }

    /// The whole way to a token that is bound to this key.
    pub(super) async fn token(&self, fake: &Fake, now: DateTime<Utc>) -> String {
        let url = fake.url() + "/oauth2/v1/token";
        let first = token(fake, &assertion(fake, now), Some(self.proof("POST", &url, now, &json!({})))).await;
        assert_eq!(first.error(), (400, "use_dpop_nonce"), "{first:?}");
        let nonce = json!({"nonce": first.header("dpop-nonce")});
        let second = token(fake, &assertion(fake, now), Some(self.proof("POST", &url, now, &nonce))).await;
        assert_eq!((second.status, &second.body["token_type"]), (200, &json!("DPoP")), "{second:?}");
        second.body["access_token"].as_str().expect("a token").to_owned()
    }

    /// GETs `path` with a bound token, whose proof names `named` and says `more`.
    pub(super) async fn get(
        &self,
        fake: &Fake,
        (path, named): (&str, &str),
        token: &str,
        now: DateTime<Utc>,
        more: &Value,
    ) -> Told {
        let mut claims = json!({"ath": hash(token)});
        for (name, value) in more.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        let proof = self.proof("GET", &(fake.url() + named), now, &claims);
        let request = http().get(fake.url() + path).header("authorization", format!("DPoP {token}"));
        Told::of(request.header("dpop", proof)).await
    }
}
