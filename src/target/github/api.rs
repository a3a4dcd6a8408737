//! GitHub's REST and GraphQL APIs, in their own words: what is asked, and what they answer.
//!
//! Lists come by GraphQL: REST's list of a team's members holds those of its child teams too, and cannot be told not to.
//! Changes come by REST, for GraphQL has none for teams. A GraphQL call may ask for 500 000 nodes, counted by what its
//! `first` allow ("Rate limits and query limits for the GraphQL API", GitHub docs): [`TEAMS`] teams of 100 members each are
//! 2 500, and 100 members or identities are 100.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, HeaderValue, header};
use anyhow::{Context as _, Result, bail};
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::fault::{explained, later};
use super::graphql::{Cursor, PAGE, Problem, Variables, ask};
use super::look::Looks;
use super::wire::{Account, In, Membership, Team, TeamName, TeamPage, Teams, User, whole};
use crate::net::http::{Client, Credential, Settings, status};
use crate::net::{self, Reach};

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
pub(super) const TEAMS: usize = 25;

/// Users looked up by name in one call; each is one row.
const USERS: usize = 100;

/// What is asked of each team.
pub(super) const TEAM: &str = "databaseId slug name";

/// What is asked of a page of its members.
pub(super) const MEMBERS: &str = "edges { role node { databaseId login } } pageInfo { hasNextPage endCursor }";

/// A client of GitHub's REST API at that address.
///
/// # Errors
/// On an address that is none, or would send the token in the clear.
pub fn client(reach: Reach<'_>, credential: Arc<dyn Credential>, context: net::Context) -> Result<Client> {
    let headers = [
        (header::ACCEPT, HeaderValue::from_static(ACCEPT)),
        (HeaderName::from_static("x-github-api-version"), HeaderValue::from_static(VERSION)),
    ];
    Client::new(Settings { reach, headers: HeaderMap::from_iter(headers), credential, later }, context)
}

/// GitHub, asked about one organisation.
pub struct Api {
    pub(super) rest: Client,
    pub(super) graphql: Client,
    org: String,
    /// Whether it is a GitHub Enterprise Server.
    server: bool,
    pub(super) looks: Looks,
}

impl Api {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// As [`client`].
    pub fn new(reach: Reach<'_>, credential: Arc<dyn Credential>, org: &str, context: net::Context) -> Result<Self> {
        let rest = client(reach, credential.clone(), context.clone())?;
        let base = reach.address.trim().trim_end_matches('/');
        let (graphql, server) = match base.strip_suffix(SERVER) {
            Some(host) => (client(Reach { address: &format!("{host}/api"), ..reach }, credential, context)?, true),
            None => (rest.clone(), false),
        };
        Ok(Self { rest, graphql, org: org.to_owned(), server, looks: Looks::default() })
    }

    /// The organisation's name.
    pub fn org(&self) -> &str {
        &self.org
    }

    /// Whether it is a GitHub Enterprise Server.
    pub fn is_server(&self) -> bool {
        self.server
    }

    pub(super) fn variables(&self) -> Variables {
        let mut variables = Variables::default();
        variables.give("org", "String!", self.org.as_str());
        variables
    }

    /// What is asked of each user.
    pub(super) fn user(&self) -> String {
        // GitHub's own schema has no such field, the servers' has.
        let suspended = if self.server { " suspendedAt" } else { "" };
        format!("databaseId login organization(login: $org) {{ login }}{suspended}")
    }

    pub(super) fn found<T>(&self, answer: In<T>) -> Result<T> {
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
                        page.add_to(slot)?;
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
                " t{index}: team(slug: $s{index}) {{ {TEAM} members(first: {PAGE}, after: $c{index}, membership: IMMEDIATE) {{ {MEMBERS} \
                 }} }}"
            );
        }
        let (question, values) = variables.question(&(body + " }"));
        let reply =
            ask::<In<BTreeMap<String, Option<TeamPage>>>>(&self.graphql, &question, values).await.map_err(explained)?;
        let mut found = self.found(reply.unless(Problem::is_of_part)?)?;
        let page = |(index, (at, _)): (usize, &(usize, Cursor))| {
            let page = found.remove(&format!("t{index}"));
            page.with_context(|| {
                format!("GitHub's answer leaves out the team '{}'; half an answer is none", slugs[*at])
            })
        };
        due.iter().enumerate().map(page).collect()
    }

    /// Every team that the token sees, without members, and whether those are all that there are: a secret team is shown to its
    /// members and to the organisation's owners ("About teams", GitHub docs). Of an App it is not documented.
    ///
    /// # Errors
    /// Where the list is not whole.
    pub async fn all_teams(&self) -> Result<(Vec<TeamName>, bool)> {
        let (mut teams, mut cursor) = (Vec::new(), Cursor::default());
        loop {
            let mut variables = self.variables();
            variables.give("after", "String", cursor.after().map_or(Value::Null, Value::from));
            let (question, values) = variables.question(&format!(
                "organization(login: $org) {{ viewerCanAdminister teams(first: {PAGE}, after: $after) {{ nodes {{ {TEAM} }} pageInfo \
                 {{ hasNextPage endCursor }} }} }}"
            ));
            let reply = ask::<In<Teams>>(&self.graphql, &question, values).await.map_err(explained)?;
            let Teams { viewer_can_administer, teams: page } = self.found(reply.unless(|_| false)?)?;
            teams.extend(whole(page.nodes, &format!("the teams of '{}'", self.org))?);
            if !cursor.advance(&page.page_info)? {
                return Ok((teams, viewer_can_administer));
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

/// What was asked for, or that it is not there.
fn found<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if status(&error) == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}
