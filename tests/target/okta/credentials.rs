//! The service app: keys in their forms, proofs, tokens that end.

use chrono::TimeDelta;

use super::contract::owned;
use super::*;

fn bearer() -> World {
    world().manners(|manners| manners.requires_dpop = false)
}

async fn read_as(fake: &Fake, toml: &str) -> anyhow::Result<Current> {
    let _ = fake;
    read_by(toml, context(), &[ALICE], &[GROUP]).await
}

#[tokio::test]
async fn a_key_is_taken_in_each_of_its_forms() {
    for (key, more) in
        [(PKCS8, ""), (PKCS1, ""), (JWK, ""), (PKCS8, "key_id = \"fake-key-1\"\n"), (JWK, "key_id = \"fake-key-1\"\n")]
    {
        for world in [world(), bearer()] {
            let fake = Okta::start(world);
            let current = read_as(&fake, &fake.toml_with_key(key, more)).await.expect("a reading");
            assert_eq!(current.accounts.len(), 1);
        }
    }
    let fake = Okta::start(world().manners(|manners| manners.two_keys = true));
    read_as(&fake, &fake.toml_with_key(JWK, "")).await.expect("a JWK names its own key");
    let error = told(&fake, read_as(&fake, &fake.toml_with_key(PKCS8, "")).await);
    assert!(error.contains("kid") && error.contains("key_id"), "what to write is said: {error}");
}

/// One token for all of a run's requests, each with a proof of its own.
#[tokio::test]
async fn a_run_fetches_one_token() {
    let fake = Okta::start(world());
    let target = contract::connect(&config(&fake.toml_with_key(PKCS8, ""))).await;
    target.read(&asked(&[ALICE, BOB], &[GROUP])).await.expect("a reading");
    let id = target.grant(&wanted(1, ALICE)).await.expect("the grant is made");
    target.revoke(&owned(&id, &wanted(1, ALICE))).await.expect("it is taken back");
    assert_eq!(fake.tokens(), 1);
    assert_eq!(fake.count("POST", "/oauth2/v1/token"), 2, "one for the nonce, one for the token");
}

#[tokio::test]
async fn many_at_once_fetch_one_token() {
    let fake = Okta::start(world().manners(|manners| manners.latency = std::time::Duration::from_millis(20)));
    let target = contract::connect(&config(&fake.toml_with_key(PKCS8, ""))).await;
    let (one, two) = (wanted(1, ALICE), wanted(2, BOB));
    let made =
        futures_util::future::join_all((0..20).map(|number| target.grant(if number % 2 == 0 { &one } else { &two })))
            .await;
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    assert_eq!(fake.tokens(), 1);
}

/// Each attempt proves itself anew: a proof is good for once.
#[tokio::test]
async fn an_attempt_that_is_repeated_has_a_proof_of_its_own() {
    let fake = Okta::start(world());
    let target = contract::connect(&config(&fake.toml_with_key(PKCS8, ""))).await;
    for fault in [Fault::Html(503), Fault::DoneBut(502), Fault::RateLimited { seconds: 1 }] {
        fake.fail_at("PUT", "", 1, fault.clone());
        target.grant(&wanted(1, ALICE)).await.unwrap_or_else(|error| panic!("{fault:?}: {error:#}"));
    }
    fake.fail_at("POST", "/token", 1, Fault::Html(503));
    fake.expire_tokens();
    target.grant(&wanted(2, BOB)).await.expect("a token at the second attempt");
    assert_eq!(fake.members(&group(1)), [user(1), user(2)]);
}

#[tokio::test]
async fn a_token_that_ends_in_mid_run_is_fetched_anew() {
    for world in [world(), bearer()] {
        let fake = Okta::start(world);
        let target = contract::connect(&config(&fake.toml_with_key(PKCS8, ""))).await;
        target.read(&asked(&[ALICE], &[GROUP])).await.expect("a reading");
        fake.expire_tokens();
        target.grant(&wanted(1, ALICE)).await.expect("with a new token");
        assert_eq!((fake.tokens(), fake.members(&group(1))), (2, vec![user(1)]));
        fake.expire_tokens();
        fake.renew_nonce();
        target.revoke(&owned(&id(1), &wanted(1, ALICE))).await.expect("with a new token and a new nonce");
        assert_eq!(fake.members(&group(1)), [""; 0]);
    }
}

/// A token that is refused however new it is would be fetched for ever.
#[tokio::test]
async fn a_token_that_is_always_refused_is_an_error() {
    let fake = Okta::start(world());
    fake.fail("/api/", usize::MAX, Fault::InvalidToken);
    let error = told(&fake, read_as(&fake, &fake.toml_with_key(PKCS8, "")).await);
    assert!(error.contains("E0000011"), "{error}");
    assert!(fake.tokens() <= 4, "{} tokens", fake.tokens());
}

/// A short-lived token is renewed before it ends or after, and never more than once for a life.
#[tokio::test]
async fn a_token_lives_as_long_as_it_says() {
    let fake = Okta::start(world().manners(|manners| manners.lifetime = TimeDelta::minutes(10)));
    let target = contract::connect(&config(&fake.toml_with_key(PKCS8, ""))).await;
    for _ in 0..5 {
        target.grant(&wanted(1, ALICE)).await.expect("the grant is made");
    }
    assert_eq!(fake.tokens(), 1);
}

/// Okta compares `htu` with the path as it reads once decoded. Where nobody knows how that would be, not asking is as good:
/// the index will know them soon.
#[tokio::test]
async fn proofs_name_the_path_as_okta_reads_it() {
    let odd = ["zoë@example.com", "o'brien@example.com", "a b@example.com", "a&b@example.com", "100%@example.com"];
    let plain = ["bob.new@example.com", "a+b@example.com", "a_b-c@example.com"];
    for email in odd.into_iter().chain(plain) {
        let fake = Okta::start(world().user(&user(9), email));
        fake.change(|world| world.manners.not_indexed.insert(user(9)));
        let current = read_by(&fake.toml_with_key(PKCS8, ""), context(), &[email], &[]).await;
        let current = current.unwrap_or_else(|error| panic!("{email}: {error:#}"));
        let found: Vec<_> = current.accounts.into_iter().map(|account| account.id.0).collect();
        assert!(found == [user(9)] || found.is_empty() && odd.contains(&email), "{email}: {found:?}");
        assert!(fake.requests().iter().all(|request| request.status != 400 || request.path.starts_with("/oauth2")));
    }
}

/// A wrong proof is answered 400, as an odd login is: it does not say that somebody is not there.
#[tokio::test]
async fn a_refused_proof_is_nobody_s_absence() {
    let fake = Okta::start(world());
    fake.change(|world| world.manners.not_indexed.insert(user(1)));
    fake.fail("/api/v1/users/", usize::MAX, Fault::WrongProof);
    let error = told(&fake, read_as(&fake, &fake.toml_with_key(PKCS8, "")).await);
    assert!(error.contains("invalid_dpop_proof"), "{error}");
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    for (scopes, missing) in [
        (vec!["okta.groups.manage"], "okta.users.read"),
        (vec!["okta.users.read", "okta.groups.read"], "okta.groups.manage"),
    ] {
        let fake = Okta::start(world());
        fake.change(|world| world.manners.scopes = scopes.into_iter().collect());
        let target = config(&fake.toml_with_key(PKCS8, "")).connect(context()).await;
        let outcome = match target {
            Err(error) => Err(error),
            Ok(target) => match target.read(&asked(&[ALICE], &[GROUP])).await {
                Err(error) => Err(error),
                Ok(_) => target.grant(&wanted(1, ALICE)).await.map(drop),
            },
        };
        let error = told(&fake, outcome);
        assert!(error.contains(missing), "{missing}: {error}");
    }
}

#[tokio::test]
async fn what_is_no_key_is_said_without_showing_it() {
    let fake = Okta::start(world());
    let cut: String = PKCS8.lines().take(5).map(|line| format!("{line}\n")).collect();
    let ec =
        "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n";
    for key in [
        "not a key",
        "{}",
        "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
        &cut,
        ec,
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    ] {
        let error = told(&fake, read_as(&fake, &fake.toml_with_key(key, "")).await);
        assert!(error.contains("private_key"), "{error}");
        let line = key.lines().nth(1).unwrap_or(key);
        assert!(line.len() < 9 || !error.contains(line), "{error}");
    }
    assert_eq!(fake.requests(), [], "nobody was asked");
}

/// Assertions and proofs carry our time: where it is an hour off, they are refused, and the clock is what to look at.
#[tokio::test]
async fn a_clock_that_is_an_hour_off_is_overcome_or_named() {
    for hours in [1, -1] {
        let fake = Okta::start(world());
        fake.ahead(TimeDelta::hours(hours));
        let outcome = read_as(&fake, &fake.toml_with_key(PKCS8, "")).await;
        if let Err(error) = &outcome {
            assert!(format!("{error:#}").contains("clock"), "{hours}: {error:#}");
        }
    }
}

#[tokio::test]
async fn an_unknown_app_is_named() {
    let fake = Okta::start(world());
    let toml = fake.toml_with_key(PKCS8, "").replace("0oafakeserviceapp0g4", "0oaanother");
    let error = told(&fake, read_as(&fake, &toml).await);
    assert!(error.contains("invalid_client") && error.contains("client_id"), "{error}");
}

#[test]
fn one_credential_it_is() {
    let fake = Okta::start(world());
    let both = format!("{}client_id = \"0oa\"\n", fake.toml());
    let neither = format!("kind = \"okta\"\nbase_url = '{}'\n", fake.url());
    let half = fake.toml_with_key(PKCS8, "").replace("client_id", "key_id");
    for toml in [both, neither, half] {
        let refused = match toml::from_str::<TargetConfig>(&toml) {
            Err(_) => true,
            Ok(config) => !config.kind().faults().is_empty(),
        };
        assert!(refused, "{toml}");
    }
}

/// An answer with a token in it is shown to nobody, whatever is wrong with it.
#[tokio::test]
async fn a_token_in_an_answer_that_cannot_be_read_is_not_shown() {
    for answer in [
        r#"{"access_token":"leaked","token_type":"Bearer","expires_in":"3600"}"#,
        r#"{"access_token":"leaked","expires_in":3600}"#,
        r#"{"access_token":["leaked"],"token_type":"Bearer"}"#,
        r#"{"access_token":"leaked","token_type":"Bearer""#,
    ] {
        let fake = Okta::start(world());
        fake.fail("/oauth2/v1/token", usize::MAX, Fault::Says(200, answer.to_owned()));
        let error = told(&fake, read_as(&fake, &fake.toml_with_key(PKCS8, "")).await);
        assert!(!error.contains("leaked") && error.contains("as documented"), "{answer}: {error}");
    }
}
