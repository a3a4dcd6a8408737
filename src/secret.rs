//! A secret from the environment, a file or a command; never shown.

use std::path::{Path, PathBuf};

use anyhow::Result;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

/// Where a secret is kept. A secret itself, written out in the config file, is refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum SecretRef {
    /// The name of an environment variable.
    Env(String),
    /// A file that nobody but its owner (and group) can read; one newline at its end is dropped.
    File(PathBuf),
    /// A program and its arguments, run without a shell; its standard output is the secret, one newline dropped.
    Command(Vec<String>),
}

impl SecretRef {
    /// Takes a relative path as relative to `folder`, the config file's own.
    pub fn resolve(&mut self, folder: &Path) {
        if let Self::File(path) = self {
            *path = folder.join(&*path);
        }
    }

    /// The secret itself. Errors say where it was looked for, and never what was found.
    pub async fn read(&self) -> Result<SecretString> {
        todo!("HELPER E")
    }
}
