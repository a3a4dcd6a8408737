//! The rota file as a source, through the trait.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use oncall_sync::domain::{Coverage, OnCall, Period, Reading};
use oncall_sync::net::{Clock, Context};
use oncall_sync::source::SourceConfig;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("RFC 3339")
}

fn config(path: &Path) -> SourceConfig {
    toml::from_str(&format!("kind = 'file'\npath = '{}'", path.display())).expect("a config")
}

async fn read(path: &Path, names: &[&str], from: &str, to: &str) -> BTreeMap<OnCall, Result<Reading>> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    let context = Context::new(Clock::new(at("2026-06-01T00:00:00Z")), deadline);
    let source = config(path).connect(context).await.expect("connects");
    let asked: BTreeSet<_> = names.iter().map(|name| OnCall::Schedule((*name).to_owned())).collect();
    source.read(&asked, Period::new(at(from), at(to)).expect("not empty")).await
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/rota.toml")
}

#[tokio::test]
async fn the_example_has_somebody_on_call_at_any_time() {
    for year in 2026..2036 {
        let (from, to) = (format!("{year}-02-01T00:00:00Z"), format!("{}-01-01T00:00:00Z", year + 1));
        for (asked, reading) in read(&example(), &["database-primary", "platform"], &from, &to).await {
            let reading = reading.expect("a reading");
            assert_eq!(reading.remarks, [""; 0], "{asked}");
            assert_eq!(reading.coverage, Coverage::Window);
            assert!(reading.shifts.len() > 40, "{asked} {year}");
        }
    }
}

#[tokio::test]
async fn a_shift_has_its_person_and_true_ends() {
    let answer = read(&example(), &["database-primary"], "2026-04-01T00:00:00Z", "2026-04-01T01:00:00Z").await;
    let reading = answer.into_values().next().expect("an answer").expect("a reading");
    let [shift] = &reading.shifts[..] else { panic!("{:?}", reading.shifts) };
    assert_eq!((shift.schedule.id.as_str(), shift.level), ("database-primary", None));
    assert_eq!((shift.person.id.as_str(), shift.person.name.as_str()), ("alice@example.com", "alice"));
    assert_eq!(shift.person.email.as_ref().map(|email| email.as_str()), Some("alice@example.com"));
    assert_eq!((shift.start, shift.end), (Some(at("2026-03-30T07:00:00Z")), Some(at("2026-04-06T07:00:00Z"))));
}

#[tokio::test]
async fn an_unknown_schedule_is_an_error_and_the_others_still_count() {
    let answer =
        read(&example(), &["database-primry", "platform"], "2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z").await;
    let error = answer[&OnCall::Schedule("database-primry".to_owned())].as_ref().expect_err("unknown").to_string();
    assert!(error.ends_with("has no schedule 'database-primry'; did you mean 'database-primary'?"), "{error}");
    assert!(answer[&OnCall::Schedule("platform".to_owned())].is_ok());
}

#[tokio::test]
async fn a_missing_or_faulty_file_is_an_error_of_every_schedule_never_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rota.toml");
    for content in [None, Some("[schedules.a]\ntimezone = 'UTC'\nlayer = []\n")] {
        if let Some(content) = content {
            std::fs::write(&path, content).expect("written");
        }
        let answer = read(&path, &["a", "b"], "2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z").await;
        assert_eq!(answer.len(), 2);
        for reading in answer.into_values() {
            let error = reading.expect_err("no reading").to_string();
            assert!(error.contains("rota.toml"), "{error}");
            let said = format!("{}:3: unknown key 'layer' in schedule 'a'; did you mean 'layers'?", path.display());
            assert!(content.is_none() || error.contains(&said), "{error}");
        }
    }
}

#[tokio::test]
async fn stretches_that_nothing_is_written_of_are_remarked() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rota.toml");
    let layer = "[[schedules.a.layers]]\nstart = '2026-01-05 00:00'\nevery = '1 day'\nusers = ['a@example.com', 'b@example.com']\n";
    let text = format!("[schedules.a]\ntimezone = 'UTC'\n{layer}during = '09:00-17:00'\n");
    std::fs::write(&path, text).expect("written");
    let answer = read(&path, &["a"], "2026-04-01T00:00:00Z", "2026-04-05T00:00:00Z").await;
    let reading = answer.into_values().next().expect("an answer").expect("a reading");
    assert_eq!(reading.remarks.len(), 4);
    assert!(
        reading.remarks[0].ends_with(
            "rota.toml:1: nobody is on call in schedule 'a' from 2026-04-01 00:00 UTC to 2026-04-01 09:00 UTC."
        ),
        "{:?}",
        reading.remarks
    );
    assert!(reading.remarks[3].ends_with("in 2 more stretches of the window."), "{:?}", reading.remarks);
}

#[tokio::test]
async fn a_name_that_ends_in_csv_is_a_list_whatever_wrote_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("Rota.CSV");
    let rows = "schedule,user,from,to\r\na,\"B@example.com\",2026-04-01T07:00Z,2026-04-08T07:00Z\r\n";
    std::fs::write(&path, format!("\u{feff}{rows}")).expect("written");
    let answer = read(&path, &["a"], "2026-04-01T00:00:00Z", "2026-04-05T00:00:00Z").await;
    let reading = answer.into_values().next().expect("an answer").expect("a reading");
    let [shift] = &reading.shifts[..] else { panic!("{:?}", reading.shifts) };
    assert_eq!(shift.person.id, "b@example.com");
    assert_eq!((shift.start, shift.end), (Some(at("2026-04-01T07:00:00Z")), Some(at("2026-04-08T07:00:00Z"))));

    std::fs::write(&path, format!("{rows}a,bob,2026-04-01 07:00,2026-04-08T07:00Z\r\n")).expect("written");
    let answer = read(&path, &["a"], "2026-04-01T00:00:00Z", "2026-04-05T00:00:00Z").await;
    let error = answer.into_values().next().expect("an answer").expect_err("faults").to_string();
    for fault in ["Rota.CSV:3: 'bob' is no e-mail", "Rota.CSV:3: '2026-04-01 07:00' is no instant without a zone"] {
        assert!(error.contains(fault), "{error}");
    }
}

#[tokio::test]
async fn what_cannot_be_a_rota_is_not_read_into_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let huge = folder.path().join("huge.toml");
    std::fs::File::create(&huge).and_then(|file| file.set_len((16 << 20) + 1)).expect("a sparse file");
    let latin = folder.path().join("latin.toml");
    std::fs::write(&latin, b"[people]\nzo\xeb = 'zoe@example.com'\n").expect("written");
    for (path, why) in [
        (huge.as_path(), "larger than 16 MiB"),
        (latin.as_path(), "line 2 is not UTF-8"),
        (Path::new("/dev/zero"), "no regular file"),
        (folder.path(), "no regular file"),
    ] {
        let answer = read(path, &["a"], "2026-04-01T00:00:00Z", "2026-04-05T00:00:00Z").await;
        let error = answer.into_values().next().expect("an answer").expect_err("no reading").to_string();
        assert!(error.contains(why) && error.contains(&path.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_flood_of_faults_or_remarks_is_cut_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rota.csv");
    let bad = "a,bob,2026-04-01T07:00Z,2026-04-08T07:00Z\n".repeat(1_000);
    std::fs::write(&path, format!("schedule,user,from,to\n{bad}")).expect("written");
    let answer = read(&path, &["a"], "2026-04-01T00:00:00Z", "2026-04-05T00:00:00Z").await;
    let error = answer.into_values().next().expect("an answer").expect_err("faults").to_string();
    assert!(error.lines().count() < 110 && error.ends_with("and 900 more faults"), "{error}");

    let row = |number: usize| format!("a,p{number}@example.com,2026-04-01T07:00Z,2026-04-08T07:00Z\n");
    let overlapping: String = (0..1_000).map(row).collect();
    std::fs::write(&path, format!("schedule,user,from,to\n{overlapping}")).expect("written");
    let answer = read(&path, &["a"], "2026-04-01T00:00:00Z", "2026-04-05T00:00:00Z").await;
    let remarks = answer.into_values().next().expect("an answer").expect("a reading").remarks;
    assert!(remarks.len() < 25, "{remarks:?}");
    assert!(remarks.iter().any(|remark| remark.contains("more lines of schedule 'a'")), "{remarks:?}");
}

/// A copy of the quickstart in a folder of its own.
struct Quickstart(tempfile::TempDir);

impl Quickstart {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("examples")).expect("created");
        for name in ["quickstart.toml", "rota.toml"] {
            let copy = folder.path().join("examples").join(name);
            std::fs::copy(example().with_file_name(name), copy).expect("copied");
        }
        Self(folder)
    }

    fn add_to_rota(&self, text: &str) {
        let path = self.0.path().join("examples/rota.toml");
        let rota = std::fs::read_to_string(&path).expect("text");
        std::fs::write(&path, rota + text).expect("written");
    }

    /// The changes that the built binary reports, as `action account entitlement from until`.
    fn changes(&self, more: &[&str]) -> Vec<String> {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_oncall-sync"))
            .args(["--output", "json", "--now", "2026-03-02T08:00:00Z", "--config"])
            .arg(self.0.path().join("examples/quickstart.toml"))
            .args(more)
            .output()
            .expect("the binary runs");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let changes = report["targets"]["policy"]["changes"].as_array().expect("a list");
        let keys = ["action", "account", "entitlement", "from", "until"];
        let told =
            |change: &serde_json::Value| keys.map(|key| change[key].as_str().unwrap_or("-").to_owned()).join(" ");
        changes.iter().map(told).collect()
    }
}

#[test]
fn an_override_added_to_the_quickstart_shows_in_its_plan() {
    let quickstart = Quickstart::new();
    assert!(!quickstart.changes(&[]).is_empty(), "the first run gives");
    assert_eq!(quickstart.changes(&[]), [""; 0], "the second has nothing to do");
    quickstart.add_to_rota(
        "\n[[schedules.database-primary.overrides]]\nfrom = '2026-03-04 09:00'\nto = '2026-03-05 09:00'\nuser = 'bob'\n",
    );
    let changes = quickstart.changes(&["--dry-run"]);
    let swap = "create bob@example.com prod-postgres 2026-03-04T07:45:00Z 2026-03-05T08:30:00Z";
    assert!(changes.iter().any(|change| change == swap), "{changes:#?}");
    assert!(changes.iter().any(|change| change.contains("carol@example.com prod-postgres")), "{changes:#?}");
    assert!(!changes.iter().any(|change| change.contains("prod-kubernetes")), "{changes:#?}");
}

#[test]
fn a_longer_window_shows_more_of_the_quickstart() {
    let quickstart = Quickstart::new();
    let week = quickstart.changes(&["--dry-run", "--window", "7d"]);
    let fortnight = quickstart.changes(&["--dry-run", "--window", "14d"]);
    assert!(fortnight.len() > week.len(), "{week:#?}\n{fortnight:#?}");
    assert!(week.iter().all(|change| fortnight.contains(change)), "{week:#?}\n{fortnight:#?}");
}
