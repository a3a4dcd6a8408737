//! What the tool is about, as values and functions of values.
//!
//! Nothing here waits, reads a file, asks the clock, looks at the environment or logs: the same inputs give the same
//! outputs, in any order. That is what lets the properties be checked over thousands of random histories.

mod adopt;
mod answer;
mod change;
mod clock;
mod desired;
mod explain;
mod grant;
mod limits;
mod names;
mod ownership;
mod period;
mod plan;
#[cfg(test)]
mod properties;
mod rule;
mod settle;
mod shift;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod world;

pub use adopt::{Adoptable, Candidate, adopt};
pub use answer::{Answer, Limit, OnDuty, Step, Verdict};
pub use change::{Change, Next, Note, OnDrift, Plan, Unfit};
pub use clock::{TOLERANCE, Witness, Witnesses};
pub use desired::{Desired, Known, Wanted};
pub use explain::Case;
pub use grant::{
    Access, Account, AccountId, Current, Entitlement, Grant, GrantId, Held, Owned, Reason, Reasons, Tenure,
};
pub use limits::{Limits, Refusal};
pub use names::{Names, Unknown};
pub use ownership::{Aliases, Choice, Item, Purpose, release, revoke, unknown_id};
pub use period::Period;
pub use plan::plan;
pub use rule::{Readings, Rule};
pub use shift::{Coverage, Email, OnCall, Override, Person, Reading, Schedule, Shift};
