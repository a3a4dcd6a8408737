//! A clock that jumps, here or elsewhere: refused with its reason, or plainly beyond what anybody can see.
//!
//! These runs go by the machine's clock, which is right; the servers', or the last run's, is not.

use super::*;
use crate::fakes::machine;

/// A little over an hour, so that a slow machine still finds an hour's difference.
const JUMP: TimeDelta = TimeDelta::minutes(90);
const HOUR: TimeDelta = TimeDelta::hours(1);
const YEAR: TimeDelta = TimeDelta::days(365);

/// Both platforms at the machine's time; Alice is on call, and then Bob.
fn office() -> Office {
    let now = machine();
    let rota = people().moved_to(now).shift(PRIMARY, "PALICE", now - HOUR * 2, now + HOUR * 6);
    let mut organisation = organisation();
    organisation.clock = (now, std::time::Instant::now());
    Office::with(rota.shift(PRIMARY, "PBOB", now + HOUR * 6, now + HOUR * 14), organisation, RULE)
}

/// A rota file and a grants document, and no server.
fn files() -> Desk {
    let desk = Desk::new();
    let now = machine();
    let row = |user: &str, from: DateTime<Utc>, to: DateTime<Utc>| {
        format!("primary,{user}@example.com,{},{}\n", from.to_rfc3339(), to.to_rfc3339())
    };
    let rows = row("alice", now - YEAR * 2, now + HOUR * 6) + &row("bob", now + HOUR * 6, now + YEAR * 2);
    desk.write("rota.csv", format!("schedule,user,from,to\n{rows}"));
    desk.write(
        "oncall-sync.toml",
        "ledger = \"ledger.db\"\nwindow = \"2d\"\n[source.rota]\nkind = \"file\"\npath = \"rota.csv\"\n\
         [target.policy]\nkind = \"file\"\npath = \"grants.json\"\n\
         [[rule]]\nname = \"database\"\nschedules = [\"primary\"]\ngrant.policy = [\"db\"]\n",
    );
    desk
}

/// By the machine's clock.
#[track_caller]
fn run(desk: &Desk, arguments: &[&str]) -> Ran {
    Ran::of(desk.command(arguments).output().expect("the program starts"))
}

/// While the machine's clock shows another time.
#[track_caller]
fn run_off(desk: &Desk, off: TimeDelta) -> Ran {
    desk.run_at(&(machine() + off).to_rfc3339(), &[])
}

#[test]
fn a_clock_that_servers_contradict_changes_nothing_until_a_person_says_so() {
    for (off, apart) in [(HOUR, "behind"), (-HOUR, "ahead"), (YEAR, "behind"), (-YEAR, "ahead")] {
        let office = office();
        office.pagerduty.ahead(off);
        office.strongdm.change(|world| world.manners.dated_ahead = Some(off));
        let server = office.pagerduty.url().replace("http://", "");
        let words = ["! refused: two clocks differ by more than 5m: ", &server, apart, "; set the one that is wrong"];
        run(&office.desk, &["--dry-run"]).exits(4).says(&words);
        run(&office.desk, &[]).exits(4).says(&words).says(&["Nothing was changed", "--force"]);
        assert_eq!(office.writes(), 0);
        // Refused once is not believed the next time.
        run(&office.desk, &[]).exits(4).says(&words);
        run(&office.desk, &["--force"]).exits(0).says(&["2 given"]);
        let before = office.held();
        run(&office.desk, &[]).exits(4).says(&words);
        for verb in ["adopt", "revoke"] {
            run(&office.desk, &[verb, "--all"])
                .exits(4)
                .says(&["! refused: two clocks differ by more than 5m: ", apart]);
        }
        assert_eq!(office.held(), before);
    }
}

#[test]
fn what_is_refused_names_the_server_both_times_and_the_difference() {
    let office = office();
    office.strongdm.change(|world| world.manners.dated_ahead = Some(JUMP));
    let ran = run(&office.desk, &["--output", "json"]).exits(4).json();
    let refused = ran["refused"].as_array().expect("a list");
    let [refused] = refused.as_slice() else { panic!("{refused:?}") };
    let refused = refused.as_str().expect("text");
    let strongdm = office.strongdm.host().replace("http://", "");
    let instant = |before: &str| {
        let at = refused.split(before).nth(1).and_then(|rest| rest.split(',').next()).expect(before);
        at.parse::<DateTime<Utc>>().unwrap_or_else(|error| panic!("{error}: {at} in {refused}"))
    };
    let (there, here) = (instant(&format!(": {strongdm} says that it is ")), instant(", and this machine "));
    assert!((there - here - JUMP).abs() < HOUR && (machine() - here).abs() < HOUR, "{refused}");
    assert!(refused.contains(", 1h ") && refused.contains(" behind; "), "{refused}");
    // Whose clock is wrong is seen from who agrees.
    let pagerduty = office.pagerduty.url().replace("http://", "");
    assert!(refused.contains(&format!("{pagerduty} and this machine agree")), "{refused}");
}

#[test]
fn servers_that_disagree_among_each_other_are_all_named() {
    let office = office();
    office.pagerduty.ahead(YEAR);
    office.strongdm.change(|world| world.manners.dated_ahead = Some(-JUMP));
    let (pagerduty, strongdm) = (office.pagerduty.url(), office.strongdm.host().to_owned());
    let named = [pagerduty.replace("http://", ""), strongdm.replace("http://", "")];
    run(&office.desk, &[]).exits(4).says(&[&named[0], " behind; ", &named[1], ", 1h ", " ahead; set"]);
}

#[test]
fn an_answer_that_is_an_error_is_a_witness_too() {
    let office = office();
    office.pagerduty.ahead(HOUR);
    office.pagerduty.fail("", usize::MAX, pagerduty::Fault::NotFound);
    run(&office.desk, &[]).exits(4).says(&["! source pagerduty: ", "two clocks differ"]);
}

#[test]
fn less_than_five_minutes_are_no_difference() {
    for seconds in [-295, 0, 295] {
        let office = office();
        office.pagerduty.ahead(TimeDelta::seconds(seconds));
        office.strongdm.change(|world| world.manners.dated_ahead = Some(TimeDelta::seconds(seconds)));
        run(&office.desk, &[]).exits(0).says(&["2 given"]);
    }
}

#[test]
fn a_drill_is_held_against_nobody() {
    let office = office();
    office.pagerduty.ahead(YEAR);
    run_off(&office.desk, TimeDelta::zero()).exits(0).says(&["2 given"]);
    run_off(&office.desk, -HOUR).exits(0);
}

#[test]
fn check_says_what_is_wrong_with_the_clock() {
    let office = office();
    run(&office.desk, &["check"]).exits(0);
    office.pagerduty.ahead(-JUMP);
    run(&office.desk, &["check"]).exits(1).says(&["! clock: two clocks differ", ", 1h ", " ahead; "]);
}

#[test]
fn a_clock_that_has_gone_back_is_refused_by_the_last_run() {
    for (off, said) in [(JUMP, ", 1h "), (YEAR + JUMP, ", 365d 1h ")] {
        let desk = files();
        run_off(&desk, off).exits(0);
        refuses_until_forced(
            &desk,
            &["! refused: this machine's clock says that it is ", said, "the clock has gone back"],
        );
    }
}

#[test]
fn a_clock_that_has_gone_forward_by_more_than_the_window_is_refused_by_the_last_run() {
    let desk = files();
    run_off(&desk, -YEAR).exits(0).says(&["1 given"]);
    let words = ["365d ", "after the last run", "longer than the window of 2d", "no server was asked"];
    refuses_until_forced(&desk, &words);
}

/// Refused again and again, for a refused run is no witness, and with nothing changed; forced once, all is well.
#[track_caller]
fn refuses_until_forced(desk: &Desk, words: &[&str]) {
    let before = desk.read("grants.json");
    for arguments in [&["--dry-run"][..], &[], &[]] {
        run(desk, arguments).exits(4).says(words);
    }
    assert_eq!(desk.read("grants.json"), before);
    run(desk, &["--force"]).exits(0);
    run(desk, &[]).exits(0).says(&["Nothing to do"]);
}

/// What is live would look ended, and be forgotten without being taken back.
#[test]
fn revoke_and_adopt_are_held_against_the_clock_as_well() {
    let desk = files();
    run_off(&desk, -YEAR).exits(0).says(&["1 given"]);
    let before = (desk.read("grants.json"), run(&desk, &["grants"]).exits(0).out);
    for arguments in [&["revoke", "--all"][..], &["revoke", "--all", "--dry-run"], &["adopt", "--all"]] {
        run(&desk, arguments).exits(4).says(&["! refused: this machine's clock", "longer than the window of 2d"]);
    }
    assert_eq!((desk.read("grants.json"), run(&desk, &["grants"]).exits(0).out), before);
    run(&desk, &["release", "--all"]).exits(0).says(&["1 released"]);
}

/// Nobody is there who could know better, and a pause within the window is nothing to ask a person about.
#[test]
fn a_jump_within_the_window_is_seen_by_nobody_where_there_are_only_files() {
    let desk = files();
    run_off(&desk, -HOUR).exits(0);
    run(&desk, &[]).exits(0);
}

#[test]
fn a_server_that_agrees_makes_a_long_pause_and_a_wrong_last_run_good() {
    let office = office();
    for off in [YEAR, -YEAR] {
        // strongDM takes no signature of another day: only PagerDuty is read.
        run_off(&office.desk, off).exits(1);
        run(&office.desk, &[]).exits(0);
    }
}
