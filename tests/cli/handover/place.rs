//! The two places of a ledger, and how each is put back to what it was.

use std::time::Duration;

use super::*;
use crate::fakes::postgres::Database;

/// Where a ledger is, and how it is put back to what it was.
pub trait Place {
    /// As the config says it.
    fn location(&self) -> String;
    /// The name and port of a server, where there is one.
    fn peer(&self) -> Option<(&'static str, u16)> {
        None
    }
    /// How long after the end of a killed run a next one may still be refused for its lock.
    fn frees_within(&self) -> Duration {
        Duration::ZERO
    }
    /// Remembers what is there now.
    fn keep(&mut self, desk: &Desk);
    /// Puts back what was kept.
    fn put_back(&self, desk: &Desk);
}

/// An SQLite file beside the config.
#[derive(Default)]
pub struct InFile(Option<Vec<u8>>);

impl Place for InFile {
    fn location(&self) -> String {
        "ledger.db".into()
    }

    fn keep(&mut self, desk: &Desk) {
        self.0 = desk.ledger();
    }

    fn put_back(&self, desk: &Desk) {
        for ending in ["", ".lock", "-journal", ".new", ".new-journal"] {
            let _not_there = fs::remove_file(desk.path(&format!("ledger.db{ending}")));
        }
        if let Some(bytes) = &self.0 {
            secret(&desk.path("ledger.db"), "");
            desk.write("ledger.db", bytes);
        }
    }
}

/// A PostgreSQL database.
pub struct InDatabase {
    database: Database<'static>,
    kept: Option<Database<'static>>,
}

impl InDatabase {
    pub fn new(database: Database<'static>) -> Self {
        Self { database, kept: None }
    }
}

impl Place for InDatabase {
    fn location(&self) -> String {
        self.database.url()
    }

    fn peer(&self) -> Option<(&'static str, u16)> {
        Some(("postgres", self.database.server.port()))
    }

    /// The server notices when it next reads from or writes to the connection; it takes milliseconds, and half a minute
    /// where it does not notice.
    fn frees_within(&self) -> Duration {
        Duration::from_secs(2)
    }

    fn keep(&mut self, _: &Desk) {
        self.kept = Some(self.database.copy());
    }

    fn put_back(&self, _: &Desk) {
        self.database.put_back(self.kept.as_ref().expect("kept"));
    }
}
