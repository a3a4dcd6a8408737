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
//! With 50 teams, 1 000 members of the organisation and 200 people on call, a run reads by 2 calls for the teams and their
//! members (25 teams each; more only where a team has over 100 members), side by side with 2 calls for the people where
//! `logins` names them or their name at the SAML provider is their e-mail. Whoever is found by neither costs everybody
//! together 10 calls more, the whole list of members, which brings the identities along; SCIM's 10 pages come meanwhile, 9
//! of them at once. An unknown or renamed team costs one call for every 100 teams there are. An App adds 2 calls for its
//! token. A grant is 2 calls, of which the first looks once more, and a revocation is one.

mod api;
mod credential;
mod directory;
mod fault;
mod graphql;
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
use self::seen::{Place, Seen, number};
use self::teams::Teams;
use super::{
    Asked, NotGiven, Occupied, grant_id, known, not_given, not_taken_back, nothing_given, nothing_given_if_refused,
};
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

    /// Where `access` is, by the last reading or by a new one; `None` where the team is gone.
    async fn place(&self, access: &Access) -> Result<Option<Place>> {
        if let Some(place) = self.seen().place(access) {
            return Ok(place);
        }
        let owned = BTreeSet::from([access.entitlement.clone()]);
        let found = teams::find(&self.api, &BTreeSet::new(), &owned).await?.teams.remove(&*access.entitlement.id);
        let mut seen = self.seen();
        seen.learn(access, found);
        Ok(seen.place(access).expect("learnt a moment ago"))
    }

    /// The login of an active member of the organisation, by the last reading, or as GitHub says now.
    async fn login(&self, account: &AccountId) -> Result<String> {
        if let Some(login) = self.seen().logins.get(&account.0) {
            return Ok(login.clone());
        }
        let Some(now) = self.api.account(&account.0).await? else {
            bail!("GitHub shows this token no account with the id {account} any more");
        };
        let org = self.api.org();
        let standing = self.api.membership(&now.login).await?;
        if let Some(why) = people::outsider(standing.as_ref(), &now.login, org) {
            bail!(why);
        }
        self.seen().logins.insert(account.0.clone(), now.login.clone());
        Ok(now.login)
    }

    async fn add(&self, access: &Access) -> Result<()> {
        let Some(Place { slug, login }) = self.place(access).await.map_err(nothing_given)? else {
            let name = &access.entitlement.name;
            bail!(NotGiven(format!("the team '{name}' is gone, or this token is not shown it any more")));
        };
        // A maintainer would be made a plain member.
        if login.is_some() {
            return Ok(());
        }
        let ready = self.ready(access, &slug).await;
        let Some(login) = ready.map_err(|error| if error.is::<Occupied>() { error } else { nothing_given(error) })?
        else {
            return Ok(());
        };
        self.seen().doubtful.insert(access.clone());
        let made = self.api.put(&slug, &login).await;
        let made = made.map_err(nothing_given_if_refused)?;
        if made.state != "active" {
            return Err(self.undo(&slug, &login, &made.state).await);
        }
        self.seen().changed(access, Some(login));
        Ok(())
    }

    /// Under which login to add them, looked at once more: since the reading they may have left the organisation, or the login
    /// to somebody else. `None`: we have put them into the team meanwhile.
    ///
    /// # Errors
    /// [`Occupied`] where somebody else has, perhaps as a maintainer: it is not ours to take back.
    async fn ready(&self, access: &Access, slug: &str) -> Result<Option<String>> {
        let org = self.api.org();
        let mut login = self.login(&access.account).await?;
        let (mut user, mut team) = self.api.look(slug, &login).await?;
        if user.as_ref().map(|user| user.database_id) != number(access) {
            self.seen().logins.remove(&access.account.0);
            login = self.login(&access.account).await?;
            (user, team) = self.api.look(slug, &login).await?;
        }
        let Some(user) = user.filter(|user| Some(user.database_id) == number(access)) else {
            bail!("the login '{login}' changes hands just now; the next run sees whose it is");
        };
        let Some(team) = team.filter(|team| team.id.to_string() == *access.entitlement.id) else {
            bail!("the team '{slug}' was renamed or deleted since it was read; the next run sees which");
        };
        if user.organization.is_none() {
            let standing = self.api.membership(&login).await?;
            if let Some(why) = people::outsider(standing.as_ref(), &login, org) {
                bail!(why);
            }
        }
        let held = team.members.contains_key(&user.database_id);
        if !held {
            return Ok(Some(login));
        }
        let mut seen = self.seen();
        let is_ours = seen.place(access).is_none_or(|place| place.is_some_and(|place| place.login.is_some()));
        seen.changed(access, Some(login.clone()));
        if is_ours {
            return Ok(None);
        }
        bail!(Occupied(format!(
            "'{login}' has been put into '{slug}' by somebody else since it was read, and stays there"
        )))
    }

    /// Takes back a membership that is none yet, and says what became of it.
    async fn undo(&self, slug: &str, login: &str, state: &str) -> anyhow::Error {
        let undone = match self.api.delete(slug, login).await {
            Ok(_) => "; the place in the team was taken back".to_owned(),
            Err(error) => format!("; taking it back failed ({error:#}): take '{login}' out of the team by hand"),
        };
        anyhow::anyhow!(
            "GitHub made the membership of '{login}' '{state}' and not active, so '{login}' has left the organisation since it was \
             read, and GitHub may have invited them{undone}; look at the organisation's pending invitations"
        )
    }

    async fn remove(&self, access: &Access) -> Result<()> {
        // A team that is gone has no members, and whoever is not in it has nothing to give back.
        let Some(Place { slug, login: Some(login) }) = self.place(access).await? else { return Ok(()) };
        self.seen().doubtful.insert(access.clone());
        if self.api.delete(&slug, &login).await? {
            self.seen().changed(access, None);
            return Ok(());
        }
        // It is gone, or not shown to this token: GitHub says the same, so the team is read again.
        match self.place(access).await? {
            Some(Place { login: Some(_), .. }) => bail!(
                "GitHub answers 404, as if '{login}' were not in the team, and lists them in it: the token may not take people \
                 out of '{slug}', or the login has changed hands this minute"
            ),
            _ => Ok(()),
        }
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
        let (People { accounts, absent, logins }, Teams { answers: entitlements, teams }) = (people, teams);
        let mut grants = Vec::new();
        for team in teams.values() {
            let entitlement = teams::entitlement(team);
            grants.extend(team.members.keys().map(|id| {
                let access = Access { account: AccountId(id.to_string()), entitlement: entitlement.clone() };
                Held { id: grant_id(&access), access, from: None, until: None, foreign: false }
            }));
        }
        let gone = owned.into_iter().map(|owned| (owned.id.to_string(), None));
        let teams = gone.chain(teams.into_iter().map(|(id, team)| (id, Some(team)))).collect();
        *self.seen() = Seen { teams, doubtful: BTreeSet::new(), logins };
        Ok(Current { accounts, absent, entitlements, grants })
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
