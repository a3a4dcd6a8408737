//! What a rule's spelling stands for, and which groups are filled by group rules.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use futures_util::future::{try_join, try_join_all};

use super::api::{Api, Group, OKTA_GROUP, Rule, may_be_group_id};
use super::fault::{is_forbidden, is_gone};
use crate::domain::Entitlement;
use crate::harmless::shown;
use crate::near::hint;

type Answers = BTreeMap<String, Result<BTreeSet<Entitlement>, String>>;

/// Letters of an unknown name by which near ones are looked for: slips are rarely at the start, and this many letters tell
/// most groups apart from the 300 that Okta shows at most.
const PREFIX: usize = 3;

/// What each spelling stands for: an id, or else the one group of exactly that name, compared on our side.
pub async fn resolve(api: &Api, spellings: &BTreeSet<String>) -> Result<Answers> {
    let texts: Vec<&str> = spellings.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    let listed = api.groups(&texts).await?;
    let mut groups: BTreeMap<String, Group> = listed.into_iter().map(|group| (group.id.clone(), group)).collect();
    // The index lags: what it does not know is asked for at the source, an id as such and a name by its first letters.
    let unknown: Vec<&str> = texts.into_iter().filter(|text| matching(text, &groups).is_empty()).collect();
    let prefixes: BTreeSet<String> = unknown.iter().map(|text| text.chars().take(PREFIX).collect()).collect();
    let ids = unknown.iter().filter(|text| may_be_group_id(text));
    let by_id = try_join_all(ids.map(|id| api.group(id)));
    let alike = try_join_all(prefixes.iter().map(|prefix| api.groups_like(prefix)));
    let (by_id, alike) = try_join(by_id, alike).await?;
    let fresh = by_id.into_iter().flatten().chain(alike.into_iter().flatten());
    groups.extend(fresh.map(|group| (group.id.clone(), group)));
    Ok(spellings.iter().map(|text| (text.clone(), entitlement(text, &groups))).collect())
}

/// The groups that a spelling means: the one with this id, else those of this name. No name passes for an id.
fn matching<'g>(text: &str, groups: &'g BTreeMap<String, Group>) -> Vec<&'g Group> {
    match groups.get(text) {
        Some(group) => vec![group],
        None => groups.values().filter(|group| group.name() == text).collect(),
    }
}

fn entitlement(text: &str, groups: &BTreeMap<String, Group>) -> Result<BTreeSet<Entitlement>, String> {
    if text.is_empty() {
        return Err("'' names no group; a name or an id belongs there".to_owned());
    }
    match &matching(text, groups)[..] {
        [] => {
            let near = hint(text, groups.values().map(Group::name));
            Err(format!("Okta shows this credential no group with the name or id '{}'{near}", shown(text)))
        }
        [group] => changeable(group).map(|()| BTreeSet::from([named(group)])),
        several => {
            let each: Vec<String> = several.iter().map(|group| format!("{} ({})", group.id, kind(group))).collect();
            Err(format!(
                "Okta has {} groups named '{}': {}; name one by its id",
                several.len(),
                shown(text),
                each.join(", ")
            ))
        }
    }
}

fn named(group: &Group) -> Entitlement {
    Entitlement { id: group.id.as_str().into(), name: group.name().into() }
}

fn kind(group: &Group) -> &str {
    group.kind.as_deref().unwrap_or("of no type")
}

/// Whether somebody can be put into the group, or why not.
fn changeable(group: &Group) -> Result<(), String> {
    let name = format!("'{}' ({})", shown(group.name()), group.id);
    match kind(group) {
        OKTA_GROUP => Ok(()),
        "APP_GROUP" => Err(format!(
            "the members of {name} are kept by the app that it was imported from (type APP_GROUP), and Okta refuses to change \
             them; give a group that was made in Okta, or change the members where they come from"
        )),
        "BUILT_IN" => Err(format!(
            "{name} is built in (type BUILT_IN): Okta alone says who is in it, as everyone is in Everyone; give a group \
             of your own"
        )),
        other => Err(format!(
            "{name} is of the type {}, and Okta lets only the members of groups of the type {OKTA_GROUP} be changed",
            shown(other)
        )),
    }
}

/// Which groups are filled by active rules.
///
/// Okta's API names the groups that a rule fills and the users that it leaves alone, and not whom it has put where: that
/// would take its expression evaluated. So of a member of such a group nobody but our ledger can say how they came there.
pub struct Filled(BTreeMap<String, Vec<Rule>>);

impl Filled {
    /// None where Okta shows no rules: not every role that may change members may read them.
    ///
    /// # Errors
    /// Where Okta does not answer.
    pub async fn read(api: &Api) -> Result<Self> {
        match api.rules().await {
            Ok(rules) => Ok(Self::by(rules)),
            Err(error) if is_forbidden(&error) || is_gone(&error) => {
                tracing::info!(
                    "which groups are filled by group rules is not known, for Okta does not show them: {error:#}"
                );
                Ok(Self::default())
            }
            Err(error) => Err(error.context("the group rules of Okta cannot be read")),
        }
    }

    pub fn by(rules: Vec<Rule>) -> Self {
        let mut filled: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
        for rule in rules.into_iter().filter(Rule::is_active) {
            for group in rule.groups() {
                filled.entry(group.clone()).or_default().push(rule.clone());
            }
        }
        Self(filled)
    }

    /// The rules that may have put this user into the group.
    pub fn possibly<'s>(&'s self, group: &str, user: &'s str) -> impl Iterator<Item = &'s Rule> {
        self.0.get(group).into_iter().flatten().filter(move |rule| !rule.excludes(user))
    }
}

impl Default for Filled {
    fn default() -> Self {
        Self::by(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn groups(groups: &[(&str, &str, &str)]) -> BTreeMap<String, Group> {
        let group = |(id, kind, name): &(&str, &str, &str)| {
            let group = json!({ "id": id, "type": kind, "profile": { "name": name } });
            ((*id).to_owned(), serde_json::from_value(group).expect("a group"))
        };
        groups.iter().map(group).collect()
    }

    fn ids(text: &str, groups: &BTreeMap<String, Group>) -> Vec<String> {
        let found = entitlement(text, groups).expect("found");
        found.into_iter().map(|entitlement| entitlement.id.to_string()).collect()
    }

    #[test]
    fn a_name_is_compared_exactly_and_an_id_comes_first() {
        let groups = groups(&[
            ("00g1", OKTA_GROUP, "dba"),
            ("00g2", OKTA_GROUP, "DBA"),
            ("00g3", OKTA_GROUP, "00g1"),
            ("00g4", OKTA_GROUP, "dba-2"),
        ]);
        assert_eq!(ids("dba", &groups), ["00g1"]);
        assert_eq!(ids("00g1", &groups), ["00g1"]);
        assert_eq!(ids("00g4", &groups), ["00g4"]);
        let error = entitlement("dba-22", &groups).expect_err("unknown");
        assert!(error.contains("did you mean 'dba-2'"), "{error}");
        assert!(entitlement("", &groups).is_err());
    }

    #[test]
    fn two_of_one_name_are_listed_with_id_and_type() {
        let groups = groups(&[("00g1", OKTA_GROUP, "dba"), ("00g2", "APP_GROUP", "dba")]);
        let error = entitlement("dba", &groups).expect_err("two");
        assert!(error.contains("00g1 (OKTA_GROUP), 00g2 (APP_GROUP)"), "{error}");
        assert_eq!(ids("00g1", &groups), ["00g1"]);
    }

    #[test]
    fn what_cannot_be_changed_is_refused_with_the_reason() {
        let groups =
            groups(&[("00g1", "APP_GROUP", "ad"), ("00g2", "BUILT_IN", "Everyone"), ("00g3", "NEW_KIND", "new")]);
        for (text, words) in [("ad", "imported"), ("00g2", "built in"), ("new", "NEW_KIND")] {
            let error = entitlement(text, &groups).expect_err("refused");
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_group_is_filled_by_active_rules_but_for_those_they_exclude() {
        let rule = |id: &str, status: &str, excluded: Value| {
            let people = json!({ "users": { "exclude": excluded } });
            let actions = json!({ "assignUserToGroups": { "groupIds": ["00g1"] } });
            let rule = json!({ "id": id, "status": status, "conditions": { "people": people }, "actions": actions });
            serde_json::from_value::<Rule>(rule).expect("a rule")
        };
        let filled = Filled::by(vec![rule("1", "ACTIVE", json!(["00u1"])), rule("2", "INACTIVE", json!([]))]);
        let possibly = |group, user| filled.possibly(group, user).map(|rule| rule.id.clone()).collect::<Vec<_>>();
        assert_eq!(possibly("00g1", "00u2"), ["1"]);
        assert_eq!(possibly("00g1", "00u1"), [""; 0]);
        assert_eq!(possibly("00g2", "00u2"), [""; 0]);
    }
}
