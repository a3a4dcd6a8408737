//! Commands as source and as target: served, failing, hanging, flooding, lying, and made good by the next run.

use serde_json::json;

use super::*;
use crate::fakes::command::{self, Fault, TOKEN, Tenure, World};

/// A source and a target by command, and a document beside them which has to be served whatever they do.
struct Workshop {
    desk: Desk,
    source: command::Fake,
    target: command::Fake,
}

fn shift(person: &str, start: i64, end: i64) -> serde_json::Value {
    let at = |hour| hours(hour).to_rfc3339();
    let person = json!({ "id": person, "name": person, "email": format!("{person}@example.com") });
    json!({ "person": person, "start": at(start), "end": at(end) })
}

impl Workshop {
    fn new(tenure: Tenure) -> Self {
        let rota = json!({ "id": "rota", "name": "Rota", "shifts": [shift("alice", -2, 6), shift("bob", 6, 14)] });
        let mut people = World::new(tenure, NOW)
            .account("1001", "alice@example.com")
            .account("1002", "bob@example.com")
            .entitlement("70", "dba");
        people.token = Some(TOKEN.to_owned());
        let workshop = Self {
            desk: Desk::new(),
            source: command::Fake::start(World::new(Tenure::Standing, NOW).schedule("rota", rota)),
            target: command::Fake::start(people),
        };
        workshop.configure(&workshop.source.toml(), &workshop.target.toml());
        workshop
    }

    fn configure(&self, source: &str, target: &str) {
        let config = format!(
            "window = '1d'\nledger = 'ledger.db'\n[source.calendar]\n{source}\n[target.groups]\n{target}\n\
             [target.policy]\nkind = 'file'\npath = 'grants.json'\n\
             [[rule]]\nname = 'database'\nschedules = ['rota']\ngrant.groups = ['dba']\ngrant.policy = ['prod']\n"
        );
        self.desk.write("oncall-sync.toml", config);
    }

    fn at(&self, hour: i64, arguments: &[&str]) -> Ran {
        let now = hours(hour).format("%Y-%m-%dT%H:%M:%SZ").to_string();
        self.target.change(|world| world.now.clone_from(&now));
        let ran = self.desk.run_at(&now, arguments);
        assert!(!format!("{ran:?}").contains(TOKEN), "{ran:?}");
        ran
    }

    /// Who is in the group.
    fn members(&self) -> Vec<String> {
        let mut members: Vec<_> =
            self.target.change(|world| world.grants.iter().map(|held| held.account.clone()).collect());
        members.sort();
        members
    }

    /// Nothing was asked that the protocol does not have.
    fn finish(self) {
        for fake in [&self.source, &self.target] {
            assert_eq!(fake.change(|world| world.violations.clone()), [""; 0]);
        }
    }
}

#[test]
fn access_follows_a_commands_shifts_on_a_commands_groups() {
    let workshop = Workshop::new(Tenure::Standing);
    workshop.at(0, &["--dry-run"]).exits(0).says(&["alice@example.com", "dba"]);
    assert_eq!(workshop.members(), [""; 0]);
    workshop.at(0, &[]).exits(0).says(&["given"]);
    assert_eq!(workshop.members(), ["1001"]);
    workshop.at(0, &[]).exits(0).says(&["Nothing to do"]);
    workshop.at(6, &[]).exits(0).says(&["taken back"]);
    assert_eq!(workshop.members(), ["1002"]);
    workshop.at(6, &[]).exits(0).says(&["Nothing to do"]);
    workshop.at(14, &[]).exits(0);
    assert_eq!(workshop.members(), [""; 0]);
    workshop.finish();
}

#[test]
fn a_command_that_keeps_dates_is_told_of_later_shifts_and_of_moved_ones() {
    let workshop = Workshop::new(Tenure::Scheduled);
    workshop.at(0, &[]).exits(0);
    assert_eq!(workshop.members(), ["1001", "1002"]);
    workshop.at(0, &[]).exits(0).says(&["Nothing to do"]);
    let moved = json!({ "id": "rota", "name": "Rota", "shifts": [shift("alice", -2, 8), shift("bob", 8, 14)] });
    workshop.source.change(|world| world.schedules.insert("rota".into(), moved));
    workshop.at(1, &[]).exits(0);
    let ends =
        workshop.target.change(|world| world.grants.iter().filter_map(|held| held.until.clone()).collect::<Vec<_>>());
    assert!(ends.contains(&"2026-03-02T16:00:00Z".to_owned()), "{ends:?}");
    assert!(workshop.target.calls().contains(&"amend".to_owned()));
    workshop.at(1, &[]).exits(0).says(&["Nothing to do"]);
    workshop.finish();
}

/// A command that learns to keep dates, and keeps none: what is wrong with it is said by every run, nothing is lost, and once
/// it is mended all comes to rest.
#[test]
fn a_command_that_does_not_keep_the_dates_it_is_told_is_told_so() {
    for (tenure, members) in [(Tenure::Expiring, &["1001"][..]), (Tenure::Scheduled, &["1001", "1002"])] {
        let workshop = Workshop::new(Tenure::Standing);
        workshop.at(0, &[]).exits(0);
        workshop.target.change(|world| (world.tenure, world.forgetful) = (tenure, true));
        for _ in 0..3 {
            workshop.at(0, &[]).exits(1).says(&["shows it with `from` null and `until` null", "has to keep the dates"]);
            assert_eq!(workshop.members(), members);
        }
        workshop.target.change(|world| world.forgetful = false);
        workshop.at(0, &[]).exits(0);
        workshop.at(0, &[]).exits(0).says(&["Nothing to do"]);
        let keeps = |world: &mut World| world.grants.iter().all(|held| held.until.is_some());
        assert!(workshop.target.change(keeps) && workshop.members() == members);
        workshop.finish();
    }
}

#[test]
fn the_others_are_served_while_a_command_is_in_trouble_and_the_next_run_makes_it_good() {
    for (verb, fault, says) in [
        ("grant", Fault::Fail("the database is locked".to_owned(), 1), "the database is locked"),
        ("grant", Fault::Hang, "no answer within 1 s"),
        ("grant", Fault::Flood, "more than 8 MiB"),
        ("grant", Fault::Say("{\"id\": \"\\u001b[31m\\u0000\"}".to_owned()), "`id` holds a control character"),
        ("grant", Fault::Forget, "said nothing on standard error"),
        ("grant", Fault::Abort, "SIGABRT"),
        ("read", Fault::Say("no JSON\u{1b}[2J".to_owned()), "is not one JSON object"),
        (
            "read",
            Fault::Say("{\"error\": \"closed \\u001b[2J\\u0000today\"}".to_owned()),
            "closed \\u{1b}[2J\\u{0}today",
        ),
        ("describe", Fault::Fail(String::new(), 127), "exit status: 127"),
    ] {
        let workshop = Workshop::new(Tenure::Standing);
        workshop.configure(&workshop.source.toml(), &workshop.target.toml().replace("'20s'", "'1s'"));
        workshop.target.trouble(verb, fault.clone());
        let ran = workshop.at(0, &[]).exits(1).says(&[says]);
        let harmful = |text: &str| text.contains(|c: char| c != '\n' && c.is_control());
        assert!(!harmful(&ran.out) && !harmful(&ran.err), "{ran:?}");
        assert!(workshop.desk.read("grants.json").contains("alice@example.com"), "{fault:?}: the document is served");
        workshop.at(0, &[]).exits(0);
        assert_eq!(workshop.members(), ["1001"], "{fault:?}: the next run makes it good");
        workshop.at(0, &[]).exits(0).says(&["Nothing to do"]);
        workshop.finish();
    }
}

#[test]
fn a_source_in_trouble_takes_nobodys_access() {
    let workshop = Workshop::new(Tenure::Standing);
    workshop.at(0, &[]).exits(0);
    for fault in [
        Fault::Fail("the calendar is away".to_owned(), 1),
        Fault::Say("{\"schedules\": {}}".to_owned()),
        Fault::Say("{\"schedules\": {\"rota\": {\"error\": \"there is none\"}}}".to_owned()),
        Fault::Flood,
        Fault::Abort,
    ] {
        workshop.source.trouble("read", fault);
        workshop.at(1, &[]).exits(1).says(&["! source calendar"]);
        assert_eq!(workshop.members(), ["1001"]);
    }
    workshop.at(1, &[]).exits(0).says(&["Nothing to do"]);
    workshop.finish();
}

#[test]
fn what_a_command_says_is_told_with_v_and_without_its_secrets() {
    let workshop = Workshop::new(Tenure::Standing);
    workshop.target.trouble("read", Fault::Fail(format!("trying \u{1b}[31m with {TOKEN}\nbusy"), 75));
    let ran = workshop.at(0, &["-v"]).exits(0);
    assert!(ran.err.contains("trying \\u{1b}[31m with $COMMAND_TOKEN"), "{}", ran.err);
    assert_eq!(workshop.members(), ["1001"], "75 is tried again");
    let ran = workshop.at(0, &[]).exits(0);
    assert_eq!(ran.err, "", "nothing of it without -v");
}

#[test]
fn a_second_word_to_stop_ends_the_commands_as_well() {
    use std::io::{BufRead as _, BufReader};

    let workshop = Workshop::new(Tenure::Standing);
    let script = "echo $$ > pid; exec tail -f /dev/null";
    let hanging = format!("kind = 'exec'\ncommand = ['/bin/sh', '-c', '{script}']\n");
    for signals in [1, 2] {
        // The source is read first, and hangs: the first word ends the reading.
        workshop.configure(&hanging, &workshop.target.toml());
        let mut run = workshop.desk.command(&["--now", NOW]).spawn().expect("the program starts");
        let pid = loop {
            match fs::read_to_string(workshop.desk.path("pid")) {
                Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
                _ => std::thread::yield_now(),
            }
        };
        let kill =
            |pid: &str, signal: &str| Command::new("kill").args([signal, pid]).output().expect("kill").status.success();
        let mut said = BufReader::new(run.stderr.take().expect("a pipe")).lines();
        for _ in 0..signals {
            kill(&run.id().to_string(), "-TERM");
            if signals == 2 {
                let _told = said.next();
            }
        }
        assert_eq!(run.wait().expect("it ends").code(), Some(2));
        while kill(&pid, "-0") && !fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default().contains(") Z") {
            std::thread::yield_now();
        }
        fs::remove_file(workshop.desk.path("pid")).expect("removed");
    }
}
