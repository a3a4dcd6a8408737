//! A run that does everything at once on two targets, to be disturbed: what it had before, what it has to come to, and
//! what nobody may touch.
//!
//! At eight in the morning three people were given what their shifts wanted. By three in the afternoon the rota has
//! changed: Alice's shift is over and the role that it gave is overdue, Bob's ends earlier, Carol has none any more, and
//! Alice has a new one tonight.

mod place;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::time::Instant;

use serde_json::Value;

pub use self::place::{InDatabase, InFile, Place};
use super::*;
use crate::fakes::strongdm::Several;

const SECOND: &str = "PSECOND";

/// Target, account, entitlement, and from when to when where it has dates.
type Holding = (&'static str, String, String, Option<(DateTime<Utc>, DateTime<Utc>)>);

/// What a run leaves on both targets for the time after it, strangers' grants and history left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    held: Vec<Holding>,
}

/// Everything in its place for the disturbed run.
pub struct Handover {
    pub office: Office,
    config: String,
    ledger: Box<dyn Place>,
    strongdm: strongdm::World,
    document: String,
    /// Ids on strongDM that are not ours.
    strangers: BTreeSet<String>,
    /// How many runs were refused since for the lock of one that was killed.
    pub refused: Cell<usize>,
}

/// The strangers' entries, spelled as the program prints them: two for people of ours, one of them for what we give.
const STRANGERS: [&str; 3] = [
    r#"    {
      "id": "s-1",
      "account": "bob@example.com",
      "entitlement": "prod-postgres",
      "from": "2026-03-04T00:00:00+01:00",
      "until": "2026-03-05T00:00:00+01:00",
      "by": "somebody",
      "ticket": {
        "number": 17
      }
    }"#,
    r#"    {
      "id": "s-2",
      "account": "carol@example.com",
      "entitlement": "prod-mysql",
      "by": "oncall-sync"
    }"#,
    r#"    {
      "id": "s-3",
      "account": "dave@example.com",
      "entitlement": "ops"
    }"#,
];

fn rules(limits: &str) -> String {
    format!(
        "[target.policy]\nkind = \"file\"\npath = \"grants.json\"\n\
         [[rule]]\nname = \"database\"\nschedules = [{PRIMARY:?}]\ngrant.strongdm = [\"prod-postgres\", \"role:dba\"]\n\
         grant.policy = [\"prod-postgres\"]\n\
         [[rule]]\nname = \"operations\"\nschedules = [\"Operations\"]\ngrant.strongdm = [\"role:ops\"]\n\
         grant.policy = [\"ops\"]\n{limits}"
    )
}

fn morning() -> pagerduty::World {
    let rota = rota().schedule(SECOND, "Operations");
    rota.shift(PRIMARY, "PCAROL", hours(14), hours(22)).shift(SECOND, "PCAROL", hours(-2), hours(14))
}

fn afternoon() -> pagerduty::World {
    let mut rota = people().schedule(SECOND, "Operations");
    rota = rota.shift(PRIMARY, "PALICE", hours(-2), hours(6)).shift(PRIMARY, "PBOB", hours(6), hours(10));
    rota.shift(PRIMARY, "PALICE", hours(10), hours(18)).shift(SECOND, "PBOB", hours(6), hours(14))
}

/// So many minutes after three in the afternoon.
fn at(minutes: i64) -> DateTime<Utc> {
    hours(7) + TimeDelta::minutes(minutes)
}

impl Handover {
    /// The changed rota, with all that was given in the morning.
    pub fn later(ledger: impl Place + 'static, several: Several) -> Self {
        let mut handover = Self::prepare(ledger, several);
        handover.office.run(&[]).exits(0).says(&["9 given"]);
        handover.office.strongdm.forget();
        handover.keep();
        handover
    }

    /// The same rota, and a program that never ran before.
    pub fn first(ledger: impl Place + 'static) -> Self {
        let mut handover = Self::prepare(ledger, Several::Disjoint);
        handover.keep();
        handover
    }

    fn prepare(ledger: impl Place + 'static, several: Several) -> Self {
        let mut organisation = organisation().user("a-4", "dave@example.com").role("r-2", "ops");
        organisation.manners.several = several;
        // Somebody else's: for people of ours, for what we give, and by an access request.
        organisation.give("a-2", "rs-2", Some(hours(9)));
        organisation.give("a-4", "rs-1", None);
        organisation.give("a-3", "rs-1", Some(hours(60)));
        let later = organisation.grants.last_mut().expect("just given");
        (later.from, later.request) = (Some(hours(50)), "request-1".into());
        for (account, role) in [("a-4", "r-1"), ("a-4", "r-2"), ("a-3", "r-1")] {
            let (id, account, role) = (organisation.new_id("aa"), account.into(), role.into());
            organisation.attachments.push(strongdm::Attachment { id, account, role });
        }
        let grants = organisation.grants.iter().map(|grant| grant.id.clone());
        let strangers = grants.chain(organisation.attachments.iter().map(|attached| attached.id.clone())).collect();

        // On a plan this small, what was already given decides whether a share of it may be taken back.
        let office = Office::with(morning(), organisation.clone(), &rules("[limits]\nmax_revoke_percent = 100\n"));
        let config = office.desk.read("oncall-sync.toml");
        let config =
            config.replace("ledger = \"ledger.db\"", &format!("ledger = {:?}\ndeadline = \"4m\"", ledger.location()));
        office.desk.write("oncall-sync.toml", &config);
        let document = format!("{{\n  \"version\": 1,\n  \"grants\": [\n{}\n  ]\n}}\n", STRANGERS.join(",\n"));
        office.desk.write("grants.json", &document);
        let ledger = Box::new(ledger);
        Self { office, config, ledger, strongdm: organisation, document, strangers, refused: Cell::default() }
    }

    fn keep(&mut self) {
        self.ledger.keep(&self.office.desk);
        self.strongdm = self.office.strongdm.change(|world| world.clone());
        self.document = self.office.desk.read("grants.json");
        self.office.pagerduty.replace(afternoon());
    }

    /// Everything as it was before the run that was disturbed.
    pub fn reset(&self) {
        self.ledger.put_back(&self.office.desk);
        self.office.strongdm.change(|world| *world = self.strongdm.clone());
        self.office.strongdm.forget();
        for ending in ["lock", "new"] {
            let _not_there = fs::remove_file(self.office.desk.path(&format!("grants.json.{ending}")));
        }
        self.office.desk.write("grants.json", &self.document);
        self.time(0);
    }

    /// The time that the next runs have, in all and for one attempt at one request.
    pub fn within(&self, deadline: &str, timeout: &str) {
        let config = self.config.replace("deadline = \"4m\"", &format!("deadline = \"{deadline}\""));
        let config = config.replace("timeout = \"20s\"", &format!("timeout = \"{timeout}\""));
        self.office.desk.write("oncall-sync.toml", config);
    }

    /// The names of the servers by their ports.
    pub fn peers(&self) -> String {
        let port = |url: &str| url.rsplit(':').next().expect("a port").to_owned();
        let (source, target) = (port(&self.office.pagerduty.url()), port(self.office.strongdm.host()));
        let ledger = self.ledger.peer().map(|(name, port)| format!(",{port}={name}"));
        format!("{source}=pagerduty,{target}=strongdm{}", ledger.unwrap_or_default())
    }

    fn time(&self, minutes: i64) {
        self.office.strongdm.change(|world| world.clock = (at(minutes), Instant::now()));
    }

    /// The program, so many minutes after three.
    pub fn command(&self, minutes: i64) -> Command {
        self.time(minutes);
        self.office.desk.command(&["--now", &at(minutes).to_rfc3339()])
    }

    pub fn run(&self, minutes: i64) -> Ran {
        Ran::of(self.command(minutes).output().expect("the program starts"))
    }

    /// The run after one that was killed, as soon as that one's lock is free.
    fn follow(&self, minutes: i64) -> Ran {
        let start = Instant::now();
        loop {
            let late = start.elapsed() >= self.ledger.frees_within();
            let ran = self.run(minutes);
            if ran.code != 5 || late {
                return ran;
            }
            self.refused.set(self.refused.get() + 1);
        }
    }

    /// What is held on both targets ten minutes past three and later.
    pub fn state(&self) -> State {
        let later = |from: DateTime<Utc>| from.max(at(10));
        let mut held = Vec::new();
        for grant in self.office.strongdm.grants().into_iter().filter(|grant| !self.strangers.contains(&grant.id)) {
            let dates = (grant.from.map(later).expect("a start"), grant.until.expect("an end"));
            if dates.0 < dates.1 {
                held.push(("strongdm", grant.account, grant.resource, Some(dates)));
            }
        }
        for one in self.office.strongdm.attachments().into_iter().filter(|one| !self.strangers.contains(&one.id)) {
            held.push(("strongdm", one.account, one.role, None));
        }
        for entry in self.entries() {
            let text = |key: &str| entry[key].as_str().expect("text").to_owned();
            let date = |key: &str| text(key).parse::<DateTime<Utc>>().expect("a date");
            let dates = (later(date("from")), date("until"));
            if dates.0 < dates.1 {
                held.push(("policy", text("account"), text("entitlement"), Some(dates)));
            }
        }
        held.sort();
        State { held }
    }

    /// The document's entries but for the strangers'.
    fn entries(&self) -> Vec<Value> {
        let document: Value = serde_json::from_str(&self.office.desk.read("grants.json")).expect("JSON, always");
        let entries = document["grants"].as_array().expect("a list").clone();
        entries.into_iter().filter(|entry| !entry["id"].as_str().expect("an id").starts_with("s-")).collect()
    }

    /// Whether everything that was somebody else's is as it was, byte for byte.
    pub fn strangers_kept(&self) -> Result<(), String> {
        let grants = |grants: &[strongdm::Grant]| -> Vec<_> {
            grants.iter().filter(|grant| self.strangers.contains(&grant.id)).cloned().collect()
        };
        let (before, after) = (grants(&self.strongdm.grants), grants(&self.office.strongdm.grants()));
        expect(before == after, || format!("strangers' grants {before:?} became {after:?}"))?;
        let members = |all: &[strongdm::Attachment]| -> Vec<_> {
            all.iter().filter(|one| self.strangers.contains(&one.id)).cloned().collect()
        };
        let (before, after) = (members(&self.strongdm.attachments), members(&self.office.strongdm.attachments()));
        expect(before == after, || format!("strangers' memberships {before:?} became {after:?}"))?;
        let document = self.office.desk.read("grants.json");
        let kept = STRANGERS.iter().all(|entry| document.contains(entry));
        expect(kept, || format!("a stranger's entry changed in {document}"))
    }

    /// Whether a fresh run five minutes later comes to `wanted`, knows what is its own, and leaves nothing to do.
    pub fn converges(&self, wanted: &State) -> Result<(), String> {
        self.office.strongdm.gate().settle();
        self.strangers_kept()?;
        let healed = self.follow(5);
        expect(healed.code == 0, || format!("the next run exits {}: {}{}", healed.code, healed.out, healed.err))?;
        self.is_whole(wanted).map_err(|why| format!("{why}\nafter the next run said: {}", healed.out))?;

        self.office.strongdm.forget();
        let file = |name| fs::metadata(self.office.desk.path(name)).map(|file| (file.ino(), file.mtime_nsec()));
        let before = file("grants.json").expect("a document");
        let again = self.run(10);
        let idle = again.code == 0 && again.out.contains("Nothing to do");
        expect(idle, || format!("the run after it exits {}: {}{}", again.code, again.out, again.err))?;
        expect(self.office.writes() == 0, || "the run after it writes to strongDM".into())?;
        let after = file("grants.json").expect("a document");
        expect(before == after, || "the run after it writes to the document".into())?;
        self.is_whole(wanted)?;
        self.is_known()
    }

    /// Whether both targets hold what is wanted, and strangers have what they had.
    fn is_whole(&self, wanted: &State) -> Result<(), String> {
        self.strangers_kept()?;
        let state = self.state();
        expect(state == *wanted, || format!("there is {state:#?}, and not {wanted:#?}"))
    }

    /// Whether the ledger owns just what the targets hold of ours, each with its id.
    fn is_known(&self) -> Result<(), String> {
        let live = self.office.strongdm.grants().into_iter().filter(|grant| !grant.is_expired(at(5)));
        let members = self.office.strongdm.attachments().into_iter().map(|one| one.id);
        let ids = live.map(|grant| grant.id).chain(members).filter(|id| !self.strangers.contains(id));
        let mut there: Vec<(String, String)> = ids.map(|id| ("strongdm".into(), id)).collect();
        let ended = |entry: &Value| {
            entry["until"].as_str().is_none_or(|end| end.parse::<DateTime<Utc>>().is_ok_and(|end| end <= at(5)))
        };
        let entries = self.entries().into_iter().filter(|entry| !ended(entry));
        there.extend(entries.map(|entry| ("policy".into(), entry["id"].as_str().expect("an id").into())));
        there.sort();
        let owning = self.office.desk.run(&["grants", "--output", "json"]);
        expect(owning.code == 0, || format!("the ledger cannot be read: {}", owning.err))?;
        let text = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
        let owning = owning.json();
        let ours = owning["grants"].as_array().expect("a list").iter();
        let mut ours: Vec<_> = ours.map(|one| (text(&one["target"]), text(&one["id"]))).collect();
        ours.sort();
        expect(ours == there, || format!("the ledger owns {ours:?}, and the targets hold {there:?} of ours"))
    }
}

pub fn expect(so: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if so { Ok(()) } else { Err(otherwise()) }
}

/// Does `work` with every item, `workers` at a time, each worker in a world of its own.
pub fn in_parallel<T: Send, W, A: Send>(
    items: Vec<T>,
    workers: usize,
    world: impl Fn() -> W + Sync,
    work: impl Fn(&W, &T) -> A + Sync,
) -> Vec<(T, A)> {
    let queue = std::sync::Mutex::new(items.into_iter());
    let one = || {
        let (world, mut done) = (world(), Vec::new());
        loop {
            let next = queue.lock().expect("no worker panicked").next();
            let Some(item) = next else { return done };
            let answer = work(&world, &item);
            done.push((item, answer));
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(one)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect()
    })
}
