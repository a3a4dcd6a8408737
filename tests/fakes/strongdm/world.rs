//! What the stand-in holds, how it behaves where the vendor's behaviour is not publicly known, and what goes wrong.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tonic::Code;

/// Everything in strongDM; each field may be changed while the stand-in runs, by [`Fake::change`](super::Fake::change).
#[derive(Debug, Clone)]
pub struct World {
    pub accounts: Vec<Account>,
    pub resources: Vec<Resource>,
    pub roles: Vec<Role>,
    pub grants: Vec<Grant>,
    pub attachments: Vec<Attachment>,
    pub manners: Manners,
    pub troubles: Vec<Trouble>,
    /// What the service's clock showed at an instant; it goes on from there.
    pub clock: (DateTime<Utc>, Instant),
    pub changes: Vec<Change>,
    next: u32,
}

#[derive(Debug, Clone)]
pub struct Account {
    pub id: String,
    pub kind: Kind,
    /// A user's e-mail, or a machine's name.
    pub name: String,
    /// The legacy field 5 of users, and the only one of machines.
    pub suspended: bool,
    /// Field 10 of users, which the vendor's SDKs show.
    pub suspended_read_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    User,
    Service,
    Token,
}

#[derive(Debug, Clone)]
pub struct Resource {
    pub id: String,
    pub name: String,
    /// The member of the oneof that stands for its type, for instance 1300 for a Postgres database.
    pub kind: u32,
    pub tags: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
pub struct Role {
    pub id: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    pub id: String,
    pub account: String,
    pub resource: String,
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    /// The access request it came from; empty where none.
    pub request: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Attachment {
    pub id: String,
    pub account: String,
    pub role: String,
}

/// How it behaves where no public fact says so: a client has to cope with every possibility.
#[derive(Debug, Clone)]
pub struct Manners {
    /// Items on a page at most, whatever limit is asked for. The vendor's default is 50.
    pub page_size: usize,
    pub cursors: Cursors,
    pub several: Several,
    /// Whether an expired grant can still be listed and got.
    pub shows_expired: bool,
    /// Whether a time that is not set is sent as the epoch, as the Python SDK does, or left out, as the Go SDK does.
    pub sends_epoch: bool,
    /// Whether errors carry details beside their code.
    pub sends_details: bool,
    /// Whether a grant for a suspended account is refused.
    pub refuses_suspended: bool,
    /// Whether `email:` finds machines whose name is that address.
    pub email_finds_machines: bool,
    /// How many days the server's calendar is ahead of its clock, for signatures.
    pub days_ahead: i64,
    /// Before each answer.
    pub latency: Duration,
    /// How far the `date` of its answers is ahead of the machine's clock; as the machine has it without.
    pub dated_ahead: Option<TimeDelta>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursors {
    End,
    /// Each page names the same next one.
    Repeat,
    /// Each page names another next one, for ever.
    NeverEnd,
}

/// How many grants one account may hold on one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Several {
    Any,
    /// Any, as long as they do not overlap.
    Disjoint,
    One,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            page_size: 50,
            cursors: Cursors::End,
            several: Several::Disjoint,
            shows_expired: true,
            sends_epoch: false,
            sends_details: true,
            refuses_suspended: false,
            email_finds_machines: false,
            days_ahead: 0,
            latency: Duration::ZERO,
            dated_ahead: None,
        }
    }
}

/// What goes wrong with the next calls of a method.
#[derive(Debug, Clone)]
pub struct Trouble {
    method: &'static str,
    fault: Fault,
    times: usize,
    skip: usize,
    after: Option<&'static str>,
    until: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// Nothing is done, and this is answered.
    Refuse(Code),
    /// The same in these words.
    Says(Code, &'static str),
    /// RESOURCE_EXHAUSTED; the details say when to come again, or there are none.
    RateLimit(Option<Duration>),
    /// The call is carried out, and this is answered all the same.
    DoneBut(Code),
    /// The call is carried out, and the connection breaks before the answer.
    LostReply,
    /// Nothing is done and nothing is answered.
    Hang,
    /// The call is carried out, and nothing is answered.
    DoneInSilence,
    /// The call is carried out, and bytes are answered that are no message.
    Garbage,
    /// Nothing is done, and the connection breaks.
    Break,
    /// Nothing is done, the connection breaks, and new ones are refused until the stand-in is opened again.
    Gone,
}

impl Trouble {
    /// The next call of `method` (`Service.Method`, or `*` for any).
    pub fn new(method: &'static str, fault: Fault) -> Self {
        Self { method, fault, times: 1, skip: 0, after: None, until: None }
    }

    /// The next `times` calls.
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Lets so many calls pass before.
    pub fn skipping(self, skip: usize) -> Self {
        Self { skip, ..self }
    }

    /// Not before a call of `method` has been carried out.
    pub fn after(self, method: &'static str) -> Self {
        Self { after: Some(method), ..self }
    }

    /// Only calls that create a grant with this end.
    pub fn ending(self, until: DateTime<Utc>) -> Self {
        Self { until: Some(until), ..self }
    }
}

/// One change of state, and who held what right after it.
#[derive(Debug, Clone)]
pub struct Change {
    pub at: DateTime<Utc>,
    pub what: String,
    /// Account and resource or role.
    pub live: BTreeSet<(String, String)>,
}

impl World {
    /// An empty organisation, at this instant by the service's clock.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self {
            accounts: Vec::new(),
            resources: Vec::new(),
            roles: Vec::new(),
            grants: Vec::new(),
            attachments: Vec::new(),
            manners: Manners::default(),
            troubles: Vec::new(),
            clock: (now, Instant::now()),
            changes: Vec::new(),
            next: 0,
        }
    }

    pub fn user(mut self, id: &str, email: &str) -> Self {
        self.accounts.push(Account::new(id, Kind::User, email));
        self
    }

    pub fn account(mut self, account: Account) -> Self {
        self.accounts.push(account);
        self
    }

    /// A Postgres database without tags.
    pub fn resource(self, id: &str, name: &str) -> Self {
        self.resource_of(id, name, 1300, &[])
    }

    pub fn resource_of(mut self, id: &str, name: &str, kind: u32, tags: &[(&str, &str)]) -> Self {
        let tags = tags.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        self.resources.push(Resource { id: id.to_owned(), name: name.to_owned(), kind, tags });
        self
    }

    pub fn role(mut self, id: &str, name: &str) -> Self {
        self.roles.push(Role { id: id.to_owned(), name: name.to_owned() });
        self
    }

    pub fn manners(mut self, change: impl FnOnce(&mut Manners)) -> Self {
        change(&mut self.manners);
        self
    }

    pub fn now(&self) -> DateTime<Utc> {
        let (now, read) = self.clock;
        now + TimeDelta::from_std(read.elapsed()).expect("a test ends within centuries")
    }

    /// Gives a grant, as an administrator does; answers its id.
    pub fn give(&mut self, account: &str, resource: &str, until: Option<DateTime<Utc>>) -> String {
        let id = self.new_id("ag");
        let (account, resource) = (account.to_owned(), resource.to_owned());
        self.grants.push(Grant { id: id.clone(), account, resource, from: None, until, request: String::new() });
        self.changed(format!("an administrator gave {id}"));
        id
    }

    pub fn new_id(&mut self, prefix: &str) -> String {
        self.next += 1;
        format!("{prefix}-{:04x}", self.next)
    }

    /// Writes down that something changed, and who holds what since.
    pub fn changed(&mut self, what: String) {
        let at = self.now();
        let grants = self.grants.iter().filter(|grant| grant.is_live(at));
        let live = grants.map(|grant| (grant.account.clone(), grant.resource.clone()));
        let roles = self.attachments.iter().map(|attachment| (attachment.account.clone(), attachment.role.clone()));
        let live = live.chain(roles).collect();
        self.changes.push(Change { at, what, live });
    }

    /// The fault that the next call of `method` meets, if any; `until` is the end of the grant that it would create.
    pub fn trouble(&mut self, method: &str, until: Option<DateTime<Utc>>) -> Option<Fault> {
        let meets = |trouble: &&mut Trouble| {
            trouble.times > 0
                && trouble.after.is_none()
                && (trouble.method == method || trouble.method == "*")
                && trouble.until.is_none_or(|end| Some(end) == until)
        };
        for trouble in self.troubles.iter_mut().filter(meets) {
            if trouble.skip == 0 {
                trouble.times -= 1;
                return Some(trouble.fault);
            }
            trouble.skip -= 1;
        }
        None
    }

    /// Whether everything that was to go wrong has.
    pub fn is_spent(&self) -> bool {
        self.troubles.iter().all(|trouble| trouble.times == 0)
    }

    /// Arms the troubles that waited for a call of `method` to be carried out.
    pub fn carried_out(&mut self, method: &str) {
        for trouble in self.troubles.iter_mut().filter(|trouble| trouble.after == Some(method)) {
            trouble.after = None;
        }
    }
}

impl Account {
    pub fn new(id: &str, kind: Kind, name: &str) -> Self {
        Self { id: id.to_owned(), kind, name: name.to_owned(), suspended: false, suspended_read_only: false }
    }

    pub fn is_suspended(&self) -> bool {
        self.suspended || self.suspended_read_only
    }
}

impl Grant {
    pub fn is_live(&self, at: DateTime<Utc>) -> bool {
        self.from.is_none_or(|from| from <= at) && !self.is_expired(at)
    }

    pub fn is_expired(&self, at: DateTime<Utc>) -> bool {
        self.until.is_some_and(|until| until <= at)
    }

    /// Whether the two share an instant, a missing time being the far past or future.
    pub fn overlaps(&self, other: &Self) -> bool {
        let before = |from: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>| match (from, until) {
            (Some(from), Some(until)) => from < until,
            _ => true,
        };
        before(self.from, other.until) && before(other.from, self.until)
    }
}
