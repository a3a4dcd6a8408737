//! The REST API: the organisation's teams, their members, and the app's own endpoints.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::Request;
use super::answer::{Answer, Outcome, Stop, full_team, invalid, member, not_found, organization, public_user, refused};
use super::app::{Caller, Tokens};
use super::fault::BEYOND_APP;
use super::world::{APP_ID, CLIENT_ID, INSTALLATION, ORG, Right, Role, Team, User, World};

/// The page where nothing is asked for, and the largest.
const PAGE: usize = 30;
const MAX_PAGE: usize = 100;

/// One request.
pub(super) struct Rest<'a> {
    pub world: &'a mut World,
    pub tokens: &'a mut Tokens,
    pub caller: Caller,
    pub request: &'a Request,
    pub endless: bool,
}

/// Whether an endpoint takes the app's signed word and no token.
pub(super) fn is_apps(method: &str, path: &str) -> bool {
    let installation = path.starts_with("/orgs/") && path.ends_with("/installation");
    path == "/app" || path.starts_with("/app/") || (method == "GET" && installation)
}

impl Rest<'_> {
    pub fn answer(self, parts: &[&str]) -> Outcome {
        let method = self.request.method.as_str();
        match (method, parts) {
            ("GET", ["rate_limit"]) => Ok(Answer::json(200, json!({"resources": {}, "rate": {}}))),
            ("GET", ["orgs", org]) => self.organisation(org),
            ("GET", ["orgs", org, "installation"]) => self.installation(org),
            ("GET", ["orgs", org, "members"]) => self.org_members(org),
            ("GET", ["orgs", org, "members", login]) => self.org_member(org, login),
            ("GET", ["orgs", org, "memberships", login]) => self.org_membership(org, login),
            ("GET", ["orgs", org, "teams"]) => self.teams(org),
            (_, ["orgs", org, "teams", slug, rest @ ..]) => {
                let team = self.world.team_by_slug(org, slug).map(|team| team.id);
                self.team(team, rest)
            }
            ("GET", ["organizations", id, "members"]) => self.by_org_id(id, |rest, org| rest.org_members(org)),
            ("GET", ["organizations", id, "teams"]) => self.by_org_id(id, |rest, org| rest.teams(org)),
            (_, ["organizations", id, "team", team, rest @ ..]) => {
                let (org, team) = (number(id)?, number(team)?);
                let known = self.world.teams.get(&team).filter(|known| self.world.orgs[&known.org] == org);
                let known = known.map(|known| known.id);
                self.team(known, rest)
            }
            ("GET", ["user", id]) => self.user_by_id(id),
            ("GET", ["users", login]) => {
                self.known(&[])?;
                let user = self.world.by_login(login).ok_or_else(not_found)?;
                Ok(Answer::json(200, public_user(self.world, user)))
            }
            ("POST", ["app", "installations", id, "access_tokens"]) => self.access_token(id),
            ("GET", ["app", "installations", id]) if number(id)? == INSTALLATION => self.installation(ORG),
            ("GET", ["scim", "v2", "enterprises", slug, "Users"]) => super::scim::users(self.world, self.request, slug),
            (_, ["teams", ..]) => {
                Err(Stop::Violation("team paths without an organisation are closing down".to_owned()))
            }
            (_, ["search", ..]) => Err(Stop::Violation("whoever writes an address there is found".to_owned())),
            ("PUT" | "DELETE", ["orgs", _, "members" | "memberships", _]) | ("POST", ["orgs", _, "invitations"]) => {
                Err(Stop::Violation("who is in the organisation is not ours to change".to_owned()))
            }
            _ => Err(Stop::Violation("unknown path".to_owned())),
        }
    }

    /// The query's parameters, each once, if each is one of `names`.
    fn known(&self, names: &[&str]) -> Result<BTreeMap<String, String>, Stop> {
        let mut query = BTreeMap::new();
        for (name, value) in &self.request.query {
            if !names.contains(&name.as_str()) || query.insert(name.clone(), value.clone()).is_some() {
                return Err(Stop::Violation(format!("query parameter {name} is unknown or given twice")));
            }
        }
        Ok(query)
    }

    fn org<'w>(&'w self, login: &str) -> Result<&'w str, Stop> {
        let known = self.world.org(login).ok_or_else(not_found)?;
        if self.caller == Caller::Installation && known != ORG {
            return Err(refused(403, BEYOND_APP));
        }
        Ok(known)
    }

    fn by_org_id(self, id: &str, then: impl FnOnce(Self, &str) -> Outcome) -> Outcome {
        let id = number(id)?;
        let login = self.world.orgs.iter().find(|(_, known)| **known == id).map(|(login, _)| login.clone());
        then(self, &login.ok_or_else(not_found)?)
    }

    fn organisation(self, login: &str) -> Outcome {
        self.known(&[])?;
        Ok(Answer::json(200, organization(self.world, self.org(login)?)))
    }

    fn may_read(&self) -> Result<(), Stop> {
        match (self.world.may(Right::Read), self.caller) {
            (true, _) => Ok(()),
            (false, Caller::Installation) => Err(refused(403, BEYOND_APP)),
            (false, _) => Err(not_found()),
        }
    }

    fn org_members(self, login: &str) -> Outcome {
        let query = self.known(&["filter", "role", "per_page", "page"])?;
        let org = self.org(login)?;
        self.may_read()?;
        let wanted = match query.get("role").map(String::as_str) {
            None | Some("all") => None,
            Some("admin") => Some(Role::Maintainer),
            Some("member") => Some(Role::Member),
            Some(_) => return Err(invalid("Member", "role")),
        };
        let rows = self.world.org_members(org).into_iter().filter(|(_, role)| wanted.is_none_or(|want| want == *role));
        let rows = rows.map(|(user, _)| super::answer::user(self.world, user)).collect();
        self.page(&format!("/organizations/{}/members", self.world.orgs[org]), &query, rows)
    }

    fn org_member(self, org: &str, login: &str) -> Outcome {
        self.known(&[])?;
        let org = self.org(org)?;
        self.may_read()?;
        let member = self.world.org_members(org).into_iter().any(|(user, _)| user.login.eq_ignore_ascii_case(login));
        if member { Ok(Answer::empty()) } else { Err(not_found()) }
    }

    fn org_membership(self, org: &str, login: &str) -> Outcome {
        self.known(&[])?;
        let org = self.org(org)?;
        self.may_read()?;
        let user = self.world.by_login(login).ok_or_else(not_found)?;
        let membership = self.world.members.get(&user.id).filter(|_| org == ORG).ok_or_else(not_found)?;
        let shown = json!({
            "url": format!("{}/orgs/{org}/memberships/{}", self.world.base, user.login),
            "state": if membership.pending { "pending" } else { "active" },
            "role": if membership.role == Role::Maintainer { "admin" } else { "member" },
            "direct_membership": true,
            "organization_url": format!("{}/orgs/{org}", self.world.base),
            "organization": organization(self.world, org),
            "user": super::answer::user(self.world, user),
        });
        Ok(Answer::json(200, shown))
    }

    fn teams(self, org: &str) -> Outcome {
        let query = self.known(&["per_page", "page", "team_type"])?;
        let org = self.org(org)?;
        self.may_read()?;
        let rows = self.world.teams.values().filter(|team| team.org == org && self.world.sees(team));
        let rows = rows.map(|team| super::answer::team(self.world, team)).collect();
        self.page(&format!("/organizations/{}/teams", self.world.orgs[org]), &query, rows)
    }

    /// What lies below a team, by whichever path it was reached.
    fn team(self, team: Option<u64>, rest: &[&str]) -> Outcome {
        let team = team.and_then(|id| self.world.teams.get(&id)).ok_or_else(not_found)?;
        self.org(&team.org)?;
        self.may_read()?;
        if !self.world.sees(team) {
            return Err(not_found());
        }
        let id = team.id;
        match (self.request.method.as_str(), rest) {
            ("GET", []) => {
                self.known(&[])?;
                Ok(Answer::json(200, full_team(self.world, team)))
            }
            ("GET", ["members"]) => self.team_members(team),
            ("GET", ["invitations"]) => self.invitations(team),
            ("GET", ["teams"]) => {
                let query = self.known(&["per_page", "page"])?;
                let rows = self.world.teams.values().filter(|child| child.parent == Some(id));
                let rows = rows.map(|child| super::answer::team(self.world, child)).collect();
                self.page(&self.team_path(team, "teams"), &query, rows)
            }
            ("GET", ["memberships", login]) => {
                self.known(&[])?;
                let user = self.world.by_login(login).ok_or_else(not_found)?;
                let membership = self.world.membership(team, user).ok_or_else(not_found)?;
                Ok(self.world.membership_answer(team, user, membership))
            }
            ("PUT", ["memberships", login]) => {
                self.known(&[])?;
                let role = self.role()?;
                self.world.put_membership(id, login, &role)
            }
            ("DELETE", ["memberships", login]) => {
                self.known(&[])?;
                self.world.delete_membership(id, login)
            }
            _ => Err(Stop::Violation("unknown path below a team".to_owned())),
        }
    }

    /// The role in the body of a PUT; "member" where it is left out.
    fn role(&self) -> Result<String, Stop> {
        if self.request.body.is_empty() {
            return Ok("member".to_owned());
        }
        let body: BTreeMap<String, Value> =
            serde_json::from_str(&self.request.body).map_err(|_| refused(400, "Problems parsing JSON"))?;
        match body.keys().find(|key| *key != "role") {
            Some(unknown) => Err(Stop::Violation(format!("unknown body parameter {unknown}"))),
            None => Ok(body.get("role").map_or("member", |role| role.as_str().unwrap_or("nonsense")).to_owned()),
        }
    }

    fn team_path(&self, team: &Team, list: &str) -> String {
        format!("/organizations/{}/team/{}/{list}", self.world.orgs[&team.org], team.id)
    }

    /// "Team members will include the members of child teams."
    fn team_members(&self, team: &Team) -> Outcome {
        let query = self.known(&["role", "per_page", "page"])?;
        let wanted = match query.get("role").map(String::as_str) {
            None | Some("all") => None,
            Some("maintainer") => Some(Role::Maintainer),
            Some("member") => Some(Role::Member),
            Some(_) => return Err(invalid("Team", "role")),
        };
        let all = self.world.everyone(team);
        let rows = all.into_iter().filter(|(_, role, _)| wanted.is_none_or(|want| want == *role));
        let rows = rows.map(|(user, role, inherited)| member(self.world, user, role, inherited)).collect();
        self.page(&self.team_path(team, "members"), &query, rows)
    }

    fn invitations(&self, team: &Team) -> Outcome {
        let query = self.known(&["per_page", "page"])?;
        let pending = team.members.iter().filter(|(_, membership)| membership.pending);
        let shown = |user: &User| {
            json!({
                "id": 70_000 + user.id, "node_id": format!("OIN_{}", user.id), "login": user.login, "email": Value::Null,
                "role": "direct_member", "created_at": "2026-01-01T00:00:00Z", "failed_at": Value::Null,
                "failed_reason": Value::Null, "team_count": 1, "invitation_source": "member",
                "invitation_teams_url": format!("{}/organizations/{}/invitations", self.world.base, team.id),
                "inviter": super::answer::user(self.world, user),
            })
        };
        let rows = pending.map(|(user, _)| shown(self.world.user(*user))).collect();
        self.page(&self.team_path(team, "invitations"), &query, rows)
    }

    fn user_by_id(self, id: &str) -> Outcome {
        self.known(&[])?;
        let user = self.world.users.get(&number(id)?).ok_or_else(not_found)?;
        Ok(Answer::json(200, public_user(self.world, user)))
    }

    fn installation(self, org: &str) -> Outcome {
        self.known(&[])?;
        if self.world.org(org) != Some(ORG) {
            return Err(not_found());
        }
        let at = format!("{}/app/installations/{INSTALLATION}", self.world.base);
        let account = super::answer::user(self.world, &self.world.org_as_user());
        let suspended = self.world.suspended.then_some("2026-02-01T00:00:00Z");
        let shown = json!({
            "id": INSTALLATION, "account": account, "app_id": APP_ID, "app_slug": "oncall-sync",
            "client_id": CLIENT_ID, "target_id": self.world.orgs[ORG], "target_type": "Organization",
            "repository_selection": "all", "access_tokens_url": format!("{at}/access_tokens"), "html_url": at,
            "repositories_url": format!("{}/installation/repositories", self.world.base), "events": [],
            "permissions": {"members": "write"}, "single_file_name": Value::Null,
            "created_at": "2025-01-01T00:00:00Z", "updated_at": "2025-01-01T00:00:00Z",
            "suspended_at": suspended, "suspended_by": Value::Null,
        });
        Ok(Answer::json(200, shown))
    }

    fn access_token(self, id: &str) -> Outcome {
        self.known(&[])?;
        if number(id)? != INSTALLATION {
            return Err(not_found());
        }
        if self.world.suspended {
            return Err(refused(403, "This installation has been suspended"));
        }
        if !self.request.body.is_empty() {
            let body: BTreeMap<String, Value> =
                serde_json::from_str(&self.request.body).map_err(|_| refused(400, "Problems parsing JSON"))?;
            let known = ["permissions", "repositories", "repository_ids"];
            if let Some(unknown) = body.keys().find(|key| !known.contains(&key.as_str())) {
                return Err(Stop::Violation(format!("unknown body parameter {unknown}")));
            }
        }
        let (token, end) = self.tokens.give(self.world.now());
        let end = end.to_rfc3339_opts(SecondsFormat::Secs, true);
        let shown = json!({
            "token": token, "expires_at": end, "permissions": {"members": "write"}, "repository_selection": "all",
        });
        Ok(Answer::json(201, shown))
    }

    /// One page of `rows`; its links lead by ids, as GitHub's do.
    fn page(&self, path: &str, query: &BTreeMap<String, String>, rows: Vec<Value>) -> Outcome {
        let number = |name: &str, default| query.get(name).map_or(Ok(default), |text| text.parse());
        let (size, page) = (number("per_page", PAGE), number("page", 1));
        let (Ok(size @ 1..=MAX_PAGE), Ok(page @ 1..)) = (size, page) else {
            return Err(Stop::Violation("a page counts from 1 and holds at most 100".to_owned()));
        };
        let (asked, size) = (size, size.min(self.world.page_limit));
        let page = if self.endless { 1 } else { page };
        let last = rows.len().div_ceil(size).max(1);
        let shown: Vec<_> = rows.into_iter().skip((page - 1) * size).take(size).collect();
        let others: String =
            query.iter().filter(|(name, _)| *name == "role").map(|(name, value)| format!("{name}={value}&")).collect();
        let link = |to: usize, word: &str| {
            format!("<{}{path}?{others}per_page={asked}&page={to}>; rel=\"{word}\"", self.world.base)
        };
        let mut links = Vec::new();
        if page > 1 {
            links.extend([link(page - 1, "prev"), link(1, "first")]);
        }
        if page < last || self.endless {
            links.extend([link(page + 1, "next"), link(last, "last")]);
        }
        let links = (!links.is_empty()).then(|| ("link", links.join(", ")));
        Ok(Answer::json(200, shown.into()).with(links))
    }
}

fn number(text: &str) -> Result<u64, Stop> {
    text.parse().map_err(|_| not_found())
}
