//! Lists: who is on call, and what we own.

use chrono::{DateTime, Utc};
use comfy_table::{Table, presets};
use schemars::JsonSchema;
use serde::Serialize;

use super::change::{ReasonReport, span};
use super::text::lines;
use super::{Span, VERSION};
use crate::domain::{Owned, Shift};
use crate::harmless::{line, message, shown};
use crate::ledger::Copied;
use crate::words::count;
use crate::zone::Zone;

/// Who is on call, and what could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Roster {
    pub version: u32,
    pub window: Span,
    pub shifts: Vec<ShiftReport>,
    pub errors: Vec<String>,
    pub remarks: Vec<String>,
}

/// One shift: who is on call, on which schedule, from when to when.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct ShiftReport {
    pub source: String,
    pub schedule: String,
    pub schedule_id: String,
    pub level: Option<u32>,
    pub person: String,
    pub email: Option<String>,
    pub start: Option<DateTime<Utc>>,
    pub end: Option<DateTime<Utc>>,
}

/// What the ledger says is ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Owning {
    pub version: u32,
    pub grants: Vec<OwnedReport>,
}

/// One grant of ours, by the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OwnedReport {
    pub target: String,
    /// The target's own id; `null` where a run ended before it was known.
    pub id: Option<String>,
    pub account: String,
    pub email: String,
    pub entitlement: String,
    pub entitlement_id: String,
    pub period: Span,
    pub reasons: Vec<ReasonReport>,
}

impl ShiftReport {
    pub fn new(source: &str, shift: &Shift) -> Self {
        Self {
            source: source.to_owned(),
            schedule: shift.schedule.name.clone(),
            schedule_id: shift.schedule.id.clone(),
            level: shift.level,
            person: shift.person.name.clone(),
            email: shift.person.email.as_ref().map(|email| email.as_str().to_owned()),
            start: shift.start,
            end: shift.end,
        }
    }
}

impl Owning {
    pub fn new<'a>(owned: impl Iterator<Item = (&'a str, &'a Owned)>) -> Self {
        let report = |(target, owned): (&str, &Owned)| OwnedReport {
            target: target.to_owned(),
            id: owned.id.as_ref().map(|id| id.0.clone()),
            account: owned.grant.access.account.0.clone(),
            email: owned.grant.email.as_str().to_owned(),
            entitlement: owned.grant.access.entitlement.name.to_string(),
            entitlement_id: owned.grant.access.entitlement.id.to_string(),
            period: span(owned.grant.period),
            reasons: owned.reasons.iter().map(ReasonReport::from).collect(),
        };
        Self { version: VERSION, grants: owned.map(report).collect() }
    }
}

pub fn shifts_text(roster: &Roster, zone: &Zone) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["schedule", "level", "who", "e-mail", "from", "until"]);
    let told =
        |instant: Option<DateTime<Utc>>, none: &str| instant.map_or(none.to_owned(), |instant| zone.format(instant));
    for shift in &roster.shifts {
        table.add_row([
            shown(&shift.schedule).into_owned(),
            shift.level.map(|level| level.to_string()).unwrap_or_default(),
            shown(&shift.person).into_owned(),
            shift.email.as_deref().map_or_else(|| "none".into(), |email| shown(email).into_owned()),
            told(shift.start, "always"),
            told(shift.end, "open"),
        ]);
    }
    let mut out = format!("On call (times in {zone})\n{}\n", lines(&table));
    for remark in &roster.remarks {
        out.push_str(&format!("  {}\n", line(remark)));
    }
    for error in &roster.errors {
        out.push_str(&format!("! {}\n", message(error)));
    }
    out
}

/// What `ledger copy` did.
pub fn copied_text(copied: &Copied) -> String {
    let (grants, records) = (count(copied.entries, "grant"), count(copied.records, "audit record"));
    format!("Copied {grants} and {records}; the audit log is one whole chain.\n")
}

pub fn grants_text(owning: &Owning, zone: &Zone) -> String {
    if owning.grants.is_empty() {
        return "The ledger owns nothing.\n".into();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["target", "who", "what", "from", "until", "id"]);
    let told = |instant: Option<DateTime<Utc>>| instant.map(|instant| zone.format(instant)).unwrap_or_default();
    for grant in &owning.grants {
        table.add_row([
            shown(&grant.target).into_owned(),
            shown(&grant.email).into_owned(),
            shown(&grant.entitlement).into_owned(),
            told(grant.period.from),
            told(grant.period.until),
            grant.id.as_deref().map_or_else(|| "not confirmed".into(), |id| shown(id).into_owned()),
        ]);
    }
    format!("Ours (times in {zone})\n{}\n", lines(&table))
}
