//! strongDM: dated grants of resources, and memberships of roles.
//!
//! A resource is granted to an account from one instant to another, and strongDM keeps both. A role has no dates: its
//! membership stands until it is taken back. Nothing can be written on a grant, so the ledger alone knows which are ours.

mod amend;
mod api;
mod resolve;
mod sign;
#[cfg(test)]
mod tests;
mod types;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use tonic::Code;

use self::amend::{Calls, Refusal, has_dates};
use self::api::{Api, instant, is_same, term, timestamp};
use self::sign::Keys;
use self::wire::{AccountAttachment, AccountGrant};
use super::{Asked, known, not_given, not_taken_back, nothing_given};
use crate::describe::{Describe, Resolve};
use crate::domain::{Access, Account, AccountId, Current, Email, Entitlement, Grant, GrantId, Held, Owned, Tenure};
use crate::mutex::Mutex;
use crate::net::{Context, Reach, grpc};
use crate::secret::SecretRef;
use crate::span::Span;

/// How people call it.
const NAME: &str = "strongDM";

/// How a rule spells a role, before its name.
const ROLE: &str = "role:";

/// How the ids of roles begin; those of resources begin with `rs-`.
const ROLE_ID: &str = "r-";

/// The default of the vendor's SDKs since 2025-03-31; it was `api.strongdm.com:443` before.
const HOST: &str = "app.strongdm.com:443";

/// strongDM, by its API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The access key of an API key, with the rights to list users and resources and to read and write grants.
    pub access_key: SecretRef,
    /// The secret key of the same API key.
    pub secret_key: SecretRef,
    /// Where the API is, as HOST:PORT; `app.strongdm.com:443` if not given (`app.uk.` and `app.eu.` are others).
    #[serde(default)]
    pub host: Option<String>,
    /// PEM file of CAs trusted beside the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Of one attempt at one request; default `30s`.
    #[serde(default)]
    pub timeout: Option<Span>,
}

impl Resolve for Config {
    fn resolve(&mut self, folder: &Path) {
        self.access_key.resolve(folder);
        self.secret_key.resolve(folder);
        self.ca_file.resolve(folder);
    }
}

#[async_trait]
impl Describe<dyn super::Target> for Config {
    async fn connect(&self, context: Context) -> Result<Box<dyn super::Target>> {
        let access = self.access_key.read().await.context("the access key of strongDM")?;
        let secret = self.secret_key.read().await.context("the secret key of strongDM")?;
        let reach = Reach::new(self.host.as_deref().unwrap_or(HOST), self.ca_file.as_deref(), self.timeout);
        let api = Api::new(reach, Keys::new(&access, &secret)?, context)?;
        Ok(Box::new(StrongDm { api, seen: Mutex::default() }))
    }
}

/// A strongDM organisation, as one API key sees it.
pub struct StrongDm {
    api: Api,
    seen: Mutex<Seen>,
}

/// What was last seen or made, so that the same grant again costs no request and makes no second one.
#[derive(Debug, Default)]
struct Seen {
    grants: BTreeMap<GrantId, Held>,
    /// Every grant of these is in `grants`; of others, one has to look before one gives.
    entitlements: BTreeSet<Entitlement>,
}

impl StrongDm {
    /// The accounts behind the e-mails. The filter ignores case and takes `*` for anything, so they are compared again.
    async fn accounts(&self, emails: &BTreeSet<Email>) -> Result<Vec<Account>> {
        let filters: Vec<_> = emails.iter().map(|email| term("email", email.as_str())).collect();
        let listed = self.api.accounts(&filters).await.context("the accounts of strongDM cannot be read")?;
        let found: BTreeSet<_> = listed
            .into_iter()
            .filter_map(|account| account.user)
            .map(|user| Account {
                email: Email::new(&user.email),
                suspended: user.suspended || user.suspended_ro,
                id: AccountId(user.id),
            })
            .filter(|account| emails.contains(&account.email))
            .collect();
        for Account { id, email, .. } in &found {
            ensure!(!id.0.is_empty(), "strongDM lists an account for {email} without an id");
        }
        Ok(found.into_iter().collect())
    }

    /// Every grant of the entitlements, whoever made it; an entitlement that is gone has none.
    async fn grants(&self, entitlements: &BTreeSet<Entitlement>) -> Result<BTreeMap<GrantId, Held>> {
        let (roles, resources): (Vec<_>, Vec<_>) = entitlements.iter().partition(|entitlement| is_role(entitlement));
        let filters = |field, of: Vec<&Entitlement>| of.into_iter().map(|one| term(field, &one.id)).collect::<Vec<_>>();
        let (by_resource, by_role) = (filters("resourceid", resources), filters("roleid", roles));
        let (grants, attachments) =
            tokio::try_join!(self.api.account_grants(&by_resource), self.api.account_attachments(&by_role))
                .context("the grants of strongDM cannot be read")?;
        let known = |id: String| entitlements.get(&Entitlement { id: id.into(), name: "".into() }).cloned();
        let mut held = BTreeMap::new();
        for grant in grants {
            if let Some(entitlement) = known(grant.resource_id.clone()) {
                let grant = shown(grant, entitlement);
                held.insert(grant.id.clone(), grant);
            }
        }
        for attachment in attachments {
            if let Some(entitlement) = known(attachment.role_id.clone()) {
                let membership = membership(attachment, entitlement);
                held.insert(membership.id.clone(), membership);
            }
        }
        ensure!(!held.contains_key(&GrantId::from("")), "strongDM lists a grant without an id");
        Ok(held)
    }

    /// The grant of this access and these dates that was seen or made before.
    fn known(&self, wanted: &Grant) -> Option<GrantId> {
        let dateless = is_role(&wanted.access.entitlement);
        let same =
            |held: &&Held| !held.foreign && held.access == wanted.access && (dateless || has_dates(held, wanted));
        self.seen.lock().grants.values().find(same).map(|held| held.id.clone())
    }

    fn remember(&self, held: Held) -> GrantId {
        let id = held.id.clone();
        self.seen.lock().grants.insert(id.clone(), held);
        id
    }

    async fn grant_resource(&self, wanted: &Grant, looked: bool) -> Result<GrantId, Refusal> {
        let Access { account, entitlement } = &wanted.access;
        let asked = request(wanted);
        let standing =
            || async { self.api.account_grants_on(&account.0, &entitlement.id).await.map_err(Refusal::Failed) };
        if !looked && let Some(same) = standing().await?.into_iter().find(|grant| is_same(grant, &asked)) {
            return Ok(self.remember(shown(same, entitlement.clone())));
        }
        let refused = match self.api.create_account_grant(asked.clone()).await {
            Ok(id) => return Ok(self.remember(shown(AccountGrant { id, ..asked }, entitlement.clone()))),
            Err(error) if api::code(&error) == Some(Code::AlreadyExists) => error,
            Err(error) => return Err(Refusal::Failed(error)),
        };
        let standing = standing().await?;
        if let Some(same) = standing.iter().find(|grant| is_same(grant, &asked)) {
            return Ok(self.remember(shown(same.clone(), entitlement.clone())));
        }
        if standing.is_empty() {
            return Err(Refusal::Failed(refused.context(format!(
                "strongDM says that it exists already but lists no such grant; perhaps {} has '{}' by a role",
                wanted.email, entitlement.name
            ))));
        }
        Err(Refusal::Occupied(standing.into_iter().map(|grant| shown(grant, entitlement.clone())).collect()))
    }

    async fn grant_role(&self, wanted: &Grant, looked: bool) -> Result<GrantId> {
        let Access { account: AccountId(account), entitlement } = &wanted.access;
        if !looked && let Some(same) = self.api.account_attachment_to(account, &entitlement.id).await? {
            return Ok(self.remember(membership(same, entitlement.clone())));
        }
        let attachment = match self.api.create_account_attachment(account, &entitlement.id).await {
            Ok(id) => AccountAttachment { id, account_id: account.clone(), role_id: entitlement.id.to_string() },
            Err(error) if api::code(&error) == Some(Code::AlreadyExists) => {
                self.api.account_attachment_to(account, &entitlement.id).await?.ok_or(error)?
            }
            // A membership has no dates by which another's could be told from it.
            Err(error) if grpc::cause(&error).is_some_and(|cause| cause.fate() == grpc::Fate::Undone) => {
                return Err(nothing_given(error));
            }
            Err(error) => return Err(error),
        };
        Ok(self.remember(membership(attachment, entitlement.clone())))
    }
}

impl Calls for StrongDm {
    fn context(&self) -> &Context {
        self.api.context()
    }

    async fn create(&self, wanted: &Grant) -> Result<GrantId, Refusal> {
        if let Some(id) = self.known(wanted) {
            return Ok(id);
        }
        let looked = self.seen.lock().entitlements.contains(&wanted.access.entitlement);
        if is_role(&wanted.access.entitlement) {
            return self.grant_role(wanted, looked).await.map_err(Refusal::Failed);
        }
        self.grant_resource(wanted, looked).await
    }

    async fn delete(&self, id: &GrantId, entitlement: &Entitlement) -> Result<()> {
        // Before the call, for after a lost answer nobody may rely on it any more.
        self.seen.lock().grants.remove(id);
        if is_role(entitlement) {
            self.api.delete_account_attachment(&id.0).await
        } else {
            self.api.delete_account_grant(&id.0).await
        }
    }
}

#[async_trait]
impl super::Target for StrongDm {
    fn tenure(&self, entitlement: &Entitlement) -> Tenure {
        if is_role(entitlement) { Tenure::Standing } else { Tenure::Scheduled }
    }

    async fn read(&self, asked: &Asked) -> Result<Current> {
        // Grants need no account to be read: both ways go side by side.
        let accounts = async { self.accounts(asked.emails.known().await).await };
        let grants = async {
            let resolved = resolve::resolve(&self.api, &asked.entitlements).await;
            let entitlements = resolved.context("the resources and roles of strongDM cannot be read")?;
            // The first of two with the same id stays, and the one just read knows today's name.
            let mut wanted: BTreeSet<_> = entitlements.values().flatten().flatten().cloned().collect();
            wanted.extend(asked.owned.iter().map(|access| access.entitlement.clone()));
            asked.emails.known().await;
            let grants = self.grants(&wanted).await?;
            Ok((entitlements, wanted, grants))
        };
        let (accounts, (entitlements, wanted, grants)) = tokio::try_join!(accounts, grants)?;
        *self.seen.lock() = Seen { grants: grants.clone(), entitlements: wanted };
        Ok(Current { accounts, entitlements, grants: grants.into_values().collect(), ..Current::default() })
    }

    async fn grant(&self, wanted: &Grant) -> Result<GrantId> {
        let given = self.create(wanted).await.map_err(|refusal| refusal.into_error(wanted));
        given.with_context(|| not_given(wanted, NAME))
    }

    async fn revoke(&self, held: &Owned) -> Result<()> {
        let id = known(held, NAME)?;
        self.delete(id, &held.grant.access.entitlement).await.with_context(|| not_taken_back(held, NAME))
    }

    async fn amend(&self, held: &Owned, to: &Grant) -> Result<GrantId> {
        let id = known(held, NAME)?;
        if is_role(&to.access.entitlement) {
            return Ok(id.clone());
        }
        amend::amend(self, id, &held.grant, to).await.with_context(|| {
            format!("the grant of '{}' to {} on strongDM could not be moved", to.access.entitlement.name, to.email)
        })
    }
}

fn is_role(entitlement: &Entitlement) -> bool {
    entitlement.id.starts_with(ROLE_ID)
}

/// A grant of ours in strongDM's words. Both dates are always there: without an end it would never end.
fn request(Grant { access, period, .. }: &Grant) -> AccountGrant {
    AccountGrant {
        resource_id: access.entitlement.id.to_string(),
        account_id: access.account.0.clone(),
        start_from: Some(timestamp(period.start())),
        valid_until: Some(timestamp(period.end())),
        ..AccountGrant::default()
    }
}

/// A grant as strongDM shows it, in our words.
fn shown(grant: AccountGrant, entitlement: Entitlement) -> Held {
    Held {
        id: GrantId(grant.id),
        access: Access { account: AccountId(grant.account_id), entitlement },
        from: instant(grant.start_from),
        until: instant(grant.valid_until),
        foreign: !grant.access_request_id.is_empty(),
    }
}

fn membership(attachment: AccountAttachment, entitlement: Entitlement) -> Held {
    let access = Access { account: AccountId(attachment.account_id), entitlement };
    Held { id: GrantId(attachment.id), access, from: None, until: None, foreign: false }
}
