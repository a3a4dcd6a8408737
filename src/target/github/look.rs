//! A last look at people and teams before anything is changed.
//!
//! One question is under way at a time, and the next one asks for all that came meanwhile: a look for each of many changes
//! costs a few calls, and nobody waits for more than the one that is under way.

use anyhow::{Result, anyhow, bail};
use serde_json::Value;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{Mutex as Turn, oneshot};

use super::api::{Api, MEMBERS, TEAM, TEAMS};
use super::fault::explained;
use super::graphql::{PAGE, Problem, ask};
use super::wire::{In, Looked, Team, TeamPage, User};
use crate::mutex::Mutex;

/// What waits to be looked at.
#[derive(Default)]
pub struct Looks {
    turn: Turn<()>,
    waiting: Mutex<Vec<Waiting>>,
}

struct Waiting {
    slug: String,
    login: String,
    tell: oneshot::Sender<Result<Found, String>>,
}

type Found = (Option<User>, Option<TeamPage>);

impl Api {
    /// A user and a team as they are now, the team with those of its members at least whose login is like this one; `None`
    /// for what there is none of.
    ///
    /// # Errors
    /// Where GitHub does not answer.
    pub async fn look(&self, slug: &str, login: &str) -> Result<(Option<User>, Option<Team>)> {
        let (tell, mut told) = oneshot::channel();
        self.looks.waiting.lock().push(Waiting { slug: slug.to_owned(), login: login.to_owned(), tell });
        let turn = self.looks.turn.lock().await;
        // Those who come at the same time are asked for together.
        tokio::task::yield_now().await;
        let (user, page) = loop {
            match told.try_recv() {
                Ok(seen) => break seen.map_err(|why| anyhow!(why))?,
                Err(TryRecvError::Empty) => self.look_at_those_waiting().await,
                Err(TryRecvError::Closed) => bail!("the look at '{login}' was given up"),
            }
        };
        drop(turn);
        let mut team = None;
        if let Some(page) = page {
            // Of a login that is part of many, the first page need not show the one that is meant.
            if page.members.page_info.has_next_page {
                team = self.teams(&[slug.to_owned()]).await?.pop().flatten();
            } else {
                page.add_to(&mut team)?;
            }
        }
        Ok((user, team))
    }

    /// Asks for those who have waited longest. They wait on while it lasts: whoever asks may be given up in the middle.
    async fn look_at_those_waiting(&self) {
        let of = |Waiting { slug, login, .. }: &Waiting| (slug.clone(), login.clone());
        let asked: Vec<_> = self.looks.waiting.lock().iter().take(TEAMS).map(of).collect();
        let mut seen = self.look_at(&asked).await.map(Vec::into_iter).map_err(|error| format!("{error:#}"));
        for Waiting { tell, .. } in self.looks.waiting.lock().drain(..asked.len()) {
            let one = seen.as_mut().map(|seen| seen.next().expect("one for each"));
            // Nobody may want to know any more.
            let _ = tell.send(one.map_err(|why| why.clone()));
        }
    }

    async fn look_at(&self, asked: &[(String, String)]) -> Result<Vec<Found>> {
        let (mut variables, user) = (self.variables(), self.user());
        let (mut users, mut teams) = (String::new(), String::new());
        for (index, (slug, login)) in asked.iter().enumerate() {
            variables.give(&format!("l{index}"), "String!", Value::from(login.as_str()));
            variables.give(&format!("s{index}"), "String!", Value::from(slug.as_str()));
            users += &format!("u{index}: user(login: $l{index}) {{ {user} }} ");
            teams += &format!(
                " t{index}: team(slug: $s{index}) {{ {TEAM} members(first: {PAGE}, membership: IMMEDIATE, query: $l{index}) \
                 {{ {MEMBERS} }} }}"
            );
        }
        let (question, values) = variables.question(&format!("{users}organization(login: $org) {{{teams} }}"));
        let reply = ask::<Looked>(&self.graphql, &question, values).await.map_err(explained)?;
        let Looked { organization, mut users } = reply.unless(Problem::is_not_found)?;
        let mut teams = self.found(In { organization })?;
        let seen = |index| (users.remove(&format!("u{index}")).flatten(), teams.remove(&format!("t{index}")).flatten());
        Ok((0..asked.len()).map(seen).collect())
    }
}
