//! What each endpoint answers, in Okta's shapes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use httpmock::HttpMockResponse;
use reqwest::Url;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::fault::html;
use super::percent_decoded;
use super::search::{Compare, Grammar, parse};
use super::shapes::{group_body, json_body, okta_error, rule_body, user_body};
use super::world::{Group, Kind, Status, User, World};

/// The user whose API token it is.
pub(super) const ADMIN: &str = "00uadmin00000000001";

/// Longest pages: of users, of a group's members, of groups, of rules.
const MAX_USERS: usize = 200;
const MAX_MEMBERS: usize = 1000;
const MAX_GROUPS: usize = 10_000;
const MAX_RULES: usize = 200;

/// Results of a `q`, which has no pages.
const MAX_FOUND: usize = 300;

const USERS: Grammar = Grammar {
    properties: &["id", "status", "profile.login", "profile.email", "profile.firstName", "profile.lastName"],
    containing: &["profile.login", "profile.email", "profile.firstName", "profile.lastName"],
    only_eq: false,
};

const GROUPS: Grammar = Grammar {
    properties: &["id", "type", "profile.name", "profile.description"],
    containing: &["profile.name", "profile.description"],
    only_eq: false,
};

const GROUPS_FILTERED: Grammar = Grammar { properties: &["id", "type"], containing: &[], only_eq: true };

const NAMES_TAKEN: &str = "rules";

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Group(String),
    Groups,
    Members(String),
    Member { group: String, user: String, put: bool },
    Rules,
    User(String),
    UserGroups(String),
    Users,
}

/// Why there is no such route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Path,
    Method,
}

impl Route {
    pub(super) fn of(method: &str, path: &str) -> Result<Self, Missing> {
        let parts: Vec<String> = path.trim_start_matches('/').split('/').map(percent_decoded).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (route, methods): (_, &[&str]) = match parts.as_slice() {
            ["api", "v1", "groups"] => (Self::Groups, &["GET"]),
            ["api", "v1", "groups", NAMES_TAKEN] => (Self::Rules, &["GET"]),
            ["api", "v1", "groups", id] if !id.is_empty() => (Self::Group((*id).to_owned()), &["GET"]),
            ["api", "v1", "groups", id, "users"] if !id.is_empty() => (Self::Members((*id).to_owned()), &["GET"]),
            ["api", "v1", "groups", group, "users", user] if !user.is_empty() => {
                let (group, user) = ((*group).to_owned(), (*user).to_owned());
                (Self::Member { group, user, put: method == "PUT" }, &["PUT", "DELETE"])
            }
            ["api", "v1", "users"] => (Self::Users, &["GET"]),
            ["api", "v1", "users", key] if !key.is_empty() => (Self::User((*key).to_owned()), &["GET"]),
            ["api", "v1", "users", key, "groups"] if !key.is_empty() => (Self::UserGroups((*key).to_owned()), &["GET"]),
            _ => return Err(Missing::Path),
        };
        if methods.contains(&method) { Ok(route) } else { Err(Missing::Method) }
    }

    /// The scopes of which a token has to have one.
    pub(super) fn scopes(&self) -> &'static [&'static str] {
        match self {
            Self::User(_) | Self::UserGroups(_) | Self::Users => &["okta.users.read"],
            Self::Member { .. } => &["okta.groups.manage"],
            _ => &["okta.groups.read"],
        }
    }

    /// Under which limit its requests are counted.
    pub(super) fn bucket(&self) -> &'static str {
        match self {
            Self::User(_) | Self::UserGroups(_) => "/api/v1/users/{id}",
            Self::Users => "/api/v1/users",
            _ => "/api/v1/groups",
        }
    }
}

/// What ends a request early: an answer, or an answer and a rule that the client broke.
pub(super) enum Stop {
    Refused(Box<HttpMockResponse>),
    Violation(String),
}

type Answer = Result<HttpMockResponse, Stop>;

/// A change that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub put: bool,
    pub group: String,
    pub user: String,
    /// Whether anything was different afterwards.
    pub told: bool,
}

/// Where each cursor that was handed out goes on: the list it belongs to, and the last id that was shown.
pub(super) type Cursors = BTreeMap<String, (String, String)>;

/// One request with what it works on.
pub(super) struct Call<'c> {
    pub world: &'c mut World,
    pub cursors: &'c mut Cursors,
    pub changes: &'c mut Vec<Change>,
    pub url: &'c str,
    pub path: &'c str,
    pub query: &'c [(String, String)],
    /// Answers the same cursor that it was asked for.
    pub endless: bool,
    /// Where the next page is said to be.
    pub next_at: Option<String>,
}

impl Call<'_> {
    pub(super) fn answer(&mut self, route: &Route) -> Answer {
        match route {
            Route::Group(id) => self.group(id),
            Route::Groups => self.groups(),
            Route::Members(group) => self.members(group),
            Route::Member { group, user, put } => self.change(group, user, *put),
            Route::Rules => self.rules(),
            Route::User(key) => self.user(key),
            Route::UserGroups(key) => self.groups_of(key),
            Route::Users => self.users(),
        }
    }

    /// The parameters, of which there may be no others and none twice.
    fn known(&self, known: &[&str]) -> Result<BTreeMap<&str, &str>, Stop> {
        let mut given = BTreeMap::new();
        for (name, value) in self.query {
            if !known.contains(&name.as_str()) {
                return Err(Stop::Violation(format!("unknown query parameter {name}")));
            }
            if given.insert(name.as_str(), value.as_str()).is_some() {
                return Err(Stop::Violation(format!("query parameter {name} is given twice")));
            }
        }
        Ok(given)
    }

    fn group(&mut self, id: &str) -> Answer {
        self.known(&[])?;
        let group = self.world.groups.get(id).ok_or_else(|| not_found(id, "UserGroup"))?;
        Ok(json_body(200, &group_body(group, self.url)))
    }

    fn groups(&mut self) -> Answer {
        let given = self.known(&["search", "q", "filter", "limit", "after"])?;
        let (groups, lagging): (Vec<Group>, bool) = match (given.get("search"), given.get("q"), given.get("filter")) {
            (Some(search), None, None) => (self.matching_groups(search, &GROUPS)?, true),
            (None, None, Some(filter)) => (self.matching_groups(filter, &GROUPS_FILTERED)?, false),
            (None, Some(q), None) => {
                if given.contains_key("after") {
                    return Err(Stop::Violation("a `q` has no pages".to_owned()));
                }
                let limit = limit(&given, MAX_FOUND, MAX_GROUPS)?;
                let starts = |group: &&Group| group.name.to_lowercase().starts_with(&q.to_lowercase());
                let found = self.world.groups.values().filter(starts).take(limit);
                return Ok(json_body(200, &found.map(|group| group_body(group, self.url)).collect()));
            }
            (None, None, None) => (self.world.groups.values().cloned().collect(), false),
            _ => return Err(Stop::Violation("search, q and filter exclude each other".to_owned())),
        };
        let hidden = |group: &Group| lagging && self.world.manners.not_indexed.contains(&group.id);
        let rows: Vec<_> = groups
            .iter()
            .filter(|group| !hidden(group))
            .map(|group| (group.id.clone(), group_body(group, self.url)))
            .collect();
        let limit = limit(&given, MAX_GROUPS, MAX_GROUPS)?;
        self.page(&rows, limit)
    }

    fn matching_groups(&self, text: &str, grammar: &Grammar) -> Result<Vec<Group>, Stop> {
        let expression = parse(text, grammar).map_err(|problem| criteria(&problem))?;
        let compare = self.compare(grammar.only_eq);
        let fits = |group: &&Group| {
            expression.holds(compare, &|property| match property {
                "id" => group.id.clone(),
                "type" => group.kind.word().to_owned(),
                "profile.name" => group.name.clone(),
                _ => String::new(),
            })
        };
        Ok(self.world.groups.values().filter(fits).cloned().collect())
    }

    fn compare(&self, exactly: bool) -> Compare {
        match (exactly, self.world.manners.loose_search) {
            (true, _) => Compare::Exactly,
            (false, true) => Compare::Loosely,
            (false, false) => Compare::AnyCase,
        }
    }

    fn members(&mut self, group: &str) -> Answer {
        let given = self.known(&["limit", "after"])?;
        let limit = limit(&given, MAX_MEMBERS, MAX_MEMBERS)?;
        if !self.world.groups.contains_key(group) {
            return Err(not_found(group, "UserGroup"));
        }
        let ids = self.world.members(group);
        let rows: Vec<_> = ids.iter().map(|id| (id.clone(), user_body(&self.world.users[id], self.url))).collect();
        self.page(&rows, limit)
    }

    fn change(&mut self, group: &str, user: &str, put: bool) -> Answer {
        self.known(&[])?;
        let Some(Group { kind, .. }) = self.world.groups.get(group) else {
            return Err(not_found(group, "UserGroup"));
        };
        let Some(User { status, .. }) = self.world.users.get(user) else { return Err(not_found(user, "User")) };
        if *kind != Kind::Okta {
            return Err(refused(403, "E0000006", "You do not have permission to perform the requested action"));
        }
        if put && *status == Status::Deprovisioned {
            return Err(refused(403, "E0000038", "This operation is not allowed in the user's current status."));
        }
        let before = self.world.members(group);
        if put {
            self.world.put(group, user);
        } else {
            self.world.take(group, user);
        }
        let told = self.world.members(group) != before;
        self.changes.push(Change { put, group: group.to_owned(), user: user.to_owned(), told });
        Ok(HttpMockResponse::builder().status(204).build())
    }

    fn rules(&mut self) -> Answer {
        let given = self.known(&["limit", "after", "search", "expand"])?;
        let limit = limit(&given, 50, MAX_RULES)?;
        let rows: Vec<_> =
            self.world.rules.values().map(|rule| (rule.id.clone(), rule_body(rule, self.world))).collect();
        self.page(&rows, limit)
    }

    /// By id, login or unambiguous short name, without regard to case or diacritical marks. The web server in front
    /// refuses some signs although they are encoded, and the API cuts the path off at others.
    fn user(&mut self, key: &str) -> Answer {
        self.known(&[])?;
        if key.contains(['/', '\\', '[', ']', '\n', '\r']) {
            return Ok(html(400));
        }
        let key = key.split([';', '?']).next().expect("split gives one");
        let by_id = if key == "me" { Some(ADMIN) } else { Some(key) }.and_then(|id| self.world.users.get(id));
        let asked = folded(key);
        let by_login = || self.world.users.values().find(|user| folded(&user.login) == asked);
        let by_short_name = || {
            let short = |user: &&User| user.login.split('@').next().map(folded).as_ref() == Some(&asked);
            let mut named = self.world.users.values().filter(short);
            named.next().filter(|_| named.next().is_none())
        };
        let found = by_id.or_else(by_login).or_else(by_short_name).ok_or_else(|| not_found(key, "User"))?;
        Ok(json_body(200, &user_body(found, self.url)))
    }

    /// The description knows no parameters of this list.
    fn groups_of(&mut self, key: &str) -> Answer {
        self.known(&["after", "limit"])?;
        if !self.world.users.contains_key(key) {
            return Err(not_found(key, "User"));
        }
        let of = |group: &&Group| self.world.members(&group.id).contains(key);
        let groups = self.world.groups.values().filter(of);
        let rows: Vec<_> = groups.map(|group| (group.id.clone(), group_body(group, self.url))).collect();
        self.page(&rows, MAX_GROUPS)
    }

    fn users(&mut self) -> Answer {
        let given = self.known(&["search", "limit", "after", "fields"])?;
        let Some(search) = given.get("search") else {
            return Err(Stop::Violation("every user of the organisation is asked for".to_owned()));
        };
        let expression = parse(search, &USERS).map_err(|problem| criteria(&problem))?;
        let limit = limit(&given, MAX_USERS, MAX_USERS)?;
        let compare = self.compare(false);
        let fits = |user: &&User| {
            expression.holds(compare, &|property| match property {
                "id" => user.id.clone(),
                "status" => user.status.word().to_owned(),
                "profile.login" => user.login.clone(),
                "profile.email" => user.email.clone(),
                _ => String::new(),
            })
        };
        let indexed = |user: &&User| !self.world.manners.not_indexed.contains(&user.id);
        let found = self.world.users.values().filter(indexed).filter(fits);
        let rows: Vec<_> = found.map(|user| (user.id.clone(), user_body(user, self.url))).collect();
        self.page(&rows, limit)
    }

    /// One page of `rows`, which are in the order of their ids, with its `Link` headers.
    fn page(&mut self, rows: &[(String, Value)], limit: usize) -> Answer {
        let of = |name: &str| self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let list = format!("{}?{:?}{:?}", self.path, of("search"), of("filter"));
        let after = match of("after") {
            None => String::new(),
            Some(cursor) => match self.cursors.get(&cursor) {
                Some((of, last)) if *of == list => last.clone(),
                _ => return Err(refused_for(400, "E0000029", "Invalid paging request.", "Invalid cursor.")),
            },
        };
        let size = limit.min(self.world.manners.page_size);
        let rest: Vec<_> = rows.iter().filter(|(id, _)| *id > after).collect();
        let shown: Vec<_> = rest.iter().take(size).collect();
        let more = if self.world.manners.empty_last_page { shown.len() == size } else { rest.len() > size };
        let mut links = vec![format!("<{}>; rel=\"self\"", self.link(of("after").as_deref(), limit))];
        let last = if self.endless { Some(&after) } else { shown.last().map(|(id, _)| id) };
        if let Some(last) = last.filter(|_| more || self.endless) {
            // Base64 with its signs: whoever decodes a cursor, or encodes it twice, is found out.
            let cursor = STANDARD.encode(&Sha256::digest(format!("{list} {last}"))[..10]);
            self.cursors.insert(cursor.clone(), (list, last.clone()));
            let next = self.next_at.clone().unwrap_or_else(|| self.link(Some(&cursor), limit));
            links.push(format!("<{next}>; rel=\"next\""));
        }
        let body: Value = shown.iter().map(|(_, body)| body.clone()).collect();
        let mut response = json_body(200, &body);
        let headers = response.headers.get_or_insert_default();
        if self.world.manners.one_link {
            links = vec![links.join(", ")];
        }
        headers.extend(links.into_iter().map(|link| ("link".to_owned(), link)));
        Ok(response)
    }

    /// This list from another place on, its parameters in the order of their names.
    fn link(&self, after: Option<&str>, limit: usize) -> String {
        let mut query: BTreeMap<&str, String> =
            self.query.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        query.insert("limit", limit.to_string());
        query.extend(after.map(|after| ("after", after.to_owned())));
        let base = format!("{}{}", self.url, self.path);
        Url::parse_with_params(&base, query).expect("its own address").to_string()
    }
}

fn limit(given: &BTreeMap<&str, &str>, default: usize, max: usize) -> Result<usize, Stop> {
    let Some(text) = given.get("limit") else { return Ok(default) };
    match text.parse() {
        Ok(limit) if (1..=max).contains(&limit) => Ok(limit),
        _ => Err(refused_for(400, "E0000001", "Api validation failed: limit", "limit: out of bounds")),
    }
}

/// Without case and the commoner diacritical marks, in neither of which logins differ.
fn folded(login: &str) -> String {
    let bare = |sign: char| match sign {
        'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' => 'o',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        'ñ' => 'n',
        other => other,
    };
    login.to_lowercase().chars().map(bare).collect()
}

fn not_found(what: &str, kind: &str) -> Stop {
    refused(404, "E0000007", &format!("Not found: Resource not found: {what} ({kind})"))
}

fn criteria(problem: &str) -> Stop {
    refused_for(400, "E0000031", "Invalid search criteria.", problem)
}

fn refused(status: u16, code: &str, summary: &str) -> Stop {
    Stop::Refused(Box::new(okta_error(status, code, summary, &[])))
}

fn refused_for(status: u16, code: &str, summary: &str, cause: &str) -> Stop {
    Stop::Refused(Box::new(okta_error(status, code, summary, &[cause])))
}
