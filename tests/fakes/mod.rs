//! Stand-in services: each keeps its state, checks credentials, and refuses what it does not know.

pub mod pagerduty;
pub mod strongdm;
