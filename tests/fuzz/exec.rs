//! What a command answers: one answer to every verb, as source and as target.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use chrono::{DateTime, Utc};
use oncall_sync::domain::{Access, Current, Email, Entitlement, Grant, OnCall, Owned, Period, Reading, Reasons};
use oncall_sync::harmless::is_harmful;
use oncall_sync::net::{Clock, Context};
use oncall_sync::source::SourceConfig;
use oncall_sync::target::{Asked, Occupied, Restored, TargetConfig};
use tokio::time::Instant;

use super::change::Format;
use super::{Fuzz, folder, is_sentence, runtime};

const WORDS: [&str; 32] = [
    "version",
    "tenure",
    "standing",
    "expiring",
    "scheduled",
    "concurrency",
    "accounts",
    "entitlements",
    "grants",
    "id",
    "email",
    "suspended",
    "found",
    "error",
    "name",
    "account",
    "entitlement",
    "from",
    "until",
    "foreign",
    "occupied",
    "restored",
    "schedules",
    "shifts",
    "person",
    "level",
    "start",
    "end",
    "\"coverage\":\"now\"",
    "\"\\u0000\\u001b[31m\"",
    "\"+99999-01-01T00:00:00Z\"",
    "null",
];

/// Answers with the file beside it, whatever it is asked.
const COMMAND: &str = "kind = 'exec'\ncommand = ['/bin/cat', 'answer']\ntimeout = '20s'";

/// A call is a process; so there are fewer cases than elsewhere.
const CASES: u32 = 40;

#[test]
fn exec() {
    let (runtime, folder) = (runtime(), folder());
    let for_ever = Instant::now() + Duration::from_secs(86_400);
    let context = || Context::new(Clock::new(at("2026-03-02T12:00:00Z")), for_ever);
    let mut source: SourceConfig = toml::from_str(COMMAND).expect("a source");
    let mut target: TargetConfig = toml::from_str(COMMAND).expect("a target");
    source.kind_mut().resolve(folder.path());
    target.kind_mut().resolve(folder.path());
    let window = Period::new(at("2026-03-02T00:00:00Z"), at("2026-03-04T00:00:00Z")).expect("not empty");
    Fuzz { name: "exec", format: Format::Json, words: &WORDS, cases: CASES }.run(|answer| {
        fs::write(folder.path().join("answer"), answer).expect("a file");
        runtime.block_on(async {
            let schedules = BTreeSet::from([OnCall::Schedule("dba-rota".to_owned())]);
            let source = source.connect(context()).await.expect("a source");
            let readings = source.read(&schedules, window).await;
            assert_eq!(readings.len(), 1);
            match &readings[&OnCall::Schedule("dba-rota".to_owned())] {
                Ok(reading) => is_a_reading(reading, window),
                Err(error) => is_sentence(&format!("{error:#}")),
            }
            let target = target.connect(context()).await.expect("a target");
            let grant = grant(window);
            let asked = asked(&grant);
            match target.read(&asked).await {
                Ok(current) => is_current(&current, &asked, asked.emails.known().await),
                Err(error) => is_sentence(&format!("{error:#}")),
            }
            let owned =
                Owned { entry: 1, id: Some("70/1001".into()), grant: grant.clone(), reasons: Reasons::default() };
            for made in [target.grant(&grant).await, target.amend(&owned, &grant).await] {
                match made {
                    Ok(id) => is_word(&id.0),
                    Err(error) => {
                        is_sentence(&format!("{error:#}"));
                        assert!(error.downcast_ref::<Restored>().is_none_or(|restored| !restored.id.0.is_empty()));
                        assert!(!(error.is::<Occupied>() && error.is::<Restored>()));
                    }
                }
            }
            if let Err(error) = target.revoke(&owned).await {
                is_sentence(&format!("{error:#}"));
            }
        });
    });
}

fn at(time: &str) -> DateTime<Utc> {
    time.parse().expect("an instant")
}

fn grant(period: Period) -> Grant {
    let entitlement = Entitlement { id: "70".into(), name: "dba".into() };
    Grant { access: Access { account: "1001".into(), entitlement }, email: Email::new("ada@example.com"), period }
}

fn asked(grant: &Grant) -> Asked {
    Asked {
        emails: [grant.email.clone()].into(),
        entitlements: ["dba".to_owned()].into(),
        owned: [grant.access.clone()].into(),
    }
}

/// An id or a name, as a ledger can keep it.
fn is_word(word: &str) {
    assert!(!word.trim().is_empty() && word.len() <= 2048 && !word.contains(char::is_control), "{word:?}");
}

fn is_reason(sentence: &str) {
    is_sentence(sentence);
    assert!(!sentence.contains(is_harmful), "{sentence:?}");
}

fn is_current(current: &Current, asked: &Asked, emails: &BTreeSet<Email>) {
    assert!(current.accounts.iter().all(|account| emails.contains(&account.email)));
    current.accounts.iter().for_each(|account| is_word(&account.id.0));
    assert_eq!(current.entitlements.keys().collect::<Vec<_>>(), asked.entitlements.iter().collect::<Vec<_>>());
    let mut known: BTreeSet<_> = asked.owned.iter().map(|access| &access.entitlement).collect();
    for meaning in current.entitlements.values() {
        match meaning {
            Ok(found) => known.extend(found),
            Err(error) => is_reason(error),
        }
    }
    let mut ids = BTreeSet::new();
    for held in &current.grants {
        assert!(ids.insert(&held.id) && known.contains(&held.access.entitlement), "{held:?}");
        [&held.id.0, &held.access.account.0].into_iter().for_each(|word| is_word(word));
        assert!(held.from.is_none_or(|from| held.until.is_none_or(|until| from < until)), "{held:?}");
    }
    known
        .iter()
        .for_each(|entitlement| [&entitlement.id, &entitlement.name].into_iter().for_each(|word| is_word(word)));
}

fn is_a_reading(reading: &Reading, window: Period) {
    [&reading.schedule.id, &reading.schedule.name].into_iter().for_each(|word| is_word(word));
    for shift in &reading.shifts {
        assert_eq!(shift.schedule, reading.schedule);
        let begins = shift.start.unwrap_or(DateTime::<Utc>::MIN_UTC);
        let period = Period::new(begins, shift.end.unwrap_or(DateTime::<Utc>::MAX_UTC)).expect("a shift lasts");
        assert!(period.overlaps(&window) && shift.level != Some(0), "{shift:?}");
        [&shift.person.id, &shift.person.name].into_iter().for_each(|word| is_word(word));
    }
    assert!(!reading.shifts.is_empty() || !reading.remarks.is_empty(), "nobody is on call, and nothing is said of it");
    reading.remarks.iter().for_each(|remark| is_reason(remark));
}
