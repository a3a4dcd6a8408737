//! Told to stop in the middle: what is under way ends, nothing new begins, and the ledger tells the truth.

use std::collections::BTreeSet;
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
