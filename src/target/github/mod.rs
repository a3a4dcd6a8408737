//! GitHub: memberships of an organisation's teams.
//!
//! A membership has no dates: it stands until it is taken back, and nothing can be written on it, so the ledger alone knows
//! which are ours. Adding somebody answers the same whether they were in the team before or not, makes a plain member of a
//! maintainer and invites an outsider into the organisation ("Add or update team membership for a user", GitHub docs); so
//! everybody is looked up first, and only an active member of the organisation who is not in the team is added.
//!
//! Accounts and teams go by their numbers. A login can be given up and taken by somebody else, and a slug changes with the
//! team's name: what is owned by number is given and taken under the name that has this number in the run's reading, or
//! that GitHub says has it now.
//!
//! Whom we put there and somebody then made a maintainer is not ours to take out any more. An organisation's owner is shown as
//! a maintainer of every team ("Get team membership for a user", GitHub docs), so each maintainer whom we own is looked up.
//!
//! Which teams an identity provider keeps is told by calls for one team or one group each, and by nothing of GraphQL
//! ("External groups" and "Team synchronization", GitHub's descriptions of REST): the refusal of a change tells it at no
//! call more.
//!
//! With 50 teams, 1 000 members of the organisation and 200 people on call, a run reads by 2 calls for the teams and their
//! members (25 teams each; more only where a team has over 100 members), side by side with 2 calls for the people where
//! `logins` names them or their name at the SAML provider is their e-mail. Whoever is found by neither costs everybody
//! together 10 calls more, the whole list of members, which brings the identities along; SCIM's 10 pages come meanwhile, 9
//! of them at once. An unknown, renamed or hidden team costs one call for every 100 teams there are. An App adds 2 calls for its
//! token, and each maintainer whom we own one. A grant or a revocation is one call, after a look that up to 25 share: 2 for
//! one alone, some 45 for 40 at once.

mod api;
mod credential;
mod directory;
mod fault;
mod graphql;
mod look;
mod membership;
mod people;
mod scim;
mod seen;
mod spelling;
mod teams;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use self::api::Api;
use self::credential::{Installed, Signed};
use self::people::{People, Ways};
use self::seen::Seen;
use self::teams::Teams;
use super::{Asked, grant_id, known, not_given, not_taken_back};
use crate::describe::{Describe, Resolve};
use crate::domain::{Access, AccountId, Current, Email, Entitlement, Grant, GrantId, Held, Owned, Tenure};
use crate::mutex::Mutex;
use crate::net::http::Credential;
use crate::net::jwt::Signer;
use crate::net::{Context, Reach};
use crate::secret::SecretRef;
use crate::span::Span;

/// How people call it.
const NAME: &str = "GitHub";

/// The teams of a GitHub organisation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The organisation, as its address spells it.
    pub org: String,
    /// A token of an owner (classic: `admin:org`; fine-grained: Members, read and write), or else a GitHub App's keys.
    #[serde(default)]
    pub token: Option<SecretRef>,
    /// The id (or client id) of a GitHub App with the organisation permission Members, read and write.
    #[serde(default, deserialize_with = "spelling::app_id")]
    pub app_id: Option<String>,
    /// The App's private key (PEM).
    #[serde(default)]
    pub private_key: Option<SecretRef>,
    /// The App's installation in the organisation; found by itself if not given.
    #[serde(default)]
    pub installation_id: Option<u64>,
    /// `https://api.github.com` if not given; `https://HOST/api/v3` for a GitHub Enterprise Server.
    #[serde(default, deserialize_with = "crate::net::http::address")]
    pub base_url: Option<String>,
    /// The enterprise whose SCIM users tell who has which login (managed users); needs a token with `scim:enterprise`.
    #[serde(default)]
    pub enterprise: Option<String>,
    /// E-mail to login, for whoever GitHub cannot tell.
    #[serde(default)]
    pub logins: BTreeMap<String, String>,
    /// PEM file of CAs trusted beside the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Of one attempt at one request; default `30s`.
    #[serde(default)]
    pub timeout: Option<Span>,
}

impl Resolve for Config {
    fn resolve(&mut self, folder: &Path) {
        self.token.resolve(folder);
        self.private_key.resolve(folder);
        self.ca_file.resolve(folder);
    }
}

#[async_trait]
impl Describe<dyn super::Target> for Config {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let app = [self.app_id.is_some(), self.private_key.is_some()];
        match (self.token.is_some(), app) {
            (true, [false, false]) | (false, [true, true]) => {}
            (true, _) => faults.push("it has both a `token` and a GitHub App's keys; leave one way out".into()),
            (false, [false, false]) => {
                faults.push(
                    "it has no `token`, and no `app_id` with `private_key` either; one of the two is needed".into(),
                );
            }
            (false, [true, false]) => faults.push("it has an `app_id` and no `private_key` to prove it with".into()),
            (false, [false, true]) => faults.push("it has a `private_key` and no `app_id` that it belongs to".into()),
        }
        if self.installation_id.is_some() && self.app_id.is_none() {
            faults.push("it has an `installation_id`, which is a GitHub App's, and no `app_id`".into());
        }
        let mut seen = BTreeSet::new();
        for (email, login) in &self.logins {
            if Email::parse(email).is_none() {
                faults.push(format!("`logins` maps '{email}', which is no e-mail; write it as \"EMAIL\" = \"LOGIN\""));
            }
            if !seen.insert(Email::new(email)) {
                faults.push(format!("`logins` maps {} twice; leave one of the two", Email::new(email)));
            }
            if login.trim().is_empty() {
                faults.push(format!("`logins` maps {email} to nothing; a login belongs there"));
            }
        }
        faults.extend(spelling::organisation(&self.org));
        faults.extend(self.base_url.as_deref().and_then(spelling::base_url));
        faults
    }

    async fn connect(&self, context: Context) -> Result<Box<dyn super::Target>> {
        Ok(Box::new(GitHub::connect(self, context).await?))
    }
}

/// A GitHub organisation, as one token or App sees it.
pub struct GitHub {
    api: Api,
    logins: BTreeMap<Email, String>,
    enterprise: Option<String>,
    seen: Mutex<Seen>,
}

impl GitHub {
    /// Reads the secrets; nothing is asked of GitHub yet.
    pub async fn connect(config: &Config, context: Context) -> Result<Self> {
        let base_url = config.base_url.as_deref().unwrap_or(api::BASE_URL);
        let reach = Reach::new(base_url, config.ca_file.as_deref(), config.timeout);
        let credential: Arc<dyn Credential> = match (&config.token, &config.app_id, &config.private_key) {
            (Some(token), _, _) => {
                let token = token.read().await.context("the token of GitHub")?;
                Arc::new(credential::token(token).context("the token of GitHub")?)
            }
            (None, Some(app_id), Some(key)) => {
                let key = key.read().await.context("the private key of the GitHub App")?;
                let signer = Signer::rsa(&key).context("the private key of the GitHub App")?;
                let (app_id, signed) = (app_id.clone(), Mutex::default());
                let signed = Signed { app_id, signer, context: context.clone(), signed };
                let app = api::client(reach, Arc::new(signed), context.clone())?;
                Installed::new(app, &config.org, config.installation_id, context.clone())
            }
            _ => bail!("GitHub needs a `token`, or `app_id` and `private_key`"),
        };
        let api = Api::new(reach, credential, &config.org, context)?;
        let logins = config.logins.iter().map(|(email, login)| (Email::new(email), login.trim().to_owned())).collect();
        Ok(Self { api, logins, enterprise: config.enterprise.clone(), seen: Mutex::default() })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock()
    }
}

#[async_trait]
impl super::Target for GitHub {
    fn tenure(&self, _: &Entitlement) -> Tenure {
        Tenure::Standing
    }

    async fn read(&self, asked: &Asked) -> Result<Current> {
        let owned: BTreeSet<Entitlement> = asked.owned.iter().map(|access| access.entitlement.clone()).collect();
        let ways = Ways { logins: &self.logins, enterprise: self.enterprise.as_deref() };
        let (people, teams) = tokio::try_join!(
            async {
                let emails = asked.emails.known().await;
                people::find(&self.api, &ways, emails).await.context("the people of GitHub cannot be looked up")
            },
            // At once, for nobody relies on it alone: everybody is looked at once more before they are added.
            async {
                teams::find(&self.api, &asked.entitlements, &owned).await.context("the teams of GitHub cannot be read")
            },
        )?;
        let (People { accounts, absent, logins }, Teams { answers: entitlements, teams, hidden }) = (people, teams);
        let ours = |access: &Access| asked.owned.contains(access);
        let taken_over = self
            .taken_over(&asked.owned, &teams)
            .await
            .context("the owners of the organisation cannot be looked up")?;
        let mut grants = Vec::new();
        for team in teams.values() {
            let entitlement = teams::entitlement(team);
            grants.extend(team.members.iter().map(|(id, member)| {
                let access = Access { account: AccountId(id.to_string()), entitlement: entitlement.clone() };
                // A maintainer whom we did not put there is one by somebody's will, or an owner, and never ours.
                let foreign = if ours(&access) { taken_over.contains(&access) } else { member.maintainer };
                Held { id: grant_id(&access), access, from: None, until: None, foreign }
            }));
        }
        let gone = owned.iter().map(|owned| owned.id.to_string()).filter(|id| !hidden.contains_key(id));
        let gone = gone.map(|id| (id, None));
        let teams = gone.chain(teams.into_iter().map(|(id, team)| (id, Some(team)))).collect();
        *self.seen() = Seen { teams, doubtful: BTreeSet::new(), logins };
        Ok(Current { accounts, absent, entitlements, grants, hidden })
    }

    async fn grant(&self, wanted: &Grant) -> Result<GrantId> {
        self.add(&wanted.access).await.with_context(|| not_given(wanted, NAME))?;
        Ok(grant_id(&wanted.access))
    }

    async fn revoke(&self, held: &Owned) -> Result<()> {
        known(held, NAME)?;
        self.remove(&held.grant.access).await.with_context(|| not_taken_back(held, NAME))
    }

    async fn amend(&self, held: &Owned, _: &Grant) -> Result<GrantId> {
        // Without dates there is nothing to move.
        known(held, NAME).cloned()
    }
}
