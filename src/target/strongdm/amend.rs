//! Moving a grant in time, which strongDM cannot do: another is made, and the old one deleted.
//!
//! The new one comes first. Where strongDM keeps one grant only for an account and a resource, the old one has to go
//! first, and whatever fails after that, the person gets back what they had.

use std::future::Future;
use std::time::Duration;

use anyhow::{Error, Result, ensure};
use tokio::time::Instant;

use super::api::is_same_instant;
use crate::domain::{Entitlement, Grant, GrantId, Held};
use crate::net::Context;
use crate::net::grpc::{self, Fate};
use crate::target::{Occupied, Restored};

/// Rounds of giving back what was taken, each of them with the attempts of [`crate::net::retry`]: together about ten
/// seconds, for an outage just then must not cost somebody their access.
const ROUNDS: usize = 3;

/// The time that must be left in the run before a grant is deleted ahead of its successor: for both calls and for one
/// round of giving back.
const RESERVE: Duration = Duration::from_secs(5);

/// Why a grant was not made.
#[derive(Debug)]
pub enum Refusal {
    /// These stand there, with other dates, and strongDM keeps one only.
    Occupied(Vec<Held>),
    Failed(Error),
}

impl Refusal {
    /// As an error, with [`Occupied`] in its chain where that is why.
    pub fn into_error(self, wanted: &Grant) -> Error {
        let standing = match self {
            Self::Failed(error) => return error,
            Self::Occupied(standing) => standing,
        };
        let each: Vec<_> = standing.iter().map(describe).collect();
        Error::new(Occupied(format!(
            "strongDM keeps one grant only for {} and '{}', and {} stands there",
            wanted.email,
            wanted.access.entitlement.name,
            each.join(", ")
        )))
    }

    /// Whether nothing would be in the way of `to` any more if this grant were gone.
    fn is_only_by(&self, id: &GrantId, to: &Grant) -> bool {
        let aside = |held: &Held| {
            held.until.is_some_and(|until| until <= to.period.start())
                || held.from.is_some_and(|from| to.period.end() <= from)
        };
        self.is_by(id) && matches!(self, Self::Occupied(all) if all.iter().all(|held| held.id == *id || aside(held)))
    }

    fn is_by(&self, id: &GrantId) -> bool {
        matches!(self, Self::Occupied(standing) if standing.iter().any(|held| held.id == *id))
    }
}

fn describe(Held { id, until, .. }: &Held) -> String {
    match until {
        Some(until) => format!("grant {id} until {}", until.format("%Y-%m-%d %H:%M:%S UTC")),
        None => format!("grant {id} without an end"),
    }
}

/// The calls that a move is made of.
pub trait Calls: Sync {
    fn context(&self) -> &Context;
    /// What is held already with the same dates answers its own id.
    fn create(&self, wanted: &Grant) -> impl Future<Output = Result<GrantId, Refusal>> + Send;
    /// What is gone already is success.
    fn delete(&self, id: &GrantId, entitlement: &Entitlement) -> impl Future<Output = Result<()>> + Send;
}

/// Gives `to` in place of `old`, whose id is `id`.
///
/// An error means that `old` stands as before, or says what stands instead; with [`Restored`] in its chain `old` stands
/// again under another id.
pub async fn amend(calls: &impl Calls, id: &GrantId, old: &Grant, to: &Grant) -> Result<GrantId> {
    match calls.create(to).await {
        Ok(new) if new == *id => Ok(new),
        Ok(new) => retire(calls, id, old, new).await,
        Err(refusal) if refusal.is_only_by(id, to) => replace(calls, id, old, to).await,
        Err(refusal) => Err(refusal.into_error(to)),
    }
}

/// Deletes the old grant now that the new one stands; both stay only where it is not certain which would be the last.
async fn retire(calls: &impl Calls, id: &GrantId, old: &Grant, new: GrantId) -> Result<GrantId> {
    let entitlement = &old.access.entitlement;
    let Err(error) = calls.delete(id, entitlement).await else { return Ok(new) };
    if may_have_happened(&error) {
        return Err(error.context(format!(
            "grant {new} has the new dates, and whether the old grant {id} is gone is not known; the next run will see"
        )));
    }
    match calls.delete(&new, entitlement).await {
        Ok(()) => Err(error.context(format!("grant {id} could not be deleted; it stands as before"))),
        Err(second) => Err(error.context(format!(
            "grant {id} could not be deleted, nor could grant {new}, which was to replace it ({second:#}); both stand, \
             delete the one that is not wanted"
        ))),
    }
}

/// Deletes the old grant and makes the new one, or the old one again.
async fn replace(calls: &impl Calls, id: &GrantId, old: &Grant, to: &Grant) -> Result<GrantId> {
    ensure!(
        calls.context().deadline().saturating_duration_since(Instant::now()) >= RESERVE,
        "grant {id} stands as before: there is too little time left in this run to replace it safely"
    );
    if let Err(error) = calls.delete(id, &old.access.entitlement).await {
        // Where it may be gone all the same, the only safe way is on.
        if !may_have_happened(&error) {
            return Err(error.context(format!("grant {id} could not be deleted; it stands as before")));
        }
    }
    match calls.create(to).await {
        Ok(new) => Ok(new),
        Err(refusal) => restore(calls, id, old, to, refusal).await,
    }
}

/// Gives back what was taken, for the rest of its time.
async fn restore(calls: &impl Calls, id: &GrantId, old: &Grant, to: &Grant, refusal: Refusal) -> Result<GrantId> {
    if refusal.is_by(id) {
        return Err(refusal.into_error(to).context(format!("grant {id} could not be deleted; it stands as before")));
    }
    let failed = refusal.into_error(to);
    let mut last = None;
    for _ in 0..ROUNDS {
        let Some(period) = old.period.from(calls.context().now()).map(|rest| rest.whole_seconds()) else {
            return Err(failed.context(format!("grant {id}, which has ended meanwhile, could not be replaced")));
        };
        match calls.create(&Grant { period, ..old.clone() }).await {
            Ok(again) => {
                let message = format!("{failed:#}; the old dates stand again, as grant {again} in place of {id}");
                return Err(Error::new(Restored { id: again, message }));
            }
            Err(Refusal::Occupied(standing)) => {
                if let Some(new) = standing.iter().find(|held| has_dates(held, to)) {
                    // The answer to its creation was lost, and it is there after all.
                    return Ok(new.id.clone());
                }
                let refusal = Refusal::Occupied(standing);
                if refusal.is_by(id) {
                    return Err(failed.context(format!("grant {id} could not be deleted; it stands as before")));
                }
                last = Some(refusal.into_error(old));
            }
            Err(Refusal::Failed(error)) => last = Some(error),
        }
    }
    let last = last.map_or(String::new(), |error| format!(" ({error:#})"));
    Err(failed.context(format!(
        "{} HAS LOST '{}': grant {id} was deleted to make way for its successor, and neither could be made{last}; give \
         access by hand until the next run succeeds",
        old.email, old.access.entitlement.name
    )))
}

/// Whether a grant that stands has the dates of one that is wanted, and may be taken for it.
pub fn has_dates(held: &Held, grant: &Grant) -> bool {
    !held.foreign
        && is_same_instant(held.from, Some(grant.period.start()))
        && is_same_instant(held.until, Some(grant.period.end()))
}

fn may_have_happened(error: &Error) -> bool {
    grpc::cause(error).is_none_or(|error| error.fate() == Fate::Unknown)
}

#[cfg(test)]
mod tests;
