//! The document on disk: read whole, replaced whole, changed by one program at a time.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, Utc};

use super::document::{Document, Edit};
use crate::domain::{GrantId, Tenure};

/// Largest document that is read: a hundred thousand grants take about 30 MiB, and what is larger is something else.
const LARGEST: u64 = 64 << 20;

/// How long another program may hold the lock. A rewrite takes milliseconds, so ten seconds means that it hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks at the lock: short against a rewrite's `fsync`, and no load.
const LOOK: Duration = Duration::from_millis(20);

/// Where the document is.
#[derive(Clone)]
pub struct Store(PathBuf);

impl Store {
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The document as it is; one that does not exist is empty.
    pub fn read(&self) -> Result<Document> {
        read(&real(&self.0)?)
    }

    /// Makes the edits in one rewrite, on disk when this returns; each has an answer of its own.
    pub fn edit(&self, edits: &[Edit], tenure: Tenure, now: DateTime<Utc>) -> Result<Vec<Result<Option<GrantId>>>> {
        let path = real(&self.0)?;
        let folder = path.parent().context("the document has no folder")?;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.with_context(|| format!("the folder {} could not be made", folder.display()))?;
        let _lock = lock(&path)?;
        let before = read(&path)?;
        let mut after = before.clone();
        let answers = edits.iter().map(|edit| after.apply(edit, tenure, now)).collect();
        if after != before {
            after.prune(now);
            let text = after.print()?;
            replace(&path, folder, &text)
                .with_context(|| format!("the document {} could not be replaced and is as it was", path.display()))?;
        }
        Ok(answers)
    }
}

/// The file behind any links, absolute, so that a link stays a link.
fn real(path: &Path) -> Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // Likely a volume that is not mounted; an empty document in its place would show that nobody holds anything.
            ensure!(!path.is_symlink(), "the document {} is a link that leads nowhere", path.display());
            std::path::absolute(path).with_context(|| format!("the document {} has no name", path.display()))
        }
        found => found.with_context(|| format!("the document {} cannot be read", path.display())),
    }
}

fn read(path: &Path) -> Result<Document> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Document::default()),
        file => file,
    };
    let mut text = Vec::new();
    let whole = file.and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text));
    whole.with_context(|| format!("the document {} cannot be read", path.display()))?;
    ensure!(
        text.len() as u64 <= LARGEST,
        "the document {} is larger than {} MiB and was not read: is it the right file?",
        path.display(),
        LARGEST >> 20
    );
    Document::parse(&text)
        .with_context(|| format!("the document {} is not one of grants, and is left as it is", path.display()))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The lock file beside the document, which others that write the document take as well (`flock`). It stays: removing it
/// would let two programs lock two files of one name.
fn lock(path: &Path) -> Result<File> {
    let name = beside(path, ".lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&name);
    let file = file.with_context(|| format!("the lock file {} could not be opened", name.display()))?;
    let end = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            #[expect(
                clippy::disallowed_methods,
                reason = "file locks tell nobody when they fall free; on a blocking thread"
            )]
            Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::sleep(LOOK),
            Err(TryLockError::WouldBlock) => {
                bail!("another program holds {} since {} s: see what it does", name.display(), PATIENCE.as_secs())
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("the lock file {} cannot be locked", name.display()));
            }
        }
    }
}

/// Puts a new file in the old one's place, as its reader knows it: same mode, owner and group. Whoever reads sees the old
/// document or the new one, also after a power cut.
fn replace(path: &Path, folder: &Path, text: &[u8]) -> Result<()> {
    let new = beside(path, ".new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        // The lock is held: it was a killed run's.
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
        Ok(old) => keep_access(&file, &old)?,
    }
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    File::open(folder)?.sync_all()?;
    Ok(())
}

fn keep_access(file: &File, old: &std::fs::Metadata) -> Result<()> {
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        fchown(file, Some(old.uid()), Some(old.gid())).with_context(|| {
            format!("it belongs to user {} and group {}, which a new file cannot be given to", old.uid(), old.gid())
        })?;
    }
    Ok(file.set_permissions(Permissions::from_mode(old.mode() & 0o777))?)
}
