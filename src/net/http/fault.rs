//! What goes wrong, which of it passes, and how it is said.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::Track;

use super::Wait;
use crate::harmless::is_harmful;

/// Characters of an answer that an error shows: enough for a vendor's one sentence, short enough for one log line.
const SHOWN: usize = 300;

/// Why an answer is not what it should be, and at which field.
type Wrong = serde_path_to_error::Error<serde_json::Error>;

/// How many requests are left until the limit begins anew, by Okta and by GitHub.
const REMAINING: [&str; 2] = ["x-rate-limit-remaining", "x-ratelimit-remaining"];

/// When it does, in seconds since 1970, by the same.
const RESET: [&str; 2] = ["x-rate-limit-reset", "x-ratelimit-reset"];

/// By what the same tell one request from another in their own logs.
const REQUEST: [&str; 2] = ["x-okta-request-id", "x-github-request-id"];

/// An answer with another status than success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Method, path and host, for instance `GET /oncalls on api.pagerduty.com`.
    pub call: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The start of the answer, as it came, the secret taken out.
    pub body: String,
    /// An attempt before it got no answer, or one that leaves open whether it was done.
    pub doubtful: bool,
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {}", self.call, self.status)?;
        if self.status.is_redirection() {
            f.write_str(", a redirect; none is followed, lest the key go elsewhere: check `base_url`")?;
        }
        match self.body.trim() {
            "" => f.write_str(", without a word")?,
            body => write!(f, ": {}", shown(body))?,
        }
        f.write_str(&request(&self.headers))
    }
}

/// An [`Error`] in the vendor's own words, with what to do.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
struct Explained {
    answer: Error,
    sentence: String,
}

/// The same error with a sentence in the place of the answer, where `explain` has one for it. What was said around it, for
/// instance that there is no time left to wait, stays around it, and [`answer`] finds it still.
pub fn explained(error: anyhow::Error, explain: impl FnOnce(&Error) -> Option<String>) -> anyhow::Error {
    let answers = error.chain().map(|cause| cause.downcast_ref::<Error>());
    let Some((at, answer)) = answers.enumerate().find_map(|(at, answer)| Some((at, answer?))) else { return error };
    let Some(sentence) = explain(answer) else { return error };
    let around: Vec<String> = error.chain().take(at).map(ToString::to_string).collect();
    let explained = Explained { answer: answer.clone(), sentence };
    around.into_iter().rfold(explained.into(), anyhow::Error::context)
}

/// The answer that was not success, also behind context or explained.
pub fn answer(error: &anyhow::Error) -> Option<&Error> {
    error.downcast_ref().or_else(|| error.downcast_ref::<Explained>().map(|explained| &explained.answer))
}

/// Its status.
pub fn status(error: &anyhow::Error) -> Option<u16> {
    answer(error).map(|answer| answer.status.as_u16())
}

/// What the service's own support finds the request by, in brackets, where it says it.
pub fn request(headers: &HeaderMap) -> String {
    let id = REQUEST.iter().find_map(|name| headers.get(*name)?.to_str().ok());
    id.map(|id| format!(" [request {}]", start(id))).unwrap_or_default()
}

/// Whether the request was refused, so that for certain nothing was done.
pub fn is_refusal(error: &anyhow::Error) -> bool {
    answer(error).is_some_and(|answer| !answer.doubtful && !leaves_open(answer.status))
}

/// Whether a request that was answered so may have been carried out all the same.
pub fn leaves_open(status: StatusCode) -> bool {
    !status.is_client_error() || status == StatusCode::REQUEST_TIMEOUT
}

/// The start of a text in back quotes on one line, control characters escaped.
pub fn shown(text: &str) -> String {
    format!("`{}`", start(text))
}

/// The start of a text on one line, control characters escaped.
pub fn start(text: &str) -> String {
    let mut start: String = text.chars().take(SHOWN).flat_map(escape).collect();
    if text.chars().nth(SHOWN).is_some() {
        start.push('…');
    }
    start
}

/// The character, or its escape where a terminal would obey it.
fn escape(char: char) -> impl Iterator<Item = char> {
    let escape = is_harmful(char).then(|| char.escape_default());
    let plain = escape.is_none().then_some(char);
    escape.into_iter().flatten().chain(plain)
}

/// The text, without the secrets.
pub fn redacted(text: &[u8], secrets: &[SecretString]) -> String {
    let text = String::from_utf8_lossy(text).into_owned();
    let secrets = secrets.iter().map(ExposeSecret::expose_secret).filter(|secret| !secret.is_empty());
    secrets.fold(text, |text, secret| text.replace(secret, "***"))
}

/// The answer as what it should be, or what is wrong with it, the field named.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    whole(body).map_err(|error| match error.inner().classify() {
        Category::Data => format!("the answer is not as documented at `{}`: {}", error.path(), error.inner()),
        Category::Syntax | Category::Eof | Category::Io => format!("the answer is not JSON: {}", error.inner()),
    })
}

/// As [`decode`], without a word of the answer in what is wrong with it.
pub fn decode_unseen<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let not = "the answer is not as documented";
    whole(body).map_err(|error| format!("{not} at `{}`; it is not shown, for it may hold a secret", error.path()))
}

/// The answer, with nothing behind it.
fn whole<T: DeserializeOwned>(body: &[u8]) -> Result<T, Wrong> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let mut track = Track::new();
    let value = T::deserialize(serde_path_to_error::Deserializer::new(&mut json, &mut track));
    let whole = value.and_then(|value| json.end().map(|()| value));
    whole.map_err(|error| Wrong::new(track.path(), error))
}

/// Whether the same request may succeed later, and cannot do its work twice.
///
/// A 403 is a limit where the headers speak of one (GitHub: "Rate limits for the REST API"), and a lack of rights elsewhere.
pub fn passing(status: StatusCode, headers: &HeaderMap, method: &Method) -> bool {
    match status {
        StatusCode::FORBIDDEN => is_limit(headers),
        StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => true,
        StatusCode::INTERNAL_SERVER_ERROR => method == Method::GET,
        _ => false,
    }
}

/// Whether the headers of a refusal speak of a limit that is used up.
pub fn is_limit(headers: &HeaderMap) -> bool {
    headers.contains_key(RETRY_AFTER) || REMAINING.iter().any(|name| is_zero(headers, name))
}

fn is_zero(headers: &HeaderMap, name: &str) -> bool {
    headers.get(name).is_some_and(|value| value.as_bytes() == b"0")
}

/// How long the server asks us to wait: `Retry-After`, else until the limit begins anew, else it does not say.
///
/// `ratelimit-reset` counts seconds (PagerDuty); GitHub and Okta name an instant in seconds since 1970, by their own clock.
pub fn wait(status: StatusCode, headers: &HeaderMap, now: DateTime<Utc>) -> Wait {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let seconds = |text: &str| text.parse().ok().map(Duration::from_secs);
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    // The server's own clock, where it tells: ours may differ by more than the wait.
    let now = text(DATE.as_str()).and_then(date).unwrap_or_else(|| now.into());
    let until = |instant: SystemTime| instant.duration_since(now).unwrap_or_default();
    let after = text(RETRY_AFTER.as_str());
    if let Some(wait) = after.and_then(|after| seconds(after).or_else(|| date(after).map(until))) {
        return Wait::For(wait);
    }
    // Sent with every answer: only where this limit is what refused it is its end what to wait for.
    if !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::FORBIDDEN) {
        return Wait::Backoff;
    }
    // Where requests are left, it was another limit: GitHub's secondary ones, of which these headers know nothing.
    let has_more = REMAINING.iter().any(|name| text(name).is_some_and(|left| left != "0"));
    let instant = || RESET.iter().find_map(|name| text(name).and_then(seconds)).filter(|_| !has_more);
    // The second that has begun is not over yet.
    let until = |epoch| UNIX_EPOCH.checked_add(epoch).map(|instant| until(instant) + Duration::from_secs(1));
    let wait = text("ratelimit-reset").and_then(seconds).or_else(|| instant().and_then(until));
    wait.map_or(Wait::Backoff, Wait::For)
}

/// What is wrong with the certificate or the TLS handshake, if that is what failed.
pub fn certificate(error: &(dyn std::error::Error + 'static), host: &str) -> Option<String> {
    let problem = tls_problem(error)?;
    Some(match problem {
        rustls::Error::InvalidCertificate(
            rustls::CertificateError::NotValidForName | rustls::CertificateError::NotValidForNameContext { .. },
        ) => format!(
            "the certificate that was shown does not belong to {host} ({problem}): check `base_url`, and who answers there"
        ),
        rustls::Error::InvalidCertificate(_) => format!(
            "the certificate of {host} is not trusted ({problem}): if a private CA or an inspecting proxy made it, \
             name that CA's PEM file in `ca_file`"
        ),
        _ => format!("no TLS with {host} ({problem}): check `base_url`, and whether a proxy is in between"),
    })
}

/// rustls' own error among the causes; `std::io::Error` hides what it wraps from `source`.
fn tls_problem<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(problem) = error.downcast_ref() {
            return Some(problem);
        }
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(problem) = wrapped.and_then(|wrapped| tls_problem(wrapped)) {
            return Some(problem);
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_of(status: u16, headers: &[(&'static str, &'static str)]) -> Wait {
        let headers = headers.iter().map(|(name, value)| (name.parse().expect("name"), value.parse().expect("value")));
        let now = "2026-03-01T00:00:00Z".parse().expect("an instant");
        wait(StatusCode::from_u16(status).expect("a status"), &headers.collect(), now)
    }

    #[test]
    fn the_servers_wait_is_obeyed() {
        let seconds = |seconds| Wait::For(Duration::from_secs(seconds));
        assert_eq!(wait_of(429, &[("retry-after", "7"), ("ratelimit-reset", "9")]), seconds(7));
        assert_eq!(wait_of(429, &[("ratelimit-reset", "9")]), seconds(9));
        assert_eq!(wait_of(503, &[("ratelimit-reset", "9")]), Wait::Backoff);
        assert_eq!(wait_of(429, &[("retry-after", "soon"), ("ratelimit-reset", "9")]), seconds(9));
        assert_eq!(wait_of(429, &[]), Wait::Backoff);
        let (at, date) = ("Sun, 01 Mar 2026 00:00:30 GMT", "Sun, 01 Mar 2026 00:00:10 GMT");
        assert_eq!(wait_of(503, &[("retry-after", at)]), seconds(30));
        assert_eq!(wait_of(503, &[("retry-after", at), ("date", date)]), seconds(20));
        assert_eq!(wait_of(503, &[("retry-after", date), ("date", at)]), seconds(0));
    }

    #[test]
    fn an_instant_is_read_by_the_clock_that_named_it() {
        // 1 March 2026, 00:00:30 UTC, of a server whose clock is at 00:00:10 while ours is at 00:00:00.
        let date = ("date", "Sun, 01 Mar 2026 00:00:10 GMT");
        for reset in ["x-rate-limit-reset", "x-ratelimit-reset"] {
            assert_eq!(wait_of(429, &[(reset, "1772323230"), date]), Wait::For(Duration::from_secs(21)));
            assert_eq!(wait_of(429, &[(reset, "1772323230")]), Wait::For(Duration::from_secs(31)));
            assert_eq!(wait_of(503, &[(reset, "1772323230"), date]), Wait::Backoff);
            assert_eq!(wait_of(429, &[(reset, "18446744073709551615"), date]), Wait::Backoff);
        }
    }

    #[test]
    fn the_end_of_a_limit_counts_only_where_nothing_is_left_of_it() {
        let limits = [("x-rate-limit-remaining", "x-rate-limit-reset"), ("x-ratelimit-remaining", "x-ratelimit-reset")];
        for (remaining, reset) in limits {
            let of = |status, left| wait_of(status, &[(remaining, left), (reset, "1772323230")]);
            for status in [403, 429] {
                assert_eq!(of(status, "0"), Wait::For(Duration::from_secs(31)), "{reset}");
                assert_eq!(of(status, "4900"), Wait::Backoff, "{reset}");
            }
            let told = [("retry-after", "7"), (remaining, "4900"), (reset, "1772323230")];
            assert_eq!(wait_of(429, &told), Wait::For(Duration::from_secs(7)));
        }
    }

    #[test]
    fn a_403_is_a_limit_where_its_headers_say_so() {
        let forbidden = |headers: &[(&'static str, &'static str)]| {
            let headers =
                headers.iter().map(|(name, value)| (name.parse().expect("name"), value.parse().expect("value")));
            passing(StatusCode::FORBIDDEN, &headers.collect(), &Method::PUT)
        };
        assert!(forbidden(&[("x-ratelimit-remaining", "0")]));
        assert!(forbidden(&[("retry-after", "60")]));
        assert!(!forbidden(&[("x-ratelimit-remaining", "4000"), ("x-ratelimit-reset", "1772323230")]));
        assert!(!forbidden(&[]));
    }

    #[test]
    fn what_a_server_says_stays_on_one_line_without_the_secret() {
        let secrets = [SecretString::from(""), SecretString::from("s3cret")];
        assert_eq!(shown(&redacted(b"a\x1b[2J\nb s3cret \xff", &secrets)), "`a\\u{1b}[2J\\nb *** \u{fffd}`");
        assert_eq!(shown(&"é".repeat(301)), format!("`{}…`", "é".repeat(300)));
    }

    #[test]
    fn an_explanation_stands_where_the_answer_stood() {
        let status = StatusCode::NOT_FOUND;
        let refused =
            Error { call: "GET /x".into(), status, headers: HeaderMap::new(), body: "no".into(), doubtful: false };
        let error = || anyhow::Error::new(refused.clone()).context("inner").context("outer");
        let told = explained(error(), |answer| Some(format!("{} is not there", answer.call)));
        assert_eq!(format!("{told:#}"), "outer: inner: GET /x is not there");
        assert_eq!(super::answer(&told.context("more")), Some(&refused));
        let plain = explained(error(), |_| None);
        assert_eq!(format!("{plain:#}"), format!("outer: inner: {refused}"));
        assert_eq!(super::status(&plain), Some(404));
        assert_eq!(super::status(&anyhow::anyhow!("another")), None);
    }

    #[test]
    fn a_wrong_field_is_named() {
        #[derive(Debug, serde::Deserialize)]
        struct Page {
            #[expect(dead_code)]
            rows: Vec<u8>,
        }
        let wrong = |body: &str| decode::<Page>(body.as_bytes()).expect_err("wrong");
        assert!(wrong(r#"{"rows":[1,"x"]}"#).contains("at `rows[1]`"), "{}", wrong(r#"{"rows":[1,"x"]}"#));
        assert!(wrong("<html>").contains("not JSON"));
        assert!(wrong(r#"{"rows":[1"#).contains("not JSON"));
        assert!(wrong(r#"{"rows":[1]} tail"#).contains("not JSON"));
    }

    #[test]
    fn what_is_wrong_with_a_secret_answer_is_told_without_a_word_of_it() {
        for (body, at) in [(r#"[1,"s3cret"]"#, "[1]"), ("s3cret", "."), ("[1] s3cret", ".")] {
            let wrong = decode_unseen::<Vec<u8>>(body.as_bytes()).expect_err(body);
            let not = format!("the answer is not as documented at `{at}`");
            assert_eq!(wrong, format!("{not}; it is not shown, for it may hold a secret"));
        }
    }

    #[test]
    fn a_failed_write_is_not_repeated_where_it_may_have_happened() {
        assert!(passing(StatusCode::INTERNAL_SERVER_ERROR, &HeaderMap::new(), &Method::GET));
        assert!(!passing(StatusCode::INTERNAL_SERVER_ERROR, &HeaderMap::new(), &Method::POST));
        assert!(!passing(StatusCode::NOT_FOUND, &HeaderMap::new(), &Method::GET));
    }
}
