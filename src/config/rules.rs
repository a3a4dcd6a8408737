//! `[[rule]]`: which shifts give which entitlements.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::de::DeValue;

use super::RuleConfig;
use super::fault::{Findings, listed, near};
use super::platform::keys_of;
use super::table::Table;
use crate::harmless::shown;
use crate::span::Span;

/// Reads every rule; those with a fault are left out.
pub(super) fn read(
    root: &Table,
    sources: &BTreeSet<String>,
    targets: &BTreeSet<String>,
    found: &mut Findings,
) -> Vec<RuleConfig> {
    let list = match root.value("rule").map(|value| value.get_ref()) {
        Some(DeValue::Array(list)) if list.iter().all(|rule| rule.get_ref().is_table()) && !list.is_empty() => list,
        Some(DeValue::Table(_)) => {
            found.add(&root.at("rule"), "rules are a list: write [[rule]], with two brackets on each side");
            return Vec::new();
        }
        Some(_) => {
            found.add(&root.at("rule"), "rules are tables, each under its own [[rule]]");
            return Vec::new();
        }
        None => {
            found.add_whole("there is no [[rule]], so nobody would be given anything");
            return Vec::new();
        }
    };
    let keys = keys_of::<RuleConfig>();
    let mut names: BTreeMap<String, Range<usize>> = BTreeMap::new();
    let mut rules = Vec::new();
    for rule in list.iter() {
        let Some(mut table) = Table::of("this rule", &rule.span(), rule, found) else { continue };
        let name = name(&mut table, &mut names, found);
        table.refuse_unknown(&keys, found);
        rules.extend(read_one(&table, name, sources, targets, found));
    }
    rules
}

/// The rule's name, which is then what sentences call it.
fn name(table: &mut Table, names: &mut BTreeMap<String, Range<usize>>, found: &mut Findings) -> Option<String> {
    let name: String = table.need("name", found)?;
    let at = table.at("name");
    if name.trim().is_empty() {
        found.add(&at, "this rule's `name` is empty");
        return None;
    }
    table.call(format!("rule '{}'", shown(&name)));
    if let Some(first) = names.get(&name) {
        let sentence = format!("two rules are named '{name}', the first on line {}", found.line(first));
        found.add(&at, sentence);
    }
    names.entry(name.clone()).or_insert(at);
    Some(name)
}

/// One rule, all of whose keys are looked at, whatever is wrong with the others.
fn read_one(
    table: &Table,
    name: Option<String>,
    sources: &BTreeSet<String>,
    targets: &BTreeSet<String>,
    found: &mut Findings,
) -> Option<RuleConfig> {
    let source = source(table, sources, found);
    let schedules = list(table, "schedules", found);
    let levels = levels(table, found);
    let early = table.get("early", found).unwrap_or_default();
    let late = table.get("late", found).unwrap_or_default();
    let max_duration = length(table, "max_duration", found);
    let duration = length(table, "duration", found);
    if table.has("late") && table.has("duration") {
        let what = table.what();
        found.add(
            &table.at("late"),
            format!("{what} has both `late` and `duration`, which counts from the start; keep one"),
        );
    }
    let grant = grant(table, targets, found);
    Some(RuleConfig {
        name: name?,
        source: source?,
        schedules: schedules?,
        levels,
        early,
        late,
        max_duration,
        duration,
        grant: grant?,
    })
}

/// The source that a rule names, or the only one there is.
fn source(table: &Table, sources: &BTreeSet<String>, found: &mut Findings) -> Option<String> {
    let names: Vec<&str> = sources.iter().map(String::as_str).collect();
    if !table.has("source") {
        return match names.as_slice() {
            [] => None,
            [one] => Some((*one).to_owned()),
            several => {
                let what = table.what();
                let sentence =
                    format!("{what} has to say its `source`, because there are several: {}", listed(several));
                found.add(&table.at("source"), sentence);
                None
            }
        };
    }
    let source: String = table.get("source", found)?;
    if !sources.contains(&source) {
        let hint = near(&source, names);
        found.add(&table.at("source"), format!("{} asks the unknown source '{source}'{hint}", table.what()));
        return None;
    }
    Some(source)
}

/// A list of strings, none empty, none twice, at least one.
fn list(table: &Table, key: &str, found: &mut Findings) -> Option<Vec<String>> {
    let list: Vec<String> = table.need(key, found)?;
    let at = table.at(key);
    let what = table.what();
    if list.is_empty() {
        found.add(&at, format!("`{key}` in {what} is empty; name at least one"));
    }
    let mut seen = BTreeSet::new();
    for name in &list {
        if name.trim().is_empty() {
            found.add(&at, format!("`{key}` in {what} has an empty name"));
        } else if !seen.insert(name) {
            found.add(&at, format!("`{key}` in {what} has '{name}' twice"));
        }
    }
    Some(list)
}

fn levels(table: &Table, found: &mut Findings) -> Option<BTreeSet<u32>> {
    let levels: BTreeSet<u32> = table.get("levels", found)?;
    if levels.is_empty() || levels.contains(&0) {
        let what = table.what();
        let sentence =
            format!("`levels` in {what} are numbers from 1, which is called first; leave it out for all levels");
        found.add(&table.at("levels"), sentence);
    }
    Some(levels)
}

/// A length of time that has to be more than zero.
fn length(table: &Table, key: &str, found: &mut Findings) -> Option<Span> {
    let length: Span = table.get(key, found)?;
    if length.is_zero() {
        found.add(&table.at(key), format!("`{key}` in {} has to be more than zero", table.what()));
    }
    Some(length)
}

fn grant(table: &Table, targets: &BTreeSet<String>, found: &mut Findings) -> Option<BTreeMap<String, Vec<String>>> {
    let what = table.what();
    let grants = table.table("grant", &format!("`grant` in {what}"), found);
    if !table.has("grant") || grants.as_ref().is_some_and(|grants| grants.iter().next().is_none()) {
        found.add(
            &table.at("grant"),
            format!("{what} grants nothing; write for instance grant.TARGET = [\"ENTITLEMENT\"]"),
        );
    }
    let mut grants = grants?;
    grants.call(format!("`grant` of {what}"));
    let mut read = BTreeMap::new();
    for (target, at, _) in grants.iter() {
        if !targets.contains(target) {
            let hint = near(target, targets.iter().map(String::as_str));
            found.add(&at, format!("{what} grants on the unknown target '{target}'{hint}"));
        }
        if let Some(entitlements) = list(&grants, target, found) {
            read.insert(target.to_owned(), entitlements);
        }
    }
    Some(read)
}
