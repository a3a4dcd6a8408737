//! What was left undone, in sentences.

use schemars::JsonSchema;
use serde::Serialize;

use super::shown;
use crate::domain::{Grant, Note};

/// One thing left undone, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NoteReport {
    /// `no-email`, `no-account`, `many-accounts`, `suspended`, `no-entitlement`, `already-held`, `not-yet`, `stands`, `drift`.
    pub kind: &'static str,
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
        let (kind, email, entitlement, text) = match note {
            Note::NoEmail { person, schedule } => {
                let (name, schedule) = (shown(&person.name), shown(&schedule.name));
                let text = format!(
                    "{name} ({}), on call in '{schedule}', has no e-mail at the source, so no account can be found; what they hold stands",
                    shown(&person.id)
                );
                ("no-email", None, None, text)
            }
            Note::NoAccount { email, name } => {
                let text = format!(
                    "{} <{}> is on call and has no account on {target}; make one, or map the address under [aliases]",
                    shown(name),
                    shown(email.as_str())
                );
                ("no-account", Some(email), None, text)
            }
            Note::ManyAccounts { email, name } => {
                let text = format!(
                    "{} <{}> is on call and has several accounts on {target}; leave one, or map the address under [aliases]",
                    shown(name),
                    shown(email.as_str())
                );
                ("many-accounts", Some(email), None, text)
            }
            Note::Suspended { email, name } => {
                let text = format!(
                    "{} <{}> is on call, and their account on {target} is suspended; what they hold stands",
                    shown(name),
                    shown(email.as_str())
                );
                ("suspended", Some(email), None, text)
            }
            Note::NoEntitlement { rule, entitlement, why } => {
                let text = format!("rule '{}': {}", shown(rule), why);
                ("no-entitlement", None, Some(entitlement.clone()), text)
            }
            Note::AlreadyHeld { grant, by } => {
                let text = format!(
                    "{} already, by a grant that is not ours ({}); it is left alone",
                    holds(grant),
                    shown(&by.0)
                );
                ("already-held", Some(&grant.email), Some(name(grant)), text)
            }
            Note::NotYet { grant } => {
                let text = format!(
                    "{} gets {} when the shift begins: {target} cannot be told ahead",
                    shown(grant.email.as_str()),
                    shown(&grant.access.entitlement.name)
                );
                ("not-yet", Some(&grant.email), Some(name(grant)), text)
            }
            Note::Stands { grant } => {
                let text = format!("{}, and it stands: what it rests on was not read in this run", holds(grant));
                ("stands", Some(&grant.email), Some(name(grant)), text)
            }
            Note::Drift { grant } => {
                let text = format!(
                    "somebody took {} away from {}, who is on call; it is given again",
                    shown(&grant.access.entitlement.name),
                    shown(grant.email.as_str())
                );
                ("drift", Some(&grant.email), Some(name(grant)), text)
            }
        };
        let email = email.map(|email| email.as_str().to_owned());
        Self { kind, email, entitlement, text, failure: note.is_failure() }
    }
}

fn name(grant: &Grant) -> String {
    grant.access.entitlement.name.clone()
}

fn holds(grant: &Grant) -> String {
    format!("{} holds {}", shown(grant.email.as_str()), shown(&grant.access.entitlement.name))
}
