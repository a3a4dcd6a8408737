//! One table of the file, read key by key, so that one bad key hides no other.

use std::borrow::Cow;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::fault::{Findings, near};

pub(super) struct Table<'a> {
    /// As a sentence calls it.
    what: String,
    at: Range<usize>,
    entries: &'a DeTable<'a>,
}

impl<'a> Table<'a> {
    pub(super) fn new(what: impl Into<String>, at: Range<usize>, entries: &'a DeTable<'a>) -> Self {
        Self { what: what.into(), at, entries }
    }

    /// `value` as a table; anything else is a fault, whose value is not repeated.
    pub(super) fn of(
        what: &str,
        key: &Range<usize>,
        value: &'a Spanned<DeValue<'a>>,
        found: &mut Findings,
    ) -> Option<Self> {
        match value.get_ref() {
            DeValue::Table(entries) => Some(Self::new(what, key.clone(), entries)),
            _ => {
                found.add(key, format!("{what} has to be a table"));
                None
            }
        }
    }

    pub(super) fn what(&self) -> &str {
        &self.what
    }

    pub(super) fn call(&mut self, what: String) {
        self.what = what;
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Where `key` stands, or the table where it is absent.
    pub(super) fn at(&self, key: &str) -> Range<usize> {
        self.entries.get_key_value(key).map_or_else(|| self.at.clone(), |(key, _)| key.span())
    }

    pub(super) fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.entries.get(key)
    }

    /// Each key, where it stands, and its value.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, Range<usize>, &'a Spanned<DeValue<'a>>)> {
        self.entries.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value))
    }

    /// The value of `key`; `None` where it is absent, or is a fault, which is then among `found`.
    pub(super) fn get<T: DeserializeOwned>(&self, key: &str, found: &mut Findings) -> Option<T> {
        let value = self.value(key)?;
        match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(value) => Some(value),
            Err(error) => {
                let inside = |at: &Range<usize>| value.span().contains(&at.start);
                let at = error.span().filter(inside).unwrap_or_else(|| self.at(key));
                found.add(&at, format!("`{key}` in {}: {}", self.what, error.message()));
                None
            }
        }
    }

    /// As [`Table::get`], and absence is a fault too.
    pub(super) fn need<T: DeserializeOwned>(&self, key: &str, found: &mut Findings) -> Option<T> {
        if !self.has(key) {
            found.add(&self.at, format!("{} has no `{key}`", self.what));
        }
        self.get(key, found)
    }

    /// The table under `key`; `None` where it is absent, or no table, which is then among `found`.
    pub(super) fn table(&self, key: &str, what: &str, found: &mut Findings) -> Option<Table<'a>> {
        Table::of(what, &self.at(key), self.value(key)?, found)
    }

    /// A fault for each key that is not one of `known`.
    pub(super) fn refuse_unknown(&self, known: &[String], found: &mut Findings) {
        for (key, at, _) in self.iter().filter(|(key, ..)| !known.iter().any(|known| known == key)) {
            let hint = near(key, known.iter().map(String::as_str));
            found.add(&at, format!("unknown key `{key}` in {}{hint}", self.what));
        }
    }

    /// These keys alone, and `kind` set, as one value.
    pub(super) fn with_kind(&self, kind: &'a str, keys: impl Fn(&str) -> bool) -> ValueDeserializer<'a> {
        let mut entries = DeTable::new();
        for (key, value) in self.entries.iter().filter(|(key, _)| keys(key.get_ref())) {
            entries.insert(key.clone(), value.clone());
        }
        let text = |text| Cow::Borrowed(text);
        entries.insert(Spanned::new(0..0, text("kind")), Spanned::new(0..0, DeValue::String(text(kind))));
        ValueDeserializer::from(Spanned::new(self.at.clone(), DeValue::Table(entries)))
    }
}
