//! Access follows the on-call schedule.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::todo, clippy::unimplemented, clippy::too_many_lines))]

pub mod apply;
pub mod cli;
pub mod config;
pub mod domain;
pub mod ledger;
pub mod near;
pub mod net;
pub mod progress;
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
pub mod zone;
