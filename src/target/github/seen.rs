//! What was last read, kept in step with what was changed since.

use std::collections::{BTreeMap, BTreeSet};

use super::wire::{Member, Team};
use crate::domain::Access;

/// What was last read, kept in step with what was changed since.
#[derive(Debug, Default)]
pub struct Seen {
    /// Teams by id: `None` for one that is gone. What is not here was not read.
    pub teams: BTreeMap<String, Option<Team>>,
    /// What was about to be changed, and nobody knows how it ended.
    pub doubtful: BTreeSet<Access>,
    /// The logins of active members of the organisation, by account id.
    pub logins: BTreeMap<String, String>,
}

impl Seen {
    /// Where `access` is, `None` inside where the team is gone; `None` where it has to be read.
    pub fn place(&self, access: &Access) -> Option<Option<Place>> {
        if self.doubtful.contains(access) {
            return None;
        }
        let team = self.teams.get(&*access.entitlement.id)?;
        Some(team.as_ref().map(|team| {
            let login = number(access).and_then(|id| team.members.get(&id)).map(|member| member.login.clone());
            Place { slug: team.slug.clone(), login }
        }))
    }

    /// Takes in a new reading of one access: of others in the team, what was changed meanwhile is newer.
    pub fn learn(&mut self, access: &Access, found: Option<Team>) {
        self.doubtful.remove(access);
        match (self.teams.get_mut(&*access.entitlement.id), found) {
            (Some(Some(known)), Some(found)) => {
                let member = number(access).and_then(|id| found.members.get(&id).cloned());
                known.slug = found.slug;
                known.set(access, member);
            }
            (_, found) => drop(self.teams.insert(access.entitlement.id.to_string(), found)),
        }
    }

    /// Notes how a change of `access` ended.
    pub fn changed(&mut self, access: &Access, member: Option<Member>) {
        self.doubtful.remove(access);
        if let Some(Some(team)) = self.teams.get_mut(&*access.entitlement.id) {
            team.set(access, member);
        }
    }
}

impl Team {
    fn set(&mut self, access: &Access, member: Option<Member>) {
        let Some(id) = number(access) else { return };
        match member {
            Some(member) => drop(self.members.insert(id, member)),
            None => drop(self.members.remove(&id)),
        }
    }
}

/// The account's id as GitHub counts.
pub fn number(access: &Access) -> Option<u64> {
    access.account.0.parse().ok()
}

/// Where a team is, and under which login an account is in it, if it is.
pub struct Place {
    pub slug: String,
    pub login: Option<String>,
}
