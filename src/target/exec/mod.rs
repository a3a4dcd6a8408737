//! Any command as a target: a program of the user's that speaks the protocol of `exec`.

pub mod api;
mod check;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use tokio::sync::OnceCell;

use super::{Asked, Occupied, Restored, known, not_given, not_taken_back, nothing_given};
use crate::describe;
use crate::domain::{Current, Entitlement, Grant, GrantId, Held, Owned, Period, Tenure};
use crate::exec::{Command, Refused};
use crate::mutex::Mutex;
use crate::net::Context;
use api::{Amend, Describe, Description, Give, Given, Gone, Read, Reading, Revoke};

pub use crate::exec::Config;

#[async_trait]
impl describe::Describe<dyn super::Target> for Config {
    fn faults(&self) -> Vec<String> {
        Self::faults(self)
    }

    async fn connect(&self, context: Context) -> Result<Box<dyn super::Target>> {
        let command = Self::connect(self, context).await?;
        Ok(Box::new(Exec { command, description: OnceCell::new(), shown: Mutex::default() }))
    }
}

/// What a command gives and takes back.
pub struct Exec {
    command: Command,
    /// Asked for once, before anything else.
    description: OnceCell<Description>,
    /// The grants as the last reading had them.
    shown: Mutex<BTreeMap<GrantId, Held>>,
}

impl Exec {
    async fn described(&self) -> Result<&Description> {
        let describe = async {
            let description: Description = self.command.call("describe", &Describe {}).await?;
            self.command.allow(description.concurrency);
            Ok(description)
        };
        self.description.get_or_try_init(|| describe).await
    }

    /// The system as sentences name it.
    fn system(&self) -> String {
        format!("the system behind '{}'", self.command.name())
    }

    /// The id in the answer to `verb`.
    fn id(&self, verb: &str, given: &Given) -> Result<GrantId> {
        let id = self.command.words().word("`id`", &given.id);
        id.map(GrantId::from).map_err(|why| self.command.unusable(verb, &why))
    }

    fn kept(&self) -> Tenure {
        // Before a reading nobody asks; what stands until it is taken back is what promises the least.
        match self.description.get().map(|description| description.tenure) {
            Some(api::Tenure::Scheduled) => Tenure::Scheduled,
            Some(api::Tenure::Expiring) => Tenure::Expiring,
            Some(api::Tenure::Standing) | None => Tenure::Standing,
        }
    }

    async fn look(&self, asked: &Asked) -> Result<Current> {
        self.described().await?;
        let emails = asked.emails.known().await;
        let request = Read {
            emails: emails.iter().map(ToString::to_string).collect(),
            entitlements: asked.entitlements.iter().cloned().collect(),
            owned: asked.owned.iter().map(access).collect(),
        };
        let reading: Reading = self.command.call("read", &request).await?;
        check::current(reading, asked, emails, self.command.words()).map_err(|why| self.command.unusable("read", &why))
    }

    async fn give(&self, wanted: &Grant) -> Result<GrantId> {
        self.described().await.map_err(nothing_given)?;
        let given = self.command.call("grant", &Give { grant: &grant(wanted) }).await.map_err(understood);
        let given = given.map_err(|error| if error.is::<Refused>() { nothing_given(error) } else { error })?;
        self.id("grant", &given)
    }

    async fn take(&self, id: &GrantId, held: &Grant) -> Result<()> {
        self.described().await?;
        let Gone {} = self.command.call("revoke", &Revoke { id: &id.0, grant: &grant(held) }).await?;
        Ok(())
    }

    async fn r#move(&self, id: &GrantId, held: &Grant, to: &Grant) -> Result<GrantId> {
        if self.described().await?.tenure == api::Tenure::Standing {
            return Ok(id.clone());
        }
        let request = Amend { id: &id.0, grant: &grant(held), to: &grant(to) };
        let given = self.command.call("amend", &request).await.map_err(understood)?;
        let moved = self.id("amend", &given)?;
        let known = self.shown.lock().get(id).cloned();
        if known.is_some_and(|known| !self.has_dates(&known, held.period)) {
            self.look_after(&moved, to).await?;
        }
        Ok(moved)
    }

    /// Whether a move came about, where the dates were not those that the ledger knows: either somebody changed them, or the
    /// command does not keep what it is told, and would be told so again by every run.
    async fn look_after(&self, id: &GrantId, to: &Grant) -> Result<()> {
        let asked = Asked { owned: [to.access.clone()].into(), ..Asked::default() };
        // Its word stands until a reading says otherwise: the new id must not be lost.
        let Ok(current) = self.look(&asked).await else { return Ok(()) };
        let Some(held) = current.grants.iter().find(|held| held.id == *id) else { return Ok(()) };
        if self.has_dates(held, to.period) {
            return Ok(());
        }
        let name = self.command.name();
        let written = |date: DateTime<Utc>| date.to_rfc3339_opts(SecondsFormat::Secs, true);
        let date = |date: Option<_>| date.map_or_else(|| "null".to_owned(), written);
        let (from, until) = (date(held.from), date(held.until));
        let message = format!(
            "the command '{name}' answered that the grant '{id}' is moved, and shows it with `from` {from} and `until` \
             {until}: unless its tenure is `standing`, it has to keep the dates of every grant, also of one made before"
        );
        Err(Restored { id: id.clone(), message }.into())
    }

    /// Whether the dates shown are those of `period`, as far as the command keeps them and they lie ahead.
    fn has_dates(&self, held: &Held, period: Period) -> bool {
        let (period, now) = (period.whole_seconds(), self.command.context().now());
        let starts = held.from.is_none_or(|from| from.max(now) == period.start().max(now));
        held.until == Some(period.end()) && (starts || self.kept() != Tenure::Scheduled)
    }
}

#[async_trait]
impl super::Target for Exec {
    fn tenure(&self, _: &Entitlement) -> Tenure {
        self.kept()
    }

    fn concurrency(&self) -> usize {
        self.description.get().map_or(1, |description| description.concurrency)
    }

    async fn read(&self, asked: &Asked) -> Result<Current> {
        let current = self.look(asked).await?;
        *self.shown.lock() = current.grants.iter().map(|held| (held.id.clone(), held.clone())).collect();
        Ok(current)
    }

    async fn grant(&self, wanted: &Grant) -> Result<GrantId> {
        self.give(wanted).await.with_context(|| not_given(wanted, &self.system()))
    }

    async fn revoke(&self, held: &Owned) -> Result<()> {
        let id = known(held, &self.system())?;
        self.take(id, &held.grant).await.with_context(|| not_taken_back(held, &self.system()))
    }

    async fn amend(&self, held: &Owned, to: &Grant) -> Result<GrantId> {
        let id = known(held, &self.system())?;
        self.r#move(id, &held.grant, to).await.with_context(|| {
            let name = &to.access.entitlement.name;
            format!("the grant of '{name}' to {} on {} could not be moved", to.email, self.system())
        })
    }
}

/// What the command answered with its refusal, as the errors that the run tells apart.
fn understood(error: anyhow::Error) -> anyhow::Error {
    let Some(Refused { sentence, occupied, restored }) = error.downcast_ref() else { return error };
    match restored {
        Some(id) => Restored { id: GrantId(id.clone()), message: sentence.clone() }.into(),
        None if *occupied => Occupied(sentence.clone()).into(),
        None => error,
    }
}

fn access(access: &crate::domain::Access) -> api::Access {
    api::Access { account: access.account.0.clone(), entitlement: entitlement(&access.entitlement) }
}

fn entitlement(entitlement: &Entitlement) -> api::Entitlement {
    api::Entitlement { id: entitlement.id.to_string(), name: entitlement.name.to_string() }
}

fn grant(Grant { access, email, period }: &Grant) -> api::Grant {
    let period = period.whole_seconds();
    api::Grant {
        account: access.account.0.clone(),
        email: email.to_string(),
        entitlement: entitlement(&access.entitlement),
        from: period.start(),
        until: period.end(),
    }
}
