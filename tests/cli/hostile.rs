//! What other systems, files and the command line may say: a terminal obeys none of it, no line of it passes for one of
//! ours, nobody is taken for somebody else, and the exit code stays honest.

mod files;

use serde_json::json;
use tonic::Code;

use super::*;
use crate::fakes::pagerduty::Fault;
use crate::fakes::strongdm::{Fault as Refusal, Trouble};

/// Names that are good names to the systems they come from.
const NAMES: [&str; 18] = [
    "\u{1b}[2J\u{1b}[31m",
    "\u{1b}]8;;https://evil.example\u{1b}\\here\u{1b}]8;;\u{1b}\\",
    "\u{1b}]52;c;ZXZpbA==\u{7}",
    "\u{9b}31m\u{85}",
    "prod\u{202e}gnigats",
    "\u{2066}a\u{2069}\u{200f}\u{61c}",
    "zero\u{200b}width\u{feff}\u{2060}\u{ad}",
    "tag\u{e0041}\u{e007f}",
    "two\nFORGED: all is well",
    "back\r\nFORGED: nothing to do",
    "nul\0nul",
    "\u{2028}FORGED\u{2029}",
    "../../etc/passwd",
    "a/b?c#d&e=%00",
    "\"quoted\" 'and' `so`",
    "*",
    "comma, semi; pipe|",
    "\\u{1b}[2J \\",
];

/// Addresses that could be taken for those of Alice, Bob or everybody.
const EMAILS: [&str; 16] = [
    "*",
    "*@example.com",
    "alice*",
    "alice@example.com*",
    "%@example.com",
    "\"alice@example.com\"",
    "alice@example.com\" email:\"bob@example.com",
    "alice@example.com,bob@example.com",
    "<alice@example.com>",
    "alice@example.com\0",
    "alice@example.com\u{200b}",
    "\u{202e}alice@example.com",
    "alice@example.com\nFORGED: bob@example.com",
    "al\u{131}ce@example.com",
    "\\alice@example.com",
    "\u{1b}]52;c;ZXZpbA==\u{7}@example.com",
];

/// The same names, some to a name, where each costs many runs.
fn some() -> impl Iterator<Item = String> {
    NAMES.chunks(3).map(<[&str]>::concat)
}

const VERBS: [&[&str]; 4] = [&["--dry-run", "-v"], &["check", "-vv"], &["shifts"], &["grants"]];

/// More than this on a terminal for a handful of people is a flood.
const FLOOD: usize = 64 << 10;

/// Written out here once more, so that the program's own idea of it is held against another.
fn is_obeyed(c: char) -> bool {
    let turns = ['\u{61c}', '\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}'];
    let nothing = ['\u{ad}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}'];
    c.is_control()
        || turns.contains(&c)
        || nothing.contains(&c)
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
        || ('\u{e0000}'..='\u{e007f}').contains(&c)
}

/// What was printed can be looked at on a terminal.
#[track_caller]
fn is_harmless(ran: Ran) -> Ran {
    for text in [&ran.out, &ran.err] {
        let obeyed: Vec<char> = text.chars().filter(|c| *c != '\n' && is_obeyed(*c)).collect();
        assert!(obeyed.is_empty(), "{obeyed:?} in\n{text}");
        assert!(!text.lines().any(|line| line.starts_with("FORGED")), "{text}");
        assert!(text.len() < FLOOD, "{} bytes", text.len());
    }
    ran
}

/// Every verb that changes nothing, in text and as JSON, with `code` for each; `grants` knows of no failure.
#[track_caller]
fn looks(office: &Office, code: i32) {
    for verb in VERBS {
        let code = if verb == ["grants"] || verb == ["shifts"] { 0 } else { code };
        is_harmless(office.run(verb)).exits(code);
        let json: Vec<&str> = [verb, &["--output", "json"]].concat();
        let ran = office.run(&json).exits(code);
        assert!(ran.json().is_object());
        assert!(!ran.out.contains(|c| c != '\n' && is_obeyed(c)), "{}", ran.out);
    }
}

/// As a string of TOML or JSON, on one line.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A person, a schedule and a resource of every such name, the ids no better; each person gets the resource of theirs.
#[test]
fn hostile_names_are_served_as_any_other() {
    let (mut pager, mut access, mut rules) = (people(), organisation(), String::new());
    for (number, name) in NAMES.iter().enumerate() {
        let (email, person, schedule) =
            (format!("p{number}@example.com"), format!("P{number}{name}"), format!("S{number}{name}"));
        pager = pager.person(&person, name, &email).schedule(&schedule, &format!("{name}{number}"));
        pager = pager.shift(&schedule, &person, hours(-2), hours(6));
        access = access.user(&format!("a-p{number}{name}"), &email).resource(&format!("rs-{number}{name}"), name);
        rules += &format!(
            "[[rule]]\nname = {}\nschedules = [{}]\ngrant.strongdm = [{}]\n",
            quoted(&format!("{name}{number}")),
            quoted(&format!("{name}{number}")),
            quoted(name)
        );
    }
    let office = Office::with(pager, access, &rules);
    is_harmless(office.run(&["check", "-vv"])).exits(0);
    is_harmless(office.run(&["--dry-run", "-v"])).exits(0).says(&["18 to give"]);
    is_harmless(office.run(&["-v"])).exits(0).says(&["18 given"]);
    let mut expected: Vec<_> = NAMES
        .iter()
        .enumerate()
        .map(|(number, name)| held(&format!("a-p{number}{name}"), &format!("rs-{number}{name}"), hours(0), hours(6)))
        .collect();
    expected.sort();
    assert_eq!(office.held(), expected);
    looks(&office, 0);
    is_harmless(office.run(&["-v"])).exits(0).says(&["Nothing to do"]);
    let later = is_harmless(office.desk.run_at("2026-03-02T14:00:00Z", &["-v"])).exits(0);
    assert!(later.out.contains("Nothing to do"), "they end by themselves: {}", later.out);
}

/// What a role is called reaches the ledger and the report another way than a resource's name.
#[test]
fn hostile_names_of_roles() {
    let (mut access, mut grants) = (organisation(), Vec::new());
    for (number, name) in NAMES.iter().enumerate() {
        access = access.role(&format!("r-{number}{name}"), name);
        grants.push(quoted(&format!("role:{name}")));
    }
    let rule = format!("{}grant.strongdm = [{}]\n", RULE.split("grant").next().expect("a head"), grants.join(", "));
    let office = Office::with(rota(), access, &rule);
    is_harmless(office.run(&[])).exits(0).says(&["18 given"]);
    assert!(office.strongdm.attachments().iter().all(|attachment| attachment.account == "a-1"));
    assert_eq!(office.strongdm.attachments().len(), NAMES.len());
    looks(&office, 0);
}

#[test]
fn an_address_matches_nobody_but_itself() {
    let mut pager = people();
    for (number, email) in EMAILS.iter().enumerate() {
        let person = format!("PHOSTILE{number}");
        pager = pager.person(&person, &format!("Hostile {number}"), email).shift(PRIMARY, &person, hours(-2), hours(6));
    }
    let office = Office::with(pager, organisation(), RULE);
    looks(&office, 1);
    let ran = is_harmless(office.run(&["-v"])).exits(1);
    assert_eq!(office.held(), [], "{}", ran.out);
    for number in 0..EMAILS.len() {
        assert!(ran.out.contains(&format!("! Hostile {number} <")), "{number} is named: {}", ran.out);
    }
}

/// The other way round: odd accounts get nothing that is Alice's.
#[test]
fn an_odd_account_is_nobody_elses() {
    let mut access = organisation();
    for (number, email) in EMAILS.iter().enumerate() {
        access = access.user(&format!("a-odd{number}"), email);
    }
    let office = Office::with(rota(), access, RULE);
    looks(&office, 0);
    is_harmless(office.run(&[])).exits(0);
    assert_eq!(office.held(), [held("a-1", "rs-1", hours(0), hours(6)), held("a-2", "rs-1", hours(6), hours(14))]);
}

#[test]
fn people_who_cannot_be_served_are_named_harmlessly() {
    let mut pager = people();
    for (number, name) in NAMES.iter().enumerate() {
        let (gone, silent) = (format!("PGONE{number}"), format!("PSILENT{number}"));
        pager = pager.deleted_person(&gone, name).shift(PRIMARY, &gone, hours(-2), hours(6));
        pager = pager.person_without_email(&silent, name).shift(PRIMARY, &silent, hours(-2), hours(6));
    }
    let office = Office::with(pager, organisation(), RULE);
    looks(&office, 1);
    is_harmless(office.run(&[])).exits(1).says(&["no longer a user of PagerDuty", "has no e-mail at the source"]);
    assert_eq!(office.held(), []);
}

/// Near matches repeat names that nobody asked for.
#[test]
fn near_matches_are_harmless() {
    let (mut pager, mut access) = (rota(), organisation());
    for (number, name) in NAMES.iter().enumerate() {
        pager = pager.schedule(&format!("PNEAR{number}"), &format!("DBA Team{name}"));
        access = access
            .resource(&format!("rs-near{number}"), &format!("prod-pg{name}"))
            .role(&format!("r-{number}"), &format!("admin{name}"));
    }
    let rules = format!(
        "{RULE}[[rule]]\nname = \"near\"\nschedules = [\"DBA Teem\"]\ngrant.strongdm = [\"prod-pgg\", \"role:admim\"]\n"
    );
    let office = Office::with(pager, access, &rules);
    for verb in [&["check"][..], &["-v"]] {
        is_harmless(office.run(verb)).exits(1).says(&["near matches: "]);
    }
    office.run(&["check"]).says(&["did you mean "]);
}

const WORDS: &str = "\u{1b}]8;;https://evil.example\u{7}no\nFORGED: \u{202e}all is well\u{9b}31m\0";

#[test]
fn hostile_words_of_a_refusal() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let before = office.held();
    for code in [Code::FailedPrecondition, Code::PermissionDenied] {
        office.strongdm.trouble(Trouble::new("*", Refusal::Says(code, WORDS)).times(usize::MAX));
        for verb in [&["--dry-run"][..], &["check"], &["-vv"]] {
            is_harmless(office.run(verb)).exits(1);
        }
        office.strongdm.change(|world| world.troubles.clear());
    }
    for status in [400, 403] {
        let body = json!({"error": {"message": WORDS, "code": 2010, "errors": [WORDS], "required_scopes": WORDS}});
        office.pagerduty.fail("/", usize::MAX, Fault::Says(status, body.to_string()));
        for verb in [&["check"][..], &["shifts"], &["-vv"]] {
            is_harmless(office.run(verb)).exits(1);
        }
        office.pagerduty.calm();
    }
    assert_eq!(office.held(), before, "nothing ends early because somebody talks");
}

/// JSON that no string can hold, that nobody can read, or that has no end.
#[test]
fn answers_that_are_no_answers() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let before = office.held();
    let deep = "[".repeat(100_000);
    let twice = r#"{"oncalls":[],"oncalls":[],"more":false}"#;
    for body in
        [r#"{"oncalls":[{"user":{"id":"\ud800"}}]}"#, "\u{feff}{}", "\0", &deep, twice, r#"{"oncalls":{"\u001b":1}}"#]
    {
        office.pagerduty.fail("/oncalls", usize::MAX, Fault::Says(200, body.to_owned()));
        for verb in [&["check"][..], &["-vv"]] {
            is_harmless(office.run(verb)).exits(1).says(&["! "]);
        }
        office.pagerduty.calm();
    }
    assert_eq!(office.held(), before);
}

#[test]
fn endless_names_neither_flood_nor_break_anything() {
    let endless = |word: &str| word.repeat((1 << 20) / word.len());
    // Escaped it is twice as long, and an answer of more than 8 MiB would not be read at all.
    let (long, lines) = (endless("x"), endless("\u{1b}[2J\n")[..1 << 19].to_owned());
    let pager = people()
        .person("PLONG", &long, "long@example.com")
        .person("PEMAIL", "Endless", &format!("{}@example.com", endless("y")))
        .deleted_person("PGONE", &lines)
        .schedule("PLONGS1", &lines)
        .shift("PLONGS1", "PLONG", hours(-2), hours(6))
        .shift(PRIMARY, "PEMAIL", hours(-2), hours(6))
        .shift(PRIMARY, "PGONE", hours(-2), hours(6));
    let access = organisation().user("a-9", "long@example.com").resource("rs-9", &long).resource("rs-8", &lines);
    let rules = format!(
        "[[rule]]\nname = {0}\nschedules = [\"PLONGS1\", \"PI7DH85\"]\ngrant.strongdm = [{0}, {1}, {2}]\n",
        quoted(&long),
        quoted(&lines),
        quoted(&endless("z"))
    );
    let office = Office::with(pager, access, &rules);
    for (verb, code) in
        [(&["check"][..], 1), (&["shifts"], 0), (&["-v"], 1), (&["grants"], 0), (&["--dry-run", "-v"], 1)]
    {
        is_harmless(office.run(verb)).exits(code).says(&["…"]);
    }
    assert!(office.run(&["--output", "json"]).exits(1).json().is_object());
    let accounts: Vec<_> = office.held().into_iter().map(|held| held.0).collect();
    assert_eq!(accounts, ["a-9", "a-9"]);
}
