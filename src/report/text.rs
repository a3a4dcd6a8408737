//! The report for people: a table read at a glance, then what was left undone, then one line that sums it up.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use comfy_table::{Table, presets};

use super::{Action, ChangeReport, Report, Span, State, TargetReport};
use crate::harmless::{line, message, shown};
use crate::zone::Zone;

/// Notes of one harmless kind that are listed one by one; more than these are counted.
const LISTED: usize = 5;

/// How a report is told.
#[derive(Debug)]
pub struct Style<'a> {
    pub zone: &'a Zone,
    /// Only what changed or failed.
    pub quiet: bool,
    /// Also what touched nothing but the ledger, and every note.
    pub verbose: bool,
}

/// The whole report. Empty where nothing changed or failed and it is to be quiet.
pub fn text(report: &Report, style: &Style) -> String {
    let mut out = String::new();
    for (name, source) in &report.sources {
        for error in &source.errors {
            let _ = writeln!(out, "! source {}: {}", shown(name), message(error));
        }
        for remark in source.remarks.iter().filter(|_| !style.quiet) {
            let _ = writeln!(out, "  source {}: {}", shown(name), line(remark));
        }
    }
    for (name, target) in &report.targets {
        section(&mut out, name, target, report, style);
    }
    if let Some(error) = &report.ledger_error {
        let _ = writeln!(out, "! ledger: {error}");
    }
    for refusal in &report.refused {
        let _ = writeln!(out, "! refused: {}", line(refusal));
    }
    if !report.refused.is_empty() {
        let _ = writeln!(
            out,
            "Nothing was changed. Look at the plan above, and lift the limits once with --force if it is right."
        );
    }
    for difference in &report.differences {
        let _ = writeln!(out, "! not as reviewed: {difference}");
    }
    if !report.differences.is_empty() {
        let _ = writeln!(out, "Nothing was changed. Review the plan above, and expect its digest: {}", report.digest);
    }
    for sentence in report.advice.iter().filter(|_| !style.quiet) {
        let _ = writeln!(out, "{sentence}");
    }
    if !style.quiet || !out.is_empty() {
        let _ = writeln!(out, "{}", summary(report));
    }
    out
}

fn section(out: &mut String, name: &str, target: &TargetReport, report: &Report, style: &Style) {
    let told = |change: &&ChangeReport| style.verbose || !change.action.is_bookkeeping();
    let changes: Vec<&ChangeReport> = target.changes.iter().filter(told).collect();
    if let Some(error) = &target.error {
        let _ = writeln!(out, "! target {}: {}", shown(name), line(error));
    }
    if !target.waiting.is_empty() {
        let _ =
            writeln!(out, "! until it can be read, nothing changes on {} for {}", shown(name), waiting(target, style));
    }
    if !changes.is_empty() {
        let _ = writeln!(out, "{} (times in {})", shown(name), style.zone);
        let _ = writeln!(out, "{}\n", lines(&table(&changes, report, style.zone)));
    }
    let failed =
        changes.iter().filter(|change| matches!(change.outcome, State::Failed | State::Skipped | State::Deferred));
    for change in failed {
        let (email, entitlement) = (shown(&change.email), shown(&change.entitlement));
        let why = change.error.as_deref().unwrap_or_default();
        let (mark, what) = match change.outcome {
            State::Deferred => (' ', "waits"),
            State::Skipped => ('!', "not begun"),
            _ => ('!', "failed"),
        };
        let _ = writeln!(out, "{mark} {} of {entitlement} for {email} {what}: {}", verb(change.action), line(why));
    }
    // Somebody who chooses has to see everything that there is to choose from.
    let listed = if style.verbose || report.run.verb == "adopt" { usize::MAX } else { LISTED };
    notes(out, target, listed, style);
}

/// Whom a target could not be read for; the first few of many.
fn waiting(target: &TargetReport, style: &Style) -> String {
    let listed = if style.verbose { usize::MAX } else { LISTED };
    let people: Vec<_> = target.waiting.iter().take(listed).map(|email| shown(email)).collect();
    let more = target.waiting.len() - people.len();
    let more = if more > 0 { format!(" and {more} more (-v lists them)") } else { String::new() };
    format!("{}{more}", people.join(", "))
}

fn notes(out: &mut String, target: &TargetReport, listed: usize, style: &Style) {
    for note in target.notes.iter().filter(|note| note.failure) {
        let _ = writeln!(out, "! {}", line(&note.text));
    }
    if style.quiet {
        return;
    }
    let kinds: BTreeSet<&str> = target.notes.iter().filter(|note| !note.failure).map(|note| &*note.kind).collect();
    for kind in kinds {
        let same: Vec<_> = target.notes.iter().filter(|note| note.kind == kind && !note.failure).collect();
        for note in same.iter().take(listed) {
            let _ = writeln!(out, "  {}", line(&note.text));
        }
        if same.len() > listed {
            let _ = writeln!(out, "  … and {} more like it (-v lists them)", same.len() - listed);
        }
    }
}

/// With the target's ids where they are what a person chooses by.
fn table(changes: &[&ChangeReport], report: &Report, zone: &Zone) -> Table {
    let (now, ids) = (report.run.at, report.run.verb != "sync");
    let mut table = Table::new();
    let header = ["", "who", "what", "from", "until", "why"].into_iter().chain(ids.then_some("id"));
    table.load_style(presets::NOTHING).set_header(header);
    for change in changes {
        let id = ids.then(|| shown(change.id.as_deref().unwrap_or("not known")).into_owned());
        let row = [
            mark(change, now).to_owned(),
            shown(&change.email).into_owned(),
            shown(&change.entitlement).into_owned(),
            from(change, now, zone),
            until(change, zone),
            why(change),
        ];
        table.add_row(row.into_iter().chain(id));
    }
    table
}

/// A table without the blanks at the ends of its lines.
pub(super) fn lines(table: &Table) -> String {
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// What starts now, what is dated, what is moved, what is taken back.
fn mark(change: &ChangeReport, now: DateTime<Utc>) -> &'static str {
    match (change.outcome, change.action) {
        (State::Failed | State::Skipped, _) => "!",
        (State::Deferred, _) => "…",
        (_, Action::Create) if change.from <= now => "+ now",
        (_, Action::Create) => "+",
        (_, Action::Amend) => "~",
        (_, Action::Expire) => "- ended",
        (_, Action::Revoke) => "-",
        (_, Action::Confirm) => "= found",
        (_, Action::Forget) => "= gone",
        (_, Action::Retime) => "= kept",
        (_, Action::Adopt) => "= adopt",
        (_, Action::Release) => "= release",
    }
}

fn from(change: &ChangeReport, now: DateTime<Utc>, zone: &Zone) -> String {
    let told = |instant: DateTime<Utc>| if instant <= now { "now".to_owned() } else { zone.format(instant) };
    match (change.action, change.was) {
        (Action::Amend, Some(Span { from: Some(was), .. })) if told(was) != told(change.from) => {
            format!("{} (was {})", told(change.from), told(was))
        }
        (Action::Create | Action::Amend, _) => told(change.from),
        _ => zone.format(change.from),
    }
}

fn until(change: &ChangeReport, zone: &Zone) -> String {
    let until = zone.format(change.until);
    match change.was {
        Some(Span { until: Some(was), .. }) if was != change.until => format!("{until} (was {})", zone.format(was)),
        _ => until,
    }
}

/// The rules and schedules it rests on.
fn why(change: &ChangeReport) -> String {
    let reasons = change.reasons.iter().map(|reason| format!("{}: {}", shown(&reason.rule), shown(&reason.schedule)));
    let reasons: BTreeSet<String> = reasons.collect();
    reasons.into_iter().collect::<Vec<_>>().join(", ")
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::Create => "giving",
        Action::Amend => "moving",
        Action::Revoke | Action::Expire => "taking back",
        Action::Adopt => "adopting",
        Action::Release => "releasing",
        Action::Confirm | Action::Forget | Action::Retime => "writing down",
    }
}

fn summary(report: &Report) -> String {
    let counts = &report.counts;
    let parts = [
        (counts.created, "to give", "given"),
        (counts.amended, "to move", "moved"),
        (counts.revoked + counts.expired, "to take back", "taken back"),
        (counts.adopted, "to adopt", "adopted"),
        (counts.released, "to release", "released"),
        (counts.deferred, "to wait", "waiting"),
        (counts.skipped, "not to begin", "not begun"),
        (counts.failed, "failing", "failed"),
        (counts.unserved, "not served", "not served"),
    ];
    let planned = report.dry_run || !report.may_go_on();
    let told = parts.iter().filter(|(count, ..)| *count > 0);
    let told: Vec<String> =
        told.map(|(count, plan, done)| format!("{count} {}", if planned { plan } else { done })).collect();
    match (told.is_empty(), planned) {
        (true, _) => match &*report.run.verb {
            "adopt" => "Nothing to adopt.",
            "release" => "Nothing to release.",
            "revoke" => "Nothing to take back.",
            _ => "Nothing to do: all is as desired.",
        }
        .into(),
        (false, true) => format!("Plan: {}.", told.join(", ")),
        (false, false) => format!("Done: {}.", told.join(", ")),
    }
}
