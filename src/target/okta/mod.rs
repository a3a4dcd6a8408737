//! Okta: memberships of groups.
//!
//! A membership has no dates and no place for a mark: it stands until it is taken back, and the ledger alone knows which are
//! ours. Only groups that were made in Okta can be changed. Who is in a group already is never added.
//!
//! What a run costs, in requests: the groups that rules name, 25 to a request; the people, 25 to a request, and one for
//! each whom the search index does not know; the members of each group, 200 to a page; the group rules, 200 to a page; with a
//! service app two for its token. All but a list's own pages go side by side. With 50 groups, 1,000 members among them and
//! 200 people: 2 + 8 + 50 + 1 (+ 2). Then three for each membership given, of which two look once more, side by side, and one
//! for each taken back.

mod api;
mod credential;
mod dpop;
mod fault;
mod groups;
mod people;
mod search;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use async_trait::async_trait;
use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::Deserialize;

use self::api::Api;
use self::credential::{App, OAuth, api_token};
use self::groups::{Filled, resolve};
use super::{Asked, Occupied, grant_id, known, not_given, not_taken_back, nothing_given, nothing_given_if_refused};
use crate::describe::{Describe, Resolve};
use crate::domain::{Access, AccountId, Current, Entitlement, Grant, GrantId, Held, Owned, Tenure};
use crate::harmless::shown;
use crate::mutex::Mutex;
use crate::net::http::Credential;
use crate::net::{Context, Reach};
use crate::secret::SecretRef;
use crate::span::Span;

/// How people call it.
const NAME: &str = "Okta";

/// Okta's management API: memberships of groups.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The organisation's own address, `https://acme.okta.com`; not that of the admin console.
    #[serde(deserialize_with = "crate::net::http::address")]
    pub base_url: String,
    /// An API token of an admin who may see users and manage the members of the groups. Either this, or a service app.
    #[serde(default)]
    pub api_token: Option<SecretRef>,
    /// A service app, by its client id; it needs the scopes `okta.groups.manage` and `okta.users.read`, and an admin role.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The private half of one of the app's public keys: RSA, as PEM or as a JSON Web Key.
    #[serde(default)]
    pub private_key: Option<SecretRef>,
    /// The `kid` of that key; needed where the app has several and a JSON Web Key does not name it.
    #[serde(default)]
    pub key_id: Option<String>,
    /// PEM file of CAs trusted beside the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Of one attempt at one request; default `30s`.
    #[serde(default)]
    pub timeout: Option<Span>,
}

impl Resolve for Config {
    fn resolve(&mut self, folder: &Path) {
        self.api_token.resolve(folder);
        self.private_key.resolve(folder);
        self.ca_file.resolve(folder);
    }
}

#[async_trait]
impl Describe<dyn super::Target> for Config {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let app = self.client_id.is_some() || self.private_key.is_some();
        match (&self.api_token, app) {
            (None, false) => faults.push(
                "it has neither `api_token` nor `client_id` and `private_key`; give one of them, for Okta to know who asks"
                    .to_owned(),
            ),
            (Some(_), true) => faults.push("it has both an `api_token` and a service app; leave out one of them".to_owned()),
            _ => {}
        }
        for (there, missing, has, lacks) in [
            (self.client_id.is_some(), self.private_key.is_none(), "client_id", "private_key"),
            (self.private_key.is_some(), self.client_id.is_none(), "private_key", "client_id"),
            (self.key_id.is_some(), self.private_key.is_none(), "key_id", "private_key"),
        ] {
            if there && missing {
                faults.push(format!("it has `{has}` without `{lacks}`; a service app needs both"));
            }
        }
        faults.extend(self.misaddressed());
        faults
    }

    async fn connect(&self, context: Context) -> Result<Box<dyn super::Target>> {
        let reach = Reach::new(&self.base_url, self.ca_file.as_deref(), self.timeout);
        let credential: Arc<dyn Credential> = match (&self.api_token, &self.client_id, &self.private_key) {
            (Some(token), None, None) => {
                let token = token.read().await.context("Okta's `api_token`")?;
                Arc::new(api_token(token).context("Okta's `api_token`")?)
            }
            (None, Some(client_id), Some(private_key)) => {
                let private_key = &private_key.read().await.context("Okta's `private_key`")?;
                let app = App { client_id, private_key, key_id: self.key_id.as_deref() };
                Arc::new(OAuth::new(&app, reach, context.clone()).context(NAME)?)
            }
            _ => bail!("Okta needs either an `api_token`, or a `client_id` and its `private_key`"),
        };
        let api = Api::new(reach, credential, context).context(NAME)?;
        Ok(Box::new(Okta { api, seen: Mutex::default() }))
    }
}

impl Config {
    /// What is copied from a browser's address bar, and answers nothing or in HTML.
    fn misaddressed(&self) -> Option<String> {
        // Case never matters in a host's name.
        let address = self.base_url.trim().trim_end_matches('/').to_ascii_lowercase();
        if address.ends_with("/api/v1") {
            return Some("`base_url` ends with `/api/v1`, which is added to it; leave that out".to_owned());
        }
        let (organisation, domain) = address.split_once("-admin.okta")?;
        Some(format!("`base_url` is the address of the admin console; the API is at {organisation}.okta{domain}"))
    }
}

/// An Okta organisation, as one credential sees it.
pub struct Okta {
    api: Api,
    seen: Mutex<Seen>,
}

/// What was last seen or made.
#[derive(Default)]
struct Seen {
    /// The members of every group that was read, so that who is in it costs no request.
    members: BTreeMap<String, BTreeSet<String>>,
    /// What was about to be changed, and nobody knows how it ended.
    doubtful: BTreeSet<Access>,
    filled: Filled,
}

impl Seen {
    /// Whether they are in the group, where that is known.
    fn is_member(&self, access: &Access) -> Option<bool> {
        let members = self.members.get(&*access.entitlement.id).filter(|_| !self.doubtful.contains(access))?;
        Some(members.contains(&access.account.0))
    }

    /// Notes how a change ended.
    fn changed(&mut self, access: &Access, is_member: bool) {
        self.doubtful.remove(access);
        let Some(members) = self.members.get_mut(&*access.entitlement.id) else { return };
        if is_member {
            members.insert(access.account.0.clone())
        } else {
            members.remove(&access.account.0)
        };
    }
}

impl Okta {
    /// The members of each group, or why they may not be read; `None` where it is gone.
    async fn members(&self, groups: impl Iterator<Item = &Entitlement>) -> Result<BTreeMap<Entitlement, Listed>> {
        let each = groups.map(|group| async move {
            let listed = match self.api.members(&group.id).await {
                Ok(Some(members)) => Listed::Members(members.into_iter().collect()),
                Ok(None) => Listed::Gone,
                Err(error) if fault::is_forbidden(&error) => Listed::Hidden(format!("{error:#}")),
                Err(error) => return Err(error),
            };
            Ok((group.clone(), listed))
        });
        let listed = try_join_all(each).await.context("the members of Okta's groups cannot be read")?;
        Ok(listed.into_iter().collect())
    }

    /// Whether to add them, looked at once more: since the reading somebody may have suspended them, made another account
    /// with this login or put them into the group. Okta answers an addition the same whether it changed anything or not.
    ///
    /// # Errors
    /// [`Occupied`] where somebody else has put them there: it is not ours to take back.
    async fn is_to_be_added(&self, Grant { access, email, .. }: &Grant) -> Result<bool> {
        let Access { account: AccountId(id), entitlement } = access;
        let is_seen = self.seen.lock().is_member(access);
        if is_seen == Some(true) {
            return Ok(false);
        }
        let (account, is_member) =
            tokio::try_join!(people::now(&self.api, id, email), self.is_member(id, entitlement))?;
        ensure!(
            !account.suspended,
            "the account of {email} ({id}) has been suspended or deactivated since it was read"
        );
        if !is_member {
            return Ok(true);
        }
        self.seen.lock().changed(access, true);
        ensure!(
            is_seen.is_none(),
            Occupied(format!("{email} ({id}) has been put there by somebody else since it was read, and stays there"))
        );
        Ok(false)
    }

    /// Whether the user is in the group now: of the two lists that tell, theirs is the shorter.
    async fn is_member(&self, user: &str, group: &Entitlement) -> Result<bool> {
        match self.api.groups_of(user).await {
            Ok(groups) => Ok(groups.iter().any(|one| one.id == *group.id)),
            Err(error) if fault::is_forbidden(&error) => {
                // A group that is gone is told of by the answer to the change.
                Ok(self.api.members(&group.id).await?.unwrap_or_default().iter().any(|member| member == user))
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the user out of the group. What this credential may not see is answered as what is gone, so the group is looked at.
    async fn remove(&self, user: &str, group: &Entitlement) -> Result<()> {
        if self.api.remove(&group.id, user).await? {
            return Ok(());
        }
        let members = self.api.members(&group.id).await?.unwrap_or_default();
        ensure!(
            !members.iter().any(|member| member == user),
            "Okta answers 404, as if the group or the user ({user}) were gone, and still lists the one in the other: this credential \
             may not be allowed to change it"
        );
        Ok(())
    }
}

/// What Okta shows of a group.
enum Listed {
    Members(BTreeSet<String>),
    Gone,
    Hidden(String),
}

#[async_trait]
impl super::Target for Okta {
    fn tenure(&self, _: &Entitlement) -> Tenure {
        Tenure::Standing
    }

    async fn read(&self, asked: &Asked) -> Result<Current> {
        let owned: BTreeSet<Entitlement> = asked.owned.iter().map(|access| access.entitlement.clone()).collect();
        // What we own is known by id: its members need no search.
        let groups = async {
            let resolved =
                resolve(&self.api, &asked.entitlements).await.context("the groups of Okta cannot be read")?;
            let found: BTreeSet<_> = resolved.values().flatten().flatten().cloned().collect();
            asked.emails.known().await;
            let new = self.members(found.iter().filter(|group| !owned.contains(*group))).await?;
            Ok((resolved, found, new))
        };
        let rules = async {
            let any = !asked.entitlements.is_empty() || !owned.is_empty();
            if any { Filled::read(&self.api).await } else { Ok(Filled::default()) }
        };
        let ours = async {
            asked.emails.known().await;
            self.members(owned.iter()).await
        };
        let accounts = async {
            let emails = asked.emails.known().await;
            people::accounts(&self.api, emails).await.context("the users of Okta cannot be read")
        };
        let (accounts, (mut entitlements, found, mut listed), ours, filled) =
            tokio::try_join!(accounts, groups, ours, rules)?;
        let mut hidden = BTreeMap::new();
        for (group, listing) in ours {
            if let Listed::Hidden(why) = &listing {
                let why = format!("the members of '{}' ({}) cannot be read: {why}", group.name, group.id);
                hidden.insert(group.id.to_string(), why);
            }
            // The one just found knows today's name.
            listed.insert(found.get(&group).unwrap_or(&group).clone(), listing);
        }
        let grants = held(&listed, &filled, &asked.owned)?;
        for stands_for in entitlements.values_mut() {
            refuse_unreadable(stands_for, &listed);
        }
        let members = listed.into_iter().filter_map(|(group, listing)| match listing {
            Listed::Members(members) => Some((group.id.to_string(), members)),
            Listed::Gone | Listed::Hidden(_) => None,
        });
        *self.seen.lock() = Seen { members: members.collect(), doubtful: BTreeSet::new(), filled };
        Ok(Current { accounts, entitlements, grants, hidden, ..Current::default() })
    }

    async fn grant(&self, wanted: &Grant) -> Result<GrantId> {
        let access = &wanted.access;
        let given = async {
            if self.is_to_be_added(wanted).await.map_err(nothing_given)? {
                self.seen.lock().doubtful.insert(access.clone());
                let added = self.api.add(&access.entitlement.id, &access.account.0).await;
                added.map_err(nothing_given_if_refused)?;
                self.seen.lock().changed(access, true);
            }
            anyhow::Ok(grant_id(access))
        };
        given.await.with_context(|| not_given(wanted, NAME))
    }

    async fn revoke(&self, held: &Owned) -> Result<()> {
        known(held, NAME)?;
        let Access { account: AccountId(user), entitlement } = &held.grant.access;
        self.seen.lock().doubtful.insert(held.grant.access.clone());
        self.remove(user, entitlement).await.with_context(|| not_taken_back(held, NAME))?;
        self.seen.lock().changed(&held.grant.access, false);
        // When it was given they were not a member, so no rule had put them there; whether one would by now, Okta does not tell.
        for rule in self.seen.lock().filled.possibly(&entitlement.id, user) {
            tracing::warn!(
                "{} was taken out of '{}', which the group rule '{}' ({}) fills as well: if it has come to fit them since they \
                 were put there, Okta does not put them back by itself (they are listed at the rule as an exception)",
                held.grant.email,
                shown(&entitlement.name),
                shown(rule.name.as_deref().unwrap_or_default()),
                rule.id
            );
        }
        Ok(())
    }

    async fn amend(&self, held: &Owned, _: &Grant) -> Result<GrantId> {
        known(held, NAME).cloned()
    }
}

/// The memberships that Okta shows, in our words.
///
/// In a group that a rule fills, whoever is not in our ledger was put there by the rule or by a person, and never by us: an
/// entry of the ledger for them, should one come, is not about this membership.
fn held(listed: &BTreeMap<Entitlement, Listed>, filled: &Filled, owned: &BTreeSet<Access>) -> Result<Vec<Held>> {
    let mut grants = Vec::new();
    for (group, listing) in listed {
        let Listed::Members(members) = listing else { continue };
        for member in members {
            if member.is_empty() {
                bail!("Okta lists a member of '{}' ({}) without an id", group.name, group.id);
            }
            let access = Access { account: AccountId(member.clone()), entitlement: group.clone() };
            let foreign = !owned.contains(&access) && filled.possibly(&group.id, member).next().is_some();
            grants.push(Held { id: grant_id(&access), access, from: None, until: None, foreign });
        }
    }
    Ok(grants)
}

/// Nobody is given what cannot be looked at.
fn refuse_unreadable(stands_for: &mut Result<BTreeSet<Entitlement>, String>, listed: &BTreeMap<Entitlement, Listed>) {
    let Ok(groups) = &*stands_for else { return };
    let why = groups.iter().find_map(|group| match listed.get(group)? {
        Listed::Members(_) => None,
        Listed::Gone => {
            Some(format!("'{}' ({}) is gone from Okta, whose search still shows it for a while", group.name, group.id))
        }
        Listed::Hidden(why) => Some(format!("the members of '{}' ({}) cannot be read: {why}", group.name, group.id)),
    });
    if let Some(why) = why {
        *stands_for = Err(why);
    }
}
