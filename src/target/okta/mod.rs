//! Okta: memberships of groups.
//!
//! A membership has no dates and no place for a mark: it stands until it is taken back, and the ledger alone knows which are
//! ours. Only groups that were made in Okta can be changed. Who is in a group already is never added.
//!
//! What a run costs, in requests: the groups that rules name, 25 to a request; the people, 25 to a request, and one for
//! each whom the search index does not know; the members of each group, 200 to a page; the group rules, 200 to a page; with a
//! service app two for its token. All but a list's own pages go side by side. With 50 groups, 1,000 members among them and
//! 200 people: 2 + 8 + 50 + 1 (+ 2). Then one for each membership given or taken back.

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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};
use async_trait::async_trait;
use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::Deserialize;

use self::api::Api;
use self::credential::{App, OAuth, api_token};
use self::groups::{Filled, resolve};
use super::{Asked, known, not_given, not_taken_back, nothing_given};
use crate::domain::{Access, AccountId, Current, Entitlement, Grant, GrantId, Held, Owned, Tenure};
use crate::harmless::shown;
use crate::net::http::{Credential, is_refusal};
use crate::net::{self, Context};
use crate::secret::SecretRef;
use crate::span::Span;

/// How people call it.
const NAME: &str = "Okta";

/// Okta's management API: memberships of groups.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The organisation's own address, `https://acme.okta.com`; not that of the admin console.
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

#[async_trait]
impl super::Describe for Config {
    fn resolve(&mut self, folder: &Path) {
        for secret in [&mut self.api_token, &mut self.private_key].into_iter().flatten() {
            secret.resolve(folder);
        }
        if let Some(file) = &mut self.ca_file {
            *file = folder.join(&*file);
        }
    }

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
        Ok(Box::new(Okta::connect(self, context).await?))
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
    filled: Filled,
}

impl Okta {
    /// Reads the credential; nothing is asked of Okta yet.
    pub async fn connect(config: &Config, context: Context) -> Result<Self> {
        let Config { base_url, ca_file, key_id, .. } = config;
        let (ca_file, timeout) = (ca_file.as_deref(), config.timeout.map_or(net::TIMEOUT, |span| span.0));
        let credential: Arc<dyn Credential> = match (&config.api_token, &config.client_id, &config.private_key) {
            (Some(token), None, None) => {
                let token = token.read().await.context("Okta's `api_token`")?;
                Arc::new(api_token(token).context("Okta's `api_token`")?)
            }
            (None, Some(client_id), Some(private_key)) => {
                let private_key = &private_key.read().await.context("Okta's `private_key`")?;
                let app = App { client_id, private_key, key_id: key_id.as_deref() };
                Arc::new(OAuth::new(&app, base_url, ca_file, timeout, context.clone()).context(NAME)?)
            }
            _ => bail!("Okta needs either an `api_token`, or a `client_id` and its `private_key`"),
        };
        let api = Api::new(base_url, ca_file, timeout, credential, context).context(NAME)?;
        Ok(Self { api, seen: Mutex::default() })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

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

    /// Whether the user is in the group: by what was seen, else by looking.
    async fn is_member(&self, user: &str, group: &Entitlement) -> Result<bool> {
        let seen = self.seen().members.get(&*group.id).map(|members| members.contains(user));
        if let Some(is_member) = seen {
            return Ok(is_member);
        }
        // A group that is gone is told of by the answer to the change.
        let Some(members) = self.api.members(&group.id).await? else { return Ok(false) };
        let members: BTreeSet<String> = members.into_iter().collect();
        let is_member = members.contains(user);
        // Somebody may have been added while we looked.
        self.seen().members.entry(group.id.to_string()).or_default().extend(members);
        Ok(is_member)
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
            Ok(if any { Filled::read(&self.api).await } else { Filled::default() })
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
        for (group, listing) in ours {
            if let Listed::Hidden(why) = &listing {
                bail!(
                    "the members of '{}' ({}), where grants of ours stand, cannot be read: {why}",
                    group.name,
                    group.id
                );
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
        *self.seen() = Seen { members: members.collect(), filled };
        Ok(Current { accounts, entitlements, grants, ..Current::default() })
    }

    async fn grant(&self, wanted: &Grant) -> Result<GrantId> {
        let Access { account: AccountId(user), entitlement } = &wanted.access;
        let given = async {
            // Who was put there by a rule is left as they are.
            if !self.is_member(user, entitlement).await.map_err(nothing_given)? {
                let added = self.api.add(&entitlement.id, user).await;
                added.map_err(|error| if is_refusal(&error) { nothing_given(error) } else { error })?;
                if let Some(members) = self.seen().members.get_mut(&*entitlement.id) {
                    members.insert(user.clone());
                }
            }
            anyhow::Ok(id(&wanted.access))
        };
        given.await.with_context(|| not_given(wanted, NAME))
    }

    async fn revoke(&self, held: &Owned) -> Result<()> {
        known(held, NAME)?;
        let Access { account: AccountId(user), entitlement } = &held.grant.access;
        // Before the call, for after a lost answer nobody may rely on it any more; being added twice does no harm.
        if let Some(members) = self.seen().members.get_mut(&*entitlement.id) {
            members.remove(user);
        }
        self.remove(user, entitlement).await.with_context(|| not_taken_back(held, NAME))?;
        // When it was given they were not a member, so no rule had put them there; whether one would by now, Okta does not tell.
        for rule in self.seen().filled.possibly(&entitlement.id, user) {
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
            grants.push(Held { id: id(&access), access, from: None, until: None, foreign });
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

/// There is one membership for one access, and Okta gives it no id.
fn id(Access { account, entitlement }: &Access) -> GrantId {
    GrantId(format!("{}/{account}", entitlement.id))
}
