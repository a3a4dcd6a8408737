//! The whole job with Okta: from a rota file or PagerDuty into groups, and out of them again.

use super::conformance::steps;
use super::*;
use crate::fakes::okta::{self, Fault, Kind, Okta, PKCS8, Status, World};

const GROUP: &str = "00gfake0000000000001";
const OTHER: &str = "00gfake0000000000002";
const ALICE: &str = "00ufake0000000000001";
const BOB: &str = "00ufake0000000000002";
const CAROL: &str = "00ufake0000000000003";

const RULE: &str = "[[rule]]\nname = \"database\"\nschedules = [\"database\"]\ngrant.okta = [\"oncall-dba\"]\n";
const SECOND: &str = "[[rule]]\nname = \"network\"\nschedules = [\"network\"]\ngrant.okta = [\"oncall-dba\"]\n";

/// Alice until 14:00, then Bob until 22:00; on the network Alice until 18:00.
const ROTA: &str = "schedule,user,from,to\n\
    database,alice@example.com,2026-03-02T06:00Z,2026-03-02T14:00Z\n\
    database,bob@example.com,2026-03-02T14:00Z,2026-03-02T22:00Z\n\
    network,alice@example.com,2026-03-02T06:00Z,2026-03-02T18:00Z\n";

fn everybody() -> World {
    World::at(now())
        .user(ALICE, "alice@example.com")
        .user(BOB, "bob@example.com")
        .user(CAROL, "carol@example.com")
        .group(GROUP, "oncall-dba")
        .group(OTHER, "oncall-network")
}

/// A desk with a rota file, and Okta.
struct Branch {
    desk: Desk,
    okta: okta::Fake,
}

impl Branch {
    fn new(world: World, rules: &str) -> Self {
        let branch = Self { desk: Desk::new(), okta: Okta::start(world) };
        branch.desk.write("rota.csv", ROTA);
        branch.configure(&branch.okta.toml(), rules);
        branch
    }

    fn configure(&self, target: &str, rules: &str) {
        let source = "[source.rota]\nkind = \"file\"\npath = \"rota.csv\"\n";
        self.desk.write(
            "oncall-sync.toml",
            format!("window = \"1d\"\nledger = \"ledger.db\"\n{source}[target.okta]\n{target}{rules}"),
        );
    }

    /// A run so many hours after [`NOW`]; Okta's clock goes with ours.
    #[track_caller]
    fn run_at(&self, ahead: i64, arguments: &[&str]) -> Ran {
        self.okta.ahead(TimeDelta::hours(ahead));
        let ran = self.desk.run_at(&hours(ahead).to_rfc3339(), arguments);
        for secret in self.okta.secrets() {
            assert!(!ran.out.contains(&secret) && !ran.err.contains(&secret), "a secret was printed: {ran:?}");
        }
        ran
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_at(0, arguments)
    }

    fn members(&self) -> Vec<String> {
        self.okta.members(GROUP)
    }
}

#[test]
fn members_come_with_the_shift_and_go_with_it() {
    let branch = Branch::new(everybody(), RULE);
    branch.run(&[]).exits(0).says(&[
        "alice@example.com",
        "oncall-dba",
        "bob@example.com gets oncall-dba when the shift begins",
        "1 given",
    ]);
    assert_eq!(branch.members(), [ALICE]);
    branch.okta.forget();
    let ran = branch.run(&[]).exits(0);
    assert!(ran.out.contains("Nothing to do"), "{}", ran.out);
    assert_eq!(branch.okta.changes(), [], "a second run writes nothing");
    branch.run_at(6, &[]).exits(0).says(&["1 given", "alice@example.com"]);
    assert_eq!(branch.members(), [BOB]);
    branch.run_at(14, &[]).exits(0);
    assert_eq!(branch.members(), [""; 0]);
    branch.run_at(15, &[]).exits(0).says(&["Nothing to do"]);
    assert!(branch.okta.changes().iter().all(|change| change.told), "{:?}", branch.okta.changes());
}

#[test]
fn who_was_in_before_stays_in_when_the_shift_ends() {
    let branch = Branch::new(everybody().member(GROUP, ALICE).member(GROUP, CAROL), RULE);
    branch.run(&[]).exits(0).says(&["alice@example.com holds oncall-dba already"]);
    branch.run_at(6, &[]).exits(0);
    assert_eq!(branch.members(), [ALICE, BOB, CAROL]);
    branch.run_at(14, &[]).exits(0);
    assert_eq!(branch.members(), [ALICE, CAROL]);
    assert!(branch.okta.changes().iter().all(|change| change.user == BOB), "{:?}", branch.okta.changes());
}

#[test]
fn whom_a_rule_of_okta_s_put_in_is_never_excluded_from_it() {
    let branch = Branch::new(everybody().rule("0prfake0000000000001", GROUP, &[ALICE, BOB]), RULE);
    for ahead in [0, 6, 14] {
        branch.run_at(ahead, &[]).exits(0);
        assert_eq!(branch.members(), [ALICE, BOB], "{ahead}");
    }
    assert_eq!((branch.okta.changes(), branch.okta.exclusions()), (vec![], vec![]));
}

/// Whether a rule would put them back, Okta does not tell.
#[test]
fn taking_somebody_out_of_a_group_that_a_rule_fills_is_warned_of() {
    let branch = Branch::new(everybody().rule("0prfake0000000000001", GROUP, &[CAROL]), RULE);
    assert!(!branch.run(&[]).err.contains("group rule"));
    assert_eq!(branch.members(), [ALICE, CAROL]);
    let ran = branch.run_at(6, &[]);
    assert_eq!(branch.members(), [BOB, CAROL]);
    let warned = ["alice@example.com", "the group rule", "0prfake0000000000001"];
    assert!(warned.iter().all(|part| ran.err.contains(part)), "{ran:?}");
}

#[test]
fn who_is_in_two_rules_loses_nothing_until_the_last_one_ends() {
    let branch = Branch::new(everybody(), &format!("{RULE}{SECOND}"));
    branch.run(&[]).exits(0);
    assert_eq!(branch.members(), [ALICE]);
    branch.okta.forget();
    branch.run_at(6, &[]).exits(0);
    assert_eq!(branch.members(), [ALICE, BOB]);
    assert!(
        branch.okta.changes().iter().all(|change| change.put),
        "nobody is out for a moment: {:?}",
        branch.okta.changes()
    );
    branch.run_at(10, &[]).exits(0);
    assert_eq!(branch.members(), [BOB]);
}

#[test]
fn a_dry_run_shows_the_plan_and_writes_nothing() {
    let branch = Branch::new(everybody(), RULE);
    branch.run(&["--dry-run"]).exits(0).says(&["alice@example.com", "oncall-dba", "Plan: 1 to give."]);
    assert_eq!((branch.okta.changes(), branch.desk.exists("ledger.db")), (vec![], false));
    assert!(branch.okta.requests().iter().all(|request| request.method == "GET"), "{:?}", branch.okta.requests());
}

#[test]
fn with_proofs_of_possession_the_job_is_the_same() {
    let branch = Branch::new(everybody(), RULE);
    branch.configure(&branch.okta.toml_with_key(PKCS8, ""), RULE);
    branch.run(&["-vv"]).exits(0);
    assert_eq!(branch.members(), [ALICE]);
    branch.run_at(6, &["-vv"]).exits(0);
    assert_eq!(branch.members(), [BOB]);
}

#[test]
fn the_id_of_a_group_is_as_good_as_its_name() {
    let branch = Branch::new(everybody(), RULE);
    branch.run(&[]).exits(0);
    branch.configure(&branch.okta.toml(), &RULE.replace("oncall-dba", GROUP));
    branch.okta.forget();
    branch.run(&[]).exits(0).says(&["Nothing to do"]);
    assert_eq!(branch.okta.changes(), []);
    // Renamed in Okta, it is the same group.
    branch.okta.change(|world| world.groups.get_mut(GROUP).expect("it is there").name = "database on call".to_owned());
    branch.run_at(6, &[]).exits(0);
    assert_eq!(branch.members(), [BOB]);
}

#[test]
fn a_group_that_is_not_there_spoils_no_other() {
    let rules = format!("{RULE}{}", SECOND.replace("oncall-dba", "oncall-netwrk"));
    let branch = Branch::new(everybody(), &rules);
    let ran = branch.run(&[]);
    assert_ne!(ran.code, 0, "{ran:?}");
    ran.says(&["oncall-netwrk", "oncall-network"]);
    assert_eq!(branch.members(), [ALICE]);
    let branch =
        Branch::new(everybody().group_of(OTHER, "oncall-network", Kind::App), &rules.replace("netwrk", "network"));
    let ran = branch.run(&[]);
    assert_ne!(ran.code, 0, "{ran:?}");
    assert_eq!((branch.members(), branch.okta.members(OTHER).len()), (vec![ALICE.to_owned()], 0));
}

#[test]
fn who_is_suspended_or_unknown_is_named_and_gets_nothing() {
    let branch = Branch::new(everybody(), RULE);
    branch.okta.change(|world| world.set_status(ALICE, Status::Suspended));
    branch.run(&[]).says(&["alice@example.com", "suspended"]);
    assert_eq!(branch.members(), [""; 0]);
    branch.okta.change(|world| world.delete_user(ALICE));
    branch.run(&[]).says(&["alice@example.com", "no account"]);
}

/// The person leaves the company, or the group is deleted, in the middle of a shift.
#[test]
fn what_went_by_itself_is_not_overdue() {
    for gone in [
        (|world| world.delete_user(ALICE)) as fn(&mut World),
        |world| world.set_status(ALICE, Status::Deprovisioned),
        |world| world.take(GROUP, ALICE),
    ] {
        let branch = Branch::new(everybody(), RULE);
        branch.run(&[]).exits(0);
        branch.okta.change(gone);
        branch.run_at(6, &[]);
        branch.run_at(7, &[]).exits(0);
        assert_eq!(branch.members(), [BOB]);
    }
}

#[test]
fn an_outage_at_the_end_of_a_shift_is_an_error_until_it_is_made_good() {
    let branch = Branch::new(everybody(), RULE);
    branch.run(&[]).exits(0);
    branch.okta.fail_at("DELETE", "", usize::MAX, Fault::Forbidden);
    let ran = branch.run_at(6, &[]);
    assert_ne!(ran.code, 0, "{ran:?}");
    ran.says(&["E0000006", "You do not have permission to perform the requested action", "alice@example.com"]);
    assert_eq!(branch.members(), [ALICE, BOB]);
    branch.okta.heal();
    branch.run_at(6, &[]).exits(0);
    assert_eq!(branch.members(), [BOB]);
}

/// When we may not, an administrator helps; what they give is theirs to take back.
#[test]
fn what_was_refused_and_then_given_by_hand_is_not_ours() {
    let branch = Branch::new(everybody(), RULE);
    branch.okta.fail_at("PUT", "", usize::MAX, Fault::Forbidden);
    branch.run(&[]).exits(1).says(&["alice@example.com", "E0000006"]);
    branch.okta.heal();
    branch.okta.change(|world| world.put(GROUP, ALICE));
    branch.run(&[]).exits(0).says(&["alice@example.com holds oncall-dba already"]);
    branch.run_at(6, &[]).exits(0);
    assert_eq!(branch.members(), [ALICE, BOB]);
}

/// Somebody whom Okta cannot be asked about keeps what they hold.
#[test]
fn an_outage_in_mid_shift_takes_nobody_out() {
    for needle in ["/api/v1/users", "/api/v1/groups", "/users?", ""] {
        let branch = Branch::new(everybody(), RULE);
        branch.run(&[]).exits(0);
        branch.okta.fail_at("GET", needle, usize::MAX, Fault::Forbidden);
        let ran = branch.run_at(1, &[]);
        assert_ne!(ran.code, 0, "{needle}: {ran:?}");
        assert_eq!(branch.members(), [ALICE], "{needle}");
        branch.okta.heal();
        branch.run_at(1, &[]).exits(0).says(&["Nothing to do"]);
    }
}

#[test]
fn from_pagerduty_it_is_the_same() {
    let branch = Branch::new(everybody(), RULE);
    let pagerduty = pagerduty::PagerDuty::start(rota());
    secret(&branch.desk.path("pagerduty.key"), pagerduty.key());
    let source =
        format!("[source.pagerduty]\napi_key = {{ file = \"pagerduty.key\" }}\nbase_url = \"{}\"\n", pagerduty.url());
    let rule = format!("[[rule]]\nname = \"database\"\nschedules = [\"{PRIMARY}\"]\ngrant.okta = [\"oncall-dba\"]\n");
    let config = format!("ledger = \"ledger.db\"\n{source}[target.okta]\n{}{rule}", branch.okta.toml());
    branch.desk.write("oncall-sync.toml", config);
    let report = branch.run(&["--output", "json"]).exits(0).json();
    assert_eq!(branch.members(), [ALICE]);
    assert_eq!(report["requests"]["targets"]["okta"], branch.okta.requests().len());
    pagerduty.replace(rota().moved_to(hours(7)));
    branch.run_at(7, &[]).exits(0);
    assert_eq!(branch.members(), [BOB]);
}

#[test]
fn a_group_keeps_the_contract_but_for_what_moves() {
    let branch = Branch::new(everybody().member(GROUP, BOB), RULE);
    let carol = ["--account", "carol@example.com", "--entitlement", "oncall-dba", "--output", "json"];
    let report = branch.run(&[&["check", "--conformance", "okta"], &carol[..]].concat()).exits(0).json();
    assert_eq!((&report["tenure"], &report["halted"]), (&"standing".into(), &Value::Null));
    assert_eq!(steps(&report, "failed"), [""; 0]);
    let skipped = ["amend-later", "amend-earlier", "amend-again", "never-absent"];
    assert_eq!(steps(&report, "skipped"), skipped, "{report}");
    let why = report["findings"].as_array().expect("a list").iter().filter(|one| one["outcome"] == "skipped");
    assert!(why.clone().all(|one| one["text"] == "it keeps no dates, so nothing is ever moved"), "{report}");
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(oncall_sync::conformance::STEPS.len()));
    // Carol was put there, and nobody else was touched.
    assert!(!branch.okta.changes().is_empty() && branch.okta.changes().iter().all(|change| change.user == CAROL));
    assert_eq!((branch.members(), &report["left"]), (vec![BOB.to_owned()], &serde_json::json!([])));
    assert_eq!(branch.run(&["grants", "--output", "json"]).exits(0).json()["grants"], serde_json::json!([]));
}

/// The numbers of the README: 50 groups, 1,000 members among them, 200 people.
#[test]
fn a_run_lists_each_group_once_and_looks_each_person_up_once() {
    const GROUPS: usize = 50;
    const PEOPLE: usize = 200;
    let (user, group) = (|number| format!("00ufake{number:013}"), |number| format!("00gfake{number:013}"));
    let (email, name) = (|number| format!("person-{number}@example.com"), |number| format!("oncall-{number}"));
    let mut world = (0..GROUPS).fold(World::at(now()), |world, number| world.group(&group(number), &name(number)));
    for number in 0..1_000 {
        world = world.user(&user(number), &email(number)).member(&group(number % GROUPS), &user(number));
    }
    // Everybody is on call for a group that they are in, but for ten.
    let at = |number: usize| if number < 10 { number + 1 } else { number % GROUPS };
    let (from, to) = (hours(-2).to_rfc3339(), hours(8).to_rfc3339());
    let rows = (0..PEOPLE).map(|number| format!("s{number},{},{from},{to}\n", email(number)));
    let rota = rows.fold("schedule,user,from,to\n".to_owned(), |rota, row| rota + &row);
    let rule = |number| {
        let schedules: Vec<_> =
            (0..PEOPLE).filter(|person| at(*person) == number).map(|one| format!("s{one}")).collect();
        let name = name(number);
        format!("[[rule]]\nname = \"r{number}\"\nschedules = {schedules:?}\ngrant.okta = [{name:?}]\n")
    };
    let rules: String = (0..GROUPS).map(rule).collect();
    let branch = Branch::new(world, &rules);
    branch.desk.write("rota.csv", rota);
    let key = branch.okta.toml_with_key(PKCS8, "");
    for (target, expected) in [(branch.okta.toml(), 61), (key, 61 + 2)] {
        branch.configure(&target, &rules);
        branch.okta.forget();
        let report = branch.run(&["--dry-run", "--output", "json"]).exits(0).json();
        assert_eq!(report["counts"]["created"], 10, "{}", report["counts"]);
        let requests = branch.okta.requests();
        let asked = |part: &str| {
            let in_query = |query: &[(String, String)]| query.iter().any(|(_, value)| value.contains(part));
            requests.iter().filter(|request| request.path.contains(part) || in_query(&request.query)).count()
        };
        assert_eq!((&report["requests"]["targets"]["okta"], requests.len()), (&expected.into(), expected));
        for number in 0..GROUPS {
            assert_eq!((asked(&format!("\"{}\"", name(number))), asked(&format!("/{}/users", group(number)))), (1, 1));
        }
        assert!((0..PEOPLE).all(|number| asked(&format!("\"{}\"", email(number))) == 1), "{requests:?}");
    }
}
