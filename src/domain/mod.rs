//! What the tool is about, as values and functions of values.
//!
//! Nothing here waits, reads a file, asks the clock, looks at the environment or logs: the same inputs give the same
//! outputs, in any order. That is what lets the properties be checked over thousands of random histories.

mod grant;
mod period;
mod shift;

pub use grant::{Access, Account, AccountId, Asked, Current, Entitlement, Grant, GrantId, Held, Owned, Reason, Tenure};
pub use period::Period;
pub use shift::{Coverage, Email, OnCall, Person, Reading, Schedule, Shift};
