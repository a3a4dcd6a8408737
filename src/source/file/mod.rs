//! Stub.

use std::path::Path;

use anyhow::Result;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::net::Context;

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

impl Config {
    pub fn resolve(&mut self, _folder: &Path) {}
}

pub struct File {}

impl File {
    pub fn connect(_config: &Config, _context: Context) -> Result<Self> {
        todo!("stub")
    }
}

#[async_trait]
impl super::Source for File {
    async fn read(
        &self,
        _: &std::collections::BTreeSet<crate::domain::OnCall>,
        _: crate::domain::Period,
    ) -> std::collections::BTreeMap<crate::domain::OnCall, Result<crate::domain::Reading>> {
        todo!("stub")
    }
}
