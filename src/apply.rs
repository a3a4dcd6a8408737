//! A plan carried out: calls in the plan's order, many at a time, the ledger kept in step.
//!
//! One failure stops nobody else. A call whose outcome is not known leaves its intent in the ledger, and the next run
//! settles it against what the target shows.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::{Mutex, mpsc};

use crate::audit::{Event, Journal, What};
use crate::domain::{Access, Change, Grant, GrantId, Owned, Plan, Reasons};
use crate::ledger::{Entry, Ledger};
use crate::progress::Progress;
use crate::report::ChangeReport;
use crate::stop::{LOST, Stop};
use crate::target::{NotGiven, Occupied, Restored, Target};

/// Outcomes taken up in one go.
const BATCH: usize = 256;

/// How long outcomes wait for others to be written with: a transaction of SQLite's takes some ten milliseconds on a disk, and
/// meanwhile the intents say enough for the next run.
const GATHER: Duration = Duration::from_millis(100);

/// What became of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The target's own id, where it is news.
    Done(Option<GrantId>),
    /// The target has no room for it before its time; the next run tries again.
    Deferred(String),
    /// It was not begun.
    Skipped(String),
    Failed(String),
}

/// Everything that applying needs beside the plan.
pub struct Applier<'a> {
    pub name: &'a str,
    /// `None` where this run does not speak to it: only the ledger is written then.
    pub target: Option<&'a dyn Target>,
    pub ledger: &'a Mutex<Box<dyn Ledger>>,
    pub journal: &'a Journal,
    pub stop: &'a Stop,
    pub progress: &'a Progress,
    pub now: DateTime<Utc>,
}

/// One call, and what the ledger has to learn of it.
struct Call<'a> {
    at: usize,
    change: &'a Change,
    /// The intent's entry, for what gives.
    entry: Option<i64>,
}

/// A call that is over.
struct Finished<'a> {
    at: usize,
    change: &'a Change,
    outcome: Outcome,
    learnt: Vec<Entry>,
}

impl<'a> Applier<'a> {
    /// Carries out `plan` on a target that owns `owned`; one outcome for each change, in the plan's order.
    ///
    /// The error beside them says that the ledger cannot be written: nothing more is begun then.
    pub async fn apply(&self, plan: &Plan, owned: &[Owned]) -> (Vec<Outcome>, Result<()>) {
        let skipped = Outcome::Skipped("the ledger cannot be written".into());
        let mut outcomes = vec![skipped; plan.changes.len()];
        let written = self.phases(plan, owned, &mut outcomes).await;
        (outcomes, written)
    }

    async fn phases(&self, plan: &Plan, owned: &[Owned], outcomes: &mut [Outcome]) -> Result<()> {
        let bookkeeping: Vec<Entry> = plan.changes.iter().filter_map(|change| bookkeeping(self.name, change)).collect();
        if !bookkeeping.is_empty() {
            let changes = plan.changes.iter().filter(|change| change.is_bookkeeping());
            let events: Vec<Event> = changes.map(|change| self.event(change, &Outcome::Done(None))).collect();
            self.write(&bookkeeping, &events).await.context("nothing was changed on the target")?;
        }
        let calls = plan.changes.iter().filter(|change| !change.is_bookkeeping()).count();
        let stage = (calls > 0).then(|| self.progress.bar(format!("Granting on {}", self.name), calls));
        let mut phase: Vec<(usize, &Change)> = Vec::new();
        let mut forgotten = BTreeSet::new();
        for (at, change) in plan.changes.iter().enumerate() {
            if change.is_bookkeeping() {
                outcomes[at] = Outcome::Done(None);
                continue;
            }
            if phase.last().is_some_and(|(_, last)| std::mem::discriminant(*last) != std::mem::discriminant(change)) {
                let learnt = self.phase(&std::mem::take(&mut phase), plan, owned, outcomes, || step(&stage)).await?;
                forgotten.extend(learnt);
            }
            let needless = made_room(change, &forgotten).or_else(|| is_still_needed(change, plan, outcomes));
            if let Some(outcome) = needless {
                outcomes[at] = outcome;
                self.write(&[], &[self.event(change, &outcomes[at])]).await?;
                continue;
            }
            phase.push((at, change));
        }
        self.phase(&phase, plan, owned, outcomes, || step(&stage)).await.map(drop)
    }

    /// Changes of one kind, side by side; those of one access one after the other. Answers which entries are forgotten.
    async fn phase(
        &self,
        changes: &[(usize, &Change)],
        plan: &Plan,
        owned: &[Owned],
        outcomes: &mut [Outcome],
        step: impl Fn(),
    ) -> Result<BTreeSet<i64>> {
        let mut forgotten = BTreeSet::new();
        if changes.is_empty() {
            return Ok(forgotten);
        }
        if let Some(reason) = self.stop.reason() {
            let skipped = Outcome::Skipped(reason.into());
            let events: Vec<Event> = changes.iter().map(|(_, change)| self.event(change, &skipped)).collect();
            for (at, _) in changes {
                outcomes[*at] = skipped.clone();
            }
            return self.write(&[], &events).await.map(|_| forgotten);
        }
        let calls = self.intend(changes).await?;
        let mut chains: BTreeMap<&Access, Vec<Call>> = BTreeMap::new();
        for call in calls {
            chains.entry(&call.change.grant().access).or_default().push(call);
        }
        let broken = Cell::new(false);
        let (sender, mut results) = mpsc::unbounded_channel();
        let calling = async {
            let running = stream::iter(chains.into_values()).map(|chain| self.chain(chain, owned, &broken, &step));
            // The receiver outlives this: it ends when the sender is gone.
            // No more than are carried out at once: what waits here has not begun, and is not, once the word to stop is said.
            let most = self.target().concurrency();
            running.buffer_unordered(most).for_each(async |done| drop(sender.send(done))).await;
            drop(sender);
        };
        // While the ledger is written the calls go on.
        let writing = async {
            let mut written = Ok(());
            let mut finished = Vec::new();
            while results.recv_many(&mut finished, BATCH).await > 0 {
                // Those that come in a moment share its transaction; the last ones wait for nobody.
                let wait = async { while results.recv_many(&mut finished, BATCH).await > 0 {} };
                let _ = tokio::time::timeout(GATHER, wait).await;
                let (mut entries, mut events) = (Vec::new(), Vec::new());
                for Finished { at, change, outcome, learnt } in finished.drain(..).flatten() {
                    events.push(self.event(change, &outcome));
                    events.extend(
                        displaced(change, &learnt, plan, owned).map(|gone| self.event(&gone, &Outcome::Done(None))),
                    );
                    outcomes[at] = outcome;
                    forgotten.extend(learnt.iter().filter_map(forgets));
                    entries.extend(learnt);
                }
                if written.is_ok() {
                    written = self.write(&entries, &events).await.map(drop);
                    broken.set(written.is_err());
                }
            }
            written
        };
        let ((), written) = tokio::join!(calling, writing);
        written.context("what was just done is not written down; the next run finds it by what the target shows")?;
        Ok(forgotten)
    }

    /// Writes down what is about to be given.
    async fn intend<'c>(&self, changes: &[(usize, &'c Change)]) -> Result<Vec<Call<'c>>> {
        let giving = changes.iter().filter_map(|(_, change)| gives(change));
        let intents: Vec<Entry> = giving
            .map(|(grant, reasons)| Entry::Intend {
                target: self.name.to_owned(),
                grant: grant.clone(),
                reasons: reasons.clone(),
            })
            .collect();
        let entries = if intents.is_empty() {
            Vec::new()
        } else {
            self.write(&intents, &[]).await.context("nothing was given, because it could not be written down first")?
        };
        let mut entries = entries.into_iter();
        let call = |(at, change): &(usize, &'c Change)| Call {
            at: *at,
            change,
            entry: gives(change).and_then(|_| entries.next()),
        };
        Ok(changes.iter().map(call).collect())
    }

    async fn chain<'c>(
        &self,
        calls: Vec<Call<'c>>,
        owned: &[Owned],
        broken: &Cell<bool>,
        step: &impl Fn(),
    ) -> Vec<Finished<'c>> {
        let mut finished = Vec::with_capacity(calls.len());
        for call in calls {
            // Whatever has arrived meanwhile is seen to first: that the ledger's session has ended, above all.
            tokio::task::yield_now().await;
            let unwritten = broken.get().then_some("the ledger cannot be written");
            let (outcome, learnt) = match unwritten.or_else(|| self.stop.reason()) {
                Some(reason) => {
                    let never = call.entry.map(|entry| Entry::Forget { entry });
                    (Outcome::Skipped(reason.into()), never.into_iter().collect())
                }
                None => self.unless_lost(&call, owned).await,
            };
            step();
            finished.push(Finished { at: call.at, change: call.change, outcome, learnt });
        }
        finished
    }

    /// The call, given up where the ledger is lost meanwhile: another run may be at work then.
    async fn unless_lost(&self, call: &Call<'_>, owned: &[Owned]) -> (Outcome, Vec<Entry>) {
        tokio::select! {
            biased;
            () = self.stop.lost() => {
                (Outcome::Failed(format!("{LOST}; whether this was done is not known, and the next run looks")), Vec::new())
            }
            answer = self.call(call, owned) => answer,
        }
    }

    async fn call(&self, call: &Call<'_>, owned: &[Owned]) -> (Outcome, Vec<Entry>) {
        let target = self.target();
        match (call.change, call.entry) {
            (Change::Expire { owned } | Change::Revoke { owned }, _) => match target.revoke(owned).await {
                Ok(()) => (Outcome::Done(None), vec![Entry::Forget { entry: owned.entry }]),
                Err(error) => (Outcome::Failed(format!("{error:#}")), Vec::new()),
            },
            (Change::Create { grant, .. }, Some(entry)) => match target.grant(grant).await {
                Ok(id) => (Outcome::Done(Some(id.clone())), vec![Entry::Confirm { entry, id }]),
                Err(error) if error.is::<Occupied>() => self.make_room(grant, entry, owned, &error).await,
                // What somebody gives by hand in its stead must not be taken for it.
                Err(error) if error.is::<NotGiven>() => {
                    (Outcome::Failed(format!("{error:#}")), vec![Entry::Forget { entry }])
                }
                Err(error) => (Outcome::Failed(format!("{error:#}")), Vec::new()),
            },
            (Change::Amend { owned, to, .. }, Some(entry)) => {
                let answer = target.amend(owned, to).await;
                amended(answer, owned, entry)
            }
            (change, _) => unreachable!("{change:?} is no call, or has no intent"),
        }
    }

    /// The target keeps one grant for one access. What lies ahead waits; what is due now takes the place of what of ours
    /// lies ahead, which comes again with a later run.
    async fn make_room(
        &self,
        grant: &Grant,
        entry: i64,
        owned: &[Owned],
        why: &anyhow::Error,
    ) -> (Outcome, Vec<Entry>) {
        if grant.period.start() > self.now {
            return (Outcome::Deferred(format!("{why:#}")), vec![Entry::Forget { entry }]);
        }
        let ahead = |owned: &&Owned| {
            owned.grant.access == grant.access && owned.id.is_some() && owned.grant.period.start() > self.now
        };
        match owned.iter().find(ahead) {
            Some(later) => amended(self.target().amend(later, grant).await, later, entry),
            None => (Outcome::Failed(format!("{why:#}")), vec![Entry::Forget { entry }]),
        }
    }

    fn target(&self) -> &'a dyn Target {
        self.target.expect("there are calls only for targets that were read")
    }

    async fn write(&self, entries: &[Entry], events: &[Event]) -> Result<Vec<i64>> {
        self.ledger.lock().await.write(self.now, entries, events).await
    }

    fn event(&self, change: &Change, outcome: &Outcome) -> Event {
        let change = ChangeReport::new(change, Some(outcome));
        self.journal.event(What::Change { target: self.name.to_owned(), change })
    }
}

fn amended(answer: Result<GrantId>, from: &Owned, entry: i64) -> (Outcome, Vec<Entry>) {
    match answer {
        Ok(id) => {
            let learnt = vec![Entry::Forget { entry: from.entry }, Entry::Confirm { entry, id: id.clone() }];
            (Outcome::Done(Some(id)), learnt)
        }
        Err(error) => {
            let restored = error.downcast_ref::<Restored>().map(|restored| restored.id.clone());
            let learnt = restored.map(|id| vec![Entry::Confirm { entry: from.entry, id }, Entry::Forget { entry }]);
            (Outcome::Failed(format!("{error:#}")), learnt.unwrap_or_default())
        }
    }
}

/// What of ours is gone from the target because it made room for `change`, and no change of the plan tells so.
fn displaced(change: &Change, learnt: &[Entry], plan: &Plan, owned: &[Owned]) -> impl Iterator<Item = Change> {
    let is_told = |entry: &i64| {
        let taken = |change: &Change| matches!(change, Change::Revoke { owned } if owned.entry == *entry);
        change.owned().is_some_and(|owned| owned.entry == *entry) || plan.changes.iter().any(taken)
    };
    let gone = learnt.iter().filter_map(forgets).filter(|entry| !is_told(entry));
    let gone: Vec<_> = gone.filter_map(|gone| owned.iter().find(|owned| owned.entry == gone).cloned()).collect();
    gone.into_iter().map(|owned| Change::Revoke { owned })
}

/// What becomes of `change` where what it is about has made room before: the grant that is there now is another.
fn made_room(change: &Change, forgotten: &BTreeSet<i64>) -> Option<Outcome> {
    change.owned().filter(|owned| forgotten.contains(&owned.entry))?;
    Some(match change {
        Change::Amend { .. } => Outcome::Deferred("it made room for what is due now".into()),
        _ => Outcome::Done(None),
    })
}

/// What becomes of `change` where it would take back what a grant was to replace that could not be given.
fn is_still_needed(change: &Change, plan: &Plan, outcomes: &[Outcome]) -> Option<Outcome> {
    let Change::Revoke { owned } = change else { return None };
    let failed = plan.changes.iter().zip(outcomes).filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
    let mut lost = failed.filter_map(|(change, _)| gives(change)).map(|(grant, _)| grant);
    lost.any(|grant| grant.access == owned.grant.access && grant.period.overlaps(&owned.grant.period))
        .then(|| Outcome::Skipped("it stays until what is to take its place could be given".into()))
}

fn forgets(entry: &Entry) -> Option<i64> {
    match entry {
        Entry::Forget { entry } => Some(*entry),
        _ => None,
    }
}

fn step(stage: &Option<crate::progress::Stage>) {
    if let Some(stage) = stage {
        stage.step();
    }
}

fn gives(change: &Change) -> Option<(&Grant, &Reasons)> {
    match change {
        Change::Create { grant, reasons } | Change::Amend { to: grant, reasons, .. } => Some((grant, reasons)),
        _ => None,
    }
}

fn bookkeeping(target: &str, change: &Change) -> Option<Entry> {
    match change {
        Change::Adopt { grant, id, reasons } => Some(Entry::Adopt {
            target: target.to_owned(),
            grant: grant.clone(),
            reasons: reasons.clone(),
            id: id.clone(),
        }),
        Change::Forget { owned } | Change::Release { owned } => Some(Entry::Forget { entry: owned.entry }),
        Change::Confirm { owned, id } => Some(Entry::Confirm { entry: owned.entry, id: id.clone() }),
        Change::Retime { owned, period, reasons } => {
            Some(Entry::Retime { entry: owned.entry, period: *period, reasons: reasons.clone() })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
