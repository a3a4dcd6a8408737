//! The audit log: who got or lost what, when and why; and whether anybody has touched it.

use oncall_sync::audit::{Event, What};
use oncall_sync::ledger::{self, LedgerConfig};
use oncall_sync::stop::Stop;
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use tonic::Code;

use super::*;
use crate::fakes::pagerduty::Fault as Outage;
use crate::fakes::strongdm::{Fault, Trouble};

/// The text of a run of `audit`, with what differs from run to run written as `RUN` and `HOST`.
#[track_caller]
fn told(office: &Office, arguments: &[&str]) -> String {
    let ran = office.run(&[&["audit"], arguments].concat()).exits(0);
    let line = |line: &str| match line.split_once("  (run ") {
        Some((before, _)) => format!("{before}  (run RUN on HOST)\n"),
        None => format!("{line}\n"),
    };
    ran.out.lines().map(line).collect()
}

#[track_caller]
fn lines(office: &Office, arguments: &[&str]) -> Vec<Value> {
    let ran = office.run(&[&["audit", "--format", "jsonl"], arguments].concat()).exits(0);
    ran.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Alice alone: calls that go side by side end in any order, and so do their records.
fn alice() -> pagerduty::World {
    people().shift(PRIMARY, "PALICE", hours(-2), hours(6))
}

/// Alice's shift is cut by Carol's, so that a grant is moved; then Carol's is gone again.
fn lived() -> Office {
    let office = Office::with(alice(), organisation(), RULE);
    office.run(&[]).exits(0);
    let covered = people().shift(PRIMARY, "PALICE", hours(-2), hours(3)).shift(PRIMARY, "PCAROL", hours(3), hours(6));
    office.pagerduty.replace(covered);
    office.desk.run_at("2026-03-02T08:05:00Z", &[]).exits(0);
    office.pagerduty.replace(alice());
    office.desk.run_at("2026-03-02T08:10:00Z", &[]).exits(0);
    office
}

#[test]
fn says_who_got_and_lost_what_when_and_why() {
    insta::assert_snapshot!(told(&lived(), &[]), @r"
    Audit log (times in UTC)
    #3     2026-03-02 08:00 UTC  given           alice@example.com: prod-postgres on strongdm, 2026-03-02 08:00 UTC to 2026-03-02 14:00 UTC [ag-0001]  for database: Alice on call in DBA Primary, 2026-03-02 06:00 UTC to 2026-03-02 14:00 UTC  (run RUN on HOST)
    #8     2026-03-02 08:05 UTC  given           carol@example.com: prod-postgres on strongdm, 2026-03-02 11:00 UTC to 2026-03-02 14:00 UTC [ag-0002]  for database: Carol on call in DBA Primary, 2026-03-02 11:00 UTC to 2026-03-02 14:00 UTC  (run RUN on HOST)
    #9     2026-03-02 08:05 UTC  moved           alice@example.com: prod-postgres on strongdm, 2026-03-02 08:05 UTC to 2026-03-02 11:00 UTC (was 2026-03-02 14:00 UTC) [ag-0004]  for database: Alice on call in DBA Primary, 2026-03-02 06:00 UTC to 2026-03-02 11:00 UTC  (run RUN on HOST)
    #14    2026-03-02 08:10 UTC  moved           alice@example.com: prod-postgres on strongdm, 2026-03-02 08:10 UTC to 2026-03-02 14:00 UTC (was 2026-03-02 11:00 UTC) [ag-0006]  for database: Alice on call in DBA Primary, 2026-03-02 06:00 UTC to 2026-03-02 14:00 UTC  (run RUN on HOST)
    #15    2026-03-02 08:10 UTC  taken back      carol@example.com: prod-postgres on strongdm, 2026-03-02 11:00 UTC to 2026-03-02 14:00 UTC [ag-0002]  for database: Carol on call in DBA Primary, 2026-03-02 11:00 UTC to 2026-03-02 14:00 UTC  (run RUN on HOST)
    ");
}

#[test]
fn all_of_it_has_plans_and_runs_too() {
    let office = Office::with(alice(), organisation(), RULE);
    office.run(&[]).exits(0);
    office.desk.run_at("2026-03-02T08:05:00Z", &[]).exits(0);
    insta::assert_snapshot!(told(&office, &["--all"]), @r"
    Audit log (times in UTC)
    #1     2026-03-02 08:00 UTC  begins          sync of oncall-sync 0.1.0, plan e71e17200f99b5cfa9b3cd8f720c556457b60473ba4740d060f9b192ad494e00  (run RUN on HOST)
    #2     2026-03-02 08:00 UTC  planned         alice@example.com: giving prod-postgres on strongdm, 2026-03-02 08:00 UTC to 2026-03-02 14:00 UTC  for database: Alice on call in DBA Primary, 2026-03-02 06:00 UTC to 2026-03-02 14:00 UTC  (run RUN on HOST)
    #3     2026-03-02 08:00 UTC  given           alice@example.com: prod-postgres on strongdm, 2026-03-02 08:00 UTC to 2026-03-02 14:00 UTC [ag-0001]  for database: Alice on call in DBA Primary, 2026-03-02 06:00 UTC to 2026-03-02 14:00 UTC  (run RUN on HOST)
    #4     2026-03-02 08:00 UTC  ends            sync with exit code 0  (run RUN on HOST)
    #5     2026-03-02 08:05 UTC  ends            sync with exit code 0  (run RUN on HOST)
    ");
}

#[test]
fn an_empty_log_is_no_error() {
    let office = Office::new();
    assert_eq!(office.run(&["audit"]).exits(0).out, "The audit log holds nothing of the kind.\n");
    assert_eq!(office.run(&["audit", "--format", "jsonl"]).exits(0).out, "");
    office.run(&["audit", "--verify"]).exits(0).says(&["0 records, the head is 0:\n"]);
    assert_eq!(office.run(&["audit", "--head"]).exits(0).out, "0:\n");
    office.run(&["audit", "--verify", "--expect-head", "0:"]).exits(0);
    assert!(!office.desk.exists("ledger.db"), "looking makes no ledger");
}

#[test]
fn it_is_asked_by_time_person_target_and_entitlement() {
    let office = lived();
    let whom = |arguments: &[&str]| {
        let events = lines(&office, arguments);
        let who = |line: &Value| line["event"]["email"].as_str().unwrap_or_default().replace("@example.com", "");
        events.iter().map(who).collect::<Vec<_>>().join(" ")
    };
    let everybody = whom(&[]);
    assert_eq!(everybody, "alice carol alice alice carol");
    assert_eq!(whom(&["--email", "CAROL@example.com"]), "carol carol");
    assert_eq!(whom(&["--target", "strongdm"]), everybody);
    assert_eq!(whom(&["--entitlement", "prod-postgres"]), everybody);
    assert_eq!(whom(&["--entitlement", "rs-1"]), everybody);
    assert_eq!(whom(&["--until", "2026-03-02T08:05:00Z"]).split(' ').count(), 1, "up to, and without");
    assert_eq!(whom(&["--since", "2026-03-02T08:05:00Z"]).split(' ').count(), 4);
    assert_eq!(whom(&["--since", "2026-03-02 08:05"]).split(' ').count(), 4);
    assert_eq!(whom(&["--since", "2026-03-02"]), everybody);
    assert_eq!(whom(&["--until", "2026-03-02"]), "");
    // The program's clock stands at eight; what was done at ten past lies ahead of it.
    assert_eq!(whom(&["--since", "0s"]), everybody);
    for unknown in [["--email", "dave@example.com"], ["--target", "elsewhere"], ["--entitlement", "prod-mysql"]] {
        office.run(&[&["audit"], &unknown[..]].concat()).exits(2).says(&["the audit log knows", unknown[1]]);
    }
    office.run(&["audit", "--since", "yesterday"]).exits(2).says(&["write it like 2026-01-05", "90d for so long ago"]);
}

/// Somebody whose account has another address is found by either.
#[test]
fn an_alias_counts_both_ways() {
    let mut organisation = organisation();
    organisation.accounts[0].name = "alice.smith@example.com".into();
    let office = Office::with(rota(), organisation, RULE);
    let aliases = "[aliases]\n\"alice@example.com\" = \"alice.smith@example.com\"\n";
    office.configure("", &format!("{aliases}{RULE}"));
    office.run(&[]).exits(0);
    for address in ["alice@example.com", "Alice.Smith@example.com"] {
        assert_eq!(lines(&office, &["--email", address]).len(), 1, "{address}");
    }
}

#[test]
fn records_are_told_as_their_schema_says() {
    let office = lived();
    let schema = office.run(&["schema", "audit"]).exits(0).json();
    let kinds: Vec<&Value> = schema["$defs"]["Event"]["oneOf"].as_array().expect("kinds").iter().collect();
    for line in lines(&office, &["--all"]) {
        for key in schema["required"].as_array().expect("a list") {
            assert!(line.get(key.as_str().expect("text")).is_some(), "{key} in {line}");
        }
        let event = line["event"].as_object().expect("an object");
        let kind = kinds.iter().find(|kind| kind["properties"]["record"]["const"] == event["record"]);
        let kind = kind.unwrap_or_else(|| panic!("the schema knows no {}", event["record"]));
        for key in schema["$defs"]["Event"]["required"].as_array().expect("a list") {
            assert!(event.contains_key(key.as_str().expect("text")), "{key} in {line}");
        }
        for key in kind["required"].as_array().expect("a list") {
            assert!(event.contains_key(key.as_str().expect("text")), "{key} in {line}");
        }
    }
}

/// Whoever has the lines can make every hash again, with nothing of ours.
#[test]
fn the_hashes_can_be_made_again_from_the_lines() {
    let office = lived();
    let mut before = String::new();
    let out = office.run(&["audit", "--all", "--format", "jsonl"]).exits(0).out;
    assert!(out.lines().count() > 10);
    for (number, line) in (1..).zip(out.lines()) {
        let (_, event) = line.split_once("\"event\":").expect("an event");
        let event = event.strip_suffix('}').expect("the line's end");
        let hash = Sha256::digest(format!("{before}\n{number}\n{event}"));
        before = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!((&line["number"], &line["hash"]), (&Value::from(number), &Value::from(&*before)));
    }
    assert_eq!(office.run(&["audit", "--head"]).exits(0).out, format!("{}:{before}\n", out.lines().count()));
}

#[test]
fn a_table_for_spreadsheets_runs_no_formula() {
    let hostile = people()
        .person("PEVE", "+1, \"Eve\"\nand more", "eve@example.com")
        .schedule("PEVIL", "=HYPERLINK(\"http://x\")\u{1b}[2J")
        .shift("PEVIL", "PEVE", hours(-2), hours(6));
    let organisation = strongdm::World::at(now()).user("a-9", "eve@example.com").resource("rs-1", "@prod");
    let rule = RULE.replace(PRIMARY, "PEVIL").replace("prod-postgres", "@prod");
    let office = Office::with(hostile, organisation, &rule);
    office.run(&[]).exits(0).says(&["1 given"]);
    let out = office.run(&["audit", "--format", "csv"]).exits(0).out;
    assert!(out.ends_with("\r\n") && !out.contains('\u{1b}'), "{out:?}");
    let mut reader = csv::ReaderBuilder::new().from_reader(out.as_bytes());
    let columns = reader.headers().expect("a header").clone();
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("rows");
    let cell = |name: &str| &rows[0][columns.iter().position(|column| column == name).expect(name)];
    assert_eq!(rows.len(), 1);
    assert_eq!(cell("schedule"), "'=HYPERLINK(\"http://x\")\\u{1b}[2J");
    assert_eq!(cell("entitlement"), "'@prod");
    assert_eq!(cell("person"), "'+1, \"Eve\"\nand more");
    assert_eq!((cell("email"), cell("account")), ("eve@example.com", "a-9"));
    assert_eq!((cell("action"), cell("outcome"), cell("record")), ("create", "done", "change"));
    assert_eq!((cell("from"), cell("until")), ("2026-03-02T08:00:00Z", "2026-03-02T14:00:00Z"));
    assert_eq!((cell("rule"), cell("shift_from")), ("database", "2026-03-02T06:00:00Z"));
    assert_eq!(cell("grant_id"), office.strongdm.grants()[0].id);
    let text = office.run(&["audit"]).exits(0).out;
    assert!(!text.contains('\u{1b}') && text.lines().count() == 2, "{text}");
}

#[test]
fn failures_and_refusals_are_told() {
    let office = Office::new();
    office.strongdm.trouble(Trouble::new("AccountGrants.Create", Fault::Refuse(Code::PermissionDenied)));
    office.run(&[]).exits(1);
    let failed = told(&office, &[]);
    assert!(failed.contains("! failed") && failed.contains("because "), "{failed}");
    let office = Office::new();
    office.configure("", &format!("{RULE}\n[limits]\nmax_changes = 1\n"));
    office.run(&[]).exits(4);
    office.run(&["audit"]).exits(0).says(&["! refused", "2 changes are planned", "limits.max_changes allows 1"]);
}

/// A run that could not even read is in the log, and so is why.
#[test]
fn a_run_that_gave_up_says_so() {
    let office = Office::new();
    office.run(&[]).exits(0);
    fs::remove_file(office.desk.path("pagerduty.key")).expect("removed");
    office.run(&[]).exits(2);
    let all = lines(&office, &["--all"]);
    let end = &all.last().expect("a record")["event"];
    assert_eq!((&end["record"], &end["exit_code"]), (&Value::from("end"), &Value::from(2)));
    assert!(end["error"].as_str().expect("why").contains("pagerduty.key"), "{end}");
    office.run(&["audit", "--verify"]).exits(0);
}

/// Numbers do not tell time where a clock was put back.
#[test]
fn a_clock_that_was_put_back_hides_nothing() {
    let office = Office::new();
    office.desk.run_at("2026-03-02T08:30:00Z", &[]).exits(0);
    office.pagerduty.replace(people().shift(PRIMARY, "PCAROL", hours(-2), hours(14)));
    office.desk.run_at("2026-03-02T08:00:00Z", &["--force"]).exits(0);
    let since = lines(&office, &["--since", "2026-03-02T08:15:00Z"]);
    assert_eq!(since.len(), 2, "the first run's");
    assert!(since.iter().all(|line| line["event"]["at"] == "2026-03-02T08:30:00Z"));
}

/// What `audit --verify` says after `sql` was run in an SQLite shell.
#[track_caller]
fn tampered(sql: &str, expect: Option<&str>) -> Ran {
    let office = lived();
    let head = office.run(&["audit", "--head"]).exits(0).out;
    office.run(&["audit", "--verify", "--expect-head", head.trim()]).exits(0).says(&["whole"]);
    let connection = Connection::open(office.desk.path("ledger.db")).expect("SQLite");
    let refused = connection.execute("UPDATE audit SET body = ''", []).and(connection.execute("DELETE FROM audit", []));
    assert!(refused.is_err(), "an accident changes nothing");
    connection
        .execute_batch("DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_shortened;")
        .expect("dropped");
    connection.execute_batch(sql).expect(sql);
    drop(connection);
    let head = expect.map(|_| head.trim().to_owned());
    let arguments: Vec<&str> =
        ["audit", "--verify"].into_iter().chain(head.iter().flat_map(|head| ["--expect-head", head])).collect();
    office.run(&arguments)
}

#[test]
fn whatever_is_done_to_a_record_is_found() {
    for (sql, says) in [
        (
            "UPDATE audit SET body = replace(body, 'example.com', 'example.org') WHERE number = 3",
            "record 3 does not carry the hash",
        ),
        ("UPDATE audit SET hash = lower(hex(zeroblob(32))) WHERE number = 4", "record 4 does not carry the hash"),
        ("DELETE FROM audit WHERE number = 5", "record 5 is missing"),
        ("DELETE FROM audit WHERE number < 4", "records 1 to 3 are missing"),
        ("DELETE FROM audit WHERE number BETWEEN 3 AND 5", "records 3 to 5 are missing"),
        ("DELETE FROM audit WHERE number > 4", "the end of the log was cut off"),
        ("DELETE FROM audit", "the end of the log was cut off"),
        (
            "DELETE FROM audit WHERE number = 3; UPDATE audit SET number = number - 1 WHERE number > 3",
            "record 3 does not carry",
        ),
        (
            "UPDATE audit SET number = -3 WHERE number = 3; UPDATE audit SET number = 3 WHERE number = 4; \
             UPDATE audit SET number = 4 WHERE number = -3",
            "record 3 does not carry the hash",
        ),
        ("UPDATE audit SET number = 9000 WHERE number = (SELECT max(number) FROM audit)", "missing"),
        ("INSERT INTO audit (body, hash) SELECT body, hash FROM audit WHERE number = 3", "does not carry the hash"),
        (
            "INSERT INTO audit (number, body, hash) SELECT 0, body, hash FROM audit WHERE number = 3",
            "record 0 was put in",
        ),
        (
            "INSERT INTO audit (number, body, hash) SELECT -7, body, hash FROM audit WHERE number = 3",
            "record -7 was put in",
        ),
        ("PRAGMA user_version = 1", "are missing"),
    ] {
        tampered(sql, None).exits(1).says(&["! ", says, "tampered with or damaged"]);
    }
}

/// Whoever writes every hash anew and tells SQLite another number leaves a chain that holds; a head kept elsewhere does not.
#[test]
fn a_head_kept_elsewhere_finds_what_was_made_anew() {
    let cut = "DELETE FROM audit WHERE number > 4; UPDATE sqlite_sequence SET seq = 4 WHERE name = 'audit'";
    tampered(cut, None).exits(0);
    tampered(cut, Some("head")).exits(1).says(&["the end of the log was cut off"]);

    let office = lived();
    let head = office.run(&["audit", "--head"]).exits(0).out;
    let other = Office::new();
    other.run(&[]).exits(0);
    while other.run(&["audit", "--head"]).exits(0).out.split(':').next() != head.split(':').next() {
        other.run(&[]).exits(0);
    }
    let ran = other.run(&["audit", "--verify", "--expect-head", head.trim()]).exits(1);
    ran.says(&["is another than the expected head"]);
    other.run(&["audit", "--verify"]).exits(0);
    // It goes on to hold while the log grows.
    office.desk.run_at("2026-03-02T08:15:00Z", &[]).exits(0);
    office.run(&["audit", "--verify", "--expect-head", head.trim()]).exits(0);
    office.run(&["audit", "--verify", "--expect-head", "12"]).exits(2).says(&["NUMBER:HASH"]);
    let nothing = format!("0:{}", "a".repeat(64));
    office.run(&["audit", "--verify", "--expect-head", &nothing]).exits(2).says(&["NUMBER:HASH"]);
}

#[test]
fn only_the_first_of_many_faults_are_told() {
    let ran = tampered("UPDATE audit SET number = -number; UPDATE audit SET body = body || ' '", None).exits(1);
    assert!(ran.out.lines().count() <= 23, "{}", ran.out);
}

/// No byte of a key gets into the ledger, whatever goes wrong.
#[test]
fn it_never_holds_a_secret() {
    let office = Office::new();
    office.run(&[]).exits(0);
    secret(&office.desk.path("pagerduty.key"), "u+WrongKeyOfTheTest");
    office.run(&[]).exits(1);
    let (file, wrong) = office.strongdm.wrong_secret_key();
    office.configure_with("", &office.pagerduty.url(), &office.strongdm.toml_with(&file), RULE);
    office.run(&[]).exits(1);
    secret(&office.desk.path("short.key"), "NotBase64AtAll");
    office.configure_with(
        "",
        &office.pagerduty.url(),
        &office.strongdm.toml_with(&office.desk.path("short.key")),
        RULE,
    );
    office.run(&[]);
    office.configure("", RULE);
    office.pagerduty.fail("", usize::MAX, Outage::Html(500));
    office.run(&["-vv"]).exits(1);
    office.pagerduty.replace(people().shift(PRIMARY, "PCAROL", hours(-2), hours(14)));
    office.strongdm.trouble(Trouble::new("AccountGrants.Create", Fault::Refuse(Code::PermissionDenied)));
    office.run(&["--force"]);
    let bytes = office.desk.ledger().expect("a ledger");
    let holds = |needle: &str| bytes.windows(needle.len()).any(|part| part == needle.as_bytes());
    assert!(holds("alice@example.com") && holds("\"record\":\"fault\""), "the log tells what went wrong");
    let keys = [
        strongdm::ACCESS_KEY,
        strongdm::SECRET_KEY,
        &wrong,
        "u+WrongKeyOfTheTest",
        "NotBase64AtAll",
        office.pagerduty.key(),
    ];
    for key in keys {
        assert!(!holds(key) && !holds(key.trim_end_matches('=')), "the ledger holds {key}");
    }
}

/// More than one page of records.
#[tokio::test]
async fn a_long_log_is_told_and_walked_whole() {
    let office = Office::new();
    let place = LedgerConfig::File(office.desk.path("ledger.db"));
    let mut ledger = ledger::open(&place, &Stop::at(Instant::now())).await.expect("a ledger");
    let event = |number| Event {
        at: now(),
        run: "run".into(),
        host: "host".into(),
        config: String::new(),
        what: What::Refusal { digest: String::new(), why: format!("refusal {number}") },
    };
    let events: Vec<Event> = (1..=2500).map(event).collect();
    ledger.write(now(), &[], &events).await.expect("written");
    drop(ledger);
    let told = lines(&office, &[]);
    assert_eq!(told.len(), 2500);
    assert!((1..).zip(&told).all(|(number, line)| line["event"]["why"] == format!("refusal {number}")));
    office.run(&["audit", "--verify"]).exits(0).says(&["2500 records"]);
    let mut reader = office.desk.command(&["audit", "--now", NOW]).spawn().expect("the program starts");
    drop(reader.stdout.take());
    assert!(reader.wait().expect("it ends").success(), "a reader that has seen enough is no error");
}
