//! Parse, read the clock once, run, print, exit code.

use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, ensure};
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use clap::error::ContextValue;
use oncall_sync::audit::Filter;
use oncall_sync::cli::{self, Cli, Common, Document, Form, LedgerVerb, Moment, Output, Verb};
use oncall_sync::config::{self, Config, check_window};
use oncall_sync::conformance::{self, Question};
use oncall_sync::domain::{Choice, Email};
use oncall_sync::exit::Exit;
use oncall_sync::harmless::line;
use oncall_sync::ledger::Locked;
use oncall_sync::net::Clock;
use oncall_sync::progress::Progress;
use oncall_sync::report::{self, AuditForm, AuditLine, Checked, Explanation, Owning, Report, Reviewed, Roster, Style};
use oncall_sync::run::{self, Order};
use oncall_sync::selection::{Narrowing, Selection};
use oncall_sync::span::Span;
use oncall_sync::stop::{GRACE, Stop};
use oncall_sync::survey::{Deadlines, RunContext};
use oncall_sync::zone::Zone;
use oncall_sync::{command, exec, recording, show, starter};
use tokio::signal::unix::{SignalKind, signal};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

fn main() -> ExitCode {
    let cli = Cli::read().unwrap_or_else(|error| refuse(&error));
    log(cli.common.verbose);
    match run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            report::complain(&format!("{error:#}"));
            ExitCode::from(if error.is::<Locked>() { Exit::Locked } else { Exit::CouldNotRun }.code())
        }
    }
}

/// Help and version, or what is wrong with the command line, which may repeat what a terminal would obey.
fn refuse(error: &clap::Error) -> ! {
    let repeats = |value: &ContextValue| match value {
        ContextValue::String(one) => line(one) != *one,
        ContextValue::Strings(all) => all.iter().any(|one| line(one) != *one),
        _ => false,
    };
    if !error.context().any(|(_, value)| repeats(value)) {
        error.exit();
    }
    report::complain(&error.render().to_string());
    std::process::exit(i32::from(Exit::CouldNotRun.code()))
}

fn run(cli: Cli) -> Result<u8> {
    match &cli.verb {
        Some(Verb::Init { file, source, target }) => return starter::init(file, source, target).map(|()| 0),
        Some(Verb::Schema { of }) => {
            let schema = match of {
                Document::Config => config::schema(),
                Document::Report => report::schema::<Report>(),
                Document::Shifts => report::schema::<Roster>(),
                Document::Check => report::schema::<Checked>(),
                Document::Conformance => report::schema::<report::Conformance>(),
                Document::Grants => report::schema::<Owning>(),
                Document::Audit => report::schema::<AuditLine>(),
                Document::Explain => report::schema::<Explanation>(),
                Document::Exec => exec::schema(),
            };
            report::print(&report::json(&schema))?;
            return Ok(0);
        }
        Some(Verb::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut cli::command(), "oncall-sync", &mut script);
            report::print(&String::from_utf8(script).context("the completion script is text")?)?;
            return Ok(0);
        }
        _ => {}
    }
    if let Some(recording) = &cli.sync.replay {
        let expected = cli.sync.expect.as_deref().map(Reviewed::read).transpose()?;
        let (report, timezone) = recording::replay(recording, cli.sync.force, expected.as_ref())?;
        let zone = Zone::parse(&timezone)?;
        let style = Style { zone: &zone, quiet: cli.common.quiet, verbose: cli.common.verbose > 0 };
        return tell(report, &cli, &style);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no async runtime")?;
    if let Some(Verb::Ledger { verb: LedgerVerb::Copy { from, to } }) = &cli.verb {
        return runtime.block_on(show::copied(from, to));
    }
    runtime.block_on(with_config(&cli))
}

async fn with_config(cli: &Cli) -> Result<u8> {
    let (config, selection) = configure(cli)?;
    let window = cli.common.window.unwrap_or(config.window);
    check_window(window).map_err(|sentence| anyhow!(sentence))?;
    let zone = Zone::parse(&config.timezone)?;
    let now = now(&cli.common);
    let deadlines = Deadlines::within(config.deadline.0);
    let stop = Stop::at(deadlines.run);
    listen(&stop)?;
    let progress = Progress::new(cli.common.verbose > 0 || cli.common.quiet);
    let clock = if cli.common.now.is_some() { Clock::new(now) } else { Clock::of_machine(now) };
    let run = RunContext { config: &config, clock, deadlines, stop: &stop, progress: &progress };
    let style = Style { zone: &zone, quiet: cli.common.quiet, verbose: cli.common.verbose > 0 };
    let json = cli.common.output == Output::Json;
    match &cli.verb {
        Some(Verb::Shifts { from }) => {
            let from = from.map_or(Ok(now), |from| from.instant(now, &zone))?;
            show::shifts(&run, &selection, from, window, &style, json).await
        }
        Some(Verb::Check(cli::Check {
            conformance: Some(target),
            account: Some(email),
            entitlement: Some(spelling),
        })) => {
            let question = Question { target: target.clone(), email: email.clone(), spelling: spelling.clone() };
            conformance(cli, &run, &selection, &question, now, window, &style).await
        }
        Some(Verb::Check(_)) => show::check(&run, &selection, now, window, &style, json).await,
        Some(Verb::Grants) => show::grants(&config, &style, json).await,
        Some(Verb::Explain(cli::Explain { email, entitlement, target, at, offline })) => {
            let (email, entitlement, target, offline) = (email.clone(), entitlement.clone(), target.clone(), *offline);
            let at = at.map_or(Ok(now), |at| at.instant(now, &zone))?;
            let question = show::Question { email, entitlement, target, at, offline };
            show::explain(&run, selection, &question, now, window, &style, json).await
        }
        Some(Verb::Audit(asked)) => audit(asked, &config, now, &zone, json).await,
        _ => {
            let expected = cli.sync.expect.as_deref().map(Reviewed::read).transpose()?;
            let order = Order { expected: expected.as_ref(), ..order(cli, &selection, now, window) };
            let report = run::sync(&run, &selection, order).await?;
            drop(progress);
            tell(report, cli, &style)
        }
    }
}

/// Prints the report of a sync; answers the exit code.
fn tell(mut report: Report, cli: &Cli, style: &Style) -> Result<u8> {
    if cli.sync.detailed_exitcode && report.exit_code == 0 && report.changes().next().is_some() {
        report.exit_code = Exit::Pending.code();
    }
    let json = cli.common.output == Output::Json;
    if json { report::print(&report::json(&report)) } else { report::tell(&report::text(&report, style)) }?;
    Ok(report.exit_code)
}

/// `check --conformance`: whether a target keeps its promises. It writes there, which nothing that only shows may do.
async fn conformance(
    cli: &Cli,
    run: &RunContext<'_>,
    selection: &Selection,
    question: &Question,
    now: DateTime<Utc>,
    window: Span,
    style: &Style<'_>,
) -> Result<u8> {
    let conformed = conformance::check(run, selection, question, now, window).await?;
    let found = report::Conformance::new(&conformed);
    let json = cli.common.output == Output::Json;
    if json { report::print(&report::json(&found)) } else { report::tell(&found.text(style)) }?;
    Ok(conformed.exit().code())
}

async fn audit(asked: &cli::Audit, config: &Config, now: DateTime<Utc>, zone: &Zone, json: bool) -> Result<u8> {
    if asked.head {
        return show::head(config).await;
    }
    if asked.verify {
        return show::verify(config, asked.expect_head.clone()).await;
    }
    let instant = |moment: Option<Moment>| moment.map(|moment| moment.instant(now, zone)).transpose();
    let (since, until) = (instant(asked.since)?, instant(asked.until)?);
    ensure!(since.zip(until).is_none_or(|(since, until)| since < until), "--since has to be before --until");
    let filter = Filter {
        since,
        until,
        emails: asked.email.iter().flat_map(|email| config.addresses(&Email::new(email))).collect(),
        target: asked.target.clone(),
        entitlement: asked.entitlement.clone(),
        all: asked.all,
    };
    let form = match asked.format {
        Some(Form::Text) => AuditForm::Text,
        None if !json => AuditForm::Text,
        Some(Form::Jsonl) | None => AuditForm::Jsonl,
        Some(Form::Csv) => AuditForm::Csv,
    };
    let choice = Choice {
        targets: asked.target.iter().cloned().collect(),
        emails: asked.email.as_deref().map(Email::new).into_iter().collect(),
        entitlements: asked.entitlement.iter().cloned().collect(),
        ..Choice::default()
    };
    show::audit(config, &choice, &filter, form, zone).await
}

/// The config by file or environment, and what of it this run is about.
fn configure(Cli { common, sync, verb }: &Cli) -> Result<(Config, Selection)> {
    let mut config = match Config::find(common.config.as_deref())? {
        Some(path) => Config::load(&path)?,
        None => {
            ensure!(
                !sync.schedule.is_empty()
                    || matches!(verb, Some(Verb::Grants | Verb::Audit(_) | Verb::Release(_) | Verb::Revoke { .. })),
                "there is no config file: make one with `oncall-sync init`, name one with --config, or say what to do with \
                 --schedule and --grant"
            );
            Config::from_environment()?
        }
    };
    let mut narrowing =
        Narrowing { schedules: sync.schedule.iter().cloned().collect(), rules: sync.rule.iter().cloned().collect() };
    if !sync.grant.is_empty() {
        config.add_rule(&sync.schedule, &sync.grant)?;
        narrowing = Narrowing {
            rules: config.rules.last().map(|rule| rule.name.clone()).into_iter().collect(),
            ..Narrowing::default()
        };
    }
    let selection = Selection::new(&config, &narrowing)?
        .for_purpose(verb.as_ref().map(Verb::purpose).transpose()?.unwrap_or_default(), &config)?;
    Ok((config, selection))
}

/// What a sync, or a verb that says what is ours, is to do.
fn order<'a>(Cli { sync, verb, .. }: &'a Cli, selection: &Selection, now: DateTime<Utc>, window: Span) -> Order<'a> {
    let (dry_run, force) = match verb {
        Some(Verb::Adopt(choosing) | Verb::Release(choosing)) => (choosing.dry_run, false),
        Some(Verb::Revoke { choosing, force }) => (choosing.dry_run, *force),
        _ => (false, false),
    };
    let dry_run = dry_run || sync.dry_run || selection.purpose.only_shows();
    let record = sync.record.as_deref();
    Order { now, window, dry_run, force: force || sync.force, expected: None, record }
}

/// The present instant, to the second: targets keep no fractions.
fn now(common: &Common) -> DateTime<Utc> {
    #[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
    let now = common.now.unwrap_or_else(Utc::now);
    now.duration_trunc(TimeDelta::seconds(1)).unwrap_or(now)
}

/// SIGINT and SIGTERM give the calls in flight some time to end; a second one gives none.
fn listen(stop: &Stop) -> Result<()> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let mut signals = signal(kind).context("signals cannot be heard")?;
        let stop = stop.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                if stop.is_asked() {
                    command::kill_all();
                    std::process::exit(i32::from(Exit::CouldNotRun.code()));
                }
                let time = GRACE.as_secs();
                report::complain(&format!(
                    "told to stop: the calls in flight have {time} s to end, nothing more begins"
                ));
                stop.ask();
            }
        });
    }
    Ok(())
}

/// Log lines go to standard error: warnings, with `-v` every request of ours, with `-vv` what the libraries say as well.
fn log(verbose: u8) {
    let filter = match verbose {
        0 => Targets::new().with_target("oncall_sync", Level::WARN),
        1 => Targets::new().with_target("oncall_sync", Level::DEBUG),
        _ => Targets::new().with_default(Level::DEBUG),
    };
    let lines = fmt::layer().with_writer(|| report::Log).with_ansi(false).without_time().with_target(false);
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
}
