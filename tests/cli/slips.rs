//! Slips of the pen on the command line: none looks like success, and each is told with what was meant.

use super::*;

/// What is said of a name that nothing knows, and that nothing was printed as a report.
#[track_caller]
fn unknown(office: &Office, arguments: &[&str], says: &[&str]) {
    let ran = office.run(arguments).exits(2).says(says);
    assert_eq!(ran.out, "", "{arguments:?}");
}

#[test]
fn the_audit_log_is_not_asked_for_what_nothing_knows() {
    let office = Office::new();
    office.run(&[]).exits(0);
    for (option, slip, meant) in [
        ("--email", "alcie@example.com", "did you mean 'alice@example.com'?"),
        ("--target", "strongmd", "did you mean 'strongdm'?"),
        ("--entitlement", "prod-postgers", "did you mean 'prod-postgres'?"),
        ("--email", "x", "knows anybody by the address x"),
    ] {
        for more in [&[][..], &["--all"], &["--format", "csv"], &["--format", "jsonl"]] {
            unknown(&office, &[&["audit", option, slip], more].concat(), &[slip, meant]);
        }
    }
    let both = ["audit", "--email", "alcie@example.com", "--target", "strongmd"];
    unknown(&office, &both, &["alice@example.com", "'strongdm'"]);
}

#[test]
fn of_what_is_known_and_has_no_record_it_says_so() {
    let office = Office::new();
    let nothing = "The audit log holds nothing of the kind.\n";
    let known: [&[&str]; 3] = [&["--target", "strongdm"], &["--entitlement", "prod-postgres"], &["--since", "1d"]];
    for choice in known {
        assert_eq!(office.run(&[&["audit"], choice].concat()).exits(0).out, nothing, "{choice:?}");
    }
    office.run(&[]).exits(0);
    let past = ["--until", "2020-01-01"];
    for choice in [&["--email", "Alice@example.com"], &["--entitlement", "rs-1"]] {
        assert_eq!(office.run(&[&["audit"], &choice[..], &past].concat()).exits(0).out, nothing, "{choice:?}");
    }
    let csv =
        office.run(&["audit", "--email", "alice@example.com", "--until", "2020-01-01", "--format", "csv"]).exits(0);
    assert!(csv.out.starts_with("number,") && csv.out.lines().count() == 1, "{}", csv.out);
}

#[test]
fn a_time_that_ends_before_it_begins_is_refused() {
    let office = Office::new();
    let turned = ["audit", "--since", "2026-03-02", "--until", "2026-03-01"];
    unknown(&office, &turned, &["--since has to be before --until"]);
}

#[test]
fn a_day_is_a_time_to_list_shifts_from() {
    let office = Office::new();
    office.run(&["shifts", "--from", "2026-03-02"]).exits(0).says(&["DBA Primary", "alice@example.com"]);
}

#[test]
fn a_folder_is_no_config_file() {
    let desk = Desk::new();
    fs::create_dir(desk.path("configs")).expect("a folder");
    desk.run(&["--config", "configs", "grants"]).exits(2).says(&["configs: is a folder; name the config file in it"]);
}

#[test]
fn nothing_is_adopted_by_a_name_that_nothing_knows() {
    let office = Office::new();
    office.strongdm.change(|world| {
        world.give("a-1", "rs-1", Some(hours(6)));
        world.give("a-3", "rs-1", Some(hours(6)))
    });
    for all in [&[][..], &["--all"]] {
        unknown(
            &office,
            &[&["adopt", "--email", "alcie@example.com"], all].concat(),
            &["goes by alcie@example.com; did you mean 'alice@example.com'?", "nothing was changed"],
        );
        unknown(
            &office,
            &[&["adopt", "--entitlement", "prod-postgers"], all].concat(),
            &["knows an entitlement 'prod-postgers'; did you mean 'prod-postgres'?"],
        );
    }
    // Bob is on call and has nothing yet, Carol holds it and is not on call.
    for known in ["bob@example.com", "Carol@example.com"] {
        office.run(&["adopt", "--email", known]).exits(0).says(&["Nothing to adopt."]);
    }
    office.run(&["adopt", "--entitlement", "rs-1", "--email", "alice@example.com"]).exits(0).says(&["1 to adopt"]);
    assert_eq!(office.writes(), 0);
}

#[test]
fn what_could_not_be_read_may_know_the_name() {
    let office = Office::new();
    office.pagerduty.fail("", usize::MAX, pagerduty::Fault::Html(500));
    let says = ["alcie@example.com", "; not everything could be read: "];
    unknown(&office, &["adopt", "--email", "alcie@example.com"], &says);
}

#[test]
fn an_entitlement_with_a_slip_is_told_from_the_ledger_too() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let asked = ["explain", "alice@example.com", "--entitlement", "prod-postgers"];
    let meant = ["prod-postgers; did you mean 'prod-postgres'?"];
    office.run(&[&asked[..], &["--offline"]].concat()).exits(0).says(&meant);
    office.run(&[&asked[..], &["--at", "2026-03-02T07:00:00Z"]].concat()).exits(0).says(&meant);
    office.run(&asked).exits(0).says(&meant);
    // Known, and not hers: no slip.
    let ran = office.run(&["explain", "carol@example.com", "--entitlement", "prod-postgres", "--offline"]).exits(0);
    assert!(!ran.out.contains("did you mean 'prod-postgres'"), "{}", ran.out);
}

/// Every option of the program, as it may be given.
const OPTIONS: [&[&str]; 11] = [
    &["--config", "oncall-sync.toml"],
    &["--window", "1d"],
    &["--output", "json"],
    &["--schedule", PRIMARY],
    &["--grant", "strongdm=prod-mysql", "--schedule", PRIMARY],
    &["--rule", "database"],
    &["--dry-run"],
    &["--force"],
    &["--expect", "plan.json"],
    &["--record", "run.json"],
    &["--replay", "run.json"],
];

/// Every verb, and those of the options that mean something to it.
const VERBS: [(&[&str], &[&str]); 17] = [
    (&["shifts"], &["--config", "--window", "--output", "--schedule", "--grant", "--rule"]),
    (&["check"], &["--config", "--window", "--output", "--schedule", "--grant", "--rule"]),
    (
        &["check", "--conformance", "strongdm", "--account", "carol@example.com", "--entitlement", "prod-postgres"],
        &["--config", "--window", "--output"],
    ),
    (&["grants"], &["--config", "--output"]),
    (&["audit"], &["--config", "--output"]),
    (&["audit", "--format", "csv"], &["--config"]),
    (&["audit", "--verify"], &["--config"]),
    (&["audit", "--head"], &["--config"]),
    (&["explain", "alice@example.com"], &["--config", "--window", "--output"]),
    (&["explain", "alice@example.com", "--offline"], &["--config", "--output"]),
    (&["init", "new.toml"], &[]),
    (&["schema"], &[]),
    (&["completions", "bash"], &[]),
    (&["ledger", "copy", "a.db", "b.db"], &[]),
    (
        &["adopt", "--all"],
        &[
            "--config",
            "--window",
            "--output",
            "--schedule",
            "--grant",
            "--rule",
            "--dry-run",
            "--force",
            "--expect",
            "--record",
        ],
    ),
    (&["release", "--all"], &["--config", "--output", "--dry-run", "--expect", "--record"]),
    (&["revoke", "--all"], &["--config", "--output", "--dry-run", "--force", "--expect", "--record"]),
];

#[test]
fn an_option_that_means_nothing_to_a_verb_is_refused() {
    let office = Office::new();
    for (verb, taken) in VERBS {
        for option in OPTIONS {
            let ran = office.run(&[option, verb].concat());
            let idle = "nothing to `";
            let refused = ran.err.contains(idle);
            assert_eq!(refused, !taken.contains(&option[0]), "{option:?} {verb:?}: {ran:?}");
            if refused {
                let named = ran.err.split(idle).next().expect("a start").contains(option[0]);
                assert!(named && ran.err.contains(&format!("{idle}{}", verb[0])), "{ran:?}");
                assert_eq!((ran.code, &*ran.out), (2, ""), "{option:?} {verb:?}");
            }
        }
    }
    assert!(!office.desk.exists("new.toml") && !office.desk.exists("b.db"));
}

#[test]
fn several_of_them_are_named_at_once_wherever_they_stand() {
    let office = Office::new();
    office.run(&["--dry-run", "--detailed-exitcode", "--force", "grants", "--window", "1d"]).exits(2).says(&[
        "--window and --dry-run and --force and --detailed-exitcode mean nothing to `grants` and would be ignored; \
         leave them out",
        "Usage: oncall-sync grants",
    ]);
    assert_eq!(office.pagerduty.requests().len() + office.strongdm.calls().len(), 0);
}

#[test]
fn an_address_without_https_is_a_fault_of_the_config_whoever_is_called() {
    let rest = "[source.pagerduty]\napi_key = { env = 'A' }\n";
    let rule = "[[rule]]\nname = 'r'\nschedules = ['s']\n";
    for (table, config) in [
        (
            "[source.pagerduty]",
            format!("{rest}base_url = 'api.example.com'\n[target.file]\npath = 'g'\n{rule}grant.file = ['x']\n"),
        ),
        (
            "[target.okta]",
            format!(
                "{rest}[target.okta]\napi_token = {{ env = 'A' }}\nbase_url = 'api.example.com'\n{rule}grant.okta = ['x']\n"
            ),
        ),
        (
            "[target.github]",
            format!(
                "{rest}[target.github]\norg = 'acme'\ntoken = {{ env = 'A' }}\nbase_url = 'api.example.com'\n{rule}grant.github = ['x']\n"
            ),
        ),
    ] {
        let desk = Desk::new();
        desk.write("oncall-sync.toml", format!("ledger = 'ledger.db'\n{config}"));
        let sentence =
            format!("`base_url` in {table}: an address begins with https://; write \"https://api.example.com\"");
        for verb in [&["check"][..], &[]] {
            let ran = desk.run(verb).exits(2).says(&["oncall-sync.toml:", &sentence]);
            assert!(!ran.err.contains("relative URL"), "{}", ran.err);
        }
    }
}

#[test]
fn an_address_without_https_in_the_environment_is_told_alike() {
    let ran = Desk::new()
        .command(&["--schedule", PRIMARY, "--grant", "strongdm=x", "--now", NOW])
        .env("PAGERDUTY_API_URL", "api.eu.pagerduty.com")
        .output()
        .expect("the program starts");
    Ran::of(ran).exits(2).says(&["PAGERDUTY_API_URL", "write \"https://api.eu.pagerduty.com\""]);
}

#[test]
fn init_offers_the_kinds_that_there_are() {
    let desk = Desk::new();
    let printed = desk.run(&["init", "--source", "file", "--target", "github", "-"]).exits(0).out;
    for needed in ["[source.rota]\nkind = \"file\"", "[target.github]\nkind = \"github\"", "grant.github = ["] {
        assert!(printed.contains(needed), "{needed} in {printed}");
    }
    desk.run(&["init", "--target", "octa"]).exits(2).says(&["'octa'", "okta", "github"]);
    desk.run(&["init", "--target", "okta"]).exits(0).says(&["Wrote oncall-sync.toml"]);
    desk.run(&["check"]).exits(2).says(&["target 'okta': Okta's `private_key`: cannot read the secret file"]);
}

#[test]
fn one_is_counted_as_one() {
    let alice = people().shift(PRIMARY, "PALICE", hours(-2), hours(6));
    let office = Office::with(alice, organisation(), RULE);
    office.run(&["check"]).exits(0).says(&[": 1 shift read\n", ": 1 account found\n"]);
    office.run(&[]).exits(0);
    office.run(&["ledger", "copy", "ledger.db", "copy.db"]).exits(0).says(&["Copied 1 grant and 4 audit records; "]);
}
