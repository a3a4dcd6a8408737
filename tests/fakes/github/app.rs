//! The credentials: a user's token, and a GitHub App's signed word, for which it gives tokens of an hour.

use chrono::{DateTime, TimeDelta, Utc};

use super::world::{APP_ID, CLIENT_ID};
use crate::fakes::jwt::Jwt;
use crate::fakes::keys;

/// The app's key, as GitHub would have given it for download; the same key in PKCS#8; and somebody else's.
pub use crate::fakes::keys::{PKCS1 as APP_KEY, PKCS8 as APP_KEY_PKCS8, STRANGER as OTHER_KEY};

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
    let jwt = Jwt::parse(jwt).filter(|jwt| jwt.header["alg"] == "RS256" && jwt.is_signed_by(&keys::public()));
    let Some(Jwt { claims, .. }) = jwt else { return Err(UNREADABLE.into()) };
    let issuer = &claims["iss"];
    let known = *issuer == APP_ID || *issuer == APP_ID.to_string().as_str() || *issuer == CLIENT_ID;
    if !known {
        return Err("'Issuer' claim ('iss') must be an Integer or a client id".into());
    }
    match (claims["iat"].as_i64(), claims["exp"].as_i64()) {
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
