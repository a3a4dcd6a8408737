//! Okta's management API, in its own words: what is asked, and what it answers.
//!
//! Source: the vendor's OpenAPI description (okta-management-openapi-spec, 2026.06.3). What is optional here is so because
//! it may be absent or null, or because a run can do without.

use std::sync::Arc;

use ::http::{HeaderMap, HeaderValue, header};
use anyhow::Result;
use futures_util::future::join_all;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::fault::{explained, is_bad_request, is_gone, is_unsearchable};
use super::search::{any_of, batches, equals, halves};
use crate::net::{Context, Reach, http};

/// The kind of group whose members Okta itself keeps.
pub const OKTA_GROUP: &str = "OKTA_GROUP";

/// Users in one page, as Okta recommends for members and does by itself for searches; a page of as many full profiles is
/// well under what is read of one answer.
const USERS: &str = "200";

/// Groups in one page: Okta advises against more.
const GROUPS: &str = "200";

/// Rules in one page, the most there may be.
const RULES: &str = "200";

/// Bytes of a login that can be looked up; Okta's own take no more than a hundred signs.
const LOGIN: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    pub id: String,
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default)]
    pub profile: Option<UserProfile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct UserProfile {
    #[serde(default)]
    pub login: Option<String>,
    #[serde(default)]
    pub email: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Group {
    pub id: String,
    /// `OKTA_GROUP`, `APP_GROUP` (imported, and looked after by an app) or `BUILT_IN` (Everyone).
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    #[serde(default)]
    pub profile: Option<GroupProfile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct GroupProfile {
    #[serde(default)]
    pub name: Option<String>,
}

impl Group {
    pub fn name(&self) -> &str {
        self.profile.as_ref().and_then(|profile| profile.name.as_deref()).unwrap_or(&self.id)
    }
}

/// A member; the rest of the user is not needed.
#[derive(Deserialize)]
struct Member {
    id: String,
}

/// A group rule: puts users into groups by an expression on their profiles, which only Okta evaluates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Rule {
    pub id: String,
    pub name: Option<String>,
    pub status: Option<String>,
    conditions: Option<Conditions>,
    actions: Option<Actions>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Conditions {
    people: Option<People>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct People {
    users: Option<Excluding>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Excluding {
    exclude: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Actions {
    assign_user_to_groups: Option<Assigning>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Assigning {
    group_ids: Option<Vec<String>>,
}

impl Rule {
    pub fn is_active(&self) -> bool {
        self.status.as_deref() == Some("ACTIVE")
    }

    /// The groups that it fills.
    pub fn groups(&self) -> &[String] {
        let assigning = self.actions.as_ref().and_then(|actions| actions.assign_user_to_groups.as_ref());
        assigning.and_then(|assigning| assigning.group_ids.as_deref()).unwrap_or_default()
    }

    /// Whether it leaves this user alone, whatever its expression says.
    pub fn excludes(&self, user: &str) -> bool {
        let people = self.conditions.as_ref().and_then(|conditions| conditions.people.as_ref());
        let users = people.and_then(|people| people.users.as_ref());
        users.and_then(|users| users.exclude.as_ref()).is_some_and(|excluded| excluded.iter().any(|id| id == user))
    }
}

/// Okta's requests, by one credential.
pub struct Api {
    client: http::Client,
}

impl Api {
    pub fn new(reach: Reach<'_>, credential: Arc<dyn http::Credential>, context: Context) -> Result<Self> {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]);
        let settings = http::Settings { reach, headers, credential, later: http::by_status };
        Ok(Self { client: http::Client::new(settings, context)? })
    }

    /// At least every user with one of these texts as login or e-mail, deactivated ones as well, as the search index knows
    /// them: it lags behind.
    pub async fn users(&self, texts: &[&str]) -> Result<Vec<User>> {
        let term = |text: &&str| any_of(&["profile.login", "profile.email"].map(|property| equals(property, text)));
        self.search("users", USERS, &texts.iter().map(term).collect::<Vec<_>>()).await
    }

    /// The user with this login or id, as Okta knows them now; `None` where there is none, or none that can be asked for.
    ///
    /// A login with a slash cannot ("Retrieve a user"); one with a semicolon is looked up without what follows it, and a
    /// backslash is refused by the server in front (okta-sdk-java#1526), as more signs are of which nobody has a list.
    /// A login without an @ could be an id, or `me`, which is whoever asks: no such is to be asked for.
    pub async fn user(&self, login: &str) -> Result<Option<User>> {
        let odd = |sign: char| sign.is_control() || "/\\;%".contains(sign);
        if login.len() > LOGIN || login.contains(odd) {
            return Ok(None);
        }
        match self.client.get(&["api", "v1", "users", login]).answer().await.map_err(explained) {
            Err(error) if is_gone(&error) || is_bad_request(&error) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// At least every group with one of these names or ids, as the search index knows them.
    pub async fn groups(&self, spellings: &[&str]) -> Result<Vec<Group>> {
        let term = |text: &&str| match may_be_group_id(text) {
            true => any_of(&["id", "profile.name"].map(|property| equals(property, text))),
            false => equals("profile.name", text),
        };
        self.search("groups", GROUPS, &spellings.iter().map(term).collect::<Vec<_>>()).await
    }

    /// The group with this id, as Okta knows it now.
    pub async fn group(&self, id: &str) -> Result<Option<Group>> {
        match self.client.get(&["api", "v1", "groups", id]).answer().await.map_err(explained) {
            Err(error) if is_gone(&error) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Groups whose names begin like this, 300 at most: what Okta offers for completing a name that is being typed.
    pub async fn groups_like(&self, prefix: &str) -> Result<Vec<Group>> {
        self.client.get(&["api", "v1", "groups"]).query(&[("q", prefix)]).answer().await.map_err(explained)
    }

    /// The ids of a group's members; `None` where the group is gone. There are none but direct ones.
    pub async fn members(&self, group: &str) -> Result<Option<Vec<String>>> {
        let call = self.client.get(&["api", "v1", "groups", group, "users"]).query(&[("limit", USERS)]);
        match call.pages::<Member>().await.map_err(explained) {
            Ok(members) => Ok(Some(members.into_iter().map(|member| member.id).collect())),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The groups that a user is in, as far as this credential may see them.
    pub async fn groups_of(&self, user: &str) -> Result<Vec<Group>> {
        self.client.get(&["api", "v1", "users", user, "groups"]).pages().await.map_err(explained)
    }

    /// Every group rule.
    pub async fn rules(&self) -> Result<Vec<Rule>> {
        let call = self.client.get(&["api", "v1", "groups", "rules"]).query(&[("limit", RULES)]);
        call.pages().await.map_err(explained)
    }

    /// Puts a user into a group; who is in it already is left there.
    pub async fn add(&self, group: &str, user: &str) -> Result<()> {
        let answer = self.client.put(&["api", "v1", "groups", group, "users", user]).send().await;
        answer.map(drop).map_err(explained)
    }

    /// Takes a user out of a group; false where Okta says that one of the two is not there.
    pub async fn remove(&self, group: &str, user: &str) -> Result<bool> {
        match self.client.delete(&["api", "v1", "groups", group, "users", user]).send().await.map_err(explained) {
            Err(error) if is_gone(&error) => Ok(false),
            answer => answer.map(|_| true),
        }
    }

    /// Everything that fits one of the terms. What Okta refuses as too complex is asked for in halves; a single term that
    /// it cannot search for, while it can for others, fits nothing.
    async fn search<T: DeserializeOwned>(&self, what: &str, limit: &str, terms: &[String]) -> Result<Vec<T>> {
        let (mut pieces, mut rows) = (batches(terms), Vec::new());
        let (mut refused, mut searches) = (None, false);
        while !pieces.is_empty() {
            let asked = pieces.iter().map(|piece| {
                let query = [("search", any_of(piece)), ("limit", limit.to_owned())];
                self.client.get(&["api", "v1", what]).query(&query).pages()
            });
            let answers = join_all(asked).await;
            let mut smaller = Vec::new();
            for (piece, answer) in pieces.iter().zip(answers) {
                match (answer.map_err(explained), halves(piece)) {
                    (Ok(found), _) => {
                        searches = true;
                        rows.extend(found);
                    }
                    (Err(error), Some(halves)) if is_unsearchable(&error) => smaller.extend(halves),
                    (Err(error), None) if is_unsearchable(&error) => refused = Some(error),
                    (Err(error), _) => return Err(error),
                }
            }
            pieces = smaller;
        }
        match refused {
            Some(error) if !searches => Err(error),
            Some(error) => {
                tracing::warn!("some of the {what} cannot be searched for and are taken for absent: {error:#}");
                Ok(rows)
            }
            None => Ok(rows),
        }
    }
}

/// Whether the text may be the id of a group: they begin with `00g` and hold letters and digits alone. A name may look like
/// one, too, so both are asked for.
pub fn may_be_group_id(text: &str) -> bool {
    text.starts_with("00g") && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_may_lack_nearly_everything() {
        let rules: Vec<Rule> = serde_json::from_str(
            r#"[{"id":"0pr1","status":"ACTIVE","conditions":{"people":{"users":{"exclude":["00u1"]}}},
                 "actions":{"assignUserToGroups":{"groupIds":["00g1"]}}},
                {"id":"0pr2","name":null,"conditions":{"people":null},"actions":{"assignUserToGroups":null}}]"#,
        )
        .expect("rules");
        let [one, two] = &rules[..] else { panic!("two") };
        assert!(one.is_active() && one.excludes("00u1") && !one.excludes("00u2"));
        assert_eq!(one.groups(), ["00g1"]);
        assert!(!two.is_active() && !two.excludes("00u1") && two.groups().is_empty());
    }

    #[test]
    fn an_id_is_told_from_a_name() {
        assert!(may_be_group_id("00g1emaKYZTWRYYRRTSK"));
        for name in ["oncall-dba", "00g-dba-platform-all", "00u1emaKYZTWRYYRRTSK", "", "../00g1"] {
            assert!(!may_be_group_id(name), "{name}");
        }
    }
}
