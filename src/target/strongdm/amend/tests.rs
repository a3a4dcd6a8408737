//! The moves, against calls that keep grants in memory and fail when told to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use anyhow::anyhow;
use chrono::{DateTime, Utc};
use tonic::Code;

use super::*;
use crate::domain::{Access, Email, Period};
use crate::net::Clock;
use crate::net::grpc::Method;

const METHOD: Method = Method("/v1.AccountGrants/Any");

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// Refused: certainly not done.
    Refused,
    /// Done, and the answer lost.
    Late,
    /// Not done, and nobody can tell.
    Lost,
}

/// strongDM in memory, with or without room for two grants of one access.
struct Memory {
    context: Context,
    room: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    grants: BTreeMap<GrantId, Held>,
    made: usize,
    creates: VecDeque<Fault>,
    deletes: VecDeque<Fault>,
    log: Vec<&'static str>,
}

impl Memory {
    fn new(room: bool, creates: &[Fault], deletes: &[Fault]) -> Self {
        let context = Context::new(Clock::new(at(100)), Instant::now() + Duration::from_secs(3600));
        let mut state = State { creates: creates.iter().copied().collect(), ..State::default() };
        state.deletes = deletes.iter().copied().collect();
        let memory = Self { context, room, state: Mutex::new(state) };
        memory.put("ag-old", &grant(0, 1000), false);
        memory
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn put(&self, id: &str, grant: &Grant, foreign: bool) {
        let Grant { access, period, .. } = grant.clone();
        let id = GrantId::from(id);
        let held = Held { id: id.clone(), access, from: Some(period.start()), until: Some(period.end()), foreign };
        self.state().grants.insert(id, held);
    }

    /// The ends of what stands.
    fn ends(&self) -> Vec<i64> {
        self.state().grants.values().map(|held| held.until.unwrap().timestamp()).collect()
    }

    async fn amend(&self) -> Result<GrantId> {
        amend(self, &GrantId::from("ag-old"), &grant(0, 1000), &grant(0, 2000)).await
    }
}

impl Calls for Memory {
    fn context(&self) -> &Context {
        &self.context
    }

    async fn create(&self, wanted: &Grant) -> Result<GrantId, Refusal> {
        let fault = self.state().creates.pop_front().unwrap_or(Fault::None);
        if matches!(fault, Fault::Refused | Fault::Lost) {
            return Err(Refusal::Failed(failure(fault)));
        }
        let standing: Vec<_> = self.state().grants.values().cloned().collect();
        if let Some(same) = standing.iter().find(|held| has_dates(held, wanted)) {
            return Ok(same.id.clone());
        }
        if !self.room && !standing.is_empty() {
            return Err(Refusal::Occupied(standing));
        }
        let made = {
            let mut state = self.state();
            state.made += 1;
            state.log.push("create");
            state.made
        };
        let id = format!("ag-{made}");
        self.put(&id, wanted, false);
        if fault == Fault::Late { Err(Refusal::Failed(failure(fault))) } else { Ok(GrantId(id)) }
    }

    async fn delete(&self, id: &GrantId, _: &Entitlement) -> Result<()> {
        let mut state = self.state();
        let fault = state.deletes.pop_front().unwrap_or(Fault::None);
        if matches!(fault, Fault::None | Fault::Late) {
            state.grants.remove(id);
            state.log.push("delete");
        }
        if fault == Fault::None { Ok(()) } else { Err(failure(fault)) }
    }
}

fn failure(fault: Fault) -> Error {
    match fault {
        Fault::Refused => grpc::Error::answered("strongdm", METHOD, Code::PermissionDenied).into(),
        _ => anyhow!("no answer"),
    }
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap()
}

fn grant(start: i64, end: i64) -> Grant {
    let entitlement = Entitlement { id: "rs-1".into(), name: "prod-db".into() };
    let access = Access { account: "a-1".into(), entitlement };
    let period = Period::new(at(start), at(end)).unwrap();
    Grant { access, email: Email::new("alice@example.com"), period }
}

fn restored(error: &Error) -> Option<&Restored> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

#[tokio::test]
async fn gives_before_it_takes_where_there_is_room() {
    let memory = Memory::new(true, &[], &[]);
    assert_eq!(memory.amend().await.unwrap(), GrantId::from("ag-1"));
    assert_eq!(memory.ends(), [2000]);
    assert_eq!(memory.state().log, ["create", "delete"]);
}

#[tokio::test]
async fn takes_before_it_gives_only_where_the_old_grant_is_in_the_way() {
    let memory = Memory::new(false, &[], &[]);
    assert_eq!(memory.amend().await.unwrap(), GrantId::from("ag-1"));
    assert_eq!(memory.ends(), [2000]);
    assert_eq!(memory.state().log, ["delete", "create"]);
}

#[tokio::test]
async fn a_strangers_grant_in_the_way_changes_nothing() {
    let memory = Memory::new(false, &[], &[]);
    memory.put("ag-stranger", &grant(500, 1500), true);
    let error = memory.amend().await.unwrap_err();
    assert!(error.chain().any(|cause| cause.is::<Occupied>()), "{error:#}");
    assert_eq!(memory.ends(), [1000, 1500]);
    assert!(memory.state().log.is_empty());
}

#[tokio::test]
async fn a_refused_successor_brings_the_old_dates_back_under_a_new_id() {
    let memory = Memory::new(false, &[Fault::None, Fault::Refused], &[]);
    let error = memory.amend().await.unwrap_err();
    assert_eq!(restored(&error).map(|restored| &restored.id), Some(&GrantId::from("ag-1")), "{error:#}");
    let (id, held) = memory.state().grants.first_key_value().map(|(id, held)| (id.clone(), held.clone())).unwrap();
    assert_eq!((id.0.as_str(), held.until), ("ag-1", Some(at(1000))));
    assert!(held.from >= Some(at(100)), "not before now");
}

#[tokio::test]
async fn giving_back_is_tried_again() {
    let faults = [Fault::None, Fault::Lost, Fault::Lost, Fault::Lost, Fault::None];
    let memory = Memory::new(false, &faults, &[]);
    let error = memory.amend().await.unwrap_err();
    assert!(restored(&error).is_some(), "{error:#}");
    assert_eq!(memory.ends(), [1000]);
}

#[tokio::test]
async fn a_successor_whose_answer_was_lost_is_found() {
    let memory = Memory::new(false, &[Fault::None, Fault::Late], &[]);
    assert_eq!(memory.amend().await.unwrap(), GrantId::from("ag-1"));
    assert_eq!(memory.ends(), [2000]);
}

#[tokio::test]
async fn a_loss_that_cannot_be_undone_is_said_loudly() {
    let memory = Memory::new(false, &[Fault::None, Fault::Lost, Fault::Lost, Fault::Lost, Fault::Lost], &[]);
    let error = format!("{:#}", memory.amend().await.unwrap_err());
    assert!(error.contains("alice@example.com HAS LOST 'prod-db'"), "{error}");
}

#[tokio::test]
async fn an_old_grant_that_may_not_be_deleted_stays_and_its_successor_goes() {
    for room in [true, false] {
        let memory = Memory::new(room, &[], &[Fault::Refused]);
        let error = format!("{:#}", memory.amend().await.unwrap_err());
        assert!(error.contains("stands as before"), "{error}");
        assert_eq!(memory.ends(), [1000], "room: {room}");
    }
}

#[tokio::test]
async fn a_delete_without_an_answer_never_costs_access() {
    for (room, fault) in [(true, Fault::Late), (true, Fault::Lost), (false, Fault::Late), (false, Fault::Lost)] {
        let memory = Memory::new(room, &[], &[fault]);
        let outcome = memory.amend().await;
        let ends = memory.ends();
        assert!(ends.contains(&2000) || ends.contains(&1000), "{room} {fault:?}");
        // Going on is safe where the old one had to go first; where both fit it is left to the next run.
        assert_eq!(outcome.is_ok(), !room && fault == Fault::Late, "{room} {fault:?}");
    }
}

#[tokio::test]
async fn nothing_is_deleted_first_when_the_run_is_about_to_end() {
    let mut memory = Memory::new(false, &[], &[]);
    memory.context = Context::new(Clock::new(at(100)), Instant::now() + RESERVE / 2);
    assert!(memory.amend().await.is_err());
    assert_eq!(memory.ends(), [1000]);
}

#[tokio::test]
async fn the_same_dates_are_no_change() {
    let memory = Memory::new(false, &[], &[]);
    let (id, same) = (GrantId::from("ag-old"), grant(0, 1000));
    assert_eq!(amend(&memory, &id, &same, &same).await.unwrap(), id);
    assert!(memory.state().log.is_empty());
}
