//! `check --conformance`: a target held to its contract with a test account, and nothing of it left behind.

use std::time::{Duration, Instant};

use serde_json::Value;
use tonic::Code;

use super::handover::in_parallel;
use super::*;
use crate::fakes::strongdm::{Fault, Several, Trouble};

const COMMAND: &str = include_str!("conformance/command.sh");

/// Carol is never on call.
const CAROL: [&str; 7] =
    ["check", "--conformance", "strongdm", "--account", "carol@example.com", "--entitlement", "prod-postgres"];

/// Desks at a time. Of a check a part is spent waiting for a command to start, so a few more than there are cores.
const WORKERS: usize = 4;

/// No test waits longer for the program to get somewhere.
const PATIENCE: Duration = Duration::from_secs(30);

fn office() -> Office {
    let office = Office::new();
    office.strongdm.change(|world| world.manners.several = Several::Any);
    office
}

/// What is live at the program's instant.
fn live(office: &Office) -> usize {
    office.strongdm.grants().into_iter().filter(|grant| !grant.is_expired(now())).count()
        + office.strongdm.attachments().len()
}

#[track_caller]
fn owns_nothing(desk: &Desk) {
    assert_eq!(desk.run(&["grants", "--output", "json"]).exits(0).json()["grants"], serde_json::json!([]));
}

/// The steps that came to `outcome`.
pub fn steps(report: &Value, outcome: &str) -> Vec<String> {
    let findings = report["findings"].as_array().expect("a list").iter();
    findings.filter(|one| one["outcome"] == outcome).map(|one| one["step"].as_str().expect("a word").into()).collect()
}

fn wait_until(seen: impl Fn() -> bool) {
    let start = Instant::now();
    while !seen() {
        assert!(start.elapsed() < PATIENCE, "the program did not get there");
        std::thread::yield_now();
    }
}

#[test]
fn strongdm_keeps_the_contract() {
    let office = office();
    let stranger = office.strongdm.change(|world| world.give("a-2", "rs-1", None));
    let ran = office.run(&CAROL).exits(0);
    assert!(
        ran.out.ends_with("Nothing is left of it.\n") && ran.out.contains("strongdm (scheduled): 2"),
        "{}",
        ran.out
    );
    let left: Vec<_> = office.strongdm.grants().into_iter().map(|grant| grant.id).collect();
    assert_eq!(left, [stranger]);
    owns_nothing(&office.desk);
    let log = office.run(&["audit", "--all"]).exits(0).out;
    for told in ["begins", "conformance of oncall-sync", "given", "moved", "taken back", "conformance with exit code 0"]
    {
        assert!(log.contains(told), "no {told:?} in {log}");
    }
    office.run(&["audit", "--verify"]).exits(0);

    let report = office.run(&[&CAROL[..], &["--output", "json"]].concat()).exits(0).json();
    assert_eq!(
        (&report["ok"], &report["tenure"], &report["halted"]),
        (&true.into(), &"scheduled".into(), &Value::Null)
    );
    assert_eq!(steps(&report, "failed"), [""; 0]);
    // Whether a reading came while a grant was moved is not the program's to say.
    assert!(steps(&report, "skipped").iter().all(|step| step == "never-absent"), "{report}");
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(oncall_sync::conformance::STEPS.len()));
}

#[test]
fn roles_of_strongdm_keep_the_contract() {
    let office = office();
    let arguments = [&CAROL[..6], &["role:dba", "--output", "json"]].concat();
    let report = office.run(&arguments).exits(0).json();
    let moves = ["amend-later", "amend-earlier", "amend-again", "never-absent", "foreign"];
    assert_eq!(steps(&report, "skipped"), moves);
    assert_eq!(live(&office), 0);
    office.run(&[&arguments[..], &["--quiet"]].concat()).exits(0);
    let text = office.run(&[&arguments[..7], &["--quiet"]].concat()).exits(0).out;
    assert_eq!(text, "");
}

#[test]
fn a_document_keeps_the_contract_whoever_keeps_time() {
    for tenure in ["scheduled", "expiring", "standing"] {
        let office = office();
        let target = format!("[target.policy]\nkind = \"file\"\npath = \"grants.json\"\ntenure = \"{tenure}\"\n");
        office.configure("", &format!("{target}{RULE}"));
        let people = [("1", "ada@example.com"), ("2", "eve@example.com")];
        let accounts = people.map(|(id, email)| serde_json::json!({"id": id, "email": email}));
        let hers = serde_json::json!({"id": "by-hand", "account": "2", "entitlement": "db"});
        let document =
            serde_json::json!({"version": 1, "accounts": accounts, "entitlements": ["db"], "grants": [hers]});
        office.desk.write("grants.json", document.to_string());
        let arguments = [
            "check",
            "--conformance",
            "policy",
            "--account",
            "ADA@example.com",
            "--entitlement",
            "db",
            "--output",
            "json",
        ];
        let report = office.run(&arguments).exits(0).json();
        assert_eq!(report["tenure"], tenure);
        assert!(steps(&report, "held").contains(&"foreign".to_owned()), "{report}");
        let left: Value = serde_json::from_str(&office.desk.read("grants.json")).expect("a document");
        assert_eq!(left["grants"], serde_json::json!([hers]));
    }
}

/// A document without lists takes anybody and anything: what that means is said, for each list by itself.
#[test]
fn a_document_that_knows_no_names_cannot_tell_a_slip() {
    let office = office();
    office.configure("", &format!("[target.policy]\nkind = \"file\"\npath = \"grants.json\"\n{RULE}"));
    let arguments = ["check", "--conformance", "policy", "--account", "ada@example.com", "--entitlement", "db"];
    let accounts = serde_json::json!([{"id": "ada", "email": "ada@example.com"}]);
    for (lists, skipped) in [
        (serde_json::json!({"version": 1}), &["unknown", "near", "nobody"][..]),
        (serde_json::json!({"version": 1, "accounts": accounts}), &["unknown", "near"]),
        (serde_json::json!({"version": 1, "entitlements": ["db"]}), &["nobody"]),
    ] {
        office.desk.write("grants.json", lists.to_string());
        let report = office.run(&[&arguments[..], &["--output", "json"]].concat()).exits(0).json();
        let mut seen = steps(&report, "skipped");
        seen.retain(|step| !["foreign", "never-absent"].contains(&&**step));
        assert_eq!(seen, skipped, "{lists}");
    }
    fs::remove_file(office.desk.path("grants.json")).expect("it is there");
    let says = ["no list of accounts, so every address is one", "no list of entitlements", "Nothing is left of it."];
    office.run(&arguments).exits(0).says(&says);
}

#[test]
fn says_what_is_wrong_with_the_question() {
    let office = office();
    let with = |at: usize, word: &'static str| {
        let mut arguments = CAROL;
        arguments[at] = word;
        office.run(&arguments)
    };
    with(2, "strongmd").exits(2).says(&["no target is called 'strongmd'; did you mean 'strongdm'?"]);
    with(4, "carol").exits(2).says(&["write an e-mail address"]);
    with(4, "carl@example.com").exits(1).says(&["! failed  account", "no account was found for carl@example.com"]);
    with(6, "").exits(2).says(&["`--entitlement` names nothing"]);
    with(6, " ").exits(2).says(&["`--entitlement` names nothing"]);
    with(6, "prod-postgre").exits(1).says(&["! failed  entitlement", "prod-postgres"]);
    office.run(&CAROL[..5]).exits(2).says(&["--entitlement"]);
    office.run(&["check", "--account", "carol@example.com"]).exits(2).says(&["--conformance"]);
    for flag in [&["--dry-run"][..], &["--force"], &["--rule", "database"], &["--record", "run.json"]] {
        let says = ["means nothing to `check --conformance`"];
        office.run(&[flag, &CAROL].concat()).exits(2).says(&says);
    }
    assert_eq!(office.writes(), 0);
}

#[test]
fn nobodys_real_access_is_played_with() {
    let office = office();
    let alice = [&CAROL[..4], &["alice@example.com"], &CAROL[5..]].concat();
    // A rule is about to give it.
    office
        .run(&alice)
        .exits(2)
        .says(&["the rule 'database' gives 'prod-postgres' to alice@example.com", "nothing was changed"]);
    let failing = crate::fakes::pagerduty::Fault::Html(500);
    office.pagerduty.fail("", usize::MAX, failing);
    office.run(&CAROL).exits(2).says(&["whether the rule 'database' gives it to carol@example.com is not known"]);
    office.pagerduty.heal();
    // She holds it already.
    office.run(&[]).exits(0);
    office.strongdm.forget();
    office.run(&alice).exits(2).says(&["alice@example.com holds 'prod-postgres' already, by "]);
    // It is ours, and somebody took it away.
    office.strongdm.change(|world| world.grants.clear());
    office.pagerduty.replace(people());
    office
        .run(&alice)
        .exits(2)
        .says(&["the ledger says that 'prod-postgres' of alice@example.com on strongdm is ours"]);
    // Carol's is a stranger's.
    office.strongdm.change(|world| world.give("a-3", "rs-1", None));
    office.run(&CAROL).exits(2).says(&["carol@example.com holds 'prod-postgres' already"]);
    assert_eq!(office.writes(), 0);
    office.run(&["audit", "--all"]).exits(0).says(&["conformance with exit code 2"]);
}

#[test]
fn nothing_begins_while_another_run_holds_the_ledger() {
    let office = office();
    office.desk.write("ledger.db.lock", "");
    let lock = fs::File::open(office.desk.path("ledger.db.lock")).expect("the lock");
    lock.try_lock().expect("nobody holds it");
    office.run(&CAROL).exits(5);
    assert!(office.strongdm.calls().is_empty());
}

#[test]
fn what_cannot_be_taken_back_is_named_and_the_next_sync_takes_it() {
    let office = office();
    office
        .strongdm
        .trouble(Trouble::new("AccountGrants.Delete", Fault::Refuse(Code::FailedPrecondition)).times(usize::MAX));
    let remedy = "oncall-sync revoke --target strongdm --email carol@example.com";
    office.run(&CAROL).exits(1).says(&[
        "! failed  revoke",
        "! prod-postgres stays with carol@example.com (grant ",
        remedy,
    ]);
    let left = live(&office);
    assert!(left > 0);
    let owning = office.run(&["grants", "--output", "json"]).exits(0).json();
    assert_eq!(owning["grants"].as_array().map(Vec::len), Some(left));
    office.strongdm.change(|world| world.troubles.clear());
    office.run(&[]).exits(0).says(&["2 given", &format!("{left} taken back")]);
    assert!(office.strongdm.grants().iter().all(|grant| grant.account != "a-3"));
}

#[test]
fn told_to_stop_it_takes_back_what_it_gave() {
    let office = office();
    office.strongdm.change(|world| world.manners.latency = Duration::from_millis(100));
    let child = office.desk.command(&CAROL).args(["--now", NOW]).spawn().expect("the program starts");
    wait_until(|| office.strongdm.count("AccountGrants.Create") > 0);
    let sent = Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status().expect("a shell");
    assert!(sent.success());
    let ran = Ran::of(child.wait_with_output().expect("it ends"));
    ran.exits(2).says(&["! It ended early: the run was told to stop", "Nothing is left of it."]);
    assert_eq!(live(&office), 0);
    owns_nothing(&office.desk);
}

#[test]
fn what_a_killed_one_gave_is_taken_back_by_the_next_sync() {
    let office = office();
    office.strongdm.change(|world| world.manners.latency = Duration::from_millis(100));
    let mut child = office.desk.command(&CAROL).args(["--now", NOW]).spawn().expect("the program starts");
    wait_until(|| !office.strongdm.grants().is_empty());
    child.kill().expect("it still runs");
    child.wait().expect("it ended");
    office.strongdm.change(|world| world.manners.latency = Duration::ZERO);
    office.run(&[]).exits(0).says(&["2 given, 1 taken back"]);
    assert!(office.strongdm.grants().iter().all(|grant| grant.account != "a-3"));
    office.run(&[]).exits(0).says(&["Nothing to do"]);
}

#[test]
fn what_a_killed_one_left_is_known_for_what_it_is() {
    let office = office();
    for call in ["AccountGrants.Create", "AccountGrants.Delete"] {
        office.strongdm.forget();
        // Killed before the target has answered, and after that.
        office.strongdm.change(|world| world.manners.latency = Duration::from_millis(100));
        let mut child = office.desk.command(&CAROL).args(["--now", NOW]).spawn().expect("the program starts");
        wait_until(|| office.strongdm.count(call) > 0);
        child.kill().expect("it still runs");
        child.wait().expect("it ended");
        office.strongdm.change(|world| world.manners.latency = Duration::ZERO);
        let revoke = ["revoke", "--target", "strongdm", "--email", "carol@example.com"];
        let remedy = format!("oncall-sync {}", revoke.join(" "));
        office.run(&CAROL).exits(2).says(&["from an earlier check", "nothing was changed", &remedy]);
        office.run(&revoke).exits(0);
        assert_eq!(live(&office), 0);
        office.run(&CAROL).exits(0).says(&["Nothing is left of it."]);
    }
}

#[test]
fn out_of_time_it_takes_back_what_was_given_in_silence() {
    let office = office();
    office.configure("deadline = \"4s\"", RULE);
    office.strongdm.trouble(Trouble::new("AccountGrants.Create", Fault::DoneInSilence));
    let start = Instant::now();
    let ran = office.run(&CAROL).exits(2).says(&["! It ended early: half of `deadline` in the config is over"]);
    let ran = ran.says(&["  skipped grant ", ": not reached\n", "0 failed", "Nothing is left of it."]);
    assert!(!ran.out.contains("failed  grant"), "what was cut off says nothing of the target: {}", ran.out);
    assert!(start.elapsed() < PATIENCE);
    assert_eq!((live(&office), office.strongdm.count("AccountGrants.Delete")), (0, 1));
    owns_nothing(&office.desk);
}

/// A desk with a command as its target.
fn commanded(tenure: &str, flaw: &str) -> Desk {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new();
    desk.write("command.sh", COMMAND);
    fs::set_permissions(desk.path("command.sh"), fs::Permissions::from_mode(0o755)).expect("a mode");
    desk.write(
        "rota.csv",
        "schedule,user,from,to\nprimary,eve@example.com,2026-03-02T00:00:00Z,2026-03-03T00:00:00Z\n",
    );
    let config = format!(
        "ledger = \"ledger.db\"\n[source.rota]\nkind = \"file\"\npath = \"rota.csv\"\n\
         [target.groups]\nkind = \"exec\"\ncommand = [\"./command.sh\", \"{tenure}\", \"{flaw}\"]\n\
         [[rule]]\nname = \"r\"\nschedules = [\"primary\"]\ngrant.groups = [\"dba\"]\n"
    );
    desk.write("oncall-sync.toml", config);
    desk
}

const ADA: [&str; 9] =
    ["check", "--conformance", "groups", "--account", "ada@example.com", "--entitlement", "dba", "--output", "json"];

#[test]
fn a_command_keeps_the_contract_whoever_keeps_time() {
    for tenure in ["scheduled", "expiring", "standing"] {
        let desk = commanded(tenure, "nothing");
        let report = desk.run(&ADA).exits(0).json();
        assert_eq!((&report["tenure"], steps(&report, "failed")), (&tenure.into(), vec![]));
        assert!(steps(&report, "held").contains(&"foreign".to_owned()), "{report}");
        assert_eq!(desk.read("state"), "g-0 eve null null\n");
        owns_nothing(&desk);
    }
}

/// What is wrong with the command, the step that has to say so, and what is left of it then.
const FLAWS: [(&str, &str, usize); 18] = [
    ("second-id", "grant-again", 0),
    ("no-dates", "dates", 0),
    ("lies", "shown", 0),
    ("loose-name", "exact", 0),
    ("empty", "near", 0),
    ("silent", "unknown", 0),
    ("unnamed", "unknown", 0),
    ("anybody", "nobody", 0),
    ("loose-email", "look-alikes", 0),
    ("one-odd-email", "look-alikes", 0),
    ("not-by-ownership", "owned", 0),
    ("gives-nothing", "grant", 0),
    ("moves-nothing", "dates", 0),
    ("moves-once", "amend-again", 0),
    ("keeps-the-old", "shown", 0),
    ("takes-before-giving", "never-absent", 0),
    ("takes-nothing", "gone", 1),
    ("takes-once", "revoke-again", 0),
];

#[test]
fn every_flaw_of_a_command_is_caught_by_the_step_that_names_it() {
    let ran = in_parallel(
        FLAWS.to_vec(),
        WORKERS,
        || (),
        |(), (flaw, ..)| {
            let desk = commanded("scheduled", flaw);
            (desk.run(&ADA), desk)
        },
    );
    for ((flaw, step, left), (ran, desk)) in ran {
        let report = ran.exits(1).json();
        let failed = steps(&report, "failed");
        assert!(failed.iter().any(|failed| failed == step), "{flaw}: {step} is not among {failed:?} of {report:#}");
        assert_eq!(report["left"].as_array().map(Vec::len), Some(left), "{flaw}: {report:#}");
        let state = desk.read("state");
        assert_eq!(state.contains(" ada "), left > 0, "{flaw} leaves {state}");
        assert!(state.contains("g-0 eve"), "{flaw}: {state}");
    }
}

#[test]
fn a_command_that_takes_what_is_others_is_caught() {
    let desk = commanded("standing", "takes-all");
    let report = desk.run(&ADA).exits(1).json();
    assert_eq!(steps(&report, "failed"), ["foreign"]);
}

#[test]
fn a_command_that_gives_and_hangs_leaves_nothing() {
    let desk = commanded("expiring", "gives-and-hangs");
    desk.write("oncall-sync.toml", format!("deadline = \"6s\"\n{}", desk.read("oncall-sync.toml")));
    let report = desk.run(&ADA).exits(2).json();
    assert_eq!((steps(&report, "failed"), &report["left"]), (vec![], &serde_json::json!([])));
    assert!(steps(&report, "skipped").contains(&"grant".to_owned()), "{report}");
    assert!(report["halted"].as_str().is_some_and(|why| why.contains("half of `deadline`")), "{report}");
    assert_eq!(desk.read("state"), "g-0 eve null null\n");
    owns_nothing(&desk);
}

/// Its own `timeout` is the target's word, and so a failure of the step.
#[test]
fn a_command_that_hangs_for_longer_than_its_timeout_fails() {
    let desk = commanded("expiring", "gives-and-hangs");
    let config = desk.read("oncall-sync.toml").replace("kind = \"exec\"", "kind = \"exec\"\ntimeout = \"5s\"");
    desk.write("oncall-sync.toml", config);
    let report = desk.run(&ADA).exits(1).json();
    assert_eq!((steps(&report, "failed"), &report["halted"]), (vec!["grant".to_owned()], &Value::Null));
    assert_eq!(desk.read("state"), "g-0 eve null null\n");
}
