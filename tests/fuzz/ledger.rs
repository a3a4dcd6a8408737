//! The ledger: rows that hold anything, and a file whose bytes are anything.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Result;
use oncall_sync::domain::{Email, Owned, Period};
use oncall_sync::ledger::{self, Unreadable};
use rusqlite::{Connection, params_from_iter};
use serde_json::{Map, Value};

use super::change::Format;
use super::{Fuzz, folder, is_sentence};

const COLUMNS: [&str; 11] = [
    "target",
    "grant_id",
    "account",
    "email",
    "entitlement",
    "entitlement_name",
    "from",
    "until",
    "reasons",
    "intended_at",
    "confirmed_at",
];

const WORDS: [&str; 12] = [
    "2026-03-02T08:00:00Z",
    "2026-03-02T08:00:00+00:00",
    "2026-03-02",
    "[]",
    "[{}]",
    "[{\"rule\":\"r\",\"source\":\"s\",\"schedule\":{\"id\":\"i\",\"name\":\"n\"},\"person\":\"p\",\"name\":\"n\"}]",
    "alice@example.com",
    "ALICE@EXAMPLE.COM",
    "null",
    "from",
    "until",
    "reasons",
];

const PAGES: [&str; 8] =
    ["SQLite format 3\0", "ocsy", "CREATE TABLE grants", "grants", "sqlite_sequence", "\u{1}", "\0\0\0\0", "TEXT"];

/// What is ours by the ledger at `path`. The only line here that knows how a ledger is read.
fn owned(path: &Path) -> Result<BTreeMap<String, Vec<Owned>>> {
    block_on(async {
        match ledger::look(path).await? {
            Some(mut ledger) => ledger.owned().await,
            None => Ok(BTreeMap::new()),
        }
    })
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work)
}

/// A new ledger without a row.
fn empty(path: &Path) {
    drop(block_on(ledger::open(path)).expect("a new ledger"));
}

/// Rows are a list of objects, whose members are the columns.
#[test]
fn ledger() {
    let folder = folder();
    let path = folder.path().join("ledger.db");
    empty(&path);
    let connection = Connection::open(&path).expect("a database");
    let marks = (1..=COLUMNS.len()).map(|number| format!("?{number}")).collect::<Vec<_>>().join(", ");
    let insert = format!("INSERT INTO grants (\"{}\") VALUES ({marks})", COLUMNS.join("\", \""));
    let fuzz = Fuzz { name: "ledger", format: Format::Json, words: &WORDS, cases: 100 };
    fuzz.run(|text| {
        let rows: Vec<Map<String, Value>> = serde_json::from_slice(text).unwrap_or_default();
        connection.execute_batch("PRAGMA synchronous = OFF; DELETE FROM grants").expect("it can be written");
        let mut written = Vec::new();
        for row in rows {
            let cells = COLUMNS.map(|column| match row.get(column) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(text.clone()),
                Some(other) => Some(other.to_string()),
            });
            // What the schema itself refuses is in no ledger.
            if connection.execute(&insert, params_from_iter(&cells)).is_ok() {
                written.push(cells);
            }
        }
        match owned(&path) {
            Ok(owned) => {
                let all: Vec<_> =
                    owned.iter().flat_map(|(target, owned)| owned.iter().map(move |one| (target, one))).collect();
                assert_eq!(all.len(), written.len(), "a row was lost");
                all.iter().for_each(|(target, owned)| makes_sense(target, owned, &written));
            }
            Err(error) => is_unreadable(&error),
        }
    });
}

#[test]
fn ledger_file() {
    let folder = folder();
    let path = folder.path().join("ledger.db");
    empty(&path);
    let fuzz = Fuzz { name: "ledger_file", format: Format::Bytes, words: &PAGES, cases: 100 };
    fuzz.run(|bytes| {
        // Written in place: the mode of a ledger stays.
        fs::write(&path, bytes).expect("a file");
        match owned(&path) {
            Ok(owned) => {
                let periods = owned.values().flatten().map(|owned| owned.grant.period);
                periods.for_each(|period| assert!(period.start() < period.end()));
            }
            Err(error) => is_unreadable(&error),
        }
    });
}

/// What is ours is what one of the rows says.
fn makes_sense(target: &str, owned: &Owned, rows: &[[Option<String>; COLUMNS.len()]]) {
    let Owned { entry, id, grant, reasons: _ } = owned;
    assert!(*entry > 0);
    assert!(Period::new(grant.period.start(), grant.period.end()).is_some());
    assert!(Email::new(grant.email.as_str()) == grant.email, "{} stays what it is", grant.email);
    let said = [
        Some(target),
        id.as_ref().map(|id| id.0.as_str()),
        Some(grant.access.account.0.as_str()),
        Some(&*grant.access.entitlement.id),
        Some(&*grant.access.entitlement.name),
    ];
    let same = |row: &&[Option<String>; COLUMNS.len()]| [0, 1, 2, 4, 5].map(|column| row[column].as_deref()) == said;
    assert!(rows.iter().any(|row| same(&row)), "no row says {owned:?}");
}

/// Never "empty", never a panic: one error that says what to do.
fn is_unreadable(error: &anyhow::Error) {
    assert!(error.is::<Unreadable>(), "{error:#} is not called unreadable");
    is_sentence(&format!("{error:#}"));
}
