//! What every target promises, as one function: the steps of the library's own contract, which `check --conformance` walks
//! as well, and around them what only a stage can bring about.
//!
//! A test file sets a [`Stage`] up and calls [`run`]. Each step ends with readings, which must show the same.

mod stage;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use oncall_sync::conformance::{Actor, Bench, Contract, Given, STEPS, Step, Subject, Verdict};
use oncall_sync::domain::{
    Access, AccountId, Current, Email, Entitlement, Grant, GrantId, Held, Owned, Period, Reasons, Tenure,
};
use oncall_sync::net::{Clock, Context};
use oncall_sync::target::{Asked, Emails, Target, TargetConfig};
use tokio::time::Instant;

pub use self::stage::{Stage, WrongToken};

/// Has an account that can be used, and holds nothing at first.
pub const ALICE: &str = "alice@example.com";
/// Another like her.
pub const BOB: &str = "bob@example.com";
/// Has an account that is suspended, where [`Stage::suspends`].
pub const CAROL: &str = "carol@example.com";
/// Has no account.
pub const NOBODY: &str = "nobody@example.com";

/// The instant at which every run of the contract begins; a stand-in should tell the same time.
pub fn now() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().expect("an instant")
}

/// New instances of the stage's target.
struct Configured(TargetConfig);

#[async_trait(?Send)]
impl Bench for Configured {
    async fn connect(&self) -> Result<Box<dyn Target>> {
        self.0.connect(context()).await
    }
}

/// The contract, in order; answers which parts were skipped because the stage lacks them.
pub async fn run(stage: &mut dyn Stage) -> Vec<&'static str> {
    let mut skipped = Vec::new();
    let bench = Configured(stage.config());
    let mut contract = Contract::new(
        &bench,
        Subject {
            email: Email::new(ALICE),
            nobody: Email::new(NOBODY),
            spelling: stage.entitlement().to_owned(),
            periods: [shift(8), shift(10), shift(4)],
        },
    );
    let actors = begins_empty(stage, &mut contract).await;
    contract.names_what_it_does_not_know(&actors.alice).await.expect("it goes on");
    contract.tells_people_apart(&actors.alice).await.expect("it goes on");
    waits_for_the_emails(stage, &actors.alice, &mut skipped).await;
    let given = contract.gives_once(&actors.alice).await.expect("it goes on");
    hold(&contract, &[Step::Grant, Step::Shown, Step::GrantAgain, Step::Owned]);
    let given = given.expect("it was given");
    assert_shows(stage, std::slice::from_ref(&given), None).await;
    let given = if stage.tenure() == Tenure::Standing {
        skipped.push("amend");
        given
    } else {
        amends_without_a_gap(stage, &mut contract, &actors, given, &mut skipped).await
    };
    let stranger = takes_back_ours_alone(stage, &mut contract, &actors, given, &mut skipped).await;
    flags_the_suspended(stage, &mut skipped).await;
    follows_pages(stage, &actors, stranger.as_ref(), &mut skipped).await;
    waits_out_a_refusal(stage, &mut skipped).await;
    refuses_a_wrong_token(stage, &mut skipped).await;
    stage.finish();
    skipped
}

/// A reading that begins before it is known who is on call waits for that, and shows what came to be meanwhile.
async fn waits_for_the_emails(stage: &mut dyn Stage, alice: &Actor, skipped: &mut Vec<&'static str>) {
    let asked = Asked { emails: Emails::awaited(), ..asked(&[], &[stage.entitlement()]) };
    let (early, other) = (connect(&stage.config()).await, connect(&stage.config()).await);
    let wanted = grant(alice, shift(8));
    let mut reading = early.read(&asked);
    // The other's readings leave the early one the time for everything that it asks without e-mails.
    let given = async {
        for _ in 0..2 {
            other.read(&self::asked(&[ALICE], &[stage.entitlement()])).await.expect("a reading");
        }
        other.grant(&wanted).await.expect("it is given")
    };
    let id = tokio::select! {
        biased;
        over = &mut reading => panic!("nobody has said yet who is on call: {over:?}"),
        id = given => id,
    };
    asked.emails.tell([Email::new(ALICE)].into());
    let current = reading.await.expect("a reading");
    assert!(current.accounts.iter().any(|account| account.id == alice.account.id), "{current:?}");
    if stage.reads_ahead() {
        skipped.push("holdings after shifts");
    } else {
        assert!(current.grants.iter().any(|held| held.id == id), "given before the shifts were known: {current:?}");
    }
    other.revoke(&owned(&id, &wanted)).await.expect("it is taken back");
}

/// What a spelling stands for is asked before it is known who is on call; `is_asked` says so by the stand-in's word.
pub async fn asks_for_names_at_once(config: &TargetConfig, spelling: &str, is_asked: impl Fn() -> bool) {
    let asked = Asked { emails: Emails::awaited(), ..asked(&[], &[spelling]) };
    let target = connect(config).await;
    let seen = async {
        while !is_asked() {
            tokio::task::yield_now().await;
        }
    };
    let early = async {
        tokio::select! {
            over = target.read(&asked) => panic!("nobody has said yet who is on call: {over:?}"),
            () = seen => {}
        }
    };
    tokio::time::timeout(Duration::from_secs(30), early).await.expect("the name is asked for");
}

/// Nothing has failed so far, and these steps were looked at.
#[track_caller]
fn hold(contract: &Contract, steps: &[Step]) {
    let failed: Vec<_> =
        contract.findings.list().into_iter().filter(|finding| finding.outcome == Verdict::Failed).collect();
    assert_eq!(failed, []);
    for step in steps {
        assert_eq!(contract.findings.of(*step), Some(Verdict::Held), "{}", step.word());
    }
}

/// From now on, for so many hours; whole seconds, for some targets keep no less.
pub fn shift(hours: i64) -> Period {
    Period::new(now(), now() + TimeDelta::hours(hours)).expect("not empty")
}

/// A run's context with half a minute to live: enough for a loaded machine, and the end of a test that hangs.
pub fn context() -> Context {
    Context::new(Clock::new(now()), Instant::now() + Duration::from_secs(30))
}

/// A new instance, as each run has one.
pub async fn connect(config: &TargetConfig) -> Box<dyn Target> {
    config.connect(context()).await.expect("the target connects")
}

/// What the ledger would say of a grant made a moment ago.
pub fn owned(id: &GrantId, grant: &Grant) -> Owned {
    Owned { entry: 1, id: Some(id.clone()), grant: grant.clone(), reasons: Reasons::default() }
}

/// Asks for these people and spellings, and for nothing owned.
pub fn asked(emails: &[&str], spellings: &[&str]) -> Asked {
    Asked {
        emails: emails.iter().map(|email| Email::new(email)).collect(),
        entitlements: spellings.iter().map(ToString::to_string).collect(),
        owned: BTreeSet::new(),
    }
}

/// A reading in a fixed order, made twice by one instance and once more by a new one, all three the same.
pub async fn reading(config: &TargetConfig, asked: &Asked) -> Current {
    let target = connect(config).await;
    let first = sorted(target.read(asked).await.expect("a reading"));
    let second = sorted(target.read(asked).await.expect("a second reading"));
    assert_eq!(first, second, "a second reading shows the same");
    let other = connect(config).await.read(asked).await.expect("a new instance's reading");
    assert_eq!(first, sorted(other), "a new instance's reading shows the same");
    first
}

fn sorted(mut current: Current) -> Current {
    current.accounts.sort();
    current.grants.sort();
    current
}

struct Actors {
    alice: Actor,
    bob: Actor,
}

fn grant(actor: &Actor, period: Period) -> Grant {
    Grant { access: actor.access(), email: actor.account.email.clone(), period }
}

async fn read_all(stage: &dyn Stage) -> Current {
    reading(&stage.config(), &asked(&[ALICE, BOB, NOBODY], &[stage.entitlement()])).await
}

async fn begins_empty(stage: &dyn Stage, contract: &mut Contract<'_>) -> Actors {
    let begun = contract.begins_empty().await.expect("it goes on");
    hold(contract, &[Step::Answers, Step::Account, Step::Entitlement, Step::Empty, Step::Steady, Step::Nobody]);
    let (alice, _) = begun.expect("an account and an entitlement");
    assert_eq!(alice.tenure, stage.tenure());
    let current = read_all(stage).await;
    assert_eq!(current.grants, [], "nobody holds anything yet");
    let emails: Vec<_> = current.accounts.iter().map(|account| account.email.as_str()).collect();
    assert_eq!(BTreeSet::from_iter(&emails), BTreeSet::from([&ALICE, &BOB]), "whoever has an account, nobody else");
    assert_eq!(emails.len(), 2, "each account once");
    assert!(current.accounts.iter().all(|account| !account.suspended), "neither is suspended");
    let account = current.accounts.into_iter().find(|account| account.email == Email::new(BOB)).expect("Bob");
    let bob = Actor { account, ..alice.clone() };
    Actors { alice, bob }
}

async fn amends_without_a_gap(
    stage: &mut dyn Stage,
    contract: &mut Contract<'_>,
    actors: &Actors,
    mut given: Given,
    skipped: &mut Vec<&'static str>,
) -> Given {
    for (step, hours) in [(Step::AmendLater, 10), (Step::AmendEarlier, 4)] {
        stage.watch();
        given = contract.moves(&actors.alice, given, step, shift(hours)).await.expect("it goes on");
        hold(contract, &[step, Step::AmendAgain, Step::Dates]);
        match stage.absences(&given.grant.access) {
            Some(absences) => assert_eq!(absences, Vec::<String>::new(), "access is never absent in between"),
            None => note(skipped, "watch"),
        }
        assert_shows(stage, std::slice::from_ref(&given), None).await;
    }
    given
}

async fn takes_back_ours_alone(
    stage: &mut dyn Stage,
    contract: &mut Contract<'_>,
    actors: &Actors,
    given: Given,
    skipped: &mut Vec<&'static str>,
) -> Option<GrantId> {
    let stranger = stage.stranger();
    match &stranger {
        Some(id) => {
            let current = read_all(stage).await;
            let held = current.grants.iter().find(|held| held.id == *id).expect("a stranger's grant is shown");
            assert_eq!(held.access, actors.bob.access(), "as whose it is");
        }
        None => skipped.push("stranger"),
    }
    contract.takes_back(&actors.alice, given).await.expect("it goes on");
    let left_out = match (&stranger, stage.tenure()) {
        (Some(_), Tenure::Standing) => &[Step::AmendLater, Step::AmendEarlier, Step::AmendAgain, Step::NeverAbsent][..],
        (Some(_), _) => &[Step::NeverAbsent],
        (None, Tenure::Standing) => {
            &[Step::AmendLater, Step::AmendEarlier, Step::AmendAgain, Step::NeverAbsent, Step::Foreign]
        }
        (None, _) => &[Step::NeverAbsent, Step::Foreign],
    };
    let steps: Vec<Step> = STEPS.into_iter().filter(|step| !left_out.contains(step)).collect();
    hold(contract, &steps);
    assert_shows(stage, &[], stranger.as_ref()).await;
    stranger
}

async fn flags_the_suspended(stage: &dyn Stage, skipped: &mut Vec<&'static str>) {
    if !stage.suspends() {
        return skipped.push("suspended");
    }
    let current = reading(&stage.config(), &asked(&[ALICE, CAROL], &[])).await;
    let suspended: Vec<_> =
        current.accounts.iter().map(|account| (account.email.as_str(), account.suspended)).collect();
    assert_eq!(BTreeSet::from_iter(suspended), BTreeSet::from([(ALICE, false), (CAROL, true)]));
}

async fn follows_pages(
    stage: &mut dyn Stage,
    actors: &Actors,
    stranger: Option<&GrantId>,
    skipped: &mut Vec<&'static str>,
) {
    if !stage.small_pages() {
        return skipped.push("pages");
    }
    let target = connect(&stage.config()).await;
    let mut given = Vec::new();
    let people = if stranger.is_some() { vec![&actors.alice] } else { vec![&actors.alice, &actors.bob] };
    for actor in people {
        let grant = grant(actor, shift(8));
        given.push(Given::new(target.grant(&grant).await.expect("the grant is made"), grant));
    }
    assert_shows(stage, &given, stranger).await;
    for Given { id, grant, .. } in &given {
        target.revoke(&owned(id, grant)).await.expect("it is taken back");
    }
    assert_shows(stage, &[], stranger).await;
}

async fn waits_out_a_refusal(stage: &mut dyn Stage, skipped: &mut Vec<&'static str>) {
    let asked = asked(&[ALICE], &[stage.entitlement()]);
    let (undisturbed, usual) = counted_reading(&stage.config(), &asked).await;
    if !stage.refuse_next() {
        return skipped.push("refusal");
    }
    let (current, requests) = counted_reading(&stage.config(), &asked).await;
    assert_eq!(current, undisturbed, "the refusal changes nothing of the answer");
    assert_eq!(requests, usual + 1, "the refused request is sent once more");
}

async fn counted_reading(config: &TargetConfig, asked: &Asked) -> (Current, u64) {
    let context = context();
    let target = config.connect(context.clone()).await.expect("the target connects");
    let current = sorted(target.read(asked).await.expect("a reading"));
    (current, context.requests())
}

async fn refuses_a_wrong_token(stage: &dyn Stage, skipped: &mut Vec<&'static str>) {
    let Some(WrongToken { config, says, secret }) = stage.wrong_token() else {
        return skipped.push("token");
    };
    let asked = asked(&[ALICE], &[stage.entitlement()]);
    let outcome = match config.connect(context()).await {
        Ok(target) => target.read(&asked).await,
        Err(error) => Err(error),
    };
    let error = outcome.expect_err("a wrong credential is no empty reading");
    let shown = format!("{error:#} {error:?}");
    assert!(shown.to_lowercase().contains(says), "the error says '{says}': {shown}");
    assert!(!shown.contains(&secret), "the error keeps the credential to itself");
}

/// The readings show these grants of ours, the stranger's, and no other.
async fn assert_shows(stage: &dyn Stage, given: &[Given], stranger: Option<&GrantId>) {
    let current = read_all(stage).await;
    let shown: BTreeSet<_> = current.grants.iter().map(|held| &held.id).collect();
    let expected: BTreeSet<_> = given.iter().map(|given| &given.id).chain(stranger).collect();
    assert_eq!(shown, expected, "{:#?}", current.grants);
    assert_eq!(current.grants.len(), expected.len(), "each grant once");
    for Given { id, grant, .. } in given {
        let held = current.grants.iter().find(|held| held.id == *id).expect("shown");
        assert_is(held, grant, stage.tenure());
    }
}

fn assert_is(held: &Held, grant: &Grant, tenure: Tenure) {
    assert_eq!(held.access, grant.access);
    assert!(!held.foreign, "what we gave is not foreign");
    if tenure == Tenure::Scheduled {
        assert_eq!(held.from, Some(grant.period.start()), "the start is kept");
    }
    if tenure != Tenure::Standing {
        assert_eq!(held.until, Some(grant.period.end()), "the end is kept");
    }
}

fn note(skipped: &mut Vec<&'static str>, what: &'static str) {
    if !skipped.contains(&what) {
        skipped.push(what);
    }
}

/// The access of an account to an entitlement whose id and name are known.
pub fn access(account: &str, id: &str, name: &str) -> Access {
    Access { account: AccountId::from(account), entitlement: Entitlement { id: id.into(), name: name.into() } }
}
