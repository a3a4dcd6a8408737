//! The config file as typed data, with all of its faults reported together.

mod check;
mod environment;
mod fault;
mod platform;
mod rules;
mod schema;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use toml::de::DeTable;

pub use check::check_window;
pub use environment::of_commands;
pub use fault::{Fault, Faults, near};
pub use platform::kinds_of;
pub use schema::schema;

use crate::domain::{Email, OnDrift};
use crate::ledger::LedgerConfig;
use crate::source::SourceConfig;
use crate::span::Span;
use crate::target::TargetConfig;
use fault::Findings;
use table::Table;

/// What `oncall-sync init` writes unless told otherwise: PagerDuty to strongDM, to be filled in.
pub const STARTER: &str = include_str!("starter.toml");

/// A week shows the next hand-over of nearly every rota, and is within what every source shows.
pub const DEFAULT_WINDOW: Span = Span::from_secs(7 * 86_400);

/// Under the five minutes at which a crontab entry commonly runs, so that one run ends before the next begins.
pub const DEFAULT_DEADLINE: Span = Span::from_secs(4 * 60);

/// Everything that a run is told beforehand.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(deny_unknown_fields, title = "oncall-sync.toml")]
pub struct Config {
    /// How far ahead to look; more than zero, at most 90d.
    #[schemars(default = "default_window")]
    pub window: Span,
    /// When to give up, counted from the start of the run; more than zero, at most 1d.
    #[schemars(default = "default_deadline")]
    pub deadline: Span,
    /// The zone that times are shown in, by its IANA name.
    #[schemars(default = "default_timezone")]
    pub timezone: String,
    /// What says what is ours: a file, made on first use (a relative path is relative to the config file's folder), or a
    /// PostgreSQL database.
    #[schemars(with = "Option<LedgerConfig>")]
    pub ledger: LedgerConfig,
    /// Where shifts come from, by a name of your choice.
    #[schemars(rename = "source")]
    pub sources: BTreeMap<String, SourceConfig>,
    /// Where access is given, by a name of your choice.
    #[schemars(rename = "target")]
    pub targets: BTreeMap<String, TargetConfig>,
    /// Which shifts give which entitlements.
    #[schemars(rename = "rule")]
    pub rules: Vec<RuleConfig>,
    /// From a person's e-mail at a source to the e-mail of their account, where the two differ.
    #[schemars(with = "BTreeMap<String, String>", default)]
    pub aliases: BTreeMap<Email, Email>,
    /// What one run may change at most.
    #[schemars(default)]
    pub limits: LimitsConfig,
    /// Whether a grant of ours that somebody took away is given again, or stays away until its own end.
    #[schemars(default)]
    pub on_drift: OnDrift,
    /// The file that it was read from; `None` where it came from the environment.
    #[schemars(skip)]
    pub path: Option<PathBuf>,
    /// SHA-256 of the file's bytes, in hexadecimal.
    #[schemars(skip)]
    pub digest: String,
}

/// Which shifts give which entitlements.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RuleConfig {
    /// How reports and the ledger call it; no two rules share a name.
    pub name: String,
    /// The source of the schedules; needed only where there are several sources.
    #[schemars(with = "Option<String>")]
    pub source: String,
    /// Schedules by their ids or exact names.
    #[schemars(length(min = 1))]
    pub schedules: Vec<String>,
    /// Only shifts at these escalation levels, 1 being called first; all levels where left out.
    pub levels: Option<BTreeSet<u32>>,
    /// Access begins so long before the shift.
    #[schemars(default)]
    pub early: Span,
    /// Access ends so long after the shift.
    #[schemars(default)]
    pub late: Span,
    /// Access lasts so long at most, whatever the shift.
    pub max_duration: Option<Span>,
    /// Access lasts so long from the start of the shift, in place of the shift's own end.
    pub duration: Option<Span>,
    /// Entitlements by target, spelled as that target spells them.
    pub grant: BTreeMap<String, Vec<String>>,
}

/// What one run may change at most, unless forced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Changes in one run, over all targets.
    #[schemars(default = "default_max_changes")]
    pub max_changes: usize,
    /// The share of what we own that may be taken back before its end.
    #[schemars(default = "default_max_revoke_percent", range(max = 100))]
    pub max_revoke_percent: u8,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { max_changes: default_max_changes(), max_revoke_percent: default_max_revoke_percent() }
    }
}

fn default_window() -> Span {
    DEFAULT_WINDOW
}

fn default_deadline() -> Span {
    DEFAULT_DEADLINE
}

fn default_timezone() -> String {
    "UTC".into()
}

/// Several times the hand-overs of a large organisation in one run; a first run over more is worth a look.
fn default_max_changes() -> usize {
    200
}

/// A hand-over ends by its own dates and does not count; losing a third early means that a rota or a rule broke.
fn default_max_revoke_percent() -> u8 {
    30
}

/// The largest file that is read: a hundred thousand rules. A larger one is a wrong path.
const LARGEST: u64 = 16 << 20;

/// The bit of a file's mode by which everybody may write to it.
const OTHERS_WRITE: u32 = 0o002;

impl Config {
    /// Reads the file at `path`. Relative paths in it are relative to its folder.
    ///
    /// The error holds every fault of the file.
    pub fn load(path: &Path) -> Result<Self, Faults> {
        let whole = |sentence: String| {
            let mut found = Findings::new("");
            found.add_whole(sentence);
            found.into_faults(path)
        };
        let unreadable = |error: std::io::Error| whole(format!("cannot be read: {error}"));
        let file = File::open(path).map_err(unreadable)?;
        let about = file.metadata().map_err(unreadable)?;
        if about.is_dir() {
            return Err(whole("is a folder; name the config file in it".into()));
        }
        let mode = about.mode();
        if mode & OTHERS_WRITE != 0 {
            // It says which programs are run and where keys are sent.
            return Err(whole(format!(
                "everybody may write to it; take that right away: chmod o-w {}",
                path.display()
            )));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > LARGEST {
            return Err(whole(format!("is larger than {} MiB; is it the right file?", LARGEST >> 20)));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| whole("is not UTF-8 text".into()))?;
        let mut found = Findings::new(text);
        match parse(text, path, &mut found) {
            Some(config) if found.count() == 0 => Ok(config),
            _ => Err(found.into_faults(path)),
        }
    }

    /// Every address that may stand for the person behind `email`: at a source, and on a target.
    pub fn addresses(&self, email: &Email) -> BTreeSet<Email> {
        let at_sources = self.aliases.iter().filter(|(_, account)| *account == email).map(|(source, _)| source);
        at_sources.chain(self.aliases.get(email)).chain([email]).cloned().collect()
    }
}

/// The config in `text`, or faults.
fn parse(text: &str, path: &Path, found: &mut Findings) -> Option<Config> {
    let (tree, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        // The error's own display would repeat the line, which may hold a secret.
        found.add(&error.span().unwrap_or(0..0), format!("this is not TOML: {}", error.message()));
    }
    if !errors.is_empty() {
        return None;
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let root = Table::new("the file", 0..0, tree.get_ref());
    root.refuse_unknown(&platform::keys_of::<Config>(), found);
    let mut sources = platform::read("source", &root, |source: &SourceConfig| source.kind().faults(), found);
    let mut targets = platform::read("target", &root, |target: &TargetConfig| target.kind().faults(), found);
    sources.good.values_mut().for_each(|source| source.kind_mut().resolve(folder));
    targets.good.values_mut().for_each(|target| target.kind_mut().resolve(folder));
    Some(Config {
        window: check::span(&root, "window", DEFAULT_WINDOW, check::LONGEST_WINDOW, found),
        deadline: check::span(&root, "deadline", DEFAULT_DEADLINE, check::LONGEST_DEADLINE, found),
        timezone: check::timezone(&root, found),
        ledger: check::ledger(&root, folder, found),
        rules: rules::read(&root, &sources.names, &targets.names, found),
        aliases: check::aliases(&root, found),
        limits: check::limits(&root, found),
        on_drift: root.get("on_drift", found).unwrap_or_default(),
        sources: sources.good,
        targets: targets.good,
        path: Some(path.to_owned()),
        digest: digest(text.as_bytes()),
    })
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
