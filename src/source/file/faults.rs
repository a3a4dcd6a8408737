//! What is wrong with a rota file: every fault, each with its line.

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::near::hint;

/// The faults found so far in one text.
pub struct Faults {
    /// Where each line but the last ends.
    breaks: Vec<usize>,
    found: BTreeSet<(usize, String)>,
}

impl Faults {
    pub fn new(text: &str) -> Self {
        Self { breaks: text.match_indices('\n').map(|(offset, _)| offset).collect(), found: BTreeSet::new() }
    }

    /// The line, counted from 1, in which the byte at `offset` stands.
    pub fn line(&self, offset: usize) -> usize {
        self.breaks.partition_point(|end| *end < offset) + 1
    }

    pub fn add(&mut self, offset: usize, sentence: impl Into<String>) {
        let line = self.line(offset);
        self.add_to_line(line, sentence);
    }

    pub fn add_to_line(&mut self, line: usize, sentence: impl Into<String>) {
        self.found.insert((line, sentence.into()));
    }

    /// Whether there were none; else all of them in the order of their lines.
    pub fn into_result(self) -> Result<(), Vec<(usize, String)>> {
        if self.found.is_empty() { Ok(()) } else { Err(self.found.into_iter().collect()) }
    }
}

/// A table of the file that has only keys it may have.
pub struct Table<'t> {
    map: &'t DeTable<'t>,
    offset: usize,
    what: String,
}

impl<'t> Table<'t> {
    /// The value as a table; unknown keys are faults.
    pub fn new(value: &'t Spanned<DeValue<'t>>, what: &str, keys: &[&str], faults: &mut Faults) -> Option<Self> {
        let offset = value.span().start;
        let Some(map) = value.get_ref().as_table() else {
            faults.add(offset, format!("{what} has to be a table, not {}", kind(value)));
            return None;
        };
        for key in map.keys().filter(|key| !keys.contains(&key.get_ref().as_ref())) {
            let near = hint(key.get_ref(), keys.iter().copied());
            let known = if near.is_empty() { format!("; it may have {}", keys.join(", ")) } else { near };
            faults.add(key.span().start, format!("unknown key '{}' in {what}{known}", key.get_ref()));
        }
        Some(Self { map, offset, what: what.to_owned() })
    }

    pub fn offset(&self) -> usize {
        self.offset
    }

    pub fn get(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.map.get(key)
    }

    /// The value of a key that has to be there.
    pub fn need(&self, key: &str, faults: &mut Faults) -> Option<&'t Spanned<DeValue<'t>>> {
        let value = self.map.get(key);
        if value.is_none() {
            faults.add(self.offset, format!("'{key}' is missing in {}", self.what));
        }
        value
    }
}

/// The entries of a table whose keys are names of the reader's own choice.
pub fn entries<'t>(
    value: Option<&'t Spanned<DeValue<'t>>>,
    what: &str,
    faults: &mut Faults,
) -> Vec<(&'t str, usize, &'t Spanned<DeValue<'t>>)> {
    let Some(value) = value else { return Vec::new() };
    let Some(map) = value.get_ref().as_table() else {
        faults.add(value.span().start, format!("{what} has to be a table, not {}", kind(value)));
        return Vec::new();
    };
    map.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value)).collect()
}

/// The items of a list; nothing where there is no such key.
pub fn list<'t>(
    value: Option<&'t Spanned<DeValue<'t>>>,
    key: &str,
    faults: &mut Faults,
) -> Vec<&'t Spanned<DeValue<'t>>> {
    let Some(value) = value else { return Vec::new() };
    let Some(items) = value.get_ref().as_array() else {
        faults.add(value.span().start, format!("'{key}' has to be a list, not {}", kind(value)));
        return Vec::new();
    };
    items.iter().collect()
}

pub fn string<'t>(value: &'t Spanned<DeValue<'t>>, key: &str, faults: &mut Faults) -> Option<&'t str> {
    let text = value.get_ref().as_str();
    if text.is_none() {
        faults.add(value.span().start, format!("'{key}' has to be a string, not {}", kind(value)));
    }
    text
}

fn kind(value: &Spanned<DeValue>) -> String {
    let kind = value.get_ref().type_str();
    format!("{} {kind}", if kind.starts_with(['a', 'i']) { "an" } else { "a" })
}
