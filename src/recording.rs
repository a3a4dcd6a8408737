//! What a run's plan was made from, kept in a file: for bug reports and drills.
//!
//! A recording holds names, e-mail addresses and who may do what; it never held a secret, for plans are made without any.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{BufReader, BufWriter, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::decision::{Inputs, Seen};
use crate::report::{Report, Requests, Reviewed};

/// The layout of a recording. Inputs grow with the program; a recording is planned again by the version that made it.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Recording<'a> {
    version: u32,
    /// The version of the program, for whoever has to find it.
    program: String,
    run: String,
    /// The zone that times are shown in.
    timezone: String,
    requests: Requests,
    inputs: std::borrow::Cow<'a, Inputs>,
}

/// Writes down what the plan in `report` was made from; readable for its owner alone.
///
/// # Errors
/// Where the file cannot be written, or holds something else: a slip must not cost a ledger or a config.
pub fn write(path: &Path, report: &Report, inputs: &Inputs, timezone: &str) -> Result<()> {
    let recording = Recording {
        version: VERSION,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        run: report.run.id.clone(),
        timezone: timezone.to_owned(),
        requests: report.requests.clone(),
        inputs: std::borrow::Cow::Borrowed(inputs),
    };
    ensure!(
        !holds_something_else(path),
        "{} is there and is no recording; name another file: nothing was changed",
        path.display()
    );
    let written = || {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        // The mode above is for a new file; one that was there may be open to others.
        if file.metadata()?.is_file() {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        let mut file = BufWriter::new(file);
        serde_json::to_writer(&mut file, &recording)?;
        file.write_all(b"\n")?;
        file.flush()
    };
    written().with_context(|| format!("the recording {} could not be written; nothing was changed", path.display()))
}

/// Whether a file is there that is neither empty nor a recording.
fn holds_something_else(path: &Path) -> bool {
    let is_kept = std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() > 0);
    let is_recording = |file: File| {
        let read: Result<serde_json::Value, _> = serde_json::from_reader(BufReader::new(file));
        read.is_ok_and(|recording| recording["program"].is_string() && recording["inputs"].is_object())
    };
    is_kept && !File::open(path).is_ok_and(is_recording)
}

/// Plans again from what was recorded, as a dry run of that instant; answers the zone to show it in, too.
///
/// # Errors
/// Where the file cannot be read, or is no recording of this version.
pub fn replay(path: &Path, force: bool, expected: Option<&Reviewed>) -> Result<(Report, String)> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("the recording {shown} cannot be read"))?;
    let recording: serde_json::Value =
        serde_json::from_reader(BufReader::new(file)).with_context(|| format!("{shown} is no recording"))?;
    let (version, program) = (&recording["version"], recording["program"].as_str().unwrap_or("unknown").to_owned());
    let advice = format!(
        "{shown} is no recording that oncall-sync {} knows; the one that wrote it is {program}",
        env!("CARGO_PKG_VERSION")
    );
    ensure!(*version == VERSION, "{advice}");
    let Recording { run, timezone, requests, inputs, .. } = serde_json::from_value(recording).context(advice)?;
    ensure!(
        inputs.targets.values().all(Seen::is_whole),
        "{shown} was changed after it was recorded: something in it has no tenure"
    );
    let decision = inputs.decide();
    let mut report = Report::planned(true, &inputs, &decision);
    report.run.id = run;
    report.requests = requests;
    report.check(&decision, force, expected);
    Ok((report.ended(), timezone))
}
