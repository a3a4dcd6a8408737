//! Where shifts come from.
//!
//! A new source is one folder with its `Config` and its [`Source`] in `mod.rs` and the vendor's requests in `api.rs`, and
//! here its module, its name in [`SourceConfig`] and a line in each of the two matches below that.

pub mod exec;
pub mod file;
pub mod pagerduty;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::describe::Describe;
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

impl SourceConfig {
    /// As what it is, whatever its kind.
    pub fn kind(&self) -> &dyn Describe<dyn Source> {
        match self {
            Self::Pagerduty(config) => config,
            Self::File(config) => config,
            Self::Exec(config) => config,
        }
    }

    /// The same, to be changed.
    pub fn kind_mut(&mut self) -> &mut dyn Describe<dyn Source> {
        match self {
            Self::Pagerduty(config) => config,
            Self::File(config) => config,
            Self::Exec(config) => config,
        }
    }

    /// The source itself: secrets read, nothing asked of it yet.
    pub async fn connect(&self, context: Context) -> Result<Box<dyn Source>> {
        self.kind().connect(context).await
    }
}
