//! A command as a target: the contract in each tenure, and what is peculiar to it.

use std::collections::BTreeSet;

use oncall_sync::domain::{Access, Email, Entitlement, Grant, GrantId, Owned, Reasons, Tenure};
use oncall_sync::target::{Asked, Occupied, Restored, Target, TargetConfig};
use serde_json::json;

use super::contract::{self, ALICE, BOB, CAROL, Stage, WrongToken, asked, context, shift};
use crate::fakes::command::{self, Fake, Fault, TOKEN, World};

const GROUP: &str = "dba";

fn world(tenure: command::Tenure) -> World {
    let mut world = World::new(tenure, "2026-03-01T12:00:00Z")
        .account("1001", "Alice@Example.com")
        .account("1002", BOB)
        .suspended("1003", CAROL)
        .entitlement("g-1", GROUP)
        .entitlement("g-2", "ops");
    world.token = Some(TOKEN.to_owned());
    world
}

fn config(toml: &str) -> TargetConfig {
    toml::from_str(toml).expect("a config")
}

async fn connect(fake: &Fake) -> Box<dyn Target> {
    contract::connect(&config(&fake.toml())).await
}

fn wanted(hours: i64) -> Grant {
    let access = Access { account: "1001".into(), entitlement: Entitlement { id: "g-1".into(), name: GROUP.into() } };
    Grant { access, email: Email::new(ALICE), period: shift(hours) }
}

struct ExecStage {
    fake: Fake,
    tenure: command::Tenure,
}

impl ExecStage {
    fn new(tenure: command::Tenure) -> Self {
        Self { fake: Fake::start(world(tenure)), tenure }
    }
}

impl Stage for ExecStage {
    fn config(&self) -> TargetConfig {
        config(&self.fake.toml())
    }

    fn entitlement(&self) -> &str {
        GROUP
    }

    fn tenure(&self) -> Tenure {
        match self.tenure {
            command::Tenure::Standing => Tenure::Standing,
            command::Tenure::Expiring => Tenure::Expiring,
            command::Tenure::Scheduled => Tenure::Scheduled,
        }
    }

    fn stranger(&mut self) -> Option<GrantId> {
        Some(GrantId(self.fake.change(|world| world.give("1002", "g-1", None, None))))
    }

    fn suspends(&self) -> bool {
        true
    }

    fn refuse_next(&mut self) -> bool {
        self.fake.trouble("*", Fault::Again);
        true
    }

    fn wrong_token(&self) -> Option<WrongToken> {
        let (toml, secret) = self.fake.wrong_toml();
        Some(WrongToken { config: config(&toml), says: "$command_token is not accepted", secret: secret.to_owned() })
    }

    fn finish(&mut self) {
        assert_eq!(self.fake.change(|world| world.violations.clone()), [""; 0]);
    }
}

#[tokio::test]
async fn a_command_that_keeps_no_dates_keeps_the_contract() {
    let skipped = contract::run(&mut ExecStage::new(command::Tenure::Standing)).await;
    assert_eq!(skipped, ["amend", "pages"]);
}

#[tokio::test]
async fn a_command_that_keeps_the_end_keeps_the_contract() {
    let skipped = contract::run(&mut ExecStage::new(command::Tenure::Expiring)).await;
    assert_eq!(skipped, ["watch", "pages"]);
}

#[tokio::test]
async fn a_command_that_keeps_both_dates_keeps_the_contract() {
    let skipped = contract::run(&mut ExecStage::new(command::Tenure::Scheduled)).await;
    assert_eq!(skipped, ["watch", "pages"]);
}

#[tokio::test]
async fn a_command_is_asked_what_it_is_once() {
    let fake = Fake::start(world(command::Tenure::Standing));
    let target = connect(&fake).await;
    target.read(&asked(&[ALICE], &[GROUP])).await.expect("a reading");
    target.grant(&wanted(8)).await.expect("given");
    assert_eq!(fake.calls(), ["describe", "read", "grant"]);
}

#[tokio::test]
async fn as_many_calls_run_side_by_side_as_the_command_allows() {
    for allowed in [1, 3] {
        let fake = Fake::start(World { concurrency: allowed, ..world(command::Tenure::Scheduled) });
        // Each of the first waits until it is one of so many.
        fake.trouble_times("grant", Fault::Meet(allowed), allowed);
        let target = connect(&fake).await;
        let wanted: Vec<Grant> = (1..=8).map(wanted).collect();
        let given = futures_util::future::join_all(wanted.iter().map(|wanted| target.grant(wanted))).await;
        assert_eq!(given.into_iter().map(|id| id.expect("given")).collect::<BTreeSet<_>>().len(), 8);
        let most = fake.change(|world| world.most);
        assert_eq!(most, allowed, "at once");
    }
}

#[tokio::test]
async fn five_attempts_are_made_and_no_more() {
    let fake = Fake::start(world(command::Tenure::Standing));
    fake.trouble_times("read", Fault::Fail("the directory is busy".to_owned(), 75), 5);
    let error = connect(&fake).await.read(&asked(&[ALICE], &[])).await.expect_err("never answered");
    assert_eq!(
        format!("{error:#}"),
        "the command '/bin/sh', asked to `read`, failed (exit status: 75): the directory is busy"
    );
    assert_eq!(fake.calls(), ["describe", "read", "read", "read", "read", "read"]);
}

#[tokio::test]
async fn what_fails_is_told_with_who_is_concerned() {
    let fake = Fake::start(world(command::Tenure::Scheduled));
    let target = connect(&fake).await;
    let owned = Owned { entry: 1, id: Some("x".into()), grant: wanted(8), reasons: Reasons::default() };
    let fail = |verb: &str| fake.trouble(verb, Fault::Fail(format!("no \u{1b}[31m{TOKEN}\n\n"), 3));
    fail("grant");
    assert_eq!(
        format!("{:#}", target.grant(&wanted(8)).await.expect_err("failed")),
        "alice@example.com could not be given 'dba' on the system behind '/bin/sh': the command '/bin/sh', asked to \
         `grant`, failed (exit status: 3): no \\u{1b}[31m$COMMAND_TOKEN"
    );
    fail("revoke");
    assert_eq!(
        format!("{:#}", target.revoke(&owned).await.expect_err("failed")),
        "'dba' could not be taken back from alice@example.com on the system behind '/bin/sh' (grant x): the command \
         '/bin/sh', asked to `revoke`, failed (exit status: 3): no \\u{1b}[31m$COMMAND_TOKEN"
    );
    fail("amend");
    let error = format!("{:#}", target.amend(&owned, &wanted(9)).await.expect_err("failed"));
    assert!(
        error.starts_with("the grant of 'dba' to alice@example.com on the system behind '/bin/sh' could not"),
        "{error}"
    );
    fake.trouble("grant", Fault::Abort);
    let error = format!("{:#}", target.grant(&wanted(8)).await.expect_err("aborted"));
    assert!(error.contains("asked to `grant`, failed (signal: 6 (SIGABRT)"), "{error}");
    assert_eq!(fake.calls(), ["describe", "grant", "revoke", "amend", "grant"], "none is tried again");
}

#[tokio::test]
async fn a_refusal_says_what_stands_there() {
    let fake = Fake::start(world(command::Tenure::Expiring));
    let target = connect(&fake).await;
    let say = |verb: &str, what: serde_json::Value| fake.trouble(verb, Fault::Say(what.to_string()));
    let owned = Owned { entry: 1, id: Some("x".into()), grant: wanted(8), reasons: Reasons::default() };

    say("grant", json!({ "error": "one is there", "occupied": true }));
    let error = target.grant(&wanted(8)).await.expect_err("occupied");
    assert!(error.is::<Occupied>(), "{error:?}");
    say("grant", json!({ "error": "no" }));
    assert!(!target.grant(&wanted(8)).await.expect_err("refused").is::<Occupied>());
    say("amend", json!({ "error": "no", "restored": "again" }));
    let error = target.amend(&owned, &wanted(9)).await.expect_err("restored");
    assert_eq!(error.downcast_ref::<Restored>().expect("restored").id, GrantId::from("again"));
    say("amend", json!({ "error": "no", "restored": "a\0b" }));
    assert!(target.amend(&owned, &wanted(9)).await.expect_err("failed").downcast_ref::<Restored>().is_none());
}

#[tokio::test]
async fn an_answer_that_is_none_is_not_used() {
    let fake = Fake::start(world(command::Tenure::Standing));
    for (verb, said, why) in [
        ("grant", "", "to `grant` cannot be used: it printed nothing"),
        ("grant", "done\n", "it is not one JSON object (expected value at line 1 column 1)"),
        ("grant", "{\"id\": \"a\"} {}", "it is not one JSON object (trailing characters"),
        ("grant", "[\"a\"]", "it is JSON and not an object"),
        ("grant", "{}", "missing field `id`"),
        ("grant", "{\"id\": \"\"}", "`id` is empty"),
        ("grant", "{\"id\": \"a\\u0000b\"}", "`id` holds a control character"),
        ("grant", "{\"id\": \"s3cret-of-the-stand-in\"}", "`id` holds the value of COMMAND_TOKEN"),
        (
            "describe",
            "{\"version\": 2, \"tenure\": \"standing\"}",
            "`version`: it is 2, and this oncall-sync speaks version 1",
        ),
        ("describe", "{\"version\": 1, \"tenure\": \"forever\"}", "`tenure`: unknown variant `forever`"),
        ("describe", "{\"version\": 1, \"tenure\": \"standing\", \"concurrency\": 0}", "has to be from 1 to 32"),
        ("read", "{\"accounts\": [], \"grants\": []}", "missing field `entitlements`"),
        ("read", "{\"accounts\": [], \"grants\": [], \"entitlements\": {}}", "nothing of the entitlement 'dba'"),
    ] {
        fake.trouble(verb, Fault::Say(said.to_owned()));
        let target = connect(&fake).await;
        let error = match verb {
            "grant" => format!("{:#}", target.grant(&wanted(8)).await.expect_err(said)),
            _ => format!("{:#}", target.read(&asked(&[ALICE], &[GROUP])).await.expect_err(said)),
        };
        assert!(error.contains(why), "{said}: {error}");
        assert!(!error.contains(TOKEN), "{error}");
    }
}

#[tokio::test]
async fn floods_and_silence_end() {
    let fake = Fake::start(world(command::Tenure::Standing));
    let asked = asked(&[ALICE], &[GROUP]);
    fake.trouble("read", Fault::Flood);
    let error = format!("{:#}", connect(&fake).await.read(&asked).await.expect_err("a flood"));
    assert!(error.ends_with("was stopped at `read`: it writes more than 8 MiB to standard output"), "{error}");
    fake.trouble("read", Fault::Chatter);
    connect(&fake).await.read(&asked).await.expect("words on standard error do no harm");
    fake.trouble("read", Fault::Hang);
    let impatient = config(&fake.toml().replace("'20s'", "'1s'"));
    let error =
        format!("{:#}", impatient.connect(context()).await.expect("connects").read(&asked).await.expect_err("hangs"));
    assert!(error.contains("did not answer `read`: no answer within 1 s (`timeout` in the config sets it)"), "{error}");
}

#[tokio::test]
async fn a_folder_is_no_program() {
    for command in ["./", "/tmp", "../"] {
        let target = config(&format!("kind = 'exec'\ncommand = ['{command}']")).connect(context()).await;
        let error = target.expect("connects").read(&asked(&[ALICE], &[GROUP])).await.expect_err("a folder");
        assert!(format!("{error:#}").contains("it is a folder, and the name of a program"), "{command}: {error:#}");
    }
}

#[tokio::test]
async fn what_is_owned_and_not_asked_for_is_shown() {
    let fake = Fake::start(world(command::Tenure::Standing));
    let id = fake.change(|world| world.give("1001", "g-2", None, None));
    let entitlement = Entitlement { id: "g-2".into(), name: "ops".into() };
    let owned = BTreeSet::from([Access { account: "1001".into(), entitlement }]);
    let current = connect(&fake).await.read(&Asked { owned, ..Asked::default() }).await.expect("a reading");
    assert_eq!(current.grants.iter().map(|held| &held.id.0).collect::<Vec<_>>(), [&id]);
}

#[test]
fn a_table_that_cannot_be_run_is_a_fault() {
    for (table, fault) in [
        ("command = []", "`command` names no program"),
        ("command = [' ']", "`command` names no program"),
        ("command = [\"a\", \"b\\u0000\"]", "`command` holds the character U+0000"),
        ("command = ['a']\nenv = { 'A=B' = { env = 'X' } }", "`env` has 'A=B', which is no name"),
        ("command = ['a']\ntimeout = '0s'", "`timeout` is zero"),
    ] {
        let faults = config(&format!("kind = 'exec'\n{table}")).kind().faults();
        assert!(faults.len() == 1 && faults[0].starts_with(fault), "{table}: {faults:?}");
    }
    let line = toml::from_str::<TargetConfig>("kind = 'exec'\ncommand = './a b'").expect_err("a line of a shell");
    assert!(line.to_string().contains("a list of words, for no shell splits them"), "{line}");
    let refused = toml::from_str::<TargetConfig>("kind = 'exec'\ncommand = ['a']\nenv = { A = 'b' }");
    assert!(refused.expect_err("a secret written out").to_string().contains("not written into the config file"));
}
