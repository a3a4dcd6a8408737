//! The state behind the stand-in: who there is, who belongs to which organisation and team, who may see what.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};

/// The organisation where nothing else is said.
pub const ORG: &str = "acme";
const ORG_ID: u64 = 9_000;

/// The app of [`World::at`], and its installation in [`ORG`].
pub const APP_ID: u64 = 12_345;
pub const CLIENT_ID: &str = "Iv23liFakeOfTheStandIn";
pub const INSTALLATION: u64 = 100;

/// The suffix of every login of an enterprise with managed users.
pub const SHORTCODE: &str = "acme";

/// Requests in an hour for one user; a test that wants fewer says so.
const LIMIT: u64 = 5_000;

/// GitHub as one organisation sees it, stated piece by piece.
#[derive(Clone)]
pub struct World {
    clock: (DateTime<Utc>, Instant),
    /// The address that answers' links begin with; the stand-in fills it in.
    pub(super) base: String,
    pub(super) server: bool,
    pub(super) latency: Duration,
    pub(super) limit: u64,
    /// No page is longer, whatever is asked for.
    pub page_limit: usize,
    /// Whether the list of a team's members tells role and inheritance, which not every organisation has.
    pub tells_inherited: bool,
    /// How a removal is answered where there is nothing to remove; GitHub's documentation names only 204.
    pub absent: u16,
    pub rights: BTreeSet<Right>,
    /// Ids by login.
    pub(super) orgs: BTreeMap<String, u64>,
    pub users: BTreeMap<u64, User>,
    pub(super) members: BTreeMap<u64, Membership>,
    pub(super) teams: BTreeMap<u64, Team>,
    /// `None`: no single sign-on.
    pub saml: Option<Vec<Identity>>,
    pub(super) enterprise: Option<Enterprise>,
    pub suspended: bool,
    /// What was done to teams and organisation, in words.
    pub(super) events: Vec<String>,
}

/// What a credential may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// See the organisation's teams and members.
    Read,
    /// Change who is in a team.
    Write,
    /// Own the organisation: administer it, and see its secret teams.
    Own,
    /// See who stands behind a single sign-on, and verified addresses, as an owner does.
    Identities,
    /// See the enterprise's provisioned users.
    Scim,
}

#[derive(Debug, Clone)]
pub struct User {
    pub id: u64,
    pub login: String,
    pub name: String,
    /// What anybody may write on their profile: worth nothing.
    pub public_email: Option<String>,
    /// Addresses in the organisation's verified domains.
    pub verified: Vec<String>,
    /// On an Enterprise Server, where the suspended stay in their organisations and teams.
    pub suspended: bool,
    /// `User` or `Organization`.
    pub kind: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Member,
    /// In an organisation: its owner.
    Maintainer,
}

impl Role {
    pub(super) fn rest(self) -> &'static str {
        if self == Self::Member { "member" } else { "maintainer" }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    pub role: Role,
    /// Invited, and has not accepted.
    pub pending: bool,
}

#[derive(Debug, Clone)]
pub struct Team {
    pub id: u64,
    pub org: String,
    pub slug: String,
    pub name: String,
    pub parent: Option<u64>,
    /// Its members are kept by an identity provider.
    pub synchronised: bool,
    /// "Secret teams are only visible to the people on the team and people with owner permissions."
    pub secret: bool,
    /// By user id.
    pub members: BTreeMap<u64, Membership>,
}

/// Somebody as the identity provider knows them.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    pub guid: String,
    pub name_id: Option<String>,
    pub emails: Vec<String>,
    pub scim_username: Option<String>,
    pub scim_emails: Vec<String>,
    /// `None`: nobody has claimed it yet.
    pub user: Option<u64>,
}

#[derive(Debug, Clone)]
pub(super) struct Enterprise {
    pub slug: String,
    pub users: Vec<ScimUser>,
}

#[derive(Debug, Clone)]
pub struct ScimUser {
    pub user_name: String,
    pub emails: Vec<String>,
    pub active: bool,
}

fn node_id(prefix: &str, id: u64) -> String {
    format!("{prefix}_{}", BASE64_URL_SAFE_NO_PAD.encode(id.to_be_bytes()))
}

impl User {
    pub fn node_id(&self) -> String {
        node_id(if self.kind == "User" { "U" } else { "O" }, self.id)
    }
}

impl Team {
    pub fn node_id(&self) -> String {
        node_id("T", self.id)
    }
}

impl World {
    /// An organisation without people or teams, whose clock stands at `now`; its token may do everything.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self {
            clock: (now, Instant::now()),
            base: String::new(),
            server: false,
            latency: Duration::ZERO,
            limit: LIMIT,
            page_limit: 100,
            tells_inherited: true,
            absent: 204,
            rights: BTreeSet::from([Right::Read, Right::Write, Right::Own, Right::Identities, Right::Scim]),
            orgs: BTreeMap::from([(ORG.to_owned(), ORG_ID)]),
            users: BTreeMap::new(),
            members: BTreeMap::new(),
            teams: BTreeMap::new(),
            saml: None,
            enterprise: None,
            suspended: false,
            events: Vec::new(),
        }
    }

    /// An Enterprise Server: REST below `/api/v3`, GraphQL at `/api/graphql`, no inheritance in lists.
    pub fn on_server(mut self) -> Self {
        self.server = true;
        self.tells_inherited = false;
        self
    }

    /// Answers each request after `latency`.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Allows so many requests before the primary limit.
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// The same, changed.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub fn without(mut self, right: Right) -> Self {
        self.rights.remove(&right);
        self
    }

    /// Somebody with a GitHub account and no part in the organisation.
    pub fn outsider(mut self, id: u64, login: &str) -> Self {
        self.add_user(id, login, "User");
        self
    }

    /// An active member of the organisation.
    pub fn member(self, id: u64, login: &str) -> Self {
        self.joined(id, login, Role::Member, false)
    }

    pub fn owner(self, id: u64, login: &str) -> Self {
        self.joined(id, login, Role::Maintainer, false)
    }

    /// Invited to the organisation, and not in it yet.
    pub fn invited(self, id: u64, login: &str) -> Self {
        self.joined(id, login, Role::Member, true)
    }

    fn joined(mut self, id: u64, login: &str, role: Role, pending: bool) -> Self {
        self.add_user(id, login, "User");
        self.members.insert(id, Membership { role, pending });
        self
    }

    /// A login that is an organisation's.
    pub fn other_org(mut self, id: u64, login: &str) -> Self {
        self.add_user(id, login, "Organization");
        self.orgs.insert(login.to_owned(), id);
        self
    }

    /// Claims this address on the public profile of `id`.
    pub fn public_email(mut self, id: u64, email: &str) -> Self {
        self.user_mut(id).public_email = Some(email.to_owned());
        self
    }

    /// An address of `id` in a domain that the organisation has verified.
    pub fn verified_email(mut self, id: u64, email: &str) -> Self {
        self.user_mut(id).verified.push(email.to_owned());
        self
    }

    pub fn suspended(mut self, id: u64) -> Self {
        self.user_mut(id).suspended = true;
        self
    }

    /// An identity of the organisation's single sign-on, which is thereby set up.
    pub fn identity(mut self, identity: Identity) -> Self {
        let all = self.saml.get_or_insert_default();
        let guid = format!("guid-{}", all.len() + 1);
        all.push(Identity { guid, ..identity });
        self
    }

    /// A SAML identity whose NameID is this address.
    pub fn saml(self, id: u64, email: &str) -> Self {
        self.identity(Identity { name_id: Some(email.to_owned()), user: Some(id), ..Identity::default() })
    }

    pub fn enterprise(mut self, slug: &str) -> Self {
        self.enterprise = Some(Enterprise { slug: slug.to_owned(), users: Vec::new() });
        self
    }

    /// A provisioned user of the enterprise; its login is [`World::managed_login`] of the name.
    pub fn scim(mut self, user_name: &str, emails: &[&str], active: bool) -> Self {
        let emails = emails.iter().map(ToString::to_string).collect();
        let enterprise = self.enterprise.as_mut().expect("an enterprise comes before its users");
        enterprise.users.push(ScimUser { user_name: user_name.to_owned(), emails, active });
        self
    }

    /// The login that an enterprise with managed users makes of a user name: what stands before the `@`, every run of
    /// other signs a dash, then the enterprise's own suffix.
    pub fn managed_login(user_name: &str) -> String {
        let local = user_name.split('@').next().expect("split gives one");
        let words: Vec<_> =
            local.split(|sign: char| !sign.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
        format!("{}_{SHORTCODE}", words.join("-"))
    }

    /// A team of [`ORG`] whose name is its slug.
    pub fn team(self, id: u64, slug: &str) -> Self {
        self.team_of(ORG, id, slug, slug)
    }

    pub fn named_team(self, id: u64, slug: &str, name: &str) -> Self {
        self.team_of(ORG, id, slug, name)
    }

    pub fn team_of(mut self, org: &str, id: u64, slug: &str, name: &str) -> Self {
        assert!(self.orgs.contains_key(org), "the world has no organisation {org}");
        let (org, slug, name) = (org.to_owned(), slug.to_owned(), name.to_owned());
        let (parent, members) = (None, BTreeMap::new());
        let team = Team { id, org, slug, name, parent, synchronised: false, secret: false, members };
        assert!(self.teams.insert(id, team).is_none(), "two teams {id}");
        self
    }

    pub fn child_of(mut self, child: u64, parent: u64) -> Self {
        assert!(self.teams.contains_key(&parent), "the world has no team {parent}");
        self.team_mut(child).parent = Some(parent);
        self
    }

    pub fn synchronised(mut self, team: u64) -> Self {
        self.team_mut(team).synchronised = true;
        self
    }

    /// Puts somebody into a team by hand, as people do in the browser.
    pub fn in_team(mut self, team: u64, user: u64, role: Role) -> Self {
        self.put_in(team, user, role);
        self
    }

    pub fn put_in(&mut self, team: u64, user: u64, role: Role) {
        assert!(self.members.contains_key(&user), "{user} is no member of the organisation");
        self.team_mut(team).members.insert(user, Membership { role, pending: false });
    }

    /// Takes somebody out of the organisation, and so out of its teams.
    pub fn leave(&mut self, user: u64) {
        self.members.remove(&user);
        for team in self.teams.values_mut() {
            team.members.remove(&user);
        }
    }

    /// Gives a user another login; the old one is free for anybody.
    pub fn rename(&mut self, user: u64, login: &str) {
        assert!(self.by_login(login).is_none(), "{login} is taken");
        self.user_mut(user).login = login.to_owned();
    }

    /// Deletes a team; its children stay, without a parent.
    pub fn delete_team(&mut self, team: u64) {
        self.teams.remove(&team);
        self.teams.values_mut().filter(|child| child.parent == Some(team)).for_each(|child| child.parent = None);
    }

    pub fn add_user(&mut self, id: u64, login: &str, kind: &'static str) {
        assert!(self.by_login(login).is_none(), "{login} is taken");
        let (login, name) = (login.to_owned(), format!("The real {login}"));
        let user = User { id, login, name, public_email: None, verified: Vec::new(), suspended: false, kind };
        assert!(self.users.insert(id, user).is_none(), "two users {id}");
    }

    /// Its own clock, which may be anybody's.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.0 + TimeDelta::from_std(self.clock.1.elapsed()).expect("no test runs for ages")
    }

    pub fn set_clock(&mut self, now: DateTime<Utc>) {
        self.clock = (now, Instant::now());
    }

    pub fn by_login(&self, login: &str) -> Option<&User> {
        self.users.values().find(|user| user.login.eq_ignore_ascii_case(login))
    }

    pub fn user(&self, id: u64) -> &User {
        &self.users[&id]
    }

    pub(super) fn user_mut(&mut self, id: u64) -> &mut User {
        self.users.get_mut(&id).unwrap_or_else(|| panic!("the world has no user {id}"))
    }

    pub fn team_mut(&mut self, id: u64) -> &mut Team {
        self.teams.get_mut(&id).unwrap_or_else(|| panic!("the world has no team {id}"))
    }

    pub fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// Whether the token, which is nobody's on any team, is shown this one.
    pub(super) fn sees(&self, team: &Team) -> bool {
        self.may(Right::Read) && (!team.secret || self.may(Right::Own))
    }

    pub(super) fn org_node_id(id: u64) -> String {
        node_id("O", id)
    }

    /// The organisation's login as it is spelled, if there is one.
    pub(super) fn org(&self, login: &str) -> Option<&str> {
        self.orgs.keys().find(|known| known.eq_ignore_ascii_case(login)).map(String::as_str)
    }
}
