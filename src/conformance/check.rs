//! The steps on a target of the config's, with nothing left behind.
//!
//! What is given is ours as anything else is: written into the ledger before the call, so that a run that is killed leaves
//! nothing unknown, and the next sync takes it back.

use std::cell::RefCell;
use std::collections::BTreeSet;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::stand::{Giving, Stand};
use super::{Actor, Contract, Finding, Step, Subject, Verdict};
use crate::audit::Journal;
use crate::config::near;
use crate::decision::Inputs;
use crate::domain::{Email, GrantId, Owned, Period, Rule, Tenure};
use crate::exit::Exit;
use crate::ledger;
use crate::report;
use crate::run;
use crate::selection::Selection;
use crate::span::Span;
use crate::survey::RunContext;

/// As the audit log calls it.
const VERB: &str = "conformance";

/// When the grant ends, and where its end is moved to: with each there is time for all steps, and where everything fails
/// a target that keeps time ends it within two hours.
const MINUTES: [i64; 3] = [60, 120, 30];

/// The local part of an address that nobody is given.
const NOBODY: &str = "oncall-sync-conformance-nobody";

/// Said where the steps did not come to their end in their time.
const LATE: &str = "half of `deadline` in the config is over, and the other half is for taking back; give it a longer one \
                    where the target is slow";

/// What a person named.
#[derive(Debug, Clone)]
pub struct Question {
    pub target: String,
    /// Of a test account.
    pub email: Email,
    /// As a rule would spell it.
    pub spelling: String,
}

impl Question {
    /// What takes back whatever a check has left, beside the next sync.
    pub fn remedy(&self) -> String {
        format!("`oncall-sync revoke --target {} --email {}`", self.target, self.email)
    }

    fn left(&self) -> String {
        let Self { target, email, spelling } = self;
        let remedy = self.remedy();
        format!(
            "the ledger has '{spelling}' of {email} on {target} from an earlier check, which did not come to take it back; \
             nothing was changed. Take it back with {remedy} (the next sync does so too), and check again"
        )
    }
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Conformed {
    pub question: Question,
    /// `None` where that was not come to.
    pub tenure: Option<Tenure>,
    /// Every step, in order.
    pub findings: Vec<Finding>,
    /// Why it ended early.
    pub halted: Option<String>,
    pub left: Vec<Left>,
}

/// What could not be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// `None` where the target never answered one.
    pub id: Option<GrantId>,
    pub why: String,
    /// The ledger knows it, so that a sync takes it back.
    pub ours: bool,
}

/// Walks every step on the target that `question` names, and takes back whatever was given.
///
/// # Errors
/// Where it cannot begin: another run holds the ledger, the access is ours or desired or held already, or a name is unknown.
pub async fn check(
    run: &RunContext<'_>,
    selection: &Selection,
    question: &Question,
    now: DateTime<Utc>,
    window: Span,
) -> Result<Conformed> {
    let Question { target: name, email, .. } = question;
    let config = run.config.targets.get(name).with_context(|| {
        let known = run.config.targets.keys().map(String::as_str);
        format!("no target is called '{name}'{}", near(name, known))
    })?;
    let window = run::window(now, window)?;
    let subject = subject(question, now)?;
    ensure!(subject.nobody != *email, "{email} is the address that is to lead to nobody; take another account");
    let ledger = Mutex::new(ledger::open(&run.config.ledger, run.stop).await?);
    let journal = Journal::new(VERB, report::run_id(now), &run.config.digest, run.clock);
    let last = ledger.lock().await.head().await?;
    let stand = Stand { run, config, name, ledger: &ledger, journal: &journal, now, until: half(run.deadlines.run) };
    let conformed = with(&stand, selection, question, subject, window).await;
    let end = match &conformed {
        Ok(conformed) => journal.over(conformed.exit().code(), conformed.halted.clone(), last.as_ref()),
        Err(error) => journal.failed(error, last.as_ref()),
    };
    let mut ledger = ledger.into_inner();
    let written = ledger.write(now, &[], &[end]).await;
    ledger.close().await;
    let conformed = conformed?;
    written.context("what was found is not in the audit log")?;
    Ok(conformed)
}

/// Half of the time that is left: the rest is for taking back.
fn half(end: Instant) -> Instant {
    let now = Instant::now();
    now + end.saturating_duration_since(now) / 2
}

fn subject(Question { email, spelling, .. }: &Question, now: DateTime<Utc>) -> Result<Subject> {
    ensure!(!spelling.trim().is_empty(), "`--entitlement` names nothing; write what a rule would give");
    let domain = email.as_str().split_once('@').map_or("example.com", |(_, domain)| domain);
    let period = |minutes| Period::new(now, now + TimeDelta::minutes(minutes)).context("time ends too soon");
    let [first, later, earlier] = MINUTES;
    Ok(Subject {
        email: email.clone(),
        nobody: Email::new(&format!("{NOBODY}@{domain}")),
        spelling: spelling.clone(),
        periods: [period(first)?, period(later)?, period(earlier)?],
    })
}

async fn with(
    stand: &Stand<'_>,
    selection: &Selection,
    question: &Question,
    subject: Subject,
    window: Period,
) -> Result<Conformed> {
    let owned = stand.ledger.lock().await.owned().await?.remove(stand.name).unwrap_or_default();
    let inputs = stand.desired(selection, question, owned.clone(), window).await?;
    let bench = Giving { stand, stop: stand.run.stop.by(stand.until, LATE), ours: RefCell::default() };
    let mut contract = Contract::new(&bench, subject);
    let ended = |error: anyhow::Error| format!("{error:#}");
    let (began, mut halted) = match contract.begins_empty().await {
        Ok(began) => (began, None),
        Err(error) => (None, Some(ended(error))),
    };
    if let Some((actor, _)) = &began {
        // What no rule gave, a check did.
        let left = owned.iter().any(|owned| owned.reasons.is_empty() && owned.grant.access == actor.access());
        ensure!(!left, "{}", question.left());
    }
    if contract.findings.has_failed(Step::Empty) {
        let why = contract.findings.list().into_iter().find(|finding| finding.step == Step::Empty);
        bail!("{}; nothing was changed", why.expect("it has failed").text);
    }
    if let Some((actor, _)) = &began {
        refuse(question, actor, &inputs, &owned)?;
        stand.begin().await?;
        halted = contract.walk(actor).await.err().map(ended);
    }
    let liar = [Step::Shown, Step::Steady].iter().any(|step| contract.findings.has_failed(*step));
    let findings = contract.findings.whole(if halted.is_some() { "not reached" } else { "an earlier step failed" });
    let left = match &began {
        Some((actor, _)) => bench.take_back(actor, question, liar).await,
        None => Vec::new(),
    };
    let tenure = began.map(|(actor, _)| actor.tenure);
    Ok(Conformed { question: question.clone(), tenure, findings, halted, left })
}

/// Fails where the access is somebody's: ours, or to be given by a rule.
fn refuse(question: &Question, actor: &Actor, inputs: &Inputs, owned: &[Owned]) -> Result<()> {
    let Question { target, email, spelling } = question;
    let access = actor.access();
    ensure!(
        owned.iter().all(|owned| owned.grant.access != access),
        "the ledger says that '{spelling}' of {email} on {target} is ours; nothing was changed. Take another account"
    );
    if let Some(refusal) = inputs.witnesses.refusal(inputs.window) {
        bail!("{refusal}; nothing was changed");
    }
    let Some(seen) = inputs.targets.get(target) else { return Ok(()) };
    let current = seen
        .current
        .as_ref()
        .map_err(|error| anyhow!("whether a rule gives it to {email} is not known ({error}); nothing was changed"))?;
    let gives = |rule: &&Rule| {
        let mut spellings = rule.grant.get(target).into_iter().flatten();
        spellings.any(|spelling| match current.entitlements.get(spelling) {
            Some(Ok(found)) => found.contains(&actor.entitlement),
            _ => true,
        })
    };
    for rule in inputs.rules.iter().filter(gives) {
        let unread = rule
            .on_call
            .iter()
            .find_map(|asked| inputs.readings.get(&(rule.source.clone(), asked.clone()))?.as_ref().err());
        if let Some(error) = unread {
            bail!("whether the rule '{}' gives it to {email} is not known ({error}); nothing was changed", rule.name);
        }
    }
    let desired = inputs.known().desired(target, current, owned);
    if let Some(wanted) = desired.grants.iter().find(|wanted| wanted.grant.access == access) {
        let rules: BTreeSet<&str> = wanted.reasons.iter().map(|reason| &*reason.rule).collect();
        let rules: Vec<&str> = rules.into_iter().collect();
        bail!(
            "the rule '{}' gives '{spelling}' to {email} on {target}; nothing was changed. Take another account",
            rules.join("', '")
        );
    }
    Ok(())
}

impl Conformed {
    /// How many steps came to that.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.outcome == verdict).count()
    }

    /// What cron is told: fine where all held that was looked at, incomplete where something failed or is left.
    pub fn exit(&self) -> Exit {
        match () {
            () if self.count(Verdict::Failed) > 0 || !self.left.is_empty() => Exit::Incomplete,
            () if self.halted.is_some() => Exit::CouldNotRun,
            () => Exit::Fine,
        }
    }
}
