//! Where the file is, and its lock.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Locked, unreadable};

/// The file behind any links, so that two names for one ledger share one lock.
pub(super) fn real(path: &Path, make_folder: bool) -> Result<PathBuf> {
    match path.canonicalize() {
        Ok(path) => return Ok(path),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(unreadable(path, error)),
    }
    if path.is_symlink() {
        // Likely a volume that is not mounted; a new ledger in its place would disown everything that was given.
        return Err(unreadable(path, "it is a link that leads nowhere: mount what it leads to, or remove the link"));
    }
    let name = path.file_name().ok_or_else(|| unreadable(path, "that is not the name of a file"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if make_folder {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.with_context(|| format!("the folder {} of the ledger could not be made", folder.display()))?;
    }
    match folder.canonicalize() {
        Ok(folder) => Ok(folder.join(name)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(unreadable(path, error)),
    }
}

/// Takes the lock file beside the ledger. It stays when the run ends: removing it would let two runs lock two files of
/// one name.
pub(super) fn lock(path: &Path) -> Result<File> {
    let name = beside(path, ".lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&name);
    let file = file.with_context(|| format!("the lock file {} could not be opened", name.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Locked(format!(
            "another run holds the ledger {} (lock file {}): wait for it to end",
            path.display(),
            name.display()
        ))
        .into()),
        Err(TryLockError::Error(error)) => Err(error)
            .with_context(|| format!("the lock file {} cannot be locked; is its file system remote?", name.display())),
    }
}

pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Whether there is a ledger; a journal without its ledger is a ledger that was lost, not one that never was.
pub(super) fn exists(path: &Path) -> Result<bool> {
    let there = |path: &Path| path.try_exists().map_err(|error| unreadable(path, error));
    if there(path)? {
        return Ok(true);
    }
    let journal = beside(path, "-journal");
    if there(&journal)? {
        return Err(unreadable(
            path,
            format_args!("it is gone, but its journal {} is there: bring it back, or remove both", journal.display()),
        ));
    }
    Ok(false)
}
