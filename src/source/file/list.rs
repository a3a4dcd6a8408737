//! A rota as a plain list in CSV: overrides and nothing else, read strictly, all faults together.

use std::collections::BTreeMap;
use std::sync::Arc;

use csv::{ReaderBuilder, StringRecord, Trim};

use super::expand::{Override, Rotation};
use super::faults::Faults;
use super::schedule::{NOBODY, Schedule, Time, overlaps};
use super::track::{Group, Member};
use crate::domain::{self, Email, Period};
use crate::near::hint;
use crate::words::count;
use crate::zone::Zone;

/// The columns that there may be, those that have to be first.
const COLUMNS: [&str; 6] = ["schedule", "user", "from", "to", "reason", "timezone"];
const NEEDED: usize = 4;

/// What the header says.
struct Columns {
    /// Where a column stands in a row, by its name.
    places: BTreeMap<&'static str, usize>,
    /// How many fields a row has.
    width: usize,
}

/// Reads a list; `zone` is for times without an offset in rows that name no zone. Else every fault with its line.
pub fn parse(text: &str, zone: Option<&Zone>) -> Result<BTreeMap<String, Schedule>, Vec<(usize, String)>> {
    let mut reader = Reader { faults: Faults::new(text), default: zone, zones: BTreeMap::new() };
    let mut rows = rows(text, &mut reader.faults).into_iter();
    let columns = match rows.next() {
        Some((line, header)) => reader.columns(line, &header),
        None => {
            reader.faults.add(0, format!("the list is empty; its first line has to be {}", COLUMNS.join(",")));
            None
        }
    };
    let Some(columns) = columns else { return reader.faults.into_result().map(|()| BTreeMap::new()) };
    if rows.len() == 0 {
        reader.faults.add(0, "the list has a header and no row, so that nobody could ever be on call");
    }
    let mut schedules = BTreeMap::new();
    for (line, row) in rows {
        reader.row(line, &row, &columns, &mut schedules);
    }
    for schedule in schedules.values_mut() {
        schedule.remarks.extend(overlaps(&schedule.rotation.overrides, &schedule.rotation.zone));
    }
    reader.faults.into_result().map(|()| schedules)
}

/// The rows that hold anything, the header included, each with its line.
fn rows(text: &str, faults: &mut Faults) -> Vec<(usize, StringRecord)> {
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                faults.add(0, format!("it cannot be read as CSV: {error}"));
                break;
            }
        };
        let start = row.position().map_or(0, |position| usize::try_from(position.byte()).unwrap_or(text.len()));
        // Empty lines before a row belong to it as the parser sees it.
        let empty = text.as_bytes()[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if row.iter().any(|field| !field.is_empty()) {
            rows.push((faults.line(start + empty), row));
        }
    }
    rows
}

struct Reader<'z> {
    faults: Faults,
    default: Option<&'z Zone>,
    /// The zones of the column `timezone`, each read once.
    zones: BTreeMap<String, Result<Zone, String>>,
}

impl Reader<'_> {
    /// Where each column stands; `None` where rows cannot be read without those that are missing.
    fn columns(&mut self, line: usize, header: &StringRecord) -> Option<Columns> {
        let mut places = BTreeMap::new();
        for (place, name) in header.iter().enumerate() {
            let Some(known) = COLUMNS.iter().find(|known| **known == name) else {
                self.unknown_column(line, name);
                continue;
            };
            if places.insert(*known, place).is_some() {
                self.faults.add_to_line(line, format!("the column '{name}' is there twice"));
            }
        }
        let missing: Vec<_> = COLUMNS[..NEEDED].iter().filter(|name| !places.contains_key(*name)).collect();
        for name in &missing {
            self.faults.add_to_line(line, format!("the column '{name}' is missing in the header"));
        }
        missing.is_empty().then_some(Columns { places, width: header.len() })
    }

    fn unknown_column(&mut self, line: usize, name: &str) {
        let near = hint(name, COLUMNS);
        let known = match name {
            name if name.contains([';', '\t']) => "; columns are parted by commas".to_owned(),
            _ if near.is_empty() => format!("; there may be {}", COLUMNS.join(", ")),
            _ => near,
        };
        self.faults.add_to_line(line, format!("unknown column '{name}'{known}"));
    }

    fn row(&mut self, line: usize, row: &StringRecord, columns: &Columns, schedules: &mut BTreeMap<String, Schedule>) {
        // A quote that is never closed swallows the rows that follow, and people with them.
        if row.iter().any(|field| field.contains(['\n', '\r'])) {
            return self.faults.add_to_line(line, "a field goes on beyond its line: a '\"' is missing that closes it");
        }
        if row.len() != columns.width {
            let (found, needed) = (row.len(), count(columns.width, "field"));
            let fault = format!("the header has {needed} and this row {found}; quote a field that holds a comma");
            return self.faults.add_to_line(line, fault);
        }
        let field = |name: &str| columns.places.get(name).and_then(|place| row.get(*place)).unwrap_or_default();
        let mut remarks = Vec::new();
        let zone = self.zone(line, field("timezone"));
        let [from, to] = ["from", "to"].map(|name| {
            let time = Time::parse(self.filled(line, name, field(name))?, zone.as_ref(), line);
            let time = time.map_err(|fault| self.faults.add_to_line(line, fault)).ok()?;
            remarks.extend(time.remark);
            Some(time.instant)
        });
        let group = self.filled(line, "user", field("user")).and_then(|user| self.group(line, user));
        let Some(name) = self.filled(line, "schedule", field("schedule")) else { return };
        let schedule = schedules.entry(name.to_owned()).or_insert_with(|| Schedule {
            // Rows may differ in their zones; what is told of the whole schedule is told by that of its first.
            rotation: Rotation { zone: zone.unwrap_or_else(Zone::utc), layers: Vec::new(), overrides: Vec::new() },
            line,
            remarks: Vec::new(),
        });
        schedule.remarks.extend(remarks);
        let (Some(from), Some(to)) = (from, to) else { return };
        let period = Period::new(from, to);
        if period.is_none() {
            self.faults.add_to_line(line, "'to' has to be after 'from'");
        }
        if let (Some(period), Some(group)) = (period, group) {
            // Every row is an override; one that gives a reason is one to people as well.
            let reason = Some(field("reason")).filter(|reason| !reason.is_empty());
            let told = reason.map(|reason| domain::Override { period, reason: Some(reason.to_owned()) });
            schedule.rotation.overrides.push(Override { period, group: Arc::new(group), replaces: None, line, told });
        }
    }

    fn filled<'f>(&mut self, line: usize, name: &str, field: &'f str) -> Option<&'f str> {
        if field.is_empty() {
            self.faults.add_to_line(line, format!("'{name}' is empty"));
        }
        (!field.is_empty()).then_some(field)
    }

    /// The zone that a row names, else the default.
    fn zone(&mut self, line: usize, name: &str) -> Option<Zone> {
        if name.is_empty() {
            return self.default.cloned();
        }
        let zone = self.zones.entry(name.to_owned());
        match zone.or_insert_with(|| Zone::parse(name).map_err(|error| error.to_string())) {
            Ok(zone) => Some(zone.clone()),
            Err(fault) => {
                self.faults.add_to_line(line, fault.clone());
                // Read on in UTC: the row's other faults belong in the same answer.
                Some(Zone::utc())
            }
        }
    }

    /// One person, or `nobody`.
    fn group(&mut self, line: usize, user: &str) -> Option<Group> {
        if user == NOBODY {
            return Some(Group::new());
        }
        let Some(email) = Email::parse(user) else {
            let fault = format!("'{user}' is no e-mail address; a list knows neither short names nor several people");
            self.faults.add_to_line(line, fault);
            return None;
        };
        Some(Group::from([Member { name: email.to_string(), email }]))
    }
}
