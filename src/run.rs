//! The one path.
//!
//! ```text
//!  sources ──▶ shifts ──▶ desired ─┐
//!                                  ├─▶ plan ──▶ apply ──▶ report
//!  targets ──▶ current ────────────┤    │         │
//!  ledger  ──▶ owned ──────────────┘    └ dry run ┘ ledger
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context as _, Result, bail};
use chrono::{DateTime, Utc};
use futures_util::future::join_all;

use crate::apply::{Applier, Outcome};
use crate::domain::{Known, Limits, Owned, Period, Plan};
use crate::exit::Exit;
use crate::ledger::{Ledger, Sqlite};
use crate::report::{self, Report};
use crate::selection::Selection;
use crate::span::Span;
use crate::survey::{RunContext, Sources, Surveyed};

/// What one run is to do.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    pub now: DateTime<Utc>,
    pub window: Span,
    /// The plan is the end.
    pub dry_run: bool,
    /// The limits do not bind this run.
    pub force: bool,
}

/// The plan of one target as it was carried out.
struct Carried {
    outcomes: Vec<Outcome>,
    /// The ledger could not be written.
    broken: Option<anyhow::Error>,
}

/// Reads, plans, checks and, unless it is a dry run, applies.
///
/// # Errors
/// Where the run cannot begin, or was stopped before it had begun to change anything.
pub async fn sync(run: &RunContext<'_>, selection: &Selection, order: Order) -> Result<Report> {
    let ledger = open(run, order.dry_run)?;
    let mut owned = match &ledger {
        Some(ledger) => ledger.owned()?,
        None => BTreeMap::new(),
    };
    let window = window(order.now, order.window)?;
    let targets: BTreeSet<String> =
        selection.rules.iter().flat_map(|rule| rule.grant.keys()).chain(owned.keys()).cloned().collect();
    let reading = async {
        let connected = run.connect(&targets).await?;
        let sources = run.sources(&selection.asked, window.pad(selection.back(), selection.ahead())).await?;
        let known = Known {
            now: order.now,
            window,
            rules: &selection.rules,
            readings: &sources.readings,
            aliases: &run.config.aliases,
            other_rules_stand: selection.partial,
        };
        let lost = lost(run, &owned);
        let surveyed = run.targets(&known, connected, std::mem::take(&mut owned)).await;
        let refused = if order.force { Vec::new() } else { refusals(run, &known, &surveyed) };
        Ok::<_, anyhow::Error>((sources, surveyed, refused, lost))
    };
    let (sources, surveyed, refused, lost) = tokio::select! {
        read = reading => read?,
        () = run.stop.asked() => bail!("told to stop while reading; nothing was changed"),
    };

    let mut report = planned(order, window, &sources, &surveyed, lost);
    report.refused = refused;
    if let (true, false, Some(ledger)) = (report.refused.is_empty(), order.dry_run, ledger) {
        let ledger = Mutex::new(Box::new(ledger) as Box<dyn Ledger>);
        let carried = apply(run, order, &surveyed, &ledger).await;
        record(&mut report, &surveyed, carried);
    }
    report.count();
    report.exit_code = exit_code(&report).code();
    Ok(report)
}

/// The ledger: locked for this run where it may write, and only looked at where it may not.
fn open(run: &RunContext, dry_run: bool) -> Result<Option<Sqlite>> {
    let path = &run.config.ledger;
    if dry_run { Sqlite::open_readonly(path) } else { Sqlite::open(path).map(Some) }
}

/// What the ledger says is ours, without taking the lock.
pub fn owned(ledger: &Path) -> Result<BTreeMap<String, Vec<Owned>>> {
    Sqlite::open_readonly(ledger)?.map_or_else(|| Ok(BTreeMap::new()), |ledger| ledger.owned())
}

/// The look-ahead from `now` on.
///
/// # Errors
/// Where it is empty or reaches beyond the end of time.
pub fn window(now: DateTime<Utc>, window: Span) -> Result<Period> {
    let end = now.checked_add_signed(window.delta()).context("the window reaches beyond the end of time")?;
    Period::new(now, end).context("the window is empty; give it some time, for instance --window 7d")
}

/// Targets on which we own something and which the config does not describe any more.
fn lost(run: &RunContext, owned: &BTreeMap<String, Vec<Owned>>) -> BTreeMap<String, String> {
    let lost = owned.iter().filter(|(name, owned)| !owned.is_empty() && !run.config.targets.contains_key(*name));
    let sentence = |owned: &[Owned]| {
        format!(
            "the ledger says that {} grants are ours here, and the config has no such target; describe it again so that they can be taken back",
            owned.len()
        )
    };
    lost.map(|(name, owned)| (name.clone(), sentence(owned))).collect()
}

fn refusals(run: &RunContext, known: &Known, surveyed: &[Surveyed]) -> Vec<String> {
    let plans: Vec<(&[Owned], &Plan)> =
        surveyed.iter().filter_map(|one| Some((&*one.owned, &one.planned.as_ref().ok()?.1))).collect();
    let config = run.config.limits;
    let limits = Limits { max_changes: config.max_changes, max_revoke_percent: config.max_revoke_percent };
    limits.check(known, &plans).iter().map(ToString::to_string).collect()
}

/// Everything that is known before anything is done.
fn planned(
    order: Order,
    window: Period,
    sources: &Sources,
    surveyed: &[Surveyed],
    lost: BTreeMap<String, String>,
) -> Report {
    let mut report = Report::new(order.now, order.dry_run, window);
    for ((name, _), reading) in &sources.readings {
        report.sources.entry(name.clone()).or_default().add(reading);
    }
    report.requests.sources = sources.requests.clone();
    for Surveyed { connected, planned, .. } in surveyed {
        let target = report.targets.entry(connected.name.clone()).or_default();
        match planned {
            Ok((_, plan)) => target.planned(plan, &connected.name),
            Err(error) => target.error = Some(format!("{error:#}")),
        }
        report.requests.targets.insert(connected.name.clone(), connected.requests());
    }
    for (name, error) in lost {
        report.targets.entry(name).or_default().error = Some(error);
    }
    report.digest = report::digest(&report, order.now);
    report
}

/// Carries out every plan, all targets side by side.
async fn apply(
    run: &RunContext<'_>,
    order: Order,
    surveyed: &[Surveyed],
    ledger: &Mutex<Box<dyn Ledger>>,
) -> Vec<Option<Carried>> {
    let applying = surveyed.iter().map(|Surveyed { connected, owned, planned }| async move {
        let (_, plan) = planned.as_ref().ok()?;
        let (stop, progress) = (run.stop, run.progress);
        let applier =
            Applier { name: &connected.name, target: &*connected.target, ledger, stop, progress, now: order.now };
        let (outcomes, written) = applier.apply(plan, owned).await;
        Some(Carried { outcomes, broken: written.err() })
    });
    join_all(applying).await
}

fn record(report: &mut Report, surveyed: &[Surveyed], carried: Vec<Option<Carried>>) {
    for (Surveyed { connected, planned, .. }, carried) in surveyed.iter().zip(carried) {
        let (Ok((_, plan)), Some(Carried { outcomes, broken })) = (planned, carried) else { continue };
        let target = report.targets.entry(connected.name.clone()).or_default();
        target.done(plan, &outcomes);
        if let Some(error) = broken {
            target.error = Some(format!("{error:#}"));
            report.ledger_failed = true;
        }
        report.requests.targets.insert(connected.name.clone(), connected.requests());
    }
}

/// What cron is told.
fn exit_code(report: &Report) -> Exit {
    let counts = &report.counts;
    match () {
        () if report.ledger_failed => Exit::CouldNotRun,
        () if !report.refused.is_empty() => Exit::Refused,
        () => Exit::when(counts.failed + counts.skipped + counts.unserved == 0),
    }
}
