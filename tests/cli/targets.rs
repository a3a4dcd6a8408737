//! Several targets in one plan: one report, limits over all of them, and none that holds up the others.

use std::time::{Duration, Instant};

use serde_json::json;
use tonic::Code;

use super::acme::{Acme, Down, NAMES, RULES};
use super::*;
use crate::fakes::okta;
use crate::fakes::pagerduty::Fault as Outage;
use crate::fakes::strongdm::{Fault, Trouble};

#[test]
fn one_plan_for_all_targets() {
    let acme = Acme::new();
    let dry = acme.run(&["--dry-run", "--output", "json"]).exits(0).json();
    let again = acme.run(&["--dry-run", "--output", "json"]).exits(0).json();
    assert_eq!(dry["digest"], again["digest"]);
    let names: Vec<_> = dry["targets"].as_object().expect("an object").keys().cloned().collect();
    assert_eq!(names, NAMES);
    assert_eq!(acme.writes(), [0; 3]);
    let digest = dry["digest"].as_str().expect("a digest");
    let ran = acme.run(&["--expect", digest]).exits(0).says(&["Done: 8 given."]);
    let sections = NAMES.map(|name| ran.out.find(&format!("{name} (times in ")).expect("a section for each"));
    assert!(sections.is_sorted(), "{}", ran.out);
    assert_eq!((ran.out.matches("alice@example.com").count(), ran.out.matches("Done: ").count()), (4, 1));
    acme.all_but(&[]);
    acme.converges();
    assert_eq!(acme.writes(), [2; 3]);
}

/// Whoever is given less on one target has another plan.
#[test]
fn the_digest_is_of_all_targets() {
    let acme = Acme::new();
    let digest = || acme.run(&["--dry-run", "--output", "json"]).json()["digest"].clone();
    let whole = digest();
    for name in NAMES {
        let line = RULES.lines().find(|line| line.starts_with(&format!("grant.{name} "))).expect("one");
        acme.configure("", &RULES.replace(&format!("{line}\n"), ""));
        assert_ne!(digest(), whole, "{name}");
    }
}

#[test]
fn a_limit_is_over_the_sum_of_all_targets() {
    let acme = Acme::new();
    let limited = |most: usize| format!("{RULES}[limits]\nmax_changes = {most}\n");
    acme.configure("", &limited(7));
    acme.run(&[]).exits(4).says(&["! refused: ", "8", "7"]);
    acme.all_but(&NAMES.map(|name| (name, 0)));
    assert_eq!(acme.writes(), [0; 3]);
    acme.configure("", &limited(8));
    acme.run(&[]).exits(0).says(&["8 given"]);
    acme.all_but(&[]);
}

#[test]
fn a_share_is_over_the_sum_of_all_targets() {
    let acme = Acme::new();
    let at_once = |world: pagerduty::World, person: &str| world.shift(PRIMARY, person, hours(-2), hours(6));
    acme.run(&[]).exits(0).says(&["8 given"]);
    // Half of the eight are too few to be looked at; with Carol's there are eleven, for she has no account on GitHub.
    acme.office.pagerduty.replace(["PALICE", "PBOB", "PCAROL"].into_iter().fold(people(), at_once));
    acme.run(&[]).exits(1).says(&["3 given, 1 not served"]);
    // Of eleven, seven: on no target are there ten.
    acme.office.pagerduty.replace(at_once(people(), "PALICE"));
    acme.run(&[]).exits(4).says(&["! refused: ", "7 of the 11 grants that we own"]);
    acme.hold(0, &["alice", "bob", "carol"], ("github", &["alice", "bob"]));
}

#[test]
fn who_has_no_account_on_one_is_served_on_the_others() {
    let acme = Acme::with(people().shift(PRIMARY, "PCAROL", hours(-2), hours(6)));
    let says = "! Carol <carol@example.com> is on call and has no account on github";
    acme.run(&[]).exits(1).says(&[says, "3 given, 1 not served"]);
    acme.hold(0, &["carol"], ("github", &[]));
    let report = acme.run(&["--output", "json"]).exits(1).json();
    let notes = &report["targets"]["github"]["notes"];
    assert_eq!((&notes[0]["kind"], &notes[0]["email"]), (&json!("no-account"), &json!("carol@example.com")));
    assert!(NAMES[1..].iter().all(|name| report["targets"][name]["notes"] == json!([])), "{report}");
    assert_eq!(acme.writes(), [1, 1, 0], "nobody is invited, and nothing is given twice");
}

/// The three others are served, the report says which one is not, why, and for whom, and the next run makes it good.
#[track_caller]
fn holds_up_nobody(target: &str, ways: &[(Down, &str)]) {
    side_by_side(ways, |(down, why)| {
        let acme = Acme::new();
        acme.down(target, *down);
        let start = Instant::now();
        let nobody = format!("nothing changes on {target} for alice@example.com, bob@example.com");
        let says = [&format!("! target {target}: "), *why, &nobody, "6 to give, 1 not served"];
        acme.run(&["--dry-run"]).exits(1).says(&says);
        let ran = acme.run(&["--output", "json"]).exits(1);
        assert!(start.elapsed() < Duration::from_secs(60), "{down:?}: {ran:?}");
        let report = ran.json();
        let told = report["targets"][target]["error"].as_str().expect("why it is down").to_owned();
        assert!(told.contains(why), "{down:?}: {told}");
        for name in NAMES {
            let here = &report["targets"][name];
            let waiting = if name == target { json!(["alice@example.com", "bob@example.com"]) } else { json!([]) };
            assert_eq!((here["error"].is_null(), &here["waiting"]), (name != target, &waiting), "{down:?}: {name}");
        }
        assert_eq!((&report["counts"]["created"], &report["counts"]["unserved"]), (&json!(6), &json!(1)));
        acme.all_but(&[(target, 0)]);
        acme.up();
        acme.converges();
    });
}

#[test]
fn strongdm_that_is_down_holds_up_nobody_on_the_others() {
    let late = "`deadline` in the config";
    let ways = [(Down::Refused, "refused"), (Down::Unavailable, "Unavailable"), (Down::WrongCredential, "key")];
    holds_up_nobody("strongdm", &[&ways[..], &[(Down::Hangs, late)]].concat());
}

#[test]
fn okta_that_is_down_holds_up_nobody_on_the_others() {
    let ways = [(Down::Refused, "refused"), (Down::Unavailable, "503"), (Down::WrongCredential, "E0000011")];
    holds_up_nobody("okta", &[&ways[..], &[(Down::Limited, "s, which is longer than `deadline`")]].concat());
}

#[test]
fn github_that_is_down_holds_up_nobody_on_the_others() {
    let ways = [(Down::Refused, "refused"), (Down::Unavailable, "502"), (Down::WrongCredential, "Bad credentials")];
    holds_up_nobody("github", &[&ways[..], &[(Down::Limited, "s, which is longer than `deadline`")]].concat());
}

#[test]
fn a_command_that_is_down_holds_up_nobody_on_the_others() {
    let ways = [(Down::Fails, "the directory is being moved"), (Down::Missing, "groups.sh")];
    holds_up_nobody("groups", &ways);
}

/// Bob takes over from Alice, four hours early, while one target is down: there Alice keeps what she has until it is back.
#[test]
fn a_hand_over_is_made_good_where_a_target_was_down() {
    let ways = [
        ("strongdm", Down::Refused),
        ("okta", Down::Unavailable),
        ("github", Down::WrongCredential),
        ("groups", Down::Fails),
    ];
    side_by_side(ways, |(target, down)| {
        let acme = Acme::with(rota());
        acme.run(&[]).exits(0);
        acme.hold(0, &["alice"], ("", &[]));
        let sooner = people().shift(PRIMARY, "PALICE", hours(-2), hours(2)).shift(PRIMARY, "PBOB", hours(2), hours(14));
        acme.office.pagerduty.replace(sooner);
        acme.down(target, down);
        let waiting = format!("nothing changes on {target} for alice@example.com, bob@example.com");
        acme.run_at(3, &[]).exits(1).says(&[&format!("! target {target}: "), &waiting, "3 taken back, 1 not served"]);
        acme.hold(3, &["bob"], (target, &["alice"]));
        // Nothing of it is forgotten.
        let owned = acme.office.desk.run(&["grants"]).exits(0);
        assert!(owned.out.contains("alice@example.com") && owned.out.contains(target), "{target}: {}", owned.out);

        acme.up();
        acme.run_at(3, &[]).exits(0).says(&["1 taken back"]);
        acme.hold(3, &["bob"], ("", &[]));
        acme.run_at(3, &[]).exits(0).says(&["Nothing to do"]);
        acme.run_at(14, &[]).exits(0).says(&["3 taken back"]);
        acme.hold(14, &[], ("", &[]));
        acme.run_at(15, &[]).exits(0).says(&["Nothing to do"]);
    });
}

/// Nothing is given before all is read: reading that takes all the time there is would take everybody's access.
#[test]
fn hanging_sources_and_targets_leave_time_for_giving() {
    let acme = Acme::new();
    acme.office.desk.write(
        "rota.csv",
        "schedule,user,from,to\nprimary,bob@example.com,2026-03-02T00:00:00Z,2026-03-03T00:00:00Z\n",
    );
    let second = "[source.rota]\nkind = \"file\"\npath = \"rota.csv\"\n[[rule]]\nname = \"second\"\nsource = \"rota\"\n\
                  schedules = [\"primary\"]\ngrant.okta = [\"oncall-dba\"]\ngrant.groups = [\"db\"]\n";
    let first = RULES.replace("schedules = ", "source = \"pagerduty\"\nschedules = ");
    acme.configure("deadline = \"8s\"", &format!("{first}{second}"));
    acme.office.pagerduty.fail("", usize::MAX, Outage::Lost(crate::fakes::gate::Loss::Never));
    acme.office.strongdm.trouble(Trouble::new("*", Fault::Hang).times(usize::MAX));
    let says = ["! source pagerduty: ", "! target strongdm: ", "2 given"];
    acme.run(&[]).exits(1).says(&says);
    acme.all_but(&[("groups", 1), ("github", 0), ("okta", 1), ("strongdm", 0)]);
}

#[test]
fn one_that_breaks_in_the_middle_of_giving_holds_up_nobody() {
    let faults = [Fault::Break, Fault::Refuse(Code::FailedPrecondition), Fault::Hang, Fault::DoneInSilence];
    side_by_side(faults, |fault| {
        let acme = Acme::new();
        if matches!(fault, Fault::Hang | Fault::DoneInSilence) {
            acme.configure("deadline = \"5s\"", RULES);
        }
        let create = "AccountGrants.Create";
        acme.office.strongdm.trouble(Trouble::new(create, fault).skipping(1).times(usize::MAX));
        acme.office.desk.write("full", "");
        acme.okta.fail_at("PUT", "", usize::MAX, okta::Fault::Forbidden);
        acme.run(&[]).exits(1).says(&["3 given, 5 failed", "the group is full", "E0000006"]);
        let strongdm = acme.office.held().len();
        assert_eq!(strongdm, if fault == Fault::DoneInSilence { 2 } else { 1 }, "{fault:?}");
        acme.all_but(&[("groups", 0), ("okta", 0), ("strongdm", strongdm)]);

        acme.up();
        acme.converges();
    });
}
