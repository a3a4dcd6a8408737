//! Tokens, assertions and proofs: each thing that can be wrong with them, one at a time.

use chrono::TimeDelta;
use serde_json::Value;

use super::super::client::{Prover, assertion, http, token, token_with, unique};
use super::*;
use crate::fakes::jwt::{hash, signed};
use crate::fakes::keys;

const GROUP: &str = "/api/v1/groups/00g1";
const SCOPES: &str = "okta.groups.manage okta.users.read";

fn without_dpop() -> World {
    world().manners(|manners| manners.requires_dpop = false)
}

async fn bearer(fake: &Fake, token: &str) -> Told {
    Told::of(http().get(fake.url() + GROUP).header("authorization", format!("Bearer {token}"))).await
}

/// `base` with one member changed; null takes it away.
fn with(mut base: Value, name: &str, value: Value) -> Value {
    if value.is_null() {
        base.as_object_mut().expect("an object").remove(name);
    } else {
        base[name] = value;
    }
    base
}

#[tokio::test]
async fn takes_only_its_own_api_token() {
    let fake = Okta::start(world());
    for authorization in
        ["SSWS another", "SSWS", "Basic x", &format!("ssws {API_TOKEN}"), &format!("Bearer {API_TOKEN}")]
    {
        let told = Told::of(http().get(fake.url() + GROUP).header("authorization", authorization)).await;
        assert_eq!(told.error(), (401, "E0000011"), "{authorization}");
    }
}

#[tokio::test]
async fn an_assertion_is_verified_in_every_part() {
    let fake = Okta::start(without_dpop());
    let fine = || assertion(&fake, now());
    let told = token(&fake, &fine(), None).await;
    assert_eq!(
        (told.status, &told.body["token_type"], &told.body["expires_in"]),
        (200, &json!("Bearer"), &json!(3600))
    );
    assert_eq!(bearer(&fake, told.body["access_token"].as_str().expect("a token")).await.status, 200);
    let at = now().timestamp();
    for (claim, value) in [
        ("iss", json!("0oaother")),
        ("sub", json!("0oaother")),
        ("aud", json!(fake.url())),
        ("aud", json!(format!("{}/oauth2/v1/token?x", fake.url()))),
        ("exp", json!(at - 1)),
        ("exp", json!(at + 3700)),
        ("exp", Value::Null),
        ("iat", json!(at + 3000)),
    ] {
        let told = token(&fake, &with(fine(), claim, value.clone()), None).await;
        assert_eq!(told.error(), (401, "invalid_client"), "{claim} {value}");
    }
    let once = fine();
    assert_eq!(token(&fake, &once, None).await.status, 200);
    let again = token(&fake, &once, None).await;
    assert_eq!(again.error(), (401, "invalid_client"));
    assert!(again.body["error_description"].as_str().expect("text").contains("already been used"));
}

#[tokio::test]
async fn an_assertion_is_signed_by_the_registered_key_with_rs256() {
    let fake = Okta::start(without_dpop());
    let fine = json!({"alg": "RS256", "kid": KEY_ID});
    let of = |pem, header: &Value| signed(pem, header, &assertion(&fake, now()));
    let tampered = of(PKCS8, &fine).replace("eyJ", "eyK");
    for (what, text) in [
        ("a stranger's key", of(STRANGER, &fine)),
        ("another id", of(PKCS8, &json!({"alg": "RS256", "kid": "other"}))),
        ("another algorithm", of(PKCS8, &json!({"alg": "RS512", "kid": KEY_ID}))),
        ("none", of(PKCS8, &json!({"alg": "none", "kid": KEY_ID}))),
        ("tampered with", tampered),
        ("nothing", String::new()),
    ] {
        assert_eq!(token_with(&fake, &text, SCOPES, None).await.error(), (401, "invalid_client"), "{what}");
    }
    assert_eq!(
        token_with(&fake, &of(PKCS8, &json!({"alg": "RS256"})), SCOPES, None).await.status,
        200,
        "one key needs no id"
    );
    fake.change(|world| world.manners.two_keys = true);
    assert_eq!(token_with(&fake, &of(PKCS8, &json!({"alg": "RS256"})), SCOPES, None).await.status, 401);
    assert_eq!(token_with(&fake, &of(PKCS8, &fine), SCOPES, None).await.status, 200);
    for scope in ["", "okta.apps.read", "okta.groups.manage okta.apps.manage"] {
        assert_eq!(token_with(&fake, &of(PKCS8, &fine), scope, None).await.error(), (400, "invalid_scope"), "{scope}");
    }
    let body = http().post(fake.url() + "/oauth2/v1/token").body("grant_type=client_credentials");
    assert_eq!(Told::of(body).await.error(), (400, "invalid_request"));
    let form = http().post(fake.url() + "/oauth2/v1/token").form(&[("grant_type", "password")]);
    assert_eq!(Told::of(form).await.error(), (400, "unsupported_grant_type"));
}

#[tokio::test]
async fn every_scope_opens_its_own_doors() {
    let fake = Okta::start(without_dpop());
    let assertion = signed(PKCS8, &json!({"alg": "RS256"}), &assertion(&fake, now()));
    let told = token_with(&fake, &assertion, "okta.groups.read", None).await;
    let token = told.body["access_token"].as_str().expect("a token");
    assert_eq!(bearer(&fake, token).await.status, 200);
    let request = http().put(fake.url() + GROUP + "/users/00u1").header("authorization", format!("Bearer {token}"));
    let told = Told::of(request).await;
    assert_eq!(told.error(), (403, "E0000006"));
    assert!(told.header("www-authenticate").contains("scope=\"okta.groups.manage\", error=\"insufficient_scope\""));
    let request = http().get(fake.url() + "/api/v1/users/00u1").header("authorization", format!("Bearer {token}"));
    assert_eq!(Told::of(request).await.status, 403);
}

#[tokio::test]
async fn a_token_ends() {
    let fake = Okta::start(without_dpop());
    let told = token(&fake, &assertion(&fake, now()), None).await;
    let token = told.body["access_token"].as_str().expect("a token");
    assert_eq!(bearer(&fake, token).await.status, 200);
    fake.ahead(TimeDelta::minutes(61));
    let told = bearer(&fake, token).await;
    assert_eq!(told.error(), (401, "E0000011"));
    assert!(told.header("www-authenticate").starts_with("Bearer authorization_uri="), "{told:?}");
    assert!(told.header("www-authenticate").contains("error=\"invalid_token\""), "{told:?}");
    fake.ahead(TimeDelta::zero());
    fake.expire_tokens();
    assert_eq!(bearer(&fake, token).await.status, 401);
}

#[tokio::test]
async fn a_bound_token_takes_a_nonce_and_a_proof() {
    let fake = Okta::start(world());
    let missing = token(&fake, &assertion(&fake, now()), None).await;
    assert_eq!(missing.error(), (400, "invalid_dpop_proof"));
    assert_eq!(missing.body["error_description"], "The DPoP proof JWT header is missing.");
    let prover = Prover::new();
    let token = prover.token(&fake, now()).await;
    let told = prover
        .get(&fake, (&format!("{GROUP}/users?limit=1"), &format!("{GROUP}/users")), &token, now(), &json!({}))
        .await;
    assert_eq!(told.status, 200, "{told:?}");
    let told = bearer(&fake, &token).await;
    assert_eq!(told.status, 400);
    let challenge = told.header("www-authenticate");
    assert!(
        challenge.starts_with("DPoP algs=\"RS256 RS384 RS512 ES256 ES384 ES512\", authorization_uri="),
        "{challenge}"
    );
    assert!(challenge.contains("error=\"invalid_dpop_proof\""), "{challenge}");
    let bare = http().get(fake.url() + GROUP).header("authorization", format!("DPoP {token}"));
    assert_eq!(Told::of(bare).await.status, 400);
    fake.expire_tokens();
    let told = prover.get(&fake, (GROUP, GROUP), &token, now(), &json!({})).await;
    assert_eq!(told.error(), (401, "E0000011"));
    assert!(told.header("www-authenticate").starts_with("DPoP "), "{told:?}");
    fake.renew_nonce();
    prover.token(&fake, now()).await;
}

#[tokio::test]
async fn a_proof_is_verified_in_every_part() {
    let fake = Okta::start(world());
    let prover = Prover::new();
    let token = prover.token(&fake, now()).await;
    let of = async |paths, more: Value| {
        let told = prover.get(&fake, paths, &token, now(), &more).await;
        let challenge = told.header("www-authenticate");
        if told.status == 200 {
            String::new()
        } else {
            challenge.split("error_description=").nth(1).expect("one").to_owned()
        }
    };
    let at = now().timestamp();
    let used = unique();
    for (paths, more, wrong) in [
        ((GROUP, GROUP), json!({"jti": used}), ""),
        ((GROUP, GROUP), json!({"jti": used}), "'jti'"),
        ((GROUP, GROUP), json!({"jti": ""}), "'jti'"),
        ((GROUP, GROUP), json!({"htm": "PUT"}), "'htm'"),
        ((GROUP, "/api/v1/groups/00g2"), json!({}), "'htu'"),
        (("/api/v1/groups/00g1/users?limit=1", "/api/v1/groups/00g1/users?limit=1"), json!({}), "'htu'"),
        (("/api/v1/users/alice%40example.com", "/api/v1/users/alice%40example.com"), json!({}), "'htu'"),
        (("/api/v1/users/alice%40example.com", "/api/v1/users/alice@example.com"), json!({}), ""),
        (("/api/v1/users/alice@example.com", "/api/v1/users/alice@example.com"), json!({}), ""),
        ((GROUP, GROUP), json!({"iat": at - 301}), "'iat'"),
        ((GROUP, GROUP), json!({"iat": at + 360}), "'iat'"),
        ((GROUP, GROUP), json!({"iat": at - 240}), ""),
        ((GROUP, GROUP), json!({"ath": hash("another")}), "'ath'"),
        ((GROUP, GROUP), json!({"nonce": "any"}), ""),
    ] {
        let told = of(paths, more.clone()).await;
        assert_eq!((told.is_empty(), told.contains(wrong)), (wrong.is_empty(), true), "{paths:?} {more} {told}");
    }
    let told = Prover::new().get(&fake, (GROUP, GROUP), &token, now(), &json!({})).await;
    assert!(told.header("www-authenticate").contains("key does not match"), "another key: {told:?}");
}

#[tokio::test]
async fn a_proof_s_header_is_verified_too() {
    let fake = Okta::start(world());
    let prover = Prover::new();
    let token = prover.token(&fake, now()).await;
    let fine = || json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": prover.jwk()});
    let mut private = prover.jwk();
    private["d"] = json!("secret");
    for (name, value, status) in [
        ("typ", json!("JWT"), 400),
        ("alg", json!("HS256"), 400),
        ("jwk", Value::Null, 400),
        ("jwk", private, 400),
        ("jwk", Prover::new().jwk(), 400),
        ("kid", json!("may be there"), 200),
    ] {
        let claims = json!({"htm": "GET", "htu": fake.url() + GROUP, "iat": now().timestamp(), "jti": unique(), "ath": hash(&token)});
        let proof = prover.sign(&with(fine(), name, value.clone()), &claims);
        let request = http().get(fake.url() + GROUP).header("authorization", format!("DPoP {token}"));
        assert_eq!(Told::of(request.header("dpop", proof)).await.status, status, "{name} {value}");
    }
    // RS256 will do as well.
    let header = json!({"typ": "dpop+jwt", "alg": "RS256", "jwk": keys::public()});
    let mut nonce = Value::Null;
    for status in [400, 200] {
        let claims = json!({"htm": "POST", "htu": fake.url() + "/oauth2/v1/token", "iat": now().timestamp(), "jti": unique(), "nonce": nonce});
        let told =
            super::super::client::token(&fake, &assertion(&fake, now()), Some(signed(PKCS8, &header, &claims))).await;
        assert_eq!(told.status, status, "{told:?}");
        nonce = json!(told.header("dpop-nonce"));
    }
}

#[tokio::test]
async fn the_api_may_want_a_nonce_of_its_own() {
    let fake = Okta::start(world());
    let prover = Prover::new();
    let token = prover.token(&fake, now()).await;
    fake.change(|world| world.manners.resource_nonce = true);
    fake.renew_nonce();
    let told = prover.get(&fake, (GROUP, GROUP), &token, now(), &json!({})).await;
    assert_eq!(told.status, 400);
    assert!(told.header("www-authenticate").contains("error=\"use_dpop_nonce\""), "{told:?}");
    let nonce = json!({"nonce": told.header("dpop-nonce")});
    assert_eq!(prover.get(&fake, (GROUP, GROUP), &token, now(), &nonce).await.status, 200);
}
