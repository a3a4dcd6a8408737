//! One call.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::path::Path;

use oncall_sync::near::hint;
use serde::Deserialize;
use serde_json::{Value, json};

use super::VARIABLE;
use super::world::{Fault, Held, Tenure, World};

/// The test that is the command.
pub const NAME: &str = "fakes::command::serve::is_the_command";

#[derive(Debug, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase", deny_unknown_fields)]
enum Request {
    Describe { version: u32 },
    Read(Read),
    Grant { version: u32, grant: Grant },
    Revoke { version: u32, id: String, grant: Grant },
    Amend { version: u32, id: String, grant: Grant, to: Grant },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Read {
    Target(ReadTarget),
    Source(ReadSource),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadTarget {
    version: u32,
    emails: Vec<String>,
    entitlements: Vec<String>,
    owned: Vec<Access>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadSource {
    version: u32,
    asked: Vec<String>,
    window: Window,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    from: String,
    until: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Access {
    account: String,
    entitlement: Entitlement,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entitlement {
    id: String,
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    account: String,
    email: String,
    entitlement: Entitlement,
    from: String,
    until: String,
}

/// The command, where a world follows its name on the command line; else an ordinary test of nothing.
#[test]
fn is_the_command() {
    let arguments: Vec<String> = std::env::args().collect();
    let Some(place) = arguments.iter().position(|argument| argument == NAME) else { return };
    let Some(world) = arguments.get(place + 1) else { return };
    let mut request = String::new();
    std::io::stdin().read_to_string(&mut request).expect("a request");
    let world = Path::new(world);
    let (output, code) = call(world, &request);
    World::change(world, |world| world.running -= 1);
    // Past the harness, which speaks on standard output.
    let mut out = OpenOptions::new().write(true).open("/dev/fd/3").expect("the way past the harness");
    let _reader_left = out.write_all(output.as_bytes());
    std::process::exit(code);
}

/// Whether it understands a request, to the last member.
pub fn understood(request: &Value) -> Result<(), String> {
    let request = Request::deserialize(request).map_err(|error| error.to_string())?;
    faults(&request).into_iter().next().map_or(Ok(()), Err)
}

fn call(path: &Path, request: &str) -> (String, i32) {
    let verb = serde_json::from_str::<Value>(request).ok().and_then(|whole| whole["verb"].as_str().map(str::to_owned));
    let verb = verb.unwrap_or_else(|| "none".to_owned());
    let fault = World::change(path, |world| {
        world.calls.push(verb.clone());
        world.running += 1;
        world.most = world.most.max(world.running);
        let trouble =
            world.troubles.iter_mut().find(|one| one.times > 0 && [verb.as_str(), "*"].contains(&&*one.verb))?;
        trouble.times -= 1;
        Some(trouble.fault.clone())
    });
    let answer = || World::change(path, |world| answer(world, request));
    match fault {
        None => (answer().to_string(), 0),
        Some(Fault::Again) => (String::new(), 75),
        Some(Fault::Fail(complaint, code)) => {
            complain(&complaint);
            (String::new(), code)
        }
        Some(Fault::Hang) => loop {
            std::thread::park();
        },
        Some(Fault::Flood) => ("x".repeat(9 << 20), 0),
        Some(Fault::Chatter) => {
            complain(&"a word of many\n".repeat(100_000));
            (answer().to_string(), 0)
        }
        Some(Fault::Say(output)) => (output, 0),
        Some(Fault::Forget) => {
            answer();
            (String::new(), 1)
        }
        Some(Fault::Meet(calls)) => {
            while World::change(path, |world| world.most) < calls {
                std::thread::yield_now();
            }
            (answer().to_string(), 0)
        }
        Some(Fault::Abort) => std::process::abort(),
    }
}

fn complain(complaint: &str) {
    std::io::stderr().write_all(complaint.as_bytes()).expect("standard error");
}

fn answer(world: &mut World, request: &str) -> Value {
    #[expect(clippy::disallowed_methods, reason = "a command has its secrets from its environment")]
    let token = std::env::var(VARIABLE).ok();
    if world.token.is_some() && world.token != token {
        return json!({ "error": format!("the token {} is not accepted", token.unwrap_or_default()) });
    }
    let request: Request = match serde_json::from_str(request) {
        Ok(request) => request,
        Err(error) => {
            world.violations.push(format!("{error}: {request}"));
            return json!({ "error": format!("not understood: {error}") });
        }
    };
    for fault in faults(&request) {
        world.violations.push(fault);
    }
    match request {
        Request::Describe { .. } => json!({ "version": 1, "tenure": world.tenure, "concurrency": world.concurrency }),
        Request::Read(Read::Target(asked)) => read(world, &asked),
        Request::Read(Read::Source(asked)) => schedules(world, &asked),
        Request::Grant { grant, .. } => given(world, &grant),
        Request::Revoke { id, .. } => {
            world.grants.retain(|held| held.id != id);
            json!({})
        }
        Request::Amend { id, to, .. } => moved(world, &id, &to),
    }
}

fn faults(request: &Request) -> Vec<String> {
    let instant = |text: &str| {
        let plain = text.len() == "2026-03-01T12:00:00Z".len() && text.ends_with('Z');
        (!plain || text.parse::<chrono::DateTime<chrono::Utc>>().is_err())
            .then(|| format!("{text} is no whole second in UTC"))
    };
    let dates = |grant: &Grant| [instant(&grant.from), instant(&grant.until)];
    let lower = |email: &str| (email != email.to_lowercase()).then(|| format!("{email} is not in lower case"));
    let (version, found) = match request {
        Request::Describe { version } => (version, vec![]),
        Request::Read(Read::Target(read)) => {
            let nameless =
                read.owned.iter().any(|access| access.account.is_empty() || access.entitlement.id.is_empty());
            let nameless = nameless.then(|| "something owned has no id".to_owned());
            (&read.version, read.emails.iter().map(|email| lower(email)).chain([nameless]).collect())
        }
        Request::Read(Read::Source(read)) => {
            (&read.version, vec![instant(&read.window.from), instant(&read.window.until)])
        }
        Request::Grant { version, grant } | Request::Revoke { version, grant, .. } => {
            (version, dates(grant).into_iter().chain([lower(&grant.email)]).collect())
        }
        Request::Amend { version, grant, to, .. } => {
            let same = (&grant.account, &grant.entitlement.id) == (&to.account, &to.entitlement.id);
            let other = (!same).then(|| "a grant was moved to another access".to_owned());
            (version, dates(grant).into_iter().chain(dates(to)).chain([other]).collect())
        }
    };
    let version = (*version != 1).then(|| format!("version {version} is none"));
    found.into_iter().chain([version]).flatten().collect()
}

fn read(world: &World, asked: &ReadTarget) -> Value {
    let accounts: Vec<Value> = world
        .accounts
        .iter()
        .filter(|account| asked.emails.contains(&account.email.to_lowercase()))
        .map(|account| json!({ "id": account.id, "email": account.email, "suspended": account.suspended }))
        .collect();
    let mut wanted: BTreeSet<&str> = asked.owned.iter().map(|access| access.entitlement.id.as_str()).collect();
    let mut entitlements = serde_json::Map::new();
    for spelling in &asked.entitlements {
        let found = world.entitlements.iter().find(|(id, name)| *id == spelling || *name == spelling);
        let meaning = match found {
            Some((id, name)) => {
                wanted.insert(id);
                json!({ "found": [{ "id": id, "name": name }] })
            }
            None => {
                let hint = hint(spelling, world.entitlements.values().map(String::as_str));
                json!({ "error": format!("there is no group '{spelling}'{hint}") })
            }
        };
        entitlements.insert(spelling.clone(), meaning);
    }
    let stands = |held: &&Held| held.until.as_ref().is_none_or(|until| *until > world.now);
    let shown = world.grants.iter().filter(|held| wanted.contains(held.entitlement.as_str())).filter(stands);
    let grants: Vec<Value> = shown
        .map(|held| {
            let name = world.entitlements.get(&held.entitlement).unwrap_or(&held.entitlement);
            let entitlement = json!({ "id": held.entitlement, "name": name });
            json!({ "id": held.id, "account": held.account, "entitlement": entitlement, "from": held.from, "until": held.until })
        })
        .collect();
    json!({ "accounts": accounts, "entitlements": entitlements, "grants": grants, "of_no_interest": 1 })
}

fn schedules(world: &World, asked: &ReadSource) -> Value {
    let answer = |name: &String| {
        let hint = || hint(name, world.schedules.keys().map(String::as_str));
        let unknown = || json!({ "error": format!("there is no schedule '{name}'{}", hint()) });
        (name.clone(), world.schedules.get(name).cloned().unwrap_or_else(unknown))
    };
    json!({ "schedules": asked.asked.iter().map(answer).collect::<serde_json::Map<_, _>>() })
}

/// The dates that this tenure keeps.
fn dates(world: &World, grant: &Grant) -> (Option<String>, Option<String>) {
    let from = (world.tenure == Tenure::Scheduled && !world.forgetful).then(|| grant.from.clone());
    (from, (world.tenure != Tenure::Standing && !world.forgetful).then(|| grant.until.clone()))
}

fn same(world: &World, grant: &Grant) -> Option<String> {
    let (from, until) = dates(world, grant);
    if world.forgetful && world.tenure == Tenure::Scheduled {
        return None;
    }
    let is = |held: &&Held| {
        let access = held.account == grant.account && held.entitlement == grant.entitlement.id;
        access && (world.tenure == Tenure::Standing || (held.from == from && held.until == until))
    };
    world.grants.iter().find(is).map(|held| held.id.clone())
}

fn given(world: &mut World, grant: &Grant) -> Value {
    if let Some(id) = same(world, grant) {
        return json!({ "id": id });
    }
    let access = |held: &Held| held.account == grant.account && held.entitlement == grant.entitlement.id;
    if world.tenure == Tenure::Expiring && world.grants.iter().any(access) {
        return json!({ "error": "another grant stands there", "occupied": true });
    }
    let (from, until) = dates(world, grant);
    json!({ "id": world.give(&grant.account, &grant.entitlement.id, from.as_deref(), until.as_deref()) })
}

/// Gives before it takes where there may be two, and changes the one in place where there may not.
fn moved(world: &mut World, id: &str, to: &Grant) -> Value {
    if world.tenure == Tenure::Standing {
        world.violations.push("a standing grant was moved".to_owned());
    }
    let (_, until) = dates(world, to);
    if world.tenure == Tenure::Expiring
        && let Some(held) = world.grants.iter_mut().find(|held| held.id == id)
    {
        held.until = until;
        return json!({ "id": id });
    }
    let answer = given(world, to);
    world.grants.retain(|held| held.id != id || answer["id"] == id);
    answer
}
