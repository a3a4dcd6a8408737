//! Records that hang together: whoever changes, removes, adds or moves one breaks every hash after it.

use anyhow::{Context as _, Result, ensure};
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
    number: i64,
    hash: String,
}

impl Chain {
    /// The chain that ends with `head`; an empty one without.
    pub fn after(head: Option<&Record>) -> Self {
        head.map(|head| Self { number: head.number, hash: head.hash.clone() }).unwrap_or_default()
    }

    /// The record that `event` becomes.
    pub fn add(&mut self, event: &Event) -> Record {
        let body = serde_json::to_string(event).expect("an event has no map with other keys than text");
        self.number += 1;
        self.hash = link(&self.hash, self.number, &body);
        Record { number: self.number, body, hash: self.hash.clone() }
    }

    /// Whether `records` are a whole chain from the first on; the error names the first that is not as it was written.
    pub fn verify(records: &[Record]) -> Result<()> {
        let (mut number, mut hash) = (0, "");
        for record in records {
            number += 1;
            ensure!(
                record.number == number,
                "record {number} is missing: after {} comes {}",
                number - 1,
                record.number
            );
            ensure!(record.hash == link(hash, number, &record.body), "record {number} is not as it was written");
            hash = &record.hash;
        }
        Ok(())
    }
}

/// The hash of a record. Lengths are fixed or told, so that no two records hash the same text.
fn link(before: &str, number: i64, body: &str) -> String {
    digest(format!("{before}\n{number}\n{body}").as_bytes())
}

pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
