use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;
use crate::domain::{Access, AccountId, Email, Entitlement, Grant, Period, Reason, Reasons, Schedule};

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 123_456_789).expect("in range")
}

fn grant(account: &str, entitlement: &str) -> (Grant, Reasons) {
    let access = Access {
        account: AccountId(account.to_owned()),
        entitlement: Entitlement { id: format!("id-{entitlement}").into(), name: entitlement.into() },
    };
    let period = Period::new(at(0), at(3600)).expect("not empty");
    let reason = Reason {
        rule: "dba".to_owned(),
        source: "pagerduty".to_owned(),
        schedule: Schedule { id: "P1".to_owned(), name: "Primary \"é\"".to_owned() },
        person: "U1".to_owned(),
        name: account.to_owned(),
        start: Some(at(-60)),
        end: None,
    };
    (Grant { access, email: Email::new(&format!("{account}@example.com")), period }, Reasons::from(vec![reason]))
}

async fn intend(ledger: &mut Sqlite, target: &str, grants: &[(Grant, Reasons)]) -> Result<Vec<i64>> {
    let intent = |(grant, reasons): &(Grant, Reasons)| Entry::Intend {
        target: target.to_owned(),
        grant: grant.clone(),
        reasons: reasons.clone(),
    };
    ledger.write(at(0), &grants.iter().map(intent).collect::<Vec<_>>(), &[]).await
}

fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("ledger.db");
    (folder, path)
}

/// A ledger that was closed with one intent in it.
async fn written() -> (TempDir, PathBuf) {
    let (folder, path) = folder();
    let mut ledger = Sqlite::open(&path).unwrap();
    intend(&mut ledger, "strongdm", &[grant("alice", "prod")]).await.unwrap();
    (folder, path)
}

/// Every file beside the ledger, with its bytes.
fn contents(folder: &TempDir) -> BTreeMap<String, Vec<u8>> {
    let file = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    };
    fs::read_dir(folder.path()).unwrap().map(file).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn shell(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

/// What both ways of opening say of a ledger that is there and cannot be trusted.
fn refusal(path: &Path) -> String {
    let error = Sqlite::open_readonly(path).err().expect("refused for reading");
    error.downcast_ref::<Unreadable>().expect("told apart as unreadable");
    let error = Sqlite::open(path).err().expect("refused for writing");
    error.downcast_ref::<Unreadable>().expect("told apart as unreadable").to_string()
}

#[tokio::test]
async fn a_transaction_that_never_ended_left_nothing() {
    let (_folder, path) = written().await;
    let mut ledger = Sqlite::open(&path).unwrap();
    let before = ledger.owned().await.unwrap();
    let transaction = ledger.connection.transaction().unwrap();
    write(&transaction, &Entry::Forget { entry: 1 }, at(1)).unwrap();
    drop(transaction);
    drop(ledger);
    assert_eq!(Sqlite::open(&path).unwrap().owned().await.unwrap(), before);
}

/// The files of a run that was killed while its pages went out: half-written pages, and the journal that undoes them.
async fn killed() -> (TempDir, PathBuf) {
    let (folder, path) = written().await;
    let connection = Connection::open(&path).unwrap();
    // Without a cache to speak of, changed pages reach the file before the commit, as they do in a long commit.
    connection.execute_batch("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN IMMEDIATE").unwrap();
    for _ in 0..200 {
        let copy = r#"INSERT INTO grants SELECT NULL, target, grant_id, account, email, entitlement, entitlement_name,
                      "from", until, reasons, intended_at, confirmed_at FROM grants WHERE entry = 1"#;
        connection.execute_batch(copy).unwrap();
    }
    let copy = TempDir::new().unwrap();
    for (name, bytes) in contents(&folder) {
        fs::write(copy.path().join(&name), bytes).unwrap();
        fs::set_permissions(copy.path().join(&name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let path = copy.path().join("ledger.db");
    (copy, path)
}

#[tokio::test]
async fn a_killed_run_is_undone_by_the_next_one_and_told_to_a_dry_one() {
    let (folder, path) = killed().await;
    let before = contents(&folder);
    assert!(before.contains_key("ledger.db-journal"));
    let error = match Sqlite::open_readonly(&path) {
        Ok(ledger) => ledger.unwrap().owned().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(error.downcast_ref::<Unreadable>().unwrap().to_string().contains("a run that may write"), "{error:#}");
    assert_eq!(contents(&folder), before);
    assert_eq!(Sqlite::open(&path).unwrap().owned().await.unwrap()["strongdm"].len(), 1);
}

#[tokio::test]
async fn one_run_at_a_time() {
    let (folder, path) = written().await;
    let ledger = Sqlite::open(&path).unwrap();
    let link = folder.path().join("link.db");
    symlink(&path, &link).unwrap();
    for name in [&path, &link] {
        let error = Sqlite::open(name).err().expect("held");
        assert!(error.downcast_ref::<Locked>().is_some(), "{error:#}");
    }
    assert!(Sqlite::open_readonly(&path).unwrap().is_some(), "a dry run waits for nobody");
    drop(ledger);
    Sqlite::open(&link).unwrap();
}

#[test]
fn only_its_owner_may_read_what_it_makes() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("new/folder/ledger.db");
    Sqlite::open(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&beside(&path, ".lock")), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
}

#[tokio::test]
async fn refuses_a_ledger_that_everybody_may_read() {
    let (_folder, path) = written().await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refusal(&path).contains("chmod 600"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).unwrap();
    Sqlite::open(&path).unwrap();
}

#[tokio::test]
async fn refuses_a_newer_schema() {
    let (_folder, path) = written().await;
    shell(&path, "PRAGMA user_version = 99");
    let refusal = refusal(&path);
    assert!(refusal.contains("schema 99") && refusal.contains("newer oncall-sync"), "{refusal}");
}

#[tokio::test]
async fn refuses_what_is_not_a_whole_ledger_and_leaves_it_alone() {
    let (_folder, path) = written().await;
    let whole = fs::read(&path).unwrap();
    let half = whole.len() / 2;
    let mut torn = whole.clone();
    // Every page but the first, which has the header.
    torn[4096..].fill(0xA5);
    for bytes in [&b""[..], b"entries: none", &[0; 5000], &whole[..50], &whole[..half], &torn] {
        fs::write(&path, bytes).unwrap();
        let refusal = refusal(&path);
        assert!(refusal.contains("backup") && refusal.contains("ledger.db"), "{refusal}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn refuses_another_programs_database_and_leaves_it_alone() {
    let (folder, path) = folder();
    shell(&path, "PRAGMA journal_mode = WAL; CREATE TABLE grants (id)");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let before = fs::read(&path).unwrap();
    assert!(refusal(&path).contains("another program's"));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(contents(&folder).into_keys().collect::<Vec<_>>(), ["ledger.db", "ledger.db.lock"]);
}

#[tokio::test]
async fn refuses_write_ahead_logging() {
    let (_folder, path) = written().await;
    shell(&path, "PRAGMA journal_mode = WAL");
    assert!(refusal(&path).contains("journal_mode = DELETE"));
    shell(&path, "PRAGMA journal_mode = DELETE");
    Sqlite::open(&path).unwrap();
}

#[tokio::test]
async fn names_the_entry_that_makes_no_sense() {
    for fault in ["reasons = '[{'", "until = 'soon'", r#"until = "from""#] {
        let (_folder, path) = written().await;
        shell(&path, &format!("UPDATE grants SET {fault}"));
        let error = Sqlite::open(&path).unwrap().owned().await.unwrap_err();
        let sentence = error.downcast_ref::<Unreadable>().expect("told apart as unreadable").to_string();
        assert!(sentence.contains("entry 1 makes no sense"), "{sentence}");
    }
}

#[tokio::test]
async fn a_lost_ledger_is_not_an_empty_one() {
    let (folder, path) = killed().await;
    fs::remove_file(&path).unwrap();
    assert!(refusal(&path).contains("journal"));
    let link = folder.path().join("link.db");
    symlink(folder.path().join("not mounted"), &link).unwrap();
    assert!(refusal(&link).contains("leads nowhere"));
}

#[tokio::test]
async fn a_leftover_of_a_run_killed_while_it_made_the_ledger_is_replaced() {
    let (folder, path) = folder();
    fs::write(beside(&path, ".new"), "half").unwrap();
    assert!(Sqlite::open(&path).unwrap().owned().await.unwrap().is_empty());
    assert_eq!(contents(&folder).into_keys().collect::<Vec<_>>(), ["ledger.db", "ledger.db.lock"]);
}

#[tokio::test]
async fn reading_writes_nothing() {
    let (folder, path) = folder();
    assert!(Sqlite::open_readonly(&path).unwrap().is_none());
    assert!(Sqlite::open_readonly(&folder.path().join("no/such/folder/ledger.db")).unwrap().is_none());
    assert!(contents(&folder).is_empty());

    let (folder, path) = written().await;
    let before = contents(&folder);
    let mut ledger = Sqlite::open_readonly(&path).unwrap().expect("it is there");
    assert_eq!(ledger.owned().await.unwrap()["strongdm"].len(), 1);
    intend(&mut ledger, "strongdm", &[grant("bob", "prod")]).await.unwrap_err();
    ledger.write(at(0), &[Entry::Forget { entry: 1 }], &[]).await.unwrap_err();
    drop(ledger);
    assert_eq!(contents(&folder), before);
}

#[tokio::test]
async fn a_full_disk_loses_nothing() {
    let (_folder, path) = written().await;
    let mut ledger = Sqlite::open(&path).unwrap();
    let before = ledger.owned().await.unwrap();
    let pages: i64 = ledger.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    ledger.connection.execute_batch(&format!("PRAGMA max_page_count = {pages}")).unwrap();
    let many = vec![grant("bob", "prod"); 1000];
    let error = format!("{:#}", intend(&mut ledger, "strongdm", &many).await.unwrap_err());
    assert!(error.contains("ledger.db") && error.contains("is full"), "{error}");
    assert_eq!(ledger.owned().await.unwrap(), before);
}
