//! Okta's errors as sentences.

use std::fmt::Write as _;

use ::http::header::WWW_AUTHENTICATE;
use anyhow::Error;
use serde::Deserialize;

use crate::net::http;

/// "Resource not found": the group or the user is gone, and not merely the path unknown to a server that is no Okta.
const NOT_FOUND: &str = "E0000007";

/// "Invalid search criteria".
const SEARCH: &str = "E0000031";

/// Causes shown of one error; the rest says the same of more fields.
const CAUSES: usize = 3;

/// An error of the management API, or of the token endpoint.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Body {
    error_code: Option<String>,
    error_summary: Option<String>,
    error_causes: Vec<Cause>,
    error: Option<String>,
    #[serde(rename = "error_description")]
    description: Option<String>,
}

impl Body {
    fn of(answer: &http::Error) -> Self {
        serde_json::from_str(&answer.body).unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cause {
    #[serde(default)]
    error_summary: String,
}

/// Whether Okta says that what was asked for is not there.
pub fn is_gone(error: &Error) -> bool {
    http::answer(error).is_some_and(|answer| answer.status == 404 && has_code(answer, NOT_FOUND))
}

/// Whether this key may not do it.
pub fn is_forbidden(error: &Error) -> bool {
    http::status(error) == Some(403)
}

/// Whether an expression is too long or too complex, or one of its values is no text that Okta searches for.
pub fn is_unsearchable(error: &Error) -> bool {
    http::answer(error).is_some_and(|answer| match answer.status.as_u16() {
        414 | 431 => true,
        400 => has_code(answer, SEARCH),
        _ => false,
    })
}

/// Whether a login is none that Okta can look for: it says so itself, or the server in front of it does, in HTML. A proof that
/// is not accepted has the same status, and a challenge: then it was who asks that was refused.
pub fn is_bad_request(error: &Error) -> bool {
    let answer = http::answer(error);
    answer.is_some_and(|answer| answer.status == 400 && !answer.headers.contains_key(WWW_AUTHENTICATE))
}

fn has_code(answer: &http::Error, code: &str) -> bool {
    Body::of(answer).error_code.as_deref() == Some(code)
}

/// The same error with what Okta said in words, and what to do.
pub fn explained(error: Error) -> Error {
    http::explained(error, |answer| Some(sentence(answer)))
}

fn sentence(answer: &http::Error) -> String {
    let body = Body::of(answer);
    let status = answer.status.as_u16();
    let Some(said) = said(&body).or_else(|| challenge(answer)) else {
        // Whatever answered, it was not Okta, or not in its usual words.
        let hint = if status == 404 { "; Okta itself says more, so check `base_url`" } else { "" };
        return format!("{answer}{hint}");
    };
    let advice = body.error.as_deref().map_or_else(|| advice(status, body.error_code.as_deref()), token_advice);
    let request = http::request(&answer.headers);
    format!("{} answered {}: Okta says: {said}{request}{advice}", answer.call, answer.status)
}

/// What the headers say of a token or proof that was refused (RFC 6750, 3; RFC 9449, 7.1).
fn challenge(answer: &http::Error) -> Option<String> {
    let challenge = answer.headers.get(WWW_AUTHENTICATE)?.to_str().ok()?;
    let parameter = |name: &str| {
        let (_, value) = challenge.split_once(&format!("{name}=\""))?;
        value.split_once('"').map(|(value, _)| value)
    };
    let error = parameter("error")?;
    let described = parameter("error_description").map(|text| format!("{text} ({error})"));
    Some(http::start(&described.unwrap_or_else(|| error.to_owned())))
}

fn said(body: &Body) -> Option<String> {
    let code = body.error_code.as_ref().or(body.error.as_ref())?;
    let summary = body.error_summary.as_ref().or(body.description.as_ref()).map_or("", |summary| summary.trim());
    let mut said = if summary.is_empty() { code.clone() } else { format!("{summary} ({code})") };
    let causes: Vec<&str> = body.error_causes.iter().take(CAUSES).map(|cause| cause.error_summary.trim()).collect();
    if !causes.is_empty() {
        let _ = write!(said, ": {}", causes.join("; "));
    }
    Some(http::start(&said))
}

fn advice(status: u16, code: Option<&str>) -> &'static str {
    match (status, code) {
        (401, _) => {
            "; the credential is not accepted: an API token ends with the account that made it and after 30 days without \
             use, and it may be bound to other networks than this one; check `api_token` or `client_id`, and `base_url`"
        }
        (403, _) => {
            "; this needs an admin role that may see these users and manage the members of these groups, and for a \
             service app also the scopes `okta.groups.manage` and `okta.users.read`"
        }
        (404, None | Some("E0000022")) => "; check `base_url`",
        (429, _) => "; the rate limit is used up; other programs may share it",
        _ => "",
    }
}

fn token_advice(error: &str) -> &'static str {
    match error {
        "invalid_client" => {
            "; check that `client_id` is the service app's, that `private_key` is the private half of one of its public \
             keys (with several of them `key_id` says which), and this machine's clock"
        }
        "invalid_scope" | "access_denied" => {
            "; grant the app `okta.groups.manage` and `okta.users.read` (its page in the admin console, Okta API Scopes), and \
             an admin role"
        }
        "invalid_dpop_proof" => "; check this machine's clock, and that nothing on the way changes the address",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use ::http::{HeaderMap, StatusCode};

    use super::*;

    fn error(status: u16, body: &str) -> Error {
        let headers =
            HeaderMap::from_iter([("x-okta-request-id".parse().expect("a name"), "req7".parse().expect("a value"))]);
        let status = StatusCode::from_u16(status).expect("a status");
        explained(
            http::Error { call: "GET /x on acme.okta.com".into(), status, headers, body: body.into(), doubtful: false }
                .into(),
        )
    }

    #[test]
    fn what_okta_says_comes_with_its_code_and_the_request() {
        let body = r#"{"errorCode":"E0000001","errorSummary":"Api validation failed: a","errorLink":"E0000001","errorId":"oae1",
            "errorCauses":[{"errorSummary":"one"},{"errorSummary":"two"},{"errorSummary":"three"},{"errorSummary":"four"}]}"#;
        assert_eq!(
            error(400, body).to_string(),
            "GET /x on acme.okta.com answered 400 Bad Request: Okta says: Api validation failed: a (E0000001): one; two; \
             three [request req7]"
        );
        let body = r#"{"error":"invalid_client","error_description":"The client secret\u001b[2J is wrong."}"#;
        let sentence = error(401, body).to_string();
        assert!(
            sentence.contains(r"\u{1b}[2J is wrong. (invalid_client) [request req7]; check that `client_id`"),
            "{sentence}"
        );
    }

    #[test]
    fn what_is_said_in_headers_or_around_is_not_lost() {
        let challenge = r#"DPoP algs="RS256 ES256", realm="http://x", error="invalid_dpop_proof", error_description="'iat' is wrong.""#;
        let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, challenge.parse().expect("a value"))]);
        let answer = http::Error {
            call: "GET /x".into(),
            status: StatusCode::BAD_REQUEST,
            headers,
            body: String::new(),
            doubtful: false,
        };
        let error = explained(Error::new(answer).context("it asks to wait").context("more"));
        assert_eq!(
            format!("{error:#}"),
            "more: it asks to wait: GET /x answered 400 Bad Request: Okta says: 'iat' is wrong. (invalid_dpop_proof)"
        );
        assert!(!is_bad_request(&error), "it says nothing of what was asked for");
        assert!(is_bad_request(&self::tests::error(400, "<html>HTTP Status 400")));
    }

    #[test]
    fn a_404_of_okta_is_told_from_a_404_of_another_server() {
        let gone =
            error(404, r#"{"errorCode":"E0000007","errorSummary":"Not found: Resource not found: 00g1 (UserGroup)"}"#);
        assert!(is_gone(&gone) && !gone.to_string().contains("base_url"), "{gone}");
        assert!(is_gone(&gone.context("more")));
        for body in ["", "<html>Not found</html>", r#"{"message":"no"}"#, r#"{"errorCode":"E0000022"}"#] {
            let other = error(404, body);
            assert!(!is_gone(&other) && other.to_string().contains("check `base_url`"), "{other}");
        }
    }

    #[test]
    fn what_cannot_be_searched_for_is_told_from_other_refusals() {
        assert!(is_unsearchable(&error(400, r#"{"errorCode":"E0000031","errorSummary":"Invalid search criteria."}"#)));
        assert!(is_unsearchable(&error(414, "<html>")));
        assert!(!is_unsearchable(&error(400, r#"{"errorCode":"E0000001"}"#)));
        assert!(!is_unsearchable(&error(403, r#"{"errorCode":"E0000006"}"#)));
    }
}
