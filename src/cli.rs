//! The command line: clap structs and nothing else.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::domain::{Choice, Email, GrantId};
use crate::span::Span;

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
        /// From this instant on (RFC 3339) instead of from now
        #[arg(long, value_name = "INSTANT")]
        from: Option<DateTime<Utc>>,
    },
    /// Check config, credentials and names, and whether everyone on call has an account
    Check,
    /// Show what the ledger says is ours
    Grants,
    /// Write a commented starter config
    Init {
        /// Where to; `-` prints it
        #[arg(value_name = "FILE", default_value = "oncall-sync.toml")]
        file: PathBuf,
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
    /// What `grants --output json` prints
    Grants,
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
