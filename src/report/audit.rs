//! Records of the audit log: for people, for programs, for spreadsheets.

use chrono::{DateTime, SecondsFormat, Utc};
use csv::{Terminator, WriterBuilder};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Action, ChangeReport, ReasonReport, State};
use crate::audit::{Event, Record, Verifier, What};
use crate::harmless::{harmless, shown};
use crate::words::{agree, count};
use crate::zone::Zone;

/// How records are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditForm {
    Text,
    Jsonl,
    Csv,
}

/// One record, as a line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AuditLine {
    /// Counted from 1, without a gap.
    pub number: i64,
    /// SHA-256 over the hash of the record before (nothing before the first), a newline, the number, a newline, and `event`
    /// byte for byte as it stands here; in hexadecimal.
    pub hash: String,
    pub event: Event,
}

/// The columns of the CSV form; where there are several reasons, each of their cells lists them in the same order.
const COLUMNS: [&str; 28] = [
    "number",
    "at",
    "run",
    "host",
    "config",
    "record",
    "outcome",
    "action",
    "target",
    "email",
    "account",
    "entitlement",
    "entitlement_id",
    "grant_id",
    "from",
    "until",
    "was_from",
    "was_until",
    "rule",
    "source",
    "schedule",
    "schedule_id",
    "person",
    "shift_from",
    "shift_until",
    "exit_code",
    "text",
    "hash",
];

impl AuditForm {
    /// What stands above the records.
    pub fn head(self, zone: &Zone) -> String {
        match self {
            Self::Text => format!("Audit log (times in {zone})\n"),
            Self::Jsonl => String::new(),
            Self::Csv => row(&COLUMNS.map(str::to_owned)),
        }
    }

    /// One record, with the end of its line.
    pub fn line(self, record: &Record, event: &Event, zone: &Zone) -> String {
        match self {
            Self::Text => harmless(&text(record.number, event, zone)).into_owned(),
            Self::Jsonl => jsonl(record),
            Self::Csv => row(&cells(record, event)),
        }
    }
}

/// The event's own bytes, so that the hash can be made again from the line.
fn jsonl(Record { number, body, hash }: &Record) -> String {
    let hash = serde_json::Value::from(&**hash);
    format!("{{\"number\":{number},\"hash\":{hash},\"event\":{}}}\n", body.replace(['\n', '\r'], " "))
}

fn text(number: i64, event: &Event, zone: &Zone) -> String {
    let (word, rest) = match &event.what {
        What::Begin { verb, version, digest, forced } => {
            let forced = if *forced { ", limits lifted" } else { "" };
            ("begins", format!("{} of oncall-sync {version}, plan {digest}{forced}", shown(verb)))
        }
        What::Change { target, change } => (word(change), changed(target, change, zone)),
        What::Note { target, note } => ("note", format!("{}: {}", shown(target), one_line(&note.text))),
        What::Fault { name, error } => ("unread", format!("{}: {}", shown(name), one_line(error))),
        What::Refusal { why, .. } => ("! refused", one_line(why)),
        What::End { verb, exit_code, error, .. } => {
            let error = error.as_deref().map(|error| format!(": {}", one_line(error))).unwrap_or_default();
            ("ends", format!("{} with exit code {exit_code}{error}", shown(verb)))
        }
    };
    let Event { at, run, host, .. } = event;
    format!("#{number:<5} {}  {word:<15} {rest}  (run {} on {})\n", zone.format(*at), shown(run), shown(host))
}

/// What became of a change, in a word or two.
fn word(change: &ChangeReport) -> &'static str {
    match (change.outcome, change.action) {
        (State::Planned, _) => "planned",
        (State::Deferred, _) => "waits",
        (State::Skipped, _) => "not begun",
        (State::Failed, _) => "! failed",
        (State::Done, Action::Adopt) => "adopted",
        (State::Done, Action::Release) => "released",
        (State::Done, Action::Create) => "given",
        (State::Done, Action::Confirm) => "found given",
        (State::Done, Action::Amend | Action::Retime) => "moved",
        (State::Done, Action::Expire | Action::Revoke) => "taken back",
        (State::Done, Action::Forget) if change.id.is_none() => "never given",
        (State::Done, Action::Forget) => "ended or gone",
    }
}

fn changed(target: &str, change: &ChangeReport, zone: &Zone) -> String {
    let (email, entitlement) = (shown(&change.email), shown(&change.entitlement));
    let doing = match (change.outcome, change.action) {
        (State::Done, _) => "",
        (_, Action::Create) => "giving ",
        (_, Action::Amend | Action::Retime) => "moving ",
        (_, Action::Revoke | Action::Expire) => "taking back ",
        (_, Action::Adopt) => "adopting ",
        (_, Action::Release) => "releasing ",
        (_, Action::Confirm | Action::Forget) => "writing down ",
    };
    let (from, until) = (zone.format(change.from), zone.format(change.until));
    let was = change.was.and_then(|was| was.until).filter(|was| *was != change.until);
    let was = was.map(|was| format!(" (was {})", zone.format(was))).unwrap_or_default();
    let id = change.id.as_deref().map(|id| format!(" [{}]", shown(id))).unwrap_or_default();
    let why: Vec<String> = change.reasons.iter().map(|reason| why(reason, zone)).collect();
    let why = if why.is_empty() { String::new() } else { format!("  for {}", why.join("; ")) };
    let error = change.error.as_deref().map(|error| format!("  because {}", one_line(error))).unwrap_or_default();
    format!("{email}: {doing}{entitlement} on {}, {from} to {until}{was}{id}{why}{error}", shown(target))
}

fn why(reason: &ReasonReport, zone: &Zone) -> String {
    let ReasonReport { rule, schedule, person, shift, .. } = reason;
    let from = shift.from.map_or_else(|| "always".into(), |from| zone.format(from));
    let until = shift.until.map_or_else(|| "open".into(), |until| zone.format(until));
    format!("{}: {} on call in {}, {from} to {until}", shown(rule), shown(person), shown(schedule))
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

fn cells(record: &Record, Event { at, run, host, config, what }: &Event) -> [String; COLUMNS.len()] {
    let kind = match what {
        What::Begin { .. } => "begin",
        What::Change { .. } => "change",
        What::Note { .. } => "note",
        What::Fault { .. } => "fault",
        What::Refusal { .. } => "refusal",
        What::End { .. } => "end",
    };
    let mut cells = [const { String::new() }; COLUMNS.len()];
    let mut set = |column: &str, value: String| {
        let at = COLUMNS.iter().position(|known| *known == column).expect("a column");
        cells[at] = value;
    };
    set("number", record.number.to_string());
    set("hash", record.hash.clone());
    set("at", told(*at));
    set("run", run.clone());
    set("host", host.clone());
    set("config", config.clone());
    set("record", kind.into());
    match what {
        What::Begin { verb, version, digest, forced } => {
            set("text", format!("{verb} {version}, plan {digest}{}", if *forced { ", limits lifted" } else { "" }));
        }
        What::Change { target, change } => {
            set("target", target.clone());
            change_cells(change, set);
        }
        What::Note { target, note } => {
            set("target", target.clone());
            set("outcome", note.kind.to_string());
            set("email", note.email.clone().unwrap_or_default());
            set("entitlement", note.entitlement.clone().unwrap_or_default());
            set("text", note.text.clone());
        }
        What::Fault { name, error } => {
            set("target", name.clone());
            set("text", error.clone());
        }
        What::Refusal { why, .. } => set("text", why.clone()),
        What::End { exit_code, error, .. } => {
            set("exit_code", exit_code.to_string());
            set("text", error.clone().unwrap_or_default());
        }
    }
    cells
}

fn change_cells(change: &ChangeReport, mut set: impl FnMut(&str, String)) {
    set("action", change.action.word().into());
    set("outcome", change.outcome.word().into());
    set("email", change.email.clone());
    set("account", change.account.clone());
    set("entitlement", change.entitlement.clone());
    set("entitlement_id", change.entitlement_id.clone());
    set("grant_id", change.id.clone().unwrap_or_default());
    set("from", told(change.from));
    set("until", told(change.until));
    set("was_from", change.was.and_then(|was| was.from).map(told).unwrap_or_default());
    set("was_until", change.was.and_then(|was| was.until).map(told).unwrap_or_default());
    set("text", change.error.clone().unwrap_or_default());
    let mut list = |column: &str, of: &dyn Fn(&ReasonReport) -> String| {
        set(column, change.reasons.iter().map(of).collect::<Vec<_>>().join("; "));
    };
    list("rule", &|reason| reason.rule.clone());
    list("source", &|reason| reason.source.clone());
    list("schedule", &|reason| reason.schedule.clone());
    list("schedule_id", &|reason| reason.schedule_id.clone());
    list("person", &|reason| reason.person.clone());
    list("shift_from", &|reason| reason.shift.from.map(told).unwrap_or_default());
    list("shift_until", &|reason| reason.shift.until.map(told).unwrap_or_default());
}

/// A row by RFC 4180. A cell that a spreadsheet would take for a formula begins with an apostrophe, and what a terminal
/// would obey is written out.
fn row(cells: &[String]) -> String {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    let cell = |cell: &String| {
        let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
        format!("{}{}", if formula { "'" } else { "" }, harmless(cell))
    };
    writer.write_record(cells.iter().map(cell)).expect("memory takes everything");
    String::from_utf8(writer.into_inner().expect("memory takes everything")).expect("written from text")
}

/// RFC 3339 in UTC, as JSON has it.
fn told(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// What a walk over the chain found.
pub fn verified_text(verifier: &Verifier) -> String {
    let (records, head) = (count(verifier.records, "record"), verifier.head());
    if verifier.faults.is_empty() {
        return format!("The audit log is whole: {records}, the head is {head}\n");
    }
    let mut out: String = verifier.faults.iter().map(|fault| format!("! {fault}\n")).collect();
    if verifier.more > 0 {
        out.push_str(&format!("! and {} more\n", verifier.more));
    }
    let was = agree(verifier.records, "was", "were");
    out + &format!("The audit log was tampered with or damaged: {records} {was} read.\n")
}
