//! Where the next page of a list is: the `Link` header (RFC 8288).

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use http::HeaderMap;
use http::header::LINK;
use reqwest::Url;

/// Pages of one list: a hundred thousand rows in the smallest pages that vendors send by themselves.
const MAX_PAGES: usize = 2_000;

/// Pages read so far.
#[derive(Default)]
pub struct Seen(BTreeSet<Url>);

impl Seen {
    /// Whether `next` was not read before, and there are not too many.
    pub fn is_new(&mut self, next: &Url) -> bool {
        self.0.len() < MAX_PAGES && self.0.insert(next.clone())
    }
}

/// The address with the relation `next`, taken as relative to `base`.
///
/// # Errors
/// Where it is none: a list that says that it goes on has not ended.
pub fn next(headers: &HeaderMap, base: &Url) -> Result<Option<Url>> {
    // What a server repeats of a query may be text that belongs in no header.
    let headers: Vec<_> = headers.get_all(LINK).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    let mut links = headers.iter().flat_map(|value| links_of(value));
    let next = links.find(|(_, parameters)| is_next(parameters)).map(|(target, _)| base.join(target));
    next.transpose().context("its `Link` to the next page holds no address")
}

/// Each link of a header: its address and its parameters. An address may hold commas, so they do not separate by themselves.
fn links_of(header: &str) -> Vec<(&str, &str)> {
    let mut links = Vec::new();
    let mut rest = header;
    while let Some((_, behind)) = rest.split_once('<') {
        let Some((target, behind)) = behind.split_once('>') else { break };
        let end = behind.find('<').unwrap_or(behind.len());
        links.push((target, &behind[..end]));
        rest = &behind[end..];
    }
    links
}

fn is_next(parameters: &str) -> bool {
    let mut parameters = parameters.split([';', ',']).filter_map(|parameter| parameter.split_once('='));
    parameters.any(|(name, value)| {
        let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
        name.trim().eq_ignore_ascii_case("rel") && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next_of(values: &[&'static str]) -> Option<String> {
        let headers = values.iter().map(|value| (LINK, value.parse().expect("a header"))).collect();
        let next = next(&headers, &Url::parse("https://api.example.com/v1/").expect("a URL"));
        next.expect("an address, if any").map(Url::into)
    }

    #[test]
    fn the_next_page_is_found_in_one_header_or_several() {
        let page = Some("https://api.example.com/v1/members?after=a,b&limit=2".to_owned());
        let several = [
            r#"<https://api.example.com/v1/members?limit=2>; rel="self""#,
            r#"<https://api.example.com/v1/members?after=a,b&limit=2>; rel="next""#,
        ];
        assert_eq!(next_of(&several), page);
        let one = r#"<https://api.example.com/v1/members>; rel="prev", <https://api.example.com/v1/members?after=a,b&limit=2>; title=x; rel="last next""#;
        assert_eq!(next_of(&[one]), page);
        assert_eq!(next_of(&["</v1/members?after=a,b&limit=2>;rel=next"]), page);
    }

    #[test]
    fn without_a_next_page_the_list_has_ended() {
        for last in [r#"<https://api.example.com/v1/members>; rel="prev""#, "<https://x; rel=next", "", "rel=\"next\""]
        {
            assert_eq!(next_of(&[last]), None, "{last}");
        }
        assert_eq!(next_of(&[]), None);
    }

    #[test]
    fn a_page_is_read_once() {
        let mut seen = Seen::default();
        let page = Url::parse("https://api.example.com/?page=2").expect("a URL");
        assert!(seen.is_new(&page));
        assert!(!seen.is_new(&page));
    }
}
