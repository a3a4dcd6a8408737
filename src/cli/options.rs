//! Which of the program's options mean something to which verb. The others are refused: ignored, they would mislead.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory as _, FromArgMatches as _};

use super::{Check, Cli, Verb};
use crate::words::agree;

/// Taken by every verb: how much is said, and the time of drills.
const ALWAYS: [&str; 5] = ["quiet", "verbose", "now", "help", "version"];

impl Cli {
    /// What the command line says.
    ///
    /// # Errors
    /// Where it makes no sense, or where help or the version is asked for.
    pub fn read() -> Result<Self, clap::Error> {
        let matches = command().try_get_matches()?;
        let cli = Self::from_arg_matches(&matches)?;
        match cli.verb.as_ref().and_then(|verb| idle(verb, &matches)) {
            Some(refusal) => Err(refusal),
            None => Ok(cli),
        }
    }
}

/// The command line's grammar, each verb with those of the program's options that mean something to it.
pub fn command() -> Command {
    let mut command = Cli::command();
    command.build();
    let idle = |verb: &str, option: &clap::Arg| option.is_global_set() && !is_taken(verb, option.get_id().as_str());
    command.mut_subcommands(|verb| {
        let name = verb.get_name().to_owned();
        verb.mut_args(|option| if idle(&name, &option) { option.hide(true) } else { option })
    })
}

/// Why `verb` cannot go with what was said before or after it.
fn idle(verb: &Verb, matches: &ArgMatches) -> Option<clap::Error> {
    let said = name(verb);
    let mut command = command();
    let given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let options = command.get_arguments().filter(|option| given(option.get_id().as_str()));
    let idle: Vec<String> = options
        .filter(|option| !is_taken(said, option.get_id().as_str()))
        .filter_map(|option| Some(format!("--{}", option.get_long()?)))
        .collect();
    if idle.is_empty() {
        return None;
    }
    let (mean, them) = (agree(idle.len(), "means", "mean"), agree(idle.len(), "it", "them"));
    let sentence = format!("{} {mean} nothing to `{said}` and would be ignored; leave {them} out", idle.join(" and "));
    let verb = said.split(' ').next().and_then(|verb| command.find_subcommand_mut(verb))?;
    Some(verb.error(ErrorKind::ArgumentConflict, sentence))
}

/// As it was asked for, with the option that makes another thing of it.
fn name(verb: &Verb) -> &'static str {
    match verb {
        Verb::Shifts { .. } => "shifts",
        Verb::Check(Check { conformance: None, .. }) => "check",
        Verb::Check(_) => "check --conformance",
        Verb::Grants => "grants",
        Verb::Audit(audit) if audit.verify => "audit --verify",
        Verb::Audit(audit) if audit.head => "audit --head",
        Verb::Audit(audit) if audit.format.is_some() => "audit --format",
        Verb::Audit(_) => "audit",
        Verb::Explain(explain) if explain.offline => "explain --offline",
        Verb::Explain(_) => "explain",
        Verb::Init { .. } => "init",
        Verb::Schema { .. } => "schema",
        Verb::Completions { .. } => "completions",
        Verb::Adopt(_) => "adopt",
        Verb::Release(_) => "release",
        Verb::Revoke { .. } => "revoke",
        Verb::Ledger { .. } => "ledger",
    }
}

/// Whether the option of the program with this id means something to `verb`.
fn is_taken(verb: &str, id: &str) -> bool {
    let taken: &[&str] = match verb {
        "shifts" | "check" => &["config", "output", "window", "schedule", "rule", "grant"],
        "check --conformance" | "explain" => &["config", "output", "window"],
        "grants" | "audit" | "explain --offline" => &["config", "output"],
        "audit --verify" | "audit --head" | "audit --format" => &["config"],
        "adopt" => &[
            "config",
            "output",
            "window",
            "schedule",
            "rule",
            "grant",
            "dry_run",
            "force",
            "expect",
            "record",
            "detailed_exitcode",
        ],
        "release" => &["config", "output", "dry_run", "expect", "record", "detailed_exitcode"],
        "revoke" => &["config", "output", "dry_run", "force", "expect", "record", "detailed_exitcode"],
        _ => &[],
    };
    ALWAYS.contains(&id) || taken.contains(&id)
}
