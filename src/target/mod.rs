//! Where access is given.
//!
//! A new target is one folder with its `Config` and its [`Target`] in `mod.rs` and the vendor's requests in `api.rs`, and
//! two lines here.

pub mod file;
pub mod strongdm;

use std::path::Path;

use anyhow::Result;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::domain::{Asked, Current, Entitlement, Grant, GrantId, Owned, Tenure};
use crate::net::Context;

/// Where access is given.
#[async_trait]
pub trait Target: Send + Sync {
    /// Who keeps time on `entitlement`; answered from its id alone, without asking the target.
    fn tenure(&self, entitlement: &Entitlement) -> Tenure;

    /// The accounts behind the e-mails, what the spellings stand for, and every grant of these entitlements and of the
    /// accesses owned, whoever made it. A spelling that cannot be resolved is an error of its own inside the answer.
    async fn read(&self, asked: &Asked) -> Result<Current>;

    /// Gives access; what is already held (dates included, where it has dates) answers its own id.
    ///
    /// Fails with [`Occupied`] in its chain where the target keeps only one grant for an access and another stands there.
    async fn grant(&self, wanted: &Grant) -> Result<GrantId>;

    /// Takes access back; what is already gone is success.
    async fn revoke(&self, held: &Owned) -> Result<()>;

    /// Moves a grant in time: gives before it takes. Where the target cannot hold both at once, it never leaves the
    /// person without access that they had.
    async fn amend(&self, held: &Owned, to: &Grant) -> Result<GrantId>;
}

/// The target keeps only one grant for this account and entitlement, and one with other dates stands there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Occupied(pub String);

/// The change failed, and the old grant stands again under this id, which the ledger does not know yet.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Restored {
    pub id: GrantId,
    pub message: String,
}

/// A target as the config file describes it; `kind` says which.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum TargetConfig {
    Strongdm(strongdm::Config),
    File(file::Config),
}

impl TargetConfig {
    /// Takes relative paths as relative to `folder`, the config file's own.
    pub fn resolve(&mut self, folder: &Path) {
        match self {
            Self::Strongdm(config) => config.resolve(folder),
            Self::File(config) => config.resolve(folder),
        }
    }

    /// The target itself: secrets read, nothing asked of it yet.
    pub async fn connect(&self, context: Context) -> Result<Box<dyn Target>> {
        Ok(match self {
            Self::Strongdm(config) => Box::new(strongdm::StrongDm::connect(config, context).await?),
            Self::File(config) => Box::new(file::File::connect(config, context)?),
        })
    }
}
