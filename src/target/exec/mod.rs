//! Any command as a target: a program of the user's that speaks the protocol of `exec`.

pub mod api;
mod check;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::{Asked, Occupied, Restored, known, not_given, not_taken_back, nothing_given};
use crate::describe;
use crate::domain::{Current, Entitlement, Grant, GrantId, Owned, Tenure};
use crate::exec::{Command, Refused};
use crate::net::Context;
use api::{Amend, Describe, Description, Give, Given, Gone, Read, Reading, Revoke};

pub use crate::exec::Config;

#[async_trait]
impl describe::Describe<dyn super::Target> for Config {
    fn faults(&self) -> Vec<String> {
        Self::faults(self)
    }

    async fn connect(&self, context: Context) -> Result<Box<dyn super::Target>> {
        Ok(Box::new(Exec { command: Self::connect(self, context).await?, description: OnceCell::new() }))
    }
}

/// What a command gives and takes back.
pub struct Exec {
    command: Command,
    /// Asked for once, before anything else.
    description: OnceCell<Description>,
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
        self.id("amend", &given)
    }
}

#[async_trait]
impl super::Target for Exec {
    fn tenure(&self, _: &Entitlement) -> Tenure {
        // Before a reading nobody asks; what stands until it is taken back is what promises the least.
        match self.description.get().map(|description| description.tenure) {
            Some(api::Tenure::Scheduled) => Tenure::Scheduled,
            Some(api::Tenure::Expiring) => Tenure::Expiring,
            Some(api::Tenure::Standing) | None => Tenure::Standing,
        }
    }

    async fn read(&self, asked: &Asked) -> Result<Current> {
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
