//! A ledger in a real PostgreSQL server: what is there before us, who may do what, and the way to it.

use anyhow::Result;
use oncall_sync::ledger::{self, Entry, Ledger, LedgerConfig, Locked, Unreadable};
use oncall_sync::secret::SecretRef;

use super::contract::{self, at, event, grant, intend, open};
use super::stop;
use crate::cli::secret;
use crate::fakes::postgres::{self, Database, GUARDED, SEALED, TLS_NAME};

fn place(database: &Database) -> LedgerConfig {
    LedgerConfig::Url(database.url())
}

fn fresh() -> (Database<'static>, LedgerConfig) {
    let database = postgres::database().expect("asked before");
    let place = place(&database);
    (database, place)
}

/// What both ways of opening say of what cannot be trusted.
async fn refusal(place: &LedgerConfig) -> String {
    let error = ledger::look(place).await.err().expect("refused for reading");
    error.downcast_ref::<Unreadable>().expect("told apart as unreadable");
    let error = ledger::open(place, &stop()).await.err().expect("refused for writing");
    error.downcast_ref::<Unreadable>().expect("told apart as unreadable").to_string()
}

#[tokio::test]
async fn a_database_keeps_the_contract() {
    if postgres::server().is_some() {
        contract::run(fresh).await;
    }
}

#[tokio::test]
async fn two_that_make_the_tables_at_once_make_them_once() {
    if postgres::server().is_none() {
        return;
    }
    let (_database, place) = fresh();
    let (one, other) = (stop(), stop());
    let (one, other) = tokio::join!(ledger::open(&place, &one), ledger::open(&place, &other));
    let (mut first, second) = match (one, other) {
        (Ok(ledger), Err(error)) | (Err(error), Ok(ledger)) => (ledger, error),
        _ => panic!("one of the two, and not the other"),
    };
    assert!(second.is::<Locked>(), "{second:#}");
    intend(&mut *first, "t", &[grant("alice", "prod")]).await.expect("written");
}

#[tokio::test]
async fn what_is_not_ours_or_newer_is_left_alone() {
    if postgres::server().is_none() {
        return;
    }
    let (database, place) = fresh();
    database.ask("CREATE SCHEMA oncall_sync; CREATE TABLE oncall_sync.grants (x int)");
    assert!(refusal(&place).await.contains("another program's"));
    assert_eq!(database.ask("SELECT count(*) FROM pg_tables WHERE schemaname = 'oncall_sync'"), ["1"]);

    let (database, place) = fresh();
    open(&place).await.close().await;
    database.ask("UPDATE oncall_sync.schema_version SET version = 99");
    let before = database.ask("SELECT lease::text FROM oncall_sync.lease");
    let refused = refusal(&place).await;
    assert!(refused.contains("schema 99") && refused.contains("newer oncall-sync"), "{refused}");
    assert_eq!(database.ask("SELECT lease::text FROM oncall_sync.lease"), before);
    database.ask("DROP TABLE oncall_sync.schema_version");
    assert!(refusal(&place).await.contains("put the last backup back"));
}

#[tokio::test]
async fn the_audit_log_cannot_be_changed_by_accident() {
    if postgres::server().is_none() {
        return;
    }
    let (database, place) = fresh();
    open(&place).await.write(at(0), &[], &[event("x")]).await.expect("written");
    for sql in ["UPDATE oncall_sync.audit SET body = ''", "DELETE FROM oncall_sync.audit", "TRUNCATE oncall_sync.audit"]
    {
        let tried = format!("DO $$ BEGIN {sql}; EXCEPTION WHEN raise_exception THEN RETURN; END $$");
        database.ask(&tried);
        assert_eq!(database.ask("SELECT count(*) FROM oncall_sync.audit WHERE body <> ''"), ["1"], "{sql}");
    }
}

/// The rights in the README, and no more.
#[tokio::test]
async fn a_role_with_few_rights_does_for_runs() {
    let Some(database) = postgres::database() else { return };
    let role = format!("limited_{}", database.name);
    let folder = database.server.folder().display().to_string();
    let limited = LedgerConfig::Url(format!(
        "postgres://{role}@/{}?host={folder}&port={}",
        database.name,
        database.server.port()
    ));
    database.ask(&format!("CREATE ROLE {role} LOGIN"));
    let error = ledger::open(&limited, &stop()).await.err().expect("it may not make the tables");
    let told = format!("{error:#}");
    assert!(told.contains("could not be made") && told.contains("permission denied"), "{told}");
    assert!(ledger::look(&limited).await.expect("looked").is_none());

    open(&place(&database)).await.close().await;
    assert!(refusal(&limited).await.contains("the rights that the README lists"));
    let readme = include_str!("../../README.md");
    let rights =
        readme.split("```sql\n").nth(1).and_then(|rest| rest.split("```").next()).expect("the README's rights");
    for right in rights.replace("oncall_runner", &role).split(';').map(str::trim).filter(|right| !right.is_empty()) {
        database.ask(right);
    }
    let mut ledger = open(&limited).await;
    let entry = intend(&mut *ledger, "t", &[grant("alice", "prod")]).await.expect("written")[0];
    let steps = [Entry::Confirm { entry, id: "g".into() }];
    ledger.write(at(0), &steps, &[event("x")]).await.expect("written");
    ledger.write(at(0), &[Entry::Forget { entry }], &[]).await.expect("written");
    ledger.close().await;
    let change = format!("SELECT has_table_privilege('{role}', 'oncall_sync.audit', 'UPDATE, DELETE, TRUNCATE')");
    assert_eq!(database.ask(&change), ["f"]);
}

#[tokio::test]
async fn a_server_that_only_reads_is_told() {
    let Some(database) = postgres::database() else { return };
    let place = LedgerConfig::Url(format!("{}?options=-c%20default_transaction_read_only%3Don", database.url()));
    let error = ledger::open(&place, &stop()).await.err().expect("refused");
    assert!(format!("{error:#}").contains("only reads"), "{error:#}");
    assert!(ledger::look(&place).await.expect("looked").is_none());
}

/// Whose token is not the newest, writes nothing, even where its session has the lock.
#[tokio::test]
async fn a_write_with_an_old_token_fails_and_stops_the_run() {
    let Some(database) = postgres::database() else { return };
    let stop = stop();
    let mut ledger = ledger::open(&place(&database), &stop).await.expect("a ledger");
    intend(&mut *ledger, "t", &[grant("alice", "prod")]).await.expect("written");
    database.ask("UPDATE oncall_sync.lease SET token = token + 1");
    let error = intend(&mut *ledger, "t", &[grant("bob", "prod")]).await.expect_err("stale");
    assert!(format!("{error:#}").contains("does not hold the lock any more"), "{error:#}");
    assert!(stop.is_lost());
    assert_eq!(database.ask("SELECT count(*) FROM oncall_sync.grants"), ["1"]);
}

/// Somebody takes the advisory lock away under the session: what a pooler that shares sessions looks like.
#[tokio::test]
async fn a_session_that_does_not_hold_the_lock_writes_nothing() {
    let Some(database) = postgres::database() else { return };
    let stop = stop();
    let mut ledger = ledger::open(&place(&database), &stop).await.expect("a ledger");
    assert_eq!(database.server.terminate_backends(&database.name), 1);
    stop.lost().await;
    intend(&mut *ledger, "t", &[grant("alice", "prod")]).await.expect_err("the session has ended");
    let mut next = open(&place(&database)).await;
    assert!(next.owned().await.expect("read").is_empty());
}

#[tokio::test]
async fn tls_is_what_sslmode_says() {
    let Some(database) = postgres::database() else { return };
    let ca = database.server.ca_file().display().to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ledger.url");
    // Whose members those who need a password are.
    open(&place(&database)).await.close().await;
    let right = database.url_of(SEALED);
    let by_address = right.replace(TLS_NAME, "127.0.0.1");
    assert_ne!(right, by_address);
    let mut told = Vec::new();
    for (url, good) in [
        (format!("{right}?sslmode=verify-full&sslrootcert={ca}"), true),
        (format!("{right}?sslmode=verify-full"), false),
        (format!("{by_address}?sslmode=verify-full&sslrootcert={ca}"), false),
        (format!("{by_address}?sslmode=verify-ca&sslrootcert={ca}"), true),
        (format!("{by_address}?sslmode=verify-ca"), false),
        (format!("{by_address}?sslmode=require"), true),
        (format!("{right}?sslmode=prefer"), true),
        (right.clone(), true),
        (format!("{right}?sslmode=disable"), false),
    ] {
        secret(&file, &url);
        let place = LedgerConfig::Secret(SecretRef::File(file.clone()));
        let opened: Result<Box<dyn Ledger>> = ledger::open(&place, &stop()).await;
        assert_eq!(opened.is_ok(), good, "{url}");
        match opened {
            Ok(mut ledger) => ledger.close().await,
            Err(error) => told.push(format!("{error:#}")),
        }
    }
    assert!(told.iter().all(|told| !told.contains(postgres::PASSWORD)), "{told:?}");
    assert!(told[..3].iter().all(|told| told.contains("certificate")), "{told:?}");
    secret(&file, &database.url_of(GUARDED));
    open(&LedgerConfig::Secret(SecretRef::File(file))).await.close().await;
}
