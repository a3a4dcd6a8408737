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

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use tokio::sync::Mutex;

use crate::apply::{Applier, Outcome};
use crate::audit::Journal;
use crate::decision::{Decision, Inputs};
use crate::domain::{Owned, Period};
use crate::ledger::{self, Ledger, LedgerConfig};
use crate::recording;
use crate::report::{self, Report, Requests, Reviewed};
use crate::selection::Selection;
use crate::span::Span;
use crate::survey::{Connected, RunContext};

/// What one run is to do.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    pub now: DateTime<Utc>,
    pub window: Span,
    /// The plan is the end.
    pub dry_run: bool,
    /// The limits do not bind this run.
    pub force: bool,
    /// The plan that a person has looked at; another one is not carried out.
    pub expected: Option<&'a Reviewed>,
    /// Where to write down what the plan was made from.
    pub record: Option<&'a Path>,
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
pub async fn sync(run: &RunContext<'_>, selection: &Selection, order: Order<'_>) -> Result<Report> {
    let window = window(order.now, order.window)?;
    let place = &run.config.ledger;
    let ledger = if order.dry_run { ledger::look(place).await? } else { Some(ledger::open(place, run.stop).await?) };
    let ledger = ledger.map(Mutex::new);
    let journal = Journal::new(selection.purpose.verb(), report::run_id(order.now), &run.config.digest, run.clock);
    let report = with(run, selection, order, window, &journal, ledger.as_ref()).await;
    if let Some(ledger) = ledger {
        let mut ledger = ledger.into_inner();
        if let (Err(error), false) = (&report, order.dry_run) {
            let last = ledger.head().await.unwrap_or_default();
            // Why it ended is what the caller has to hear, also where the ledger cannot be written.
            let _ = ledger.write(order.now, &[], &[journal.failed(error, last.as_ref())]).await;
        }
        ledger.close().await;
    }
    report
}

async fn with(
    run: &RunContext<'_>,
    selection: &Selection,
    order: Order<'_>,
    window: Period,
    journal: &Journal,
    ledger: Option<&Mutex<Box<dyn Ledger>>>,
) -> Result<Report> {
    let (owned, last, last_run) = match ledger {
        Some(ledger) => {
            let mut ledger = ledger.lock().await;
            let (owned, last) = (ledger.owned().await?, ledger.head().await?);
            let last_run = match run.clock.is_machines() {
                true => ledger::last_run(&mut **ledger, last.as_ref()).await?,
                false => None,
            };
            (owned, last, last_run)
        }
        None => (BTreeMap::new(), None, None),
    };
    let (mut inputs, connected, requests) = run.survey(selection, order.now, window, owned).await?;
    inputs.witnesses.last_run = last_run;
    let decision = inputs.decide();
    ensure!(decision.missed.is_empty(), "{}; nothing was changed", decision.missed.join("; "));
    let mut report = Report::planned(order.dry_run, &inputs, &decision);
    report.requests = Requests { sources: requests, targets: requests_of(&connected) };
    report.check(&decision, order.force, order.expected);
    if let Some(file) = order.record {
        recording::write(file, &report, &inputs, &run.config.timezone)?;
    }
    let Some(ledger) = ledger.filter(|_| !order.dry_run) else { return Ok(report.ended()) };

    if report.may_go_on() {
        let carried = apply(run, journal, order, (&inputs, &decision), &connected, ledger, &report).await?;
        record(&mut report, &decision, carried);
        report.requests.targets = requests_of(&connected);
    }
    let mut report = report.ended();
    let end = journal.end(&report, last.as_ref());
    if let Err(error) = ledger.lock().await.write(order.now, &[], &end).await {
        report.ledger_error.get_or_insert(format!("{error:#}"));
    }
    Ok(report.ended())
}

/// What the ledger says is ours, without taking the lock.
pub async fn owned(ledger: &LedgerConfig) -> Result<BTreeMap<String, Vec<Owned>>> {
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

/// Carries out every plan, all targets side by side.
async fn apply(
    run: &RunContext<'_>,
    journal: &Journal,
    order: Order<'_>,
    (inputs, decision): (&Inputs, &Decision),
    connected: &[Connected],
    ledger: &Mutex<Box<dyn Ledger>>,
    report: &Report,
) -> Result<BTreeMap<String, Carried>> {
    if report.changes().next().is_some() {
        let begin = journal.begin(report, order.force);
        ledger.lock().await.write(order.now, &[], &begin).await.context("nothing was changed")?;
    }
    let applying = decision.plans.iter().map(|(name, plan)| async move {
        let plan = plan.as_ref().ok()?;
        let target = connected.iter().find(|connected| connected.name == *name).map(|connected| &*connected.target);
        let (stop, progress, now) = (run.stop, run.progress, order.now);
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
