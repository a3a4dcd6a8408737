//! Stand-in services: each keeps its state, checks credentials, and refuses what it does not know. And a real database.

pub mod pagerduty;
pub mod postgres;
pub mod strongdm;
