//! Told to stop in the middle: what is under way ends, nothing new begins, and the ledger tells the truth.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::time::{Duration, Instant};

use super::*;

const CREATE: &str = "AccountGrants.Create";

/// More grants than are made side by side, so that there is always one that has not begun.
const DATABASES: usize = 80;

/// Long enough for a signal to arrive while a call is under way.
const LATENCY: Duration = Duration::from_millis(300);

/// No test waits longer for the program to get somewhere.
const PATIENCE: Duration = Duration::from_secs(30);

/// Alice alone, on many databases.
fn office() -> Office {
    let (mut organisation, mut names) = (organisation(), Vec::new());
    for number in 0..DATABASES {
        let name = format!("db-{number:02}");
        organisation = organisation.resource(&format!("rs-db-{number:02}"), &name);
        names.push(name);
    }
    let rule = format!("[[rule]]\nname = \"all\"\nschedules = [\"PI7DH85\"]\ngrant.strongdm = {names:?}\n");
    Office::with(people().shift(PRIMARY, "PALICE", hours(-2), hours(6)), organisation, &rule)
}

/// Waits, without sleeping, until the stand-in has seen what the test waits for.
fn wait_until(seen: impl Fn() -> bool) {
    let start = Instant::now();
    while !seen() {
        assert!(start.elapsed() < PATIENCE, "the program did not get there");
        std::thread::yield_now();
    }
}

fn signal(name: &str, process: u32) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status().expect("a shell");
    assert!(sent.success());
}

/// The ids that the ledger owns, once each, and those of the grants there are.
#[track_caller]
fn ledger_is_true(office: &Office) {
    let owning = office.run(&["grants", "--output", "json"]).exits(0).json();
    let ours = owning["grants"].as_array().expect("a list").iter();
    let ours: Vec<String> = ours.map(|one| one["id"].as_str().expect("it was confirmed").to_owned()).collect();
    let there: BTreeSet<String> = office.strongdm.grants().into_iter().map(|grant| grant.id).collect();
    assert_eq!(ours.len(), there.len());
    assert_eq!(ours.into_iter().collect::<BTreeSet<_>>(), there);
}

#[track_caller]
fn stopped_in_the_middle(name: &str) {
    let office = office();
    office.strongdm.change(|world| world.manners.latency = LATENCY);
    let child = office.desk.command(&["--now", NOW]).spawn().expect("the program starts");
    wait_until(|| office.strongdm.count(CREATE) > 0);
    signal(name, child.id());
    let ran = Ran::of(child.wait_with_output().expect("it ends")).exits(1);
    ran.says(&["told to stop: the calls in flight have 20 s to end", "not begun: the run was told to stop"]);

    let calls: Vec<_> = office.strongdm.calls().into_iter().filter(|call| call.method == CREATE).collect();
    assert!(calls.len() < DATABASES, "nothing new began");
    assert!(calls.iter().all(|call| call.ended.is_some()), "what was under way ended");
    assert_eq!(office.strongdm.grants().len(), calls.len());
    ledger_is_true(&office);

    office.strongdm.change(|world| world.manners.latency = Duration::ZERO);
    office.run(&[]).exits(0);
    let access: BTreeSet<_> = office.held().into_iter().map(|held| held.1).collect();
    assert_eq!((office.held().len(), access.len()), (DATABASES, DATABASES), "each once");
    ledger_is_true(&office);
    office.run(&[]).exits(0).says(&["Nothing to do"]);
}

#[test]
fn sigterm_lets_the_calls_in_flight_end() {
    stopped_in_the_middle("TERM");
}

#[test]
fn sigint_lets_the_calls_in_flight_end() {
    stopped_in_the_middle("INT");
}

#[test]
fn a_signal_while_reading_changes_nothing() {
    let office = office();
    office.strongdm.trouble(strongdm::Trouble::new("*", strongdm::Fault::Hang).times(usize::MAX));
    for arguments in [&[][..], &["check"], &["explain", "alice@example.com"]] {
        office.strongdm.forget();
        let child = office.desk.command(arguments).args(["--now", NOW]).spawn().expect("the program starts");
        wait_until(|| !office.strongdm.calls().is_empty());
        signal("TERM", child.id());
        let ran = Ran::of(child.wait_with_output().expect("it ends"));
        ran.exits(2).says(&["told to stop while reading; nothing was changed"]);
        assert_eq!(office.writes(), 0, "{arguments:?}");
    }
}

/// One call at a time, as a command has it that does not say otherwise; `go` is what the first one waits for.
const ONE_AT_A_TIME: &str = r#"#!/bin/sh
request=$(cat)
case $request in
*'"verb":"describe"'*) echo '{"version":1,"tenure":"standing"}' ;;
*'"verb":"read"'*)
    printf '{"accounts":[{"id":"alice","email":"alice@example.com"}],"grants":[],"entitlements":{'
    for name in d0 d1 d2; do printf '"%s":{"found":[{"id":"%s","name":"%s"}]},' $name $name $name; done
    echo '"d3":{"found":[{"id":"d3","name":"d3"}]}}}'
    ;;
*'"verb":"grant"'*)
    echo grant >>calls
    read -r _ <go
    echo '{"id":"the-first"}'
    ;;
esac
"#;

/// What waits for its turn has not begun: it is not begun after the word, and not kept as if it might have been.
#[test]
fn what_waits_for_its_turn_is_not_begun_after_a_signal() {
    let desk = Desk::new();
    desk.write("one.sh", ONE_AT_A_TIME);
    let made = Command::new("sh").args(["-c", "chmod +x one.sh && mkfifo go"]).current_dir(desk.path("")).status();
    assert!(made.expect("a shell").success());
    desk.write("rota.csv", "schedule,user,from,to\ns,alice@example.com,2026-03-01T00:00Z,2026-04-01T00:00Z\n");
    let source = "[source.rota]\nkind = \"file\"\npath = \"rota.csv\"\n";
    let rule = "[[rule]]\nname = \"r\"\nschedules = [\"s\"]\ngrant.one = [\"d0\", \"d1\", \"d2\", \"d3\"]\n";
    let target = "[target.one]\nkind = \"exec\"\ncommand = [\"./one.sh\"]\n";
    desk.write("oncall-sync.toml", format!("ledger = \"ledger.db\"\n{source}{target}{rule}"));

    let mut child = desk.command(&["--now", NOW]).spawn().expect("the program starts");
    wait_until(|| desk.path("calls").exists());
    signal("TERM", child.id());
    let mut told = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    assert!(told.any(|line| line.expect("text").contains("told to stop")));
    desk.write("go", "now\n");
    Ran::of(child.wait_with_output().expect("it ends"))
        .exits(1)
        .says(&["Done: 1 given, 3 not begun.", "d3 for alice@example.com not begun: the run was told to stop"]);

    assert_eq!(desk.read("calls"), "grant\n");
    let owning = desk.run_at(NOW, &["grants", "--output", "json"]).exits(0).json();
    let ids: Vec<_> = owning["grants"].as_array().expect("a list").iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, ["the-first"]);
}

/// No word, no time to tidy up: what the next run has to settle is found by what the target shows.
#[test]
fn a_killed_run_is_made_good_by_the_next() {
    let office = office();
    office.strongdm.change(|world| world.manners.latency = LATENCY);
    let mut child = office.desk.command(&["--now", NOW]).spawn().expect("the program starts");
    wait_until(|| !office.strongdm.grants().is_empty());
    child.kill().expect("it still runs");
    child.wait().expect("it ended");
    office.strongdm.change(|world| world.manners.latency = Duration::ZERO);
    office.run(&[]).exits(0);
    let access: BTreeSet<_> = office.held().into_iter().map(|held| held.1).collect();
    assert_eq!((office.held().len(), access.len()), (DATABASES, DATABASES), "each once");
    ledger_is_true(&office);
}
