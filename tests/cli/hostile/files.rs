//! What stands in files and on the command line.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use rusqlite::Connection;

use super::*;

#[test]
fn hostile_config() {
    let hostile = |name: &str| {
        let name = quoted(name);
        format!(
            "{RULE}{name} = 1\n[[rule]]\nname = {name}\nsource = {name}\nschedules = [{name}, {name}]\nearly = {name}\n\
             grant.{name} = [{name}]\n[[rule]]\nname = {name}\nschedules = {name}\n[target.{name}]\nkind = {name}\n\
             [aliases]\n{name} = {name}\n[limits]\n{name} = {name}\n"
        )
    };
    for name in some().chain([NAMES[0].repeat(10_000)]) {
        let office = Office::new();
        office.configure(&format!("timezone = {}\n", quoted(&name)), &hostile(&name));
        let ran = is_harmless(office.run(&[])).exits(2).says(&["there is no time zone", "unknown key"]);
        assert_eq!(ran.out, "");
        assert_eq!(office.pagerduty.requests().len() + office.strongdm.calls().len(), 0);
    }
}

#[test]
fn hostile_command_lines() {
    let office = Office::new();
    for name in some().chain([NAMES[0].repeat(10_000)]) {
        let name = name.replace('\0', "");
        for arguments in [
            &["--schedule", &*name][..],
            &["--rule", &name],
            &["--schedule", PRIMARY, "--grant", &format!("{name}=x")],
            &["--grant", &name],
            &["--window", &name],
            &["--output", &name],
            &["--config", &name],
            &["shifts", "--from", &name],
            &["schema", &name],
            &[&format!("--{name}")],
            &[&format!("x{name}")],
        ] {
            let ran = is_harmless(office.run(arguments)).exits(2);
            assert!(!ran.err.is_empty() && ran.out.is_empty(), "{arguments:?}");
        }
    }
    let mut command = office.desk.command(&["--schedule"]);
    command.arg(OsStr::from_bytes(b"\xff\x1b[2J"));
    is_harmless(Ran::of(command.output().expect("the program starts"))).exits(2);
    assert_eq!(office.writes(), 0);
}

/// A rota and a grants document: the two files that somebody else may write.
#[test]
fn hostile_files() {
    let (mut people, mut schedules, mut rules, mut accounts) =
        (String::new(), String::new(), String::new(), Vec::new());
    for (number, name) in NAMES.iter().enumerate() {
        let (email, key) = (format!("p{number}@example.com"), quoted(&format!("{name}{number}")));
        people += &format!("{key} = \"{email}\"\n");
        schedules += &format!(
            "[[schedules.{key}.overrides]]\nfrom = \"2026-03-02T06:00Z\"\nto = \"2026-03-02T14:00Z\"\nuser = {key}\n\
             reason = {key}\n"
        );
        accounts.push(json!({"id": format!("{name}{number}"), "email": email}));
        rules += &format!("[[rule]]\nname = {key}\nschedules = [{key}]\ngrant.policy = [{}]\n", quoted(name));
    }
    let rota = format!("[people]\n{people}{schedules}");
    let desk = Desk::new();
    desk.write("rota.toml", rota);
    let strangers = json!([{"id": NAMES[0], "account": NAMES[8], "entitlement": NAMES[9], "by": WORDS, WORDS: WORDS}]);
    let document = json!({"version": 1, "accounts": accounts, "entitlements": NAMES, "grants": strangers});
    desk.write("grants.json", document.to_string());
    desk.write(
        "oncall-sync.toml",
        format!(
            "window = \"1d\"\nledger = \"ledger.db\"\n[source.rota]\nkind = \"file\"\npath = \"rota.toml\"\ntimezone = \"UTC\"\n\
             [target.policy]\nkind = \"file\"\npath = \"grants.json\"\n{rules}"
        ),
    );
    for verb in [&["check", "-v"][..], &["shifts"], &[], &["grants"], &["-v"]] {
        is_harmless(desk.run(verb)).exits(0);
        assert!(desk.run(&[verb, &["--output", "json"]].concat()).exits(0).json().is_object());
    }
    let after: Value = serde_json::from_str(&desk.read("grants.json")).expect("JSON");
    let grants = after["grants"].as_array().expect("a list");
    assert_eq!(grants.len(), NAMES.len() + 1);
    assert!(grants.contains(&strangers[0]), "the stranger's grant is as it was");
    for (number, name) in NAMES.iter().enumerate() {
        let account = format!("{name}{number}");
        assert_eq!(
            grants.iter().filter(|grant| grant["account"] == *account && grant["entitlement"] == **name).count(),
            1
        );
    }
    for (file, broken, code) in [
        ("rota.toml", format!("[people]\n{0} = {0}\n[schedules.{0}]\n{0} = {0}\n", quoted(WORDS)), 1),
        ("rota.toml", format!("\u{1b}[2J = {}", WORDS), 1),
        ("grants.json", json!({"version": 1, "grants": [{"id": WORDS, "from": WORDS}]}).to_string(), 1),
    ] {
        desk.write(file, broken);
        for verb in [&["check"][..], &["-v"]] {
            is_harmless(desk.run(verb)).exits(code);
        }
    }
}

#[test]
fn a_ledger_that_somebody_wrote_into() {
    for name in some() {
        let name = name.as_str();
        let office = Office::new();
        office.run(&[]).exits(0);
        let ledger = Connection::open(office.desk.path("ledger.db")).expect("SQLite");
        let reasons = json!([{"rule": name, "source": name, "schedule": {"id": name, "name": name}, "person": name,
                              "name": name, "start": null, "end": null}]);
        let sql = "UPDATE grants SET email = ?1, entitlement_name = ?1, reasons = ?2 WHERE account = 'a-1'";
        ledger.execute(sql, [name, &reasons.to_string()]).expect("written");
        ledger.execute("UPDATE grants SET target = ?1, grant_id = ?1 WHERE account = 'a-2'", [name]).expect("written");
        drop(ledger);
        is_harmless(office.run(&["grants"])).exits(0);
        assert!(office.run(&["grants", "--output", "json"]).exits(0).json().is_object());
        is_harmless(office.run(&["-v"])).exits(1).says(&["the config has no such target"]);
        let ledger = Connection::open(office.desk.path("ledger.db")).expect("SQLite");
        ledger.execute("UPDATE grants SET until = ?1", [format!("{name}x")]).expect("written");
        drop(ledger);
        for verb in [&["grants"][..], &[]] {
            is_harmless(office.run(verb)).exits(2).says(&["makes no sense"]);
        }
    }
}
