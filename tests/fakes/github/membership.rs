//! Who is in a team, by which way, and what a change does.

use super::answer::{Answer, Outcome, Stop, invalid, refused};
use super::world::{Membership, ORG, Right, Role, Team, User, World};

/// How GitHub refuses to change a team that an identity provider keeps; the last word is the provider's name.
pub const SYNCHRONISED: &str =
    "You cannot create or update members for an external group backed team since they are managed by your IdP";

/// How it refuses whoever neither owns the organisation nor maintains the team.
pub const NO_ADMIN: &str = "You must be an organization owner or team maintainer to add a team membership.";

impl World {
    /// Invites somebody into a team who is not in the organisation yet.
    pub fn invite(&mut self, team: u64, user: u64) {
        self.team_mut(team).members.insert(user, Membership { role: Role::Member, pending: true });
    }

    /// Deletes an account, for good.
    pub fn delete_user(&mut self, user: u64) {
        self.leave(user);
        self.users.remove(&user);
        self.saml.iter_mut().flatten().filter(|known| known.user == Some(user)).for_each(|known| known.user = None);
    }

    /// The organisation as REST shows it where an account of any kind may stand.
    pub(super) fn org_as_user(&self) -> User {
        let (login, name) = (ORG.to_owned(), ORG.to_owned());
        let (public_email, verified, suspended) = (None, Vec::new(), false);
        User { id: self.orgs[ORG], login, name, public_email, verified, suspended, kind: "Organization" }
    }

    /// Everybody in the team itself; nobody who is only invited.
    pub(super) fn direct(&self, team: &Team) -> Vec<(&User, Role)> {
        let active = team.members.iter().filter(|(_, membership)| !membership.pending);
        active.map(|(user, membership)| (self.user(*user), self.team_role(*user, membership.role))).collect()
    }

    /// Everybody in the team or in one below it, each once; the flag says who is only in one below.
    pub(super) fn everyone(&self, team: &Team) -> Vec<(&User, Role, bool)> {
        let mut all: Vec<_> = self.direct(team).into_iter().map(|(user, role)| (user, role, false)).collect();
        for below in self.below(team) {
            for (user, _) in self.direct(below) {
                if !all.iter().any(|(known, _, _)| known.id == user.id) {
                    all.push((user, self.team_role(user.id, Role::Member), true));
                }
            }
        }
        all.sort_by_key(|(user, _, _)| user.id);
        all
    }

    /// Every team below, at any depth.
    pub(super) fn below(&self, team: &Team) -> Vec<&Team> {
        let children = self.teams.values().filter(|child| child.parent == Some(team.id));
        children.flat_map(|child| [vec![child], self.below(child)].concat()).collect()
    }

    pub(super) fn team_by_slug(&self, org: &str, slug: &str) -> Option<&Team> {
        self.teams.values().find(|team| team.org.eq_ignore_ascii_case(org) && team.slug.eq_ignore_ascii_case(slug))
    }

    /// The membership as REST tells it: that of the team, else that of one below, which counts as much.
    pub(super) fn membership(&self, team: &Team, user: &User) -> Option<Membership> {
        if let Some(direct) = team.members.get(&user.id) {
            return Some(Membership { role: self.team_role(user.id, direct.role), ..*direct });
        }
        let inherited = self.everyone(team).into_iter().find(|(known, _, _)| known.id == user.id);
        inherited.map(|(_, role, _)| Membership { role, pending: false })
    }

    /// "The `role` for organization owners is set to `maintainer`."
    fn team_role(&self, user: u64, role: Role) -> Role {
        let owner = self.members.get(&user).is_some_and(|membership| membership.role == Role::Maintainer);
        if owner { Role::Maintainer } else { role }
    }

    /// PUT of a membership: adds, changes the role of whoever is in already, invites whoever is an outsider.
    pub(super) fn put_membership(&mut self, team: u64, login: &str, role: &str) -> Outcome {
        self.may_change(team)?;
        let user = self.by_login(login).ok_or_else(super::answer::not_found)?;
        if user.kind != "User" {
            return Err(refused(422, "Cannot add an organization as a member."));
        }
        let role = match role {
            "member" => Role::Member,
            "maintainer" => Role::Maintainer,
            _ => return Err(invalid("TeamMember", "role")),
        };
        let (id, login) = (user.id, user.login.clone());
        let slug = self.teams[&team].slug.clone();
        let in_org = self.members.get(&id).is_some_and(|membership| !membership.pending);
        let before = self.teams[&team].members.get(&id).map(|membership| self.team_role(id, membership.role));
        let word = match before {
            _ if !in_org => Some("invited"),
            None => Some("added"),
            Some(before) if before == self.team_role(id, role) => None,
            Some(Role::Maintainer) => Some("demoted"),
            Some(Role::Member) => Some("promoted"),
        };
        if !in_org {
            self.members.entry(id).or_insert(Membership { role: Role::Member, pending: true });
        }
        self.events.extend(word.map(|word| format!("{word} {login} in {slug}")));
        self.team_mut(team).members.insert(id, Membership { role, pending: !in_org });
        let user = self.user(id);
        let membership = self.membership(&self.teams[&team], user).expect("put a moment ago");
        Ok(self.membership_answer(&self.teams[&team], user, membership))
    }

    pub(super) fn delete_membership(&mut self, team: u64, login: &str) -> Outcome {
        self.may_change(team)?;
        let user = self.by_login(login).ok_or_else(super::answer::not_found)?;
        let (id, login) = (user.id, user.login.clone());
        let team = self.team_mut(team);
        if team.members.remove(&id).is_none() {
            return if self.absent == 204 { Ok(Answer::empty()) } else { Err(refused(self.absent, "Not Found")) };
        }
        let event = format!("removed {login} from {}", team.slug);
        self.events.push(event);
        Ok(Answer::empty())
    }

    fn may_change(&self, team: u64) -> Result<(), Stop> {
        if !self.may(Right::Write) {
            return Err(refused(403, NO_ADMIN));
        }
        if self.teams[&team].synchronised {
            return Err(refused(403, SYNCHRONISED));
        }
        Ok(())
    }

    /// "Team Membership".
    pub(super) fn membership_answer(&self, team: &Team, user: &User, membership: Membership) -> Answer {
        let state = if membership.pending { "pending" } else { "active" };
        let org = self.orgs[&team.org];
        let url = format!("{}/organizations/{org}/team/{}/memberships/{}", self.base, team.id, user.login);
        Answer::json(200, serde_json::json!({"url": url, "role": membership.role.rest(), "state": state}))
    }

    /// Members of the organisation in the order of their ids; it tells nobody who is only invited.
    pub(super) fn org_members(&self, org: &str) -> Vec<(&User, Role)> {
        let mine = self.members.iter().filter(|(_, membership)| !membership.pending && org == ORG);
        mine.map(|(user, membership)| (self.user(*user), membership.role)).collect()
    }
}
