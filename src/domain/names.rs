//! What may be named: a slip in a name must not look like success.

use std::collections::BTreeSet;

use super::{Aliases, Choice, Email, Entitlement, Owned, Rule};
use crate::near::hint;

/// The targets, people and entitlements that something knows, as people name them.
#[derive(Debug, Clone, Default)]
pub struct Names {
    pub targets: BTreeSet<String>,
    pub emails: BTreeSet<Email>,
    pub entitlements: BTreeSet<String>,
}

/// Who knows nothing of a name, as the start of a sentence that ends with it.
#[derive(Debug, Clone, Copy)]
pub struct Unknown {
    pub target: &'static str,
    pub email: &'static str,
    pub entitlement: &'static str,
}

impl Names {
    /// Those of what is ours on `target`.
    pub fn add_owned(&mut self, target: &str, owned: &Owned) {
        self.targets.insert(target.to_owned());
        self.emails.insert(owned.grant.email.clone());
        self.add_entitlement(&owned.grant.access.entitlement);
    }

    pub fn add_entitlement(&mut self, entitlement: &Entitlement) {
        self.entitlements.extend([&entitlement.name, &entitlement.id].map(ToString::to_string));
    }

    /// As `rules` spell them.
    pub fn add_spellings<'r>(&mut self, rules: impl IntoIterator<Item = &'r Rule>) {
        self.entitlements.extend(rules.into_iter().flat_map(|rule| rule.grant.values().flatten().cloned()));
    }

    /// The other address of whoever is known by one of two.
    pub fn add_aliases(&mut self, aliases: &Aliases) {
        let known = |email| self.emails.contains(email);
        let pairs = aliases.iter().filter(|(source, account)| known(*source) || known(*account));
        let other: Vec<Email> = pairs.flat_map(|(source, account)| [source, account]).cloned().collect();
        self.emails.extend(other);
    }

    /// A sentence for everything that `choice` names and nothing knows, with near matches.
    pub fn missed(&self, choice: &Choice, unknown: Unknown) -> Vec<String> {
        let missed = |start: &str, name: &str, shown: String, known: &mut dyn Iterator<Item = &str>| {
            format!("{start} {shown}{}", hint(name, known))
        };
        let targets = choice.targets.difference(&self.targets).map(|name| {
            missed(unknown.target, name, format!("'{name}'"), &mut self.targets.iter().map(String::as_str))
        });
        let emails = choice.emails.difference(&self.emails).map(|email| {
            missed(unknown.email, email.as_str(), email.to_string(), &mut self.emails.iter().map(Email::as_str))
        });
        let entitlements = choice.entitlements.difference(&self.entitlements).map(|name| {
            missed(unknown.entitlement, name, format!("'{name}'"), &mut self.entitlements.iter().map(String::as_str))
        });
        targets.chain(emails).chain(entitlements).collect()
    }

    /// The tail of a sentence about an entitlement: what it may be a slip of, where it is not known itself.
    pub fn hint(&self, entitlement: &str) -> String {
        if self.entitlements.contains(entitlement) {
            return String::new();
        }
        hint(entitlement, self.entitlements.iter().map(String::as_str))
    }
}
