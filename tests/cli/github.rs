//! From a rota file to GitHub's teams.

use super::conformance::steps;
use super::*;
use crate::fakes::github::{Fake, Fault, GitHub, Right, Role, TOKEN, World};

const TEAM: u64 = 10;
const OTHER: u64 = 11;

/// A rota in a file, a fake GitHub, and the program.
struct Shop {
    desk: Desk,
    github: Fake,
}

/// Alice and Bob in the organisation, Eve outside, Mona who maintains the team.
fn acme() -> World {
    let world = World::at(now()).member(1, "alice-gh").member(2, "bob-gh").member(3, "mona").outsider(5, "eve");
    world.team(TEAM, "oncall-dba").team(OTHER, "oncall-web").in_team(TEAM, 3, Role::Maintainer)
}

const DATABASE: &str = "[[rule]]\nname = \"database\"\nschedules = [\"database\"]\ngrant.github = [\"oncall-dba\"]\n";

impl Shop {
    /// `rows` are those of a plain rota: schedule, person, hours from now.
    fn new(world: World, rows: &[(&str, &str, i64, i64)], rules: &str) -> Self {
        let shop = Self { desk: Desk::new(), github: GitHub::start(world) };
        shop.rota(rows);
        shop.configure(&shop.github.toml(), rules);
        shop
    }

    fn rota(&self, rows: &[(&str, &str, i64, i64)]) {
        let mut csv = "schedule,user,from,to\n".to_owned();
        for (schedule, person, from, to) in rows {
            let (from, to) = (hours(*from).to_rfc3339(), hours(*to).to_rfc3339());
            csv += &format!("{schedule},{person}@example.com,{from},{to}\n");
        }
        self.desk.write("rota.csv", csv);
    }

    fn configure(&self, target: &str, rules: &str) {
        let logins = "logins = { \"alice@example.com\" = \"alice-gh\", \"bob@example.com\" = \"bob-gh\", \
                      \"mona@example.com\" = \"mona\", \"eve@example.com\" = \"eve\" }";
        let source = "[source.rota]\nkind = \"file\"\npath = \"rota.csv\"\n";
        let config =
            format!("ledger = \"ledger.db\"\nwindow = \"2d\"\n{source}[target.github]\n{target}{logins}\n{rules}");
        self.desk.write("oncall-sync.toml", config);
    }

    #[track_caller]
    fn run(&self, at: i64, arguments: &[&str]) -> Ran {
        self.github.set_clock(hours(at));
        let ran = self.desk.run_at(&hours(at).to_rfc3339(), arguments);
        for secret in self.github.tokens().iter().map(String::as_str).chain([TOKEN]) {
            assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "a secret was printed: {ran:?}");
        }
        ran
    }
}

#[test]
fn whoever_is_on_call_is_in_the_team_and_nobody_after() {
    let shop = Shop::new(acme(), &[("database", "alice", -1, 4), ("database", "bob", 4, 8)], DATABASE);
    shop.run(0, &[]).exits(0).says(&["alice@example.com", "oncall-dba", "1 given"]);
    assert_eq!(shop.github.members(TEAM), ["alice-gh", "mona"]);
    shop.github.forget();
    shop.run(1, &[]).exits(0).says(&["Nothing to do"]);
    assert_eq!(shop.github.writes(), [""; 0]);
    shop.run(5, &[]).exits(0).says(&["1 given, 1 taken back"]);
    assert_eq!(shop.github.members(TEAM), ["bob-gh", "mona"]);
    shop.run(9, &[]).exits(0).says(&["1 taken back"]);
    assert_eq!(shop.github.members(TEAM), ["mona"]);
    shop.run(10, &[]).exits(0).says(&["Nothing to do"]);
}

#[test]
fn who_was_in_before_is_never_taken_out() {
    let rows = [("database", "alice", -1, 4), ("database", "mona", 4, 8)];
    let world = acme().in_team(TEAM, 1, Role::Member);
    let shop = Shop::new(world, &rows, DATABASE);
    for at in [0, 5, 9] {
        shop.run(at, &[]).exits(0);
    }
    assert_eq!((shop.github.events(), shop.github.writes()), (vec![], vec![]));
    assert_eq!(shop.github.members(TEAM), ["alice-gh", "mona"]);
}

#[test]
fn who_is_made_a_maintainer_during_their_shift_stays_one() {
    let given = "alice@example.com holds oncall-dba, which we gave, and github shows that somebody has given it another way since";
    for (during, says) in [(&[1][..], "Nothing to do"), (&[], given)] {
        let shop = Shop::new(acme(), &[("database", "alice", -1, 4)], DATABASE);
        shop.run(0, &[]).exits(0).says(&["1 given"]);
        let explain = ["explain", "alice@example.com"];
        shop.run(0, &explain).exits(0).says(&["it is ours by the ledger (10/1)"]);
        shop.github.change(|world| world.put_in(TEAM, 1, Role::Maintainer));
        shop.run(0, &explain).exits(0).says(&["somebody else gave it (10/1)"]);
        for at in during {
            shop.run(*at, &["--dry-run"]).exits(0).says(&[given]);
            shop.run(*at, &[]).exits(0).says(&[given, "it is not ours any more (10/1)", "its giver's to take back"]);
            shop.run(*at, &[])
                .exits(0)
                .says(&["alice@example.com holds oncall-dba already, by a grant that is not ours"]);
        }
        shop.run(5, &[]).exits(0).says(&[says]);
        shop.run(6, &[]).exits(0).says(&["Nothing to do"]);
        assert_eq!(shop.github.members(TEAM), ["alice-gh", "mona"]);
        assert_eq!(shop.github.events(), ["added alice-gh in oncall-dba"]);
    }
}

/// What is not shown may be there: it is asked for until a person says that it is gone, or it is shown again.
#[test]
fn access_in_a_team_that_the_token_is_not_shown_any_more_is_not_forgotten() {
    for is_shown_again in [true, false] {
        let shop = Shop::new(acme(), &[("database", "alice", -1, 4)], DATABASE);
        shop.run(0, &[]).exits(0).says(&["1 given"]);
        shop.configure(&shop.github.toml(), &DATABASE.replace("oncall-dba", "oncall-web"));
        shop.github.change(|world| {
            world.team_mut(TEAM).secret = true;
            world.rights.remove(&Right::Own);
        });
        let says = ["alice@example.com holds oncall-dba perhaps, which we gave, and it is not taken back", "be secret"];
        for at in [1, 5, 6] {
            shop.run(at, &[]).exits(1).says(&says);
        }
        shop.run(6, &["revoke", "--entitlement", "oncall-dba"]).exits(1).says(&says);
        let unknown = "Whether alice@example.com has oncall-dba on github is not known";
        shop.run(6, &["explain", "alice@example.com"]).says(&[unknown, "it may be there", "be secret"]);
        if is_shown_again {
            shop.github.change(|world| world.rights.insert(Right::Own));
            shop.run(7, &[]).exits(0).says(&["1 taken back"]);
            assert_eq!(shop.github.members(TEAM), ["mona"]);
        } else {
            shop.run(7, &["release", "--entitlement", "10"]).exits(0);
        }
        shop.run(8, &[]).exits(0).says(&["Nothing to do"]);
    }
}

#[test]
fn who_is_on_call_twice_loses_nothing_until_the_last_shift_ends() {
    let rules = format!(
        "{DATABASE}{}",
        DATABASE.replace("\"database\"", "\"web\"").replace("\"oncall-dba\"", "\"oncall-dba\", \"oncall-web\"")
    );
    let shop = Shop::new(acme(), &[("database", "alice", -1, 4), ("web", "alice", 2, 8)], &rules);
    shop.run(0, &[]).exits(0);
    shop.run(3, &[]).exits(0);
    shop.run(5, &[]).exits(0);
    assert_eq!(
        (shop.github.members(TEAM), shop.github.members(OTHER)),
        (vec!["alice-gh".into(), "mona".into()], vec!["alice-gh".into()])
    );
    assert_eq!(shop.github.events(), ["added alice-gh in oncall-dba", "added alice-gh in oncall-web"]);
    shop.run(9, &[]).exits(0).says(&["2 taken back"]);
    assert_eq!((shop.github.members(TEAM), shop.github.members(OTHER)), (vec!["mona".into()], vec![]));
}

#[test]
fn an_outsider_is_named_and_the_others_are_served() {
    let rows = [("database", "eve", -1, 8), ("web", "alice", -1, 8)];
    let rules = format!("{DATABASE}{}", DATABASE.replace("\"database\"", "\"web\""));
    let shop = Shop::new(acme(), &rows, &rules);
    let ran = shop.run(0, &[]).exits(1).says(&["eve@example.com"]);
    assert!(format!("{}{}", ran.out, ran.err).contains("eve"), "{ran:?}");
    assert_eq!(shop.github.members(TEAM), ["alice-gh", "mona"]);
    assert_eq!(shop.github.events(), ["added alice-gh in oncall-dba"]);
}

#[test]
fn a_dry_run_changes_nothing() {
    let shop = Shop::new(acme(), &[("database", "alice", -1, 4)], DATABASE);
    shop.run(0, &["--dry-run"]).exits(0).says(&["alice@example.com", "oncall-dba"]);
    assert_eq!((shop.github.writes(), shop.github.events()), (vec![], vec![]));
    assert_eq!(shop.github.members(TEAM), ["mona"]);
}

#[test]
fn whoever_left_is_taken_back_without_a_murmur() {
    let shop = Shop::new(acme(), &[("database", "alice", -1, 4)], DATABASE);
    shop.run(0, &[]).exits(0);
    shop.github.change(|world| world.leave(1));
    shop.run(5, &[]).exits(0);
    shop.run(6, &[]).exits(0).says(&["Nothing to do"]);
    assert_eq!(shop.github.events(), ["added alice-gh in oncall-dba"]);
}

#[test]
fn a_login_taken_over_loses_nothing_at_the_end_of_the_shift() {
    let shop = Shop::new(acme(), &[("database", "alice", -1, 4)], DATABASE);
    shop.run(0, &[]).exits(0);
    shop.github.change(|world| {
        world.rename(1, "alice-new");
        world.rename(2, "alice-gh");
        world.put_in(TEAM, 2, Role::Member);
    });
    shop.run(5, &[]);
    assert_eq!(shop.github.members(TEAM), ["alice-gh", "mona"], "who is called alice-gh now was put in by hand");
}

#[test]
fn as_an_app_and_with_a_token_that_ends_in_mid_run() {
    let shop = Shop::new(acme(), &[("database", "alice", -1, 4)], DATABASE);
    shop.configure(&shop.github.toml_app(), DATABASE);
    shop.github.fail("PUT", 1, Fault::Expired);
    shop.run(0, &[]).exits(0).says(&["1 given"]);
    assert_eq!(shop.github.tokens().len(), 2);
    assert_eq!(shop.github.members(TEAM), ["alice-gh", "mona"]);
}

#[test]
fn a_crash_between_giving_and_writing_it_down_is_made_good() {
    let shop = Shop::new(acme(), &[("database", "alice", -1, 4)], DATABASE);
    shop.github.fail("PUT", 1, Fault::DoneBut(502));
    shop.run(0, &[]).exits(0);
    assert_eq!(shop.github.members(TEAM), ["alice-gh", "mona"]);
    shop.run(5, &[]).exits(0).says(&["1 taken back"]);
    assert_eq!(shop.github.members(TEAM), ["mona"]);
}

#[test]
fn a_team_that_does_not_exist_is_named_with_its_near_match() {
    let rules = format!(
        "{DATABASE}{}",
        DATABASE.replace("\"database\"\ns", "\"slip\"\ns").replace("oncall-dba", "oncall-dbaa")
    );
    let shop = Shop::new(acme(), &[("database", "alice", -1, 4)], &rules);
    let ran = shop.run(0, &[]).says(&["oncall-dbaa", "oncall-dba"]);
    assert_ne!(ran.code, 0);
    assert_eq!(shop.github.events(), ["added alice-gh in oncall-dba"], "the other rule is served");
}

/// Somebody whom GitHub cannot tell this minute keeps what they have for their shift.
#[test]
fn who_cannot_be_told_this_minute_keeps_what_they_have() {
    let faults = [
        Fault::Primary { status: 403, reset: 7200 },
        Fault::Secondary { status: 403, retry_after: Some(7200) },
        Fault::Forbidden("Resource not accessible by integration"),
        Fault::GraphQl("FORBIDDEN", "Resource not accessible by integration"),
        Fault::Html(503),
        Fault::NotFound,
    ];
    side_by_side(faults, |fault| {
        let shop = Shop::new(acme().saml(1, "alice@example.com"), &[("database", "alice", -1, 4)], DATABASE);
        let config = shop.desk.read("oncall-sync.toml");
        let without: Vec<&str> = config.lines().filter(|line| !line.starts_with("logins")).collect();
        shop.desk.write("oncall-sync.toml", without.join("\n"));
        shop.run(0, &[]).exits(0).says(&["1 given"]);
        for needle in ["externalIdentities", "members(first", "/graphql"] {
            shop.github.fail(needle, usize::MAX, fault.clone());
            let ran = shop.run(1, &[]);
            assert_ne!(ran.code, 0, "{fault:?} {needle}: {ran:?}");
            assert_eq!(shop.github.members(TEAM), ["alice-gh", "mona"], "{fault:?} {needle}: {ran:?}");
            shop.github.heal();
        }
        shop.run(2, &[]).exits(0).says(&["Nothing to do"]);
        assert_eq!(shop.github.events(), ["added alice-gh in oncall-dba"], "{fault:?}");
    });
}

#[test]
fn a_team_keeps_the_contract_but_for_what_moves() {
    let shop = Shop::new(acme(), &[("database", "alice", -1, 4)], DATABASE);
    let bob = ["--account", "bob@example.com", "--entitlement", "oncall-dba", "--output", "json"];
    let report = shop.run(0, &[&["check", "--conformance", "github"], &bob[..]].concat()).exits(0).json();
    assert_eq!((&report["tenure"], &report["halted"]), (&"standing".into(), &Value::Null));
    assert_eq!(steps(&report, "failed"), [""; 0]);
    let skipped = ["amend-later", "amend-earlier", "amend-again", "never-absent"];
    assert_eq!(steps(&report, "skipped"), skipped, "{report}");
    let mut why = report["findings"].as_array().expect("a list").iter().filter(|one| one["outcome"] == "skipped");
    assert!(why.all(|one| one["text"] == "it keeps no dates, so nothing is ever moved"), "{report}");
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(oncall_sync::conformance::STEPS.len()));
    // Bob came and went, and nobody was invited, demoted or taken out.
    assert_eq!(shop.github.events(), ["added bob-gh in oncall-dba", "removed bob-gh from oncall-dba"]);
    assert_eq!((shop.github.members(TEAM), &report["left"]), (vec!["mona".to_owned()], &serde_json::json!([])));
    assert_eq!(shop.run(0, &["grants", "--output", "json"]).exits(0).json()["grants"], serde_json::json!([]));
}

/// The numbers of the README: 50 teams, 1,000 members, 200 people.
#[test]
fn a_run_lists_each_team_once_and_looks_each_person_up_once() {
    const TEAMS: u64 = 50;
    const PEOPLE: u64 = 200;
    let (login, name) = (|number: u64| format!("person-{number}"), |number: u64| format!("team-{number}"));
    let world = (0..TEAMS).fold(World::at(now()), |world, number| world.team(10_000 + number, &name(number)));
    let world = (0..1_000).fold(world, |world, number| {
        world.member(1 + number, &login(number)).in_team(10_000 + number % TEAMS, 1 + number, Role::Member)
    });
    // Everybody is on call for a team that they are in, but for ten.
    let at = |number: u64| if number < 10 { number + 1 } else { number % TEAMS };
    let rule = |number| {
        let schedules: Vec<_> =
            (0..PEOPLE).filter(|person| at(*person) == number).map(|one| format!("s{one}")).collect();
        let name = name(number);
        format!("[[rule]]\nname = \"r{number}\"\nschedules = {schedules:?}\ngrant.github = [{name:?}]\n")
    };
    let shop = Shop::new(world, &[], &(0..TEAMS).map(rule).collect::<String>());
    let rows: Vec<_> = (0..PEOPLE).map(|number| (format!("s{number}"), login(number))).collect();
    shop.rota(&rows.iter().map(|(schedule, person)| (&**schedule, &**person, -1, 4)).collect::<Vec<_>>());
    let logins: Vec<_> = (0..PEOPLE).map(|number| format!("\"{0}@example.com\" = \"{0}\"", login(number))).collect();
    let mapped = format!("logins = {{ {} }}", logins.join(", "));
    let config = shop.desk.read("oncall-sync.toml");
    let config: Vec<_> = config.lines().map(|line| if line.starts_with("logins") { &mapped } else { line }).collect();
    shop.desk.write("oncall-sync.toml", config.join("\n"));

    // What is given costs one more each, and a look or two that all of them share.
    for (arguments, least, most) in [(&["--dry-run", "--output", "json"][..], 4, 4), (&["--output", "json"], 15, 16)] {
        shop.github.forget();
        let report = shop.run(0, arguments).exits(0).json();
        let requests = shop.github.requests();
        assert_eq!(report["requests"]["targets"]["github"], requests.len());
        assert!((least..=most).contains(&requests.len()), "{requests:?}");
        let reading = |part: &str| {
            let named = |line: String| line.starts_with("POST /graphql") && line.contains(&format!("\"{part}\""));
            requests[..4].iter().filter(|request| named(request.line())).count()
        };
        assert!((0..TEAMS).all(|number| reading(&name(number)) == 1), "{requests:?}");
        assert!((0..PEOPLE).all(|number| reading(&login(number)) == 1), "{requests:?}");
    }
    assert_eq!(shop.github.events().len(), 10, "{:?}", shop.github.events());
}
