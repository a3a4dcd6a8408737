//! Help, word for word: it is read more often than anything else here.

use super::*;

#[track_caller]
fn help(arguments: &[&str]) -> String {
    // clap wraps at the terminal's width, or at this one where there is none.
    let ran = Ran::of(Desk::new().command(arguments).env("COLUMNS", "100").output().expect("the program starts"));
    assert_eq!(ran.err, "");
    // clap leaves blanks on empty lines, which no editor keeps.
    ran.exits(0).out.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// What a verb says of itself; the options are those of the program that mean something to it, but for those with tests of
/// their own.
#[track_caller]
fn verb(name: &str) -> String {
    let help = help(&[name, "--help"]);
    let (own, options) = help.split_once("\nOptions:\n").expect("every verb has options");
    assert!(options.contains("--quiet") && options.contains("--help"), "{options}");
    own.to_owned()
}

#[test]
fn the_program() {
    insta::assert_snapshot!(help(&["--help"]), @r"
    Give access to whoever is on call, for as long as they are

    Bare `oncall-sync` syncs: it reads the schedules, plans what each person should hold, and gives,
    moves and takes back grants. `--dry-run` shows the plan and writes nothing.

    Usage: oncall-sync [OPTIONS]
           oncall-sync [OPTIONS] <COMMAND>

    Commands:
      shifts       Show who is on call
      check        Check config, credentials and names, and whether everyone on call has an account
      grants       Show what the ledger says is ours
      audit        Show who got or lost which access, when and why
      explain      Say whether somebody has access, and why or why not
      init         Write a commented starter config
      schema       Print a JSON Schema
      completions  Print a completion script for a shell
      adopt        Take over grants of somebody else's that whoever is on call is to have
      release      Give up what is ours, and leave it on the target
      revoke       Take back what is ours, now
      ledger       Move the ledger to another place
      help         Print this message or the help of the given subcommand(s)

    Options:
      -c, --config <FILE>
              Read this config file [default: $ONCALL_SYNC_CONFIG, ./oncall-sync.toml, the user's, then
              the system's]

          --window <SPAN>
              Look this far ahead, for instance 7d or 36h

          --output <FORM>
              Print the report in this form

              [default: text]
              [possible values: text, json]

      -q, --quiet
              Print only what changed or failed

      -v, --verbose...
              Print every request and every note; twice for what the libraries say as well

          --dry-run
              Show the plan and write nothing

          --schedule <ID|NAME>
              Only this schedule, by id or exact name; may be repeated

          --grant <TARGET=ENTITLEMENT>
              With --schedule: give this, for instance strongdm=prod-postgres; may be repeated

          --rule <NAME>
              Only this rule; may be repeated. What other rules gave stands

          --force
              Lift the limits for this run

          --expect <DIGEST|FILE>
              Go on only if the plan is still the one that was reviewed: its digest, or the file of its
              JSON report

          --record <FILE>
              Write what the plan was made from to this file, for `--replay`; it holds names, and no
              secrets

          --replay <FILE>
              Plan again from a recording, as a dry run; nothing is read but this file

          --detailed-exitcode
              With --dry-run: exit with 3 where changes are pending

      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version
    ");
}

#[test]
fn shifts() {
    insta::assert_snapshot!(verb("shifts"), @r"
    Show who is on call

    Usage: oncall-sync shifts [OPTIONS]
    ");
}

#[test]
fn check() {
    insta::assert_snapshot!(verb("check"), @r"
    Check config, credentials and names, and whether everyone on call has an account

    With --conformance it holds one target to what every target promises. That alone writes: with a test
    account, it gives, moves and takes back on that target.

    Usage: oncall-sync check [OPTIONS]
    ");
}

#[test]
fn grants() {
    insta::assert_snapshot!(verb("grants"), @r"
    Show what the ledger says is ours

    Usage: oncall-sync grants [OPTIONS]
    ");
}

#[test]
fn audit() {
    insta::assert_snapshot!(verb("audit"), @r"
    Show who got or lost which access, when and why

    Usage: oncall-sync audit [OPTIONS]
    ");
}

#[test]
fn explain() {
    insta::assert_snapshot!(verb("explain"), @r"
    Say whether somebody has access, and why or why not

    Usage: oncall-sync explain [OPTIONS] <ADDRESS>

    Arguments:
      <ADDRESS>  Whose access, by their address at the source or on the target
    ");
}

#[test]
fn init() {
    insta::assert_snapshot!(verb("init"), @r"
    Write a commented starter config

    Usage: oncall-sync init [OPTIONS] [FILE]

    Arguments:
      [FILE]  Where to; `-` prints it [default: oncall-sync.toml]
    ");
}

#[test]
fn schema() {
    insta::assert_snapshot!(verb("schema"), @r"
    Print a JSON Schema

    Usage: oncall-sync schema [OPTIONS] [OF]

    Arguments:
      [OF]
              Possible values:
              - config:      The config file
              - report:      The JSON report of a sync
              - shifts:      What `shifts --output json` prints
              - check:       What `check --output json` prints
              - conformance: What `check --conformance --output json` prints
              - grants:      What `grants --output json` prints
              - audit:       A line of what `audit --format jsonl` prints
              - explain:     What `explain --output json` prints
              - exec:        What a command of kind `exec` is asked and answers

              [default: config]
    ");
}

#[test]
fn completions() {
    insta::assert_snapshot!(verb("completions"), @r"
    Print a completion script for a shell

    Usage: oncall-sync completions [OPTIONS] <SHELL>

    Arguments:
      <SHELL>  [possible values: bash, elvish, fish, powershell, zsh]
    ");
}

#[test]
fn adopt() {
    insta::assert_snapshot!(verb("adopt"), @r"
    Take over grants of somebody else's that whoever is on call is to have

    Without --id and --all it only shows them. What is adopted is ours: syncs move it, take it back and
    end it.

    Usage: oncall-sync adopt [OPTIONS]
    ");
}

#[test]
fn release() {
    insta::assert_snapshot!(verb("release"), @r"
    Give up what is ours, and leave it on the target

    It is a stranger's from then on: syncs leave it alone. No target is asked anything.

    Usage: oncall-sync release [OPTIONS]
    ");
}

#[test]
fn revoke() {
    insta::assert_snapshot!(verb("revoke"), @r"
    Take back what is ours, now

    No schedule is read. The next sync gives it again to whoever is on call still.

    Usage: oncall-sync revoke [OPTIONS]
    ");
}

#[test]
fn a_verb_shows_no_option_that_means_nothing_to_it() {
    for (name, shown, hidden) in [
        ("shifts", &["--config", "--window", "--output", "--schedule"][..], &[][..]),
        ("adopt", &["--config", "--window", "--output", "--schedule"], &[]),
        ("explain", &["--config", "--window", "--output"], &["--schedule"]),
        ("grants", &["--config", "--output"], &["--window", "--schedule"]),
        ("revoke", &["--config", "--output"], &["--window", "--schedule"]),
        ("init", &["--source", "--target"], &["--config", "--window", "--output", "--schedule"]),
    ] {
        let help = help(&[name, "--help"]);
        assert!(shown.iter().all(|option| help.contains(option)), "{help}");
        assert!(!hidden.iter().any(|option| help.contains(option)), "{help}");
    }
}

#[test]
fn shifts_has_a_flag_of_its_own() {
    assert!(help(&["shifts", "--help"]).contains("--from <TIME>"));
    assert!(!help(&["--help"]).contains("--from"));
}

#[test]
fn audit_says_what_its_flags_are_for() {
    let help = help(&["audit", "--help"]);
    for flag in ["--since <SPAN|TIME>", "--format <FORM>", "--all", "--verify", "--expect-head <NUMBER:HASH>", "--head"]
    {
        assert!(help.contains(flag), "{flag} in {help}");
    }
}

#[test]
fn the_short_form_is_short() {
    assert!(help(&["-h"]).lines().count() < help(&["--help"]).lines().count());
}

#[test]
fn the_version() {
    assert_eq!(help(&["--version"]), format!("oncall-sync {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_flag_for_tests_is_not_shown() {
    assert!(!help(&["--help"]).contains("--now"));
}
