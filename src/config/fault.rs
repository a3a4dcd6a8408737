//! What is wrong with a config file: every fault, with its line.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::harmless::line;
use crate::near::hint;
use crate::words::count;

/// Faults that are told one by one: more than a person mends in one go, and less than what floods a terminal.
const FAULTS_TOLD: usize = 100;

/// All that is wrong with one config file, one sentence each, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    path: PathBuf,
    faults: Vec<Fault>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The line in the file, from 1; `None` where it is about the file as a whole.
    pub line: Option<usize>,
    pub sentence: String,
}

impl Faults {
    pub fn list(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.faults.iter().take(FAULTS_TOLD).enumerate() {
            let newline = if place == 0 { "" } else { "\n" };
            let sentence = line(&fault.sentence);
            match fault.line {
                Some(number) => write!(f, "{newline}{}:{number}: {sentence}", self.path.display())?,
                None => write!(f, "{newline}{}: {sentence}", self.path.display())?,
            }
        }
        match self.faults.len().saturating_sub(FAULTS_TOLD) {
            0 => Ok(()),
            more => write!(f, "\nand {}", count(more, "more fault")),
        }
    }
}

impl std::error::Error for Faults {}

/// Gathers faults while a file is read.
pub(super) struct Findings {
    /// Where each line but the last ends.
    breaks: Vec<usize>,
    faults: Vec<Fault>,
}

impl Findings {
    pub(super) fn new(text: &str) -> Self {
        Self { breaks: text.match_indices('\n').map(|(offset, _)| offset).collect(), faults: Vec::new() }
    }

    /// A fault at a place of the text, in bytes.
    pub(super) fn add(&mut self, at: &Range<usize>, sentence: impl Into<String>) {
        self.faults.push(Fault { line: Some(self.line(at)), sentence: sentence.into() });
    }

    /// The line of a place, from 1.
    pub(super) fn line(&self, at: &Range<usize>) -> usize {
        1 + self.breaks.partition_point(|end| *end < at.start)
    }

    /// A fault of the file as a whole.
    pub(super) fn add_whole(&mut self, sentence: impl Into<String>) {
        self.faults.push(Fault { line: None, sentence: sentence.into() });
    }

    pub(super) fn count(&self) -> usize {
        self.faults.len()
    }

    pub(super) fn into_faults(mut self, path: &Path) -> Faults {
        self.faults.sort();
        self.faults.dedup();
        Faults { path: path.to_owned(), faults: self.faults }
    }
}

/// The tail of a sentence about the unknown `name`: what it was probably meant to be, or all that is known where that is
/// few.
pub fn near<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    /// More than this nobody reads in an error.
    const FEW: usize = 12;

    let known: Vec<&str> = known.into_iter().collect();
    let hint = hint(name, known.iter().copied());
    if hint.is_empty() && (1..=FEW).contains(&known.len()) { format!("; known are {}", listed(&known)) } else { hint }
}

/// Names in quotes, as a list in a sentence.
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => "none".into(),
        [one] => format!("'{one}'"),
        [most @ .., last] => {
            format!("{} and '{last}'", most.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", "))
        }
    }
}
