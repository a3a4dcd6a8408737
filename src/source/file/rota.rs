//! The rota file as data: read strictly, all its faults together.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::during::During;
use super::expand::{Layer, Override, Rotation};
use super::faults::{Faults, Table, entries, list, string};
use super::schedule::{NOBODY, Remark, Schedule, Time, overlaps};
use super::track::{Group, Member};
use crate::domain::{self, Email, Period};
use crate::harmless::shown;
use crate::near::hint;
use crate::zone::{Unit, Written, Zone};

type Value<'t> = Spanned<DeValue<'t>>;

/// Reads a rota file; `zone` is for schedules that name none. Else every fault with its line.
pub fn parse(text: &str, zone: Option<&Zone>) -> Result<BTreeMap<String, Schedule>, Vec<(usize, String)>> {
    let mut faults = Faults::new(text);
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        faults.add(error.span().map_or(0, |span| span.start), error.message());
    }
    if !errors.is_empty() {
        faults.into_result()?;
        return Ok(BTreeMap::new());
    }
    let span = root.span();
    let root = Spanned::new(span, DeValue::Table(root.into_inner()));
    let mut reader = Reader { faults, people: BTreeMap::new(), names: BTreeMap::new(), default: zone.cloned() };
    let schedules = reader.root(&root);
    reader.faults.into_result().map(|()| schedules)
}

/// `12 hours`, `1 week`.
fn every(text: &str) -> Result<(i64, Unit), String> {
    const UNITS: [(&str, Unit); 4] =
        [("hours", Unit::Hours), ("days", Unit::Days), ("weeks", Unit::Weeks), ("months", Unit::Months)];
    let form = "write it like '12 hours', '1 day', '1 week' or '1 month'";
    let (count, name) =
        text.trim().split_once(' ').ok_or_else(|| format!("'{text}' is no length of a turn; {form}"))?;
    let name = name.trim();
    let unit = UNITS.iter().find(|(unit, _)| *unit == name || unit.strip_suffix('s') == Some(name));
    let Some((_, unit)) = unit else {
        return Err(format!("unknown unit '{name}'{}", hint(name, UNITS.iter().map(|(unit, _)| *unit))));
    };
    // u16: a turn of 65535 months is longer than the calendar that we have.
    match count.parse::<u16>() {
        Ok(count) if count > 0 => Ok((i64::from(count), *unit)),
        _ => Err(format!("'{count}' is no number of {name}; {form}")),
    }
}

struct Reader {
    faults: Faults,
    people: BTreeMap<String, Email>,
    /// The first short name of each address: the name it goes by, wherever the address itself is written.
    names: BTreeMap<Email, String>,
    default: Option<Zone>,
}

impl Reader {
    fn root(&mut self, root: &Value<'_>) -> BTreeMap<String, Schedule> {
        let Some(root) = Table::new(root, "a rota file", &["people", "schedules"], &mut self.faults) else {
            return BTreeMap::new();
        };
        for (name, offset, value) in entries(root.get("people"), "'people'", &mut self.faults) {
            self.person(name, offset, value);
        }
        // From the last to the first, so that the first name stays.
        self.names = self.people.iter().rev().map(|(name, email)| (email.clone(), name.clone())).collect();
        let mut schedules = BTreeMap::new();
        for (name, offset, value) in entries(root.get("schedules"), "'schedules'", &mut self.faults) {
            if let Some(schedule) = self.schedule(name, offset, value) {
                schedules.insert(name.to_owned(), schedule);
            }
        }
        let named = root.get("schedules").map(|value| value.get_ref());
        if named.is_none_or(|value| value.as_table().is_some_and(|table| table.is_empty())) {
            self.faults.add(0, "there is no schedule; a rota file needs a table [schedules.NAME]");
        }
        schedules
    }

    fn person(&mut self, name: &str, offset: usize, value: &Value<'_>) {
        if name == NOBODY || name.contains('@') {
            self.faults.add(offset, format!("'{name}' cannot be a short name: it has a meaning of its own"));
        }
        let Some(address) = string(value, name, &mut self.faults) else { return };
        if Email::parse(address).is_none() {
            self.faults.add(value.span().start, format!("'{address}' is no e-mail address"));
        }
        self.people.insert(name.to_owned(), Email::new(address));
    }

    fn schedule(&mut self, name: &str, offset: usize, value: &Value<'_>) -> Option<Schedule> {
        let what = format!("schedule '{}'", shown(name));
        let table = Table::new(value, &what, &["timezone", "layers", "overrides"], &mut self.faults)?;
        // A schedule without a usable zone is read on in UTC: its other faults belong in the same answer.
        let zone = self.zone(&table).unwrap_or_else(Zone::utc);
        let mut remarks = Vec::new();
        let layers = list(table.get("layers"), "layers", &mut self.faults);
        let overrides = list(table.get("overrides"), "overrides", &mut self.faults);
        if layers.is_empty() && overrides.is_empty() {
            self.faults
                .add(offset, format!("{what} has neither layers nor overrides, so that nobody could ever be on call"));
        }
        let layers = layers.into_iter().filter_map(|value| self.layer(value, &what, &zone, &mut remarks)).collect();
        let overrides: Vec<Override> =
            overrides.into_iter().filter_map(|value| self.exception(value, &what, &zone, &mut remarks)).collect();
        remarks.extend(overlaps(&overrides, &zone));
        Some(Schedule { rotation: Rotation { zone, layers, overrides }, line: self.faults.line(offset), remarks })
    }

    fn zone(&mut self, table: &Table<'_>) -> Option<Zone> {
        let Some(value) = table.get("timezone") else {
            if self.default.is_none() {
                table.need("timezone", &mut self.faults);
            }
            return self.default.clone();
        };
        let name = string(value, "timezone", &mut self.faults)?;
        Zone::parse(name).map_err(|error| self.faults.add(value.span().start, error.to_string())).ok()
    }

    fn layer(&mut self, value: &Value<'_>, of: &str, zone: &Zone, remarks: &mut Vec<Remark>) -> Option<Layer> {
        const KEYS: [&str; 5] = ["start", "every", "users", "during", "end"];
        let table = Table::new(value, &format!("a layer of {of}"), &KEYS, &mut self.faults)?;
        let start = table.need("start", &mut self.faults);
        let start = start.and_then(|value| self.time(value, "start", zone, remarks));
        let every = table.need("every", &mut self.faults).and_then(|value| {
            let text = string(value, "every", &mut self.faults)?;
            every(text).map_err(|fault| self.faults.add(value.span().start, fault)).ok()
        });
        let users = table.need("users", &mut self.faults).and_then(|value| self.users(value));
        let during = table.get("during").map(|value| self.during(value));
        let end = table.get("end").map(|value| (value, self.time(value, "end", zone, remarks)));
        if let (Some((_, start)), Some((value, Some((_, end))))) = (start, end)
            && end <= start
        {
            self.faults.add(value.span().start, "'end' has to be after 'start'");
        }
        let (count, unit) = every?;
        let start = match start?.0 {
            Written::Civil(civil) => civil,
            Written::Instant(instant) => zone.civil(instant),
        };
        let end = end.and_then(|(_, end)| end).map(|(_, end)| end);
        Some(Layer { start, count, unit, users: users?, during, end })
    }

    fn exception(&mut self, value: &Value<'_>, of: &str, zone: &Zone, remarks: &mut Vec<Remark>) -> Option<Override> {
        const KEYS: [&str; 5] = ["from", "to", "user", "replaces", "reason"];
        let table = Table::new(value, &format!("an override of {of}"), &KEYS, &mut self.faults)?;
        let [from, to] = ["from", "to"].map(|key| {
            let value = table.need(key, &mut self.faults)?;
            self.time(value, key, zone, remarks).map(|(_, instant)| instant)
        });
        let group = table.need("user", &mut self.faults).and_then(|value| self.group(value));
        let replaces = table.get("replaces").map(|value| {
            let name = string(value, "replaces", &mut self.faults)?;
            self.member(name, value.span().start)
        });
        let reason = table.get("reason").and_then(|value| string(value, "reason", &mut self.faults));
        let period = Period::new(from?, to?);
        if period.is_none() {
            let at = table.get("to").map_or(table.offset(), |value| value.span().start);
            self.faults.add(at, "'to' has to be after 'from'");
        }
        let line = self.faults.line(table.offset());
        let replaces = match replaces {
            Some(member) => Some(member?),
            None => None,
        };
        let told = Some(domain::Override { period: period?, reason: reason.map(str::to_owned) });
        Some(Override { period: period?, group: Arc::new(group?), replaces, line, told })
    }

    /// A date and time, as a string or as TOML's own kind, and its instant.
    fn time(
        &mut self,
        value: &Value<'_>,
        key: &str,
        zone: &Zone,
        remarks: &mut Vec<Remark>,
    ) -> Option<(Written, DateTime<Utc>)> {
        let offset = value.span().start;
        let text = match value.get_ref().as_datetime() {
            Some(own) => own.to_string(),
            None => string(value, key, &mut self.faults)?.to_owned(),
        };
        let line = self.faults.line(offset);
        let time = Time::parse(&text, Some(zone), line).map_err(|fault| self.faults.add_to_line(line, fault)).ok()?;
        remarks.extend(time.remark);
        Some((time.written, time.instant))
    }

    fn during(&mut self, value: &Value<'_>) -> Vec<During> {
        let values = match value.get_ref().as_str() {
            Some(_) => vec![value],
            None => list(Some(value), "during", &mut self.faults),
        };
        if values.is_empty() {
            self.faults.add(
                value.span().start,
                "'during' is empty, so that the layer would never count; leave it out for always",
            );
        }
        let mut spans = Vec::new();
        for value in values {
            match string(value, "during", &mut self.faults).map(During::parse) {
                Some(Ok(span)) => spans.push(span),
                Some(Err(error)) => self.faults.add(value.span().start, format!("{error:#}")),
                None => {}
            }
        }
        spans
    }

    fn users(&mut self, value: &Value<'_>) -> Option<Vec<Arc<Group>>> {
        let values = list(Some(value), "users", &mut self.faults);
        if value.get_ref().is_array() && values.is_empty() {
            self.faults.add(value.span().start, "'users' is empty; name at least one person, or \"nobody\"");
        }
        let groups: Vec<_> = values.into_iter().filter_map(|value| self.group(value).map(Arc::new)).collect();
        (!groups.is_empty()).then_some(groups)
    }

    /// One person, several together, or `nobody`.
    fn group(&mut self, value: &Value<'_>) -> Option<Group> {
        if let Some(name) = value.get_ref().as_str() {
            return if name == NOBODY {
                Some(Group::new())
            } else {
                self.member(name, value.span().start).map(|member| Group::from([member]))
            };
        }
        let values = list(Some(value), "users", &mut self.faults);
        if value.get_ref().is_array() && values.is_empty() {
            self.faults.add(value.span().start, "an empty list of people; write \"nobody\" for a gap");
        }
        let mut group = Group::new();
        for value in values {
            let name = string(value, "users", &mut self.faults)?;
            group.extend(self.member(name, value.span().start));
        }
        (!group.is_empty()).then_some(group)
    }

    fn member(&mut self, name: &str, offset: usize) -> Option<Member> {
        if name == NOBODY {
            self.faults.add(offset, "\"nobody\" stands alone, in the place of a person");
            return None;
        }
        let email = self.people.get(name).cloned().or_else(|| Email::parse(name));
        if let Some(email) = email {
            let name = self.names.get(&email).map_or(email.as_str(), String::as_str).to_owned();
            return Some(Member { email, name });
        }
        let near = hint(name, self.people.keys().map(String::as_str));
        let hint = if near.is_empty() { "; add the name to [people], or write an e-mail address" } else { &near };
        self.faults.add(offset, format!("unknown person '{name}'{hint}"));
        None
    }
}
