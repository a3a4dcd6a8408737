//! What the fake knows, as a file that one call at a time holds.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct World {
    pub tenure: Tenure,
    pub concurrency: usize,
    /// Keeps no dates, whatever its tenure; one that may have many grants makes another when it is to move one.
    pub forgetful: bool,
    /// What `COMMAND_TOKEN` has to be, where it has to be anything.
    pub token: Option<String>,
    pub accounts: Vec<Account>,
    /// Entitlements by their ids, with their names.
    pub entitlements: BTreeMap<String, String>,
    pub grants: Vec<Held>,
    /// What is answered for each schedule.
    pub schedules: BTreeMap<String, Value>,
    /// Nothing that ends by then is shown.
    pub now: String,
    pub troubles: Vec<Trouble>,
    pub calls: Vec<String>,
    /// What requests held that the protocol does not know.
    pub violations: Vec<String>,
    /// Calls that run now, and the most that ever did.
    pub running: usize,
    pub most: usize,
    pub numbered: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tenure {
    Standing,
    Expiring,
    Scheduled,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    pub id: String,
    pub email: String,
    pub suspended: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub id: String,
    pub account: String,
    pub entitlement: String,
    pub from: Option<String>,
    pub until: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trouble {
    pub verb: String,
    pub fault: Fault,
    pub times: usize,
}

/// How a call goes wrong.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Fault {
    /// Exit status 75.
    Again,
    /// A complaint on standard error, and this exit status.
    Fail(String, i32),
    /// Never ends by itself.
    Hang,
    /// More on standard output than anybody reads.
    Flood,
    /// A great deal on standard error, and then what it would have done.
    Chatter,
    /// This on standard output, and success.
    Say(String),
    /// Does what was asked, and then fails all the same.
    Forget,
    /// Answers once so many calls have run at the same time.
    Meet(usize),
    /// Ends by a signal.
    Abort,
}

impl World {
    pub fn new(tenure: Tenure, now: &str) -> Self {
        Self {
            tenure,
            concurrency: 1,
            forgetful: false,
            token: None,
            accounts: Vec::new(),
            entitlements: BTreeMap::new(),
            grants: Vec::new(),
            schedules: BTreeMap::new(),
            now: now.to_owned(),
            troubles: Vec::new(),
            calls: Vec::new(),
            violations: Vec::new(),
            running: 0,
            most: 0,
            numbered: 0,
        }
    }

    pub fn account(mut self, id: &str, email: &str) -> Self {
        self.accounts.push(Account { id: id.to_owned(), email: email.to_owned(), suspended: false });
        self
    }

    pub fn suspended(mut self, id: &str, email: &str) -> Self {
        self.accounts.push(Account { id: id.to_owned(), email: email.to_owned(), suspended: true });
        self
    }

    pub fn entitlement(mut self, id: &str, name: &str) -> Self {
        self.entitlements.insert(id.to_owned(), name.to_owned());
        self
    }

    pub fn schedule(mut self, name: &str, answer: Value) -> Self {
        self.schedules.insert(name.to_owned(), answer);
        self
    }

    pub fn give(&mut self, account: &str, entitlement: &str, from: Option<&str>, until: Option<&str>) -> String {
        self.numbered += 1;
        let id = format!("{entitlement}/{account}/{}", self.numbered);
        self.grants.push(Held {
            id: id.clone(),
            account: account.to_owned(),
            entitlement: entitlement.to_owned(),
            from: from.map(str::to_owned),
            until: until.map(str::to_owned),
        });
        id
    }

    pub(super) fn create(&self, path: &Path) {
        std::fs::write(path, serde_json::to_vec(self).expect("JSON")).expect("a world");
    }

    pub(super) fn change<T>(path: &Path, change: impl FnOnce(&mut Self) -> T) -> T {
        let mut file: File = OpenOptions::new().read(true).write(true).open(path).expect("a world");
        file.lock().expect("the world alone");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("text");
        let mut world: Self = serde_json::from_str(&text).expect("a world");
        let answer = change(&mut world);
        file.set_len(0).expect("emptied");
        file.rewind().expect("the start");
        file.write_all(&serde_json::to_vec(&world).expect("JSON")).expect("written");
        answer
    }
}
