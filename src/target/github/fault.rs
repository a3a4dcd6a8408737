//! GitHub's errors as sentences, and which of them pass.

use std::time::Duration;

use ::http::StatusCode;
use anyhow::Error;
use serde::Deserialize;
use serde_json::Value;

use super::graphql::Refused;
use crate::net::{Wait, http};

/// What a limit asks for that says neither when nor that the hour is used up: "wait for at least one minute" ("Best practices
/// for using the REST API", GitHub docs).
const SECONDARY: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    errors: Vec<Value>,
}

/// A limit, and how long to wait where the headers do not say: a 429 is one, a 403 by its words alone, and so is GraphQL's 200.
pub fn later(status: StatusCode, body: &[u8]) -> Option<Wait> {
    let is_limit = match status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::FORBIDDEN => speaks_of_limit(body),
        // A page of a thousand members holds no errors and is not read twice.
        StatusCode::OK => contains(body, b"\"errors\"") && speaks_of_limit(body),
        _ => false,
    };
    is_limit.then_some(Wait::For(SECONDARY))
}

/// A secondary one by its words, any of GraphQL's by the type of the error.
fn speaks_of_limit(body: &[u8]) -> bool {
    let Ok(said) = serde_json::from_slice::<Said>(body) else { return false };
    let of_errors = |key| said.errors.iter().filter_map(move |error| error.get(key)?.as_str());
    let is_secondary =
        |text: String| text.contains("secondary rate limit") || text.contains("abuse detection mechanism");
    of_errors("type").any(|kind| kind == "RATE_LIMITED")
        || of_errors("message").chain(said.message.as_deref()).map(str::to_lowercase).any(is_secondary)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Whether GitHub understood, and does not answer this of us; whatever else fails may be different the next time.
pub fn is_refusal(error: &Error) -> bool {
    error.is::<Refused>() || matches!(http::status(error), Some(403 | 404))
}

/// The same error with what GitHub said in words, and what to do.
pub fn explained(error: Error) -> Error {
    http::explained(error, sentence)
}

fn sentence(answer: &http::Error) -> Option<String> {
    let said = said(&answer.body);
    let lower = said.as_deref().unwrap_or_default().to_lowercase();
    let advice = match answer.status.as_u16() {
        401 => {
            ": the token is wrong, has ended or was revoked, or the App's key is not this App's; check `token`, or `app_id` \
                and `private_key`"
        }
        _ if http::is_limit(&answer.headers) || later(answer.status, answer.body.as_bytes()).is_some() => {
            ": the rate limit is reached; other users of the token share it"
        }
        403 if is_of_provider(&lower) => {
            ": an identity provider decides who is in this team, and GitHub takes no change by anybody else; give access by the \
             provider's own group, or name a team that is not synchronised"
        }
        403 if lower.contains("saml enforcement") => {
            ": the organisation wants single sign-on of every token; authorise this one for it (Settings, Tokens, Configure SSO)"
        }
        403 => {
            ": the token may not do this; it needs the scope `admin:org` (classic), or the organisation permission \
                Members: write (fine-grained, App), and its owner must be an owner of the organisation or maintain the team"
        }
        404 => ": it is not there, or this token is not shown it",
        _ if said.is_none() => return None,
        _ => "",
    };
    let said = said.map(|said| format!(" (GitHub says: {said})")).unwrap_or_default();
    let request = http::request(&answer.headers);
    Some(format!("{} answered {}{advice}{said}{request}", answer.call, answer.status))
}

/// Whether the words, in lower case, say that a team belongs to an identity provider. GitHub documents the status alone
/// ("Forbidden if team synchronization is set up"), so any of its terms for it counts.
fn is_of_provider(said: &str) -> bool {
    ["synchroni", "team sync", "identity provider", "externally managed", "external group"]
        .iter()
        .any(|term| said.contains(term))
}

/// What an error's body says.
fn said(body: &str) -> Option<String> {
    let said: Said = serde_json::from_str(body).ok()?;
    let each = said.errors.iter().filter_map(|error| match error {
        Value::String(text) => Some(text.clone()),
        error => error.get("message").or(error.get("code")).and_then(Value::as_str).map(str::to_owned),
    });
    let texts: Vec<_> = said.message.into_iter().chain(each).filter(|text| !text.trim().is_empty()).collect();
    (!texts.is_empty()).then(|| http::start(&texts.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> String {
        let status = StatusCode::from_u16(status).expect("a status");
        let call = "PUT /orgs/acme/teams/dba/memberships/ada on api.github.com".to_owned();
        let headers = ::http::HeaderMap::new();
        format!("{:#}", explained(http::Error { call, status, headers, body: body.into(), doubtful: false }.into()))
    }

    #[test]
    fn a_limit_is_told_from_a_lack_of_rights() {
        let secondary = br#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes."}"#;
        assert_eq!(later(StatusCode::FORBIDDEN, secondary), Some(Wait::For(SECONDARY)));
        let rights = br#"{"message":"Must have admin rights to Repository."}"#;
        assert_eq!(later(StatusCode::FORBIDDEN, rights), None);
        for body in [&secondary[..], rights, b"<html>", b""] {
            assert_eq!(later(StatusCode::TOO_MANY_REQUESTS, body), Some(Wait::For(SECONDARY)));
        }
        assert_eq!(later(StatusCode::NOT_FOUND, secondary), None);
        assert_eq!(later(StatusCode::FORBIDDEN, b"<html>"), None);
    }

    #[test]
    fn a_limit_of_graphql_is_one_although_it_answers_200() {
        let limited = br#"{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded for user ID 1."}]}"#;
        assert_eq!(later(StatusCode::OK, limited), Some(Wait::For(SECONDARY)));
        let missing = br#"{"data":{"user":null},"errors":[{"type":"NOT_FOUND","message":"Could not resolve"}]}"#;
        assert_eq!(later(StatusCode::OK, missing), None);
        assert_eq!(later(StatusCode::OK, br#"{"data":{"team":{"name":"RATE_LIMITED"}}}"#), None);
    }

    #[test]
    fn the_usual_mistakes_come_with_what_to_do() {
        assert!(answered(401, r#"{"message":"Bad credentials"}"#).contains("(GitHub says: Bad credentials)"));
        let synchronised = answered(403, r#"{"message":"This team is managed by Team Synchronization"}"#);
        assert!(synchronised.contains("an identity provider decides"), "{synchronised}");
        let rights = answered(403, r#"{"message":"You must be an admin to add a team membership."}"#);
        assert!(rights.contains("Members: write") && !rights.contains("identity provider"), "{rights}");
        let invalid = answered(422, r#"{"message":"Validation Failed","errors":[{"code":"unprocessable"},"no"]}"#);
        assert!(invalid.contains("Validation Failed; unprocessable; no"), "{invalid}");
        assert!(answered(500, "<html>").contains("`<html>`"));
    }
}
