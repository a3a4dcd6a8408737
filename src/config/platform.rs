//! `[source.NAME]` and `[target.NAME]`: tables whose keys depend on their `kind`.

use std::collections::{BTreeMap, BTreeSet};

use schemars::{JsonSchema, schema_for};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fault::{Findings, listed};
use super::table::Table;
use crate::harmless::shown;
use crate::near::near;

/// All tables of one sort.
pub(super) struct Platforms<T> {
    /// Those without a fault.
    pub(super) good: BTreeMap<String, T>,
    /// All that the file names, so that a rule for a faulty one is not called a fault as well.
    pub(super) names: BTreeSet<String>,
}

/// The keys of one kind.
struct Kind {
    name: String,
    keys: Vec<String>,
    required: Vec<String>,
}

/// Reads every table under `sort`, which is `source` or `target`; `faults` are those beyond single keys.
pub(super) fn read<T: DeserializeOwned + JsonSchema>(
    sort: &str,
    root: &Table,
    faults: impl Fn(&T) -> Vec<String>,
    found: &mut Findings,
) -> Platforms<T> {
    let kinds = kinds::<T>();
    let mut platforms = Platforms { good: BTreeMap::new(), names: BTreeSet::new() };
    let none = format!("there is no [{sort}.NAME]; `oncall-sync init` writes a config to start from");
    let Some(tables) = root.table(sort, &format!("[{sort}.NAME]"), found) else {
        if !root.has(sort) {
            found.add_whole(none);
        }
        return platforms;
    };
    if tables.iter().next().is_none() {
        found.add(&root.at(sort), none);
    }
    for (name, at, value) in tables.iter() {
        platforms.names.insert(name.to_owned());
        if !is_name(name) {
            found.add(&at, format!("the {sort} '{name}' needs a name of letters, digits, '-' and '_' alone"));
        }
        let Some(table) = Table::of(&format!("[{sort}.{}]", shown(name)), &at, value, found) else { continue };
        if let Some(platform) = read_one(name, &table, &kinds, found) {
            for fault in faults(&platform) {
                found.add(&table.at(""), format!("{}: {fault}", table.what()));
            }
            platforms.good.insert(name.to_owned(), platform);
        }
    }
    platforms
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn read_one<T: DeserializeOwned>(name: &str, table: &Table, kinds: &[Kind], found: &mut Findings) -> Option<T> {
    let before = found.count();
    let kind = kind(name, table, kinds, found)?;
    table.refuse_unknown(&kind.keys, found);
    for required in kind.required.iter().filter(|key| !table.has(key)) {
        found.add(&table.at(""), format!("{} has no `{required}`", table.what()));
    }
    for (key, at, _) in table.iter().filter(|(key, ..)| *key != "kind" && kind.keys.iter().any(|known| known == key)) {
        // Alone, a good key leads to nothing worse than the absence of the others.
        if let Err(error) = T::deserialize(table.with_kind(&kind.name, |other| other == key))
            && !error.message().starts_with("missing field")
        {
            found.add(&at, format!("`{key}` in {}: {}", table.what(), error.message()));
        }
    }
    if found.count() > before {
        return None;
    }
    T::deserialize(table.with_kind(&kind.name, |key| key != "kind"))
        .inspect_err(|error| found.add(&table.at(""), format!("{}: {}", table.what(), error.message())))
        .ok()
}

/// Which kind a table is: as it says, or as it is named.
fn kind<'k>(name: &str, table: &Table, kinds: &'k [Kind], found: &mut Findings) -> Option<&'k Kind> {
    let said: Option<String> = table.get("kind", found);
    if said.is_none() && table.has("kind") {
        return None;
    }
    let wanted = said.as_deref().unwrap_or(name);
    let kind = kinds.iter().find(|kind| kind.name == wanted);
    if kind.is_none() {
        let known: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
        let sentence = match said {
            None => format!("{} has no `kind`, and its name is none either", table.what()),
            Some(said) => {
                let hint = near(&said, known.iter().copied());
                let hint = hint.first().map(|kind| format!(" (did you mean '{kind}'?)")).unwrap_or_default();
                format!("{} has the unknown kind '{said}'{hint}", table.what())
            }
        };
        found.add(&table.at("kind"), format!("{sentence}; the kinds are {}", listed(&known)));
    }
    kind
}

/// What `kind` may be in a table that is read as `T`.
pub fn kinds_of<T: JsonSchema>() -> Vec<String> {
    kinds::<T>().into_iter().map(|kind| kind.name).collect()
}

/// The kinds of an enum that is tagged with `kind`, from its own schema.
fn kinds<T: JsonSchema>() -> Vec<Kind> {
    let schema = schema_for!(T).to_value();
    let variants = schema["oneOf"].as_array().expect("a tagged enum is one of its variants");
    variants
        .iter()
        .map(|variant| Kind {
            name: variant["properties"]["kind"]["const"].as_str().expect("each variant has its tag").to_owned(),
            keys: keys(variant),
            required: strings(&variant["required"]).filter(|key| key != "kind").collect(),
        })
        .collect()
}

/// The keys of a struct, from its own schema.
pub(super) fn keys_of<T: JsonSchema>() -> Vec<String> {
    keys(&schema_for!(T).to_value())
}

fn keys(schema: &Value) -> Vec<String> {
    schema["properties"].as_object().map(|keys| keys.keys().cloned().collect()).unwrap_or_default()
}

fn strings(list: &Value) -> impl Iterator<Item = String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned)
}
