//! What can be told without a server: faults of a config, and what is made of a reading.

use super::super::Describe as _;
use super::*;

fn config(text: &str) -> Config {
    toml::from_str(text).expect("a config")
}

fn faults(text: &str) -> Vec<String> {
    config(&format!("base_url = \"https://acme.okta.com\"\n{text}")).faults()
}

const TOKEN: &str = "api_token = { env = \"TOKEN\" }\n";
const CLIENT: &str = "client_id = \"0oa1\"\n";
const KEY: &str = "private_key = { file = \"okta.pem\" }\n";

#[test]
fn a_config_has_one_credential_and_all_of_it() {
    for good in [TOKEN.to_owned(), format!("{CLIENT}{KEY}"), format!("{CLIENT}{KEY}key_id = \"one\"\n")] {
        assert_eq!(faults(&good), [""; 0], "{good}");
    }
    for (bad, words) in [
        (String::new(), "neither"),
        (format!("{TOKEN}{CLIENT}{KEY}"), "both"),
        (CLIENT.to_owned(), "`client_id` without `private_key`"),
        (KEY.to_owned(), "`private_key` without `client_id`"),
        (format!("{TOKEN}key_id = \"one\"\n"), "`key_id` without `private_key`"),
    ] {
        let faults = faults(&bad);
        assert!(faults.len() == 1 && faults[0].contains(words), "{bad}: {faults:?}");
    }
}

#[test]
fn an_address_from_a_browser_is_a_fault() {
    for (address, words) in [
        ("https://acme-admin.okta.com/", "https://acme.okta.com"),
        ("https://acme-admin.oktapreview.com", "https://acme.oktapreview.com"),
        ("https://acme.okta.com/api/v1/", "/api/v1"),
    ] {
        let faults = config(&format!("base_url = \"{address}\"\n{TOKEN}")).faults();
        assert!(faults.len() == 1 && faults[0].contains(words), "{address}: {faults:?}");
    }
}
