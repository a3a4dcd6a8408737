//! One membership: where it is, whether it is ours, given and taken back.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use futures_util::future::try_join_all;

use super::super::{NotGiven, Occupied, nothing_given, nothing_given_if_refused};
use super::seen::{Place, number};
use super::wire::{Member, Team};
use super::{GitHub, people, teams};
use crate::domain::{Access, AccountId};

impl GitHub {
    /// Where `access` is, by the last reading or by a new one; `None` where the team is gone.
    async fn place(&self, access: &Access) -> Result<Option<Place>> {
        if let Some(place) = self.seen().place(access) {
            return Ok(place);
        }
        let owned = BTreeSet::from([access.entitlement.clone()]);
        let mut found = teams::find(&self.api, &BTreeSet::new(), &owned).await?;
        if let Some(why) = found.hidden.remove(&*access.entitlement.id) {
            bail!(why);
        }
        let mut seen = self.seen();
        seen.learn(access, found.teams.remove(&*access.entitlement.id));
        Ok(seen.place(access).expect("learnt a moment ago"))
    }

    /// The login of an active member of the organisation, by the last reading, or as GitHub says now.
    async fn login(&self, account: &AccountId) -> Result<String> {
        if let Some(login) = self.seen().logins.get(&account.0) {
            return Ok(login.clone());
        }
        let Some(now) = self.api.account(&account.0).await? else {
            bail!("GitHub shows this token no account with the id {account} any more");
        };
        let org = self.api.org();
        let standing = self.api.membership(&now.login).await?;
        if let Some(why) = people::outsider(standing.as_ref(), &now.login, org) {
            bail!(why);
        }
        self.seen().logins.insert(account.0.clone(), now.login.clone());
        Ok(now.login)
    }

    pub(super) async fn add(&self, access: &Access) -> Result<()> {
        let Some(Place { slug, login }) = self.place(access).await.map_err(nothing_given)? else {
            let name = &access.entitlement.name;
            bail!(NotGiven(format!("the team '{name}' is gone, or this token is not shown it any more")));
        };
        // A maintainer would be made a plain member.
        if login.is_some() {
            return Ok(());
        }
        let ready = self.ready(access, &slug).await;
        let Some(login) = ready.map_err(nothing_given)? else {
            return Ok(());
        };
        self.seen().doubtful.insert(access.clone());
        let made = self.api.put(&slug, &login).await;
        let made = made.map_err(nothing_given_if_refused)?;
        if made.state != "active" {
            return Err(self.undo(&slug, &login, &made.state).await);
        }
        self.seen().changed(access, Some(Member { login, maintainer: made.role != "member" }));
        Ok(())
    }

    /// Under which login to add them, looked at once more: since the reading they may have left the organisation, or the login
    /// to somebody else. `None`: we have put them into the team meanwhile.
    ///
    /// # Errors
    /// [`Occupied`] where somebody else has, perhaps as a maintainer: it is not ours to take back.
    async fn ready(&self, access: &Access, slug: &str) -> Result<Option<String>> {
        let org = self.api.org();
        let mut login = self.login(&access.account).await?;
        let (mut user, mut team) = self.api.look(slug, &login).await?;
        if user.as_ref().map(|user| user.database_id) != number(access) {
            self.seen().logins.remove(&access.account.0);
            login = self.login(&access.account).await?;
            (user, team) = self.api.look(slug, &login).await?;
        }
        let Some(user) = user.filter(|user| Some(user.database_id) == number(access)) else {
            bail!("the login '{login}' changes hands just now; the next run sees whose it is");
        };
        let Some(team) = team.filter(|team| team.id.to_string() == *access.entitlement.id) else {
            bail!("the team '{slug}' was renamed or deleted since it was read; the next run sees which");
        };
        if user.organization.is_none() {
            let standing = self.api.membership(&login).await?;
            if let Some(why) = people::outsider(standing.as_ref(), &login, org) {
                bail!(why);
            }
        }
        let Some(member) = team.members.get(&user.database_id) else { return Ok(Some(login)) };
        let mut seen = self.seen();
        let is_ours = seen.place(access).is_none_or(|place| place.is_some_and(|place| place.login.is_some()));
        seen.changed(access, Some(member.clone()));
        if is_ours {
            return Ok(None);
        }
        bail!(Occupied(format!(
            "'{login}' has been put into '{slug}' by somebody else since it was read, and stays there"
        )))
    }

    /// Takes back a membership that is none yet, and says what became of it.
    async fn undo(&self, slug: &str, login: &str, state: &str) -> anyhow::Error {
        let undone = match self.api.delete(slug, login).await {
            Ok(_) => "; the place in the team was taken back".to_owned(),
            Err(error) => format!("; taking it back failed ({error:#}): take '{login}' out of the team by hand"),
        };
        anyhow::anyhow!(
            "GitHub made the membership of '{login}' '{state}' and not active, so '{login}' has left the organisation since it was \
             read, and GitHub may have invited them{undone}; look at the organisation's pending invitations"
        )
    }

    pub(super) async fn remove(&self, access: &Access) -> Result<()> {
        // A team that is gone has no members, and whoever is not in it has nothing to give back.
        let Some(Place { slug, login: Some(login) }) = self.still_ours(access).await? else { return Ok(()) };
        self.seen().doubtful.insert(access.clone());
        if self.api.delete(&slug, &login).await? {
            self.seen().changed(access, None);
            return Ok(());
        }
        // It is gone, or not shown to this token: GitHub says the same, so the team is read again.
        match self.place(access).await? {
            Some(Place { login: Some(_), .. }) => bail!(
                "GitHub answers 404, as if '{login}' were not in the team, and lists them in it: the token may not take people \
                 out of '{slug}', or the login has changed hands this minute"
            ),
            _ => Ok(()),
        }
    }

    /// Where `access` is to be taken back, looked at once more: since the reading the team or the login may have become
    /// another's, or somebody a maintainer. `None`, or without a login, where nothing is left of it.
    ///
    /// # Errors
    /// Where it is not ours any more.
    async fn still_ours(&self, access: &Access) -> Result<Option<Place>> {
        for _ in 0..2 {
            let Some(Place { slug, login: Some(login) }) = self.place(access).await? else { return Ok(None) };
            let (user, team) = self.api.look(&slug, &login).await?;
            let user = user.filter(|user| Some(user.database_id) == number(access));
            let team = team.filter(|team| team.id.to_string() == *access.entitlement.id);
            let (Some(user), Some(team)) = (user, team) else {
                self.seen().doubtful.insert(access.clone());
                continue;
            };
            // Members are asked for by a search: whoever it does not find may be there all the same, and the deletion tells.
            let member = team.members.get(&user.database_id);
            if member.is_some_and(|member| member.maintainer) && !self.is_owner(user.database_id, &login).await? {
                bail!(
                    "'{login}' has been made a maintainer of '{slug}' by somebody else since it was read, and stays one; the \
                     next run gives it up"
                );
            }
            return Ok(Some(Place { slug, login: Some(login) }));
        }
        bail!(
            "the team '{}' or the login of its member changes just now; the next run takes it back",
            access.entitlement.name
        )
    }

    /// Whether they own the organisation: GitHub shows an owner as maintainer of every team they are in ("Get team membership
    /// for a user", GitHub docs), whatever they were put there as.
    async fn is_owner(&self, id: u64, login: &str) -> Result<bool> {
        let Some(standing) = self.api.membership(login).await? else { return Ok(false) };
        if standing.user.is_some_and(|now| now.id != id) {
            bail!("the login '{login}' was taken over by somebody else a moment ago; the next run sees whose it is");
        }
        Ok(standing.role == "admin")
    }

    /// Which of what we own somebody else has made a maintainer's, and so theirs.
    pub(super) async fn taken_over(
        &self,
        owned: &BTreeSet<Access>,
        teams: &BTreeMap<String, Team>,
    ) -> Result<BTreeSet<Access>> {
        let maintained = owned.iter().filter_map(|access| {
            let id = number(access)?;
            let member = teams.get(&*access.entitlement.id)?.members.get(&id)?;
            member.maintainer.then_some((id, member.login.as_str(), access))
        });
        let maintained: Vec<_> = maintained.collect();
        let people: BTreeMap<u64, &str> = maintained.iter().map(|(id, login, _)| (*id, *login)).collect();
        let each =
            people.into_iter().map(async |(id, login)| Ok::<_, anyhow::Error>((id, self.is_owner(id, login).await?)));
        let owners: BTreeMap<u64, bool> = try_join_all(each).await?.into_iter().collect();
        Ok(maintained.into_iter().filter(|(id, ..)| !owners[id]).map(|(.., access)| access.clone()).collect())
    }
}
