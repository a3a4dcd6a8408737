//! Okta: the contract with each credential, and what is peculiar to it.

mod credentials;
mod crowd;
mod names;
mod people;
mod ready;
mod trouble;

use std::fmt::Debug;

use anyhow::Error;
use oncall_sync::domain::{Access, Current, Email, Entitlement, Grant, GrantId, Tenure};
use oncall_sync::net::Context;
use oncall_sync::target::{Target, TargetConfig};

use super::contract::{self, ALICE, BOB, CAROL, Stage, WrongToken, asked, context, now, shift};
use crate::fakes::okta::{API_TOKEN, Fake, Fault, JWK, KEY_ID, Kind, Okta, PKCS1, PKCS8, STRANGER, Status, World};

const GROUP: &str = "oncall-dba";

/// Ids as long as Okta's own.
fn user(number: usize) -> String {
    format!("00ufake{number:013}")
}

fn group(number: usize) -> String {
    format!("00gfake{number:013}")
}

/// Alice, Bob, Carol who is suspended, and a group.
fn world() -> World {
    World::at(now())
        .user(&user(1), ALICE)
        .user(&user(2), BOB)
        .account(&user(3), CAROL, CAROL, Status::Suspended)
        .group(&group(1), GROUP)
}

fn config(toml: &str) -> TargetConfig {
    toml::from_str(toml).expect("a config")
}

async fn connect(fake: &Fake) -> Box<dyn Target> {
    contract::connect(&config(&fake.toml())).await
}

/// Connects and reads; whichever of the two fails, the error is the same to the person.
async fn read_by(toml: &str, context: Context, emails: &[&str], spellings: &[&str]) -> anyhow::Result<Current> {
    config(toml).connect(context).await?.read(&asked(emails, spellings)).await
}

async fn read(fake: &Fake) -> anyhow::Result<Current> {
    read_by(&fake.toml(), context(), &[ALICE], &[GROUP]).await
}

/// A person in the group.
fn wanted(person: usize, email: &str) -> Grant {
    let entitlement = Entitlement { id: group(1).as_str().into(), name: GROUP.into() };
    let access = Access { account: user(person).as_str().into(), entitlement };
    Grant { access, email: Email::new(email), period: shift(8) }
}

fn id(person: usize) -> GrantId {
    GrantId(format!("{}/{}", group(1), user(person)))
}

/// What a person is told; nothing that is secret may be in it.
fn told<T: Debug>(fake: &Fake, outcome: Result<T, Error>) -> String {
    let error = outcome.expect_err("an error");
    let told = format!("{error:#}");
    for secret in fake.secrets() {
        assert!(!format!("{told} {error:?}").contains(&secret), "secrets stay secret: {told}");
    }
    told
}

/// The contract's stage; `toml` says with which credential.
struct OktaStage {
    fake: Fake,
    toml: String,
    wrong: (String, &'static str, String),
}

impl OktaStage {
    fn with_token(world: World) -> Self {
        let fake = Okta::start(world);
        let other = "00AnotherTokenThatIsNotAccepted";
        let wrong = (fake.toml_with_token(other), "api_token", other.to_owned());
        Self { toml: fake.toml(), fake, wrong }
    }

    fn with_key(world: World, key: &str, more: &str) -> Self {
        let fake = Okta::start(world);
        let secret = STRANGER.lines().nth(1).expect("a line of the key").to_owned();
        let wrong = (fake.toml_with_key(STRANGER, ""), "private_key", secret);
        Self { toml: fake.toml_with_key(key, more), fake, wrong }
    }
}

impl Stage for OktaStage {
    fn config(&self) -> TargetConfig {
        config(&self.toml)
    }

    fn entitlement(&self) -> &str {
        GROUP
    }

    fn tenure(&self) -> Tenure {
        Tenure::Standing
    }

    fn stranger(&mut self) -> Option<GrantId> {
        self.fake.change(|world| world.put(&group(1), &user(2)));
        Some(id(2))
    }

    fn suspends(&self) -> bool {
        true
    }

    fn small_pages(&mut self) -> bool {
        self.fake.change(|world| world.manners.page_size = 1);
        true
    }

    fn refuse_next(&mut self) -> bool {
        self.fake.fail("/api/v1/", 1, Fault::RateLimited { seconds: 2 });
        true
    }

    fn wrong_token(&self) -> Option<WrongToken> {
        let (toml, says, secret) = self.wrong.clone();
        Some(WrongToken { config: config(&toml), says, secret })
    }

    fn finish(&mut self) {
        assert_eq!(self.fake.take_violations(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn keeps_the_contract_with_an_api_token() {
    let mut stage = OktaStage::with_token(world());
    assert_eq!(contract::run(&mut stage).await, ["amend"]);
}

#[tokio::test]
async fn names_are_asked_for_while_schedules_are_read() {
    let stage = OktaStage::with_token(world());
    let is_asked = || stage.fake.count("GET", "/api/v1/groups") > 0;
    contract::asks_for_names_at_once(&stage.config(), GROUP, is_asked).await;
}

#[tokio::test]
async fn keeps_the_contract_where_a_full_page_is_followed_by_an_empty_one() {
    let mut stage = OktaStage::with_token(world().manners(|manners| {
        manners.empty_last_page = true;
        manners.one_link = true;
    }));
    assert_eq!(contract::run(&mut stage).await, ["amend"]);
}

#[tokio::test]
async fn keeps_the_contract_with_proofs_of_possession() {
    let mut stage = OktaStage::with_key(world(), PKCS8, "");
    assert_eq!(contract::run(&mut stage).await, ["amend"]);
    let schemes: Vec<_> =
        stage.fake.requests().into_iter().filter(|request| request.path.starts_with("/api/")).collect();
    assert!(schemes.iter().all(|request| request.scheme == "DPoP"), "{schemes:?}");
}

#[tokio::test]
async fn keeps_the_contract_with_two_keys_and_a_nonce_for_the_api() {
    let world = world().manners(|manners| {
        manners.two_keys = true;
        manners.resource_nonce = true;
    });
    let mut stage = OktaStage::with_key(world, PKCS1, &format!("key_id = \"{KEY_ID}\"\n"));
    assert_eq!(contract::run(&mut stage).await, ["amend"]);
}
