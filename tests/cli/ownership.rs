//! `adopt`, `release`, `revoke` and `on_drift`: what is ours, by a person's word.

use rusqlite::Connection;
use tonic::Code;

use super::*;
use crate::fakes::pagerduty::Fault as Outage;
use crate::fakes::strongdm::{Fault, Trouble};

const ROLE: &str = "[[rule]]\nname = \"dba\"\nschedules = [\"PI7DH85\"]\ngrant.strongdm = [\"role:dba\"]\n";

impl Office {
    /// A grant of Alice's on prod-postgres that an administrator made, which lasts two hours longer than her shift.
    fn given_by_hand(&self) -> String {
        self.strongdm.change(|world| world.give("a-1", "rs-1", Some(hours(8))))
    }

    /// The verbs and changes of the audit log, in order.
    fn audited(&self) -> Vec<String> {
        let ledger = Connection::open(self.desk.path("ledger.db")).expect("SQLite");
        let mut rows = ledger.prepare("SELECT body FROM audit ORDER BY number").expect("the audit log");
        let bodies = rows.query_map([], |row| row.get::<_, String>(0)).expect("rows");
        let told = bodies.filter_map(|body| {
            let body: Value = serde_json::from_str(&body.expect("text")).expect("JSON");
            let of = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
            match &*of("record") {
                "change" => Some(format!("{} {} {}", of("action"), of("id"), of("outcome"))),
                "begin" | "end" => Some(format!("{} {}", of("record"), of("verb"))),
                _ => None,
            }
        });
        told.collect()
    }

    /// The ledger as a run leaves it that is killed after its calls, and before it could write down what they answered.
    fn break_off(&self) {
        let ledger = Connection::open(self.desk.path("ledger.db")).expect("SQLite");
        ledger.execute("UPDATE grants SET grant_id = NULL, confirmed_at = NULL", []).expect("written");
    }

    fn ours(&self) -> Vec<String> {
        let owning = self.run(&["grants", "--output", "json"]).exits(0).json();
        let all = owning["grants"].as_array().expect("a list").iter();
        all.map(|one| one["id"].as_str().unwrap_or("none").to_owned()).collect()
    }
}

/// Two file targets that need no network: one dated, one standing.
fn files(policy: &str, groups: &str) -> Desk {
    let desk = Desk::new();
    desk.write(
        "oncall-sync.toml",
        "ledger = \"ledger.db\"\n[source.rota]\nkind = \"file\"\npath = \"rota.csv\"\n\
         [target.policy]\nkind = \"file\"\npath = \"policy.json\"\n\
         [target.groups]\nkind = \"file\"\npath = \"groups.json\"\ntenure = \"standing\"\n\
         [aliases]\n\"al@pager.example\" = \"alice@example.com\"\n\
         [[rule]]\nname = \"database\"\nschedules = [\"database\"]\ngrant.policy = [\"prod\"]\ngrant.groups = [\"dba\"]\n",
    );
    desk.write(
        "rota.csv",
        "schedule,user,from,to\ndatabase,alice@example.com,2026-03-02T06:00Z,2026-03-02T14:00Z\n\
         database,bob@example.com,2026-03-02T14:00Z,2026-03-10T22:00Z\n",
    );
    desk.write("policy.json", format!("{{\"version\":1,\"grants\":[{policy}]}}"));
    desk.write("groups.json", format!("{{\"version\":1,\"grants\":[{groups}]}}"));
    desk
}

const MEMBERS: &str = r#"{"id":"m1","account":"alice@example.com","entitlement":"dba"},
    {"id":"m2","account":"bob@example.com","entitlement":"dba"},
    {"id":"m3","account":"carol@example.com","entitlement":"dba"}"#;

#[test]
fn adopt_shows_what_there_is_and_changes_nothing() {
    let office = Office::new();
    let id = office.given_by_hand();
    let ran = office.run(&["adopt"]).exits(0).says(&[
        "= adopt  alice@example.com  prod-postgres",
        "2026-03-02 16:00 UTC",
        &id,
        "once adopted, the next sync moves it to 2026-03-02 08:00 UTC – 2026-03-02 14:00 UTC",
        "--id GRANT_ID",
        "Plan: 1 to adopt.",
    ]);
    assert!(!ran.out.contains("bob"), "he has nothing to adopt: {}", ran.out);
    assert!(!office.desk.exists("ledger.db") && !office.desk.exists("ledger.db.lock"));
    assert_eq!(office.writes(), 0);
    let report = office.run(&["adopt", "--output", "json"]).exits(0).json();
    assert_eq!((&report["dry_run"], &report["run"]["verb"]), (&Value::Bool(true), &Value::from("adopt")));
    assert_eq!(report["targets"]["strongdm"]["changes"][0]["id"], *id);
    assert_eq!(report["targets"]["strongdm"]["notes"][0]["kind"], "next-sync");
}

#[test]
fn what_is_adopted_is_moved_and_ended_like_any_of_ours() {
    let office = Office::new();
    let id = office.given_by_hand();
    office.run(&["adopt", "--id", &id]).exits(0).says(&["Done: 1 adopted."]);
    assert_eq!(office.writes(), 0, "only the ledger was written");
    assert_eq!(office.ours(), [&*id]);
    assert_eq!(
        office.audited(),
        ["begin adopt".to_owned(), format!("adopt {id} planned"), format!("adopt {id} done"), "end adopt".to_owned()]
    );
    office.run(&["adopt", "--id", &id]).exits(2).says(&["cannot be adopted: it is ours already"]);
    office.run(&[]).exits(0).says(&["1 given, 1 moved"]);
    assert_eq!(office.held(), [held("a-1", "rs-1", hours(0), hours(6)), held("a-2", "rs-1", hours(6), hours(14))]);
    office.run(&[]).exits(0).says(&["Nothing to do"]);
    office.run(&["adopt", "--all"]).exits(0).says(&["Nothing to adopt."]);
}

#[test]
fn what_cannot_be_adopted_says_why() {
    let office = Office::new();
    let by_request = office.given_by_hand();
    let unwanted = office.strongdm.change(|world| {
        world.grants[0].request = "ar-1".into();
        world.give("a-3", "rs-1", Some(hours(8)))
    });
    office.run(&["adopt"]).exits(0).says(&["which cannot be adopted", "made another way", "Nothing to adopt."]);
    for (id, why) in
        [(&*by_request, "made another way"), (&unwanted, "nobody on call is to have it"), ("ag-none", "id 'ag-none'")]
    {
        office.run(&["adopt", "--id", id]).exits(2).says(&[why, "nothing was changed"]);
    }
    let ended = office.strongdm.change(|world| world.give("a-1", "rs-1", Some(hours(-1))));
    office.run(&["adopt", "--id", &ended]).exits(2).says(&["it has ended"]);
    office.run(&["adopt", "--all"]).exits(0).says(&["Nothing to adopt."]);
    assert_eq!(office.ours(), [""; 0]);
}

#[test]
fn an_id_with_a_slip_is_answered_with_the_right_one() {
    let office = Office::new();
    let id = office.given_by_hand();
    let slip = format!("{id}0");
    office.run(&["adopt", "--id", &slip]).exits(2).says(&[&format!("did you mean '{id}'?")]);
    office.run(&["adopt", "--id", &id, "--email", "bob@example.com"]).exits(2).says(&["--email", "leave"]);
    office.run(&["adopt", "--target", "strongmd"]).exits(2).says(&["did you mean 'strongdm'?"]);
    office.run(&["adopt", "--id", &id, "--all"]).exits(2).says(&["cannot be used with"]);
}

#[test]
fn an_adopted_membership_is_taken_back_when_the_shift_ends() {
    let desk = files("", MEMBERS);
    desk.run(&["adopt", "--email", "AL@pager.example"]).exits(0).says(&[
        "alice@example.com",
        "the target keeps no dates of it",
        "when the shift ends, 2026-03-02 14:00 UTC",
    ]);
    let shown = desk.run(&["adopt"]).exits(0).says(&["(m2): once adopted, the next sync takes it back"]);
    assert!(!shown.out.contains("carol"), "{}", shown.out);
    desk.run(&["adopt", "--all", "--email", "al@pager.example", "--target", "groups"]).exits(0).says(&["1 adopted"]);
    desk.run(&[]).exits(0);
    assert!(desk.read("groups.json").contains("m1"));
    desk.run_at("2026-03-02T14:00:00Z", &[]).exits(0).says(&["- ended  alice@example.com"]);
    let left = desk.read("groups.json");
    assert!(!left.contains("m1") && left.contains("m2") && left.contains("m3"), "{left}");
}

#[test]
fn a_named_rule_adopts_for_itself_alone() {
    let rules = format!("{RULE}{ROLE}");
    let office = Office::with(rota(), organisation(), &rules);
    let id = office.given_by_hand();
    office.run(&["--rule", "dba", "adopt", "--id", &id]).exits(2).says(&[&id]);
    office.run(&["--rule", "database", "adopt", "--id", &id]).exits(0).says(&["Only some rules", "1 adopted"]);
    office.run(&[]).exits(0).says(&["1 moved"]);
    office.run(&["revoke", "--all", "--schedule", PRIMARY]).exits(2).says(&["--schedule means nothing to `revoke`"]);
    office.run(&["--rule", "dba", "release", "--all"]).exits(2).says(&["--rule means nothing to `release`"]);
    assert_eq!(office.ours().len(), 3);
}

#[test]
fn a_source_that_is_down_leaves_nothing_to_adopt_and_is_named() {
    let office = Office::new();
    let id = office.given_by_hand();
    office.pagerduty.fail("", usize::MAX, Outage::Html(500));
    office.run(&["adopt"]).exits(1).says(&["! source pagerduty: "]);
    office.run(&["adopt", "--id", &id]).exits(2).says(&[&id]);
    assert_eq!(office.ours(), [""; 0]);
}

#[test]
fn release_forgets_and_leaves_the_grant_where_it_is() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let before = office.strongdm.grants();
    office.strongdm.forget();
    let ran = office.run(&["release", "--email", "Alice@Example.com"]).exits(0);
    let ran = ran.says(&["= release  alice@example.com", "already-held", "never ends by us", "Done: 1 released."]);
    assert_eq!(office.strongdm.calls().len() + usize::from(ran.err.contains("strongdm")), 0, "no target is asked");
    assert_eq!(office.strongdm.grants(), before);
    assert_eq!(office.ours().len(), 1);
    assert!(office.audited().ends_with(&[
        "begin release".into(),
        format!("release {} planned", before[0].id),
        format!("release {} done", before[0].id),
        "end release".into(),
    ]));
    office.run(&[]).exits(0).says(&["alice@example.com holds prod-postgres already", "Nothing to do"]);
}

#[test]
fn release_works_while_the_target_is_down_and_the_schedule_is() {
    let office = Office::new();
    office.run(&[]).exits(0);
    office.strongdm.trouble(Trouble::new("*", Fault::Refuse(Code::Unavailable)).times(usize::MAX));
    office.pagerduty.fail("", usize::MAX, Outage::Html(500));
    office.run(&["release", "--all", "--dry-run"]).exits(0).says(&["Plan: 2 to release."]);
    office.run(&["release", "--all"]).exits(0).says(&["Done: 2 released."]);
    assert_eq!(office.ours(), [""; 0]);
    office.run(&["release", "--all"]).exits(0).says(&["Nothing to release."]);
}

#[test]
fn release_leaves_an_intent_to_the_next_sync() {
    let office = Office::new();
    office.run(&[]).exits(0);
    office.break_off();
    assert_eq!(office.ours(), ["none", "none"]);
    office.run(&["release", "--all"]).exits(1).says(&["! it is not known whether", "left for a sync to settle"]);
    office.run(&[]).exits(0);
    office.run(&["release", "--all"]).exits(0).says(&["2 released"]);
}

#[test]
fn a_target_that_left_the_config_can_be_given_up() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let config =
        office.desk.read("oncall-sync.toml").replace("strongdm]", "other]").replace("grant.strongdm", "grant.other");
    office.desk.write("oncall-sync.toml", config);
    office.run(&["revoke", "--all"]).exits(1).says(&["! target strongdm: ", "release --target"]);
    office.run(&["release", "--target", "strongdm"]).exits(0).says(&["2 released"]);
    office.run(&[]).exits(0).says(&["already"]);
}

#[test]
fn nothing_is_released_or_taken_back_while_a_run_holds_the_lock() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let lock = fs::File::open(office.desk.path("ledger.db.lock")).expect("the lock");
    lock.try_lock().expect("nobody holds it");
    for verb in ["release", "revoke", "adopt"] {
        office.run(&[verb, "--all"]).exits(5).says(&["another run holds the ledger"]);
        office.run(&[verb, "--all", "--dry-run"]).exits(0);
    }
    drop(lock);
    assert_eq!((office.ours().len(), office.held().len()), (2, 2));
}

#[test]
fn revoke_takes_back_one_persons_grants_while_the_pager_is_down() {
    let office = Office::with(rota(), organisation(), &format!("{RULE}{ROLE}"));
    office.run(&[]).exits(0);
    office.pagerduty.fail("", usize::MAX, Outage::Html(500));
    let ran = office.run(&["revoke", "--email", "ALICE@example.com"]).exits(0);
    ran.says(&[
        "Done: 2 taken back.",
        "The next sync gives it again",
        "take the person off the schedule, or stop the timer",
    ]);
    assert_eq!(office.strongdm.attachments(), []);
    let live: Vec<_> = office.strongdm.grants().into_iter().filter(|grant| !grant.is_expired(hours(0))).collect();
    assert!(live.iter().all(|grant| grant.account == "a-2") && live.len() == 1, "{live:?}");
    assert_eq!(office.audited().iter().filter(|told| told.ends_with("revoke")).count(), 2);
    assert_eq!(office.ours().len(), 1);
    office
        .run(&["revoke", "--email", "alice@example.com"])
        .exits(2)
        .says(&["nothing of ours is held by alice@example.com"]);
    office.run(&["revoke", "--all", "--dry-run"]).exits(0).says(&["Plan: 1 to take back."]);
    assert_eq!(office.ours().len(), 1);
}

#[test]
fn what_was_revoked_comes_again_while_the_shift_goes_on() {
    let office = Office::new();
    office.run(&[]).exits(0);
    office.run(&["revoke", "--all"]).exits(0).says(&["Done: 2 taken back."]);
    office.run(&["revoke", "--all"]).exits(0).says(&["Nothing to take back."]);
    office.run(&[]).exits(0).says(&["Done: 2 given."]);
}

#[test]
fn one_target_that_is_down_keeps_only_its_own() {
    let office = Office::new();
    let files = "[target.policy]\nkind = \"file\"\npath = \"grants.json\"\n";
    office.configure("", &format!("{files}{RULE}grant.policy = [\"prod-postgres\"]\n"));
    office.run(&[]).exits(0).says(&["4 given"]);
    office.strongdm.trouble(Trouble::new("*", Fault::Refuse(Code::FailedPrecondition)).times(usize::MAX));
    office.run(&["revoke", "--target", "policy", "--email", "bob@example.com"]).exits(0).says(&["1 taken back"]);
    office.run(&["revoke", "--all"]).exits(1).says(&["! target strongdm: ", "1 taken back, 1 not served"]);
    assert!(!office.desk.read("grants.json").contains("alice@example.com"));
    assert_eq!(office.held().len(), 2, "they are still there, and ours");
    office.strongdm.change(|world| world.troubles.clear());
    office.run(&["revoke", "--all"]).exits(0).says(&["2 taken back"]);
    assert_eq!(office.ours(), [""; 0]);
}

#[test]
fn revoke_settles_what_an_earlier_run_left_open() {
    let office = Office::new();
    office.run(&[]).exits(0);
    office.break_off();
    office.run(&["revoke", "--all"]).exits(0);
    let live = office.strongdm.grants().into_iter().filter(|grant| !grant.is_expired(hours(0)));
    assert_eq!((live.count(), office.ours()), (0, Vec::new()));
}

#[test]
fn a_large_revoke_needs_a_persons_word_twice() {
    let mut organisation = organisation();
    for number in 0..12 {
        organisation = organisation.resource(&format!("rs-9{number:02}"), &format!("db-{number}"));
    }
    let names: Vec<String> = (0..12).map(|number| format!("\"db-{number}\"")).collect();
    let rule = RULE.replace("[\"prod-postgres\"]", &format!("[{}]", names.join(", ")));
    let office = Office::with(rota(), organisation, &rule);
    office.run(&[]).exits(0).says(&["24 given"]);
    let refused = ["! refused: 12 of the 24 grants", "max_revoke_percent allows 30 %", "--force"];
    office.run(&["revoke", "--email", "alice@example.com"]).exits(4).says(&refused);
    office.run(&["revoke", "--email", "alice@example.com", "--dry-run"]).exits(4);
    assert_eq!(office.ours().len(), 24);
    let grants = office.strongdm.change(|world| std::mem::take(&mut world.grants));
    office.run(&["revoke", "--all"]).exits(4).says(&["strongdm' does not show 24 of the 24 grants that we own there"]);
    assert_eq!(office.ours().len(), 24, "a target that shows nothing does not make us forget what is there");
    office.strongdm.change(|world| world.grants = grants);
    office.run(&["revoke", "--entitlement", "db-1", "--email", "alice@example.com"]).exits(0).says(&["1 taken back"]);
    office.run(&["revoke", "--email", "alice@example.com", "--force"]).exits(0).says(&["11 taken back"]);
}

#[test]
fn somebody_has_to_say_what() {
    let office = Office::new();
    for verb in ["release", "revoke"] {
        office.run(&[verb]).exits(2).says(&["say what to", "--all"]);
        office.run(&[verb, "--email", "nobody"]).exits(2).says(&["e-mail address"]);
        office.run(&[verb, "--target", "strongdm"]).exits(2).says(&["nothing of ours is on a target 'strongdm'"]);
    }
    office.run(&["release", "--id", "x\u{1b}[31m"]).exits(2).says(&["nothing of ours has the id"]);
    assert_eq!(office.strongdm.calls().len(), 0);
}

#[test]
fn what_was_taken_away_by_hand_is_given_again_or_respected_until_its_end() {
    let office = Office::new();
    office.configure("on_drift = \"respect\"", RULE);
    office.run(&[]).exits(0);
    let take = || office.strongdm.change(|world| world.grants.retain(|grant| grant.account != "a-1"));
    take();
    let respected = ["somebody took prod-postgres away from alice@example.com", "respected until 2026-03-02 14:00 UTC"];
    for _ in 0..2 {
        office.run(&[]).exits(0).says(&respected).says(&["Nothing to do"]);
    }
    office.run(&["revoke", "--email", "alice@example.com"]).exits(0).says(&["Nothing to take back."]);
    office.run(&[]).exits(0).says(&respected);
    assert!(office.strongdm.grants().iter().all(|grant| grant.account == "a-2"));
    // A person takes it back into the rules' hands.
    office.run(&["release", "--email", "alice@example.com"]).exits(0);
    office.run(&[]).exits(0).says(&["Done: 1 given."]);
    office.configure("", RULE);
    take();
    office.run(&[]).exits(0).says(&["it is given again", "Done: 1 given."]);
}

#[test]
fn a_standing_membership_taken_away_is_respected_by_the_ledgers_dates() {
    let desk = files("", "");
    let config = desk.read("oncall-sync.toml");
    desk.write("oncall-sync.toml", format!("on_drift = \"respect\"\n{config}"));
    desk.run(&[]).exits(0);
    desk.write("groups.json", "{\"version\":1}");
    desk.run(&[]).exits(0).says(&["took dba away from alice@example.com", "respected until 2026-03-02 14:00 UTC"]);
    assert!(!desk.read("groups.json").contains("alice"));
    let later = desk.run_at("2026-03-02T14:00:00Z", &[]).exits(0);
    assert!(!later.out.contains("took dba away"), "{}", later.out);
    desk.write("oncall-sync.toml", config.replace("ledger.db\"", "ledger.db\"\non_drift = \"ignore\""));
    desk.run(&[]).exits(2).says(&["on_drift", "restore", "respect"]);
}
