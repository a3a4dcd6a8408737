//! How much is asked where there is much.

#![expect(clippy::disallowed_macros, reason = "the counts are for people to read: `--nocapture`")]

use futures_util::{StreamExt as _, stream};
use oncall_sync::net::Context;
use oncall_sync::target::Target;

use super::*;
use crate::fakes::github::Identity;
use crate::target::contract::context;

const TEAMS: u64 = 50;
const MEMBERS: u64 = 1_000;
const PEOPLE: u64 = 200;

/// Fifty teams of twenty each, a thousand people, five teams of whom nobody asks.
fn large() -> World {
    let mut world = World::at(now());
    for id in 1..=MEMBERS {
        world = world.member(id, &format!("person-{id}"));
    }
    (0..TEAMS + 5).fold(world, with_team)
}

/// A team of twenty.
fn with_team(world: World, team: u64) -> World {
    let world = world.team(10_000 + team, &format!("team-{team}"));
    let members = (0..20).map(|place| 1 + (team * 20 + place) % MEMBERS);
    members.fold(world, |world, member| world.in_team(10_000 + team, member, Role::Member))
}

fn emails() -> Vec<String> {
    (1..=PEOPLE).map(|id| format!("person-{id}@example.com")).collect()
}

async fn measured(toml: &str) -> (Context, Box<dyn Target>, Current) {
    let context = context();
    let target = config(toml).connect(context.clone()).await.expect("it connects");
    let (emails, teams) = (emails(), (0..TEAMS).map(|team| format!("team-{team}")).collect::<Vec<_>>());
    let emails: Vec<&str> = emails.iter().map(String::as_str).collect();
    let teams: Vec<&str> = teams.iter().map(String::as_str).collect();
    let current = target.read(&asked(&emails, &teams)).await.expect("a reading");
    assert_eq!(current.accounts.len() as u64, PEOPLE);
    assert_eq!(current.grants.len() as u64, TEAMS * 20);
    assert!(current.entitlements.values().all(Result::is_ok));
    (context, target, current)
}

/// Nothing is asked twice in the same words.
fn nothing_twice(fake: &Fake) {
    let mut lines: Vec<_> = fake.requests().iter().map(crate::fakes::github::Request::line).collect();
    lines.sort();
    let twice: Vec<_> = lines.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| &pair[0]).collect();
    assert_eq!(twice, Vec::<&String>::new());
}

/// Each team is asked for once, and each address or login.
fn each_once(fake: &Fake) {
    let named = |name: &str| fake.count(&format!("\"{name}\""));
    for team in 0..TEAMS {
        assert_eq!(named(&format!("team-{team}")), 1, "team-{team}");
    }
    for id in 1..=PEOPLE {
        let looked_up = named(&format!("person-{id}")) + named(&format!("person-{id}@example.com"));
        assert_eq!(looked_up, 1, "person-{id}");
    }
}

#[tokio::test]
async fn a_reading_asks_for_each_team_and_each_name_once() {
    let world = (1..=MEMBERS).fold(large(), |world, id| world.saml(id, &format!("person-{id}@example.com")));
    let fake = GitHub::start(world);
    let (context, target, current) = measured(&fake.toml()).await;
    let read = context.requests();
    println!("50 teams, 1,000 members, 200 people by single sign-on: {read} requests to read");
    nothing_twice(&fake);
    each_once(&fake);
    // Teams and people, some to a request.
    assert_eq!((read, fake.requests().len()), (4, 4));
    assert!(fake.most_at_once() <= 100, "{}", fake.most_at_once());

    fake.forget();
    let team = current.entitlements["team-0"].as_ref().expect("there").first().expect("one").clone();
    for id in 101..=110 {
        let wanted = grant(&id.to_string(), &format!("person-{id}@example.com"), &team);
        let given = target.grant(&wanted).await.expect("given");
        target.revoke(&owned(&given, &wanted)).await.expect("taken back");
    }
    let changed = context.requests() - read;
    println!("10 given and taken back: {changed} requests");
    assert_eq!((fake.count("PUT"), fake.count("DELETE")), (10, 10));
    // Each is preceded by a look at the login, the organisation and the team.
    assert_eq!(changed, 10 * (2 + 2));
}

/// As many at once as a run makes.
#[tokio::test]
async fn many_changes_at_once_share_their_looks() {
    let fake = GitHub::start(large());
    let people: Vec<u64> = (101..=140).collect();
    let pairs: Vec<_> = people.iter().map(|id| (format!("person-{id}@example.com"), format!("person-{id}"))).collect();
    let pairs: Vec<_> = pairs.iter().map(|(email, login)| (email.as_str(), login.as_str())).collect();
    let context = context();
    let target = config(&with_logins(&fake.toml(), &pairs)).connect(context.clone()).await.expect("it connects");
    let emails: Vec<&str> = pairs.iter().map(|(email, _)| *email).collect();
    let current = target.read(&asked(&emails, &["team-0"])).await.expect("a reading");
    let team = team(&current, "team-0");
    let wanted: Vec<_> =
        pairs.iter().zip(&people).map(|((email, _), id)| grant(&id.to_string(), email, &team)).collect();
    let read = context.requests();
    let given = stream::iter(&wanted).map(async |wanted| target.grant(wanted).await.expect("given"));
    let given: Vec<_> = given.buffered(oncall_sync::net::CONCURRENCY).collect().await;
    let gave = context.requests() - read;
    let owned: Vec<_> = given.iter().zip(&wanted).map(|(id, wanted)| owned(id, wanted)).collect();
    let taken = stream::iter(&owned).map(async |owned| target.revoke(owned).await.expect("taken back"));
    taken.buffered(oncall_sync::net::CONCURRENCY).collect::<Vec<()>>().await;
    let took = context.requests() - read - gave;
    println!("40 given at once: {gave} requests; taken back: {took}");
    assert_eq!((fake.count("PUT"), fake.count("DELETE"), fake.members(10_000).len()), (40, 40, 20));
    assert!(gave <= 45 && took <= 45, "{gave} {took}");
}

#[tokio::test]
async fn a_reading_looks_each_login_up_once() {
    let pairs: Vec<_> = (1..=PEOPLE).map(|id| (format!("person-{id}@example.com"), format!("person-{id}"))).collect();
    let pairs: Vec<_> = pairs.iter().map(|(email, login)| (email.as_str(), login.as_str())).collect();
    for (app, requests) in [(false, 4), (true, 4 + 2)] {
        let fake = GitHub::start(large());
        let toml = if app { fake.toml_app() } else { fake.toml() };
        let (context, ..) = measured(&with_logins(&toml, &pairs)).await;
        println!("the same by logins written down: {} requests to read", context.requests());
        nothing_twice(&fake);
        each_once(&fake);
        assert_eq!((context.requests(), fake.requests().len()), (requests, requests as usize));
        assert_eq!(fake.count("externalIdentities"), 0, "nobody is left to be looked for there");
    }
}

/// Whom no name tells is looked for among all members, once for everybody together.
#[tokio::test]
async fn a_reading_goes_through_the_members_once() {
    let named = |id: u64| Identity {
        name_id: Some(format!("opaque-{id}")),
        emails: vec![format!("person-{id}@example.com")],
        user: Some(id),
        ..Identity::default()
    };
    let world = (1..=MEMBERS).fold(large(), |world, id| world.identity(named(id)));
    let fake = GitHub::start(world);
    let (context, ..) = measured(&fake.toml()).await;
    println!("the same by addresses alone: {} requests to read", context.requests());
    nothing_twice(&fake);
    each_once(&fake);
    assert_eq!(context.requests(), 4 + 10);
}

/// A thousand users of the enterprise are ten pages.
#[tokio::test]
async fn a_reading_goes_through_the_enterprise_once() {
    let users = (1..=MEMBERS).map(|id| (World::managed_login(&format!("person-{id}")), format!("person-{id}")));
    let world = (1..=MEMBERS).zip(users).fold(World::at(now()).enterprise("acme-inc"), |world, (id, (login, name))| {
        world.member(id, &login).scim(&name, &[&format!("{name}@example.com")], true)
    });
    let stranger = Identity { name_id: Some("somebody".into()), ..Identity::default() };
    let fake = GitHub::start((0..TEAMS).fold(world.identity(stranger), with_team));
    let (context, ..) = measured(&format!("enterprise = \"acme-inc\"\n{}", fake.toml())).await;
    println!("the same by the enterprise: {} requests to read", context.requests());
    nothing_twice(&fake);
    each_once(&fake);
    assert_eq!((fake.count("/scim/"), context.requests()), (10, 4 + 10 + 10));
}
