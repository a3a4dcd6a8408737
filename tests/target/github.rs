//! GitHub teams: the contract by each way of telling who somebody is, and what is peculiar to them.

mod app;
mod people;
mod size;
mod teams;
mod trouble;

use std::fmt::Debug;

use anyhow::Error;
use oncall_sync::domain::{Access, AccountId, Current, Email, Entitlement, Grant, GrantId, Owned, Tenure};
use oncall_sync::target::{Target, TargetConfig};

use super::contract::{self, ALICE, BOB, CAROL, Stage, WrongToken, asked, now, owned, shift};
use crate::fakes::github::{APP_KEY, APP_KEY_PKCS8, Fake, Fault, GitHub, OTHER_KEY, Role, TOKEN, WRONG_TOKEN, World};

const TEAM: &str = "oncall-dba";
const TEAM_ID: u64 = 10;

/// Alice and Bob in the organisation, Olive who owns it, Eve who has nothing to do with it, and a team that nobody is in.
fn world() -> World {
    let world = World::at(now()).member(1, "alice-gh").member(2, "bob-gh").owner(3, "olive").outsider(5, "eve");
    world.team(TEAM_ID, TEAM)
}

/// The same, with a single sign-on that tells the two apart.
fn with_saml() -> World {
    world().saml(1, ALICE).saml(2, BOB)
}

/// The table with these logins beside it.
fn with_logins(toml: &str, logins: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = logins.iter().map(|(email, login)| format!("{email:?} = {login:?}")).collect();
    format!("{toml}logins = {{ {} }}\n", pairs.join(", "))
}

fn config(toml: &str) -> TargetConfig {
    toml::from_str(toml).expect("a config")
}

async fn connect(fake: &Fake) -> Box<dyn Target> {
    contract::connect(&config(&fake.toml())).await
}

async fn read_by(toml: &str, emails: &[&str], spellings: &[&str]) -> Result<Current, Error> {
    config(toml).connect(contract::context()).await?.read(&asked(emails, spellings)).await
}

async fn read(fake: &Fake, emails: &[&str], spellings: &[&str]) -> Current {
    read_by(&fake.toml(), emails, spellings).await.expect("a reading")
}

/// The ids of the accounts shown.
fn ids(current: &Current) -> Vec<&str> {
    current.accounts.iter().map(|account| account.id.0.as_str()).collect()
}

/// The one team that the spelling stands for.
fn team(current: &Current, spelling: &str) -> Entitlement {
    let found = current.entitlements[spelling].as_ref().expect("it exists");
    assert_eq!(found.len(), 1, "{found:?}");
    found.first().expect("one").clone()
}

/// The team as the target calls it.
async fn entitlement(fake: &Fake) -> Entitlement {
    team(&read(fake, &[], &[TEAM]).await, TEAM)
}

fn grant(account: &str, email: &str, entitlement: &Entitlement) -> Grant {
    let access = Access { account: AccountId::from(account), entitlement: entitlement.clone() };
    Grant { access, email: Email::new(email), period: shift(8) }
}

/// Alice in the team by our hand.
async fn given(fake: &Fake) -> Owned {
    let wanted = grant("1", ALICE, &entitlement(fake).await);
    let id = connect(fake).await.grant(&wanted).await.expect("the grant is made");
    owned(&id, &wanted)
}

/// What a person is told; no secret may be in it.
fn told<T: Debug>(outcome: Result<T, Error>) -> String {
    let error = outcome.expect_err("an error");
    let (told, all) = (format!("{error:#}"), format!("{error:#} {error:?}"));
    for secret in [TOKEN, WRONG_TOKEN] {
        assert!(!all.contains(secret), "the token stays secret: {all}");
    }
    for line in [APP_KEY, APP_KEY_PKCS8, OTHER_KEY].iter().flat_map(|key| key.lines()).filter(|line| line.len() > 40) {
        assert!(!all.contains(line), "the key stays secret: {all}");
    }
    assert!(!all.contains("ghs_") && !all.contains("eyJ"), "tokens given on the way stay secret: {all}");
    told
}

struct GitHubStage {
    fake: Fake,
    toml: String,
    /// The team as the target calls it, which is the first half of its grants' ids.
    team: Entitlement,
    /// Whether Carol has an account, and it is suspended: only an Enterprise Server keeps such people in teams.
    suspends: bool,
}

impl GitHubStage {
    async fn new(fake: Fake, toml: String) -> Self {
        let current = read_by(&toml, &[], &[TEAM]).await.expect("a reading");
        Self { team: team(&current, TEAM), fake, toml, suspends: false }
    }
}

impl Stage for GitHubStage {
    fn config(&self) -> TargetConfig {
        config(&self.toml)
    }

    fn entitlement(&self) -> &str {
        TEAM
    }

    fn tenure(&self) -> Tenure {
        Tenure::Standing
    }

    fn stranger(&mut self) -> Option<GrantId> {
        self.fake.change(|world| world.put_in(TEAM_ID, 2, Role::Maintainer));
        Some(GrantId(format!("{}/2", self.team.id)))
    }

    fn suspends(&self) -> bool {
        self.suspends
    }

    fn reads_ahead(&self) -> bool {
        true
    }

    fn small_pages(&mut self) -> bool {
        self.fake.change(|world| world.page_limit = 1);
        true
    }

    fn refuse_next(&mut self) -> bool {
        self.fake.fail("", 1, Fault::Secondary { status: 403, retry_after: Some(1) });
        true
    }

    fn wrong_token(&self) -> Option<WrongToken> {
        let toml = self.fake.toml_by("token", "wrong");
        Some(WrongToken { config: config(&toml), says: "token", secret: WRONG_TOKEN.to_owned() })
    }

    fn finish(&mut self) {
        assert_eq!(self.fake.take_violations(), Vec::<String>::new());
        let harm: Vec<_> = self.fake.events().into_iter().filter(|event| !event.contains("alice-gh")).collect();
        assert_eq!(harm, Vec::<String>::new(), "nobody was invited, demoted or removed on the way");
        assert!(self.fake.is_spent(), "what was to fail has");
    }
}

/// Standing access has no dates to amend, and on GitHub.com nobody is suspended: who would be is not in the organisation.
const WITHOUT: [&str; 3] = ["holdings after shifts", "amend", "suspended"];

#[tokio::test]
async fn keeps_the_contract_where_single_sign_on_tells_who_is_who() {
    let fake = GitHub::start(with_saml());
    let toml = fake.toml();
    assert_eq!(contract::run(&mut GitHubStage::new(fake, toml).await).await, WITHOUT);
}

#[tokio::test]
async fn teams_are_asked_for_while_schedules_are_read() {
    let fake = GitHub::start(with_saml());
    contract::asks_for_names_at_once(&config(&fake.toml()), TEAM, || fake.count("POST /graphql") > 0).await;
}

#[tokio::test]
async fn keeps_the_contract_as_an_app_with_logins_written_down() {
    let fake = GitHub::start(world().with(|world| world.absent = 404));
    let toml = with_logins(&fake.toml_app(), &[(ALICE, "alice-gh"), (BOB, "bob-gh")]);
    assert_eq!(contract::run(&mut GitHubStage::new(fake, toml).await).await, WITHOUT);
}

#[tokio::test]
async fn keeps_the_contract_on_an_enterprise_server_by_verified_addresses() {
    let world = world().on_server().verified_email(1, ALICE).verified_email(2, BOB);
    let fake = GitHub::start(world.member(9, "carol-gh").verified_email(9, CAROL).suspended(9));
    let toml = fake.toml();
    let mut stage = GitHubStage { suspends: true, ..GitHubStage::new(fake, toml).await };
    assert_eq!(contract::run(&mut stage).await, WITHOUT[..2]);
}
