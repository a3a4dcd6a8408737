//! The target that is looked at, and the taking back of whatever was given there.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::check::{Left, Question};
use super::{Actor, Bench, of};
use crate::apply::{Applier, Outcome};
use crate::audit::{Journal, What};
use crate::decision::Inputs;
use crate::domain::{Change, Current, Entitlement, Grant, GrantId, OnDrift, Owned, Period, Plan, Reasons, revoke};
use crate::ledger::{Entry, Ledger};
use crate::net::Context;
use crate::report::ChangeReport;
use crate::selection::Selection;
use crate::stop::Stop;
use crate::survey::RunContext;
use crate::target::{Asked, Target, TargetConfig};

/// The target, and what is kept of it.
pub(super) struct Stand<'a> {
    pub(super) run: &'a RunContext<'a>,
    pub(super) config: &'a TargetConfig,
    pub(super) name: &'a str,
    pub(super) ledger: &'a Mutex<Box<dyn Ledger>>,
    pub(super) journal: &'a Journal,
    pub(super) now: DateTime<Utc>,
    /// When the steps are over at the latest.
    pub(super) until: Instant,
}

impl Stand<'_> {
    /// What the rules that name this target are read to want; no other target is asked.
    pub(super) async fn desired(
        &self,
        selection: &Selection,
        question: &Question,
        owned: Vec<Owned>,
        window: Period,
    ) -> Result<Inputs> {
        let mut selection = Selection { also: [question.email.clone()].into(), ..selection.clone() };
        selection.rules.retain_mut(|rule| {
            rule.grant.retain(|target, _| target == self.name);
            !rule.grant.is_empty()
        });
        selection.asked.clear();
        for rule in &selection.rules {
            selection.asked.entry(rule.source.clone()).or_default().extend(rule.on_call.iter().cloned());
        }
        let owned = if owned.is_empty() { BTreeMap::new() } else { [(self.name.to_owned(), owned)].into() };
        let (inputs, _, _) = self.run.survey(&selection, self.now, window, owned).await?;
        Ok(inputs)
    }

    pub(super) async fn begin(&self) -> Result<()> {
        let (verb, version) = (self.journal.verb.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let begin = What::Begin { verb, version, digest: String::new(), forced: false };
        let begin = self.journal.event(begin);
        self.ledger.lock().await.write(self.now, &[], &[begin]).await.context("nothing was changed")?;
        Ok(())
    }

    /// A new instance whose calls end at `deadline`.
    async fn connect(&self, deadline: Instant, stop: &Stop) -> Result<Box<dyn Target>> {
        self.config.connect(Context::new(self.run.clock, deadline).heeding(stop)).await
    }

    async fn write(&self, entries: &[Entry], told: Option<(&Change, &Outcome)>) -> Result<Vec<i64>> {
        let event = told.map(|(change, outcome)| {
            let change = ChangeReport::new(change, Some(outcome));
            self.journal.event(What::Change { target: self.name.to_owned(), change })
        });
        self.ledger.lock().await.write(self.now, entries, event.as_slice()).await
    }
}

/// A bench on which whatever is given is written down first.
pub(super) struct Giving<'a> {
    pub(super) stand: &'a Stand<'a>,
    pub(super) stop: Stop,
    /// What the ledger holds of it, by its entry.
    pub(super) ours: RefCell<BTreeMap<i64, Owned>>,
}

#[async_trait(?Send)]
impl Bench for Giving<'_> {
    async fn connect(&self) -> Result<Box<dyn Target>> {
        self.stand.connect(self.stand.until, &self.stop).await
    }

    fn stop(&self) -> Option<&Stop> {
        Some(&self.stop)
    }

    fn watches(&self) -> bool {
        true
    }

    async fn intend(&self, grant: &Grant) -> Result<i64> {
        let (target, reasons) = (self.stand.name.to_owned(), Reasons::default());
        let intent = Entry::Intend { target, grant: grant.clone(), reasons: reasons.clone() };
        let entries = self.stand.write(&[intent], None).await;
        let entries = entries.context("nothing more was given, because it could not be written down first")?;
        let entry = *entries.first().context("the ledger answered no number for an intent")?;
        self.ours.borrow_mut().insert(entry, Owned { entry, id: None, grant: grant.clone(), reasons });
        Ok(entry)
    }

    async fn learn(&self, entries: &[Entry], told: Option<(&Change, &Outcome)>) -> Result<()> {
        // Known before it is written, for what was given has to be taken back also where it cannot be written down.
        for entry in entries {
            let mut ours = self.ours.borrow_mut();
            match entry {
                Entry::Confirm { entry, id } => {
                    ours.entry(*entry).and_modify(|owned| owned.id = Some(id.clone()));
                }
                Entry::Forget { entry } => drop(ours.remove(entry)),
                _ => {}
            }
        }
        self.stand.write(entries, told).await.map(drop)
    }
}

impl Giving<'_> {
    /// Takes back whatever is ours still; answers what stays.
    ///
    /// By its ids first: a reading that does not show it may be what is wrong with this target. `liar`: so it was found.
    pub(super) async fn take_back(&self, actor: &Actor, question: &Question, liar: bool) -> Vec<Left> {
        let told = self.stand.run.stop;
        let (stop, calls) = (told.unasked(), told.unasked());
        // Whoever waits for the end waits as long again, and no longer.
        let hurry = async {
            told.asked().await;
            calls.ask();
            pending().await
        };
        tokio::select! {
            left = self.take_all_back(actor, question, liar, (&stop, &calls)) => left,
            never = hurry => never,
        }
    }

    async fn take_all_back(
        &self,
        actor: &Actor,
        question: &Question,
        liar: bool,
        (stop, calls): (&Stop, &Stop),
    ) -> Vec<Left> {
        let mut whys: BTreeMap<i64, String> = BTreeMap::new();
        let mut target = self.stand.connect(self.stand.run.deadlines.run, calls).await;
        if let Ok(target) = &target {
            let known = self.rest().into_iter().filter(|owned| owned.id.is_some());
            let plan = Plan { changes: known.map(|owned| Change::Revoke { owned }).collect(), notes: Vec::new() };
            self.apply(&**target, stop, &plan, &mut whys).await;
        }
        let asked = Asked {
            emails: [question.email.clone()].into(),
            entitlements: [question.spelling.clone()].into(),
            owned: [actor.access()].into(),
        };
        let mut shown = BTreeSet::new();
        if let Ok(target) = &mut target {
            match target.read(&asked).await {
                Ok(current) => {
                    self.settle(&**target, stop, actor, &current, liar, &mut whys).await;
                    let again = target.read(&asked).await.unwrap_or(current);
                    shown = of(&again, &actor.access()).into_iter().map(|held| held.id.clone()).collect();
                }
                Err(error) => self.blame(&mut whys, &format!("whether it stands could not be read: {error:#}")),
            }
        }
        if let Err(error) = target {
            self.blame(&mut whys, &format!("{error:#}"));
        }
        self.left(&whys, shown)
    }

    fn rest(&self) -> Vec<Owned> {
        self.ours.borrow().values().cloned().collect()
    }

    fn blame(&self, whys: &mut BTreeMap<i64, String>, why: &str) {
        for entry in self.ours.borrow().keys() {
            whys.entry(*entry).or_insert_with(|| why.to_owned());
        }
    }

    /// What nobody knows of whether it was given is settled as the next sync would do it.
    async fn settle(
        &self,
        target: &dyn Target,
        stop: &Stop,
        actor: &Actor,
        current: &Current,
        liar: bool,
        whys: &mut BTreeMap<i64, String>,
    ) {
        let rest = self.rest();
        let tenure = |_: &Entitlement| actor.tenure;
        // By their numbers, for once one is found to have been given it has an id.
        let intents: BTreeSet<i64> = rest.iter().filter(|owned| owned.id.is_none()).map(|owned| owned.entry).collect();
        let is_intent = |owned: &Owned| intents.contains(&owned.entry);
        let mut plan = revoke(self.stand.now, &tenure, OnDrift::Restore, current, &rest, &is_intent);
        if liar {
            plan.changes.retain(|change| !matches!(change, Change::Forget { .. }));
        }
        self.apply(target, stop, &plan, whys).await;
    }

    async fn apply(&self, target: &dyn Target, stop: &Stop, plan: &Plan, whys: &mut BTreeMap<i64, String>) {
        let Stand { run, name, ledger, journal, now, .. } = self.stand;
        let applier = Applier { name, target: Some(target), ledger, journal, stop, progress: run.progress, now: *now };
        let (outcomes, written) = applier.apply(plan, &self.rest()).await;
        for (change, outcome) in plan.changes.iter().zip(outcomes) {
            let Some(entry) = change.owned().map(|owned| owned.entry) else { continue };
            match (change, outcome) {
                (Change::Confirm { id, .. }, Outcome::Done(_)) => {
                    self.ours.borrow_mut().entry(entry).and_modify(|owned| owned.id = Some(id.clone()));
                }
                (_, Outcome::Done(_)) => drop(self.ours.borrow_mut().remove(&entry)),
                (_, Outcome::Failed(why) | Outcome::Skipped(why) | Outcome::Deferred(why)) => {
                    whys.insert(entry, why);
                }
            }
        }
        if let Err(error) = written {
            self.blame(whys, &format!("{error:#}"));
        }
    }

    fn left(&self, whys: &BTreeMap<i64, String>, mut shown: BTreeSet<GrantId>) -> Vec<Left> {
        let mut left = Vec::new();
        for (entry, Owned { id, .. }) in self.ours.borrow().iter() {
            let why = whys.get(entry).map_or("whether it was ever given is not known", String::as_str).to_owned();
            shown.retain(|shown| id.as_ref() != Some(shown));
            left.push(Left { id: id.clone(), why, ours: true });
        }
        let shown = shown.into_iter().map(|id| {
            let why = "the target shows it, and did not say that it made it".to_owned();
            Left { id: Some(id), why, ours: false }
        });
        left.extend(shown);
        left
    }
}
