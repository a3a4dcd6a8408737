//! The steps that give, move and take back.

use std::cell::Cell;
use std::collections::BTreeSet;

use anyhow::Result;

use super::{Actor, Contract, Step, listed, of};
use crate::apply::Outcome;
use crate::domain::{Access, Change, Current, Grant, GrantId, Held, Owned, Period, Reasons, Tenure};
use crate::ledger::Entry;
use crate::target::{Asked, Restored, Target};

/// Readings while one grant is moved: enough to see an absence that lasts, and few enough for any rate limit.
const LOOKS: usize = 5;

/// What was given.
#[derive(Debug, Clone)]
pub struct Given {
    entry: i64,
    pub id: GrantId,
    pub grant: Grant,
}

impl Given {
    /// One that no ledger knows.
    pub fn new(id: GrantId, grant: Grant) -> Self {
        Self { entry: 0, id, grant }
    }

    fn owned(&self) -> Owned {
        Owned { entry: self.entry, id: Some(self.id.clone()), grant: self.grant.clone(), reasons: Reasons::default() }
    }
}

impl Contract<'_> {
    /// Gives, and gives the same again; `None` where nothing could be given.
    ///
    /// # Errors
    /// Where it has to end early.
    pub async fn gives_once(&mut self, actor: &Actor) -> Result<Option<Given>> {
        let wanted = actor.grant(self.subject.periods[0]);
        let Some(target) = self.connect(Step::Grant).await? else { return Ok(None) };
        let Some((entry, id)) = self.give(Step::Grant, &*target, &wanted).await? else { return Ok(None) };
        self.findings.held(Step::Grant);
        let given = Given { entry, id, grant: wanted };
        self.shows(actor, &given).await?;
        self.gives_again(&*target, &given, "the same instance").await?;
        if let Some(fresh) = self.connect(Step::GrantAgain).await? {
            self.gives_again(&*fresh, &given, "a new instance").await?;
        }
        self.shows(actor, &given).await?;

        let by_ownership = Asked { owned: [actor.access()].into(), ..Asked::default() };
        if let Some(current) = self.reading(Step::Owned, &by_ownership).await? {
            let seen = match of(&current, &actor.access()).iter().any(|held| held.id == given.id) {
                true => Ok(()),
                false => Err(format!("'{}' is ours and is not shown unless its spelling is asked for", given.id)),
            };
            self.findings.judge(Step::Owned, seen);
        }
        Ok(Some(given))
    }

    async fn gives_again(&mut self, target: &dyn Target, given: &Given, which: &str) -> Result<()> {
        let Some((entry, id)) = self.give(Step::GrantAgain, target, &given.grant).await? else { return Ok(()) };
        self.again(Step::GrantAgain, given, (entry, id), which).await
    }

    /// Holds the id of a call that was made again against the one that it answered first.
    async fn again(&mut self, step: Step, given: &Given, (entry, id): (i64, GrantId), which: &str) -> Result<()> {
        if id == given.id {
            // One grant, one entry.
            self.bench.learn(&[Entry::Forget { entry }], None).await?;
            self.findings.held(step);
        } else {
            self.findings.failed(step, format!("{which} answers '{id}' for what is '{}' already", given.id));
        }
        Ok(())
    }

    /// The entry and the id of a grant just made; `None` where it failed, which `step` says.
    async fn give(&mut self, step: Step, target: &dyn Target, wanted: &Grant) -> Result<Option<(i64, GrantId)>> {
        self.go_on()?;
        let entry = self.bench.intend(wanted).await?;
        let answer = target.grant(wanted).await;
        let change = Change::Create { grant: wanted.clone(), reasons: Reasons::default() };
        self.given(step, entry, &change, answer).await
    }

    async fn given(
        &mut self,
        step: Step,
        entry: i64,
        change: &Change,
        answer: Result<GrantId>,
    ) -> Result<Option<(i64, GrantId)>> {
        match answer {
            Ok(id) => {
                let learnt = [Entry::Confirm { entry, id: id.clone() }];
                self.bench.learn(&learnt, Some((change, &Outcome::Done(Some(id.clone()))))).await?;
                Ok(Some((entry, id)))
            }
            Err(error) => {
                // The intent stays: nobody knows what became of it before the target is read.
                let restored = change.owned().zip(error.downcast_ref::<Restored>());
                let learnt =
                    restored.map(|(owned, restored)| Entry::Confirm { entry: owned.entry, id: restored.id.clone() });
                let why = format!("{error:#}");
                self.bench.learn(learnt.as_slice(), Some((change, &Outcome::Failed(why.clone())))).await?;
                self.go_on()?;
                self.findings.failed(step, why);
                Ok(None)
            }
        }
    }

    /// Whether readings show just this grant of the account's, as it was given.
    async fn shows(&mut self, actor: &Actor, given: &Given) -> Result<Option<Current>> {
        let Some(current) = self.reading(Step::Shown, &self.asked(None)).await? else { return Ok(None) };
        let shown = of(&current, &given.grant.access);
        let ids: Vec<GrantId> = shown.iter().map(|held| held.id.clone()).collect();
        let seen = match &shown[..] {
            [one] if one.id != given.id => Err(format!("it was given as '{}' and is shown as '{}'", given.id, one.id)),
            [one] if one.foreign => Err(format!("'{}' is shown as foreign, and we gave it", one.id)),
            [_] => Ok(()),
            [] => Err(format!("'{}' was given and is not shown", given.id)),
            _ => Err(format!("it was given once, as '{}', and is shown as {}", given.id, listed(&ids))),
        };
        self.findings.judge(Step::Shown, seen);
        if let Some(held) = shown.iter().find(|held| held.id == given.id) {
            let seen = dates(actor.tenure, held, given.grant.period);
            self.findings.judge(Step::Dates, seen);
        }
        Ok(Some(current))
    }

    /// Moves the grant; answers how it stands after that.
    ///
    /// # Errors
    /// Where it has to end early.
    pub async fn moves(&mut self, actor: &Actor, given: Given, step: Step, to: Period) -> Result<Given> {
        let (held, to) = (given.owned(), actor.grant(to));
        let Some(target) = self.connect(step).await? else { return Ok(given) };
        let change = Change::Amend { owned: held.clone(), to: to.clone(), reasons: Reasons::default() };
        self.go_on()?;
        let entry = self.bench.intend(&to).await?;
        let answer = self.watched(&*target, &held, &to).await;
        let Some((entry, id)) = self.given(step, entry, &change, answer).await? else { return Ok(given) };
        self.findings.held(step);
        let moved = Given { entry, id, grant: to };

        if let Some(fresh) = self.connect(Step::AmendAgain).await? {
            self.go_on()?;
            let entry = self.bench.intend(&moved.grant).await?;
            let answer = fresh.amend(&held, &moved.grant).await;
            if let Some(again) = self.given(Step::AmendAgain, entry, &change, answer).await? {
                self.again(Step::AmendAgain, &moved, again, "the same move again").await?;
            }
        }
        let current = self.shows(actor, &moved).await?;
        // What is still there has to be taken back.
        let stays = |current: &Current| given.id != moved.id && current.grants.iter().any(|held| held.id == given.id);
        if current.is_some_and(|current| !stays(&current)) {
            self.bench.learn(&[Entry::Forget { entry: given.entry }], None).await?;
        }
        Ok(moved)
    }

    /// The move, watched by the readings of another instance where the bench wants that.
    async fn watched(&mut self, target: &dyn Target, held: &Owned, to: &Grant) -> Result<GrantId> {
        if !self.bench.watches() {
            return target.amend(held, to).await;
        }
        let (looks, absences) = (Cell::new(0), Cell::new(0));
        let asked = self.asked(None);
        let watching = async {
            let Ok(other) = self.bench.connect().await else { return };
            for _ in 0..LOOKS {
                let Ok(current) = other.read(&asked).await else { return };
                looks.set(looks.get() + 1);
                if of(&current, &to.access).is_empty() {
                    absences.set(absences.get() + 1);
                }
            }
        };
        let mut moving = std::pin::pin!(target.amend(held, to));
        let answer = tokio::select! {
            biased;
            answer = &mut moving => answer,
            () = watching => moving.await,
        };
        let (looks, absences) = (looks.get(), absences.get());
        match (looks, absences) {
            (0, _) => self.findings.skipped(Step::NeverAbsent, "moves were over before a reading could look"),
            (_, 0) => self.findings.held(Step::NeverAbsent),
            _ => {
                let seen = format!("{absences} of {looks} readings during a move showed no access; give before taking");
                self.findings.failed(Step::NeverAbsent, seen);
            }
        }
        answer
    }

    /// Takes back what was given, and no more.
    ///
    /// # Errors
    /// Where it has to end early.
    pub async fn takes_back(&mut self, actor: &Actor, given: Given) -> Result<()> {
        let before = self.reading(Step::Foreign, &self.asked(None)).await?;
        let owned = given.owned();
        let Some(target) = self.connect(Step::Revoke).await? else { return Ok(()) };
        if !self.take(Step::Revoke, &*target, &owned).await? {
            return Ok(());
        }
        self.findings.held(Step::Revoke);
        if !self.is_gone(&actor.access(), &given).await? {
            return Ok(());
        }
        self.bench.learn(&[Entry::Forget { entry: given.entry }], None).await?;
        let mut again = self.take(Step::RevokeAgain, &*target, &owned).await?;
        if let Some(fresh) = self.connect(Step::RevokeAgain).await? {
            again &= self.take(Step::RevokeAgain, &*fresh, &owned).await?;
        }
        if again {
            self.findings.held(Step::RevokeAgain);
        }
        self.is_gone(&actor.access(), &given).await?;
        let after = self.reading(Step::Foreign, &self.asked(None)).await?;
        if let (Some(before), Some(after)) = (before, after) {
            self.foreign(actor, &before, &after);
        }
        Ok(())
    }

    /// Whether it could be taken back, which `step` says otherwise.
    async fn take(&mut self, step: Step, target: &dyn Target, owned: &Owned) -> Result<bool> {
        self.go_on()?;
        let answer = target.revoke(owned).await.map_err(|error| format!("{error:#}"));
        let outcome = answer.clone().map_or_else(Outcome::Failed, |()| Outcome::Done(None));
        self.bench.learn(&[], Some((&Change::Revoke { owned: owned.clone() }, &outcome))).await?;
        self.answered(&answer)?;
        let done = answer.is_ok();
        if let Err(why) = answer {
            self.findings.failed(step, why);
        }
        Ok(done)
    }

    async fn is_gone(&mut self, access: &Access, given: &Given) -> Result<bool> {
        let Some(current) = self.reading(Step::Gone, &self.asked(Some(access.clone()))).await? else {
            return Ok(false);
        };
        let ids: Vec<GrantId> = of(&current, access).into_iter().map(|held| held.id.clone()).collect();
        let seen = match ids.is_empty() {
            true => Ok(()),
            false => Err(format!("'{}' was taken back, and {} is shown", given.id, listed(&ids))),
        };
        self.findings.judge(Step::Gone, seen);
        Ok(ids.is_empty())
    }

    fn foreign(&mut self, actor: &Actor, before: &Current, after: &Current) {
        fn others<'c>(current: &'c Current, actor: &Actor) -> BTreeSet<&'c Held> {
            current.grants.iter().filter(|held| held.access != actor.access()).collect()
        }
        let (before, after) = (others(before, actor), others(after, actor));
        if before.is_empty() {
            return self.findings.skipped(Step::Foreign, "nobody else holds it, so nothing could be seen");
        }
        let seen = match before.difference(&after).next() {
            Some(lost) => {
                Err(format!("the grant '{}' of the account '{}' is not as it was", lost.id, lost.access.account))
            }
            None => Ok(()),
        };
        self.findings.judge(Step::Foreign, seen);
    }
}

fn dates(tenure: Tenure, held: &Held, period: Period) -> Result<(), String> {
    let kept = |what: &str, shown: Option<_>, given| match shown {
        Some(shown) if shown == given => Ok(()),
        Some(shown) => Err(format!("its {what} is {given}, and {shown} is shown")),
        None => Err(format!("its {what} is {given}, and none is shown")),
    };
    if tenure == Tenure::Scheduled {
        kept("start", held.from, period.start())?;
    }
    if tenure != Tenure::Standing {
        kept("end", held.until, period.end())?;
    }
    Ok(())
}
