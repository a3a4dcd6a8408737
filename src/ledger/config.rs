//! Where the ledger is, as the config says it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;

use super::postgres::{Url, is_url};
use crate::secret::SecretRef;

/// Where the ledger is: a file of this machine, or a PostgreSQL database.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(untagged)]
pub enum LedgerConfig {
    /// The path of an SQLite file, made on first use.
    File(PathBuf),
    /// The URL of a PostgreSQL database, without a password.
    Url(String),
    /// Where such a URL is kept, which may hold a password.
    Secret(SecretRef),
}

impl LedgerConfig {
    /// The path or URL that `text` is; the error is a sentence and never repeats a URL.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        if !is_url(text) {
            let path = !text.trim().is_empty() && !text.contains("://");
            return path.then(|| Self::File(folder.join(text))).ok_or_else(|| {
                "takes the path of a file, the URL of a PostgreSQL database (postgres://USER@HOST/DATABASE), or a secret \
                 that holds such a URL"
                    .into()
            });
        }
        match Url::parse(text) {
            Ok(url) if url.has_password() => Err("is a URL with a password, which is not written here; keep the whole URL where \
                                                 secrets are: { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"PROGRAM\", \
                                                 \"ARGUMENT\"] }"
                .into()),
            Ok(_) => Ok(Self::Url(text.to_owned())),
            Err(error) => Err(format!("cannot be used: {error:#}")),
        }
    }

    /// As [`Self::parse`], and `env:NAME` for a URL in an environment variable; for arguments, which every user of a machine
    /// may see.
    pub fn argument(text: &str) -> Result<Self, String> {
        match text.strip_prefix("env:") {
            Some(name) => Ok(Self::Secret(SecretRef::Env(name.to_owned()))),
            None => Self::parse(text, Path::new("")),
        }
    }

    /// The database's URL, with its password if it has one.
    pub(super) async fn url(&self) -> Result<Url> {
        match self {
            Self::File(path) => anyhow::bail!("{} is a file", path.display()),
            Self::Url(text) => Url::parse(text).context("the ledger's URL cannot be used"),
            Self::Secret(secret) => {
                let text = secret.read().await.context("the ledger's URL")?;
                Url::parse(text.expose_secret()).context("the ledger's URL, from its secret, cannot be used")
            }
        }
    }
}
