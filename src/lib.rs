//! Access follows the on-call schedule.

pub mod domain;
pub mod ledger;
pub mod net;
pub mod secret;
pub mod source;
pub mod span;
pub mod target;
