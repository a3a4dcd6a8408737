//! A company with strongDM, Okta, GitHub and a command of its own, all given by one rule; each can be taken down.

use std::time::Instant;

use tonic::Code;

use super::*;
use crate::fakes::github::{self, GitHub};
use crate::fakes::okta::{self, Okta};
use crate::fakes::strongdm::{Fault, Trouble};

/// Every target of the one rule, as the report orders them.
pub const NAMES: [&str; 4] = ["github", "groups", "okta", "strongdm"];

pub const RULES: &str = "[[rule]]\nname = \"database\"\nschedules = [\"PI7DH85\"]\ngrant.strongdm = [\"prod-postgres\"]\n\
    grant.okta = [\"oncall-dba\"]\ngrant.github = [\"oncall-dba\"]\ngrant.groups = [\"db\"]\n";

const GROUP: &str = "00gfake0000000000001";
const USERS: [(&str, &str); 3] =
    [("00ufake0000000000001", "alice"), ("00ufake0000000000002", "bob"), ("00ufake0000000000003", "carol")];
const TEAM: u64 = 10;

/// A group of one entitlement whose members are the lines of a file; an account's id is its e-mail.
const GROUPS: &str = r#"#!/bin/sh
line=$(cat)
touch members
last() { printf '%s' "$line" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
emails() { printf '%s\n' "$line" | sed -n 's/.*"emails":\[\([^]]*\)\].*/\1/p' | tr -d '"' | tr ',' '\n'; }
[ -e broken ] && { cat broken >&2; exit 1; }
case $(last verb) in
    describe) echo '{"version":1,"tenure":"standing"}' ;;
    read)
        accounts=$(emails | sed '/^$/d; s/.*/{"id":"&","email":"&"}/' | paste -sd, -)
        grants=$(sed 's/.*/{"id":"db:&","account":"&","entitlement":{"id":"db","name":"db"}}/' members | paste -sd, -)
        found='"db":{"found":[{"id":"db","name":"db"}]}'
        echo "{\"accounts\":[$accounts],\"entitlements\":{$found},\"grants\":[$grants]}"
        ;;
    grant)
        [ -e full ] && { echo '{"error":"the group is full"}'; exit 0; }
        who=$(last account)
        grep -qx "$who" members && echo "$who" >> twice || echo "$who" >> members
        echo "{\"id\":\"db:$who\"}"
        ;;
    revoke) sed -i "/^$(last account)\$/d" members; echo '{}' ;;
esac
"#;

/// PagerDuty, and four targets beside each other.
pub struct Acme {
    pub office: Office,
    pub okta: okta::Fake,
    pub github: github::Fake,
}

/// How a target may be down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Down {
    /// Nobody listens.
    Refused,
    /// It says 503, or gRPC's word for it.
    Unavailable,
    Hangs,
    WrongCredential,
    /// The hour's requests are used up, and it is long until the next one.
    Limited,
    Fails,
    /// There is no such command.
    Missing,
}

impl Acme {
    /// Alice and Bob are on call at once, so that each target gets as much in the first run.
    pub fn new() -> Self {
        Self::with(people().shift(PRIMARY, "PALICE", hours(-2), hours(6)).shift(PRIMARY, "PBOB", hours(-2), hours(6)))
    }

    pub fn with(rota: pagerduty::World) -> Self {
        let everybody = okta::World::at(now()).group(GROUP, "oncall-dba");
        let everybody =
            USERS.iter().fold(everybody, |world, (id, name)| world.user(id, &format!("{name}@example.com")));
        let organisation_of_code = github::World::at(now()).member(1, "alice-gh").member(2, "bob-gh");
        let acme = Self {
            office: Office::with(rota, organisation(), ""),
            okta: Okta::start(everybody),
            github: GitHub::start(organisation_of_code.team(TEAM, "oncall-dba")),
        };
        acme.up();
        acme
    }

    pub fn configure(&self, top: &str, rules: &str) {
        self.configure_with(top, &self.office.strongdm.toml(), &self.okta.toml(), &self.github.toml(), rules);
    }

    fn configure_with(&self, top: &str, strongdm: &str, okta: &str, github: &str, rules: &str) {
        let logins = "logins = { \"alice@example.com\" = \"alice-gh\", \"bob@example.com\" = \"bob-gh\" }";
        let rest = format!(
            "[target.okta]\n{okta}[target.github]\n{github}{logins}\n\
             [target.groups]\nkind = \"exec\"\ncommand = [\"./groups.sh\"]\n{rules}"
        );
        self.office.configure_with(top, &self.office.pagerduty.url(), strongdm, &rest);
    }

    pub fn down(&self, target: &str, down: Down) {
        let strongdm = &self.office.strongdm;
        let (mut top, [mut of_strongdm, mut of_okta, mut of_github]) =
            ("", [strongdm.toml(), self.okta.toml(), self.github.toml()]);
        match (target, down) {
            ("strongdm", Down::Refused) => strongdm.gate().close(),
            ("strongdm", Down::Unavailable) => {
                strongdm.trouble(Trouble::new("*", Fault::Refuse(Code::Unavailable)).times(usize::MAX));
            }
            ("strongdm", Down::Hangs) => {
                top = "deadline = \"6s\"";
                strongdm.trouble(Trouble::new("*", Fault::Hang).times(usize::MAX));
            }
            ("strongdm", Down::WrongCredential) => of_strongdm = strongdm.toml_with(&strongdm.wrong_secret_key().0),
            ("okta", Down::Refused) => self.okta.fail("", 1, okta::Fault::Gone),
            ("okta", Down::Unavailable) => self.okta.fail("", usize::MAX, okta::Fault::Html(503)),
            ("okta", Down::WrongCredential) => of_okta = self.okta.toml_with_token("00-not-the-token"),
            ("okta", Down::Limited) => self.okta.fail("", usize::MAX, okta::Fault::RateLimited { seconds: 7200 }),
            ("github", Down::Refused) => self.github.fail("", 1, github::Fault::Gone),
            ("github", Down::Unavailable) => self.github.fail("", usize::MAX, github::Fault::Html(502)),
            ("github", Down::WrongCredential) => of_github = self.github.toml_by("token", "wrong"),
            ("github", Down::Limited) => {
                self.github.fail("", usize::MAX, github::Fault::Primary { status: 403, reset: 7200 });
            }
            ("groups", Down::Fails) => self.office.desk.write("broken", "the directory is being moved\n"),
            ("groups", Down::Missing) => {
                fs::remove_file(self.office.desk.path("groups.sh")).expect("it is there");
            }
            other => unreachable!("{other:?} is no way to be down"),
        }
        self.configure_with(top, &of_strongdm, &of_okta, &of_github, RULES);
    }

    /// All is well again.
    pub fn up(&self) {
        use std::os::unix::fs::PermissionsExt as _;
        let desk = &self.office.desk;
        self.office.strongdm.change(|world| world.troubles.clear());
        self.office.strongdm.gate().open();
        self.okta.heal();
        self.github.heal();
        let _ = fs::remove_file(desk.path("broken"));
        let _ = fs::remove_file(desk.path("full"));
        desk.write("groups.sh", GROUPS);
        fs::set_permissions(desk.path("groups.sh"), fs::Permissions::from_mode(0o755)).expect("a mode");
        self.configure("", RULES);
    }

    /// A run so many hours after [`NOW`], by everybody's clock.
    #[track_caller]
    pub fn run_at(&self, hour: i64, arguments: &[&str]) -> Ran {
        self.office.strongdm.change(|world| world.clock = (hours(hour), Instant::now()));
        self.okta.ahead(TimeDelta::hours(hour));
        self.github.set_clock(hours(hour));
        self.office.desk.run_at(&hours(hour).to_rfc3339(), arguments)
    }

    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_at(0, arguments)
    }

    /// Who holds something on `target` at that hour, as often as they do.
    pub fn holders(&self, target: &str, hour: i64) -> Vec<String> {
        let by_id = |id: &str| USERS.iter().find(|(known, _)| *known == id).map(|(_, name)| (*name).to_owned());
        let mut holders: Vec<String> = match target {
            "strongdm" => {
                let grants = self.office.held().into_iter();
                let live = grants.filter(|(.., from, until)| *from <= hours(hour) && hours(hour) < *until);
                let number = |account: &str| account.strip_prefix("a-").and_then(|number| number.parse::<usize>().ok());
                live.map(|(account, ..)| USERS[number(&account).expect("a number") - 1].1.to_owned()).collect()
            }
            "okta" => self.okta.members(GROUP).iter().map(|id| by_id(id).expect("a user")).collect(),
            "github" => self.github.members(TEAM).iter().map(|login| login.replace("-gh", "")).collect(),
            _ => {
                let members = fs::read_to_string(self.office.desk.path("members")).unwrap_or_default();
                members.lines().map(|email| email.replace("@example.com", "")).collect()
            }
        };
        holders.sort();
        holders
    }

    /// At that hour `people` hold it on every target but `other`, where `others` do.
    #[track_caller]
    pub fn hold(&self, hour: i64, people: &[&str], (other, others): (&str, &[&str])) {
        for name in NAMES {
            assert_eq!(self.holders(name, hour), if name == other { others } else { people }, "{name} at {hour}");
        }
    }

    /// Two on each target but those `without`.
    #[track_caller]
    pub fn all_but(&self, without: &[(&str, usize)]) {
        let expected =
            NAMES.map(|name| (name, without.iter().find(|(other, _)| *other == name).map_or(2, |(_, count)| *count)));
        assert_eq!(NAMES.map(|name| (name, self.holders(name, 0).len())), expected);
    }

    /// One more run makes it good, and nothing was given twice.
    #[track_caller]
    pub fn converges(&self) {
        self.run(&[]).exits(0);
        self.all_but(&[]);
        assert!(!self.office.desk.exists("twice"), "the command was asked for what stands");
        let events = self.github.events();
        assert_eq!(events.len(), 2, "{events:?}");
        let before = self.writes();
        self.run(&[]).exits(0).says(&["Nothing to do"]);
        assert_eq!(self.writes(), before, "a run with nothing to do writes nothing");
    }

    /// Calls that changed, or tried to change, something.
    pub fn writes(&self) -> [usize; 3] {
        [self.office.writes(), self.okta.changes().len(), self.github.writes().len()]
    }
}
