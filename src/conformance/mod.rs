//! What every target promises, as steps that say what holds: on an account that holds nothing, with one entitlement.
//!
//! The tests of every target here walk these steps on their stand-ins; `check --conformance` walks them on a target that
//! the config describes, a command of the user's own for instance.

mod check;
mod finding;
mod giving;
mod reading;
mod stand;

use anyhow::{Result, bail};
use async_trait::async_trait;

use crate::apply::Outcome;
use crate::domain::{Access, Account, Change, Current, Email, Entitlement, Grant, GrantId, Held, Period, Tenure};
use crate::ledger::Entry;
use crate::stop::Stop;
use crate::target::{Asked, TakesAny, Target};
use crate::words::count;

pub use check::{Conformed, Left, Question, check};
pub use finding::{Finding, Findings, STEPS, Step, Verdict};
pub use giving::Given;

/// Where the steps are walked.
#[async_trait(?Send)]
pub trait Bench {
    /// A new instance, as each run has one.
    async fn connect(&self) -> Result<Box<dyn Target>>;

    /// Who may end it early; then nothing more begins.
    fn stop(&self) -> Option<&Stop> {
        None
    }

    /// Whether to read while a grant is moved, by another instance.
    fn watches(&self) -> bool {
        false
    }

    /// Told what is about to be given; answers the number of the ledger's entry.
    async fn intend(&self, _grant: &Grant) -> Result<i64> {
        Ok(0)
    }

    /// Told what was learnt of such entries, and what became of a change.
    async fn learn(&self, _entries: &[Entry], _told: Option<(&Change, &Outcome)>) -> Result<()> {
        Ok(())
    }
}

/// What the steps are walked with.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Of an account that can be used and holds nothing.
    pub email: Email,
    /// Of no account.
    pub nobody: Email,
    /// One entitlement, as a rule spells it.
    pub spelling: String,
    /// When a grant is first given for, and where its end is moved to: out, then in.
    pub periods: [Period; 3],
}

/// Who gets what.
#[derive(Debug, Clone)]
pub struct Actor {
    pub account: Account,
    pub entitlement: Entitlement,
    pub tenure: Tenure,
}

impl Actor {
    pub fn access(&self) -> Access {
        Access { account: self.account.id.clone(), entitlement: self.entitlement.clone() }
    }

    fn grant(&self, period: Period) -> Grant {
        Grant { access: self.access(), email: self.account.email.clone(), period }
    }
}

/// The steps, and what was found.
///
/// What a target does wrong is a finding. An error of a step says that it has to end here: told to stop, out of time, or
/// the ledger cannot be written.
pub struct Contract<'a> {
    bench: &'a dyn Bench,
    pub subject: Subject,
    pub findings: Findings,
    /// As the last reading found it.
    takes_any: TakesAny,
}

impl<'a> Contract<'a> {
    pub fn new(bench: &'a dyn Bench, subject: Subject) -> Self {
        Self { bench, subject, findings: Findings::default(), takes_any: TakesAny::default() }
    }

    /// All steps but the first, which found `actor`.
    ///
    /// # Errors
    /// Where it has to end early.
    pub async fn walk(&mut self, actor: &Actor) -> Result<()> {
        self.names_what_it_does_not_know(actor).await?;
        self.tells_people_apart(actor).await?;
        let Some(mut given) = self.gives_once(actor).await? else { return Ok(()) };
        if actor.tenure == Tenure::Standing {
            for step in [Step::AmendLater, Step::AmendEarlier, Step::AmendAgain, Step::NeverAbsent] {
                self.findings.skipped(step, "it keeps no dates, so nothing is ever moved");
            }
        } else {
            given = self.moves(actor, given, Step::AmendLater, self.subject.periods[1]).await?;
            given = self.moves(actor, given, Step::AmendEarlier, self.subject.periods[2]).await?;
        }
        self.takes_back(actor, given).await
    }

    /// Whether to go on.
    fn go_on(&self) -> Result<()> {
        match self.bench.stop().and_then(Stop::reason) {
            Some(reason) => bail!(reason),
            None => Ok(()),
        }
    }

    /// A new instance; `None` where it cannot be set up, which `step` says.
    async fn connect(&mut self, step: Step) -> Result<Option<Box<dyn Target>>> {
        self.go_on()?;
        let connected = self.bench.connect().await;
        self.answered(&connected)?;
        Ok(connected.map_err(|error| self.findings.failed(step, format!("it cannot be set up: {error:#}"))).ok())
    }

    /// Whether a call has an answer that says something of the target: one that failed because it was cut off says nothing.
    fn answered<T, E>(&self, answer: &Result<T, E>) -> Result<()> {
        if answer.is_ok() { Ok(()) } else { self.go_on() }
    }

    /// One reading. A question changes nothing, so that it need not end once it is told to stop.
    async fn read(&self, target: &dyn Target, asked: &Asked) -> Result<Result<Current>> {
        self.go_on()?;
        let Some(stop) = self.bench.stop() else { return Ok(target.read(asked).await.map(sorted)) };
        let answer = tokio::select! {
            answer = target.read(asked) => answer,
            () = stop.asked() => bail!("the run was told to stop"),
        };
        self.answered(&answer)?;
        Ok(answer.map(sorted))
    }

    /// What two readings of one instance and one of another show; `None` where one failed, which `step` says.
    async fn reading(&mut self, step: Step, asked: &Asked) -> Result<Option<Current>> {
        let Some(target) = self.connect(step).await? else { return Ok(None) };
        let first = match self.read(&*target, asked).await? {
            Ok(current) => current,
            Err(error) => {
                self.findings.failed(step, format!("it could not be read: {error:#}"));
                return Ok(None);
            }
        };
        self.takes_any = target.takes_any();
        let second = self.read(&*target, asked).await?;
        self.same(&first, second, "a second reading of the same instance");
        if let Some(other) = self.connect(Step::Steady).await? {
            let third = self.read(&*other, asked).await?;
            self.same(&first, third, "a new instance's reading");
        }
        Ok(Some(first))
    }

    fn same(&mut self, first: &Current, other: Result<Current>, which: &str) {
        let seen = match other {
            Ok(other) if other == *first => Ok(()),
            Ok(other) => Err(format!("{which} shows something else: {}", difference(first, &other))),
            Err(error) => Err(format!("{which} failed: {error:#}")),
        };
        self.findings.judge(Step::Steady, seen);
    }

    /// The usual question: the account's e-mail and one that nobody has, the spelling, and what is `owned`.
    fn asked(&self, owned: Option<Access>) -> Asked {
        let Subject { email, nobody, spelling, .. } = &self.subject;
        Asked {
            emails: [email, nobody].into_iter().cloned().collect(),
            entitlements: [spelling.clone()].into(),
            owned: owned.into_iter().collect(),
        }
    }
}

fn sorted(mut current: Current) -> Current {
    current.accounts.sort();
    current.grants.sort();
    current
}

/// In what two readings differ, in a few words.
fn difference(one: &Current, other: &Current) -> String {
    let ids = |current: &Current| current.grants.iter().map(|held| held.id.clone()).collect::<Vec<_>>();
    match () {
        () if one.accounts != other.accounts => {
            format!("{}, then {}", count(one.accounts.len(), "account"), other.accounts.len())
        }
        () if one.entitlements != other.entitlements => "another answer for a spelling".into(),
        () if ids(one) != ids(other) => format!("the grants {}, then {}", listed(&ids(one)), listed(&ids(other))),
        () => "the same grants with other dates or holders".into(),
    }
}

/// Ids in quotes.
fn listed(ids: &[GrantId]) -> String {
    if ids.is_empty() {
        return "none".into();
    }
    ids.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ")
}

/// The grants of `access` that are shown.
fn of<'c>(current: &'c Current, access: &Access) -> Vec<&'c Held> {
    current.grants.iter().filter(|held| held.access == *access).collect()
}
