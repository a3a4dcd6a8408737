//! The accounts behind e-mails.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail, ensure};
use futures_util::future::try_join_all;

use super::api::{Api, User, UserProfile};
use crate::domain::{Account, AccountId, Email};

/// Statuses in which an account is of no use to whoever is on call, whatever it holds.
const UNUSABLE: [&str; 2] = [DEPROVISIONED, "SUSPENDED"];

/// Deactivated: it is in no group and gets into none, and another account may have its e-mail by now.
const DEPROVISIONED: &str = "DEPROVISIONED";

/// Every account of each e-mail, many e-mails to a request; whoever the search index does not know is asked for once more,
/// by login. What has no @ is no e-mail, and might be an id or a word with a meaning of its own: it is nobody's.
pub async fn accounts(api: &Api, emails: &BTreeSet<Email>) -> Result<Vec<Account>> {
    let emails: BTreeSet<Email> = emails.iter().filter(|email| email.as_str().contains('@')).cloned().collect();
    let texts: Vec<&str> = emails.iter().map(Email::as_str).collect();
    let found = api.users(&texts).await?;
    // The same user may be in the answers for several e-mails.
    let mut users: BTreeMap<String, User> = found.into_iter().map(|user| (user.id.clone(), user)).collect();
    ensure!(!users.contains_key(""), "Okta lists a user without an id");
    let known: BTreeSet<Email> = users.values().flat_map(names).collect();
    let unknown = texts.iter().filter(|text| !known.contains(&Email::new(text)));
    let fresh = try_join_all(unknown.map(|login| api.user(login))).await?;
    users.extend(fresh.into_iter().flatten().map(|user| (user.id.clone(), user)));
    Ok(chosen(&emails, users.values()))
}

/// The account with this id as Okta knows it now, by its own word and not the search index's.
///
/// # Errors
/// Where it is gone, or not the one that the e-mail means: another's login it may be since.
pub async fn now(api: &Api, id: &str, email: &Email) -> Result<Account> {
    let mut users: Vec<User> = api.user(email.as_str()).await?.into_iter().collect();
    if users.iter().all(|user| user.id != id) {
        users.extend(api.user(id).await?);
    }
    let meant = chosen(&BTreeSet::from([email.clone()]), users.iter());
    let Some(account) = meant.iter().find(|account| account.id.0 == id) else {
        match meant.first() {
            Some(other) => bail!("{email} is the login of another account ({}), which the next run finds", other.id),
            None => bail!("the account {id} is gone, or {email} is not its login or e-mail any more"),
        }
    };
    Ok(account.clone())
}

/// Of the users whose login or e-mail it is, those that count for each e-mail.
///
/// Of several, a deactivated one does not; and a login, which no two users share, comes before an e-mail, which two may have.
fn chosen<'u>(emails: &BTreeSet<Email>, users: impl Iterator<Item = &'u User>) -> Vec<Account> {
    let mut by_login: BTreeMap<Email, Vec<&User>> = BTreeMap::new();
    let mut by_email = by_login.clone();
    for user in users {
        let UserProfile { login, email } = user.profile.clone().unwrap_or_default();
        for (text, known) in [(login, &mut by_login), (email, &mut by_email)] {
            if let Some(email) = text.map(|text| Email::new(&text)).filter(|email| emails.contains(email)) {
                known.entry(email).or_default().push(user);
            }
        }
    }
    let is_gone = |user: &&User| user.status.as_deref() == Some(DEPROVISIONED);
    let mut accounts = Vec::new();
    for email in emails {
        let sides = [&by_login, &by_email].map(|known| known.get(email).cloned().unwrap_or_default());
        let usable = sides.clone().map(|side| side.into_iter().filter(|user| !is_gone(user)).collect::<Vec<_>>());
        let counted = usable.into_iter().chain(sides).find(|side| !side.is_empty()).unwrap_or_default();
        accounts.extend(counted.into_iter().map(|user| Account {
            id: AccountId(user.id.clone()),
            email: email.clone(),
            suspended: user.status.as_deref().is_some_and(|status| UNUSABLE.contains(&status)),
        }));
    }
    accounts
}

/// The e-mails that a user can be found by.
fn names(user: &User) -> Vec<Email> {
    let UserProfile { login, email } = user.profile.clone().unwrap_or_default();
    [login, email].into_iter().flatten().map(|text| Email::new(&text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str, login: &str, email: &str, status: &str) -> User {
        let profile = UserProfile { login: Some(login.into()), email: Some(email.into()) };
        User { id: id.into(), status: Some(status.into()), profile: Some(profile) }
    }

    fn ids(email: &str, users: &[User]) -> Vec<(String, bool)> {
        let chosen = chosen(&BTreeSet::from([Email::new(email)]), users.iter());
        chosen.into_iter().map(|account| (account.id.0, account.suspended)).collect()
    }

    fn expected(ids: &[(&str, bool)]) -> Vec<(String, bool)> {
        ids.iter().map(|(id, suspended)| ((*id).to_owned(), *suspended)).collect()
    }

    #[test]
    fn a_login_comes_before_an_e_mail_and_case_does_not_matter() {
        let users = [user("1", "Ada@X.com", "a@y.com", "ACTIVE"), user("2", "root", "ada@x.com", "ACTIVE")];
        assert_eq!(ids("ada@x.com", &users), expected(&[("1", false)]));
        assert_eq!(ids("a@y.com", &users), expected(&[("1", false)]));
        assert_eq!(ids("root@x.com", &users), expected(&[]));
    }

    #[test]
    fn two_of_one_e_mail_are_both_there() {
        let users = [user("1", "a", "ada@x.com", "ACTIVE"), user("2", "b", "ADA@x.com", "SUSPENDED")];
        assert_eq!(ids("ada@x.com", &users), expected(&[("1", false), ("2", true)]));
    }

    #[test]
    fn a_deactivated_namesake_does_not_count_beside_a_usable_account() {
        let gone = user("1", "ada@x.com", "ada@x.com", "DEPROVISIONED");
        let usable = user("2", "ada", "ada@x.com", "STAGED");
        assert_eq!(ids("ada@x.com", &[gone.clone(), usable]), expected(&[("2", false)]));
        assert_eq!(ids("ada@x.com", &[gone]), expected(&[("1", true)]));
    }
}
