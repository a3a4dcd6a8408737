use super::*;
use crate::target::github::wire::{Address, Organization};

fn user(id: u64, login: &str) -> User {
    User {
        database_id: id,
        login: login.into(),
        organization: Some(Organization { login: "acme".into() }),
        suspended_at: None,
        organization_verified_domain_emails: Vec::new(),
    }
}

fn addresses(emails: &[&str]) -> Vec<Address> {
    emails.iter().map(|email| Address { value: (*email).into() }).collect()
}

fn identity(name: &str, emails: &[&str], user: Option<User>) -> Identity {
    let saml = Attributes { name_id: Some(name.into()), username: None, emails: Some(addresses(emails)) };
    Identity { saml_identity: Some(saml), scim_identity: None, user }
}

fn ids(found: Option<Result<Vec<User>, String>>) -> Vec<u64> {
    found.expect("an answer").expect("users").into_iter().map(|user| user.database_id).collect()
}

fn ada() -> Email {
    Email::new("ada@example.com")
}

#[test]
fn a_name_at_the_provider_wins_over_an_address_of_somebody_else() {
    let shared = identity("boss@example.com", &["ada@example.com"], Some(user(2, "boss")));
    let own = identity("Ada@Example.com", &[], Some(user(1, "ada")));
    assert_eq!(ids(identified(&ada(), &[shared.clone(), own])), [1]);
    assert_eq!(ids(identified(&ada(), &[shared])), [2]);
    assert_eq!(identified(&ada(), &[identity("bob@example.com", &[], Some(user(3, "bob")))]), None);
}

#[test]
fn two_accounts_of_one_name_are_both_shown_and_one_account_once() {
    let both =
        [identity("ada@example.com", &[], Some(user(1, "ada"))), identity("ada@example.com", &[], Some(user(2, "al")))];
    assert_eq!(ids(identified(&ada(), &both)), [1, 2]);
    let twice = [both[0].clone(), both[0].clone()];
    assert_eq!(ids(identified(&ada(), &twice)), [1]);
}

#[test]
fn an_identity_that_nobody_has_taken_up_is_said_so() {
    let why = identified(&ada(), &[identity("ada@example.com", &[], None)]).expect("an answer").expect_err("nobody");
    assert!(why.contains("not signed in"), "{why}");
}

#[test]
fn a_login_is_made_of_a_name_as_github_makes_it() {
    for (name, code, login) in [
        ("ada.lovelace@example.com", Some("acme"), "ada-lovelace_acme"),
        ("ada.lovelace", None, "ada-lovelace"),
        ("EXAMPLE\\Ada", Some("acme"), "Ada_acme"),
        ("ada_acme", Some("acme"), "ada-acme_acme"),
    ] {
        assert_eq!(login_of(name, code), login);
    }
}

#[test]
fn the_administrator_and_the_unmanaged_are_nobody_s_account() {
    let found = |name: &str, server, logins: &[&str]| {
        let scim = [ScimUser { user_name: name.into(), emails: addresses(&["ada@example.com"]), active: true }];
        let members: Vec<User> = (1..).zip(logins).map(|(id, login)| user(id, login)).collect();
        let found = provisioned(&ada(), &scim, server, &members).expect("an answer");
        found.map_or(Vec::new(), |users| users.into_iter().map(|user| user.login).collect())
    };
    let members = ["acme_admin", "ada_acme", "bob_acme", "ada", "eve_other"];
    assert_eq!(found("ada@example.com", false, &members), ["ada_acme"]);
    for (name, logins) in [
        ("acme", &members[..]),
        ("acme_admin", &members),
        ("eve", &members),
        ("ada", &["ada", "acme_admin"]),
        ("acme", &["acme_admin"]),
    ] {
        assert_eq!(found(name, false, logins), [""; 0], "{name}");
    }
    assert_eq!(found("ada@example.com", true, &["ada", "ada-b"]), ["ada"]);
}

#[test]
fn whom_scim_has_suspended_is_suspended() {
    let scim = |active| ScimUser { user_name: "ada".into(), emails: addresses(&["Ada@example.com"]), active };
    let members = [user(1, "ada_acme")];
    let suspended = |active| {
        let found = provisioned(&ada(), &[scim(active)], false, &members).expect("an answer").expect("a user");
        found[0].suspended_at.is_some()
    };
    assert!(!suspended(true) && suspended(false));
    // A suspended user's login is a hash.
    let hashed = [user(1, "3f2a_acme")];
    let why = provisioned(&ada(), &[scim(false)], false, &hashed).expect("an answer").expect_err("nobody");
    assert!(why.contains("suspended"), "{why}");
    assert_eq!(provisioned(&Email::new("bob@example.com"), &[scim(true)], false, &members), None);
}

#[test]
fn a_verified_address_is_compared_whole() {
    let own = User { organization_verified_domain_emails: vec!["Ada@Example.com".into()], ..user(1, "ada") };
    let directory = Directory { members: vec![own, user(2, "bob")], identities: Vec::new() };
    assert_eq!(ids(verified(&ada(), &directory)), [1]);
    assert_eq!(verified(&Email::new("a@example.com"), &directory), None);
}

#[test]
fn an_outsider_is_left_out_and_the_reason_kept_where_nobody_is_left() {
    let outsiders = BTreeMap::from([(2, "outside".to_owned())]);
    let kept = members(&[user(1, "ada"), user(2, "al")], &outsiders).expect("one is inside");
    assert_eq!(kept, [user(1, "ada")]);
    assert_eq!(members(&[user(2, "al")], &outsiders), Err("outside".into()));
}

#[test]
fn an_invitation_is_no_membership() {
    let why = |state: &str| {
        outsider(Some(&Membership { state: state.into(), role: String::new(), user: None }), "ada", "acme")
    };
    assert_eq!(why("active"), None);
    assert!(why("pending").expect("a reason").contains("not accepted"));
    assert!(why("suspended").expect("a reason").contains("'suspended'"));
    assert!(outsider(None, "ada", "acme").expect("a reason").contains("no member"));
}
