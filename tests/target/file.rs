//! The file target: the shared contract, and what only a document has.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::try_join_all;
use oncall_sync::domain::{Email, Grant, GrantId, Period, Tenure};
use oncall_sync::target::{Occupied, Target, TargetConfig};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::contract::{self, ALICE, BOB, CAROL, Stage, access, asked, connect, now, owned, reading, shift};

struct Document {
    _folder: TempDir,
    path: PathBuf,
    tenure: Tenure,
}

impl Document {
    fn absent(tenure: Tenure) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join("access/grants.json");
        Self { _folder: folder, path, tenure }
    }

    fn of(tenure: Tenure, text: &str) -> Self {
        let document = Self::absent(tenure);
        fs::create_dir(document.path.parent().unwrap()).unwrap();
        fs::write(&document.path, text).unwrap();
        document
    }

    fn strict(tenure: Tenure) -> Self {
        let accounts = json!([
            {"id": "alice", "email": "Alice@Example.com", "team": "db"},
            {"id": "bob", "email": BOB, "suspended": false},
            {"id": "carol", "email": CAROL, "suspended": true},
        ]);
        let whole = json!({"version": 1, "accounts": accounts, "entitlements": ["prod-postgres", "role:dba"]});
        Self::of(tenure, &whole.to_string())
    }

    async fn connect(&self) -> Box<dyn Target> {
        connect(&self.config()).await
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&fs::read(&self.path).unwrap()).unwrap()
    }

    fn write(&self, json: &Value) {
        fs::write(&self.path, json.to_string()).unwrap();
    }
}

impl Stage for Document {
    fn config(&self) -> TargetConfig {
        serde_json::from_value(json!({"kind": "file", "path": self.path, "tenure": self.tenure})).expect("a config")
    }

    fn entitlement(&self) -> &str {
        "prod-postgres"
    }

    fn tenure(&self) -> Tenure {
        self.tenure
    }

    fn stranger(&mut self) -> Option<GrantId> {
        let mut document = self.json();
        let grants = document["grants"].as_array_mut().unwrap();
        grants.push(json!({"id": "by-hand", "account": "bob", "entitlement": "prod-postgres"}));
        self.write(&document);
        Some("by-hand".into())
    }

    fn suspends(&self) -> bool {
        true
    }
}

fn grant(email: &str, entitlement: &str, period: Period) -> Grant {
    Grant { access: access(email, entitlement, entitlement), email: Email::new(email), period }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn listing(path: &Path) -> Vec<String> {
    let names = fs::read_dir(path.parent().unwrap()).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

#[tokio::test]
async fn keeps_the_contract_in_every_tenure() {
    for tenure in [Tenure::Scheduled, Tenure::Expiring, Tenure::Standing] {
        let skipped = contract::run(&mut Document::strict(tenure)).await;
        let dates = if tenure == Tenure::Standing { "amend" } else { "watch" };
        assert_eq!(skipped, [dates, "pages", "refusal", "token"], "{tenure:?}");
    }
}

#[tokio::test]
async fn without_lists_everybody_and_everything_is_there() {
    let document = Document::absent(Tenure::Scheduled);
    let current = reading(&document.config(), &asked(&[ALICE], &["anything"])).await;
    assert_eq!(current.accounts[0].id.0, ALICE);
    assert_eq!(current.entitlements["anything"].as_ref().unwrap().first().unwrap().id.as_ref(), "anything");
    assert!(!document.path.parent().unwrap().exists(), "reading makes nothing");

    document.connect().await.grant(&grant(ALICE, "anything", shift(8))).await.unwrap();
    assert_eq!(mode(&document.path), 0o600);
    assert_eq!(listing(&document.path), ["grants.json", "grants.json.lock"]);
}

#[tokio::test]
async fn the_document_reads_as_promised() {
    let document = Document::absent(Tenure::Scheduled);
    let target = document.connect().await;
    let bob = target.grant(&grant(BOB, "prod", shift(8))).await.unwrap();
    let alice = target.grant(&grant(ALICE, "prod", shift(8))).await.unwrap();
    let expected = format!(
        r#"{{
  "version": 1,
  "grants": [
    {{
      "id": "{alice}",
      "account": "alice@example.com",
      "email": "alice@example.com",
      "entitlement": "prod",
      "from": "2026-03-01T12:00:00Z",
      "until": "2026-03-01T20:00:00Z",
      "by": "oncall-sync"
    }},
    {{
      "id": "{bob}",
      "account": "bob@example.com",
      "email": "bob@example.com",
      "entitlement": "prod",
      "from": "2026-03-01T12:00:00Z",
      "until": "2026-03-01T20:00:00Z",
      "by": "oncall-sync"
    }}
  ]
}}
"#
    );
    assert_eq!(fs::read_to_string(&document.path).unwrap(), expected);
    assert!(alice.0.starts_with("g-") && alice.0.len() == 18, "{alice}");
}

#[tokio::test]
async fn dates_are_written_as_the_tenure_says() {
    for (tenure, from, until) in
        [(Tenure::Scheduled, true, true), (Tenure::Expiring, false, true), (Tenure::Standing, false, false)]
    {
        let document = Document::absent(tenure);
        document.connect().await.grant(&grant(ALICE, "prod", shift(8))).await.unwrap();
        let grants = document.json();
        let grant = &grants["grants"][0];
        assert_eq!((grant.get("from").is_some(), grant.get("until").is_some()), (from, until), "{tenure:?}");
    }
}

#[tokio::test]
async fn what_others_wrote_stays_as_it_is() {
    let theirs = json!({
        "id": "by-hand", "account": "alice@example.com", "entitlement": "prod", "ticket": {"number": 7},
        "from": "2026-03-01T13:00:00+01:00", "until": "2026-04-01T00:00:00.000Z",
    });
    let whole = json!({"version": 1, "owner": ["dba"], "accounts": [{"id": "a", "email": "A@x.org", "n": 1}],
                       "grants": [theirs]});
    let document = Document::of(Tenure::Scheduled, &whole.to_string());
    let target = document.connect().await;
    let wanted = grant(ALICE, "prod", shift(8));
    let id = target.grant(&wanted).await.unwrap();
    let json = document.json();
    assert_eq!(json["owner"], whole["owner"]);
    assert_eq!(json["accounts"], whole["accounts"]);
    assert!(json["grants"].as_array().unwrap().contains(&theirs));

    target.revoke(&owned(&id, &wanted)).await.unwrap();
    assert_eq!(document.json()["grants"], json!([theirs]));
}

#[tokio::test]
async fn an_id_that_a_stranger_took_is_not_used_again() {
    let wanted = grant(ALICE, "prod", shift(8));
    let first = Document::absent(Tenure::Scheduled);
    let usual = first.connect().await.grant(&wanted).await.unwrap();

    let theirs = json!({"id": usual, "account": "mallory", "entitlement": "prod"});
    let document = Document::of(Tenure::Scheduled, &json!({"version": 1, "grants": [theirs]}).to_string());
    let target = document.connect().await;
    let id = target.grant(&wanted).await.unwrap();
    assert_ne!(id, usual);
    target.revoke(&owned(&id, &wanted)).await.unwrap();
    assert_eq!(document.json()["grants"], json!([theirs]));
}

#[tokio::test]
async fn one_grant_for_an_access_where_the_tenure_says_so() {
    let theirs = json!({"id": "by-hand", "account": ALICE, "entitlement": "prod", "until": written(now() + TimeDelta::hours(2))});
    for tenure in [Tenure::Expiring, Tenure::Standing] {
        let document = Document::of(tenure, &json!({"version": 1, "grants": [theirs]}).to_string());
        let error = document.connect().await.grant(&grant(ALICE, "prod", shift(8))).await.unwrap_err();
        assert!(error.downcast_ref::<Occupied>().is_some(), "{error:#}");
        assert!(error.to_string().contains("by-hand"), "{error:#}");
        assert_eq!(document.json()["grants"], json!([theirs]));
    }
    let document = Document::of(Tenure::Expiring, &json!({"version": 1, "grants": [theirs]}).to_string());
    let same = document.connect().await.grant(&grant(ALICE, "prod", shift(2))).await.unwrap();
    assert_eq!(same.0, "by-hand", "what is already held answers its own id");

    let document = Document::of(Tenure::Scheduled, &json!({"version": 1, "grants": [theirs]}).to_string());
    document.connect().await.grant(&grant(ALICE, "prod", shift(8))).await.unwrap();
    assert_eq!(document.json()["grants"].as_array().unwrap().len(), 2, "dated grants stand side by side");
}

#[tokio::test]
async fn an_entitlement_outside_the_list_is_not_given() {
    let document = Document::strict(Tenure::Scheduled);
    let before = fs::read(&document.path).unwrap();
    let error = document.connect().await.grant(&grant(ALICE, "prod-postgre", shift(8))).await.unwrap_err();
    assert!(error.to_string().contains("did you mean 'prod-postgres'?"), "{error:#}");
    assert_eq!(fs::read(&document.path).unwrap(), before);
}

#[tokio::test]
async fn ended_grants_are_history_and_ours_are_cleared_away_in_time() {
    let entry = |id: &str, by: Option<&str>, until: TimeDelta| {
        let mut entry = json!({"id": id, "account": BOB, "entitlement": "prod", "until": written(now() + until)});
        by.into_iter().for_each(|by| entry["by"] = by.into());
        entry
    };
    let ours = Some("oncall-sync");
    let whole = json!({"version": 1, "grants": [
        entry("ours-old", ours, TimeDelta::days(-31)), entry("ours-recent", ours, TimeDelta::days(-29)),
        entry("theirs-old", None, TimeDelta::days(-31)), entry("running", None, TimeDelta::seconds(60)),
        entry("just-ended", None, TimeDelta::zero()),
    ]});
    let document = Document::of(Tenure::Scheduled, &whole.to_string());
    let current = reading(&document.config(), &asked(&[], &["prod"])).await;
    assert_eq!(current.grants.iter().map(|held| held.id.0.as_str()).collect::<Vec<_>>(), ["running"]);

    let id = document.connect().await.grant(&grant(ALICE, "prod", shift(8))).await.unwrap();
    let grants = document.json();
    let mut ids: Vec<_> = grants["grants"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [&id.0, "just-ended", "ours-recent", "running", "theirs-old"]);
}

#[tokio::test]
async fn a_document_that_makes_no_sense_is_an_error_and_stays() {
    for (text, says) in [
        ("{\n  \"version\": 1,\n  oops", "line 3 column 3"),
        ("", "line 1 column 0"),
        ("{}", "`version`"),
        (r#"{"version": 2}"#, "newer oncall-sync"),
        (r#"{"version": 1, "grants": [{"id": "a", "account": "b", "entitlement": "c", "until": "soon"}]}"#, "RFC 3339"),
        (
            r#"{"version": 1, "grants": [{"id": "a", "account": "b", "entitlement": "c"},
                                         {"id": "a", "account": "d", "entitlement": "c"}]}"#,
            "id 'a'",
        ),
    ] {
        let document = Document::of(Tenure::Scheduled, text);
        let target = document.connect().await;
        let wanted = grant(ALICE, "prod", shift(8));
        for error in [
            target.read(&asked(&[ALICE], &["prod"])).await.unwrap_err(),
            target.grant(&wanted).await.unwrap_err(),
            target.revoke(&owned(&"a".into(), &wanted)).await.unwrap_err(),
        ] {
            let error = format!("{error:#}");
            assert!(error.contains(says) && error.contains("grants.json"), "{error}");
        }
        assert_eq!(fs::read_to_string(&document.path).unwrap(), text);
    }
}

#[tokio::test]
async fn a_document_beyond_all_measure_is_refused() {
    let document = Document::of(Tenure::Scheduled, "");
    fs::OpenOptions::new().write(true).open(&document.path).unwrap().set_len((64 << 20) + 1).unwrap();
    let error = document.connect().await.read(&asked(&[ALICE], &["prod"])).await.unwrap_err();
    assert!(error.to_string().contains("larger than 64 MiB"), "{error:#}");
}

#[tokio::test]
async fn mode_and_link_survive_a_rewrite() {
    let document = Document::strict(Tenure::Scheduled);
    fs::set_permissions(&document.path, fs::Permissions::from_mode(0o640)).unwrap();
    let link = document.path.with_file_name("link.json");
    symlink(&document.path, &link).unwrap();
    let linked: TargetConfig = serde_json::from_value(json!({"kind": "file", "path": link})).unwrap();
    connect(&linked).await.grant(&grant("alice", "prod-postgres", shift(8))).await.unwrap();
    assert!(link.is_symlink());
    assert_eq!(mode(&document.path), 0o640);
    assert_eq!(document.json()["grants"].as_array().unwrap().len(), 1);

    fs::rename(&document.path, document.path.with_file_name("elsewhere.json")).unwrap();
    let error = connect(&linked).await.grant(&grant("alice", "prod-postgres", shift(8))).await.unwrap_err();
    assert!(error.to_string().contains("leads nowhere"), "{error:#}");
}

#[tokio::test]
async fn nothing_new_is_nothing_written() {
    let document = Document::strict(Tenure::Scheduled);
    let wanted = grant("alice", "prod-postgres", shift(8));
    let target = document.connect().await;
    let id = target.grant(&wanted).await.unwrap();
    let spaced = fs::read_to_string(&document.path).unwrap().replace("  ", "\t");
    fs::write(&document.path, &spaced).unwrap();
    assert_eq!(target.grant(&wanted).await.unwrap(), id);
    target.revoke(&owned(&"gone".into(), &wanted)).await.unwrap();
    assert_eq!(fs::read_to_string(&document.path).unwrap(), spaced);
}

#[tokio::test]
async fn many_at_once_and_two_instances_lose_nothing() {
    let document = Document::absent(Tenure::Scheduled);
    let (one, other) = (document.connect().await, document.connect().await);
    let wanted: Vec<_> = (0..300).map(|number| grant(&format!("{number}@example.com"), "prod", shift(8))).collect();
    let calls = wanted.iter().enumerate().map(|(number, wanted)| {
        let target = if number % 2 == 0 { &one } else { &other };
        target.grant(wanted)
    });
    let ids = try_join_all(calls).await.unwrap();
    let shown = reading(&document.config(), &asked(&[], &["prod"])).await;
    assert_eq!(shown.grants.len(), 300);

    let taken: Vec<_> = ids.iter().zip(&wanted).map(|(id, grant)| owned(id, grant)).collect();
    try_join_all(taken.iter().map(|held| one.revoke(held))).await.unwrap();
    assert_eq!(document.json()["grants"], json!([]));
}

#[tokio::test]
async fn one_refused_change_spoils_no_other_in_the_same_rewrite() {
    let document = Document::strict(Tenure::Scheduled);
    let target = document.connect().await;
    let (good, bad) = (grant("alice", "role:dba", shift(8)), grant("alice", "nonsense", shift(8)));
    let (first, refused, third) = tokio::join!(target.grant(&good), target.grant(&bad), target.grant(&good));
    assert_eq!(first.unwrap(), third.unwrap());
    assert!(refused.unwrap_err().to_string().contains("'nonsense'"));
}

#[tokio::test]
async fn whoever_reads_during_a_move_sees_the_old_grant_or_the_new_one() {
    let document = Document::absent(Tenure::Expiring);
    let target = document.connect().await;
    let mut held = grant(ALICE, "prod", shift(1));
    let mut id = target.grant(&held).await.unwrap();
    let (path, (stop, stopped)) = (document.path.clone(), std::sync::mpsc::channel::<()>());
    let reader = std::thread::spawn(move || {
        let mut readings = 0;
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let whole: Value = serde_json::from_slice(&fs::read(&path).unwrap()).expect("a whole document");
            assert_eq!(whole["grants"].as_array().unwrap().len(), 1);
            readings += 1;
        }
        readings
    });
    for hours in 2..40 {
        let to = grant(ALICE, "prod", shift(hours));
        id = target.amend(&owned(&id, &held), &to).await.unwrap();
        held = to;
    }
    drop(stop);
    assert!(reader.join().expect("no reading without the grant") > 0);
}

#[tokio::test]
async fn a_killed_runs_leftover_is_in_nobodys_way() {
    let document = Document::strict(Tenure::Scheduled);
    fs::write(document.path.with_file_name("grants.json.new"), "{half").unwrap();
    document.connect().await.grant(&grant("alice", "prod-postgres", shift(8))).await.unwrap();
    assert_eq!(listing(&document.path), ["grants.json", "grants.json.lock"]);
}
