//! What every description of a source or target in the config file can do.

use std::path::{Path, PathBuf};

use anyhow::Result;
use async_trait::async_trait;

use crate::net::Context;

/// Something in the config file that is a path, or holds some.
pub trait Resolve {
    /// Takes relative paths as relative to `folder`, the config file's own.
    fn resolve(&mut self, folder: &Path);
}

impl Resolve for PathBuf {
    fn resolve(&mut self, folder: &Path) {
        *self = folder.join(&*self);
    }
}

impl<T: Resolve> Resolve for Option<T> {
    fn resolve(&mut self, folder: &Path) {
        self.iter_mut().for_each(|inside| inside.resolve(folder));
    }
}

/// One kind of a `Platform`: `dyn Source` or `dyn Target`.
#[async_trait]
pub trait Describe<Platform: ?Sized>: Resolve + Send + Sync {
    /// What is wrong with it beyond single keys, a sentence each.
    fn faults(&self) -> Vec<String> {
        Vec::new()
    }

    /// The platform itself: secrets read, nothing asked of it yet.
    async fn connect(&self, context: Context) -> Result<Box<Platform>>;
}
