//! Whose account is behind an e-mail: by the config, by the identity provider, by addresses that GitHub has verified.
//!
//! Never by the addresses that people show on their profiles: anybody can show any. Whoever is no active member of the
//! organisation has no account here, for a place in a team would invite them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use futures_util::future::try_join_all;

use super::api::Api;
use super::fault::is_refusal;
use super::wire::{Attributes, Directory, Identity, Membership, ScimUser, User};
use crate::domain::{Account, AccountId, Email};

/// How the login of an enterprise's first administrator ends.
const ADMIN: &str = "admin";

/// How the config and GitHub tell whose login is whose.
pub struct Ways<'a> {
    pub logins: &'a BTreeMap<Email, String>,
    pub enterprise: Option<&'a str>,
}

/// The people asked for.
#[derive(Debug, Default)]
pub struct People {
    pub accounts: Vec<Account>,
    /// Why somebody has none.
    pub absent: BTreeMap<Email, String>,
    /// The login of each account, by its id.
    pub logins: BTreeMap<String, String>,
}

/// Who somebody is, or why that is not known.
type Answers = BTreeMap<Email, Result<Vec<User>, String>>;

/// Finds them, each looked up once.
///
/// # Errors
/// Where GitHub does not answer. What it refuses to tell this token is the reason why somebody is not found.
pub async fn find(api: &Api, ways: &Ways<'_>, emails: &BTreeSet<Email>) -> Result<People> {
    let (mapped, others): (BTreeSet<&Email>, BTreeSet<&Email>) =
        emails.iter().partition(|email| ways.logins.contains_key(*email));
    let (mapped, others) = tokio::try_join!(by_login(api, ways, &mapped), by_address(api, ways, &others))?;
    let answers: Answers = mapped.into_iter().chain(others).collect();
    let outsiders = outsiders(api, &answers).await?;
    let mut people = People::default();
    for (email, answer) in answers {
        match answer.map(|users: Vec<User>| members(&users, &outsiders)) {
            Ok(Ok(users)) => {
                for user in users {
                    let (id, suspended) = (user.database_id.to_string(), user.suspended_at.is_some());
                    people.logins.insert(id.clone(), user.login);
                    people.accounts.push(Account { id: AccountId(id), email: email.clone(), suspended });
                }
            }
            Ok(Err(why)) | Err(why) => drop(people.absent.insert(email, why)),
        }
    }
    Ok(people)
}

/// Those who are members, or why the one who is nearest to it is none.
fn members(users: &[User], outsiders: &BTreeMap<u64, String>) -> Result<Vec<User>, String> {
    let inside: Vec<_> = users.iter().filter(|user| !outsiders.contains_key(&user.database_id)).cloned().collect();
    match users.first() {
        Some(first) if inside.is_empty() => Err(outsiders[&first.database_id].clone()),
        _ => Ok(inside),
    }
}

/// Why each of them who is not shown as a member is none, by account id.
async fn outsiders(api: &Api, answers: &Answers) -> Result<BTreeMap<u64, String>> {
    let doubtful: BTreeMap<u64, &User> = answers
        .values()
        .flatten()
        .flatten()
        .filter(|user| user.organization.is_none())
        .map(|user| (user.database_id, user))
        .collect();
    let asked = try_join_all(doubtful.into_iter().map(async |(id, user)| {
        let standing = api.membership(&user.login).await?;
        let now = standing.as_ref().and_then(|standing| standing.user.as_ref());
        let why = if now.is_some_and(|now| now.id != id) {
            Some(format!("the login '{}' was taken over by somebody else a moment ago", user.login))
        } else {
            outsider(standing.as_ref(), &user.login, api.org())
        };
        Ok::<_, anyhow::Error>(why.map(|why| (id, why)))
    }));
    Ok(asked.await?.into_iter().flatten().collect())
}

/// Why somebody who stands to the organisation like this gets nothing, if so.
pub fn outsider(standing: Option<&Membership>, login: &str, org: &str) -> Option<String> {
    match standing.map(|membership| &*membership.state) {
        Some("active") => None,
        Some("pending") => Some(format!("'{login}' has not accepted the invitation to the organisation '{org}' yet")),
        Some(other) => Some(format!("'{login}' is no active member of the organisation '{org}' but '{other}'")),
        None => Some(format!(
            "'{login}' is no member of the organisation '{org}'; invite them there first, for nobody is invited from here"
        )),
    }
}

async fn by_login(api: &Api, ways: &Ways<'_>, emails: &BTreeSet<&Email>) -> Result<Answers> {
    let login = |email: &Email| ways.logins[email].clone();
    let logins: BTreeSet<String> = emails.iter().map(|email| login(email)).collect();
    let logins: Vec<String> = logins.into_iter().collect();
    let found = api.users(&logins).await?;
    let found: BTreeMap<&str, Option<User>> = logins.iter().map(String::as_str).zip(found).collect();
    let answer = |email: &&Email| {
        let login = login(email);
        let user = found.get(&*login).cloned().flatten();
        let user = user.filter(|user| user.login.eq_ignore_ascii_case(&login)).map(|user| vec![user]);
        (
            (*email).clone(),
            user.ok_or_else(|| format!("`logins` says '{login}', and GitHub shows this token no such user")),
        )
    };
    Ok(emails.iter().map(answer).collect())
}

async fn by_address(api: &Api, ways: &Ways<'_>, emails: &BTreeSet<&Email>) -> Result<Answers> {
    let mut answers = Answers::new();
    if emails.is_empty() {
        return Ok(answers);
    }
    let mut silent = Vec::new();
    let names: Vec<String> = emails.iter().map(|email| email.as_str().to_owned()).collect();
    let named = told(api.identities(&names).await, "its SAML identities", &mut silent)?.flatten();
    let provided = named.is_some();
    for (email, identities) in emails.iter().zip(named.into_iter().flatten()) {
        if let Some(answer) = identified(email, &identities) {
            answers.insert((*email).clone(), answer);
        }
    }
    let left: Vec<&Email> = emails.iter().copied().filter(|email| !answers.contains_key(*email)).collect();
    if left.is_empty() {
        return Ok(answers);
    }
    let scim = async {
        match ways.enterprise {
            Some(enterprise) => Ok(Some(api.scim_users(enterprise).await)),
            None => Ok(None),
        }
    };
    let (directory, scim) = tokio::try_join!(async { Ok::<_, anyhow::Error>(api.directory(provided).await) }, scim)?;
    let directory = told(directory, "the members' verified e-mails", &mut silent)?.unwrap_or_default();
    let scim = scim.map(|scim| told(scim, "the enterprise's SCIM users", &mut silent)).transpose()?.flatten();
    for email in left {
        let found = identified(email, &directory.identities)
            .or_else(|| provisioned(email, scim.as_deref().unwrap_or_default(), api.is_server(), &directory.members))
            .or_else(|| verified(email, &directory))
            .unwrap_or_else(|| Err(unknown(api.org(), &silent)));
        answers.insert(email.clone(), found);
    }
    Ok(answers)
}

/// What GitHub answers, or why it does not tell, which is kept for whoever is not found.
fn told<T>(answer: Result<T>, what: &str, silent: &mut Vec<String>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if is_refusal(&error) => {
            tracing::debug!("{what} cannot be read: {error:#}");
            silent.push(format!("{what} cannot be read ({error:#})"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn unknown(org: &str, silent: &[String]) -> String {
    let silent = silent.iter().map(|why| format!("; {why}")).collect::<String>();
    format!("nothing tells which login in the organisation '{org}' is theirs; say so under `logins`{silent}")
}

/// Who has an identity with this name, or else with this address.
fn identified(email: &Email, identities: &[Identity]) -> Option<Result<Vec<User>, String>> {
    let is = |text: &str| Email::new(text) == *email;
    let parts = |identity: &Identity| {
        [identity.saml_identity.clone(), identity.scim_identity.clone()]
            .into_iter()
            .flatten()
            .collect::<Vec<Attributes>>()
    };
    let named = |identity: &&Identity| {
        parts(identity).iter().any(|part| part.name_id.iter().chain(&part.username).any(|name| is(name)))
    };
    let addressed = |identity: &&Identity| {
        parts(identity).iter().any(|part| part.emails.iter().flatten().any(|address| is(&address.value)))
    };
    let mut found: Vec<&Identity> = identities.iter().filter(named).collect();
    if found.is_empty() {
        found = identities.iter().filter(addressed).collect();
    }
    if found.is_empty() {
        return None;
    }
    let users = found.into_iter().filter_map(|identity| identity.user.clone());
    let users: BTreeMap<u64, User> = users.map(|user| (user.database_id, user)).collect();
    let nobody = "the identity provider knows them, and they have not signed in to GitHub by it yet";
    Some(if users.is_empty() { Err(nobody.into()) } else { Ok(users.into_values().collect()) })
}

/// Who was put into GitHub by the enterprise's identity provider with this name or address.
///
/// GitHub does not say which login it made; it makes it from the name by rules of its own ("Username considerations for
/// external authentication", GitHub docs), and refuses a second person whose name leads to the same.
fn provisioned(email: &Email, scim: &[ScimUser], server: bool, members: &[User]) -> Option<Result<Vec<User>, String>> {
    let is = |text: &str| Email::new(text) == *email;
    let mut found: Vec<&ScimUser> = scim.iter().filter(|user| is(&user.user_name)).collect();
    if found.is_empty() {
        found = scim.iter().filter(|user| user.emails.iter().any(|address| is(&address.value))).collect();
    }
    let first = found.first()?;
    let code = if server { None } else { short_code(members) };
    let mut users: BTreeMap<u64, User> = BTreeMap::new();
    for user in &found {
        // Outside of a server nobody but managed users is put there by SCIM.
        let login = login_of(&user.user_name, code);
        let is_theirs = |member: &&User| (server || code.is_some()) && member.login.eq_ignore_ascii_case(&login);
        for member in members.iter().filter(is_theirs) {
            let suspended_at = if user.active { member.suspended_at.clone() } else { Some("by SCIM".into()) };
            users.insert(member.database_id, User { suspended_at, ..member.clone() });
        }
    }
    if !users.is_empty() {
        return Some(Ok(users.into_values().collect()));
    }
    Some(Err(if first.active {
        format!(
            "SCIM knows them as '{}', and no member of the organisation has the login that GitHub makes of it",
            first.user_name
        )
    } else {
        format!("SCIM knows them as '{}', and their account is suspended", first.user_name)
    }))
}

/// The login that GitHub makes of a name at the identity provider. A managed user's ends in `_` and the enterprise's short
/// code, and nobody else's has an `_`.
fn login_of(name: &str, code: Option<&str>) -> String {
    let name = name.rsplit_once('\\').map_or(name, |(_, name)| name);
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    let normalised: String = name.chars().map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '-' }).collect();
    code.map_or(normalised.clone(), |code| format!("{normalised}_{code}"))
}

/// The enterprise's short code: what most logins of managed users end in. Its first administrator, who is nobody's account,
/// is called by the code itself and `_admin`.
fn short_code(members: &[User]) -> Option<&str> {
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    let managed = members.iter().filter_map(|member| member.login.rsplit_once('_')).map(|(_, code)| code);
    for code in managed.filter(|code| *code != ADMIN) {
        *codes.entry(code).or_default() += 1;
    }
    codes.into_iter().max_by_key(|(_, members)| *members).map(|(code, _)| code)
}

/// Whose verified address it is.
fn verified(email: &Email, directory: &Directory) -> Option<Result<Vec<User>, String>> {
    let theirs = |user: &&User| user.organization_verified_domain_emails.iter().any(|own| Email::new(own) == *email);
    let found: Vec<User> = directory.members.iter().filter(theirs).cloned().collect();
    (!found.is_empty()).then_some(Ok(found))
}

#[cfg(test)]
mod tests;
