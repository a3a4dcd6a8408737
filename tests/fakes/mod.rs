//! Stand-in services: each keeps its state, checks credentials, and refuses what it does not know.

pub mod gate;
pub mod pagerduty;
pub mod strongdm;
