//! Where access is given.
//!
//! A new target is one folder with its `Config` and its [`Target`] in `mod.rs` and the vendor's requests in `api.rs`, and
//! here its module, its name in [`TargetConfig`] and a line in each of the two matches below that.

mod asked;
pub mod exec;
pub mod file;
pub mod github;
pub mod okta;
pub mod strongdm;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::describe::Describe;
use crate::domain::{Access, Current, Entitlement, Grant, GrantId, Owned, Tenure};
use crate::net::http::is_refusal;
use crate::net::{CONCURRENCY, Context};

pub use asked::{Asked, Emails};

/// Where access is given.
#[async_trait]
pub trait Target: Send + Sync {
    /// Who keeps time on `entitlement`; asked for after a reading alone, and answered without asking the target again.
    fn tenure(&self, entitlement: &Entitlement) -> Tenure;

    /// What it takes without knowing it; asked for after a reading alone.
    fn takes_any(&self) -> TakesAny {
        TakesAny::default()
    }

    /// The accounts behind the e-mails, what the spellings stand for, and every grant of these entitlements and of the
    /// accesses owned, whoever made it. A spelling that cannot be resolved is an error of its own inside the answer.
    ///
    /// It begins while the sources are still read. What spellings stand for is asked at once; who holds what only when the
    /// e-mails are known, for a source may take long, and nobody is to rely on what was true before it. A target that looks
    /// again before it gives may ask for all of it at once.
    async fn read(&self, asked: &Asked) -> Result<Current>;

    /// How many changes may be under way at a time, at most [`CONCURRENCY`]; asked for after a reading alone.
    fn concurrency(&self) -> usize {
        CONCURRENCY
    }

    /// Gives access; what is already held (dates included, where it has dates) answers its own id.
    ///
    /// Fails with [`Occupied`] in its chain where the target keeps only one grant for an access and another stands there, and
    /// with [`NotGiven`] where nothing was given for certain; else it is taken that something may have been.
    async fn grant(&self, wanted: &Grant) -> Result<GrantId>;

    /// Takes access back; what is already gone is success.
    async fn revoke(&self, held: &Owned) -> Result<()>;

    /// Moves a grant in time: gives before it takes. Where the target cannot hold both at once, it never leaves the
    /// person without access that they had.
    async fn amend(&self, held: &Owned, to: &Grant) -> Result<GrantId>;
}

/// Where a target has no list to look a name up in, any name is one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TakesAny {
    pub account: bool,
    pub entitlement: bool,
}

/// The target keeps only one grant for this account and entitlement, and one with other dates stands there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Occupied(pub String);

/// For certain nothing was given: it failed before the call that gives, or that call was refused.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotGiven(pub String);

/// The change failed, and the old grant stands again under this id, which the ledger does not know yet.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Restored {
    pub id: GrantId,
    pub message: String,
}

/// What failed, to be put before the reason: nobody was given `wanted` on `platform`.
fn not_given(wanted: &Grant, platform: &str) -> String {
    format!("{} could not be given '{}' on {platform}", wanted.email, wanted.access.entitlement.name)
}

/// The same for what could not be taken back.
fn not_taken_back(held: &Owned, platform: &str) -> String {
    let (Grant { access, email, .. }, id) = (&held.grant, held.id.as_ref().map(|id| format!(" (grant {id})")));
    let name = &access.entitlement.name;
    format!("'{name}' could not be taken back from {email} on {platform}{}", id.unwrap_or_default())
}

/// The error as one after which nothing was given for certain, where it does not say so by itself.
fn nothing_given(error: anyhow::Error) -> anyhow::Error {
    if error.is::<Occupied>() {
        return error;
    }
    NotGiven(format!("{error:#}")).into()
}

/// The same where the service refused it, and no attempt before that is in doubt.
fn nothing_given_if_refused(error: anyhow::Error) -> anyhow::Error {
    if is_refusal(&error) { nothing_given(error) } else { error }
}

/// The id by which a target knows a grant of ours; an entry without one is an intent, of which nobody knows what became.
fn known<'a>(held: &'a Owned, platform: &str) -> Result<&'a GrantId> {
    let Grant { access, email, .. } = &held.grant;
    held.id.as_ref().with_context(|| {
        format!("it is not known whether '{}' was ever given to {email} on {platform}", access.entitlement.name)
    })
}

/// The id of a grant that the target gives none: of this access there is one at most.
fn grant_id(Access { account, entitlement }: &Access) -> GrantId {
    GrantId(format!("{}/{account}", entitlement.id))
}

/// A target as the config file describes it; `kind` says which.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum TargetConfig {
    Strongdm(strongdm::Config),
    Github(github::Config),
    Okta(okta::Config),
    File(file::Config),
    Exec(exec::Config),
}

impl TargetConfig {
    /// As what it is, whatever its kind.
    pub fn kind(&self) -> &dyn Describe<dyn Target> {
        match self {
            Self::Strongdm(config) => config,
            Self::Github(config) => config,
            Self::Okta(config) => config,
            Self::File(config) => config,
            Self::Exec(config) => config,
        }
    }

    /// The same, to be changed.
    pub fn kind_mut(&mut self) -> &mut dyn Describe<dyn Target> {
        match self {
            Self::Strongdm(config) => config,
            Self::Github(config) => config,
            Self::Okta(config) => config,
            Self::File(config) => config,
            Self::Exec(config) => config,
        }
    }

    /// The target itself: secrets read, nothing asked of it yet.
    pub async fn connect(&self, context: Context) -> Result<Box<dyn Target>> {
        self.kind().connect(context).await
    }
}
