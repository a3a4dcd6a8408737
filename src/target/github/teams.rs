//! Which team a rule means, and who is in it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::api::Api;
use super::wire::{Team, TeamName};
use crate::domain::Entitlement;
use crate::near::hint;

/// The teams asked for.
#[derive(Debug, Default)]
pub struct Teams {
    pub answers: BTreeMap<String, Result<BTreeSet<Entitlement>, String>>,
    /// By their ids; what is owned, and neither here nor hidden, is gone.
    pub teams: BTreeMap<String, Team>,
    /// Why what is owned, by its id, may be there although it is not shown.
    pub hidden: BTreeMap<String, String>,
}

/// The team as an entitlement: its id outlives a new name.
pub fn entitlement(team: &Team) -> Entitlement {
    Entitlement { id: team.id.to_string().into(), name: team.slug.as_str().into() }
}

/// The teams that the spellings stand for, and those owned, each read once.
///
/// Every name is tried as a slug first; only where one is none are all teams listed, for a name, a renamed team or a hint.
///
/// # Errors
/// Where GitHub does not answer.
pub async fn find(api: &Api, spellings: &BTreeSet<String>, owned: &BTreeSet<Entitlement>) -> Result<Teams> {
    let owned: BTreeMap<&str, &str> = owned.iter().map(|owned| (&*owned.id, &*owned.name)).collect();
    let names: BTreeSet<String> = spellings.iter().cloned().chain(owned.values().map(ToString::to_string)).collect();
    let names: Vec<String> = names.into_iter().filter(|name| !name.trim().is_empty()).collect();
    let found = api.teams(&names).await?;
    let mut teams: BTreeMap<String, Team> =
        found.into_iter().flatten().map(|team| (team.id.to_string(), team)).collect();
    let named = |teams: &BTreeMap<String, Team>, spelling: &str| {
        teams.values().any(|team| is_called(&team.slug, &team.name, spelling))
    };
    let unknown = spellings.iter().any(|spelling| !named(&teams, spelling));
    let (mut all, mut are_all) = (Vec::new(), true);
    if unknown || owned.keys().any(|id| !teams.contains_key(*id)) {
        (all, are_all) = api.all_teams().await?;
        let wanted = |team: &&TeamName| {
            let id = team.database_id.to_string();
            let asked = spellings.iter().any(|spelling| is_called(&team.slug, &team.name, spelling));
            !teams.contains_key(&id) && (asked || owned.contains_key(&*id))
        };
        let slugs: Vec<String> = all.iter().filter(wanted).map(|team| team.slug.clone()).collect();
        let more = api.teams(&slugs).await?;
        teams.extend(more.into_iter().flatten().map(|team| (team.id.to_string(), team)));
    }
    let answer = |spelling: &String| {
        (spelling.clone(), resolve(spelling, &teams, &all).map(|team| BTreeSet::from([entitlement(team)])))
    };
    let answers: BTreeMap<_, _> = spellings.iter().map(answer).collect();
    // What a name led to that is neither meant nor owned is not shown.
    let meant: BTreeSet<String> = answers.values().flatten().flatten().map(|team| team.id.to_string()).collect();
    teams.retain(|id, _| meant.contains(id) || owned.contains_key(&**id));
    let missing = owned.iter().filter(|(id, _)| !teams.contains_key(**id));
    let hidden = missing.filter_map(|(id, name)| {
        let listed = all.iter().any(|team| team.database_id.to_string() == **id);
        let why = if listed {
            format!("the team '{name}' was renamed while it was read, and the next run reads it anew")
        } else if are_all {
            return None;
        } else {
            format!(
                "GitHub shows this token no team '{name}' ({id}) any more, and no token but an owner's is shown them all: it may \
                 have been deleted, or be secret; let the token see it, or, once nobody of ours is in it any more, \
                 `oncall-sync release --entitlement {id}`"
            )
        };
        Some(((*id).to_owned(), why))
    });
    let hidden = hidden.collect();
    Ok(Teams { answers, teams, hidden })
}

fn is_called(slug: &str, name: &str, spelling: &str) -> bool {
    slug == spelling || name == spelling
}

/// The one team of this slug, or else of this name.
fn resolve<'t>(spelling: &str, teams: &'t BTreeMap<String, Team>, all: &[TeamName]) -> Result<&'t Team, String> {
    if let Some(team) = teams.values().find(|team| team.slug == spelling) {
        return Ok(team);
    }
    let found: Vec<&Team> = teams.values().filter(|team| team.name == spelling).collect();
    match found.as_slice() {
        [team] => Ok(team),
        [] => {
            let names = all.iter().flat_map(|team| [&*team.slug, &*team.name]);
            Err(format!("GitHub shows this token no team '{spelling}'{}", hint(spelling, names)))
        }
        several => {
            let slugs: Vec<_> = several.iter().map(|team| format!("'{}'", team.slug)).collect();
            Err(format!("GitHub has several teams named '{spelling}'; say which by its slug: {}", slugs.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn team(id: u64, slug: &str, name: &str) -> (String, Team) {
        (id.to_string(), Team { id, slug: slug.into(), name: name.into(), members: BTreeMap::new() })
    }

    fn names(teams: &BTreeMap<String, Team>) -> Vec<TeamName> {
        let name = |team: &Team| TeamName { database_id: team.id, slug: team.slug.clone(), name: team.name.clone() };
        teams.values().map(name).collect()
    }

    #[test]
    fn a_slug_wins_over_a_name_and_both_are_exact() {
        let teams = BTreeMap::from([team(1, "ops", "Operations"), team(2, "ops-1", "ops"), team(3, "dba", "DBA")]);
        let found = |spelling| resolve(spelling, &teams, &names(&teams)).map(|team| team.id);
        assert_eq!(found("ops"), Ok(1));
        assert_eq!(found("Operations"), Ok(1));
        assert_eq!(found("DBA"), Ok(3));
        let why = found("Dba").expect_err("another case is another name");
        assert!(why.contains("'Dba'") && why.contains("did you mean"), "{why}");
    }

    #[test]
    fn two_teams_of_one_name_are_told_apart_by_slug() {
        let teams = BTreeMap::from([team(1, "dba-1", "DBA"), team(2, "dba-2", "DBA")]);
        let why = resolve("DBA", &teams, &[]).expect_err("two");
        assert!(why.contains("'dba-1', 'dba-2'"), "{why}");
    }

    #[test]
    fn an_unknown_team_comes_with_near_ones() {
        let teams = BTreeMap::from([team(1, "oncall-dba", "On-call DBA")]);
        let why = resolve("oncall-dbas", &BTreeMap::new(), &names(&teams)).expect_err("none");
        assert!(why.contains("'oncall-dbas'") && why.contains("'oncall-dba'"), "{why}");
    }

    #[test]
    fn a_team_keeps_its_id_under_another_name() {
        let (_, old) = team(1, "dba", "DBA");
        let (_, new) = team(1, "databases", "Databases");
        assert_eq!(entitlement(&old), entitlement(&new));
    }
}
