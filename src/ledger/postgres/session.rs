//! One session of a PostgreSQL server: connected, asked, and given up on when it does not answer.

use std::time::Duration;

use anyhow::{Context as _, Error, Result, anyhow};
use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::{Tls, Url};
use crate::net::{machine, tls};

/// How long an answer may take: every statement here takes milliseconds, so that half a minute means a server that hangs,
/// or somebody who sits in a shell with an open transaction.
const ANSWER: Duration = Duration::from_secs(30);

/// Statements that are sent without waiting for the answer to the one before. [`join_all`] polls no more than 30 in order.
const AHEAD: usize = 24;

/// The task that drives a connection; its session ends with it.
pub(super) struct Session {
    pub(super) client: Client,
    shown: String,
    connection: JoinHandle<()>,
}

/// A statement and its parameters, whose types are told so that no round trip asks for them.
pub(super) struct Statement<'a> {
    pub(super) sql: &'a str,
    pub(super) parameters: Vec<(Box<dyn ToSql + Sync + Send + 'a>, Type)>,
}

impl Session {
    /// Connects. `ended` is called when the session has ended, whoever ended it.
    pub(super) async fn connect(url: &Url, ended: impl FnOnce() + Send + 'static) -> Result<Self> {
        let ca_file = url.ca_file.as_deref();
        let tls = match url.tls {
            Tls::Disable | Tls::Prefer | Tls::Require => tls::config_for_anybody(),
            Tls::VerifyCa => tls::config_for_any_name(ca_file),
            Tls::VerifyFull => tls::config(ca_file),
        }?;
        let mut config = url.config.clone();
        if config.get_application_name().is_none() {
            config.application_name(format!("oncall-sync on {}", machine()));
        }
        let connecting = config.connect(MakeRustlsConnect::new(tls));
        let failed = || format!("the ledger's server cannot be reached ({url})");
        let connected =
            timeout(ANSWER, connecting).await.map_err(|_| anyhow!("no answer within {} s", ANSWER.as_secs()));
        let (client, connection) = connected.and_then(|connected| connected.map_err(said)).with_context(failed)?;
        let connection = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("the ledger's session ended: {error}");
            }
            ended();
        });
        Ok(Self { client, shown: url.to_string(), connection })
    }

    /// The answers to `statements`, which are sent one right after the other.
    pub(super) async fn ask(&self, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>> {
        let asked = statements.iter().map(|statement| self.one(statement).boxed()).collect();
        self.answered(asked).await
    }

    /// The answers to `statements` as one transaction: all of it is on the server's disk when this returns, or nothing is.
    pub(super) async fn transaction(&self, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>> {
        let begin = self.plain("BEGIN").boxed();
        let asked = statements.iter().map(|statement| self.one(statement).boxed());
        let all = std::iter::once(begin).chain(asked).chain([self.plain("COMMIT").boxed()]).collect();
        let mut answers = self.answered(all).await?;
        answers.pop();
        answers.remove(0);
        Ok(answers)
    }

    /// Runs statements without parameters and without rows, as one transaction.
    pub(super) async fn batch(&self, sql: &str) -> Result<()> {
        self.answered(vec![self.plain(sql).boxed()]).await.map(drop)
    }

    async fn plain(&self, sql: &str) -> Result<Vec<Row>, tokio_postgres::Error> {
        self.client.batch_execute(sql).await.map(|()| Vec::new())
    }

    async fn one(&self, Statement { sql, parameters }: &Statement<'_>) -> Result<Vec<Row>, tokio_postgres::Error> {
        let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
            parameters.iter().map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone())).collect();
        self.client.query_typed(sql, &parameters).await
    }

    /// The first error stands for those that it brings with it.
    async fn answered(
        &self,
        mut asked: Vec<BoxFuture<'_, Result<Vec<Row>, tokio_postgres::Error>>>,
    ) -> Result<Vec<Vec<Row>>> {
        let all = async {
            let mut answers = Vec::with_capacity(asked.len());
            while !asked.is_empty() {
                let next = asked.drain(..asked.len().min(AHEAD));
                for answer in join_all(next).await {
                    answers.push(answer.map_err(said)?);
                }
            }
            Ok(answers)
        };
        let late = || anyhow!("its server has not answered for {} s ({})", ANSWER.as_secs(), self.shown);
        timeout(ANSWER, all).await.map_err(|_| late())?
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// A statement without parameters.
pub(super) fn bare(sql: &str) -> Statement<'_> {
    Statement { sql, parameters: Vec::new() }
}

/// What the server said, where it was the server, with its code for whoever looks it up; the error itself below it.
fn said(error: tokio_postgres::Error) -> Error {
    match error.as_db_error().map(|said| (said.message().to_owned(), said.code().clone())) {
        Some((message, code)) => Error::new(Said { message, code: code.code().to_owned() }),
        None => error.into(),
    }
}

/// What the server answered instead of rows.
#[derive(Debug, thiserror::Error)]
#[error("{message} ({code})")]
pub(super) struct Said {
    message: String,
    /// PostgreSQL's, or one of ours.
    pub(super) code: String,
}

/// The code of what the server said, if it was the server.
pub(super) fn code(error: &Error) -> Option<&str> {
    error.downcast_ref::<Said>().map(|said| &*said.code)
}
