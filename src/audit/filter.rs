//! Which records are asked for.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{Event, Record, What};
use crate::domain::{Email, Names};
use crate::report::{Action, ChangeReport, State};

/// Which records are asked for. What is left out asks for any.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub since: Option<DateTime<Utc>>,
    /// Up to, and without, this instant.
    pub until: Option<DateTime<Utc>>,
    /// One of these addresses; any where there is none.
    pub emails: BTreeSet<Email>,
    pub target: Option<String>,
    /// By the target's id, or as rules spell it.
    pub entitlement: Option<String>,
    /// Also what was only planned or left undone, and the runs themselves.
    pub all: bool,
}

/// What a record is about, as far as it is about somebody or something.
#[derive(Default)]
struct About<'e> {
    target: Option<&'e str>,
    email: Option<&'e str>,
    entitlement: Option<(&'e str, &'e str)>,
}

#[derive(Deserialize)]
struct Glance {
    at: DateTime<Utc>,
}

impl Filter {
    /// The event of `record`, where it is asked for. Numbers do not tell time: a clock may have been put back.
    ///
    /// # Errors
    /// Where the record is none that this version knows.
    pub fn pick(&self, record: &Record) -> Result<Option<Event>> {
        if self.since.is_some() || self.until.is_some() {
            let glance: Glance = serde_json::from_str(&record.body)
                .with_context(|| format!("record {} of the audit log has no time", record.number))?;
            let (early, late) =
                (self.since.is_some_and(|since| glance.at < since), self.until.is_some_and(|until| glance.at >= until));
            if early || late {
                return Ok(None);
            }
        }
        Ok(Some(record.event()?).filter(|event| self.takes(&event.what)))
    }

    fn takes(&self, what: &What) -> bool {
        let about = about(what);
        let email = self.emails.is_empty() || about.email.is_some_and(|email| self.emails.contains(&Email::new(email)));
        let target = self.target.as_deref().is_none_or(|target| about.target == Some(target));
        let entitlement = self
            .entitlement
            .as_deref()
            .is_none_or(|asked| about.entitlement.is_some_and(|(name, id)| name == asked || id == asked));
        email && target && entitlement && (self.all || is_told(what))
    }
}

impl What {
    /// Adds what it names of what may be asked for.
    pub fn name(&self, names: &mut Names) {
        // A fault may be a source's.
        let About { target, email, entitlement } = match self {
            Self::Fault { .. } => About::default(),
            what => about(what),
        };
        names.targets.extend(target.map(str::to_owned));
        names.emails.extend(email.map(Email::new));
        names.entitlements.extend(entitlement.iter().flat_map(|(name, id)| [name, id]).map(ToString::to_string));
    }
}

/// Whether it says who got or lost what, or that somebody was to and it failed.
fn is_told(what: &What) -> bool {
    match what {
        What::Change { change, .. } => match change.outcome {
            State::Planned | State::Deferred | State::Skipped => false,
            State::Done | State::Failed => !is_retold(change),
        },
        What::Refusal { .. } => true,
        What::Begin { .. } | What::Note { .. } | What::Fault { .. } | What::End { .. } => false,
    }
}

/// The same access for the same time, for other reasons.
fn is_retold(change: &ChangeReport) -> bool {
    let ends = change.was.is_some_and(|was| was.until == Some(change.until));
    change.action == Action::Retime && ends
}

fn about(what: &What) -> About<'_> {
    match what {
        What::Change { target, change } => About {
            target: Some(target),
            email: Some(&change.email),
            entitlement: Some((&change.entitlement, &change.entitlement_id)),
        },
        What::Note { target, note } => About {
            target: Some(target),
            email: note.email.as_deref(),
            entitlement: note.entitlement.as_deref().map(|name| (name, name)),
        },
        What::Fault { name, .. } => About { target: Some(name), ..About::default() },
        What::Begin { .. } | What::Refusal { .. } | What::End { .. } => About::default(),
    }
}
