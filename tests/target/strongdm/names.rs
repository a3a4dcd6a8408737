//! Whom an e-mail means, and what a spelling.

use std::collections::BTreeSet;

use oncall_sync::domain::{Current, Tenure};

use super::*;
use crate::target::contract::{asked, now, reading};

async fn read(fake: &Fake, emails: &[&str], spellings: &[&str]) -> Current {
    reading(&config(&fake.toml()), &asked(emails, spellings)).await
}

async fn accounts(fake: &Fake, emails: &[&str]) -> Vec<String> {
    read(fake, emails, &[]).await.accounts.into_iter().map(|account| account.id.0).collect()
}

/// The ids that a spelling stands for, or what is said instead.
async fn resolve(fake: &Fake, spelling: &str) -> Result<Vec<String>, String> {
    let mut current = read(fake, &[], &[spelling]).await;
    let found = current.entitlements.remove(spelling).expect("every spelling asked for has an answer");
    found.map(|found| found.into_iter().map(|entitlement| entitlement.id.to_string()).collect())
}

fn resources(names: &[&str]) -> Fake {
    let world = names
        .iter()
        .enumerate()
        .fold(World::at(now()), |world, (index, name)| world.resource(&format!("rs-{index}"), name));
    StrongDm::start(world)
}

#[tokio::test]
async fn emails_match_without_regard_to_case() {
    let fake = StrongDm::start(World::at(now()).user("a-1", "Alice@Example.COM"));
    assert_eq!(accounts(&fake, &["aLICE@example.com"]).await, ["a-1"]);
}

#[tokio::test]
async fn an_email_never_means_somebody_else() {
    let fake = StrongDm::start(world());
    let emails = [
        "*",
        "*@example.com",
        "alice*",
        "a-1",
        "\"",
        "\\",
        "alice@example.com\" email:\"bob@example.com",
        "alice@example.com,bob@example.com",
        "alice@example.com bob@example.com",
        "alice@example.com email:*",
        "?",
        "",
    ];
    for email in emails {
        assert_eq!(accounts(&fake, &[email]).await, Vec::<String>::new(), "{email:?}");
    }
    assert_eq!(accounts(&fake, &emails).await, Vec::<String>::new(), "all together");
}

#[tokio::test]
async fn odd_emails_find_their_owner() {
    for email in ["\"o'brien, pat\"@example.com", "zoë@example.com", "a\\b@example.com", "*@example.com"] {
        let fake = StrongDm::start(world().user("a-9", email));
        assert_eq!(accounts(&fake, &[email]).await, ["a-9"], "{email}");
    }
}

#[tokio::test]
async fn two_accounts_with_one_email_are_both_shown() {
    let fake = StrongDm::start(World::at(now()).user("a-1", ALICE).user("a-2", "ALICE@EXAMPLE.COM"));
    assert_eq!(accounts(&fake, &[ALICE]).await, ["a-1", "a-2"]);
}

#[tokio::test]
async fn services_and_tokens_are_nobody() {
    let world = World::at(now())
        .account(Account::new("a-7", Kind::Service, ALICE))
        .account(Account::new("a-8", Kind::Token, ALICE))
        .user("a-1", ALICE)
        .manners(|manners| manners.email_finds_machines = true);
    assert_eq!(accounts(&StrongDm::start(world), &[ALICE]).await, ["a-1"]);
}

#[tokio::test]
async fn either_field_suspends() {
    let user = |id, email| Account::new(id, Kind::User, email);
    let world = World::at(now())
        .account(Account { suspended: true, ..user("a-1", ALICE) })
        .account(Account { suspended_read_only: true, ..user("a-2", BOB) })
        .account(user("a-3", CAROL));
    let current = read(&StrongDm::start(world), &[ALICE, BOB, CAROL], &[]).await;
    let suspended: Vec<_> = current.accounts.iter().map(|account| (&*account.id.0, account.suspended)).collect();
    assert_eq!(suspended, [("a-1", true), ("a-2", true), ("a-3", false)]);
}

#[tokio::test]
async fn a_resource_of_any_type_is_found_by_name() {
    let world =
        World::at(now()).resource_of("rs-5", "oldest", 5, &[]).resource_of("rs-9", "from the future", 9999, &[]);
    let fake = StrongDm::start(world);
    assert_eq!(resolve(&fake, "from the future").await, Ok(vec!["rs-9".to_owned()]));
    assert_eq!(resolve(&fake, "oldest").await, Ok(vec!["rs-5".to_owned()]));
}

#[tokio::test]
async fn a_star_in_a_name_is_a_star() {
    let fake = resources(&["prod-a", "prod*", "prod-b"]);
    assert_eq!(resolve(&fake, "prod*").await, Ok(vec!["rs-1".to_owned()]));
    let fake = resources(&["prod-a", "prod-b"]);
    let error = resolve(&fake, "prod*").await.expect_err("no such name");
    assert!(error.contains("prod*"), "{error}");
}

#[tokio::test]
async fn odd_names_are_found() {
    let names = [
        "Prod \"DB\" é*",
        "a, b",
        "a",
        "b",
        "back\\slash",
        "tab\there",
        "データベース",
        "name:x",
        "id:rs-0",
        "<&>",
        "?",
    ];
    let fake = resources(&names);
    for (index, name) in names.iter().enumerate() {
        assert_eq!(resolve(&fake, name).await, Ok(vec![format!("rs-{index}")]), "{name}");
    }
}

#[tokio::test]
async fn names_match_exactly() {
    let fake = resources(&["prod", "Prod"]);
    assert_eq!(resolve(&fake, "Prod").await, Ok(vec!["rs-1".to_owned()]));
    resolve(&fake, "PROD").await.expect_err("no such name");
    resolve(&fake, "").await.expect_err("no such name");
}

#[tokio::test]
async fn an_ambiguous_name_lists_what_it_could_mean() {
    let fake = resources(&["prod", "other", "prod"]);
    let error = resolve(&fake, "prod").await.expect_err("which?");
    assert!(["prod", "rs-0", "rs-2"].iter().all(|part| error.contains(part)), "{error}");
    assert!(!error.contains("rs-1"), "{error}");
}

#[tokio::test]
async fn a_resource_without_id_is_reported() {
    let fake = StrongDm::start(World::at(now()).resource("", "broken"));
    let outcome = connect(&fake).await.read(&asked(&[], &["broken"])).await;
    let resolved = outcome.is_ok_and(|current| current.entitlements["broken"].is_ok());
    assert!(!resolved, "nothing can be granted on a resource without an id");
}

#[tokio::test]
async fn a_tag_stands_for_every_resource_that_has_it() {
    let world = World::at(now())
        .resource_of("rs-1", "one", 1300, &[("env", "prod"), ("team", "db")])
        .resource_of("rs-2", "two", 1901, &[("env", "prod")])
        .resource_of("rs-3", "three", 1300, &[("env", "production")])
        .resource_of("rs-4", "four", 1300, &[("stage", "prod")])
        .manners(|manners| manners.page_size = 1);
    let fake = StrongDm::start(world);
    assert_eq!(resolve(&fake, "tag:env=prod").await, Ok(vec!["rs-1".to_owned(), "rs-2".to_owned()]));
    let error = resolve(&fake, "tag:env=test").await.expect_err("nothing has it");
    assert!(error.contains("env=test"), "{error}");
}

#[tokio::test]
async fn roles_are_standing_and_resources_scheduled() {
    let fake = StrongDm::start(world().role("r-2", "dba (read only)"));
    let current = read(&fake, &[], &["role:dba", "role:dba (read only)", DATABASE]).await;
    let target = connect(&fake).await;
    let tenures: BTreeSet<_> = current
        .entitlements
        .values()
        .map(|found| found.as_ref().expect("it exists").first().expect("one"))
        .map(|entitlement| (entitlement.id.to_string(), target.tenure(entitlement)))
        .collect();
    let expected = [("r-1", Tenure::Standing), ("r-2", Tenure::Standing), ("rs-1", Tenure::Scheduled)];
    assert_eq!(tenures, expected.map(|(id, tenure)| (id.to_owned(), tenure)).into());
}

#[tokio::test]
async fn a_reading_asks_once_for_each_person_at_most() {
    let emails: Vec<_> = (0..60).map(|number| format!("person{number}@example.com")).collect();
    let world =
        emails.iter().enumerate().fold(world(), |world, (index, email)| world.user(&format!("a-x{index}"), email));
    let fake = StrongDm::start(world);
    let emails: Vec<_> = emails.iter().map(String::as_str).collect();
    let current = connect(&fake).await.read(&asked(&emails, &[DATABASE])).await.expect("a reading");
    assert_eq!(current.accounts.len(), 60);
    assert!(fake.count("Accounts.List") <= 60, "{} look-ups of accounts", fake.count("Accounts.List"));
    let others = fake.calls().len() - fake.count("Accounts.List");
    assert!(others <= 5, "resources and their grants take a handful of calls, not {others}");
}
