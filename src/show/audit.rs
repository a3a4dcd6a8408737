//! The audit log shown and checked; read page by page, for it only grows.

use anyhow::{Context as _, Result};

use crate::audit::{Filter, Head, Record, Verifier};
use crate::config::Config;
use crate::exit::Exit;
use crate::ledger::{self, Ledger};
use crate::report::{self, AuditForm};
use crate::zone::Zone;

/// Records in memory at once: some 700 KB, and few enough reads that they cost nothing.
const PAGE: u32 = 1000;

/// `audit`: the records that are asked for, in order.
pub async fn audit(config: &Config, filter: &Filter, form: AuditForm, zone: &Zone) -> Result<u8> {
    let mut told = false;
    let mut wanted = form != AuditForm::Csv || report::print_part(&form.head(zone))?;
    let mut pages = Pages::after(config, 0).await?;
    while wanted && let Some(page) = pages.next().await? {
        let mut out = String::new();
        for record in &page {
            let Some(event) = filter.pick(record)? else { continue };
            if !told && form != AuditForm::Csv {
                out.push_str(&form.head(zone));
            }
            told = true;
            out.push_str(&form.line(record, &event, zone));
        }
        wanted = report::print_part(&out)?;
    }
    if !told && form == AuditForm::Text {
        report::tell("The audit log holds nothing of the kind.\n")?;
    }
    Ok(Exit::Fine.code())
}

/// `audit --verify`: whether the log is whole.
pub async fn verify(config: &Config, expected: Option<Head>) -> Result<u8> {
    let mut verifier = Verifier::new(expected);
    // Numbers count from 1: below it there is only what somebody else put there.
    let mut pages = Pages::after(config, i64::MIN).await?;
    // Asked first, for a run may be writing meanwhile.
    let highest = match &mut pages.ledger {
        Some(ledger) => ledger.highest().await?,
        None => None,
    };
    while let Some(page) = pages.next().await? {
        page.iter().for_each(|record| verifier.see(record));
    }
    verifier.end(highest);
    report::tell(&report::verified_text(&verifier))?;
    Ok(Exit::when(verifier.faults.is_empty()).code())
}

/// `audit --head`: what to keep elsewhere.
pub async fn head(config: &Config) -> Result<u8> {
    let head = match ledger::look(&config.ledger).await? {
        Some(mut ledger) => ledger.head().await?,
        None => None,
    };
    report::tell(&format!("{}\n", Head::new(head.as_ref())))?;
    Ok(Exit::Fine.code())
}

/// The log, page by page.
pub(super) struct Pages {
    ledger: Option<Box<dyn Ledger>>,
    after: i64,
}

impl Pages {
    /// From the record after number `after` on; no page where there is no ledger.
    pub(super) async fn after(config: &Config, after: i64) -> Result<Self> {
        Ok(Self { ledger: ledger::look(&config.ledger).await?, after })
    }

    pub(super) async fn next(&mut self) -> Result<Option<Vec<Record>>> {
        let Some(ledger) = &mut self.ledger else { return Ok(None) };
        let page = ledger.records(self.after, PAGE).await.context("the audit log cannot be read")?;
        if let Some(last) = page.last() {
            self.after = last.number;
        }
        Ok((!page.is_empty()).then_some(page))
    }
}
