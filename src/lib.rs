//! Access follows the on-call schedule.
//!
//! ```text
//!  sources ──▶ shifts ──▶ desired ─┐
//!                                  ├─▶ plan ──▶ apply ──▶ report
//!  targets ──▶ current ────────────┤    │         │
//!  ledger  ──▶ owned ──────────────┘    └ dry run ┘ ledger
//! ```
//!
//! One run reads who is on call, decides what each person should hold, and gives, moves and takes back grants until the
//! targets agree. Only what the ledger owns is ever changed. [`run`] is this picture in code; a dry run is the absence of
//! its call to [`apply`].
//!
//! | module | what it is for |
//! |---|---|
//! | [`domain`] | the decision, pure: periods, shifts, grants, rules, plan, limits. No I/O, no clock, names no platform |
//! | [`run`] | the one path: survey, plan, check the limits, apply, report |
//! | [`survey`] | every source and target read, side by side |
//! | [`apply`] | a plan carried out, the ledger kept in step |
//! | [`decision`] | the plans and refusals from what was read |
//! | [`conformance`] | what every target promises, step by step: for tests, and for `check --conformance` |
//! | [`selection`] | which rules this run is about |
//! | [`source`] | where shifts come from: the trait, and one folder per source |
//! | [`target`] | where access is given: the trait, and one folder per target |
//! | [`ledger`] | the record of what is ours, and its audit log |
//! | [`audit`] | what the audit log holds: events, chained by their hashes |
//! | [`describe`] | what every description of a source or target can do |
//! | [`net`] | one client for HTTP and one for gRPC: deadlines, retries, rate limits, proxies, private CAs |
//! | [`command`] | a program of the user's: without a shell, bounded, never left running |
//! | [`exec`] | the protocol in which a command of the user's is asked, for both sides |
//! | [`config`] | the config file as typed data, its faults reported together |
//! | [`recording`] | what a plan was made from, kept and planned again: `--record`, `--replay` |
//! | [`secret`] | a secret from environment, file or command; never shown |
//! | [`span`] | lengths of time as people write them |
//! | [`harmless`] | text from elsewhere, with what a terminal would obey written out |
//! | `mutex` | a mutex that knows no poison |
//! | [`near`] | what may have been meant by a name that is unknown |
//! | [`words`] | words that agree with a number |
//! | [`zone`] | the only module that knows time zones |
//! | [`report`] | text and JSON; the only module that prints |
//! | [`progress`] | bars on a terminal |
//! | [`show`] | the verbs that change no access: `shifts`, `check`, `grants`, `audit`, `explain`, `ledger copy` |
//! | [`starter`] | `init` |
//! | [`exit`] | what cron is told |
//! | [`stop`] | the word to stop, from a signal or the deadline |
//! | [`cli`] | the command line: clap structs, and which options mean something to which verb |
//!
//! A new source or target is one folder with its `Config` and its trait in `mod.rs` and the vendor's requests in `api.rs`,
//! four lines in [`source`] or [`target`], a stand-in in `tests/fakes`, a test file that runs the shared contract, an example
//! config and a row in the README.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::todo, clippy::unimplemented, clippy::too_many_lines))]

pub mod apply;
pub mod audit;
pub mod cli;
pub mod command;
pub mod config;
pub mod conformance;
pub mod decision;
pub mod describe;
pub mod domain;
pub mod exec;
pub mod exit;
pub mod harmless;
pub mod ledger;
mod mutex;
pub mod near;
pub mod net;
pub mod progress;
pub mod recording;
pub mod report;
pub mod run;
pub mod secret;
pub mod selection;
pub mod show;
pub mod source;
pub mod span;
pub mod starter;
pub mod stop;
pub mod survey;
pub mod target;
#[cfg(test)]
mod testing;
pub mod words;
pub mod zone;
