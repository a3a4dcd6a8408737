//! What is copied into a config from the website's pages, and is none of the API's words.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Visitor};

use super::api::BASE_URL;
use crate::harmless::shown;

/// What is wrong with `org`, where it is no name of an organisation.
pub fn organisation(org: &str) -> Option<String> {
    if org.trim().is_empty() {
        return Some("`org` names nothing; the organisation's name belongs there".to_owned());
    }
    let is_name = org.chars().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_'));
    (!is_name)
        .then(|| format!("`org` is '{}', which is no organisation's name; write it as in github.com/NAME", shown(org)))
}

/// What is wrong with `base_url`, where it is the website's.
pub fn base_url(address: &str) -> Option<String> {
    let address = address.trim().to_ascii_lowercase();
    let host = address.split("://").last()?.split('/').next()?;
    matches!(host, "github.com" | "www.github.com")
        .then(|| format!("`base_url` is the address of the website; the API is at {BASE_URL}, which is the default"))
}

/// The id of an App. GitHub shows a number, which stands in quotes as client ids do.
///
/// # Errors
/// Where it is no text.
pub fn app_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    deserializer.deserialize_str(InQuotes).map(Some)
}

struct InQuotes;

impl Visitor<'_> for InQuotes {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an App's id or client id in quotes, such as \"12345\"")
    }

    fn visit_str<E: Error>(self, id: &str) -> Result<String, E> {
        Ok(id.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn config(more: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(more)
    }

    #[test]
    fn an_organisation_is_a_name_and_no_address() {
        for good in ["acme", "Acme-2", "acme_emu"] {
            assert_eq!(organisation(good), None, "{good}");
        }
        for bad in ["https://github.com/acme", "acme/oncall", "@acme", "acme ", "..", "acme inc"] {
            assert!(organisation(bad).is_some_and(|fault| fault.contains("as in github.com/NAME")), "{bad}");
        }
    }

    #[test]
    fn the_website_is_told_from_the_api() {
        for good in ["https://api.github.com", "https://ghe.example.com/api/v3", "https://api.acme.ghe.com/"] {
            assert_eq!(base_url(good), None, "{good}");
        }
        for bad in ["https://github.com", "https://WWW.GitHub.com/acme", "github.com"] {
            assert!(base_url(bad).is_some_and(|fault| fault.contains("at https://api.github.com")), "{bad}");
        }
    }

    #[test]
    fn both_are_faults_of_the_config() {
        let faults = config("org = 'a/b'\nbase_url = 'https://github.com'\ntoken = { env = 'T' }").expect("a config");
        let faults = crate::target::Describe::faults(&faults);
        assert!(faults.len() == 2 && faults[0].contains("'a/b'") && faults[1].contains("website"), "{faults:?}");
    }

    #[test]
    fn the_id_of_an_app_stands_in_quotes() {
        for good in ["12345", "Iv23li"] {
            let config = config(&format!("org = 'acme'\napp_id = '{good}'")).expect(good);
            assert_eq!(config.app_id.as_deref(), Some(good));
        }
        for bad in ["12345", "true", "[1]"] {
            let fault = config(&format!("org = 'acme'\napp_id = {bad}")).expect_err(bad).to_string();
            assert!(fault.contains("an App's id or client id in quotes"), "{bad}: {fault}");
        }
        assert_eq!(config("org = 'acme'").expect("none").app_id, None);
    }
}
