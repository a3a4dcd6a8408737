//! GitHub's REST and GraphQL APIs, in their own words: what is asked, and what they answer.
//!
//! Lists come by GraphQL: REST's list of a team's members holds those of its child teams too, and cannot be told not to.
//! Changes come by REST, for GraphQL has none for teams. A GraphQL call may ask for 500 000 nodes, counted by what its
//! `first` allow ("Rate limits and query limits for the GraphQL API", GitHub docs): [`TEAMS`] teams of 100 members each are
//! 2 500, and 100 members or identities are 100.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, header};
use anyhow::{Context as _, Result, bail, ensure};
use futures_util::future::try_join_all;
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::{explained, later, status};
use super::graphql::{Cursor, PAGE, PageInfo, Problem, Variables, ask};
use crate::net::http::{Client, Credential, Settings};
use crate::net::{self};

/// GitHub's own address; a GitHub Enterprise Server has its API under `/api/v3` of its host.
pub const BASE_URL: &str = "https://api.github.com";

/// How the address of a GitHub Enterprise Server ends; its GraphQL is beside it, at `/api/graphql`.
const SERVER: &str = "/api/v3";

/// The version of the REST API whose words these are; the oldest that is spoken, also by the servers.
const VERSION: &str = "2022-11-28";

/// The first is what GitHub recommends. Proxies and stand-ins that know its published description alone take only the
/// second, which it documents for every answer.
const ACCEPT: &str = "application/vnd.github+json, application/json;q=0.9";

/// Teams in one call: with 100 members each well within the ten seconds that GitHub gives a call.
const TEAMS: usize = 25;

/// Users looked up by name in one call; each is one row.
const USERS: usize = 100;

/// Identities looked up in one call. Each is a list of its own, and a hundred lists are one point of the rate limit.
const IDENTITIES: usize = 100;

/// Identities of one name, of which there should be one.
const NAMESAKES: usize = 5;

/// What is asked of each identity, but for whose it is.
const IDENTITY: &str = "samlIdentity { nameId username emails { value } } scimIdentity { username emails { value } }";

/// How to reach GitHub.
pub struct Access<'a> {
    pub base_url: &'a str,
    pub ca_file: Option<&'a Path>,
    pub timeout: Duration,
    pub credential: Arc<dyn Credential>,
}

/// A client of GitHub's REST API at that address.
///
/// # Errors
/// On an address that is none, or would send the token in the clear.
pub fn client(access: &Access<'_>, context: net::Context) -> Result<Client> {
    let headers = [
        (header::ACCEPT, HeaderValue::from_static(ACCEPT)),
        (HeaderName::from_static("x-github-api-version"), HeaderValue::from_static(VERSION)),
    ];
    let settings = Settings {
        base_url: access.base_url,
        ca_file: access.ca_file,
        timeout: access.timeout,
        headers: HeaderMap::from_iter(headers),
        credential: access.credential.clone(),
        later,
    };
    Client::new(settings, context)
}

/// GitHub, asked about one organisation.
pub struct Api {
    rest: Client,
    graphql: Client,
    org: String,
    /// Whether it is a GitHub Enterprise Server.
    server: bool,
}

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
    /// Logins by account id.
    pub members: BTreeMap<u64, String>,
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
struct ScimPage {
    total_results: usize,
    #[serde(rename = "Resources", default)]
    resources: Vec<ScimUser>,
}

/// How somebody stands to the organisation, or to a team.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Membership {
    /// `active` or `pending`.
    pub state: String,
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
struct In<T> {
    organization: Option<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TeamPage {
    #[serde(flatten)]
    name: TeamName,
    members: MemberPage,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MemberPage {
    nodes: Vec<Option<User>>,
    page_info: PageInfo,
}

#[derive(Deserialize)]
struct Teams {
    teams: Page<TeamName>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    nodes: Vec<Option<T>>,
    #[serde(default)]
    page_info: PageInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DirectoryPage {
    members_with_role: Option<Page<User>>,
    saml_identity_provider: Option<Provider<Page<Identity>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Provider<T> {
    external_identities: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Provided {
    saml_identity_provider: Option<BTreeMap<String, Page<Identity>>>,
}

impl Api {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// As [`client`].
    pub fn new(access: &Access<'_>, org: &str, context: net::Context) -> Result<Self> {
        let rest = client(access, context.clone())?;
        let base = access.base_url.trim().trim_end_matches('/');
        let (graphql, server) = match base.strip_suffix(SERVER) {
            Some(host) => (
                client(
                    &Access { base_url: &format!("{host}/api"), credential: access.credential.clone(), ..*access },
                    context,
                )?,
                true,
            ),
            None => (rest.clone(), false),
        };
        Ok(Self { rest, graphql, org: org.to_owned(), server })
    }

    /// The organisation's name.
    pub fn org(&self) -> &str {
        &self.org
    }

    fn variables(&self) -> Variables {
        let mut variables = Variables::default();
        variables.give("org", "String!", self.org.as_str());
        variables
    }

    /// What is asked of each user.
    fn user(&self) -> String {
        // GitHub's own schema has no such field, the servers' has.
        let suspended = if self.server { " suspendedAt" } else { "" };
        format!("databaseId login organization(login: $org) {{ login }}{suspended}")
    }

    fn found<T>(&self, answer: In<T>) -> Result<T> {
        answer.organization.with_context(|| {
            format!("GitHub shows this token no organisation '{}'; check `org`, and what the token may see", self.org)
        })
    }

    /// The teams of these slugs, with all of their members; `None` for those that there are none of.
    ///
    /// # Errors
    /// Where the answer is not whole.
    pub async fn teams(&self, slugs: &[String]) -> Result<Vec<Option<Team>>> {
        let mut teams: Vec<Option<Team>> = vec![None; slugs.len()];
        let mut due: Vec<(usize, Cursor)> = (0..slugs.len()).map(|at| (at, Cursor::default())).collect();
        while !due.is_empty() {
            let calls = due.chunks(TEAMS).map(|due| self.team_pages(slugs, due));
            let pages: Vec<_> = try_join_all(calls).await?.into_iter().flatten().collect();
            ensure!(
                pages.len() == due.len(),
                "GitHub answers about {} teams where {} were asked for",
                pages.len(),
                due.len()
            );
            let mut more = Vec::new();
            for ((at, mut cursor), page) in due.into_iter().zip(pages) {
                let first = cursor.after().is_none();
                match (page, &mut teams[at]) {
                    (None, None) => {}
                    (Some(page), slot)
                        if first || slot.as_ref().is_some_and(|team| team.id == page.name.database_id) =>
                    {
                        if cursor.advance(&page.members.page_info)? {
                            more.push((at, cursor));
                        }
                        page.add_to(slot);
                    }
                    _ => bail!(
                        "the team '{}' changed while its members were read; the next run reads it anew",
                        slugs[at]
                    ),
                }
            }
            due = more;
        }
        Ok(teams)
    }

    /// The next page of each of these teams.
    async fn team_pages(&self, slugs: &[String], due: &[(usize, Cursor)]) -> Result<Vec<Option<TeamPage>>> {
        let mut variables = self.variables();
        let mut body = String::from("organization(login: $org) {");
        for (index, (at, cursor)) in due.iter().enumerate() {
            variables.give(&format!("s{index}"), "String!", slugs[*at].as_str());
            variables.give(&format!("c{index}"), "String", cursor.after().map_or(Value::Null, Value::from));
            body += &format!(
                " t{index}: team(slug: $s{index}) {{ databaseId slug name members(first: {PAGE}, after: $c{index}, membership: \
                 IMMEDIATE) {{ nodes {{ databaseId login }} pageInfo {{ hasNextPage endCursor }} }} }}"
            );
        }
        let (question, values) = variables.question(&(body + " }"));
        let reply =
            ask::<In<BTreeMap<String, Option<TeamPage>>>>(&self.graphql, &question, values).await.map_err(explained)?;
        let mut found = self.found(reply.unless(Problem::is_of_part)?)?;
        Ok((0..due.len()).map(|index| found.remove(&format!("t{index}")).flatten()).collect())
    }

    /// Every team that the token sees, without members.
    ///
    /// # Errors
    /// Where the list is not whole.
    pub async fn all_teams(&self) -> Result<Vec<TeamName>> {
        let (mut teams, mut cursor) = (Vec::new(), Cursor::default());
        loop {
            let mut variables = self.variables();
            variables.give("after", "String", cursor.after().map_or(Value::Null, Value::from));
            let (question, values) = variables.question(&format!(
                "organization(login: $org) {{ teams(first: {PAGE}, after: $after) {{ nodes {{ databaseId slug name }} pageInfo \
                 {{ hasNextPage endCursor }} }} }}"
            ));
            let reply = ask::<In<Teams>>(&self.graphql, &question, values).await.map_err(explained)?;
            let page = self.found(reply.unless(|_| false)?)?.teams;
            teams.extend(page.nodes.into_iter().flatten());
            if !cursor.advance(&page.page_info)? {
                return Ok(teams);
            }
        }
    }

    /// The users of these logins; `None` for those that there are none of.
    ///
    /// # Errors
    /// Where GitHub does not answer.
    pub async fn users(&self, logins: &[String]) -> Result<Vec<Option<User>>> {
        let user = self.user();
        let calls = logins.chunks(USERS).map(async |logins| {
            let mut variables = self.variables();
            let mut body = String::new();
            for (index, login) in logins.iter().enumerate() {
                variables.give(&format!("l{index}"), "String!", login.as_str());
                body += &format!(" u{index}: user(login: $l{index}) {{ {user} }}");
            }
            let (question, values) = variables.question(&body);
            let reply =
                ask::<BTreeMap<String, Option<User>>>(&self.graphql, &question, values).await.map_err(explained)?;
            let mut found = reply.unless(Problem::is_not_found)?;
            Ok::<_, anyhow::Error>(
                (0..logins.len()).map(|index| found.remove(&format!("u{index}")).flatten()).collect::<Vec<_>>(),
            )
        });
        Ok(try_join_all(calls).await?.into_iter().flatten().collect())
    }

    /// The identities whose name at the organisation's identity provider is one of these, a list for each; `None` where it has
    /// no provider, or none that this token sees.
    ///
    /// # Errors
    /// Where GitHub does not answer.
    pub async fn identities(&self, names: &[String]) -> Result<Option<Vec<Vec<Identity>>>> {
        // Whether there is a provider at all, the first call tells.
        let (first, rest) = names.split_at(names.len().min(IDENTITIES));
        let Some(mut found) = self.some_identities(first).await? else { return Ok(None) };
        let rest = try_join_all(rest.chunks(IDENTITIES).map(|names| self.some_identities(names))).await?;
        for some in rest {
            let Some(some) = some else { return Ok(None) };
            found.extend(some);
        }
        Ok(Some(found))
    }

    async fn some_identities(&self, names: &[String]) -> Result<Option<Vec<Vec<Identity>>>> {
        let user = self.user();
        let mut variables = self.variables();
        let mut body = String::from("organization(login: $org) { samlIdentityProvider {");
        for (index, name) in names.iter().enumerate() {
            variables.give(&format!("n{index}"), "String!", name.as_str());
            body += &format!(
                " i{index}: externalIdentities(first: {NAMESAKES}, userName: $n{index}) {{ nodes {{ {IDENTITY} user {{ {user} }} }} }}"
            );
        }
        let (question, values) = variables.question(&(body + " } }"));
        let reply = ask::<In<Provided>>(&self.graphql, &question, values).await.map_err(explained)?;
        let Some(mut found) = self.found(reply.unless(Problem::is_of_part)?)?.saml_identity_provider else {
            return Ok(None);
        };
        let of = |index| {
            found.remove(&format!("i{index}")).map_or(Vec::new(), |page| page.nodes.into_iter().flatten().collect())
        };
        Ok(Some((0..names.len()).map(of).collect()))
    }

    /// Every member with their addresses, and, where `identities`, every identity; both lists page by page side by side.
    ///
    /// # Errors
    /// Where a list is not whole.
    pub async fn directory(&self, identities: bool) -> Result<Directory> {
        let mut directory = Directory::default();
        let (mut members, mut provided) = (Some(Cursor::default()), identities.then(Cursor::default));
        while members.is_some() || provided.is_some() {
            let page = self.directory_page(members.as_ref(), provided.as_ref()).await?;
            let rows = page.members_with_role;
            members = next(members, rows, &mut directory.members)?;
            let rows = page.saml_identity_provider.map(|provider| provider.external_identities);
            provided = next(provided, rows, &mut directory.identities)?;
        }
        Ok(directory)
    }

    async fn directory_page(&self, members: Option<&Cursor>, identities: Option<&Cursor>) -> Result<DirectoryPage> {
        let user = self.user();
        let mut variables = self.variables();
        let mut body = String::from("organization(login: $org) {");
        let page_info = "pageInfo { hasNextPage endCursor }";
        if let Some(cursor) = members {
            variables.give("m", "String", cursor.after().map_or(Value::Null, Value::from));
            body += &format!(
                " membersWithRole(first: {PAGE}, after: $m) {{ nodes {{ {user} organizationVerifiedDomainEmails(login: $org) }} {page_info} }}"
            );
        }
        if let Some(cursor) = identities {
            variables.give("i", "String", cursor.after().map_or(Value::Null, Value::from));
            body += &format!(
                " samlIdentityProvider {{ externalIdentities(first: {PAGE}, after: $i) {{ nodes {{ {IDENTITY} user {{ {user} }} }} {page_info} }} }}"
            );
        }
        let (question, values) = variables.question(&(body + " }"));
        let reply = ask::<In<DirectoryPage>>(&self.graphql, &question, values).await.map_err(explained)?;
        self.found(reply.unless(Problem::is_of_part)?)
    }

    /// Everybody whom the identity provider of `enterprise` has put into GitHub and not deleted for good.
    ///
    /// # Errors
    /// Where the list is not whole.
    pub async fn scim_users(&self, enterprise: &str) -> Result<Vec<ScimUser>> {
        // A server is one enterprise, and its path names none.
        let path = if self.server {
            vec!["scim", "v2", "Users"]
        } else {
            vec!["scim", "v2", "enterprises", enterprise, "Users"]
        };
        let page = async |start: usize| {
            let query = [("startIndex", start), ("count", PAGE)];
            self.rest.get(&path).query(&query).answer::<ScimPage>().await.map_err(explained)
        };
        let first = page(1).await?;
        let (total, length) = (first.total_results, first.resources.len());
        let mut users = first.resources;
        if length > 0 && length < total {
            let rest = try_join_all((length + 1..=total).step_by(length).map(page)).await?;
            users.extend(rest.into_iter().flat_map(|page| page.resources));
        }
        ensure!(users.len() >= total, "GitHub lists {} of {total} SCIM users; half a list is none", users.len());
        Ok(users)
    }

    /// How `login` stands to the organisation; `None` for an outsider.
    ///
    /// # Errors
    /// Where GitHub does not answer.
    pub async fn membership(&self, login: &str) -> Result<Option<Membership>> {
        let call = self.rest.get(&["orgs", &self.org, "memberships", login]);
        found(call.answer::<Membership>().await).map_err(explained)
    }

    /// Who has this id now; `None` where there is no such account, or none that the token is shown.
    ///
    /// # Errors
    /// Where GitHub does not answer.
    pub async fn account(&self, id: &str) -> Result<Option<Account>> {
        found(self.rest.get(&["user", id]).answer::<Account>().await).map_err(explained)
    }

    /// Puts somebody into a team, as a plain member. It invites whoever is outside the organisation, and makes a plain member
    /// of a maintainer.
    ///
    /// # Errors
    /// Where GitHub does not do it.
    pub async fn put(&self, slug: &str, login: &str) -> Result<Membership> {
        let call = self.rest.put(&["orgs", &self.org, "teams", slug, "memberships", login]);
        call.json(&json!({ "role": "member" })).answer().await.map_err(explained)
    }

    /// Takes somebody out of a team; false where GitHub shows no such team, or nobody of that name in it.
    ///
    /// # Errors
    /// Where GitHub does not do it.
    pub async fn delete(&self, slug: &str, login: &str) -> Result<bool> {
        let call = self.rest.delete(&["orgs", &self.org, "teams", slug, "memberships", login]);
        Ok(found(call.send().await).map_err(explained)?.is_some())
    }
}

/// Adds a page to its list and moves on, or ends a list that has no more.
fn next<T>(cursor: Option<Cursor>, page: Option<Page<T>>, rows: &mut Vec<T>) -> Result<Option<Cursor>> {
    let (Some(mut cursor), Some(page)) = (cursor, page) else { return Ok(None) };
    let more = cursor.advance(&page.page_info)?;
    rows.extend(page.nodes.into_iter().flatten());
    Ok(more.then_some(cursor))
}

/// What was asked for, or that it is not there.
fn found<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if status(&error) == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

impl TeamPage {
    fn add_to(self, team: &mut Option<Team>) {
        let TeamName { database_id: id, slug, name } = self.name;
        let team = team.get_or_insert_with(|| Team { id, slug, name, members: BTreeMap::new() });
        team.members.extend(self.members.nodes.into_iter().flatten().map(|user| (user.database_id, user.login)));
    }
}
