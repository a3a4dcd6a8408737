//! What every ledger promises, as one function.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use oncall_sync::audit::{Event, Journal, Record, Verifier, What};
use oncall_sync::domain::{
    Access, AccountId, Email, Entitlement, Grant, GrantId, Owned, Period, Reason, Reasons, Schedule,
};
use oncall_sync::ledger::{self, Entry, Ledger, LedgerConfig, Locked};
use oncall_sync::net::Clock;

use super::stop;

pub fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 123_456_789).expect("in range")
}

pub fn grant(account: &str, entitlement: &str) -> (Grant, Reasons) {
    let access = Access {
        account: AccountId(account.to_owned()),
        entitlement: Entitlement { id: format!("id-{entitlement}").into(), name: entitlement.into() },
    };
    let period = Period::new(at(0), at(3600)).expect("not empty");
    let reason = Reason {
        rule: "dba".to_owned(),
        source: "pagerduty".to_owned(),
        schedule: Schedule { id: "P1".to_owned(), name: "Primary \"é\" {a,b} \\ NULL 'x'\n\u{7}".to_owned() },
        person: "U1".to_owned(),
        name: account.to_owned(),
        start: Some(at(-60)),
        end: None,
    };
    (Grant { access, email: Email::new(&format!("{account}@example.com")), period }, Reasons::from(vec![reason]))
}

pub fn event(text: &str) -> Event {
    let journal = Journal::new("sync", "run-1".into(), "", Clock::new(at(0)));
    journal.event(What::Fault { name: "a \"name\"".into(), error: text.into() })
}

pub async fn intend(ledger: &mut dyn Ledger, target: &str, grants: &[(Grant, Reasons)]) -> anyhow::Result<Vec<i64>> {
    let intent = |(grant, reasons): &(Grant, Reasons)| Entry::Intend {
        target: target.to_owned(),
        grant: grant.clone(),
        reasons: reasons.clone(),
    };
    ledger.write(at(0), &grants.iter().map(intent).collect::<Vec<_>>(), &[]).await
}

pub async fn open(place: &LedgerConfig) -> Box<dyn Ledger> {
    ledger::open(place, &stop()).await.expect("a ledger")
}

/// Each promise with a ledger of its own, which is not there yet; what comes with it is kept for as long.
pub async fn run<Keep>(fresh: impl Fn() -> (Keep, LedgerConfig)) {
    let (_keep, place) = fresh();
    nothing_is_made_by_looking(&place).await;
    everything_comes_back_as_it_was(&place).await;
    let (_keep, place) = fresh();
    steps_are_taken_in_their_order(&place).await;
    let (_keep, place) = fresh();
    no_number_is_used_twice(&place).await;
    let (_keep, place) = fresh();
    an_unknown_entry_undoes_the_whole_call(&place).await;
    let (_keep, place) = fresh();
    the_audit_log_is_one_chain(&place).await;
    let (_keep, place) = fresh();
    one_run_at_a_time(&place).await;
    let (_keep, place) = fresh();
    looking_writes_nothing(&place).await;
    let (_keep, place) = fresh();
    ten_thousand_grants_are_one_transaction(&place).await;
}

async fn nothing_is_made_by_looking(place: &LedgerConfig) {
    for _ in 0..2 {
        assert!(ledger::look(place).await.expect("looked").is_none());
    }
}

async fn everything_comes_back_as_it_was(place: &LedgerConfig) {
    let mut ledger = open(place).await;
    let both = [grant("alice", "prod"), grant("bob", "prod")];
    let strongdm = intend(&mut *ledger, "strongdm", &both).await.expect("written");
    let github = intend(&mut *ledger, "github", &[grant("alice", "team")]).await.expect("written");
    let period = Period::new(at(10), DateTime::<Utc>::MAX_UTC).expect("not empty");
    let (carol, reasons) = grant("carol", "prod");
    let adopted =
        Entry::Adopt { target: "github".into(), grant: carol.clone(), reasons: reasons.clone(), id: "c".into() };
    let steps = [
        Entry::Confirm { entry: strongdm[0], id: "g-1".into() },
        adopted,
        Entry::Retime { entry: strongdm[0], period, reasons: Reasons::default() },
        Entry::Forget { entry: strongdm[1] },
    ];
    let numbers = ledger.write(at(1), &steps, &[]).await.expect("written");
    ledger.close().await;
    drop(ledger);

    let alice = Grant { period, ..grant("alice", "prod").0 };
    let (team, why) = grant("alice", "team");
    let expected = BTreeMap::from([
        (
            "github".to_owned(),
            vec![
                Owned { entry: github[0], id: None, grant: team, reasons: why },
                Owned { entry: numbers[0], id: Some("c".into()), grant: carol, reasons },
            ],
        ),
        (
            "strongdm".to_owned(),
            vec![Owned { entry: strongdm[0], id: Some("g-1".into()), grant: alice, reasons: Reasons::default() }],
        ),
    ]);
    let owned = open(place).await.owned().await.expect("read");
    assert_eq!(owned, expected);
    assert_eq!(owned["github"][0].grant.access.entitlement.name.as_ref(), "team", "equal names are not compared");
}

/// Several steps of one entry in one call, as several calls would take them.
async fn steps_are_taken_in_their_order(place: &LedgerConfig) {
    let mut ledger = open(place).await;
    let all = [grant("alice", "prod"), grant("bob", "prod"), grant("carol", "prod")];
    let numbers = intend(&mut *ledger, "t", &all).await.expect("written");
    let period = Period::new(at(10), at(20)).expect("not empty");
    let steps = [
        Entry::Confirm { entry: numbers[0], id: "first".into() },
        Entry::Forget { entry: numbers[1] },
        Entry::Confirm { entry: numbers[0], id: "second".into() },
        Entry::Retime { entry: numbers[2], period, reasons: Reasons::default() },
        Entry::Confirm { entry: numbers[2], id: "c".into() },
        Entry::Forget { entry: numbers[2] },
    ];
    ledger.write(at(1), &steps, &[]).await.expect("written");
    let owned = ledger.owned().await.expect("read");
    let left: Vec<_> = owned["t"].iter().map(|owned| (owned.entry, owned.id.clone())).collect();
    assert_eq!(left, [(numbers[0], Some(GrantId("second".into())))]);
    let twice = [Entry::Forget { entry: numbers[0] }, Entry::Forget { entry: numbers[0] }];
    ledger.write(at(1), &twice, &[]).await.expect_err("it is gone after the first");
    assert_eq!(ledger.owned().await.expect("read"), owned);
}

async fn no_number_is_used_twice(place: &LedgerConfig) {
    let mut ledger = open(place).await;
    let first = intend(&mut *ledger, "strongdm", &[grant("alice", "prod")]).await.expect("written")[0];
    ledger.write(at(1), &[Entry::Forget { entry: first }], &[]).await.expect("written");
    assert!(intend(&mut *ledger, "strongdm", &[grant("alice", "prod")]).await.expect("written")[0] > first);
}

async fn an_unknown_entry_undoes_the_whole_call(place: &LedgerConfig) {
    let mut ledger = open(place).await;
    intend(&mut *ledger, "strongdm", &[grant("alice", "prod")]).await.expect("written");
    let before = ledger.owned().await.expect("read");
    let entry = before["strongdm"][0].entry;
    for unknown in [
        Entry::Forget { entry: 99 },
        Entry::Confirm { entry: 99, id: "g".into() },
        Entry::Retime { entry: 99, period: grant("a", "b").0.period, reasons: Reasons::default() },
    ] {
        let steps = [Entry::Confirm { entry, id: "g-1".into() }, unknown];
        let error = ledger.write(at(1), &steps, &[event("never")]).await.expect_err("no such entry");
        assert!(format!("{error:#}").contains("no entry 99"), "{error:#}");
        assert_eq!(ledger.owned().await.expect("read"), before);
        assert_eq!(ledger.head().await.expect("read"), None);
    }
    ledger.write(at(1), &[], &[event("afterwards")]).await.expect("it goes on");
    assert_eq!(ledger.head().await.expect("read").map(|head| head.number), Some(1));
}

async fn the_audit_log_is_one_chain(place: &LedgerConfig) {
    let mut ledger = open(place).await;
    let events: Vec<Event> = ["one", "two \u{0} three", "{\"é\": '\\'}"].map(event).into();
    ledger.write(at(0), &[], &events[..1]).await.expect("written");
    ledger.close().await;
    drop(ledger);
    let mut ledger = open(place).await;
    ledger.write(at(0), &[], &events[1..]).await.expect("written");
    ledger.write(at(0), &[], &events).await.expect("written");
    let all: Vec<Record> = ledger.records(0, 100).await.expect("read");
    Verifier::check(&all).expect("whole");
    let told: Vec<Event> = all.iter().map(|record| record.event().expect("ours")).collect();
    assert_eq!(told, [&events[..], &events[..]].concat());
    assert_eq!(ledger.head().await.expect("read").as_ref(), all.last());
    assert_eq!(ledger.records(2, 3).await.expect("read"), all[2..5]);
    assert_eq!(ledger.records(6, 3).await.expect("read"), []);
}

async fn one_run_at_a_time(place: &LedgerConfig) {
    let mut ledger = open(place).await;
    intend(&mut *ledger, "strongdm", &[grant("alice", "prod")]).await.expect("written");
    for _ in 0..2 {
        let error = ledger::open(place, &stop()).await.err().expect("held");
        assert!(error.downcast_ref::<Locked>().is_some(), "{error:#}");
    }
    assert!(ledger::look(place).await.expect("looked").is_some(), "a dry run waits for nobody");
    ledger.close().await;
    drop(ledger);
    let mut next = open(place).await;
    intend(&mut *next, "strongdm", &[grant("bob", "prod")]).await.expect("the next may write");
}

async fn looking_writes_nothing(place: &LedgerConfig) {
    let mut ledger = open(place).await;
    intend(&mut *ledger, "strongdm", &[grant("alice", "prod")]).await.expect("written");
    let before = ledger.owned().await.expect("read");
    let mut looking = ledger::look(place).await.expect("looked").expect("there");
    assert_eq!(looking.owned().await.expect("read"), before);
    intend(&mut *looking, "strongdm", &[grant("bob", "prod")]).await.expect_err("it only reads");
    looking.write(at(0), &[], &[event("x")]).await.expect_err("it only reads");
    assert_eq!(looking.head().await.expect("read"), None);
    assert_eq!(ledger.owned().await.expect("read"), before);
}

async fn ten_thousand_grants_are_one_transaction(place: &LedgerConfig) {
    let mut ledger = open(place).await;
    let many: Vec<_> = (0..10_000).map(|number| grant(&format!("account {number}"), "prod")).collect();
    let entries = intend(&mut *ledger, "strongdm", &many).await.expect("written");
    let confirmed: Vec<_> =
        entries.iter().map(|&entry| Entry::Confirm { entry, id: GrantId(format!("g-{entry}")) }).collect();
    ledger.write(at(0), &confirmed, &[]).await.expect("written");
    let owned = &ledger.owned().await.expect("read")["strongdm"];
    assert!(owned.iter().map(|owned| owned.entry).eq(entries));
    assert!(owned.iter().zip(&many).all(|(owned, (grant, _))| owned.grant == *grant));
    assert!(owned.iter().all(|owned| owned.id == Some(GrantId(format!("g-{}", owned.entry)))), "each with its own id");
}
