//! What can be told without a server: faults of a config, and what is made of a reading.

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

fn group(id: &str) -> Entitlement {
    Entitlement { id: id.into(), name: "dba".into() }
}

fn access(group_id: &str, user: &str) -> Access {
    Access { account: user.into(), entitlement: group(group_id) }
}

fn filled(group: &str) -> Filled {
    let rule = serde_json::json!({
        "id": "0pr1", "status": "ACTIVE", "conditions": { "people": { "users": { "exclude": ["00u3"] } } },
        "actions": { "assignUserToGroups": { "groupIds": [group] } },
    });
    Filled::by(vec![serde_json::from_value(rule).expect("a rule")])
}

#[test]
fn in_a_group_that_a_rule_fills_only_the_ledger_s_can_be_ours() {
    let members = ["00u1", "00u2", "00u3"].map(str::to_owned).into();
    let listed = BTreeMap::from([(group("00g1"), Listed::Members(members)), (group("00g2"), Listed::Gone)]);
    let owned = BTreeSet::from([access("00g1", "00u1")]);
    let shown = |filled: &Filled| -> Vec<(String, bool)> {
        let held = held(&listed, filled, &owned).expect("memberships");
        assert!(held.iter().all(|held| held.from.is_none() && held.until.is_none()));
        held.into_iter().map(|held| (held.id.0, held.foreign)).collect()
    };
    let expected = |foreign: [bool; 3]| {
        let ids = ["00g1/00u1", "00g1/00u2", "00g1/00u3"].map(str::to_owned);
        ids.into_iter().zip(foreign).collect::<Vec<_>>()
    };
    assert_eq!(shown(&filled("00g1")), expected([false, true, false]));
    assert_eq!(shown(&filled("00g3")), expected([false; 3]));
}

#[test]
fn nobody_is_given_what_cannot_be_looked_at() {
    let listed = BTreeMap::from([
        (group("00g1"), Listed::Members(BTreeSet::new())),
        (group("00g2"), Listed::Gone),
        (group("00g3"), Listed::Hidden("403".to_owned())),
    ]);
    for (id, words) in [("00g1", None), ("00g2", Some("is gone")), ("00g3", Some("cannot be read: 403"))] {
        let mut stands_for = Ok(BTreeSet::from([group(id)]));
        refuse_unreadable(&mut stands_for, &listed);
        match words {
            None => assert!(stands_for.is_ok(), "{stands_for:?}"),
            Some(words) => assert!(stands_for.clone().is_err_and(|why| why.contains(words)), "{stands_for:?}"),
        }
    }
}

#[test]
fn the_admin_console_is_told_from_the_organisation() {
    let faults = |address: &str| {
        let config = format!("base_url = \"{address}\"\napi_token = {{ env = \"T\" }}\n");
        toml::from_str::<Config>(&config).expect("a config").faults()
    };
    for good in ["https://acme.okta.com", "https://login.acme.com/", "https://acme-admins.okta.com"] {
        assert_eq!(faults(good), [""; 0], "{good}");
    }
    for bad in ["https://acme-admin.okta.com", "https://ACME-Admin.Okta.com/"] {
        assert_eq!(
            faults(bad),
            ["`base_url` is the address of the admin console; the API is at https://acme.okta.com"],
            "{bad}"
        );
    }
}
