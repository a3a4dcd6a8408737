//! The credentials: a user's token, and a GitHub App's signed word, for which it gives tokens of an hour.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;

use super::world::{APP_ID, CLIENT_ID};

/// The app's key, as GitHub would have given it for download: PKCS#1. And the same key in PKCS#8.
pub const APP_KEY: &str = include_str!("app.pkcs1.pem");
pub const APP_KEY_PKCS8: &str = include_str!("app.pem");

/// A key that is somebody else's.
pub const OTHER_KEY: &str = include_str!("other.pem");

/// A user's token that the stand-in takes.
pub const TOKEN: &str = "ghp_FakeTokenOfTheStandIn0123456789abcdef";

/// One that looks like it, and is nobody's.
pub const WRONG_TOKEN: &str = "ghp_AnotherTokenThatNobodyGave0123456789abc";

/// "Installation tokens expire one hour from the time you create them."
const LIFE: TimeDelta = TimeDelta::hours(1);

/// "The time must be no more than 10 minutes into the future."
const LONGEST: i64 = 600;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    User,
    App,
    Installation,
}

/// The tokens given to the installation, each with its end.
#[derive(Default)]
pub(super) struct Tokens {
    given: Vec<(String, DateTime<Utc>)>,
}

impl Tokens {
    /// A new token, in the long form that GitHub gives since 2026, and when it expires.
    pub fn give(&mut self, now: DateTime<Utc>) -> (String, DateTime<Utc>) {
        let number = self.given.len() + 1;
        let filling = "QWxsT2ZUaGlzSXNGaWxsaW5n".repeat(12);
        let token = format!("ghs_{APP_ID}_eyJhbGciOiJSUzI1NiJ9.{filling}.{number}");
        self.given.push((token.clone(), now + LIFE));
        (token, now + LIFE)
    }

    /// Ends every token given so far.
    pub fn expire(&mut self, now: DateTime<Utc>) {
        self.given.iter_mut().for_each(|(_, end)| *end = now);
    }

    pub fn given(&self) -> Vec<String> {
        self.given.iter().map(|(token, _)| token.clone()).collect()
    }

    /// Whose credential it is; else what GitHub says about it.
    pub fn caller(&self, credential: &str, now: DateTime<Utc>) -> Result<Caller, String> {
        if credential == TOKEN {
            return Ok(Caller::User);
        }
        if credential.starts_with("ghs_") {
            let known = self.given.iter().any(|(token, end)| token == credential && *end > now);
            return if known { Ok(Caller::Installation) } else { Err("Bad credentials".to_owned()) };
        }
        if credential.split('.').count() == 3 {
            return verify(credential, now.timestamp()).map(|()| Caller::App);
        }
        Err("Bad credentials".to_owned())
    }
}

/// Checks an app's JSON web token as GitHub documents it, by the clock of the service.
fn verify(jwt: &str, now: i64) -> Result<(), String> {
    const UNREADABLE: &str = "A JSON web token could not be decoded";
    let [head, claims, signature] = jwt.split('.').collect::<Vec<_>>()[..] else { return Err(UNREADABLE.into()) };
    let json =
        |part: &str| -> Option<Value> { serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok() };
    let (Some(header), Some(claims_of)) = (json(head), json(claims)) else { return Err(UNREADABLE.into()) };
    let Ok(signature) = BASE64_URL_SAFE_NO_PAD.decode(signature) else { return Err(UNREADABLE.into()) };
    if header["alg"] != "RS256" {
        return Err(UNREADABLE.into());
    }
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public_key());
    if key.verify(format!("{head}.{claims}").as_bytes(), &signature).is_err() {
        return Err(UNREADABLE.into());
    }
    let issuer = &claims_of["iss"];
    let known = *issuer == APP_ID || *issuer == APP_ID.to_string().as_str() || *issuer == CLIENT_ID;
    if !known {
        return Err("'Issuer' claim ('iss') must be an Integer or a client id".into());
    }
    match (claims_of["iat"].as_i64(), claims_of["exp"].as_i64()) {
        (None, _) => {
            Err("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
                .into())
        }
        (Some(iat), _) if iat > now => Err("'Issued at' claim ('iat') is in the future".into()),
        (_, None) => Err("Missing 'expiration time' claim ('exp') in assertion".into()),
        (_, Some(exp)) if exp <= now => Err(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"
                .into(),
        ),
        (_, Some(exp)) if exp > now + LONGEST => {
            Err("'Expiration time' claim ('exp') is too far in the future".into())
        }
        _ => Ok(()),
    }
}

fn public_key() -> Vec<u8> {
    pair(APP_KEY_PKCS8).public_key().as_ref().to_vec()
}

/// The key pair of a PKCS#8 PEM.
pub(super) fn pair(pem: &str) -> RsaKeyPair {
    let PrivateKeyDer::Pkcs8(der) = PrivateKeyDer::from_pem_slice(pem.as_bytes()).expect("a key") else {
        panic!("a PKCS#8 key")
    };
    RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).expect("an RSA key")
}
