//! A plan that was reviewed is the plan that is carried out; a plan that was recorded can be made again.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// Writes the JSON report of a dry run to a file; answers its digest.
fn reviewed(office: &Office, file: &str) -> String {
    let printed = office.run(&["--dry-run", "--output", "json"]).exits(0);
    office.desk.write(file, &printed.out);
    printed.json()["digest"].as_str().expect("a digest").to_owned()
}

fn swapped() -> pagerduty::World {
    people().shift(PRIMARY, "PALICE", hours(-2), hours(6)).shift(PRIMARY, "PCAROL", hours(6), hours(14))
}

#[test]
fn a_plan_that_is_still_the_reviewed_one_is_carried_out() {
    for by_file in [false, true] {
        let office = Office::new();
        let digest = reviewed(&office, "plan.json");
        let expected = if by_file { "plan.json" } else { &digest };
        let later = "2026-03-02T08:20:00Z";
        office.desk.run_at(later, &["--expect", expected]).exits(0).says(&["Done: 2 given."]);
        assert_eq!(office.held().len(), 2);
    }
}

#[test]
fn somebody_who_is_always_on_call_makes_no_other_plan_each_second() {
    let always = people().always(PRIMARY, "PALICE", None);
    let office = Office::with(always, organisation(), RULE);
    let digest = reviewed(&office, "plan.json");
    office.desk.run_at("2026-03-02T08:20:00Z", &["--expect", &digest]).exits(0).says(&["Done: 1 given."]);
}

#[test]
fn another_plan_is_refused_with_what_is_different() {
    let office = Office::new();
    let digest = reviewed(&office, "plan.json");
    office.pagerduty.replace(swapped());
    let ran = office.run(&["--expect", "plan.json"]).exits(4).says(&[
        "not planned any more: strongdm: give prod-postgres, bob@example.com, from 2026-03-02T14:00:00Z until 2026-03-02T22:00:00Z",
        "new: strongdm: give prod-postgres, carol@example.com",
        "Nothing was changed.",
        "Plan: 2 to give.",
    ]);
    assert!(!ran.out.contains("alice@example.com, from"), "what is the same is no difference: {}", ran.out);
    let by_digest = office.run(&["--expect", &digest, "--output", "json"]).exits(4).json();
    assert!(by_digest["differences"][0].as_str().expect("a sentence").contains(&digest));
    office.run(&["--expect", "plan.json", "--force"]).exits(4);
    office.run(&["--expect", "plan.json", "--dry-run"]).exits(4);
    assert_eq!((office.writes(), office.held()), (0, Vec::new()));
    let now = reviewed(&office, "plan.json");
    office.run(&["--expect", &now]).exits(0).says(&["Done: 2 given."]);
}

#[test]
fn a_reviewed_release_is_told_as_one() {
    let office = Office::new();
    office.run(&[]).exits(0);
    office.desk.write("plan.json", office.run(&["release", "--all", "--dry-run", "--output", "json"]).exits(0).out);
    let one = ["--expect", "plan.json", "release", "--email", "alice@example.com"];
    office.run(&one).exits(4).says(&["not planned any more: strongdm: release prod-postgres, bob@example.com"]);
    office.run(&["--expect", "plan.json", "release", "--all"]).exits(0).says(&["2 released"]);
}

#[test]
fn what_is_no_plan_is_an_error() {
    let office = Office::new();
    reviewed(&office, "plan.json");
    let forged = office.desk.read("plan.json").replace("\"a-1\"", "\"a-3\"");
    office.desk.write("forged.json", forged);
    office.desk.write("empty.json", "{}");
    office.run(&["--expect", "forged.json"]).exits(2).says(&["forged.json was changed after it was printed"]);
    office.run(&["--expect", "empty.json"]).exits(2).says(&["empty.json is no report"]);
    office.run(&["--replay", "plan.json", "revoke", "--all"]).exits(2).says(&["--replay means nothing to `revoke`"]);
    office.run(&["--expect", "abc123"]).exits(2).says(&["a digest of 64 hexadecimal digits or the file", "abc123"]);
    assert_eq!(office.writes(), 0);
}

/// Everything that there can be: something of ours, a stranger's grant, somebody without an account, a schedule that is
/// not there.
fn busy() -> Office {
    let rules = format!(
        "{RULE}\n[[rule]]\nname = \"other\"\nschedules = [\"PGONE\"]\ngrant.strongdm = [\"prod-mysql\", \"role:dba\"]\n\
         [aliases]\n\"carol@example.com\" = \"nobody@example.com\"\n"
    );
    let office = Office::with(rota(), organisation(), &rules);
    office.configure("timezone = \"Asia/Kolkata\"", &rules);
    office.run(&[]).exits(1).says(&["2 given"]);
    office.pagerduty.replace(swapped());
    office
}

#[test]
fn a_recording_gives_the_same_plan_byte_for_byte() {
    let office = busy();
    office.desk.write("run.json", "");
    fs::set_permissions(office.desk.path("run.json"), fs::Permissions::from_mode(0o644)).expect("it is ours");
    let recorded = office.run(&["--dry-run", "--output", "json", "--record", "run.json"]).exits(1);
    let text = office.run(&["--dry-run", "--record", "text.json"]).exits(1);
    assert!(text.out.contains("IST"), "shown in the config's zone: {}", text.out);

    let elsewhere = Desk::new();
    for name in ["run.json", "text.json"] {
        let mode = fs::metadata(office.desk.path(name)).expect("it was written").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "it holds who may do what");
        elsewhere.write(name, office.desk.read(name));
    }
    let replay = |arguments: &[&str]| Ran::of(elsewhere.command(arguments).output().expect("it starts"));
    let again = replay(&["--replay", "run.json", "--output", "json"]).exits(1);
    assert_eq!(again.out, recorded.out);
    assert_eq!(replay(&["--replay", "text.json"]).exits(1).out, text.out);
    let digest = recorded.json()["digest"].as_str().expect("a digest").to_owned();
    replay(&["--replay", "run.json", "--expect", &digest]).exits(1);

    let bytes = office.desk.read("run.json");
    for secret in [strongdm::SECRET_KEY, strongdm::ACCESS_KEY, office.pagerduty.key()] {
        assert!(!bytes.contains(secret), "a secret was recorded");
    }
}

#[test]
fn a_sync_that_is_recorded_can_be_replayed_as_it_was_planned() {
    let office = Office::new();
    let planned = office.run(&["--dry-run", "--output", "json"]).exits(0).json();
    office.run(&["--record", "run.json"]).exits(0).says(&["Done: 2 given."]);
    let replayed = office.desk.command(&["--replay", "run.json", "--output", "json"]).output().expect("it starts");
    let replayed = Ran::of(replayed).exits(0).json();
    assert_eq!((&replayed["targets"], &replayed["digest"]), (&planned["targets"], &planned["digest"]));
}

#[test]
fn a_recording_that_somebody_wrote_in_is_an_error() {
    let office = Office::new();
    office.run(&["--dry-run", "--record", "run.json"]).exits(0);
    let forged = office.desk.read("run.json").replace("\"tenures\":{\"rs-1\"", "\"tenures\":{\"rs-9\"");
    office.desk.write("forged.json", forged);
    let replay = office.desk.command(&["--replay", "forged.json"]).output().expect("it starts");
    Ran::of(replay).exits(2).says(&["forged.json was changed after it was recorded"]);
}

#[test]
fn nothing_is_changed_where_the_recording_cannot_be_written() {
    let office = Office::new();
    office.run(&["--record", "no/such/folder/run.json"]).exits(2).says(&["could not be written; nothing was changed"]);
    assert_eq!(office.writes(), 0);
}

#[test]
fn what_is_no_recording_is_an_error() {
    let desk = Desk::new();
    desk.write("garbage", "{\"version\": 1, \"program\": \"9.9.9\"}");
    desk.write("later", "{\"version\": 99, \"program\": \"9.9.9\"}");
    desk.write("text", "none");
    let replay = |name| Ran::of(desk.command(&["--replay", name]).output().expect("it starts")).exits(2);
    replay("garbage").says(&["no recording that oncall-sync", "9.9.9"]);
    replay("later").says(&["9.9.9"]);
    replay("text").says(&["text is no recording"]);
    replay("missing").says(&["missing cannot be read"]);
}

#[test]
fn a_recording_takes_the_place_of_nothing_but_a_recording() {
    let office = Office::new();
    office.run(&["--dry-run", "--record", "run.json"]).exits(0);
    office.run(&["--dry-run", "--record", "run.json"]).exits(0);
    office.desk.write("empty", "");
    office.run(&["--dry-run", "--record", "empty"]).exits(0);
    office.desk.write("notes.txt", "dear diary");
    office.desk.write("notes.json", "{}");
    for other in ["notes.txt", "notes.json", "oncall-sync.toml"] {
        let before = office.desk.read(other);
        office.run(&["--record", other]).exits(2).says(&["is there and is no recording", "nothing was changed"]);
        assert_eq!(office.desk.read(other), before);
    }
    assert_eq!(office.writes(), 0);
}

#[test]
fn a_recording_is_planned_again_and_nothing_else_is_done_meanwhile() {
    let office = Office::new();
    office.run(&["--dry-run", "--record", "run.json"]).exits(0);
    for verb in [&["shifts"][..], &["grants"], &["revoke", "--all"], &["audit"]] {
        office.run(&[&["--replay", "run.json"], verb].concat()).exits(2).says(&["--replay means nothing to `"]);
    }
}
