//! Several targets in one plan: one report, limits over all of them, and none that holds up the others.

use std::time::{Duration, Instant};

use serde_json::Value;
use tonic::Code;

use super::*;
use crate::fakes::pagerduty::Fault as Outage;
use crate::fakes::strongdm::{Fault, Trouble};

/// Four targets beside each other, all given by one rule: two grants on each.
const TARGETS: &str = "[target.policy]\nkind = \"file\"\npath = \"policy.json\"\n\
    [target.members]\nkind = \"file\"\npath = \"members.json\"\ntenure = \"expiring\"\n\
    [target.groups]\nkind = \"exec\"\ncommand = [\"./groups.sh\"]\n";

const GIVES: &str = "grant.policy = [\"db\"]\ngrant.members = [\"db\"]\ngrant.groups = [\"db\"]\n";

/// A group of one entitlement whose members are the lines of a file; an account's id is its e-mail.
const GROUPS: &str = r#"#!/bin/sh
line=$(cat)
touch members
last() { printf '%s' "$line" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
emails() { printf '%s\n' "$line" | sed -n 's/.*"emails":\[\([^]]*\)\].*/\1/p' | tr -d '"' | tr ',' '\n'; }
[ -e broken ] && { cat broken >&2; exit 1; }
case $(last verb) in
    describe) echo '{"version":1,"tenure":"standing"}' ;;
    read)
        accounts=$(emails | sed '/^$/d; s/.*/{"id":"&","email":"&"}/' | paste -sd, -)
        grants=$(sed 's/.*/{"id":"db:&","account":"&","entitlement":{"id":"db","name":"db"}}/' members | paste -sd, -)
        found='"db":{"found":[{"id":"db","name":"db"}]}'
        echo "{\"accounts\":[$accounts],\"entitlements\":{$found},\"grants\":[$grants]}"
        ;;
    grant)
        [ -e full ] && { echo '{"error":"the group is full"}'; exit 0; }
        who=$(last account)
        grep -qx "$who" members && echo "$who" >> twice || echo "$who" >> members
        echo "{\"id\":\"db:$who\"}"
        ;;
    revoke) sed -i "/^$(last account)\$/d" members; echo '{}' ;;
esac
"#;

fn office() -> Office {
    // All are on call at once, so that each target gets as much in the first run.
    let rota = people().shift(PRIMARY, "PALICE", hours(-2), hours(6)).shift(PRIMARY, "PBOB", hours(-2), hours(6));
    let office = Office::with(rota, organisation(), &rules());
    use std::os::unix::fs::PermissionsExt as _;
    office.desk.write("groups.sh", GROUPS);
    fs::set_permissions(office.desk.path("groups.sh"), fs::Permissions::from_mode(0o755)).expect("a mode");
    office
}

fn rules() -> String {
    format!("{TARGETS}{RULE}{GIVES}")
}

/// How many hold something on each target.
fn held(office: &Office) -> [(&'static str, usize); 4] {
    let document = |name: &str| {
        let Ok(text) = fs::read_to_string(office.desk.path(name)) else { return 0 };
        let document: Option<Value> = serde_json::from_str(&text).ok();
        document.and_then(|document| document["grants"].as_array().map(Vec::len)).unwrap_or(0)
    };
    let members = fs::read_to_string(office.desk.path("members")).unwrap_or_default().lines().count();
    [
        ("groups", members),
        ("members", document("members.json")),
        ("policy", document("policy.json")),
        ("strongdm", office.held().len()),
    ]
}

/// Two on each target but those `without`.
#[track_caller]
fn all_but(office: &Office, without: &[(&'static str, usize)]) {
    let expected = ["groups", "members", "policy", "strongdm"]
        .map(|name| (name, without.iter().find(|(other, _)| *other == name).map_or(2, |(_, count)| *count)));
    assert_eq!(held(office), expected);
}

/// One more run makes it good, and nothing was given twice.
#[track_caller]
fn converges(office: &Office) {
    office.run(&[]).exits(0);
    all_but(office, &[]);
    assert!(!office.desk.exists("twice"), "the command was asked for what stands");
    office.run(&[]).exits(0).says(&["Nothing to do"]);
}

#[test]
fn one_plan_for_all_targets() {
    let office = office();
    let dry = office.run(&["--dry-run", "--output", "json"]).exits(0).json();
    let again = office.run(&["--dry-run", "--output", "json"]).exits(0).json();
    assert_eq!(dry["digest"], again["digest"]);
    let names: Vec<_> = dry["targets"].as_object().expect("an object").keys().cloned().collect();
    assert_eq!(names, ["groups", "members", "policy", "strongdm"]);
    let digest = dry["digest"].as_str().expect("a digest");
    office.run(&["--expect", digest]).exits(0).says(&["Done: 8 given."]);
    all_but(&office, &[]);
    office.run(&[]).exits(0).says(&["Nothing to do"]);
}

/// Whoever is given less on one target has another plan.
#[test]
fn the_digest_is_of_all_targets() {
    let office = office();
    let digest = |office: &Office| office.run(&["--dry-run", "--output", "json"]).json()["digest"].clone();
    let whole = digest(&office);
    for name in ["policy", "members", "groups", "strongdm"] {
        let line =
            rules().lines().map(str::to_owned).find(|line| line.starts_with(&format!("grant.{name} "))).expect("one");
        office.configure("", &rules().replace(&format!("{line}\n"), ""));
        assert_ne!(digest(&office), whole, "{name}");
    }
}

#[test]
fn a_limit_is_over_the_sum_of_all_targets() {
    let office = office();
    let limited = |most: usize| format!("{}[limits]\nmax_changes = {most}\n", rules());
    office.configure("", &limited(7));
    office.run(&[]).exits(4).says(&["! refused: ", "8", "7"]);
    all_but(&office, &[("groups", 0), ("members", 0), ("policy", 0), ("strongdm", 0)]);
    office.configure("", &limited(8));
    office.run(&[]).exits(0).says(&["8 given"]);
    // Ten are looked at: only all targets together have so many.
    assert_eq!(held(&office).iter().map(|(_, count)| count).sum::<usize>(), 8);
}

#[test]
fn a_share_is_over_the_sum_of_all_targets() {
    let office = office();
    let three = people()
        .shift(PRIMARY, "PALICE", hours(-2), hours(6))
        .shift(PRIMARY, "PBOB", hours(-2), hours(6))
        .shift(PRIMARY, "PCAROL", hours(-2), hours(6));
    office.pagerduty.replace(three);
    office.run(&[]).exits(0).says(&["12 given"]);
    // Of twelve, eight: on no target are there ten.
    office.pagerduty.replace(people().shift(PRIMARY, "PALICE", hours(-2), hours(6)));
    office.run(&[]).exits(4).says(&["! refused: ", "8 of the 12 grants that we own"]);
    assert!(held(&office).iter().all(|(_, count)| *count == 3));
}

/// How a target may be down.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Down {
    Refused,
    Unavailable,
    Hangs,
    WrongKey,
    Command,
}

#[test]
fn one_that_is_down_holds_up_nobody_on_the_others() {
    for down in [Down::Refused, Down::Unavailable, Down::Hangs, Down::WrongKey, Down::Command] {
        let office = office();
        let (name, says) = match down {
            Down::Refused => {
                office.strongdm.gate().close();
                ("strongdm", "! target strongdm: ")
            }
            Down::Unavailable => {
                office.strongdm.trouble(Trouble::new("*", Fault::Refuse(Code::Unavailable)).times(usize::MAX));
                ("strongdm", "! target strongdm: ")
            }
            Down::Hangs => {
                office.configure("deadline = \"6s\"", &rules());
                office.strongdm.trouble(Trouble::new("*", Fault::Hang).times(usize::MAX));
                ("strongdm", "`deadline` in the config")
            }
            Down::WrongKey => {
                let (file, _) = office.strongdm.wrong_secret_key();
                office.configure_with("", &office.pagerduty.url(), &office.strongdm.toml_with(&file), &rules());
                ("strongdm", "key")
            }
            Down::Command => {
                office.desk.write("broken", "the directory is being moved\n");
                ("groups", "the directory is being moved")
            }
        };
        let start = Instant::now();
        let ran = office.run(&[]).exits(1).says(&[&format!("! target {name}: "), says, "6 given", "1 not served"]);
        assert!(start.elapsed() < Duration::from_secs(30), "{down:?}: {ran:?}");
        all_but(&office, &[(name, 0)]);

        office.strongdm.change(|world| world.troubles.clear());
        if down == Down::Refused {
            office.strongdm.gate().open();
        }
        let _ = fs::remove_file(office.desk.path("broken"));
        office.configure("", &rules());
        converges(&office);
    }
}

/// Nothing is given before all is read: reading that takes all the time there is would take everybody's access.
#[test]
fn hanging_sources_and_targets_leave_time_for_giving() {
    let office = office();
    office.desk.write(
        "rota.csv",
        "schedule,user,from,to\nprimary,carol@example.com,2026-03-02T00:00:00Z,2026-03-03T00:00:00Z\n",
    );
    let second = "[source.rota]\nkind = \"file\"\npath = \"rota.csv\"\n[[rule]]\nname = \"second\"\nsource = \"rota\"\n\
                  schedules = [\"primary\"]\ngrant.policy = [\"db\"]\ngrant.groups = [\"db\"]\n";
    let first = rules().replace("schedules = ", "source = \"pagerduty\"\nschedules = ");
    office.configure("deadline = \"8s\"", &format!("{first}{second}"));
    office.pagerduty.fail("", usize::MAX, Outage::Lost(crate::fakes::gate::Loss::Never));
    office.strongdm.trouble(Trouble::new("*", Fault::Hang).times(usize::MAX));
    let says = ["! source pagerduty: ", "! target strongdm: ", "2 given"];
    office.run(&[]).exits(1).says(&says);
    all_but(&office, &[("groups", 1), ("members", 0), ("policy", 1), ("strongdm", 0)]);
}

#[test]
fn one_that_breaks_in_the_middle_of_giving_holds_up_nobody() {
    for fault in [Fault::Break, Fault::Refuse(Code::FailedPrecondition), Fault::Hang, Fault::DoneInSilence] {
        let office = office();
        if matches!(fault, Fault::Hang | Fault::DoneInSilence) {
            office.configure("deadline = \"5s\"", &rules());
        }
        let create = "AccountGrants.Create";
        office.strongdm.trouble(Trouble::new(create, fault).skipping(1).times(usize::MAX));
        office.desk.write("full", "");
        office.run(&[]).exits(1).says(&["5 given, 3 failed", "the group is full"]);
        let strongdm = office.held().len();
        assert_eq!(strongdm, if fault == Fault::DoneInSilence { 2 } else { 1 }, "{fault:?}");
        all_but(&office, &[("groups", 0), ("strongdm", strongdm)]);

        office.strongdm.change(|world| world.troubles.clear());
        fs::remove_file(office.desk.path("full")).expect("it is there");
        office.configure("", &rules());
        converges(&office);
    }
}
