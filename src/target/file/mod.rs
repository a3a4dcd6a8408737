//! A JSON document as a target: for a policy engine, a GitOps job or a script to act on.

mod document;
mod store;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::oneshot;

use super::{Asked, TakesAny, known};
use crate::describe::{Describe, Resolve};
use crate::domain::{Current, Entitlement, Grant, GrantId, Owned, Tenure};
use crate::mutex::Mutex;
use crate::net::Context;
use document::Edit;
use store::Store;

/// How people call it.
const NAME: &str = "the document";

/// A JSON document that holds the grants.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The document; relative to the config file. Made at the first grant where there is none.
    pub path: PathBuf,
    /// Who keeps time: the document's reader (`scheduled`: start and end, `expiring`: the end), or we (`standing`).
    #[serde(default = "scheduled")]
    pub tenure: Tenure,
}

fn scheduled() -> Tenure {
    Tenure::Scheduled
}

impl Resolve for Config {
    fn resolve(&mut self, folder: &Path) {
        self.path.resolve(folder);
    }
}

#[async_trait]
impl Describe<dyn super::Target> for Config {
    async fn connect(&self, context: Context) -> Result<Box<dyn super::Target>> {
        let (store, tenure) = (Store::new(self.path.clone()), self.tenure);
        let (takes_any, pending, turn) = (Mutex::default(), Mutex::default(), tokio::sync::Mutex::default());
        Ok(Box::new(File { store, tenure, context, takes_any, pending, turn }))
    }
}

/// The document, and what is about to be written to it.
pub struct File {
    store: Store,
    tenure: Tenure,
    context: Context,
    takes_any: Mutex<TakesAny>,
    pending: Mutex<Vec<Job>>,
    turn: tokio::sync::Mutex<()>,
}

struct Job {
    edit: Edit,
    answer: oneshot::Sender<Result<Option<GrantId>>>,
}

impl File {
    /// Makes the change; it is on disk when this returns.
    ///
    /// Calls that come while the document is being written wait for their turn together, and the first of them writes
    /// for all: a thousand grants are some dozens of rewrites.
    async fn change(&self, edit: Edit) -> Result<Option<GrantId>> {
        let (answer, answered) = oneshot::channel();
        self.pending.lock().push(Job { edit, answer });
        let turn = self.turn.lock().await;
        // Whoever has given up waiting wants no change any more.
        let jobs = std::mem::take(&mut *self.pending.lock()).into_iter().filter(|job| !job.answer.is_closed());
        let (edits, answers): (Vec<_>, Vec<_>) = jobs.map(|Job { edit, answer }| (edit, answer)).unzip();
        if !edits.is_empty() {
            // Answered from the file thread, so that the others have their answer even where this call is given up.
            self.blocking(move |store, tenure, now| {
                let outcomes = store
                    .edit(&edits, tenure, now)
                    .unwrap_or_else(|error| edits.iter().map(|_| Err(anyhow!("{error:#}"))).collect());
                for (answer, outcome) in answers.into_iter().zip(outcomes) {
                    let _unless_it_gave_up = answer.send(outcome);
                }
                Ok(())
            })
            .await?;
        }
        drop(turn);
        answered.await.context("the file work ended early, so nobody knows whether the change was made")?
    }

    /// File work, off the runtime's one thread: calls to other targets go on meanwhile, and changes gather.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store, Tenure, DateTime<Utc>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (store, tenure, now) = (self.store.clone(), self.tenure, self.context.now());
        tokio::task::spawn_blocking(move || work(&store, tenure, now)).await.context("the file work ended early")?
    }
}

/// The answer of an edit that leaves a grant standing.
fn standing(id: Option<GrantId>) -> Result<GrantId> {
    id.context("the document answered no id for a grant")
}

#[async_trait]
impl super::Target for File {
    fn tenure(&self, _: &Entitlement) -> Tenure {
        self.tenure
    }

    fn takes_any(&self) -> TakesAny {
        *self.takes_any.lock()
    }

    async fn read(&self, asked: &Asked) -> Result<Current> {
        let (asked, emails) = (asked.clone(), asked.emails.known().await.clone());
        let look = move |store: &Store, _, now| {
            let document = store.read()?;
            Ok((document.show(&asked, &emails, now), document.takes_any()))
        };
        let (current, takes_any) = self.blocking(look).await?;
        *self.takes_any.lock() = takes_any;
        Ok(current)
    }

    async fn grant(&self, wanted: &Grant) -> Result<GrantId> {
        standing(self.change(Edit::Give(wanted.clone())).await?)
    }

    async fn revoke(&self, held: &Owned) -> Result<()> {
        self.change(Edit::Take(known(held, NAME)?.clone())).await?;
        Ok(())
    }

    async fn amend(&self, held: &Owned, to: &Grant) -> Result<GrantId> {
        standing(self.change(Edit::Move(known(held, NAME)?.clone(), to.clone())).await?)
    }
}
