//! Records that hang together: whoever changes, removes, adds or moves one breaks every hash after it.

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::Event;

/// One record as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Counted from 1, without a gap.
    pub number: i64,
    /// The event as JSON, byte for byte what was hashed.
    pub body: String,
    /// SHA-256 over the hash before, the number and the body, in hexadecimal.
    pub hash: String,
}

impl Record {
    /// # Errors
    /// Where the body is not an event of this version or an older one.
    pub fn event(&self) -> Result<Event> {
        serde_json::from_str(&self.body)
            .with_context(|| format!("record {} of the audit log is none that this oncall-sync knows", self.number))
    }
}

/// Where the chain ends so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    pub(super) number: i64,
    pub(super) hash: String,
}

impl Chain {
    /// The chain that ends with `head`; an empty one without.
    pub fn after(head: Option<&Record>) -> Self {
        head.map(|head| Self { number: head.number, hash: head.hash.clone() }).unwrap_or_default()
    }

    /// Whether `record` carries the hash of this end, of its number and of what it says.
    pub(super) fn leads_to(&self, record: &Record) -> bool {
        link(&self.hash, record.number, &record.body) == record.hash
    }

    /// The record that `event` becomes.
    pub fn add(&mut self, event: &Event) -> Record {
        let body = serde_json::to_string(event).expect("an event has no map with other keys than text");
        self.number += 1;
        self.hash = link(&self.hash, self.number, &body);
        Record { number: self.number, body, hash: self.hash.clone() }
    }
}

/// The hash of a record. Lengths are fixed or told, so that no two records hash the same text.
fn link(before: &str, number: i64, body: &str) -> String {
    digest(format!("{before}\n{number}\n{body}").as_bytes())
}

pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
