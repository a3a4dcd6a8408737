//! Where shifts come from.
//!
//! A new source is one folder with its `Config` and its [`Source`] in `mod.rs` and the vendor's requests in `api.rs`, and
//! two lines here.

pub mod file;
pub mod pagerduty;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::domain::{OnCall, Period, Reading};
use crate::net::Context;

/// Where shifts come from.
#[async_trait]
pub trait Source: Send + Sync {
    /// One reading for each thing asked: its shifts that touch `window`, with their true ends.
    ///
    /// Every thing asked has an entry in the answer. What could not be read whole, or does not exist, or is ambiguous, is
    /// an error of its own that says so in a sentence (near matches included), never an empty list; the others still count.
    async fn read(&self, asked: &BTreeSet<OnCall>, window: Period) -> BTreeMap<OnCall, Result<Reading>>;
}

/// A source as the config file describes it; `kind` says which.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum SourceConfig {
    Pagerduty(pagerduty::Config),
    File(file::Config),
}

impl SourceConfig {
    /// Takes relative paths as relative to `folder`, the config file's own.
    pub fn resolve(&mut self, folder: &Path) {
        match self {
            Self::Pagerduty(config) => config.resolve(folder),
            Self::File(config) => config.resolve(folder),
        }
    }

    /// The source itself: secrets read, nothing asked of it yet.
    pub async fn connect(&self, context: Context) -> Result<Box<dyn Source>> {
        Ok(match self {
            Self::Pagerduty(config) => Box::new(pagerduty::PagerDuty::connect(config, context).await?),
            Self::File(config) => Box::new(file::File::connect(config, context)?),
        })
    }
}
