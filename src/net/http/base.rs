//! Addresses: what a base URL may be, and what is put behind it.

use anyhow::{Context as _, bail, ensure};
use reqwest::Url;
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer};

use crate::net::is_loopback;

/// A `base_url` in a config, which stays as it was written.
///
/// # Errors
/// Where it is no address that a key may be sent to.
pub fn address<'de, D: Deserializer<'de>, Text: From<String>>(deserializer: D) -> Result<Text, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(|error| D::Error::custom(format!("{error:#}")))?;
    Ok(text.into())
}

/// The address, if a key may be sent there.
pub fn parse(text: &str) -> anyhow::Result<Url> {
    let text = text.trim();
    if !text.contains("://") {
        let whole = format!("https://{text}");
        // What does not look like a host could be a key or hold a password.
        let is_host = text.contains('.') && !text.contains(|char: char| char.is_ascii_uppercase());
        let whole = if is_host && parse(&whole).is_ok() { whole } else { "https://api.example.com".into() };
        bail!("an address begins with https://; write \"{whole}\"");
    }
    // The text itself stays out of the errors: it could hold a password.
    let url = Url::parse(text).context("it is not an address such as \"https://api.example.com\"")?;
    ensure!(
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none(),
        "it may hold a scheme, a host, a port and a path, and nothing else"
    );
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(url.host_str().unwrap_or_default()) => {}
        "http" => bail!("{url} would send the key in the clear: use https:// (http:// is for this machine alone)"),
        other => bail!("{url}: {other}:// is not spoken here; use https://"),
    }
    Ok(url)
}

/// The host, and its port where that is not the usual one.
pub fn host(base: &Url) -> String {
    let host = base.host_str().unwrap_or_default();
    base.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The address of `segments` below `base`; each is escaped, so that none can reach beyond its place.
pub fn join(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    url.path_segments_mut().expect("http and https have paths").pop_if_empty().extend(segments);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_sent_in_the_clear_to_this_machine_alone() {
        for good in ["https://api.example.com", "http://127.0.0.1:8080", "http://localhost/x/", "http://[::1]:1"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in
            ["http://api.example.com", "http://localhost.example.com", "http://127.0.0.1.example.com", "ftp://x", "x"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_in_the_address_is_refused_and_not_shown() {
        for bad in [
            "https://me:hunter2@api.example.com",
            "https://api.example.com/?token=hunter2",
            "hunter2://[",
            "https://a/#hunter2",
            "me:hunter2@api.example.com",
            "api.example.com/?token=hunter2",
        ] {
            let error = parse(bad).expect_err("refused");
            assert!(!format!("{error:#}").contains("hunter2"), "{error:#}");
        }
    }

    #[test]
    fn an_address_without_its_beginning_is_told_with_it() {
        for (bad, good) in [
            ("acme.okta.com", "https://acme.okta.com"),
            (" acme.okta.com:443/x ", "https://acme.okta.com:443/x"),
            ("", "https://api.example.com"),
            ("eyJhbGciOiJI.eyJzdWIi.SflKx", "https://api.example.com"),
            ("mailto:me@example.com", "https://api.example.com"),
        ] {
            let error = parse(bad).expect_err("refused");
            assert_eq!(error.to_string(), format!("an address begins with https://; write \"{good}\""), "{bad}");
        }
    }

    #[test]
    fn segments_keep_to_their_place() {
        let base = parse("https://api.example.com/prefix/").expect("fine");
        assert_eq!(join(&base, &["users", "P1"]).as_str(), "https://api.example.com/prefix/users/P1");
        assert_eq!(
            join(&base, &["users", "a/../b?c#d"]).as_str(),
            "https://api.example.com/prefix/users/a%2F..%2Fb%3Fc%23d"
        );
    }
}
