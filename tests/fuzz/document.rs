//! The grants document of the file target.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use chrono::{DateTime, Utc};
use oncall_sync::domain::{Access, Current, Email, Entitlement, Grant, GrantId, Period};
use oncall_sync::net::{Clock, Context};
use oncall_sync::target::{Asked, Target, TargetConfig};
use serde_json::Value;
use tokio::time::Instant;

use super::change::Format;
use super::{Fuzz, folder, is_sentence, runtime};

const WORDS: [&str; 20] = [
    "version",
    "accounts",
    "entitlements",
    "grants",
    "id",
    "account",
    "email",
    "entitlement",
    "from",
    "until",
    "by",
    "suspended",
    "oncall-sync",
    "alice@example.com",
    "alice",
    "prod-postgres",
    "g-1",
    "\"version\":2,",
    "\"id\":\"g-1\",",
    "\"\\ud800\"",
];

#[test]
fn document() {
    let (folder, runtime) = (folder(), runtime());
    let path = folder.path().join("grants.json");
    let (now, turn) = (at("2026-03-02T12:00:00Z"), Cell::new(0_u32));
    let asked = Asked {
        emails: ["alice@example.com", "bob@example.com", "*@example.com"].map(Email::new).into(),
        entitlements: ["prod-postgres", "role:dba"].map(str::to_owned).into(),
        owned: [].into(),
    };
    let tenures = ["scheduled", "expiring", "standing"];
    let targets = tenures.map(|tenure| {
        let config = format!("kind = 'file'\npath = '{}'\ntenure = '{tenure}'", path.display());
        let config: TargetConfig = toml::from_str(&config).expect("the config of a file target");
        let for_ever = Instant::now() + Duration::from_secs(86_400);
        runtime.block_on(config.connect(Context::new(Clock::new(now), for_ever))).expect("a target")
    });
    let fuzz = Fuzz { name: "document", format: Format::Json, words: &WORDS, cases: 300 };
    fuzz.run(|text| {
        fs::write(&path, text).expect("a file");
        turn.set(turn.get().wrapping_add(1));
        let target = &targets[turn.get() as usize % targets.len()];
        runtime.block_on(async {
            match target.read(&asked).await {
                Err(error) => is_sentence(&format!("{error:#}")),
                Ok(current) => {
                    makes_sense(&current, &asked, asked.emails.known().await, now);
                    give(&**target, text, || fs::read(&path).expect("a file"), &asked).await;
                }
            }
        });
    });
}

fn makes_sense(current: &Current, asked: &Asked, emails: &BTreeSet<Email>, now: DateTime<Utc>) {
    assert!(current.accounts.iter().all(|account| emails.contains(&account.email)), "{current:?}");
    assert!(current.entitlements.keys().eq(&asked.entitlements));
    let known: Vec<&Entitlement> = current.entitlements.values().flatten().flatten().collect();
    assert!(known.iter().all(|one| asked.entitlements.contains(&*one.name)), "{known:?}");
    for held in &current.grants {
        assert!(known.contains(&&held.access.entitlement), "nobody asked for {held:?}");
        assert!(held.until.is_none_or(|until| now < until), "{held:?} has ended");
    }
    current.entitlements.values().filter_map(|found| found.as_ref().err()).for_each(|sentence| is_sentence(sentence));
}

/// One more grant: it is there, and nothing of anybody else's has changed.
async fn give(target: &dyn Target, before: &[u8], after: impl Fn() -> Vec<u8>, asked: &Asked) {
    let entitlement = Entitlement { id: "prod-postgres".into(), name: "prod-postgres".into() };
    let access = Access { account: "zoe".into(), entitlement };
    let period = Period::new(at("2026-03-02T12:00:00Z"), at("2026-03-02T20:00:00Z")).expect("not empty");
    match target.grant(&Grant { access, email: Email::new("zoe@example.com"), period }).await {
        Err(error) => {
            is_sentence(&format!("{error:#}"));
            assert_eq!(before, after(), "it was refused, and the document is another");
        }
        Ok(id) => {
            let current = target.read(asked).await.expect("it was good a moment ago");
            assert!(current.grants.iter().any(|held| held.id == id && held.access.account.0 == "zoe"), "{current:?}");
            assert_eq!(others(&after(), &id), others(before, &id), "somebody else's part is another");
        }
    }
}

/// The document without the grant `id` and without what we may clear away, the grants in order.
fn others(text: &[u8], id: &GrantId) -> Value {
    let mut document: Value = serde_json::from_slice(text).expect("JSON");
    let mut grants = document["grants"].take().as_array().cloned().unwrap_or_default();
    grants.retain(|grant| grant["id"] != id.0.as_str() && grant["by"] != "oncall-sync");
    grants.sort_by_key(|grant| grant["id"].to_string());
    // What is null and what is left out is the same to every reader.
    let mut grants = Value::Array(grants);
    without_nulls(&mut grants);
    without_nulls(&mut document);
    document["grants"] = grants;
    document
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

fn at(time: &str) -> DateTime<Utc> {
    time.parse().expect("an instant")
}
