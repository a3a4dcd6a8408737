//! strongDM: the contract in each of the ways in which it may behave, and what is peculiar to it.

mod grants;
mod names;
mod trouble;

use std::fmt::Debug;
use std::path::Path;

use anyhow::Error;
use oncall_sync::domain::{Access, Email, Entitlement, Grant, GrantId, Period, Tenure};
use oncall_sync::target::{Target, TargetConfig};

use super::contract::{self, ALICE, BOB, CAROL, Stage, WrongToken};
use crate::fakes::strongdm::{
    ACCESS_KEY, Account, Attachment, Fake, Fault, Kind, Manners, SECRET_KEY, Several, StrongDm, Trouble, World,
};

const DATABASE: &str = "prod-postgres";

/// Alice, Bob, Carol who is suspended, a database and a role.
fn world() -> World {
    let carol = Account { suspended_read_only: true, ..Account::new("a-3", Kind::User, CAROL) };
    World::at(contract::now())
        .user("a-1", ALICE)
        .user("a-2", BOB)
        .account(carol)
        .resource("rs-1", DATABASE)
        .role("r-1", "dba")
}

fn start(manners: impl FnOnce(&mut Manners)) -> Fake {
    StrongDm::start(world().manners(manners))
}

fn config(toml: &str) -> TargetConfig {
    toml::from_str(toml).expect("a config")
}

async fn connect(fake: &Fake) -> Box<dyn Target> {
    contract::connect(&config(&fake.toml())).await
}

fn database() -> Entitlement {
    Entitlement { id: "rs-1".into(), name: DATABASE.into() }
}

/// Alice on the database.
fn wanted(period: Period) -> Grant {
    let access = Access { account: "a-1".into(), entitlement: database() };
    Grant { access, email: Email::new(ALICE), period }
}

/// What a person is told; neither key may be in it.
fn told<T: Debug>(outcome: Result<T, Error>) -> String {
    let error = outcome.expect_err("an error");
    let told = format!("{error:#}");
    for secret in [ACCESS_KEY, SECRET_KEY] {
        assert!(!format!("{told} {error:?}").contains(secret), "keys stay secret");
    }
    told
}

struct StrongDmStage {
    fake: Fake,
    spelling: &'static str,
    /// Whether the service lets two grants of one access overlap, without which no move is without a gap.
    gapless: bool,
}

impl StrongDmStage {
    fn new(spelling: &'static str, manners: impl FnOnce(&mut Manners)) -> Self {
        let fake = start(manners);
        let gapless = fake.change(|world| world.manners.several == Several::Any);
        Self { fake, spelling, gapless }
    }

    fn config_with(&self, secret_key: &Path) -> TargetConfig {
        config(&self.fake.toml_with(secret_key))
    }
}

impl Stage for StrongDmStage {
    fn config(&self) -> TargetConfig {
        self.config_with(&self.fake.secret_key())
    }

    fn entitlement(&self) -> &str {
        self.spelling
    }

    fn tenure(&self) -> Tenure {
        if self.spelling == DATABASE { Tenure::Scheduled } else { Tenure::Standing }
    }

    fn stranger(&mut self) -> Option<GrantId> {
        let standing = self.tenure() == Tenure::Standing;
        let id = self.fake.change(|world| {
            if !standing {
                return world.give("a-2", "rs-1", None);
            }
            let id = world.new_id("aa");
            let (account, role) = ("a-2".to_owned(), "r-1".to_owned());
            world.attachments.push(Attachment { id: id.clone(), account, role });
            id
        });
        Some(GrantId(id))
    }

    fn suspends(&self) -> bool {
        true
    }

    fn small_pages(&mut self) -> bool {
        self.fake.change(|world| world.manners.page_size = 1);
        true
    }

    fn refuse_next(&mut self) -> bool {
        self.fake.trouble(Trouble::new("*", Fault::RateLimit(Some(std::time::Duration::from_millis(700)))));
        true
    }

    fn wrong_token(&self) -> Option<WrongToken> {
        let (file, secret) = self.fake.wrong_secret_key();
        Some(WrongToken { config: self.config_with(&file), says: "key", secret })
    }

    fn watch(&mut self) {
        self.fake.forget();
    }

    fn absences(&self, access: &Access) -> Option<Vec<String>> {
        let held = (access.account.0.clone(), access.entitlement.id.to_string());
        let absent = self.fake.changes().into_iter().filter(|change| !change.live.contains(&held));
        self.gapless.then(|| absent.map(|change| format!("{} at {}", change.what, change.at)).collect())
    }

    fn finish(&mut self) {
        assert_eq!(self.fake.violations(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn keeps_the_contract_where_grants_may_overlap() {
    let mut stage = StrongDmStage::new(DATABASE, |manners| manners.several = Several::Any);
    assert_eq!(contract::run(&mut stage).await, Vec::<&str>::new());
}

#[tokio::test]
async fn names_are_asked_for_while_schedules_are_read() {
    let stage = StrongDmStage::new(DATABASE, |_| ());
    let is_asked = || stage.fake.count("Resources.List") > 0;
    contract::asks_for_names_at_once(&stage.config(), stage.entitlement(), is_asked).await;
}

#[tokio::test]
async fn keeps_the_contract_where_grants_must_not_overlap() {
    let mut stage = StrongDmStage::new(DATABASE, |manners| manners.several = Several::Disjoint);
    assert_eq!(contract::run(&mut stage).await, ["watch"]);
}

#[tokio::test]
async fn keeps_the_contract_where_an_access_has_one_grant() {
    let mut stage = StrongDmStage::new(DATABASE, |manners| {
        manners.several = Several::One;
        manners.sends_epoch = true;
        manners.sends_details = false;
        manners.shows_expired = false;
    });
    assert_eq!(contract::run(&mut stage).await, ["watch"]);
}

#[tokio::test]
async fn keeps_the_contract_with_roles() {
    let mut stage = StrongDmStage::new("role:dba", |_| {});
    assert_eq!(contract::run(&mut stage).await, ["amend"]);
}
