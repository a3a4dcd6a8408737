//! The organisation behind the stand-in: users, groups, who is in which, and the rules that put people there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// An Okta organisation, stated piece by piece.
#[derive(Clone)]
pub struct World {
    pub(super) now: DateTime<Utc>,
    pub users: BTreeMap<String, User>,
    pub groups: BTreeMap<String, Group>,
    /// (group, user) that somebody, or some program, put there.
    pub by_hand: BTreeSet<(String, String)>,
    pub rules: BTreeMap<String, Rule>,
    /// (rule, user): taken out by hand of a group that the rule feeds, and never put there by it again.
    pub exclusions: BTreeSet<(String, String)>,
    pub manners: Manners,
}

/// What organisations, and Okta's own versions, differ in.
#[derive(Clone)]
pub struct Manners {
    /// No page is longer, whatever `limit` says.
    pub page_size: usize,
    /// A full last page is followed by an empty one, as `GET /api/v1/users?limit=1` was seen to do.
    pub empty_last_page: bool,
    /// `self` and `next` in one `Link` header instead of two, which RFC 8288 calls the same.
    pub one_link: bool,
    /// `search` finds what only begins with the value, as no honest index does.
    pub loose_search: bool,
    /// Users and groups (by id) that the index behind `search` does not know yet.
    pub not_indexed: BTreeSet<String>,
    /// Requests of one kind for each window of time.
    pub rate: (u64, TimeDelta),
    /// Unfinished requests at a time: 75 for an organisation, 35 on the free plan.
    pub concurrent: usize,
    /// How long each request is unfinished.
    pub latency: Duration,
    /// The service app may have no token without a DPoP proof, as is the default for new ones.
    pub requires_dpop: bool,
    /// Every request to the API has to carry a nonce of the resource server.
    pub resource_nonce: bool,
    /// The service app has a second public key, so that an assertion has to name its own.
    pub two_keys: bool,
    /// Scopes that the service app was granted.
    pub scopes: BTreeSet<&'static str>,
    /// How long an access token is valid.
    pub lifetime: TimeDelta,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            page_size: usize::MAX,
            empty_last_page: false,
            one_link: false,
            loose_search: false,
            not_indexed: BTreeSet::new(),
            rate: (600, TimeDelta::minutes(1)),
            concurrent: 75,
            latency: Duration::ZERO,
            requires_dpop: true,
            resource_nonce: false,
            two_keys: false,
            scopes: ["okta.groups.manage", "okta.groups.read", "okta.users.read"].into(),
            lifetime: TimeDelta::hours(1),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: String,
    pub login: String,
    pub email: String,
    pub status: Status,
}

/// Every status that Okta documents of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Staged,
    Provisioned,
    Active,
    PasswordExpired,
    LockedOut,
    Recovery,
    Suspended,
    Deprovisioned,
}

impl Status {
    pub const ALL: [Self; 8] = [
        Self::Staged,
        Self::Provisioned,
        Self::Active,
        Self::PasswordExpired,
        Self::LockedOut,
        Self::Recovery,
        Self::Suspended,
        Self::Deprovisioned,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Staged => "STAGED",
            Self::Provisioned => "PROVISIONED",
            Self::Active => "ACTIVE",
            Self::PasswordExpired => "PASSWORD_EXPIRED",
            Self::LockedOut => "LOCKED_OUT",
            Self::Recovery => "RECOVERY",
            Self::Suspended => "SUSPENDED",
            Self::Deprovisioned => "DEPROVISIONED",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub id: String,
    pub name: String,
    pub kind: Kind,
}

/// Who looks after a group's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Okta: the only kind whose members can be changed.
    Okta,
    /// The app, for instance Active Directory, that the group was imported from.
    App,
    /// Nobody: everyone is in it.
    BuiltIn,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Okta => "OKTA_GROUP",
            Self::App => "APP_GROUP",
            Self::BuiltIn => "BUILT_IN",
        }
    }
}

/// A group rule; its condition is told by whom it fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub id: String,
    pub active: bool,
    pub groups: BTreeSet<String>,
    pub fits: BTreeSet<String>,
}

impl World {
    /// An organisation with nobody in it, whose clock stands at `now` when the stand-in starts.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self {
            now,
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            by_hand: BTreeSet::new(),
            rules: BTreeMap::new(),
            exclusions: BTreeSet::new(),
            manners: Manners::default(),
        }
    }

    /// An active user whose login is the e-mail.
    pub fn user(self, id: &str, email: &str) -> Self {
        self.account(id, email, email, Status::Active)
    }

    pub fn account(mut self, id: &str, login: &str, email: &str, status: Status) -> Self {
        let (login, email) = (login.to_owned(), email.to_owned());
        self.users.insert(id.to_owned(), User { id: id.to_owned(), login, email, status });
        self
    }

    /// A group whose members Okta keeps.
    pub fn group(self, id: &str, name: &str) -> Self {
        self.group_of(id, name, Kind::Okta)
    }

    pub fn group_of(mut self, id: &str, name: &str, kind: Kind) -> Self {
        self.groups.insert(id.to_owned(), Group { id: id.to_owned(), name: name.to_owned(), kind });
        self
    }

    pub fn member(mut self, group: &str, user: &str) -> Self {
        self.put(group, user);
        self
    }

    /// An active rule that puts these users in the group.
    pub fn rule(self, id: &str, group: &str, users: &[&str]) -> Self {
        self.any_rule(id, true, group, users)
    }

    /// A rule that does nothing.
    pub fn inactive_rule(self, id: &str, group: &str, users: &[&str]) -> Self {
        self.any_rule(id, false, group, users)
    }

    fn any_rule(mut self, id: &str, active: bool, group: &str, users: &[&str]) -> Self {
        assert!(self.groups.contains_key(group), "the world has no group {group}");
        let fits = users.iter().map(|user| (*user).to_owned()).collect();
        self.rules.insert(
            id.to_owned(),
            Rule { id: id.to_owned(), active, groups: BTreeSet::from([group.to_owned()]), fits },
        );
        self
    }

    pub fn manners(mut self, change: impl FnOnce(&mut Manners)) -> Self {
        change(&mut self.manners);
        self
    }

    /// Puts a user in a group by hand.
    pub fn put(&mut self, group: &str, user: &str) {
        assert!(self.groups.contains_key(group), "the world has no group {group}");
        assert!(self.users.contains_key(user), "the world has no user {user}");
        self.by_hand.insert((group.to_owned(), user.to_owned()));
    }

    /// Takes a user out of a group by hand; a rule that had put them there will not do so again.
    pub fn take(&mut self, group: &str, user: &str) {
        self.by_hand.remove(&(group.to_owned(), user.to_owned()));
        let feeding: Vec<String> = self.feeding(group, user).map(|rule| rule.id.clone()).collect();
        self.exclusions.extend(feeding.into_iter().map(|rule| (rule, user.to_owned())));
    }

    /// Sets a user's status; who is deactivated leaves every group.
    pub fn set_status(&mut self, user: &str, status: Status) {
        self.users.get_mut(user).expect("the world has that user").status = status;
        if status == Status::Deprovisioned {
            self.by_hand.retain(|(_, member)| member != user);
        }
    }

    /// Deletes a user for good.
    pub fn delete_user(&mut self, user: &str) {
        self.users.remove(user).expect("the world has that user");
        self.by_hand.retain(|(_, member)| member != user);
    }

    /// Deletes a group.
    pub fn delete_group(&mut self, group: &str) {
        self.groups.remove(group).expect("the world has that group");
        self.by_hand.retain(|(of, _)| of != group);
    }

    /// The ids of a group's members, in order.
    pub fn members(&self, group: &str) -> BTreeSet<String> {
        let kind = self.groups.get(group).map(|group| group.kind);
        let active = |user: &&User| user.status != Status::Deprovisioned;
        let inside = |user: &&User| {
            kind == Some(Kind::BuiltIn)
                || self.by_hand.contains(&(group.to_owned(), user.id.clone()))
                || self.feeding(group, &user.id).next().is_some()
        };
        self.users.values().filter(active).filter(inside).map(|user| user.id.clone()).collect()
    }

    fn feeding(&self, group: &str, user: &str) -> impl Iterator<Item = &Rule> {
        self.rules.values().filter(move |rule| {
            let excluded = self.exclusions.contains(&(rule.id.clone(), user.to_owned()));
            rule.active && rule.groups.contains(group) && rule.fits.contains(user) && !excluded
        })
    }
}
