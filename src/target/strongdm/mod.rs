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

pub struct StrongDm {}

impl StrongDm {
    pub async fn connect(_config: &Config, _context: Context) -> Result<Self> {
        todo!("stub")
    }
}

use crate::domain::{Asked, Current, Entitlement, Grant, GrantId, Owned, Tenure};
#[async_trait]
impl super::Target for StrongDm {
    fn tenure(&self, _: &Entitlement) -> Tenure {
        todo!("stub")
    }
    async fn read(&self, _: &Asked) -> Result<Current> {
        todo!("stub")
    }
    async fn grant(&self, _: &Grant) -> Result<GrantId> {
        todo!("stub")
    }
    async fn revoke(&self, _: &Owned) -> Result<()> {
        todo!("stub")
    }
    async fn amend(&self, _: &Owned, _: &Grant) -> Result<GrantId> {
        todo!("stub")
    }
}
