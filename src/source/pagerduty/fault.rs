//! PagerDuty's errors as sentences.

use anyhow::Error;
use serde_json::Value;

use crate::net::http;

/// The same error with what PagerDuty said in words, and what to do.
pub fn explained(error: Error) -> Error {
    http::explained(error, sentence)
}

fn sentence(answer: &http::Error) -> Option<String> {
    let said = said(&answer.body);
    let advice = match answer.status.as_u16() {
        401 => {
            ": the API key is wrong or revoked, or belongs to another service region; check `api_key`, and `base_url`, \
             which is \"https://api.eu.pagerduty.com\" for accounts of the EU region"
        }
        403 => ": the API key may not read this; use a key that may read schedules, on-calls and users",
        429 => ": the rate limit is used up; other users of the key may share it",
        _ if said.is_none() => return None,
        _ => "",
    };
    let said = said.map(|said| format!(" (PagerDuty says: {said})")).unwrap_or_default();
    Some(format!("{} answered {}{advice}{said}", answer.call, answer.status))
}

/// What an error's body says, in whichever of its shapes it comes.
fn said(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    let error = body.get("error").unwrap_or(&body);
    let mut said: Vec<String> = Vec::new();
    said.extend(error.get("message").or(body.get("message")).and_then(text));
    if error.get("message").is_none() && !error.is_object() {
        said.extend(text(error));
    }
    said.extend(error.get("errors").or(body.get("errors")).and_then(text));
    said.extend(error.get("code").and_then(text).map(|code| format!("code {code}")));
    let scopes = |name: &str, label: &str| error.get(name).and_then(text).map(|scopes| format!("{label}: {scopes}"));
    said.extend(scopes("required_scopes", "scopes needed"));
    said.extend(scopes("token_scopes", "scopes of the key"));
    (!said.is_empty()).then(|| http::start(&said.join("; ")))
}

/// A text, a number, or the texts in a list or an object.
fn text(value: &Value) -> Option<String> {
    let joined = |texts: Vec<String>| (!texts.is_empty()).then(|| texts.join(", "));
    match value {
        Value::String(text) => (!text.trim().is_empty()).then(|| text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(values) => joined(values.iter().filter_map(text).collect()),
        Value::Object(fields) => {
            joined(fields.iter().filter_map(|(field, value)| Some(format!("{field}: {}", text(value)?))).collect())
        }
        Value::Null | Value::Bool(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_an_error_is_read() {
        for (body, words) in [
            (r#"{"error":{"message":"Invalid","code":2001,"errors":["a","b"]}}"#, "Invalid; a, b; code 2001"),
            (r#"{"error":{"message":"Not Found","code":2100}}"#, "Not Found; code 2100"),
            (r#"{"error":{"message":"Invalid","code":2001,"errors":"one"}}"#, "Invalid; one; code 2001"),
            (r#"{"error":["one","two"]}"#, "one, two"),
            (r#"{"error":"Only for user keys"}"#, "Only for user keys"),
            (r#"{"error":{"message":"Invalid","errors":{"name":["is blank"]}}}"#, "Invalid; name: is blank"),
            (r#"{"errors":{"name":["is blank"]}}"#, "name: is blank"),
            (r#"{"error":{"message":"a\u001b[2J"}}"#, "a\\u{1b}[2J"),
        ] {
            assert_eq!(said(body).as_deref(), Some(words), "{body}");
        }
        for body in ["", "<html>414</html>", "{}", "null", "7]"] {
            assert_eq!(said(body), None, "{body}");
        }
    }

    #[test]
    fn the_usual_mistakes_come_with_what_to_do() {
        let explained = |status, body: &str| {
            let status = ::http::StatusCode::from_u16(status).expect("a status");
            let error = http::Error {
                call: "GET /oncalls on x".into(),
                status,
                headers: ::http::HeaderMap::new(),
                body: body.into(),
                doubtful: false,
            };
            format!("{:#}", explained(error.into()))
        };
        assert!(explained(401, "").contains("https://api.eu.pagerduty.com"));
        let scopes = r#"{"error":{"required_scopes":"oncalls.read","token_scopes":["users.read"]}}"#;
        let forbidden = explained(403, scopes);
        assert!(forbidden.contains("scopes needed: oncalls.read; scopes of the key: users.read"), "{forbidden}");
        assert!(explained(414, "<html>").contains("`<html>`"));
    }
}
