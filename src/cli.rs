//! The command line: clap structs, and which of the options mean something to which verb.

mod options;

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use schemars::JsonSchema;

use crate::audit::Head;
use crate::config::kinds_of;
use crate::domain::{Choice, Email, GrantId, Purpose};
use crate::source::SourceConfig;
use crate::span::Span;
use crate::target::TargetConfig;
use crate::zone::{Written, Zone};
pub use options::command;

/// Give access to whoever is on call, for as long as they are
///
/// Bare `oncall-sync` syncs: it reads the schedules, plans what each person should hold, and gives, moves and takes back
/// grants. `--dry-run` shows the plan and writes nothing.
#[derive(Debug, Parser)]
#[command(name = "oncall-sync", version, args_conflicts_with_subcommands = false, subcommand_negates_reqs = true)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub sync: Sync,
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

#[derive(Debug, Args)]
pub struct Common {
    /// Read this config file [default: $ONCALL_SYNC_CONFIG, ./oncall-sync.toml, the user's, then the system's]
    #[arg(long, short, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Look this far ahead, for instance 7d or 36h
    #[arg(long, value_name = "SPAN", allow_hyphen_values = true, global = true)]
    pub window: Option<Span>,
    /// Print the report in this form
    #[arg(long, value_name = "FORM", default_value = "text", global = true)]
    pub output: Output,
    /// Print only what changed or failed
    #[arg(long, short, conflicts_with = "verbose", global = true)]
    pub quiet: bool,
    /// Print every request and every note; twice for what the libraries say as well
    #[arg(long, short, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Take this for the present instant (RFC 3339); for drills and tests. The clock is then held against nobody's
    #[arg(long, value_name = "INSTANT", hide = true, global = true)]
    pub now: Option<DateTime<Utc>>,
}

#[derive(Debug, Args)]
pub struct Sync {
    /// Show the plan and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Only this schedule, by id or exact name; may be repeated
    #[arg(long, value_name = "ID|NAME", global = true)]
    pub schedule: Vec<String>,
    /// With --schedule: give this, for instance strongdm=prod-postgres; may be repeated
    #[arg(long, value_name = "TARGET=ENTITLEMENT", requires = "schedule", value_parser = grant)]
    pub grant: Vec<(String, String)>,
    /// Only this rule; may be repeated. What other rules gave stands
    #[arg(long, value_name = "NAME", conflicts_with = "grant")]
    pub rule: Vec<String>,
    /// Lift the limits for this run
    #[arg(long)]
    pub force: bool,
    /// Go on only if the plan is still the one that was reviewed: its digest, or the file of its JSON report
    #[arg(long, value_name = "DIGEST|FILE")]
    pub expect: Option<String>,
    /// Write what the plan was made from to this file, for `--replay`; it holds names, and no secrets
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Plan again from a recording, as a dry run; nothing is read but this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["schedule", "rule", "config", "window", "record"])]
    pub replay: Option<PathBuf>,
    /// With --dry-run: exit with 3 where changes are pending
    #[arg(long, requires = "dry_run")]
    pub detailed_exitcode: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show who is on call
    Shifts {
        /// From this time on instead of from now; without an offset by the config's time zone
        #[arg(long, value_name = "TIME", value_parser = written)]
        from: Option<Moment>,
    },
    /// Check config, credentials and names, and whether everyone on call has an account
    ///
    /// With --conformance it holds one target to what every target promises. That alone writes: with a test account, it gives,
    /// moves and takes back on that target.
    Check(Check),
    /// Show what the ledger says is ours
    Grants,
    /// Show who got or lost which access, when and why
    Audit(Audit),
    /// Say whether somebody has access, and why or why not
    Explain(Explain),
    /// Write a commented starter config
    Init {
        /// Where to; `-` prints it
        #[arg(value_name = "FILE", default_value = "oncall-sync.toml")]
        file: PathBuf,
        /// Where shifts come from
        #[arg(long, value_name = "KIND", default_value = "pagerduty", value_parser = kinds::<SourceConfig>())]
        source: String,
        /// Where access is given
        #[arg(long, value_name = "KIND", default_value = "strongdm", value_parser = kinds::<TargetConfig>())]
        target: String,
    },
    /// Print a JSON Schema
    Schema {
        #[arg(value_enum, default_value = "config")]
        of: Document,
    },
    /// Print a completion script for a shell
    Completions { shell: Shell },
    /// Take over grants of somebody else's that whoever is on call is to have
    ///
    /// Without --id and --all it only shows them. What is adopted is ours: syncs move it, take it back and end it.
    Adopt(Choosing),
    /// Give up what is ours, and leave it on the target
    ///
    /// It is a stranger's from then on: syncs leave it alone. No target is asked anything.
    Release(Choosing),
    /// Take back what is ours, now
    ///
    /// No schedule is read. The next sync gives it again to whoever is on call still.
    Revoke {
        #[command(flatten)]
        choosing: Choosing,
        /// Lift the limits for this run
        #[arg(long)]
        force: bool,
    },
    /// Move the ledger to another place
    Ledger {
        #[command(subcommand)]
        verb: LedgerVerb,
    },
}

impl Verb {
    /// What a run by this verb is for.
    ///
    /// # Errors
    /// Where it would give something up and nothing says what.
    pub fn purpose(&self) -> anyhow::Result<Purpose> {
        let purpose = match self {
            Self::Adopt(choosing) => return Ok(Purpose::Adopt(choosing.into())),
            Self::Release(choosing) => Purpose::Release(choosing.into()),
            Self::Revoke { choosing, .. } => Purpose::Revoke(choosing.into()),
            _ => return Ok(Purpose::Sync),
        };
        if let Purpose::Release(choice) | Purpose::Revoke(choice) = &purpose {
            ensure!(
                *choice != Choice::default(),
                "say what to {}: --all, --target, --email, --entitlement or --id",
                purpose.verb()
            );
        }
        Ok(purpose)
    }
}

/// What of the grants is meant; of several kinds of choice, what is all of them at once.
#[derive(Debug, Args)]
pub struct Choosing {
    /// All of them, as far as the others do not narrow it
    #[arg(long)]
    pub all: bool,
    /// This grant, by the target's own id; may be repeated
    #[arg(long, value_name = "GRANT_ID", conflicts_with = "all")]
    pub id: Vec<String>,
    /// What is on this target; may be repeated
    #[arg(long, value_name = "NAME")]
    pub target: Vec<String>,
    /// What is held by the account of this e-mail, in any case; may be repeated
    #[arg(long, value_name = "ADDRESS", value_parser = email)]
    pub email: Vec<Email>,
    /// This entitlement, by its name or the target's own id; may be repeated
    #[arg(long, value_name = "NAME|ID")]
    pub entitlement: Vec<String>,
    /// Show the plan and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl From<&Choosing> for Choice {
    fn from(Choosing { all, id, target, email, entitlement, dry_run: _ }: &Choosing) -> Self {
        Self {
            all: *all,
            ids: id.iter().map(|id| GrantId(id.clone())).collect(),
            targets: target.iter().cloned().collect(),
            emails: email.iter().cloned().collect(),
            entitlements: entitlement.iter().cloned().collect(),
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum LedgerVerb {
    /// Copy a whole ledger, audit log included, to a place where there is none; no run goes on meanwhile
    ///
    /// A place is the path of a file, postgres://USER@HOST/DATABASE without a password, or env:NAME for an environment
    /// variable that holds such a URL.
    Copy {
        /// The ledger to copy; it stays as it is
        from: String,
        /// Where to; nothing may be there but an empty ledger
        to: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Document {
    /// The config file
    Config,
    /// The JSON report of a sync
    Report,
    /// What `shifts --output json` prints
    Shifts,
    /// What `check --output json` prints
    Check,
    /// What `check --conformance --output json` prints
    Conformance,
    /// What `grants --output json` prints
    Grants,
    /// A line of what `audit --format jsonl` prints
    Audit,
    /// What `explain --output json` prints
    Explain,
    /// What a command of kind `exec` is asked and answers
    Exec,
}

#[derive(Debug, Args)]
pub struct Check {
    /// Give, move and take back on this target, and say step by step whether it keeps the contract of targets
    #[arg(long, value_name = "NAME", requires_all = ["account", "entitlement"])]
    pub conformance: Option<String>,
    /// With --conformance: the e-mail of a test account, which must not hold the entitlement
    #[arg(long, value_name = "EMAIL", requires = "conformance", value_parser = email)]
    pub account: Option<Email>,
    /// With --conformance: the entitlement, spelled as in a rule
    #[arg(long, value_name = "SPELLING", requires = "conformance")]
    pub entitlement: Option<String>,
}

#[derive(Debug, Args)]
pub struct Explain {
    /// Whose access, by their address at the source or on the target
    #[arg(value_name = "ADDRESS")]
    pub email: String,
    /// Only this entitlement, as rules spell it or by the target's name or id
    #[arg(long, value_name = "NAME|ID")]
    pub entitlement: Option<String>,
    /// Only on this target
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// At this time instead of now: what is past is told from the audit log, what is ahead from the plan
    #[arg(long, value_name = "TIME", value_parser = written)]
    pub at: Option<Moment>,
    /// From the ledger and its audit log alone
    #[arg(long)]
    pub offline: bool,
}

#[derive(Debug, Args)]
pub struct Audit {
    /// From then on: so long ago (90d), a date, or an instant; without an offset by the config's time zone
    #[arg(long, value_name = "SPAN|TIME", value_parser = moment)]
    pub since: Option<Moment>,
    /// Until then, in the same forms
    #[arg(long, value_name = "SPAN|TIME", value_parser = moment)]
    pub until: Option<Moment>,
    /// Only about this person, by their address at the source or on the target
    #[arg(long, value_name = "ADDRESS")]
    pub email: Option<String>,
    /// Only on this target
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// Only this entitlement, as rules spell it or by the target's id
    #[arg(long, value_name = "NAME|ID")]
    pub entitlement: Option<String>,
    /// Print records in this form
    #[arg(long, value_enum, value_name = "FORM")]
    pub format: Option<Form>,
    /// Also what was planned or left undone, and the runs themselves
    #[arg(long)]
    pub all: bool,
    /// Walk the whole log and say what was changed, removed, moved or put in; exit with 1 where there is such a thing
    #[arg(long, conflicts_with_all = ["since", "until", "email", "target", "entitlement", "format", "all", "head"])]
    pub verify: bool,
    /// With --verify: a head kept elsewhere, which the log must still hold
    #[arg(long, value_name = "NUMBER:HASH", requires = "verify")]
    pub expect_head: Option<Head>,
    /// Print the number and hash of the newest record, to be kept elsewhere
    #[arg(long, conflicts_with_all = ["since", "until", "email", "target", "entitlement", "format", "all"])]
    pub head: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Lines for people
    Text,
    /// One record a line
    Jsonl,
    /// For a spreadsheet
    Csv,
}

/// A point in time, as somebody wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// So long ago.
    Ago(Span),
    Written(Written),
}

impl Moment {
    /// # Errors
    /// Where it lies before the beginning of time.
    pub fn instant(self, now: DateTime<Utc>, zone: &Zone) -> anyhow::Result<DateTime<Utc>> {
        match self {
            Self::Ago(span) => now.checked_sub_signed(span.delta()).context("that is before the beginning of time"),
            Self::Written(Written::Instant(instant)) => Ok(instant),
            Self::Written(Written::Civil(civil)) => Ok(zone.place(civil).instant),
        }
    }
}

/// Those that the config knows.
fn kinds<T: JsonSchema>() -> PossibleValuesParser {
    PossibleValuesParser::new(kinds_of::<T>().into_iter().map(|kind| &*kind.leak()))
}

fn email(text: &str) -> Result<Email, String> {
    Email::parse(text.trim()).ok_or_else(|| "write an e-mail address, for instance alice@example.com".into())
}

fn grant(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((target, entitlement)) if !target.is_empty() && !entitlement.is_empty() => {
            Ok((target.to_owned(), entitlement.to_owned()))
        }
        _ => Err("write TARGET=ENTITLEMENT, for instance strongdm=prod-postgres".into()),
    }
}

fn moment(text: &str) -> Result<Moment, String> {
    text.parse().map(Moment::Ago).or_else(|_| written(text)).map_err(|why| format!("{why}, or 90d for so long ago"))
}

fn written(text: &str) -> Result<Moment, String> {
    let written = Written::parse(text).or_else(|_| Written::parse(&format!("{text} 00:00")));
    written
        .map(Moment::Written)
        .map_err(|_| "write it like 2026-01-05, 2026-01-05T09:00, or 2026-01-05T09:00:00Z".into())
}
