//! A rota file: who is on call, written down as rotations in TOML, or as a plain list in CSV.
//!
//! Needs no service and no account. The same file gives the same shifts to everybody; nothing else is stored.
//!
//! ```toml
//! [people]                                  # short names; an e-mail may stand anywhere a name does
//! alice = "alice@example.com"
//! bob = "bob@example.com"
//!
//! [schedules.database]
//! timezone = "Europe/Berlin"                # every time below is this clock, unless it carries an offset
//!
//! [[schedules.database.layers]]             # a later layer covers the earlier ones wherever it counts, also with "nobody"
//! start = "2026-01-05 09:00"                # the first turn begins; so hand-over is on Mondays at 09:00
//! every = "1 week"                          # N hours, days, weeks or months
//! users = ["alice", ["alice", "bob"], "nobody"]
//! during = ["Mon-Fri 09:00-17:00"]          # which hours of the week count; it does not stop the turns
//! end = "2027-01-04 09:00"
//!
//! [[schedules.database.overrides]]          # covers all layers; a later override covers an earlier one
//! from = "2026-12-24 18:00"
//! to = "2026-12-27 09:00"
//! user = "bob"
//! replaces = "alice"                        # only where alice would be on call
//! reason = "Christmas"
//! ```
//!
//! Turn *k* lasts from `start + k·every` to `start + (k+1)·every` on the wall clock, placed in the zone afterwards: hand-over
//! stays at nine all year. A time that the clock skips is pushed on by the gap, of one that it shows twice the first is
//! taken; a day that a month lacks is its last.
//!
//! A file whose name ends in `.csv` is a list of overrides and nothing else, as a spreadsheet writes it:
//!
//! ```csv
//! schedule,user,from,to,reason,timezone
//! database,alice@example.com,2026-01-05 09:00,2026-01-12 09:00,,Europe/Berlin
//! database,bob@example.com,2026-01-12 09:00,2026-01-19T08:00:00Z,"swap, ski trip",Europe/Berlin
//! ```
//!
//! The header is required, its columns come in any order; `reason` and `timezone` may be left out. A person is an e-mail
//! address (or `nobody`, for a gap). A time without an offset is by the row's `timezone`, else by that of the source. A later
//! row covers an earlier one, as with overrides. A field holds no line break, for an unclosed quote would swallow rows.

mod during;
mod expand;
mod faults;
mod list;
mod rota;
mod schedule;
#[cfg(test)]
mod tests;
mod track;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};
use async_trait::async_trait;
use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;

use crate::describe::{Describe, Resolve};
use crate::domain::{Coverage, OnCall, Period, Person, Reading, Schedule, Shift};
use crate::near::hint;
use crate::net::Context;
use crate::words::{agree, count};
use crate::zone::Zone;
use expand::{Duty, Expansion};

/// The largest file that is read: a hundred thousand overrides. A larger one is a wrong path.
const LARGEST: u64 = 16 << 20;

/// Faults that are told one by one: more than a person mends in one go, and less than what floods a log.
const FAULTS_TOLD: usize = 100;

/// Remarks on single lines that are told one by one, for the same reasons.
const REMARKS_TOLD: usize = 20;

/// Uncovered stretches that are told one by one. A schedule for office hours has two every day, and a report is for reading.
const STRETCHES_TOLD: usize = 3;

/// A rota file, in TOML (see `examples/rota.toml`) or, where its name ends in `.csv`, a plain list.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The rota file; a relative path starts at the config file's folder.
    pub path: PathBuf,
    /// The IANA zone of schedules (in CSV: of rows) that name none, for instance `Europe/Berlin`.
    pub timezone: Option<String>,
}

impl Resolve for Config {
    fn resolve(&mut self, folder: &Path) {
        self.path.resolve(folder);
    }
}

#[async_trait]
impl Describe<dyn super::Source> for Config {
    /// Fails where `timezone` is no zone.
    async fn connect(&self, _: Context) -> Result<Box<dyn super::Source>> {
        let zone = self.timezone.as_deref().map(Zone::parse).transpose();
        let zone = zone.context("`timezone` of a rota source cannot be used")?;
        Ok(Box::new(File { path: self.path.clone(), zone }))
    }
}

/// The rota file as a source. It is read anew at each reading.
pub struct File {
    path: PathBuf,
    zone: Option<Zone>,
}

impl File {
    /// Its schedules by name, or one sentence for each fault.
    async fn load(&self) -> Result<BTreeMap<String, schedule::Schedule>, String> {
        let path = self.path.display();
        let text = text(&self.path).await.map_err(|error| format!("cannot read the rota file {path}: {error:#}"))?;
        // Spreadsheets write a mark of the byte order in front.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let is_list = self.path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        let schedules = if is_list { list::parse } else { rota::parse }(text, self.zone.as_ref());
        schedules.map_err(|faults| {
            let told = faults.iter().take(FAULTS_TOLD);
            let mut lines: Vec<_> = told.map(|(line, fault)| format!("{path}:{line}: {fault}")).collect();
            if let Some(more) = faults.len().checked_sub(FAULTS_TOLD).filter(|more| *more > 0) {
                lines.push(format!("and {}", count(more, "more fault")));
            }
            format!("cannot use the rota file {path}:\n{}", lines.join("\n"))
        })
    }

    fn reading(&self, name: &str, schedules: &BTreeMap<String, schedule::Schedule>, window: Period) -> Result<Reading> {
        let Some(schedule) = schedules.get(name) else {
            let near = hint(name, schedules.keys().map(String::as_str));
            let known = schedules.keys().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
            let hint = if near.is_empty() { format!("; it has {known}") } else { near };
            return Err(anyhow!("the rota file {} has no schedule '{name}'{hint}", self.path.display()));
        };
        let Expansion { duties, uncovered } = schedule
            .rotation
            .expand(window)
            .map_err(|why| anyhow!("{}:{}: schedule '{name}' {why}", self.path.display(), schedule.line))?;
        let named = Schedule { id: name.to_owned(), name: name.to_owned() };
        let shifts = duties.into_iter().map(|duty| shift(&named, duty)).collect();
        let remarks = self.remarks(name, schedule, &uncovered, window);
        Ok(Reading { schedule: named, coverage: Coverage::Window, shifts, remarks })
    }

    /// What a person should know of the window: odd times and overlaps that still matter, and stretches uncovered.
    fn remarks(&self, name: &str, schedule: &schedule::Schedule, uncovered: &[Period], window: Period) -> Vec<String> {
        let path = self.path.display();
        // A day of grace: an odd time explains the shifts around it for a while.
        let since = window.start().checked_sub_signed(TimeDelta::days(1)).unwrap_or(window.start());
        let relevant: Vec<_> = schedule.remarks.iter().filter(|remark| remark.until >= since).collect();
        let told = relevant.iter().take(REMARKS_TOLD);
        let mut remarks: Vec<_> = told.map(|remark| format!("{path}:{}: {}.", remark.line, remark.sentence)).collect();
        if let Some(more) = relevant.len().checked_sub(REMARKS_TOLD).filter(|more| *more > 0) {
            remarks.push(format!(
                "{path}: {} of schedule '{name}' {} odd times or overlaps.",
                count(more, "more line"),
                agree(more, "has", "have")
            ));
        }
        let zone = &schedule.rotation.zone;
        let place = format!("{path}:{}", schedule.line);
        remarks.extend(uncovered.iter().take(STRETCHES_TOLD).map(|gap| {
            let (from, to) = (zone.format(gap.start()), zone.format(gap.end()));
            format!("{place}: nobody is on call in schedule '{name}' from {from} to {to}.")
        }));
        if let Some(more) = uncovered.len().checked_sub(STRETCHES_TOLD).filter(|more| *more > 0) {
            remarks.push(format!(
                "{place}: nobody is on call in schedule '{name}' in {} of the window.",
                count(more, "more stretch")
            ));
        }
        remarks
    }
}

/// The whole file, where it is one and of a sensible size.
async fn text(path: &Path) -> Result<String> {
    // A pipe is empty the second time, and may keep a run waiting for ever.
    ensure!(tokio::fs::metadata(path).await?.is_file(), "it is no regular file");
    let mut bytes = Vec::new();
    tokio::fs::File::open(path).await?.take(LARGEST + 1).read_to_end(&mut bytes).await?;
    ensure!(bytes.len() as u64 <= LARGEST, "it is larger than {} MiB", LARGEST >> 20);
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        anyhow!("line {line} is not UTF-8; save the file in that encoding")
    })
}

fn shift(schedule: &Schedule, duty: Duty) -> Shift {
    let Duty { start, end, member, overrides } = duty;
    let person = Person { id: member.email.to_string(), name: member.name, email: Some(member.email) };
    Shift { schedule: schedule.clone(), level: None, person, start: Some(start), end, overrides }
}

#[async_trait]
impl super::Source for File {
    async fn read(&self, asked: &BTreeSet<OnCall>, window: Period) -> BTreeMap<OnCall, Result<Reading>> {
        let schedules = self.load().await;
        let answer = |asked: &OnCall| match (asked, &schedules) {
            (_, Err(why)) => Err(anyhow!("{why}")),
            (OnCall::Schedule(name), Ok(schedules)) => self.reading(name, schedules, window),
        };
        asked.iter().map(|asked| (asked.clone(), answer(asked))).collect()
    }
}
