//! Against a target that does as it is told, and fails as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::TimeDelta;
use tokio::time::Instant;

use super::*;
use crate::audit::Record;
use crate::domain::Reasons;
use crate::domain::{AccountId, Current, Email, Entitlement, Period, Tenure};
use crate::net::Clock;
use crate::target::{Asked, Target};

/// What the target does with the next call for an access of that account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Answers,
    Fails,
    IsOccupied,
    IsRefused,
    Restores,
}

/// Writes down every call, and answers as scripted; what is not scripted is done.
#[derive(Default)]
struct Scripted {
    turns: Mutex<BTreeMap<String, VecDeque<Turn>>>,
    calls: Mutex<Vec<String>>,
    stop: Option<Stop>,
    /// What is given is never answered.
    hangs: bool,
}

impl Scripted {
    fn script(self, account: &str, turns: &[Turn]) -> Self {
        self.turns.lock().expect("no panic").insert(account.into(), turns.iter().copied().collect());
        self
    }

    fn turn(&self, verb: &str, grant: &Grant) -> Result<GrantId> {
        let account = &grant.access.account.0;
        self.calls.lock().expect("no panic").push(format!("{verb} {account}"));
        if let Some(stop) = &self.stop {
            stop.ask();
        }
        let turn = self.turns.lock().expect("no panic").get_mut(account).and_then(VecDeque::pop_front);
        match turn.unwrap_or(Turn::Answers) {
            Turn::Answers => Ok(GrantId(format!("new {account}"))),
            Turn::Fails => Err(anyhow::anyhow!("it is down")),
            Turn::IsOccupied => Err(anyhow::Error::new(Occupied("one stands there".into())).context("not given")),
            Turn::IsRefused => Err(anyhow::Error::new(NotGiven("it may not".into())).context("given by nobody")),
            Turn::Restores => {
                let restored = Restored { id: GrantId(format!("again {account}")), message: "put back".into() };
                Err(anyhow::Error::new(restored).context("not moved"))
            }
        }
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().expect("no panic").clone()
    }
}

#[async_trait]
impl Target for Scripted {
    fn tenure(&self, _: &Entitlement) -> Tenure {
        Tenure::Scheduled
    }

    async fn read(&self, _: &Asked) -> Result<Current> {
        Ok(Current::default())
    }

    async fn grant(&self, wanted: &Grant) -> Result<GrantId> {
        let answer = self.turn("grant", wanted);
        if self.hangs {
            std::future::pending::<()>().await;
        }
        answer
    }

    async fn revoke(&self, held: &Owned) -> Result<()> {
        self.turn("revoke", &held.grant).map(drop)
    }

    async fn amend(&self, held: &Owned, to: &Grant) -> Result<GrantId> {
        self.turn(&format!("amend {} to", held.entry), to)
    }
}

/// A ledger that keeps a diary, and breaks when told.
#[derive(Default)]
struct Diary {
    lines: Arc<Mutex<Vec<String>>>,
    events: Arc<Mutex<Vec<Event>>>,
    intents_until_broken: Option<usize>,
    breaks_on_record: bool,
    forgotten: BTreeSet<i64>,
}

#[async_trait]
impl Ledger for Diary {
    async fn owned(&mut self) -> Result<BTreeMap<String, Vec<Owned>>> {
        Ok(BTreeMap::new())
    }

    async fn write(&mut self, _: DateTime<Utc>, entries: &[Entry], events: &[Event]) -> Result<Vec<i64>> {
        let intends = matches!(entries.first(), Some(Entry::Intend { .. }));
        anyhow::ensure!(!intends || self.intents_until_broken != Some(0), "the disk is full");
        anyhow::ensure!(intends || !self.breaks_on_record, "the disk is full");
        if intends {
            self.intents_until_broken = self.intents_until_broken.map(|left| left - 1);
        }
        for entry in entries {
            if let Entry::Forget { entry } = entry {
                anyhow::ensure!(self.forgotten.insert(*entry), "there is no entry {entry}");
            }
        }
        let mut numbers = Vec::new();
        let mut lines = self.lines.lock().expect("no panic");
        lines.extend(entries.iter().map(|entry| match entry {
            Entry::Intend { grant, .. } => {
                let number = 100 + i64::try_from(numbers.len()).expect("few");
                numbers.push(number);
                format!("intend {} as {number}", grant.access.account)
            }
            Entry::Adopt { id, .. } => format!("adopt {id}"),
            Entry::Confirm { entry, id } => format!("confirm {entry} as {id}"),
            Entry::Retime { entry, .. } => format!("retime {entry}"),
            Entry::Forget { entry } => format!("forget {entry}"),
        }));
        self.events.lock().expect("no panic").extend(events.iter().cloned());
        Ok(numbers)
    }

    async fn head(&mut self) -> Result<Option<Record>> {
        Ok(None)
    }

    async fn records(&mut self, _: i64, _: u32) -> Result<Vec<Record>> {
        Ok(Vec::new())
    }
}

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn grant(account: &str, from: i64, until: i64) -> Grant {
    let entitlement = Entitlement { id: "e".into(), name: "e".into() };
    let period = Period::new(now() + TimeDelta::hours(from), now() + TimeDelta::hours(until)).expect("not empty");
    Grant { access: Access { account: AccountId::from(account), entitlement }, email: Email::new(account), period }
}

fn owned(entry: i64, account: &str, from: i64, until: i64) -> Owned {
    let id = Some(GrantId(format!("old {account}")));
    Owned { entry, id, grant: grant(account, from, until), reasons: Reasons::default() }
}

fn create(account: &str, from: i64, until: i64) -> Change {
    Change::Create { grant: grant(account, from, until), reasons: Reasons::default() }
}

fn amend(entry: i64, account: &str) -> Change {
    let (owned, to) = (owned(entry, account, 0, 1), grant(account, 0, 2));
    Change::Amend { owned, to, reasons: Reasons::default() }
}

fn done(id: &str) -> Outcome {
    Outcome::Done(Some(GrantId::from(id)))
}

struct Applied {
    outcomes: Vec<Outcome>,
    written: Result<()>,
    diary: Vec<String>,
    /// What the audit log is told beside the outcomes.
    beside: usize,
}

async fn apply(target: &Scripted, ledger: Diary, changes: Vec<Change>, owned: &[Owned]) -> Applied {
    let lines = ledger.lines.clone();
    let events = ledger.events.clone();
    let ledger: tokio::sync::Mutex<Box<dyn Ledger>> = tokio::sync::Mutex::new(Box::new(ledger));
    let stop = target.stop.clone().unwrap_or_else(|| Stop::at(Instant::now() + std::time::Duration::from_secs(60)));
    let progress = Progress::new(true);
    let journal = Journal::new("sync", "run".into(), "", Clock::new(now()));
    let (name, ledger, journal, progress) = ("target", &ledger, &journal, &progress);
    let applier = Applier { name, target: Some(target), ledger, journal, stop: &stop, progress, now: now() };
    let (outcomes, written) = applier.apply(&Plan { changes, notes: Vec::new() }, owned).await;
    let diary = lines.lock().expect("no panic").clone();
    let told = events.lock().expect("no panic").len();
    assert!(written.is_err() || told >= outcomes.len(), "the audit log is told of each outcome");
    Applied { beside: told.saturating_sub(outcomes.len()), outcomes, written, diary }
}

#[tokio::test]
async fn intends_acts_and_confirms_in_the_plans_order() {
    let target = Scripted::default();
    let changes = vec![
        Change::Forget { owned: owned(1, "gone", -2, -1) },
        Change::Expire { owned: owned(2, "late", -2, -1) },
        create("new", 0, 1),
        amend(3, "moved"),
        Change::Revoke { owned: owned(4, "off", 0, 1) },
    ];
    let applied = apply(&target, Diary::default(), changes, &[]).await;
    let [gone, expired, given, moved, taken] = &applied.outcomes[..] else { panic!("{:?}", applied.outcomes) };
    assert!([gone, expired, taken].iter().all(|outcome| **outcome == Outcome::Done(None)));
    assert_eq!([given, moved], [&done("new new"), &done("new moved")]);
    assert_eq!(target.calls(), ["revoke late", "grant new", "amend 3 to moved", "revoke off"]);
    assert_eq!(
        applied.diary,
        [
            "forget 1",
            "forget 2",
            "intend new as 100",
            "confirm 100 as new new",
            "intend moved as 100",
            "forget 3",
            "confirm 100 as new moved",
            "forget 4",
        ]
    );
}

#[tokio::test]
async fn one_failure_stops_nobody_else_and_leaves_its_intent() {
    let target = Scripted::default().script("a", &[Turn::Fails]);
    let changes = vec![create("a", 0, 1), create("b", 0, 1), Change::Revoke { owned: owned(4, "off", 0, 1) }];
    let applied = apply(&target, Diary::default(), changes, &[]).await;
    assert_eq!(applied.outcomes, [Outcome::Failed("it is down".into()), done("new b"), Outcome::Done(None)]);
    assert_eq!(applied.diary, ["intend a as 100", "intend b as 101", "confirm 101 as new b", "forget 4"]);
}

/// Somebody may give by hand what was refused, and that is not ours.
#[tokio::test]
async fn what_was_refused_for_certain_leaves_no_intent() {
    let target = Scripted::default().script("a", &[Turn::IsRefused]);
    let applied = apply(&target, Diary::default(), vec![create("a", 0, 1)], &[]).await;
    assert_eq!(applied.outcomes, [Outcome::Failed("given by nobody: it may not".into())]);
    assert_eq!(applied.diary, ["intend a as 100", "forget 100"]);
}

#[tokio::test]
async fn what_cannot_be_taken_back_stays_ours() {
    let target = Scripted::default().script("off", &[Turn::Fails]);
    let applied = apply(&target, Diary::default(), vec![Change::Revoke { owned: owned(4, "off", 0, 1) }], &[]).await;
    assert_eq!(applied.outcomes, [Outcome::Failed("it is down".into())]);
    assert!(applied.diary.is_empty());
}

#[tokio::test]
async fn what_lies_ahead_waits_for_room() {
    let target = Scripted::default().script("a", &[Turn::Answers, Turn::IsOccupied]);
    let applied = apply(&target, Diary::default(), vec![create("a", 0, 1), create("a", 2, 3)], &[]).await;
    assert_eq!(applied.outcomes[0], done("new a"));
    assert!(matches!(&applied.outcomes[1], Outcome::Deferred(_)), "{:?}", applied.outcomes);
    assert_eq!(applied.diary[2..], ["confirm 100 as new a", "forget 101"]);
}

#[tokio::test]
async fn what_is_due_now_takes_the_place_of_ours_that_lies_ahead() {
    let target = Scripted::default().script("a", &[Turn::IsOccupied]);
    let later = owned(7, "a", 5, 6);
    let applied = apply(&target, Diary::default(), vec![create("a", 0, 1)], &[later]).await;
    assert_eq!(applied.outcomes, [done("new a")]);
    assert_eq!(target.calls(), ["grant a", "amend 7 to a"]);
    assert_eq!(applied.diary, ["intend a as 100", "forget 7", "confirm 100 as new a"]);
    assert_eq!(applied.beside, 1, "that the later one is gone is told as well");
}

/// Somebody's shift of tomorrow was swapped for one that is due now.
#[tokio::test]
async fn what_made_room_is_not_taken_back_or_moved_once_more() {
    let later = || owned(7, "a", 5, 6);
    let moved = Change::Amend { owned: later(), to: grant("a", 5, 7), reasons: Reasons::default() };
    for (change, outcome, beside) in [
        (Change::Revoke { owned: later() }, Outcome::Done(None), 0),
        (moved, Outcome::Deferred("it made room for what is due now".into()), 1),
    ] {
        let target = Scripted::default().script("a", &[Turn::IsOccupied]);
        let applied = apply(&target, Diary::default(), vec![create("a", 0, 1), change], &[later()]).await;
        applied.written.expect("each entry is forgotten once");
        assert_eq!((applied.outcomes, applied.beside), (vec![done("new a"), outcome], beside));
        assert_eq!(target.calls(), ["grant a", "amend 7 to a"]);
        assert_eq!(applied.diary, ["intend a as 100", "forget 7", "confirm 100 as new a"]);
    }
}

#[tokio::test]
async fn a_strangers_grant_in_the_way_is_a_failure() {
    let target = Scripted::default().script("a", &[Turn::IsOccupied]);
    let applied = apply(&target, Diary::default(), vec![create("a", 0, 1)], &[]).await;
    assert!(matches!(&applied.outcomes[0], Outcome::Failed(_)), "{:?}", applied.outcomes);
    assert_eq!(applied.diary, ["intend a as 100", "forget 100"]);
}

#[tokio::test]
async fn a_grant_put_back_is_ours_under_its_new_id() {
    let target = Scripted::default().script("a", &[Turn::Restores]);
    let applied = apply(&target, Diary::default(), vec![amend(3, "a")], &[]).await;
    assert!(matches!(&applied.outcomes[0], Outcome::Failed(_)), "{:?}", applied.outcomes);
    assert_eq!(applied.diary, ["intend a as 100", "confirm 3 as again a", "forget 100"]);
}

#[tokio::test]
async fn nothing_is_given_that_cannot_be_written_down_first() {
    let target = Scripted::default();
    let diary = Diary { intents_until_broken: Some(0), ..Diary::default() };
    let applied =
        apply(&target, diary, vec![create("a", 0, 1), Change::Revoke { owned: owned(4, "b", 0, 1) }], &[]).await;
    assert!(format!("{:#}", applied.written.expect_err("the ledger is broken")).contains("the disk is full"));
    assert!(target.calls().is_empty());
    assert!(applied.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Skipped(_))));
}

#[tokio::test]
async fn nothing_more_begins_once_the_ledger_is_broken() {
    let target = Scripted::default();
    let diary = Diary { breaks_on_record: true, ..Diary::default() };
    let changes = vec![create("a", 0, 1), Change::Revoke { owned: owned(4, "b", 0, 1) }];
    let applied = apply(&target, diary, changes, &[]).await;
    assert!(applied.written.is_err());
    assert_eq!(target.calls(), ["grant a"]);
    assert_eq!(applied.outcomes[0], done("new a"), "it was given all the same");
}

#[tokio::test]
async fn a_word_to_stop_lets_the_call_in_flight_end_and_begins_no_other() {
    let stop = Stop::at(Instant::now() + std::time::Duration::from_secs(60));
    let target = Scripted { stop: Some(stop), ..Scripted::default() };
    let changes = vec![create("a", 0, 1), create("a", 2, 3), Change::Revoke { owned: owned(4, "b", 0, 1) }];
    let applied = apply(&target, Diary::default(), changes, &[]).await;
    assert_eq!(target.calls(), ["grant a"]);
    assert_eq!(applied.outcomes[0], done("new a"));
    assert!(applied.outcomes[1..].iter().all(|outcome| matches!(outcome, Outcome::Skipped(_))));
    assert_eq!(applied.diary[2..], ["confirm 100 as new a", "forget 101"], "what never began is no intent");
}

#[tokio::test(start_paused = true)]
async fn a_lost_ledger_gives_up_the_call_in_flight_and_begins_no_other() {
    let stop = Stop::at(Instant::now() + std::time::Duration::from_secs(3600));
    stop.hold_until(Instant::now() + std::time::Duration::from_secs(10));
    let target = Scripted { stop: Some(stop), hangs: true, ..Scripted::default() };
    let start = Instant::now();
    let changes = vec![create("a", 0, 1), create("a", 2, 3), Change::Revoke { owned: owned(4, "b", 0, 1) }];
    let applied = apply(&target, Diary::default(), changes, &[]).await;
    assert_eq!((start.elapsed().as_secs(), target.calls()), (10, vec!["grant a".to_owned()]));
    assert!(matches!(&applied.outcomes[0], Outcome::Failed(why) if why.contains("is not known")));
    assert!(
        applied.outcomes[1..].iter().all(|outcome| matches!(outcome, Outcome::Skipped(why) if why.contains("lost")))
    );
    assert!(
        !applied.diary.iter().any(|line| line == "forget 100"),
        "its intent stays for the next run: {:?}",
        applied.diary
    );
}

#[tokio::test]
async fn nothing_begins_after_the_deadline() {
    let target = Scripted { stop: Some(Stop::at(Instant::now())), ..Scripted::default() };
    let applied = apply(&target, Diary::default(), vec![create("a", 0, 1)], &[]).await;
    assert!(target.calls().is_empty() && applied.diary.is_empty());
    assert!(matches!(&applied.outcomes[0], Outcome::Skipped(why) if why.contains("deadline")));
}

#[tokio::test]
async fn what_could_not_be_replaced_is_not_taken_back() {
    let target = Scripted::default().script("a", &[Turn::Fails]);
    let second = Change::Revoke { owned: owned(4, "a", 1, 2) };
    let elsewhen = Change::Revoke { owned: owned(5, "a", 7, 8) };
    let applied = apply(&target, Diary::default(), vec![amend(3, "a"), second, elsewhen], &[]).await;
    assert_eq!(target.calls(), ["amend 3 to a", "revoke a"]);
    assert!(matches!(&applied.outcomes[1], Outcome::Skipped(why) if why.contains("stays")), "{:?}", applied.outcomes);
    assert_eq!(applied.outcomes[2], Outcome::Done(None), "what it was not to replace goes all the same");
}
