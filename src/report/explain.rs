//! Whether somebody has access, and why: one clear answer, then the way to it.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::ReasonReport;
use crate::domain::{Answer, Limit, OnDuty, Period, Reason, Step, Verdict};
use crate::harmless::{line, shown};
use crate::span::Span as Length;
use crate::zone::Zone;

/// Whether one person has access, and why.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Explanation {
    pub version: u32,
    /// Whom was asked about.
    pub email: String,
    /// Every address that stands for them, by the aliases.
    pub addresses: Vec<String>,
    /// The instant that was asked about.
    pub at: DateTime<Utc>,
    /// When the ledger was last written, where the answers come from it alone; `null` where they do not, or never.
    pub as_of: Option<DateTime<Utc>>,
    /// That nobody knows the address, with near matches.
    pub unknown: Option<String>,
    pub answers: Vec<AnswerReport>,
    /// What could not be read, so that an answer rests on less.
    pub errors: Vec<String>,
}

/// Whether one entitlement is theirs, and why.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AnswerReport {
    pub target: String,
    pub entitlement: String,
    /// The target's own id of the entitlement; the spelling of a rule where it stands for nothing.
    pub entitlement_id: String,
    /// `has`, `will`, `had`, `not`, `unknown`.
    pub verdict: String,
    /// Since when, or from when on; `null` where there is no such bound, or it is not known.
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    /// The answer for people.
    pub text: String,
    pub why: Vec<StepReport>,
}

/// One step of the way, there or missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StepReport {
    /// For instance `on-call`, `not-on-call`, `no-account`, `ours`, `refused`.
    pub kind: String,
    /// The whole of it, for people.
    pub text: String,
}

impl StepReport {
    pub fn new(kind: &str, text: String) -> Self {
        Self { kind: kind.to_owned(), text }
    }
}

/// Who is asked about, when, and how times are shown.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    pub email: &'a str,
    pub target: &'a str,
    pub now: DateTime<Utc>,
    pub at: DateTime<Utc>,
    pub zone: &'a Zone,
}

impl AnswerReport {
    pub fn new(asking: &Asking, answer: &Answer) -> Self {
        let why = answer.steps.iter().map(|step| told(asking, step)).collect();
        Self::of(asking, (&answer.entitlement.name, &answer.entitlement.id), answer.verdict, why)
    }

    /// `verdict` on the entitlement of this name and id.
    pub fn of(asking: &Asking, (name, id): (&str, &str), verdict: Verdict, why: Vec<StepReport>) -> Self {
        let (word, from, until) = match verdict {
            Verdict::Has { from, until } => ("has", from, until),
            Verdict::Will { from, until } => ("will", Some(from), until),
            Verdict::Had { until } => ("had", None, Some(until)),
            Verdict::Not => ("not", None, None),
            Verdict::Unknown => ("unknown", None, None),
        };
        Self {
            target: asking.target.to_owned(),
            entitlement: name.to_owned(),
            entitlement_id: id.to_owned(),
            verdict: word.to_owned(),
            from,
            until,
            text: sentence(asking, name, verdict),
            why,
        }
    }
}

/// The answer in one sentence.
fn sentence(asking: &Asking, entitlement: &str, verdict: Verdict) -> String {
    let Asking { email, target, now, at, zone } = *asking;
    let (who, what) = (shown(email), format!("{} on {}", shown(entitlement), shown(target)));
    let then = if at == now { String::new() } else { format!(" at {}", zone.format(at)) };
    let time = |instant| zone.format(instant);
    let until = |until: Option<DateTime<Utc>>| match until {
        Some(until) if until <= at => ", though its time is over".into(),
        Some(until) => format!(" until {}", time(until)),
        None => ", with no end".into(),
    };
    match verdict {
        Verdict::Has { until: end, .. } if at == now => format!("{who} has {what}{}.", until(end)),
        Verdict::Has { from, until: end } => {
            let tense = if at > now { "will have" } else { "had" };
            let from = from.map(|from| format!(" from {}", time(from))).unwrap_or_default();
            format!("{who} {tense} {what}{then}:{from}{}.", until(end))
        }
        Verdict::Will { from, until: end } if from <= now && at == now => {
            format!("{who} does not have {what} yet; the next run is to give it{}.", until(end))
        }
        Verdict::Will { from, until: end } => {
            let tense = match () {
                () if from > now => "will have",
                () if end.is_none_or(|end| end > now) => "has",
                () => "had",
            };
            format!("{who} {} {what}{then}; {tense} it from {}{}.", had_not(at, now), time(from), until(end))
        }
        Verdict::Had { until } => {
            // It may begin only later, too.
            let tense = if until <= now { "had" } else { "will have had" };
            format!("{who} {} {what}{then}; {tense} it until {}.", had_not(at, now), time(until))
        }
        Verdict::Not => format!("{who} {} {what}{then}.", had_not(at, now)),
        Verdict::Unknown => {
            let has = if at > now { "will have" } else { "has" };
            format!("Whether {who} {has} {what}{then} is not known.")
        }
    }
}

fn had_not(at: DateTime<Utc>, now: DateTime<Utc>) -> &'static str {
    match at.cmp(&now) {
        std::cmp::Ordering::Less => "did not have",
        std::cmp::Ordering::Equal => "does not have",
        std::cmp::Ordering::Greater => "will not have",
    }
}

/// One step in words.
fn told(asking: &Asking, step: &Step) -> StepReport {
    let (zone, target) = (asking.zone, shown(asking.target));
    let time = |instant| zone.format(instant);
    let (kind, text) = match step {
        Step::OnCall(duty) => ("on-call", on_duty(duty, zone)),
        Step::Merged { period, reasons } => ("merged", merged(*period, reasons, zone)),
        Step::Ours { id, period } => {
            let id = id.as_ref().map_or_else(|| "not confirmed".into(), |id| shown(&id.0).into_owned());
            (
                "ours",
                format!("it is ours by the ledger ({id}), {}", bounds(Some(period.start()), Some(period.end()), zone)),
            )
        }
        Step::Theirs { id, from, until } => {
            let bounds = bounds(*from, *until, zone);
            ("theirs", format!("somebody else gave it ({}), {bounds}; it is left alone", shown(&id.0)))
        }
        Step::Hidden { why } => ("hidden", format!("we gave it, and it may be there: {}", line(why))),
        Step::Stands => ("stands", "what it rests on was not read, so it stands as it is, to its own end".into()),
        Step::Drift { respected_until: None } => ("drift", "somebody took it away by hand".into()),
        Step::Drift { respected_until: Some(until) } => {
            ("drift", format!("somebody took it away by hand, which is respected until {}", time(*until)))
        }
        Step::NotYet { from } => {
            ("not-yet", format!("{target} cannot be told ahead: a run after {} gives it", time(*from)))
        }
        Step::Gives { period } => {
            ("gives", format!("the next run gives it, {}", bounds(Some(period.start()), Some(period.end()), zone)))
        }
        Step::Moves { to } => {
            ("moves", format!("the next run moves it: {}", bounds(Some(to.start()), Some(to.end()), zone)))
        }
        Step::TakesBack => ("takes-back", "the next run takes it back".into()),
        step => missing(&target, step, zone),
    };
    StepReport::new(kind, text)
}

/// A step that is not there.
fn missing(target: &str, step: &Step, zone: &Zone) -> (&'static str, String) {
    match step {
        Step::NoRule => ("no-rule", "no rule gives it".into()),
        Step::NotOnCall { rule, schedule, next } => {
            let next = next
                .map_or_else(|| "nor later in the window".into(), |next| format!("next from {}", zone.format(next)));
            (
                "not-on-call",
                format!("not on call in '{}', which rule '{}' follows; {next}", shown(schedule), shown(rule)),
            )
        }
        Step::Level { rule, schedule, seen, levels } => {
            let levels: Vec<String> = levels.iter().map(u32::to_string).collect();
            let (rule, schedule, levels) = (shown(rule), shown(schedule), levels.join(", "));
            ("level", format!("on call in '{schedule}' at level {seen}, and rule '{rule}' takes only {levels}"))
        }
        Step::UsedUp { rule, schedule, limit } => (
            "used-up",
            format!("on call in '{}', and rule '{}' gives no more: {}", shown(schedule), shown(rule), length(*limit)),
        ),
        Step::NoEmail { person, schedule } => {
            let (name, id) = (shown(&person.name), shown(&person.id));
            (
                "no-email",
                format!(
                    "{name} ({id}) is on call in '{}' and has no e-mail at the source: is that them?",
                    shown(schedule)
                ),
            )
        }
        Step::SourceDown { rule, source, error } => (
            "source-down",
            format!(
                "rule '{}' is not known to give it, for source {} could not be read: {error}",
                shown(rule),
                shown(source)
            ),
        ),
        Step::NoAccount { why } => {
            ("no-account", format!("there is no account on {target}{}", super::note::no_account(why.as_deref())))
        }
        Step::ManyAccounts { email, accounts } => (
            "many-accounts",
            format!("{} has {accounts} accounts on {target}, and none is chosen; leave one", shown(email.as_str())),
        ),
        Step::Suspended { email } => {
            ("suspended", format!("the account {} on {target} is suspended", shown(email.as_str())))
        }
        Step::NoEntitlement { rule, why } => ("no-entitlement", format!("rule '{}': {why}", shown(rule))),
        there => unreachable!("{there:?} is there"),
    }
}

fn on_duty(duty: &OnDuty, zone: &Zone) -> String {
    let OnDuty { rule, source, schedule, person, start, end, overrides, early, late, limit } = duty;
    let mut text = on_call(rule, source, &schedule.name, person, (*start, *end), zone);
    for change in overrides {
        let reason = change.reason.as_deref().map(|reason| format!(" ({})", shown(reason))).unwrap_or_default();
        let bounds = bounds(Some(change.period.start()), Some(change.period.end()), zone);
        let _ = write!(text, "; by an override{reason} {bounds}");
    }
    for (length, side) in [(early, "before"), (late, "after")] {
        if *length > TimeDelta::zero() {
            let _ = write!(text, "; {} {side} the shift", span(*length));
        }
    }
    if let Some(limit) = limit {
        let _ = write!(text, "; {}", self::length(*limit));
    }
    text
}

fn on_call(
    rule: &str,
    source: &str,
    schedule: &str,
    person: &str,
    (start, end): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    zone: &Zone,
) -> String {
    let (rule, source, schedule, person) = (shown(rule), shown(source), shown(schedule), shown(person));
    format!("rule '{rule}': {person} on call in '{schedule}' of {source}, {}", bounds(start, end, zone))
}

/// A reason as the ledger or the audit log has it.
pub fn reason_step(reason: &ReasonReport, zone: &Zone) -> StepReport {
    let ReasonReport { rule, source, schedule, person, shift, schedule_id: _ } = reason;
    StepReport::new("on-call", on_call(rule, source, schedule, person, (shift.from, shift.until), zone))
}

fn merged(period: Period, reasons: &[Reason], zone: &Zone) -> String {
    let shifts: Vec<String> = reasons
        .iter()
        .map(|reason| format!("'{}' {}", shown(&reason.schedule.name), bounds(reason.start, reason.end, zone)))
        .collect();
    let bounds = bounds(Some(period.start()), Some(period.end()), zone);
    format!("{} shifts are one grant, {bounds}: {}", reasons.len(), shifts.join("; "))
}

fn length(limit: Limit) -> String {
    match limit {
        Limit::MaxDuration(most) => format!("max_duration is {}", span(most)),
        Limit::Duration(length) => format!("duration is {} from its start", span(length)),
    }
}

fn span(length: TimeDelta) -> String {
    length.to_std().map_or_else(|_| length.to_string(), |length| Length(length).to_string())
}

/// From when to when.
pub fn bounds(from: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>, zone: &Zone) -> String {
    let from = from.map_or_else(|| "since ever".into(), |from| format!("from {}", zone.format(from)));
    let until = until.map_or_else(|| "with no end".into(), |until| format!("to {}", zone.format(until)));
    format!("{from} {until}")
}

/// The whole explanation for people.
pub fn explained_text(explanation: &Explanation, offline: bool, zone: &Zone) -> String {
    let mut out = String::new();
    if offline {
        let when =
            explanation.as_of.map_or_else(|| "never written".into(), |at| format!("last written {}", zone.format(at)));
        let _ = writeln!(out, "By the ledger alone, {when}.");
    }
    if let Some(unknown) = &explanation.unknown {
        let _ = writeln!(out, "{unknown}");
    }
    for answer in &explanation.answers {
        let _ = writeln!(out, "{}", answer.text);
        for step in &answer.why {
            let _ = writeln!(out, "  {}", step.text.replace('\n', "\n  "));
        }
    }
    for error in &explanation.errors {
        let _ = writeln!(out, "! {error}");
    }
    out
}
