//! The one path.
//!
//! ```text
//!  sources ──▶ shifts ──▶ desired ─┐
//!                                  ├─▶ plan ──▶ apply ──▶ report
//!  targets ──▶ current ────────────┤    │         │
//!  ledger  ──▶ owned ──────────────┘    └ dry run ┘ ledger
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use tokio::sync::Mutex;

use crate::apply::{Applier, Outcome};
use crate::audit::Journal;
use crate::decision::{Decision, Inputs};
use crate::domain::{Owned, Period};
use crate::exit::Exit;
use crate::ledger::{self, Ledger};
use crate::report::{self, Report};
use crate::selection::Selection;
use crate::span::Span;
use crate::survey::{Connected, RunContext};

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
    let window = window(order.now, order.window)?;
    let path = &run.config.ledger;
    let mut ledger = if order.dry_run { ledger::look(path).await? } else { Some(ledger::open(path).await?) };
    let (owned, last) = match &mut ledger {
        Some(ledger) => (ledger.owned().await?, ledger.head().await?),
        None => (BTreeMap::new(), None),
    };
    let journal = Journal::new("sync", report::run_id(order.now), &run.config.digest, run.clock);
    let lost = lost(run, &owned);
    let read = tokio::select! {
        read = run.survey(selection, order.now, window, owned) => read,
        () = run.stop.asked() => Err(anyhow!("told to stop while reading; nothing was changed")),
    };
    let mut ledger = ledger.filter(|_| !order.dry_run);
    if let (Err(error), Some(ledger)) = (&read, &mut ledger) {
        // Why it ended is what the caller has to hear, also where the ledger cannot be written.
        let _ = ledger.write(order.now, &[], &[journal.failed(error, last.as_ref())]).await;
    }
    let (inputs, connected, requests) = read?;
    let decision = inputs.decide();
    let mut report = Report::planned(order.dry_run, &inputs, &decision);
    report.requests.sources = requests;
    report.requests.targets = requests_of(&connected);
    for (name, error) in lost {
        report.targets.entry(name).or_default().error = Some(error);
    }
    if !order.force {
        report.refused = decision.refusals.iter().map(ToString::to_string).collect();
    }
    let Some(ledger) = ledger else { return Ok(ended(report)) };

    let ledger = Mutex::new(ledger);
    if report.refused.is_empty() {
        let carried = apply(run, &journal, order, (&inputs, &decision), &connected, &ledger, &report).await?;
        record(&mut report, &decision, carried);
        report.requests.targets = requests_of(&connected);
    }
    let mut report = ended(report);
    let end = journal.end(&report, last.as_ref());
    if let Err(error) = ledger.into_inner().write(order.now, &[], &end).await {
        report.ledger_error.get_or_insert(format!("{error:#}"));
    }
    Ok(ended(report))
}

/// What the ledger says is ours, without taking the lock.
pub async fn owned(ledger: &Path) -> Result<BTreeMap<String, Vec<Owned>>> {
    match ledger::look(ledger).await? {
        Some(mut ledger) => ledger.owned().await,
        None => Ok(BTreeMap::new()),
    }
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

/// Carries out every plan, all targets side by side.
async fn apply(
    run: &RunContext<'_>,
    journal: &Journal,
    order: Order,
    (inputs, decision): (&Inputs, &Decision),
    connected: &[Connected],
    ledger: &Mutex<Box<dyn Ledger>>,
    report: &Report,
) -> Result<BTreeMap<String, Carried>> {
    if report.changes().next().is_some() {
        let begin = journal.begin(report, order.force);
        ledger.lock().await.write(order.now, &[], &begin).await.context("nothing was changed")?;
    }
    let applying = connected.iter().map(|Connected { name, target, .. }| async move {
        let plan = decision.plans[name].as_ref().ok()?;
        let (target, stop, progress, now) = (&**target, run.stop, run.progress, order.now);
        let applier = Applier { name, target, ledger, journal, stop, progress, now };
        let (outcomes, written) = applier.apply(plan, &inputs.targets[name].owned).await;
        Some((name.clone(), Carried { outcomes, broken: written.err() }))
    });
    Ok(join_all(applying).await.into_iter().flatten().collect())
}

fn record(report: &mut Report, decision: &Decision, carried: BTreeMap<String, Carried>) {
    for (name, Carried { outcomes, broken }) in carried {
        let Some(Ok(plan)) = decision.plans.get(&name) else { continue };
        let target = report.targets.entry(name).or_default();
        target.done(plan, &outcomes);
        if let Some(error) = broken {
            target.error = Some(format!("{error:#}"));
            report.ledger_error.get_or_insert(format!("{error:#}"));
        }
    }
}

fn requests_of(connected: &[Connected]) -> BTreeMap<String, u64> {
    connected.iter().map(|connected| (connected.name.clone(), connected.requests())).collect()
}

/// The report, counted, with what cron is told.
fn ended(mut report: Report) -> Report {
    report.count();
    let counts = &report.counts;
    let exit = match () {
        () if report.ledger_error.is_some() => Exit::CouldNotRun,
        () if !report.refused.is_empty() => Exit::Refused,
        () => Exit::when(counts.failed + counts.skipped + counts.unserved == 0),
    };
    report.exit_code = exit.code();
    report
}
