//! What was left undone, in sentences.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{Email, Grant, Next, Note};
use crate::harmless::{line, shown};

/// One thing left undone, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoteReport {
    /// `no-email`, `no-account`, `many-accounts`, `suspended`, `no-entitlement`, `already-held`, `taken-over`, `not-yet`, `stands`,
    /// `hidden`, `drift`, `unsettled`, `next-sync`, `not-adoptable`.
    pub kind: Cow<'static, str>,
    /// Whom it is about, where it is about somebody.
    pub email: Option<String>,
    pub entitlement: Option<String>,
    /// The whole of it, for people.
    pub text: String,
    /// Somebody could not be served; the exit code says so.
    pub failure: bool,
}

impl NoteReport {
    /// `note` about the target called `target`.
    pub fn new(note: &Note, target: &str) -> Self {
        let (email, entitlement) = match note {
            Note::NoEmail { .. } => (None, None),
            Note::NoAccount { email, .. } | Note::ManyAccounts { email, .. } | Note::Suspended { email, .. } => {
                (Some(email), None)
            }
            Note::NoEntitlement { entitlement, .. } => (None, Some(&**entitlement)),
            Note::AlreadyHeld { grant, .. }
            | Note::TakenOver { grant, .. }
            | Note::NotYet { grant }
            | Note::Stands { grant }
            | Note::Hidden { grant, .. }
            | Note::Drift { grant, .. }
            | Note::Unsettled { grant, .. }
            | Note::NextSync { grant, .. }
            | Note::NotAdoptable { grant, .. } => (Some(&grant.email), Some(&*grant.access.entitlement.name)),
        };
        Self {
            kind: kind(note).into(),
            email: email.map(|email| email.as_str().to_owned()),
            entitlement: entitlement.map(str::to_owned),
            text: sentence(note, target),
            failure: note.is_failure(),
        }
    }
}

fn kind(note: &Note) -> &'static str {
    match note {
        Note::NoEmail { .. } => "no-email",
        Note::NoAccount { .. } => "no-account",
        Note::ManyAccounts { .. } => "many-accounts",
        Note::Suspended { .. } => "suspended",
        Note::NoEntitlement { .. } => "no-entitlement",
        Note::AlreadyHeld { .. } => "already-held",
        Note::TakenOver { .. } => "taken-over",
        Note::NotYet { .. } => "not-yet",
        Note::Stands { .. } => "stands",
        Note::Hidden { .. } => "hidden",
        Note::Drift { .. } => "drift",
        Note::Unsettled { .. } => "unsettled",
        Note::NextSync { .. } => "next-sync",
        Note::NotAdoptable { .. } => "not-adoptable",
    }
}

/// The note for people: who, what, and what to do.
fn sentence(note: &Note, target: &str) -> String {
    match note {
        Note::NoEmail { person, schedule } => format!(
            "{} ({}), on call in '{}', has no e-mail at the source, so no account can be found; what they hold stands",
            shown(&person.name),
            shown(&person.id),
            shown(&schedule.name)
        ),
        Note::NoAccount { email, name, why } => {
            format!("{} is on call and has no account on {target}{}", who(name, email), no_account(why.as_deref()))
        }
        Note::ManyAccounts { email, name } => format!(
            "{} is on call and has several accounts on {target}; leave one, or map the address under [aliases]",
            who(name, email)
        ),
        Note::Suspended { email, name } => format!(
            "{} is on call, and their account on {target} is suspended; what they hold stands",
            who(name, email)
        ),
        Note::NoEntitlement { rule, entitlement: _, why } => format!("rule '{}': {why}", shown(rule)),
        Note::AlreadyHeld { grant, by } => {
            format!("{} already, by a grant that is not ours ({}); it is left alone", holds(grant), shown(&by.0))
        }
        Note::TakenOver { grant, by } => format!(
            "{}, which we gave, and {target} shows that somebody has given it another way since (as a maintainer, or by a request): \
             it is not ours any more ({}), stays when the shift ends, and is its giver's to take back",
            holds(grant),
            shown(&by.0)
        ),
        Note::NotYet { grant } => format!(
            "{} gets {} when the shift begins: {target} cannot be told ahead",
            shown(grant.email.as_str()),
            shown(name(grant))
        ),
        Note::Stands { grant } => {
            format!("{}, and it stands: what it rests on was not read in this run", holds(grant))
        }
        Note::Hidden { grant, why } => {
            format!("{} perhaps, which we gave, and it is not taken back: {}", holds(grant), line(why))
        }
        Note::Drift { grant, respected_until } => format!(
            "somebody took {} away from {}, who is to have it; {}",
            shown(name(grant)),
            shown(grant.email.as_str()),
            respected_until.map_or_else(
                || "it is given again".to_owned(),
                |until| format!("that is respected until {}, its end (`on_drift`)", time(until))
            )
        ),
        Note::Unsettled { grant, given } => unsettled(grant, *given, target),
        Note::NextSync { grant, id, next } => {
            format!("{} ({}): once adopted, {}", holds(grant), shown(&id.0), then(next))
        }
        Note::NotAdoptable { grant, id, why } => {
            format!("{} ({}), which cannot be adopted: {why}", holds(grant), shown(&id.0))
        }
    }
}

fn unsettled(grant: &Grant, given: bool, target: &str) -> String {
    if given {
        return format!(
            "{} perhaps, and {target} does not show it: a rule names what {target} does not have, so it may only be hidden; \
             it was not taken back",
            holds(grant)
        );
    }
    format!(
        "it is not known whether {} got {}: an earlier run ended in the middle of giving it; it is left for a sync to settle",
        shown(grant.email.as_str()),
        shown(name(grant))
    )
}

/// Why there is no account, where the target knows, or what to do.
pub(super) fn no_account(why: Option<&str>) -> String {
    match why {
        Some(why) => format!(": {}", shown(why)),
        None => "; make one, or map the address under [aliases]".to_owned(),
    }
}

fn then(next: &Next) -> String {
    match next {
        Next::Stays => "it stays as it is until its own end".into(),
        Next::EndsByUs(period) => {
            format!("a sync takes it back when the shift ends, {}: the target keeps no dates of it", time(period.end()))
        }
        Next::Moves(period) => {
            format!("the next sync moves it to {} – {}", time(period.start()), time(period.end()))
        }
        Next::TakenBack => "the next sync takes it back: it is not due now, or another grant of ours serves".into(),
    }
}

/// In UTC: a note is the same wherever it is read.
fn time(instant: DateTime<Utc>) -> impl std::fmt::Display {
    instant.format("%Y-%m-%d %H:%M UTC")
}

fn who(name: &str, email: &Email) -> String {
    format!("{} <{}>", shown(name), shown(email.as_str()))
}

fn name(grant: &Grant) -> &str {
    &grant.access.entitlement.name
}

fn holds(grant: &Grant) -> String {
    format!("{} holds {}", shown(grant.email.as_str()), shown(name(grant)))
}
