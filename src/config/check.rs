//! The keys at the top of the file, `[aliases]` and `[limits]`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::fault::Findings;
use super::platform::keys_of;
use super::table::Table;
use super::{LimitsConfig, default_timezone, environment};
use crate::describe::Resolve as _;
use crate::domain::Email;
use crate::ledger::LedgerConfig;
use crate::secret::SecretRef;
use crate::span::Span;
use crate::zone::Zone;

/// A quarter: rotas further ahead are guesses, and reading them costs requests on every run.
pub(super) const LONGEST_WINDOW: Span = Span::from_secs(90 * 86_400);

/// A run of a day is a run that hangs.
pub(super) const LONGEST_DEADLINE: Span = Span::from_secs(86_400);

/// Whether a run can look so far ahead; the error is a sentence.
pub fn check_window(window: Span) -> Result<(), String> {
    if window.is_zero() || window > LONGEST_WINDOW {
        return Err(format!("the window has to be more than zero and at most {LONGEST_WINDOW}, not {window}"));
    }
    Ok(())
}

/// A length of time that has to be more than zero and at most `longest`.
pub(super) fn span(table: &Table, key: &str, default: Span, longest: Span, found: &mut Findings) -> Span {
    let Some(span) = table.get::<Span>(key, found) else { return default };
    if span.is_zero() || span > longest {
        found.add(&table.at(key), format!("`{key}` has to be more than zero and at most {longest}, not {span}"));
    }
    span
}

pub(super) fn timezone(root: &Table, found: &mut Findings) -> String {
    let Some(zone) = root.get::<String>("timezone", found) else { return default_timezone() };
    if let Err(error) = Zone::parse(&zone) {
        found.add(&root.at("timezone"), format!("`timezone`: {error}"));
    }
    zone
}

/// Where the ledger is. Where that is wrong or unknown it is a fault, and any path stands in for the rest of the checks.
pub(super) fn ledger(root: &Table, folder: &Path, found: &mut Findings) -> LedgerConfig {
    let unknown = LedgerConfig::File(PathBuf::new());
    let Some(value) = root.value("ledger") else {
        return environment::default_ledger(environment::variable).unwrap_or_else(|| {
            found.add_whole("`ledger` has to be set, because neither XDG_STATE_HOME nor HOME is");
            unknown
        });
    };
    if matches!(value.get_ref(), DeValue::Table(_)) {
        let Some(mut secret) = root.get::<SecretRef>("ledger", found) else { return unknown };
        secret.resolve(folder);
        return LedgerConfig::Secret(secret);
    }
    let Some(text) = root.get::<String>("ledger", found) else { return unknown };
    LedgerConfig::parse(&text, folder).unwrap_or_else(|sentence| {
        found.add(&root.at("ledger"), format!("`ledger` {sentence}"));
        unknown
    })
}

pub(super) fn aliases(root: &Table, found: &mut Findings) -> BTreeMap<Email, Email> {
    let mut aliases = BTreeMap::new();
    let Some(table) = root.table("aliases", "[aliases]", found) else { return aliases };
    for (from, at, _) in table.iter() {
        let Some(to) = table.get::<String>(from, found) else { continue };
        for address in [from, &to].into_iter().filter(|address| Email::parse(address.trim()).is_none()) {
            found.add(&at, format!("'{address}' in [aliases] is no e-mail address"));
        }
        let (from, to) = (Email::new(from), Email::new(&to));
        if aliases.insert(from.clone(), to).is_some() {
            found.add(&at, format!("'{from}' is twice in [aliases]; upper and lower case make no difference"));
        }
    }
    aliases
}

pub(super) fn limits(root: &Table, found: &mut Findings) -> LimitsConfig {
    let default = LimitsConfig::default();
    let Some(table) = root.table("limits", "[limits]", found) else { return default };
    table.refuse_unknown(&keys_of::<LimitsConfig>(), found);
    let percent: Option<i64> = table.get("max_revoke_percent", found);
    let max_revoke_percent = match percent.map(|percent| (percent, u8::try_from(percent))) {
        None => default.max_revoke_percent,
        Some((_, Ok(percent))) if percent <= 100 => percent,
        Some((percent, _)) => {
            found.add(
                &table.at("max_revoke_percent"),
                format!("`max_revoke_percent` has to be from 0 to 100, not {percent}"),
            );
            default.max_revoke_percent
        }
    };
    let changes: Option<i64> = table.get("max_changes", found);
    let max_changes = match changes.map(|changes| (changes, usize::try_from(changes))) {
        None => default.max_changes,
        Some((_, Ok(changes))) => changes,
        Some((changes, Err(_))) => {
            found.add(&table.at("max_changes"), format!("`max_changes` has to be 0 or more, not {changes}"));
            default.max_changes
        }
    };
    LimitsConfig { max_changes, max_revoke_percent }
}
