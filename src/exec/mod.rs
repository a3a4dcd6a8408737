//! A command that speaks the protocol of `exec`: one run for each call, a JSON object in and a JSON object out.
//!
//! The README's section "Any command" is its reference. What a command says is somebody else's text: it is checked before
//! it is used, cleaned of secrets before it is shown, and nothing of it reaches a terminal or the ledger as it came.

mod answer;
mod fault;
mod schema;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::command::{Ended, Hidden, Place, Program, Said};
use crate::config::of_commands;
use crate::describe::Resolve;
use crate::harmless::shown;
use crate::net::{self, Context, Failure};
use crate::secret::{SecretRef, is_variable};
use crate::span::Span;

pub use answer::{Each, Failed, check_version, most_calls};
pub use fault::Refused;
pub use schema::schema;
pub use words::{Words, check_dates};

/// The only form of the protocol there is so far.
pub const VERSION: u32 = 1;

/// The largest answer: a hundred thousand grants. A larger one is a flood.
const LARGEST: usize = 8 << 20;

/// A program that speaks the protocol of `exec`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The program and its arguments, run without a shell in the config file's folder.
    #[serde(deserialize_with = "words::listed")]
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// Secrets for its environment, which has nothing else but PATH, HOME, LANG, LC_*, TZ, TMPDIR, USER and LOGNAME.
    #[serde(default)]
    pub env: BTreeMap<String, SecretRef>,
    /// How long one call may take; 30 s if not given.
    #[serde(default)]
    pub timeout: Option<Span>,
    /// The config file's own.
    #[serde(skip)]
    #[schemars(skip)]
    folder: PathBuf,
}

impl Resolve for Config {
    fn resolve(&mut self, folder: &Path) {
        folder.clone_into(&mut self.folder);
        self.env.values_mut().for_each(|secret| secret.resolve(folder));
    }
}

impl Config {
    /// What is wrong with it beyond single keys, a sentence each.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.command.first().is_none_or(|program| program.trim().is_empty()) {
            faults.push("`command` names no program; write [\"./PROGRAM\", \"ARGUMENT\"]".to_owned());
        }
        if self.command.iter().any(|word| word.contains('\0')) {
            faults.push("`command` holds the character U+0000, which no argument can have".to_owned());
        }
        for name in self.env.keys().filter(|name| !is_variable(name)) {
            faults.push(format!("`env` has '{}', which is no name of an environment variable", shown(name)));
        }
        if self.timeout.is_some_and(Span::is_zero) {
            faults.push("`timeout` is zero, in which no command answers".to_owned());
        }
        faults
    }

    /// Reads the secrets; nothing is run yet.
    ///
    /// # Errors
    /// Where a secret cannot be had.
    pub async fn connect(&self, context: Context) -> Result<Command> {
        let name = self.command.first().cloned().unwrap_or_default();
        let mut secrets = BTreeMap::new();
        for (variable, secret) in &self.env {
            let about = || format!("the variable {variable} of the command '{}'", shown(&name));
            let value = secret.read().await.with_context(about)?;
            anyhow::ensure!(!value.expose_secret().contains('\0'), "{} holds the character U+0000", about());
            secrets.insert(variable.as_str(), value);
        }
        let mut variables = of_commands();
        variables.extend(secrets.iter().map(|(name, value)| ((*name).into(), value.expose_secret().into())));
        let folder = std::path::absolute(if self.folder.as_os_str().is_empty() { ".".as_ref() } else { &*self.folder })
            .context("the folder of the config file cannot be found")?;
        Ok(Command {
            program: Program { argv: self.command.clone(), place: Place::Own { folder, variables } },
            words: Words::new(Hidden::new(secrets.iter().map(|(name, value)| (*name, value)))),
            timeout: self.timeout.map_or(net::TIMEOUT, |span| span.0),
            context,
            places: Semaphore::new(1),
            open: AtomicUsize::new(1),
            name: shown(&name).into_owned(),
        })
    }
}

/// A request as it is sent: what every one has, and what is the verb's own.
#[derive(Serialize)]
struct Request<'a, T> {
    version: u32,
    verb: &'a str,
    #[serde(flatten)]
    own: &'a T,
}

/// One command, ready to be called.
pub struct Command {
    name: String,
    program: Program,
    words: Words,
    timeout: Duration,
    context: Context,
    places: Semaphore,
    open: AtomicUsize,
}

impl Command {
    /// How people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its words may be.
    pub fn words(&self) -> &Words {
        &self.words
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    /// From now on, so many calls may run side by side; fewer than before is not heeded.
    pub fn allow(&self, calls: usize) {
        let before = self.open.fetch_max(calls, Ordering::Relaxed);
        self.places.add_permits(calls.saturating_sub(before));
    }

    /// One call, up to five attempts: the answer, or a sentence that says which command failed at what, and why.
    ///
    /// # Errors
    /// With [`Refused`] in the chain where the command answered that it did not do it.
    pub async fn call<A: DeserializeOwned>(&self, verb: &str, own: &(impl Serialize + Sync)) -> Result<A> {
        let request = serde_json::to_vec(&Request { version: VERSION, verb, own }).context("the request is no JSON")?;
        let output = net::retry(&self.context, || self.attempt(verb, &request)).await?;
        answer::parse(&output).map_err(|why| self.unusable(verb, &why))
    }

    /// The error of an answer that is not as the protocol has it.
    pub fn unusable(&self, verb: &str, why: &str) -> anyhow::Error {
        let why = self.words.sentence(why);
        anyhow::anyhow!("the answer of the command '{}' to `{verb}` cannot be used: {why}", self.name)
    }

    /// Answers what a successful run printed, unless it is an error.
    async fn attempt(&self, verb: &str, request: &[u8]) -> Result<Vec<u8>, Failure> {
        let place = self.places.acquire().await.map_err(Failure::last)?;
        let said = Said::told(&self.name, self.words.hidden().clone());
        let run = self.context.attempt(self.timeout, self.program.run(request, LARGEST, &said)).await;
        drop(place);
        let about = fault::About { name: &self.name, verb, words: &self.words, said: &said };
        match run {
            Err(given_up) => Err(Failure::last(about.given_up(given_up))),
            Ok(Err(fault)) => Err(about.did_not_run(fault, &self.program)),
            Ok(Ok(Ended { status, output })) => match answer::failed(&output) {
                Some(failed) => Err(about.refused(failed, status)),
                None if status.success() => Ok(output),
                None => Err(about.failed(status)),
            },
        }
    }
}
