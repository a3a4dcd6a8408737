//! What GitHub's answers hold, in its own words.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::graphql::PageInfo;

/// Somebody's account. Its id stays, its login may change and be taken over by somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub database_id: u64,
    pub login: String,
    /// The organisation, where they are a member of it; absent where that was not asked.
    #[serde(default)]
    pub organization: Option<Organization>,
    /// Since when the account cannot be used; servers alone tell.
    #[serde(default)]
    pub suspended_at: Option<String>,
    /// Addresses that GitHub knows to be theirs, in domains that it knows to be the organisation's.
    #[serde(default)]
    pub organization_verified_domain_emails: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Organization {
    pub login: String,
}

/// A team without its members.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TeamName {
    pub database_id: u64,
    pub slug: String,
    pub name: String,
}

/// A team and everybody who is in it itself, not in a child team of it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    pub id: u64,
    pub slug: String,
    pub name: String,
    /// By account id.
    pub members: BTreeMap<u64, Member>,
}

/// Somebody in a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub login: String,
    /// As owners of the organisation always are.
    pub maintainer: bool,
}

/// What an identity provider says of somebody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    #[serde(default)]
    pub saml_identity: Option<Attributes>,
    #[serde(default)]
    pub scim_identity: Option<Attributes>,
    /// `None`: nobody has signed in by it yet.
    #[serde(default)]
    pub user: Option<User>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attributes {
    #[serde(default)]
    pub name_id: Option<String>,
    #[serde(default)]
    pub username: Option<String>,
    #[serde(default)]
    pub emails: Option<Vec<Address>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Address {
    pub value: String,
}

/// Every member of the organisation, and every identity that its provider knows.
#[derive(Debug, Default)]
pub struct Directory {
    pub members: Vec<User>,
    pub identities: Vec<Identity>,
}

/// Somebody as the enterprise's identity provider put them into GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScimUser {
    pub user_name: String,
    #[serde(default)]
    pub emails: Vec<Address>,
    #[serde(default = "yes")]
    pub active: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScimPage {
    pub total_results: usize,
    #[serde(rename = "Resources", default)]
    pub resources: Vec<ScimUser>,
}

/// How somebody stands to the organisation, or to a team.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Membership {
    /// `active` or `pending`.
    pub state: String,
    /// In the organisation `admin` (its owner) or `member`, in a team `maintainer` or `member`.
    #[serde(default)]
    pub role: String,
    /// Of the organisation alone.
    #[serde(default)]
    pub user: Option<Account>,
}

/// An account as REST shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Account {
    pub id: u64,
    pub login: String,
    #[serde(default)]
    pub suspended_at: Option<String>,
}

#[derive(Deserialize)]
pub struct In<T> {
    pub organization: Option<T>,
}

/// Several users, and the organisation with several teams, each by its alias.
#[derive(Deserialize)]
pub struct Looked {
    pub organization: Option<BTreeMap<String, Option<TeamPage>>>,
    #[serde(flatten)]
    pub users: BTreeMap<String, Option<User>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TeamPage {
    #[serde(flatten)]
    pub name: TeamName,
    pub members: MemberPage,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberPage {
    pub edges: Vec<Option<MemberEdge>>,
    pub page_info: PageInfo,
}

#[derive(Deserialize)]
pub struct MemberEdge {
    pub role: String,
    pub node: User,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Teams {
    /// Whether the token is an owner's, who is shown every team.
    pub viewer_can_administer: bool,
    pub teams: Page<TeamName>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    pub nodes: Vec<Option<T>>,
    #[serde(default)]
    pub page_info: PageInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryPage {
    pub members_with_role: Option<Page<User>>,
    pub saml_identity_provider: Option<Provider<Page<Identity>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provider<T> {
    pub external_identities: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provided {
    pub saml_identity_provider: Option<BTreeMap<String, Page<Identity>>>,
}

/// The rows of a list, each of which has to be there: whoever is left out would be taken for gone.
///
/// # Errors
/// Where GitHub leaves one out.
pub fn whole<T>(rows: Vec<Option<T>>, list: &str) -> Result<Vec<T>> {
    let rows: Option<Vec<T>> = rows.into_iter().collect();
    rows.with_context(|| format!("GitHub leaves out one of {list}; half a list is none"))
}

impl TeamPage {
    /// Adds the members of this page to those of the team.
    ///
    /// # Errors
    /// Where GitHub leaves one out.
    pub fn add_to(self, team: &mut Option<Team>) -> Result<()> {
        let members = whole(self.members.edges, &format!("the members of the team '{}'", self.name.slug))?;
        let TeamName { database_id: id, slug, name } = self.name;
        let team = team.get_or_insert_with(|| Team { id, slug, name, members: BTreeMap::new() });
        // Another role than a plain member's, should there come to be one, is not ours to take either.
        let member = |MemberEdge { role, node: User { database_id, login, .. } }| {
            (database_id, Member { login, maintainer: role != "MEMBER" })
        };
        team.members.extend(members.into_iter().map(member));
        Ok(())
    }
}
