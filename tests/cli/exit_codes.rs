//! What cron is told: 0 to 5, each for one reason only.

use super::*;

#[test]
fn a_run_that_finds_the_lock_held_does_nothing() {
    let office = Office::new();
    office.desk.write("ledger.db.lock", "");
    let lock = fs::File::open(office.desk.path("ledger.db.lock")).expect("the lock");
    lock.try_lock().expect("nobody holds it");
    office.run(&[]).exits(5).says(&["another run holds the ledger", "ledger.db.lock"]);
    assert_eq!(office.strongdm.calls().len() + office.pagerduty.requests().len(), 0, "nobody was asked anything");
    assert!(!office.desk.exists("ledger.db"));
    office.run(&["--dry-run"]).exits(0).says(&["Plan: 2 to give."]);
    drop(lock);
    office.run(&[]).exits(0).says(&["Done: 2 given."]);
}

#[test]
fn one_folder_goes_through_all_of_them() {
    let office = Office::new();
    office.run(&["--dry-run"]).exits(0);
    office.run(&["--dry-run", "--detailed-exitcode"]).exits(3);
    office.run(&["--no-such-flag"]).exits(2).says(&["--no-such-flag"]);
    office.configure("", &format!("{RULE}\n[limits]\nmax_changes = 0\n"));
    office.run(&[]).exits(4);
    office.configure("", &RULE.replace("prod-postgres", "prod-postgers"));
    office.run(&[]).exits(1).says(&["prod-postgers", "prod-postgres"]);
    office.configure("", RULE);
    office.run(&[]).exits(0);
    office.run(&[]).exits(0).says(&["Nothing to do"]);
}

#[test]
fn a_config_that_was_named_and_is_not_there_is_an_error() {
    let office = Office::new();
    office.run(&["--config", "elsewhere.toml"]).exits(2).says(&["elsewhere.toml", "does not exist"]);
    assert_eq!(office.writes(), 0);
}

#[test]
fn quiet_and_verbose_exclude_each_other() {
    Desk::new().run(&["--quiet", "--verbose"]).exits(2).says(&["cannot be used with"]);
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let office = Office::new();
    for form in ["json", "text"] {
        let mut child = office.desk.command(&["--output", form, "--now", NOW]).spawn().expect("the program starts");
        // Closed before the program prints: it has to read from the stand-ins first.
        drop(child.stdout.take());
        let ran = Ran::of(child.wait_with_output().expect("it ends"));
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{form}");
    }
    assert_eq!(office.held().len(), 2, "the job was done all the same");
}

#[test]
fn a_report_that_cannot_be_written_is_a_failure_that_says_so() {
    let office = Office::new();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let mut command = office.desk.command(&["--now", NOW]);
    let output = command.stdout(full).output().expect("the program starts");
    Ran::of(output).exits(2).says(&["standard output could not be written: "]);
    assert_eq!(office.held().len(), 2, "the job was done all the same");
}

#[test]
fn a_log_that_cannot_be_written_holds_up_nobody() {
    let office = Office::new();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let mut command = office.desk.command(&["-vv", "--now", NOW]);
    let output = command.stderr(full).output().expect("the program starts");
    Ran::of(output).exits(0).says(&["Done: 2 given."]);
}

#[test]
fn a_run_that_hangs_keeps_the_next_one_out() {
    let office = Office::new();
    office.strongdm.trouble(strongdm::Trouble::new("*", strongdm::Fault::Hang).times(usize::MAX));
    let mut first = office.desk.command(&["--now", NOW]).spawn().expect("the program starts");
    while office.strongdm.calls().is_empty() {
        assert!(first.try_wait().expect("a child").is_none(), "it waits for an answer");
        std::thread::yield_now();
    }
    office.run(&[]).exits(5).says(&["another run holds the ledger"]);
    first.kill().expect("it still runs");
    first.wait().expect("it ended");
    office.strongdm.change(|world| world.troubles.clear());
    office.run(&[]).exits(0).says(&["Done: 2 given."]);
}

#[test]
fn a_narrowing_that_leaves_no_rule_is_an_error() {
    let office = Office::new();
    let other = "[[rule]]\nname = \"mysql\"\nschedules = [\"PMYSQL\"]\ngrant.strongdm = [\"prod-mysql\"]\n";
    office.configure("", &format!("{RULE}{other}"));
    let narrow = ["--rule", "mysql", "--schedule", PRIMARY];
    office.run(&narrow).exits(2).says(&["no rule named with --rule follows a schedule named with --schedule"]);
}
