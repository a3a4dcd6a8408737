//! The chain walked from end to end.

use std::fmt;
use std::str::FromStr;

use super::{Chain, Record};

/// Faults that are told one by one; where there are more, the first ones say enough.
const TOLD: usize = 20;

/// Where the log ended when somebody looked: kept elsewhere, it shows whether anything before it was changed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// 0 where there was no record.
    pub number: i64,
    pub hash: String,
}

impl Head {
    pub fn new(record: Option<&Record>) -> Self {
        record.map_or(Self { number: 0, hash: String::new() }, |record| Self {
            number: record.number,
            hash: record.hash.clone(),
        })
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.hash)
    }
}

impl FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not what `audit --head` prints, NUMBER:HASH");
        let (number, hash) = text.trim().split_once(':').ok_or_else(wrong)?;
        let number = number.parse().ok().filter(|number| *number >= 0).ok_or_else(wrong)?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_head = if number == 0 { hash.is_empty() } else { is_hash };
        if !is_head {
            return Err(wrong());
        }
        Ok(Self { number, hash: hash.to_ascii_lowercase() })
    }
}

/// Walks the chain, record by record, and remembers what is wrong.
#[derive(Debug, Default)]
pub struct Verifier {
    chain: Chain,
    /// Records seen.
    pub records: usize,
    /// The first faults, in sentences.
    pub faults: Vec<String>,
    /// How many faults there are beyond these.
    pub more: usize,
    expected: Option<Head>,
}

impl Verifier {
    /// `expected` is what the head was once.
    pub fn new(expected: Option<Head>) -> Self {
        Self { expected, ..Self::default() }
    }

    /// Whether `records` are a whole chain from the first on; the error is its first fault.
    pub fn check(records: &[Record]) -> Result<(), String> {
        let mut verifier = Self::default();
        records.iter().for_each(|record| verifier.see(record));
        verifier.faults.into_iter().next().map_or(Ok(()), Err)
    }

    /// Looks at the next record. After a fault it goes on from what the record says of itself.
    pub fn see(&mut self, record: &Record) {
        self.records += 1;
        let number = record.number;
        let missing = self.chain.number + 1..number;
        if number <= self.chain.number {
            self.fault(format!("record {number} was put in: numbers count from 1"));
        } else if !missing.is_empty() {
            self.fault(format!(
                "{} missing: removed, or those after it were given other numbers",
                are(missing.start, number - 1)
            ));
        } else if !self.chain.leads_to(record) {
            let before = if number == 1 { String::new() } else { format!(", or record {} before it", number - 1) };
            self.fault(format!("record {number} does not carry the hash of what it says and of what is before it: it{before} was changed, moved or put in"));
        }
        if let Some(expected) = self.expected.as_ref().filter(|expected| expected.number == number)
            && expected.hash != record.hash
        {
            let fault = format!(
                "record {number} is another than the expected head: it, or a record before it, was changed and the hashes made anew"
            );
            self.fault(fault);
        }
        if number > self.chain.number {
            self.chain = Chain::after(Some(record));
        }
    }

    /// Looks at the end of the log; `highest` is the highest number that a record ever had, where that is known.
    pub fn end(&mut self, highest: Option<i64>) {
        let last = self.chain.number;
        let expected = self.expected.as_ref().map(|expected| expected.number);
        if let Some(number) = expected.max(highest).filter(|number| *number > last) {
            self.fault(format!("{} missing: the end of the log was cut off", are(last + 1, number)));
        }
    }

    pub fn head(&self) -> Head {
        Head { number: self.chain.number, hash: self.chain.hash.clone() }
    }

    fn fault(&mut self, sentence: String) {
        if self.faults.len() < TOLD {
            self.faults.push(sentence);
        } else {
            self.more += 1;
        }
    }
}

fn are(first: i64, last: i64) -> String {
    if first == last { format!("record {first} is") } else { format!("records {first} to {last} are") }
}
