//! Addresses: what a base URL may be, and what is put behind it.

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::Url;

use crate::net::is_loopback;

/// The address, if a key may be sent there.
pub fn parse(text: &str) -> Result<Url> {
    // The text itself stays out of the errors: it could hold a password.
    let url = Url::parse(text.trim()).context("`base_url` is not a URL such as \"https://api.example.com\"")?;
    ensure!(
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none(),
        "`base_url` may hold a scheme, a host, a port and a path, and nothing else"
    );
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(url.host_str().unwrap_or_default()) => {}
        "http" => {
            bail!("`base_url` {url} would send the key in the clear: use https:// (http:// is for this machine alone)")
        }
        other => bail!("`base_url` {url}: {other}:// is not spoken here; use https://"),
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
        ] {
            let error = parse(bad).expect_err("refused");
            assert!(!format!("{error:#}").contains("hunter2"), "{error:#}");
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
