//! The types of the GraphQL schema, each field answered from the world.

use std::cell::RefCell;
use std::rc::Rc;

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::response::JsonValue;
use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Value, json};

use super::app::Caller;
use super::fault::BEYOND_APP;
use super::graphql::SEPARATOR;
use super::page::{MAX_PAGE, Page};
use super::world::{Enterprise, Identity, ORG, Right, Role, Team, User, World};

/// What every object of one answer knows.
#[derive(Clone, Copy)]
pub(super) struct Scene<'w> {
    pub world: &'w World,
    pub caller: Caller,
    pub endless: bool,
    pub cost: u64,
    pub nodes: u64,
    pub left: u64,
    /// Errors about members of a list, which stand in it as null: the library knows none of those.
    pub missing: &'w RefCell<Vec<Value>>,
}

pub(super) struct Object<'w> {
    pub thing: Thing<'w>,
    pub scene: Scene<'w>,
}

#[derive(Clone)]
pub(super) enum Thing<'w> {
    Query,
    RateLimit,
    Enterprise(&'w Enterprise),
    OwnerInfo,
    /// The provider of the enterprise, or of the organisation.
    Provider {
        of_enterprise: bool,
    },
    Org(&'w str),
    Team(&'w Team),
    User(&'w User),
    Identity(&'w Identity),
    Saml(&'w Identity),
    Scim(&'w Identity),
    Attribute(&'static str, &'w str),
    Email(&'w str, bool),
    Connection(Rc<Page<'w>>),
    PageInfo(Rc<Page<'w>>),
    Edge(Rc<Page<'w>>, usize),
}

pub(super) type Answer<'a> = Result<ResolvedValue<'a>, FieldError>;

pub(super) fn failed(kind: &str, message: &str) -> FieldError {
    FieldError { message: format!("{kind}{SEPARATOR}{message}") }
}

fn unresolved(what: &str) -> FieldError {
    failed("NOT_FOUND", &format!("Could not resolve to {what}."))
}

pub(super) fn leaf<'a>(value: impl Into<JsonValue>) -> Answer<'a> {
    Ok(ResolvedValue::leaf(value))
}

impl ObjectValue for Object<'_> {
    fn type_name(&self) -> &str {
        match &self.thing {
            Thing::Query => "Query",
            Thing::RateLimit => "RateLimit",
            Thing::Enterprise(_) => "Enterprise",
            Thing::OwnerInfo => "EnterpriseOwnerInfo",
            Thing::Provider { of_enterprise: true } => "EnterpriseIdentityProvider",
            Thing::Provider { of_enterprise: false } => "OrganizationIdentityProvider",
            Thing::Org(_) => "Organization",
            Thing::Team(_) => "Team",
            Thing::User(_) => "User",
            Thing::Identity(_) => "ExternalIdentity",
            Thing::Saml(_) => "ExternalIdentitySamlAttributes",
            Thing::Scim(_) => "ExternalIdentityScimAttributes",
            Thing::Attribute(..) => "ExternalIdentityAttribute",
            Thing::Email(..) => "UserEmailMetadata",
            Thing::PageInfo(_) => "PageInfo",
            Thing::Connection(page) => match page.kind {
                "TeamMember" => "TeamMemberConnection",
                "OrganizationMember" => "OrganizationMemberConnection",
                "Team" => "TeamConnection",
                "User" => "UserConnection",
                _ => "ExternalIdentityConnection",
            },
            Thing::Edge(page, _) => match page.kind {
                "TeamMember" => "TeamMemberEdge",
                "OrganizationMember" => "OrganizationMemberEdge",
                "Team" => "TeamEdge",
                "User" => "UserEdge",
                _ => "ExternalIdentityEdge",
            },
        }
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Answer<'a> {
        let given = Given(serde_json::to_value(info.arguments()).expect("JSON"));
        let field = info.field_name();
        match &self.thing {
            Thing::Query if field == "nodes" => {
                let selected = info.field_selections().first().expect("a field is selected");
                self.nodes(selected.response_key().as_str(), &given)
            }
            Thing::Query => self.query(field, &given),
            Thing::RateLimit => self.rate_limit(field),
            Thing::Enterprise(enterprise) => self.enterprise(enterprise, field),
            Thing::OwnerInfo => self.object(Thing::Provider { of_enterprise: true }),
            Thing::Provider { of_enterprise } => self.provider(*of_enterprise, field, &given),
            Thing::Org(login) => self.org(login, field, &given),
            Thing::Team(team) => self.team(team, field, &given),
            Thing::User(user) => self.user(user, field, &given),
            Thing::Identity(identity) => self.identity(identity, field),
            Thing::Saml(identity) => self.saml(identity, field),
            Thing::Scim(identity) => self.scim(identity, field),
            Thing::Attribute(name, value) => leaf(if field == "name" { *name } else { *value }),
            Thing::Email(value, primary) => match field {
                "value" => leaf(*value),
                "primary" => leaf(*primary),
                _ => leaf("work"),
            },
            Thing::Connection(page) => self.connection(page, field),
            Thing::PageInfo(page) => Self::page_info(page, field),
            Thing::Edge(page, place) => self.edge(page, *place, field),
        }
    }
}

impl<'w> Object<'w> {
    pub(super) fn object<'a>(&self, thing: Thing<'w>) -> Answer<'a>
    where
        'w: 'a,
    {
        Ok(ResolvedValue::object(Object { thing, scene: self.scene }))
    }

    pub(super) fn maybe<'a>(&self, thing: Option<Thing<'w>>) -> Answer<'a>
    where
        'w: 'a,
    {
        thing.map_or(Ok(ResolvedValue::null()), |thing| self.object(thing))
    }

    pub(super) fn list<'a>(&self, things: impl IntoIterator<Item = Thing<'w>>) -> Answer<'a>
    where
        'w: 'a,
    {
        let scene = self.scene;
        let objects: Vec<_> = things.into_iter().map(|thing| ResolvedValue::object(Object { thing, scene })).collect();
        Ok(ResolvedValue::list(objects))
    }

    fn forbidden(&self) -> FieldError {
        if self.scene.caller == Caller::Installation {
            return failed("FORBIDDEN", BEYOND_APP);
        }
        let message = "Your token has not been granted the required scopes to execute this query. \
            The field requires one of the following scopes: ['admin:org'].";
        failed("INSUFFICIENT_SCOPES", message)
    }

    fn query<'a>(&'a self, field: &str, given: &Given) -> Answer<'a> {
        let world = self.scene.world;
        match field {
            "rateLimit" => self.object(Thing::RateLimit),
            "viewer" => self.maybe(world.users.values().next().map(Thing::User)),
            "organization" => {
                let login = given.text("login").expect("the schema demands it");
                let known = world.org(login);
                let what = format!("an Organization with the login of '{login}'");
                self.object(Thing::Org(known.ok_or_else(|| unresolved(&what))?))
            }
            "user" => {
                let login = given.text("login").expect("the schema demands it");
                let known = world.by_login(login).filter(|user| user.kind == "User");
                let what = format!("a User with the login of '{login}'");
                self.object(Thing::User(known.ok_or_else(|| unresolved(&what))?))
            }
            "enterprise" => {
                let slug = given.text("slug").expect("the schema demands it");
                let known = world.enterprise.as_ref().filter(|known| known.slug == slug);
                let what = format!("an Enterprise with the URL slug of '{slug}'");
                self.object(Thing::Enterprise(known.ok_or_else(|| unresolved(&what))?))
            }
            _ => self.node(given.text("id").expect("the schema demands it")),
        }
    }

    fn nodes<'a>(&'a self, key: &str, given: &Given) -> Answer<'a> {
        let ids = given.0["ids"].as_array().cloned().unwrap_or_default();
        if ids.len() > MAX_PAGE {
            let many = format!("You may not provide more than 100 node ids; you provided {}.", ids.len());
            return Err(failed("ARGUMENT_LIMIT", &many));
        }
        let nodes = ids.iter().enumerate().map(|(place, id)| {
            let id = id.as_str().unwrap_or_default();
            self.node(id).unwrap_or_else(|_unresolved| {
                let message = format!("Could not resolve to a node with the global id of '{id}'.");
                let error = json!({"type": "NOT_FOUND", "path": [key, place], "message": message});
                self.scene.missing.borrow_mut().push(error);
                ResolvedValue::null()
            })
        });
        Ok(ResolvedValue::list(nodes.collect::<Vec<_>>()))
    }

    fn node<'a>(&'a self, id: &str) -> Answer<'a> {
        let world = self.scene.world;
        let user = world.users.values().filter(|user| user.kind == "User").find(|user| user.node_id() == id);
        let team = world.teams.values().find(|team| world.sees(team) && team.node_id() == id);
        let org = world.orgs.iter().find(|(_, known)| World::org_node_id(**known) == id);
        let found = user.map(Thing::User).or(team.map(Thing::Team)).or(org.map(|(login, _)| Thing::Org(login)));
        self.object(found.ok_or_else(|| unresolved(&format!("a node with the global id of '{id}'")))?)
    }

    fn rate_limit<'a>(&'a self, field: &str) -> Answer<'a> {
        let Scene { world, cost, nodes, left, .. } = self.scene;
        match field {
            "cost" => leaf(cost),
            "limit" => leaf(world.limit),
            "nodeCount" => leaf(nodes),
            "remaining" => leaf(left - cost),
            "used" => leaf(world.limit - left + cost),
            _ => leaf((world.now() + TimeDelta::hours(1)).to_rfc3339_opts(SecondsFormat::Secs, true)),
        }
    }

    fn enterprise<'a>(&'a self, enterprise: &'w Enterprise, field: &str) -> Answer<'a> {
        match field {
            "databaseId" => leaf(7),
            "id" => leaf("E_kgA7"),
            "ownerInfo" if self.scene.world.may(Right::Scim) => self.object(Thing::OwnerInfo),
            "ownerInfo" => Err(self.forbidden()),
            _ => leaf(enterprise.slug.as_str()),
        }
    }

    fn org<'a>(&'a self, login: &'w str, field: &str, given: &Given) -> Answer<'a> {
        let world = self.scene.world;
        match field {
            "databaseId" => leaf(world.orgs[login]),
            "id" => leaf(World::org_node_id(world.orgs[login])),
            "login" | "name" => leaf(login),
            // Of an App it is not documented, so nobody may count on it.
            "viewerCanAdminister" => leaf(world.may(Right::Own) && self.scene.caller == Caller::User),
            "viewerIsAMember" => leaf(world.may(Right::Write)),
            "samlIdentityProvider" if !world.may(Right::Identities) => Err(self.forbidden()),
            "samlIdentityProvider" => {
                let set_up = world.saml.is_some() && login == ORG;
                self.maybe(set_up.then_some(Thing::Provider { of_enterprise: false }))
            }
            "url" => leaf(format!("https://github.com/{login}")),
            "resourcePath" => leaf(format!("/{login}")),
            "email" => Ok(ResolvedValue::null()),
            "team" => {
                // "The name or slug of the team to find."
                let wanted = given.text("slug").expect("the schema demands it");
                let named = || world.teams.values().find(|team| team.org == login && team.name == wanted);
                let found = world.team_by_slug(login, wanted).or_else(named);
                self.maybe(found.filter(|team| world.sees(team)).map(Thing::Team))
            }
            _ if !world.may(Right::Read) => Err(self.forbidden()),
            "teams" => {
                let part = given.text("query").unwrap_or_default().to_lowercase();
                let rows = world.teams.values().filter(|team| {
                    let named = team.name.to_lowercase().contains(&part) || team.slug.contains(&part);
                    team.org == login
                        && world.sees(team)
                        && named
                        && !(given.flag("rootTeamsOnly") && team.parent.is_some())
                });
                self.page("Team", rows.map(|team| (Thing::Team(team), None)).collect(), given)
            }
            "pendingMembers" => {
                let rows = world.members.iter().filter(|(_, membership)| membership.pending && login == ORG);
                self.page("User", rows.map(|(user, _)| (Thing::User(world.user(*user)), None)).collect(), given)
            }
            _ => {
                let rows = world.org_members(login).into_iter().map(|(user, role)| (Thing::User(user), Some(role)));
                self.page("OrganizationMember", rows.collect(), given)
            }
        }
    }

    fn team<'a>(&'a self, team: &'w Team, field: &str, given: &Given) -> Answer<'a> {
        let world = self.scene.world;
        match field {
            "databaseId" => leaf(team.id),
            "id" => leaf(team.node_id()),
            "slug" => leaf(team.slug.as_str()),
            "name" => leaf(team.name.as_str()),
            "combinedSlug" => leaf(format!("{}/{}", team.org, team.slug)),
            "description" => Ok(ResolvedValue::null()),
            "privacy" => leaf(if team.secret { "SECRET" } else { "VISIBLE" }),
            "viewerCanAdminister" => leaf(world.may(Right::Write)),
            "organization" => self.object(Thing::Org(&team.org)),
            "parentTeam" => self.maybe(team.parent.map(|parent| Thing::Team(&world.teams[&parent]))),
            "url" => leaf(format!("https://github.com/orgs/{}/teams/{}", team.org, team.slug)),
            "resourcePath" => leaf(format!("/orgs/{}/teams/{}", team.org, team.slug)),
            "childTeams" => {
                let all = if given.flag("immediateOnly") {
                    world.teams.values().filter(|child| child.parent == Some(team.id)).collect()
                } else {
                    world.below(team)
                };
                self.page("Team", all.into_iter().map(|child| (Thing::Team(child), None)).collect(), given)
            }
            _ => {
                let role = given.text("role");
                let part = given.text("query").unwrap_or_default().to_lowercase();
                let wanted = |role_of: Role, inherited: bool| {
                    let by_way = match given.text("membership") {
                        Some("IMMEDIATE") => !inherited,
                        Some("CHILD_TEAM") => inherited,
                        _ => true,
                    };
                    by_way && role.is_none_or(|role| role.eq_ignore_ascii_case(role_of.rest()))
                };
                let all = world.everyone(team).into_iter();
                let all = all.filter(|(user, role, inherited)| {
                    wanted(*role, *inherited) && user.login.to_lowercase().contains(&part)
                });
                let rows = all.map(|(user, role, _)| (Thing::User(user), Some(role))).collect();
                self.page("TeamMember", rows, given)
            }
        }
    }

    fn user<'a>(&'a self, user: &'w User, field: &str, given: &Given) -> Answer<'a> {
        let world = self.scene.world;
        let member = |login: &str| world.org_members(login).iter().any(|(known, _)| known.id == user.id);
        match field {
            "databaseId" => leaf(user.id),
            "id" => leaf(user.node_id()),
            "login" => leaf(user.login.as_str()),
            "name" => leaf(user.name.as_str()),
            "suspendedAt" => user.suspended.then_some("2026-02-01T00:00:00Z").map_or(Ok(ResolvedValue::null()), leaf),
            "email" => leaf(user.public_email.as_deref().unwrap_or_default()),
            "url" => leaf(format!("https://github.com/{}", user.login)),
            "resourcePath" => leaf(format!("/{}", user.login)),
            "organization" => {
                let org = given.text("login").and_then(|login| world.org(login)).filter(|login| member(login));
                self.maybe(org.map(Thing::Org))
            }
            _ => {
                let org = given.text("login").and_then(|login| world.org(login));
                let shown = org.is_some_and(member) && world.may(Right::Identities);
                let emails = user.verified.iter().filter(|_| shown).map(|email| ResolvedValue::leaf(email.as_str()));
                Ok(ResolvedValue::list(emails.collect::<Vec<_>>()))
            }
        }
    }
}

/// The arguments of a field, defaults filled in.
pub(super) struct Given(pub Value);

impl Given {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0[name].as_str()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.0[name].as_bool().unwrap_or_default()
    }
}
