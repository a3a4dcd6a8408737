//! The audit log shown and checked; read page by page, for it only grows.

use anyhow::{Context as _, Result, ensure};

use crate::audit::{Filter, Head, Record, Verifier};
use crate::config::Config;
use crate::domain::{Choice, Names, Unknown};
use crate::exit::Exit;
use crate::ledger::{self, Ledger};
use crate::report::{self, AuditForm};
use crate::zone::Zone;

/// Records in memory at once: some 700 KB, and few enough reads that they cost nothing.
const PAGE: u32 = 1000;

/// `audit`: the records that are asked for, in order.
///
/// # Errors
/// Where there are none and `asked` names what nothing knows, with near matches; or the ledger cannot be read.
pub async fn audit(config: &Config, asked: &Choice, filter: &Filter, form: AuditForm, zone: &Zone) -> Result<u8> {
    let (mut told, mut wanted) = (false, true);
    let mut pages = Pages::after(config, 0).await?;
    while wanted && let Some(page) = pages.next().await? {
        let mut out = String::new();
        for record in &page {
            let Some(event) = filter.pick(record)? else { continue };
            if !told {
                out.push_str(&form.head(zone));
            }
            told = true;
            out.push_str(&form.line(record, &event, zone));
        }
        wanted = report::print_part(&out)?;
    }
    if !told {
        let missed = names(config).await?.missed(asked, NOWHERE);
        ensure!(missed.is_empty(), "{}", missed.join("; "));
        match form {
            AuditForm::Text => report::tell("The audit log holds nothing of the kind.\n")?,
            AuditForm::Csv => report::print(&form.head(zone))?,
            AuditForm::Jsonl => {}
        }
    }
    Ok(Exit::Fine.code())
}

/// Of all that may be asked for.
const NOWHERE: Unknown = Unknown {
    target: "neither the config nor the audit log knows a target",
    email: "neither the config nor the audit log knows anybody by the address",
    entitlement: "neither the config nor the audit log knows an entitlement",
};

/// Whatever config and audit log know. What is ours is in the log.
async fn names(config: &Config) -> Result<Names> {
    let mut names = Names { targets: config.targets.keys().cloned().collect(), ..Names::default() };
    names.emails.extend(config.aliases.iter().flat_map(|(source, account)| [source, account]).cloned());
    names.entitlements.extend(config.rules.iter().flat_map(|rule| rule.grant.values().flatten().cloned()));
    let mut pages = Pages::after(config, 0).await?;
    while let Some(page) = pages.next().await? {
        for record in &page {
            record.event()?.what.name(&mut names);
        }
    }
    Ok(names)
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
