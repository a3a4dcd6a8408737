//! Part of the world is missing, or says what cannot be: what rests on it is held, or the run is refused.

use serde_json::{Value, json};
use tonic::Code;

use super::*;
use crate::fakes::pagerduty::Fault as Answer;
use crate::fakes::strongdm::{Fault, Trouble};

/// As many as a share of them is looked at.
const TEAM: usize = 12;

fn name(member: usize) -> String {
    format!("member{member}@example.com")
}

/// The first `count` of a team of twelve, all on call from two hours ago until hour `until`.
fn team_rota(count: usize, until: i64) -> pagerduty::World {
    let mut world = pagerduty::World::at(now()).schedule(PRIMARY, "DBA Primary");
    for member in 0..TEAM {
        world = world.person(&format!("P{member}"), &format!("Member {member}"), &name(member));
    }
    (0..count).fold(world, |world, member| world.shift(PRIMARY, &format!("P{member}"), hours(-2), hours(until)))
}

/// All twelve are on call and hold what they should.
fn team() -> Office {
    let accounts = |world: strongdm::World, member| world.user(&format!("a-{member}"), &name(member));
    let organisation = (0..TEAM).fold(strongdm::World::at(now()), accounts).resource("rs-1", "prod-postgres");
    let office = Office::with(team_rota(TEAM, 6), organisation, RULE);
    office.run(&[]).exits(0).says(&["12 given"]);
    office.strongdm.forget();
    office
}

/// Alice and Bob hold what they should.
fn served() -> Office {
    let office = Office::new();
    office.run(&[]).exits(0).says(&["2 given"]);
    office.strongdm.forget();
    office
}

/// A run of this kind, and a dry one, say so and change nothing.
#[track_caller]
fn leaves_alone(office: &Office, code: i32, words: &[&str]) {
    let before = office.held();
    office.run(&["--dry-run"]).exits(code).says(words);
    office.run(&[]).exits(code).says(words);
    assert_eq!(office.held(), before);
    assert_eq!(office.writes(), 0);
}

/// An entry of `/oncalls` as PagerDuty writes it.
fn entry(id: &str, email: &str, start: DateTime<Utc>, end: DateTime<Utc>) -> Value {
    json!({
        "escalation_policy": {"id": "PPOLICY", "type": "escalation_policy_reference", "summary": "Policy"},
        "escalation_level": 1,
        "schedule": {"id": PRIMARY, "type": "schedule_reference", "summary": "DBA Primary"},
        "user": {"id": id, "type": "user", "name": email, "summary": email, "email": email},
        "start": start, "end": end,
    })
}

/// A source that answers these entries, whatever it is asked.
fn answers(office: &Office, entries: Vec<Value>) {
    let body = json!({"oncalls": entries, "limit": 100, "offset": 0, "more": false, "total": entries.len()});
    office.pagerduty.fail("/oncalls", usize::MAX, Answer::Json(body));
}

fn on_call() -> [Value; 2] {
    [entry("PALICE", "alice@example.com", hours(-2), hours(6)), entry("PBOB", "bob@example.com", hours(6), hours(14))]
}

/// A row of a rota for the whole day.
fn rota_of(who: &str) -> String {
    format!("schedule,user,from,to\nprimary,{who}@example.com,2026-03-02T00:00:00Z,2026-03-03T00:00:00Z\n")
}

const THREE_SOURCES: &str = r#"
[source.north]
kind = "file"
path = "north.csv"

[source.south]
kind = "file"
path = "south.csv"

[[rule]]
name = "database"
source = "pagerduty"
schedules = ["PI7DH85"]
grant.strongdm = ["prod-postgres"]

[[rule]]
name = "north"
source = "north"
schedules = ["primary"]
grant.strongdm = ["prod-postgres"]

[[rule]]
name = "south"
source = "south"
schedules = ["primary"]
grant.strongdm = ["prod-mysql"]
"#;

#[test]
fn one_of_three_sources_is_down() {
    side_by_side(["pagerduty", "north", "south"], |down| {
        let office = Office::with(rota(), organisation(), THREE_SOURCES);
        office.desk.write("north.csv", rota_of("carol"));
        office.desk.write("south.csv", rota_of("carol"));
        office.run(&[]).exits(0).says(&["4 given"]);
        let before = office.held();
        // Bob takes it all over; whether he does where the source is down, nobody can know.
        office.pagerduty.replace(people().shift(PRIMARY, "PBOB", hours(-2), hours(14)));
        office.desk.write("north.csv", rota_of("bob"));
        office.desk.write("south.csv", rota_of("bob"));
        if down == "pagerduty" {
            office.pagerduty.fail("", usize::MAX, Answer::Html(500));
        } else {
            office.desk.write(&format!("{down}.csv"), "\"");
        }
        let words = [format!("! source {down}: "), "and it stands".into(), "1 not served".into()];
        office.run(&[]).exits(1).says(&words.each_ref().map(|word| &**word));
        let of = |held: &[(String, String, DateTime<Utc>, DateTime<Utc>)], account: &str, resource: &str| {
            held.iter().any(|(holder, what, ..)| holder == account && what == resource)
        };
        let after = office.held();
        for (source, account, resource) in
            [("pagerduty", "a-1", "rs-1"), ("north", "a-3", "rs-1"), ("south", "a-3", "rs-2")]
        {
            assert!(of(&before, account, resource));
            assert_eq!(of(&after, account, resource), down == source, "{down} is down: {account} {resource}");
        }
    });
}

#[test]
fn one_of_three_targets_is_down() {
    let targets = "[target.policy]\nkind = \"file\"\npath = \"policy.json\"\n[target.other]\nkind = \"file\"\npath = \"other.json\"\n";
    let rules = format!("{targets}{RULE}grant.policy = [\"db\"]\ngrant.other = [\"db\"]\n");
    for down in ["strongdm", "policy", "other"] {
        let office = Office::with(rota(), organisation(), &rules);
        office.run(&[]).exits(0).says(&["6 given"]);
        let strongdm = office.held();
        let documents = |office: &Office| ["policy.json", "other.json"].map(|name| office.desk.read(name));
        let before = documents(&office);
        office.pagerduty.replace(people().shift(PRIMARY, "PCAROL", hours(-2), hours(14)));
        match down {
            "strongdm" => {
                office.strongdm.trouble(Trouble::new("*", Fault::Refuse(Code::FailedPrecondition)).times(usize::MAX))
            }
            file => office.desk.write(&format!("{file}.json"), "{"),
        }
        let words = [format!("! target {down}: "), "2 given, 4 taken back, 1 not served".into()];
        office.run(&[]).exits(1).says(&words.each_ref().map(|word| &**word));
        assert_eq!(office.held() == strongdm, down == "strongdm");
        let after = documents(&office);
        for (at, name) in ["policy", "other"].into_iter().enumerate() {
            let expected = if down == name { "{" } else { "carol@example.com" };
            assert!(after[at].contains(expected) && after[at] != before[at], "{down} is down: {}", after[at]);
        }
    }
}

#[test]
fn one_of_five_pages_of_the_source_is_broken() {
    // Nine shifts of an hour in fifty places: 450 entries of a hundred a page.
    let places: Vec<(String, u32)> = (0..50).map(|place| (format!("PP{place}"), 1)).collect();
    let places: Vec<(&str, u32)> = places.iter().map(|(policy, level)| (&**policy, *level)).collect();
    let world = || {
        let people = pagerduty::World::at(now()).person("PALICE", "Alice", "alice@example.com").person(
            "PBOB",
            "Bob",
            "bob@example.com",
        );
        let world = people.schedule_at(PRIMARY, "DBA Primary", &places);
        (0..9).fold(world, |world, hour| {
            world.shift(PRIMARY, if hour % 2 == 0 { "PALICE" } else { "PBOB" }, hours(hour), hours(hour + 1))
        })
    };
    for offset in [0, 200, 400] {
        let office = Office::with(world(), organisation(), RULE);
        office.run(&[]).exits(0).says(&["9 given"]);
        assert_eq!(office.pagerduty.count("/oncalls"), 5);
        office.strongdm.forget();
        office.pagerduty.fail(&format!("offset={offset}"), usize::MAX, Answer::Html(400));
        leaves_alone(&office, 1, &["! source pagerduty: ", "400", "and it stands"]);
    }
}

#[test]
fn a_later_page_of_the_target_is_broken() {
    let office = team();
    office.strongdm.change(|world| world.manners.page_size = 3);
    office.pagerduty.replace(team_rota(10, 6));
    let list = "AccountGrants.List";
    let broken = Trouble::new(list, Fault::Refuse(Code::FailedPrecondition)).after(list).times(usize::MAX);
    office.strongdm.trouble(broken);
    let before = office.held();
    office.run(&[]).exits(1).says(&["! target strongdm: ", "1 not served"]);
    assert_eq!((office.held(), office.writes()), (before, 0));
    assert!(office.strongdm.count(list) > 1, "a first page was read");
    office.strongdm.change(|world| world.troubles.clear());
    office.run(&[]).exits(0).says(&["2 taken back"]);
}

#[test]
fn a_schedule_is_deleted() {
    let office = served();
    let without = pagerduty::World::at(now()).schedule("PANOTHER", "Another");
    office.pagerduty.replace(without);
    leaves_alone(&office, 1, &["! source pagerduty: ", PRIMARY, "and it stands"]);
}

#[test]
fn a_schedule_is_renamed() {
    let renamed = || {
        let people = pagerduty::World::at(now())
            .person("PALICE", "Alice", "alice@example.com")
            .person("PBOB", "Bob", "bob@example.com")
            .schedule(PRIMARY, "DBA Primry");
        people.shift(PRIMARY, "PALICE", hours(-2), hours(6)).shift(PRIMARY, "PBOB", hours(6), hours(14))
    };
    // By its id it is the same.
    let office = served();
    office.pagerduty.replace(renamed());
    leaves_alone(&office, 0, &["Nothing to do"]);
    // By its name it is gone.
    let office = Office::with(rota(), organisation(), &RULE.replace(PRIMARY, "DBA Primary"));
    office.run(&[]).exits(0);
    office.strongdm.forget();
    office.pagerduty.replace(renamed());
    leaves_alone(&office, 1, &["! source pagerduty: ", "DBA Primary", "DBA Primry", "and it stands"]);
}

#[test]
fn a_schedule_is_deleted_and_made_again_without_anybody() {
    let office = Office::with(rota(), organisation(), &RULE.replace(PRIMARY, "DBA Primary"));
    office.run(&[]).exits(0);
    office.strongdm.forget();
    office.pagerduty.replace(pagerduty::World::at(now()).schedule("PNEW", "DBA Primary"));
    leaves_alone(
        &office,
        4,
        &[
            "! refused: schedule 'DBA Primary' of source 'pagerduty' suddenly has nobody on call, while 2 live grants rest on it",
        ],
    );
}

#[test]
fn all_shifts_of_a_schedule_are_in_the_past() {
    let office = served();
    office.pagerduty.replace(people().shift(PRIMARY, "PALICE", hours(-9), hours(-1)));
    leaves_alone(&office, 4, &["suddenly has nobody on call, while 2 live grants rest on it"]);
}

#[test]
fn a_second_schedule_is_empty_while_the_first_covers_it() {
    let both = || rota().schedule("PSECOND", "Second");
    let rules = RULE.replace("[\"PI7DH85\"]", "[\"PI7DH85\", \"PSECOND\"]");
    let office = Office::with(both().shift("PSECOND", "PALICE", hours(-2), hours(6)), organisation(), &rules);
    office.run(&[]).exits(0).says(&["2 given"]);
    office.strongdm.forget();
    office.pagerduty.replace(both());
    leaves_alone(&office, 0, &["Nothing to do"]);
    // Where it alone was the reason for an hour more, that hour is worth a word.
    office.pagerduty.replace(both().shift("PSECOND", "PALICE", hours(-2), hours(7)));
    office.run(&[]).exits(0).says(&["1 moved"]);
    office.strongdm.forget();
    office.pagerduty.replace(both());
    leaves_alone(
        &office,
        4,
        &["schedule 'Second' of source 'pagerduty' suddenly has nobody on call, while 1 live grant"],
    );
}

#[test]
fn far_fewer_people_than_before() {
    let office = team();
    office.pagerduty.replace(team_rota(8, 6));
    let words =
        ["4 of the 12 grants that we own would be revoked before their end, and limits.max_revoke_percent allows 30 %"];
    leaves_alone(&office, 4, &words);
    office.run(&["--force"]).exits(0).says(&["4 taken back"]);
    office.run(&[]).exits(0).says(&["Nothing to do"]);
}

#[test]
fn a_few_people_less_than_before() {
    let office = team();
    office.pagerduty.replace(team_rota(9, 6));
    office.run(&[]).exits(0).says(&["3 taken back"]);
}

#[test]
fn all_shifts_suddenly_end_within_the_hour() {
    let office = team();
    office.pagerduty.replace(team_rota(TEAM, 1));
    let words = [
        "12 of the 12 grants that we own would be revoked before their end (12 of them by losing more than half of the time that they have left)",
    ];
    leaves_alone(&office, 4, &words);
    office.run(&["--force"]).exits(0).says(&["12 moved"]);
}

#[test]
fn a_user_is_deleted_who_is_still_on_call() {
    let office = served();
    let world = pagerduty::World::at(now())
        .deleted_person("PALICE", "Alice")
        .person("PBOB", "Bob", "bob@example.com")
        .schedule(PRIMARY, "DBA Primary")
        .shift(PRIMARY, "PALICE", hours(-2), hours(6))
        .shift(PRIMARY, "PBOB", hours(6), hours(14));
    office.pagerduty.replace(world);
    leaves_alone(
        &office,
        1,
        &["! Alice (PALICE), on call in 'DBA Primary', has no e-mail at the source", "what they hold stands"],
    );
}

#[test]
fn everybody_s_email_is_gone() {
    let office = team();
    let world = (0..TEAM).fold(pagerduty::World::at(now()).schedule(PRIMARY, "DBA Primary"), |world, member| {
        let id = format!("P{member}");
        world.person_without_email(&id, "Somebody").shift(PRIMARY, &id, hours(-2), hours(6))
    });
    office.pagerduty.replace(world);
    leaves_alone(&office, 1, &["has no e-mail at the source", "12 not served"]);
}

#[test]
fn every_account_is_gone_from_the_target() {
    let office = team();
    office.strongdm.change(|world| world.accounts.clear());
    leaves_alone(&office, 1, &["is on call and has no account on strongdm", "12 not served"]);
}

#[test]
fn everything_that_is_ours_is_gone_from_the_target() {
    let office = team();
    let grants = office.strongdm.change(|world| std::mem::take(&mut world.grants));
    let words = [
        "! refused: target 'strongdm' does not show 12 of the 12 grants that we own there any more, or as somebody else's, and limits.max_revoke_percent allows 30 %",
        "they would be given twice",
    ];
    leaves_alone(&office, 4, &words);
    // It did not tell the truth.
    office.strongdm.change(|world| world.grants = grants);
    office.run(&[]).exits(0).says(&["Nothing to do"]);
    // It did.
    office.strongdm.change(|world| world.grants.clear());
    office.run(&["--force"]).exits(0).says(&["12 given"]);
    office.run(&[]).exits(0).says(&["Nothing to do"]);
}

#[test]
fn a_few_that_are_ours_are_gone_from_the_target() {
    let office = team();
    office.strongdm.change(|world| world.grants.truncate(9));
    office.run(&[]).exits(0).says(&["3 given"]);
}

#[test]
fn a_source_answers_with_the_shifts_of_another_window() {
    let office = served();
    answers(&office, vec![entry("PALICE", "alice@example.com", hours(24 * 30), hours(24 * 31))]);
    leaves_alone(&office, 4, &["suddenly has nobody on call, while 2 live grants rest on it"]);
}

#[test]
fn a_source_answers_with_a_shift_that_ends_before_it_begins() {
    let office = served();
    let [alice, _] = on_call();
    answers(&office, vec![alice, entry("PBOB", "bob@example.com", hours(14), hours(6))]);
    leaves_alone(
        &office,
        1,
        &[
            "! source pagerduty: ",
            "ends at 2026-03-02 14:00:00 UTC and begins at 2026-03-02 22:00:00 UTC",
            "and it stands",
        ],
    );
}

#[test]
fn a_source_answers_with_the_same_shift_thousands_of_times() {
    let office = served();
    answers(&office, on_call().into_iter().cycle().take(6000).collect());
    leaves_alone(&office, 0, &["Nothing to do"]);
}
