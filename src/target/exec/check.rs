//! Whether a reading makes sense: an answer that does not is not half believed.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Asked;
use super::api;
use crate::domain::{Access, Account, AccountId, Current, Email, Entitlement, GrantId, Held};
use crate::exec::{Each, Words, check_dates};
use crate::harmless::shown;

/// The reading in our words.
///
/// # Errors
/// The first thing in it that makes no sense, in a sentence.
pub fn current(
    reading: api::Reading,
    asked: &Asked,
    emails: &BTreeSet<Email>,
    words: &Words,
) -> Result<Current, String> {
    let accounts = accounts(reading.accounts, emails, words)?;
    let entitlements = entitlements(reading.entitlements, asked, words)?;
    // The first of two with the same id stays, and the one just read knows today's name.
    let mut known: BTreeSet<Entitlement> = entitlements.values().flatten().flatten().cloned().collect();
    known.extend(asked.owned.iter().map(|access| access.entitlement.clone()));
    let grants = grants(reading.grants, &known, words)?;
    let absent = reading.absent.iter().filter_map(|(email, why)| Some((Email::new(email), words.remark(why)?)));
    let absent = absent.filter(|(email, _)| emails.contains(email)).collect();
    Ok(Current { accounts, absent, entitlements, grants, ..Current::default() })
}

fn accounts(listed: Vec<api::Account>, emails: &BTreeSet<Email>, words: &Words) -> Result<Vec<Account>, String> {
    let mut seen = BTreeSet::new();
    let account = |api::Account { id, email, suspended }: api::Account| {
        words.word("the id of an account", &id)?;
        let address = Email::new(words.word(&format!("the e-mail of account '{}'", shown(&id)), &email)?);
        if !emails.contains(&address) {
            return Err(format!("account '{}' is for {}, who was not asked for", shown(&id), shown(&email)));
        }
        if !seen.insert(id.clone()) {
            return Err(format!("two accounts have the id '{}'", shown(&id)));
        }
        Ok(Account { id: AccountId(id), email: address, suspended })
    };
    listed.into_iter().map(account).collect()
}

fn entitlements(
    mut answered: BTreeMap<String, Each<api::Meaning>>,
    asked: &Asked,
    words: &Words,
) -> Result<BTreeMap<String, Result<BTreeSet<Entitlement>, String>>, String> {
    let meaning = |spelling: &String| {
        let meaning = match answered.remove(spelling) {
            None => return Err(format!("it says nothing of the entitlement '{}'", shown(spelling))),
            Some(Each::Unusable(why)) => return Err(format!("of the entitlement '{}': {why}", shown(spelling))),
            Some(Each::Error(error)) => Err(words.sentence(&error)),
            Some(Each::Is(api::Meaning { found })) if found.is_empty() => {
                Err(format!("the command finds nothing that '{}' stands for", shown(spelling)))
            }
            Some(Each::Is(api::Meaning { found })) => Ok(self::found(found, spelling, words)?),
        };
        Ok((spelling.clone(), meaning))
    };
    asked.entitlements.iter().map(meaning).collect()
}

fn found(listed: Vec<api::Entitlement>, spelling: &str, words: &Words) -> Result<BTreeSet<Entitlement>, String> {
    let mut found = BTreeSet::new();
    for api::Entitlement { id, name } in listed {
        words.word(&format!("the id of what '{}' stands for", shown(spelling)), &id)?;
        words.word(&format!("the name of entitlement '{}'", shown(&id)), &name)?;
        let entitlement = Entitlement { id: id.as_str().into(), name: name.into() };
        if !found.insert(entitlement) {
            return Err(format!("'{}' stands twice for the entitlement '{}'", shown(spelling), shown(&id)));
        }
    }
    Ok(found)
}

fn grants(listed: Vec<api::Held>, known: &BTreeSet<Entitlement>, words: &Words) -> Result<Vec<Held>, String> {
    let mut seen = BTreeSet::new();
    let held = |api::Held { id, account, entitlement, from, until, foreign }: api::Held| {
        words.word("the id of a grant", &id)?;
        let whose = format!("grant '{}'", shown(&id));
        words.word(&format!("the account of {whose}"), &account)?;
        words.word(&format!("the entitlement of {whose}"), &entitlement.id)?;
        check_dates(&whose, from, until)?;
        let same = Entitlement { id: entitlement.id.as_str().into(), name: "".into() };
        let Some(entitlement) = known.get(&same) else {
            return Err(format!("{whose} is of '{}', which was neither found nor owned", shown(&entitlement.id)));
        };
        if !seen.insert(id.clone()) {
            return Err(format!("two grants have the id '{}'", shown(&id)));
        }
        let access = Access { account: AccountId(account), entitlement: entitlement.clone() };
        Ok(Held { id: GrantId(id), access, from, until, foreign })
    };
    listed.into_iter().map(held).collect()
}

#[cfg(test)]
mod tests;
