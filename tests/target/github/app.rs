//! As a GitHub App: its word signed, its installation found, its token kept as long as it holds and no longer.

use chrono::TimeDelta;

use super::*;
use crate::fakes::github::INSTALLATION;

const FOR_TOKEN: &str = "/access_tokens";
const FOR_INSTALLATION: &str = "GET /orgs/acme/installation";

fn logins(toml: &str) -> String {
    with_logins(toml, &[(ALICE, "alice-gh")])
}

#[tokio::test]
async fn one_token_serves_the_whole_run() {
    let fake = GitHub::start(world());
    let target = contract::connect(&config(&logins(&fake.toml_app()))).await;
    let current = target.read(&asked(&[ALICE], &[TEAM])).await.expect("a reading");
    let wanted = grant("1", ALICE, &team(&current, TEAM));
    let id = target.grant(&wanted).await.expect("given");
    target.revoke(&owned(&id, &wanted)).await.expect("taken back");
    assert_eq!((fake.count(FOR_INSTALLATION), fake.count(FOR_TOKEN)), (1, 1));
}

#[tokio::test]
async fn an_installation_that_is_given_is_not_looked_for() {
    let fake = GitHub::start(world());
    let toml = format!("installation_id = {INSTALLATION}\n{}", logins(&fake.toml_app()));
    assert_eq!(ids(&read_by(&toml, &[ALICE], &[TEAM]).await.expect("a reading")), ["1"]);
    assert_eq!((fake.count(FOR_INSTALLATION), fake.count(FOR_TOKEN)), (0, 1));
}

#[tokio::test]
async fn the_key_may_be_in_either_form() {
    let fake = GitHub::start(world());
    for file in ["app", "app8"] {
        let toml = format!("app_id = \"12345\"\n{}", logins(&fake.toml_by("private_key", file)));
        assert_eq!(ids(&read_by(&toml, &[ALICE], &[TEAM]).await.expect("a reading")), ["1"], "{file}");
    }
}

#[tokio::test]
async fn a_token_that_ends_in_mid_run_is_renewed() {
    let fake = GitHub::start(world());
    let target = contract::connect(&config(&logins(&fake.toml_app()))).await;
    let current = target.read(&asked(&[ALICE], &[TEAM])).await.expect("a reading");
    let wanted = grant("1", ALICE, &team(&current, TEAM));
    fake.fail("PUT", 1, Fault::Expired);
    let id = target.grant(&wanted).await.expect("given, by another token");
    fake.fail("DELETE", 1, Fault::Expired);
    target.revoke(&owned(&id, &wanted)).await.expect("taken back, by another token");
    fake.fail("/graphql", 1, Fault::Expired);
    target.read(&asked(&[ALICE], &[TEAM])).await.expect("a reading, by another token");
    fake.set_clock(now() + TimeDelta::minutes(3));
    fake.expire_tokens();
    target.read(&asked(&[ALICE], &[TEAM])).await.expect("and again");
    assert_eq!(fake.count(FOR_TOKEN), 5);
    assert_eq!(fake.events(), ["added alice-gh in oncall-dba", "removed alice-gh from oncall-dba"]);
}

#[tokio::test]
async fn many_at_once_whose_token_ended_renew_it_without_a_crowd() {
    let fake = GitHub::start(world().in_team(TEAM_ID, 1, Role::Member));
    let target = contract::connect(&config(&logins(&fake.toml_app()))).await;
    let current = target.read(&asked(&[ALICE], &[TEAM])).await.expect("a reading");
    fake.expire_tokens();
    fake.forget();
    let wanted = grant("1", ALICE, &team(&current, TEAM));
    let calls: Vec<_> = futures_util::future::join_all((0..20).map(|_| target.grant(&wanted))).await;
    assert!(calls.iter().all(Result::is_ok), "{calls:?}");
    assert!(fake.count(FOR_TOKEN) <= 2, "{} tokens for one renewal", fake.count(FOR_TOKEN));
}

#[tokio::test]
async fn a_token_that_is_refused_anew_each_time_is_an_error() {
    let fake = GitHub::start(world());
    fake.fail("/graphql", usize::MAX, Fault::BadCredentials);
    fake.fail("/teams", usize::MAX, Fault::BadCredentials);
    told(read_by(&logins(&fake.toml_app()), &[ALICE], &[TEAM]).await);
    assert!(fake.count(FOR_TOKEN) < 10, "it ends: {}", fake.count(FOR_TOKEN));
}

#[tokio::test]
async fn a_suspended_installation_is_said_to_be_so() {
    let fake = GitHub::start(world().with(|world| world.suspended = true));
    let said = told(read_by(&logins(&fake.toml_app()), &[ALICE], &[TEAM]).await);
    assert!(said.contains("suspended"), "{said}");
    assert!(fake.count(FOR_TOKEN) <= 1, "what cannot pass is not tried again");
}

#[tokio::test]
async fn an_app_that_is_not_installed_is_told_so() {
    let fake = GitHub::start(world().other_org(8_000, "globex"));
    let toml = logins(&fake.toml_app()).replace("\"acme\"", "\"globex\"");
    let said = told(read_by(&toml, &[ALICE], &[TEAM]).await);
    assert!(said.contains("globex") && said.to_lowercase().contains("install"), "{said}");
}

#[tokio::test]
async fn a_wrong_key_or_app_is_told_so_and_not_shown() {
    let fake = GitHub::start(world());
    let toml = format!("app_id = \"12345\"\n{}", fake.toml_by("private_key", "other"));
    let said = told(read_by(&toml, &[ALICE], &[TEAM]).await);
    assert!(said.contains("private_key") || said.contains("app_id"), "{said}");
    let toml = fake.toml_app().replace("12345", "54321");
    let said = told(read_by(&toml, &[ALICE], &[TEAM]).await);
    assert!(said.contains("app_id"), "{said}");
    let toml = format!("app_id = \"12345\"\n{}", fake.toml_by("private_key", "token"));
    let said = told(read_by(&toml, &[ALICE], &[TEAM]).await);
    assert!(said.contains("private_key") || said.contains("PEM"), "{said}");
    assert_eq!(fake.count("/teams"), 0);
}

#[tokio::test]
async fn clocks_that_differ_by_some_seconds_do_no_harm() {
    for seconds in [-45, -5, 5, 45] {
        let fake = GitHub::start(world());
        fake.set_clock(now() + TimeDelta::seconds(seconds));
        let current = read_by(&logins(&fake.toml_app()), &[ALICE], &[TEAM]).await;
        assert_eq!(ids(&current.unwrap_or_else(|error| panic!("{seconds} s: {error:#}"))), ["1"]);
    }
}

#[tokio::test]
async fn both_credentials_or_none_are_a_fault_of_the_config() {
    let fake = GitHub::start(world());
    let faulty = [
        fake.toml_bare(),
        format!("{}{}", fake.toml_app(), "token = { env = \"T\" }\n"),
        format!("app_id = \"12345\"\n{}", fake.toml_bare()),
        fake.toml_by("private_key", "app"),
        format!("installation_id = 100\n{}", fake.toml()),
    ];
    for toml in faulty {
        // A table that cannot be read at all says so earlier.
        let Ok(config) = toml::from_str::<TargetConfig>(&toml) else { continue };
        let faults = config.kind().faults();
        assert!(!faults.is_empty(), "{toml}");
    }
    assert_eq!(config(&fake.toml()).kind().faults(), [""; 0]);
    assert_eq!(config(&fake.toml_app()).kind().faults(), [""; 0]);
}

/// An answer with a token in it is shown to nobody, whatever is wrong with it.
#[tokio::test]
async fn a_token_in_an_answer_that_cannot_be_read_is_not_shown() {
    for answer in [
        serde_json::json!({ "token": "ghs_leak", "expires_at": "soon" }),
        serde_json::json!({ "token": "ghs_leak" }),
        serde_json::json!({ "token": ["ghs_leak"], "expires_at": "2026-03-01T00:00:00Z" }),
        serde_json::json!("ghs_leak"),
    ] {
        let fake = GitHub::start(world());
        fake.fail(FOR_TOKEN, usize::MAX, Fault::Says(201, answer));
        let said = told(read_by(&logins(&fake.toml_app()), &[ALICE], &[TEAM]).await);
        assert!(said.contains("access_tokens") && said.contains("as documented"), "{said}");
    }
}

/// What the App signs is good for minutes: a server that repeats it must not have it shown.
#[tokio::test]
async fn what_the_app_signs_is_not_shown_where_a_server_repeats_it() {
    let fake = GitHub::start(world());
    fake.fail(FOR_INSTALLATION, usize::MAX, Fault::Echo);
    let said = told(read_by(&logins(&fake.toml_app()), &[ALICE], &[TEAM]).await);
    assert!(said.contains("***"), "{said}");
}
