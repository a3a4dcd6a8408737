//! `oncall-sync init`: a commented config to begin with.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::config::STARTER;
use crate::report;

/// Writes the starter config to `file`, which must not exist; `-` prints it.
pub fn init(file: &Path) -> Result<()> {
    if file == Path::new("-") {
        return Ok(report::print(STARTER)?);
    }
    let shown = file.display();
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .and_then(|mut file| file.write_all(STARTER.as_bytes()));
    written.with_context(|| format!("{shown} was not written; name another file, or `-` to print it"))?;
    Ok(report::print(&format!("Wrote {shown}. Fill it in, then run: oncall-sync --config {shown} check\n"))?)
}
