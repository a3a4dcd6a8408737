//! Where shifts come from.
//!
//! A new source is one folder with its `Config` and its [`Source`] in `mod.rs` and the vendor's requests in `api.rs`, and
//! here its module, its name in [`SourceConfig`] and a line in each of the two matches below that.

pub mod exec;
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
    Exec(exec::Config),
}

/// What every description of a source can do.
#[async_trait]
pub trait Describe {
    /// Takes relative paths as relative to `folder`, the config file's own.
    fn resolve(&mut self, folder: &Path);

    /// What is wrong with it beyond single keys, a sentence each.
    fn faults(&self) -> Vec<String> {
        Vec::new()
    }

    /// The source itself: secrets read, nothing asked of it yet.
    async fn connect(&self, context: Context) -> Result<Box<dyn Source>>;
}

impl SourceConfig {
    fn kind(&self) -> &(dyn Describe + Sync) {
        match self {
            Self::Pagerduty(config) => config,
            Self::File(config) => config,
            Self::Exec(config) => config,
        }
    }

    fn kind_mut(&mut self) -> &mut dyn Describe {
        match self {
            Self::Pagerduty(config) => config,
            Self::File(config) => config,
            Self::Exec(config) => config,
        }
    }

    /// Takes relative paths as relative to `folder`, the config file's own.
    pub fn resolve(&mut self, folder: &Path) {
        self.kind_mut().resolve(folder);
    }

    /// What is wrong with it beyond single keys, a sentence each.
    pub fn faults(&self) -> Vec<String> {
        self.kind().faults()
    }

    /// The source itself: secrets read, nothing asked of it yet.
    pub async fn connect(&self, context: Context) -> Result<Box<dyn Source>> {
        self.kind().connect(context).await
    }
}
