//! The verbs beside the sync: who is on call, whether all is well, what we own, a copy of that, what was done, and why.

mod audit;
mod explain;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use chrono::{DateTime, Utc};

use crate::config::Config;
use crate::exit::Exit;
use crate::ledger::{self, LedgerConfig};
use crate::report::{self, Owning, Roster, ShiftReport, Style};
use crate::run;
use crate::selection::Selection;
use crate::span::Span;
use crate::survey::RunContext;

pub use audit::{audit, head, verify};
pub use explain::{Question, explain};

/// Time for a copy, of which the audit log of many years is the most.
const COPY: Duration = Duration::from_secs(3600);

/// `shifts`: who is on call, by every schedule that a rule follows.
pub async fn shifts(
    run: &RunContext<'_>,
    selection: &Selection,
    from: DateTime<Utc>,
    window: Span,
    style: &Style<'_>,
    json: bool,
) -> Result<u8> {
    let window = run::window(from, window)?;
    let (readings, _) = run.sources(&selection.asked, window).await?;
    let (mut shifts, mut errors, mut remarks) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
    for ((source, _), reading) in &readings {
        match reading {
            Ok(reading) => {
                shifts.extend(reading.shifts.iter().map(|shift| ShiftReport::new(source, shift)));
                remarks.extend(reading.remarks.iter().cloned());
            }
            Err(error) => errors.push(error.clone()),
        }
    }
    let exit = Exit::when(errors.is_empty());
    let window = report::Span { from: Some(window.start()), until: Some(window.end()) };
    let remarks = remarks.into_iter().collect();
    let roster = Roster { version: report::VERSION, window, shifts: shifts.into_iter().collect(), errors, remarks };
    if json { report::print(&report::json(&roster)) } else { report::tell(&report::shifts_text(&roster, style.zone)) }?;
    Ok(exit.code())
}

/// `check`: credentials and names, and whether everyone on call in the window has an account.
pub async fn check(
    run: &RunContext<'_>,
    selection: &Selection,
    now: DateTime<Utc>,
    window: Span,
    style: &Style<'_>,
    json: bool,
) -> Result<u8> {
    let owned = run::owned(&run.config.ledger).await?;
    let (mut inputs, _, _) = run.survey(selection, now, run::window(now, window)?, owned).await?;
    inputs.partial = true;
    let checked = report::Checked::new(&inputs, &inputs.decide());
    if json { report::print(&report::json(&checked)) } else { report::tell(&checked.text(style)) }?;
    Ok(Exit::when(checked.ok).code())
}

/// `grants`: what the ledger says is ours.
pub async fn grants(config: &Config, style: &Style<'_>, json: bool) -> Result<u8> {
    let owned = run::owned(&config.ledger).await?;
    let all = owned.iter().flat_map(|(target, owned)| owned.iter().map(move |owned| (&**target, owned)));
    let owning = Owning::new(all);
    if json { report::print(&report::json(&owning)) } else { report::tell(&report::grants_text(&owning, style.zone)) }?;
    Ok(Exit::Fine.code())
}

/// `ledger copy`: all that a ledger holds, in another place.
pub async fn copied(from: &str, to: &str) -> Result<u8> {
    let place =
        |text: &str, which: &str| LedgerConfig::argument(text).map_err(|sentence| anyhow!("{which} {sentence}"));
    ensure!(from != to, "FROM and TO are the same place; nothing was copied");
    let deadline = tokio::time::Instant::now() + COPY;
    let copied = ledger::copy(&place(from, "FROM")?, &place(to, "TO")?, deadline).await?;
    report::tell(&report::copied_text(&copied))?;
    Ok(Exit::Fine.code())
}
