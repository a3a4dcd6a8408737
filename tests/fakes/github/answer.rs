//! An answer before it goes out, and the shapes that GitHub gives to people, teams and errors.

use serde_json::{Value, json};

use super::world::{Role, Team, User, World};

/// Status, headers and body.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Value>,
}

/// Ends a request early: an answer, or an answer and a rule that the client broke.
pub(super) enum Stop {
    Refused(Answer),
    Violation(String),
}

pub(super) type Outcome = Result<Answer, Stop>;

impl Answer {
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body) }
    }

    /// 204, as a change without an answer has it.
    pub fn empty() -> Self {
        Self { status: 204, headers: Vec::new(), body: None }
    }

    /// An error as GitHub words it.
    pub fn message(status: u16, message: &str) -> Self {
        let documentation = "https://docs.github.com/rest";
        let body = json!({"message": message, "documentation_url": documentation, "status": status.to_string()});
        Self::json(status, body)
    }

    pub fn with(mut self, headers: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        self.headers.extend(headers);
        self
    }
}

pub(super) fn refused(status: u16, message: &str) -> Stop {
    Stop::Refused(Answer::message(status, message))
}

/// 404, which is also what those get who may not know.
pub(super) fn not_found() -> Stop {
    refused(404, "Not Found")
}

/// 422 with what is wrong about which field.
pub(super) fn invalid(resource: &str, field: &str) -> Stop {
    Stop::Refused(Answer::json(
        422,
        json!({
            "message": "Validation Failed",
            "errors": [{"resource": resource, "field": field, "code": "invalid"}],
            "documentation_url": "https://docs.github.com/rest",
            "status": "422",
        }),
    ))
}

/// "Simple User".
pub(super) fn user(world: &World, user: &User) -> Value {
    let at = format!("{}/users/{}", world.base, user.login);
    let mut shown = json!({
        "login": user.login, "id": user.id, "node_id": user.node_id(), "gravatar_id": "", "url": at,
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{}?v=4", user.id),
        "html_url": format!("https://github.com/{}", user.login),
        "type": user.kind, "site_admin": false, "user_view_type": "public",
    });
    for list in ["followers", "gists", "starred", "subscriptions", "following", "repos", "events", "received_events"] {
        shown[format!("{list}_url")] = json!(format!("{at}/{list}"));
    }
    shown["organizations_url"] = json!(format!("{at}/orgs"));
    shown
}

/// "Public User", whose e-mail is what its owner wrote there.
pub(super) fn public_user(world: &World, of: &User) -> Value {
    let mut shown = user(world, of);
    shown["name"] = json!(of.name);
    if world.server {
        shown["suspended_at"] = json!(of.suspended.then_some("2026-02-01T00:00:00Z"));
    }
    shown["email"] = json!(of.public_email);
    for field in ["bio", "blog", "company", "hireable", "location"] {
        shown[field] = Value::Null;
    }
    for count in ["followers", "following", "public_gists", "public_repos"] {
        shown[count] = json!(0);
    }
    shown["created_at"] = json!("2020-01-01T00:00:00Z");
    shown["updated_at"] = json!("2026-01-01T00:00:00Z");
    shown
}

/// "Team Member": with `role` and `inherited` where the organisation has that feature.
pub(super) fn member(world: &World, of: &User, role: Role, inherited: bool) -> Value {
    let mut shown = user(world, of);
    if world.tells_inherited {
        shown["role"] = json!(role.rest());
        shown["inherited"] = json!(inherited);
    }
    shown
}

/// "Team", with its parent where it has one.
pub(super) fn team(world: &World, team: &Team) -> Value {
    let mut shown = bare_team(world, team);
    shown["parent"] = team.parent.map_or(Value::Null, |parent| bare_team(world, &world.teams[&parent]));
    shown
}

/// "Full Team".
pub(super) fn full_team(world: &World, of: &Team) -> Value {
    let mut shown = team(world, of);
    shown["members_count"] = json!(world.everyone(of).len());
    shown["repos_count"] = json!(0);
    shown["created_at"] = json!("2025-01-01T00:00:00Z");
    shown["updated_at"] = json!("2026-01-01T00:00:00Z");
    let mut organization = organization(world, &of.org);
    organization["html_url"] = json!(format!("https://github.com/{}", of.org));
    for flag in ["has_organization_projects", "has_repository_projects"] {
        organization[flag] = json!(true);
    }
    for count in ["public_repos", "public_gists", "followers", "following"] {
        organization[count] = json!(0);
    }
    organization["created_at"] = json!("2020-01-01T00:00:00Z");
    organization["updated_at"] = json!("2026-01-01T00:00:00Z");
    organization["archived_at"] = Value::Null;
    shown["organization"] = organization;
    shown
}

fn bare_team(world: &World, team: &Team) -> Value {
    let at = format!("{}/organizations/{}/team/{}", world.base, world.orgs[&team.org], team.id);
    json!({
        "id": team.id, "node_id": team.node_id(), "name": team.name, "slug": team.slug, "description": Value::Null,
        "privacy": if team.secret { "secret" } else { "closed" }, "notification_setting": "notifications_enabled", "permission": "pull", "url": at,
        "html_url": format!("https://github.com/orgs/{}/teams/{}", team.org, team.slug), "type": "organization",
        "members_url": format!("{at}/members{{/member}}"), "repositories_url": format!("{at}/repos"),
        "organization_id": world.orgs[&team.org],
    })
}

/// "Organization Simple".
pub(super) fn organization(world: &World, login: &str) -> Value {
    let at = format!("{}/orgs/{login}", world.base);
    let id = world.orgs[login];
    json!({
        "login": login, "id": id, "node_id": World::org_node_id(id), "url": at, "description": Value::Null,
        "repos_url": format!("{at}/repos"), "events_url": format!("{at}/events"), "hooks_url": format!("{at}/hooks"),
        "issues_url": format!("{at}/issues"), "members_url": format!("{at}/members{{/member}}"),
        "public_members_url": format!("{at}/public_members{{/member}}"),
        "avatar_url": "https://avatars.githubusercontent.com/u/1?v=4", "type": "Organization",
    })
}
