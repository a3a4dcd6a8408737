//! What is: every source and every target read, side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chrono::{DateTime, Utc};
use futures_util::future::{join_all, try_join_all};
use tokio::time::{Instant, timeout_at};

use crate::config::Config;
use crate::decision::{Inputs, Seen};
use crate::domain::{Limits, OnCall, Owned, Period, Readings, Rule, Witnesses};
use crate::net::{Clock, Context};
use crate::progress::Progress;
use crate::selection::Selection;
use crate::source::Source;
use crate::stop::Stop;
use crate::target::{Asked, Emails, Target};
use crate::words::{agree, count};

/// What every part of a run shares.
pub struct RunContext<'a> {
    pub config: &'a Config,
    pub clock: Clock,
    pub deadlines: Deadlines,
    pub stop: &'a Stop,
    pub progress: &'a Progress,
}

/// When each part of a run is over at the latest.
///
/// Nothing is given before everything is read, for the limits are over all targets: were there one deadline for it all, a
/// source or target that hangs would leave no time to serve anybody on the others.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Half of the run's time: a source that asks for a minute's patience, as rate limits do, is still waited for.
    pub sources: Instant,
    /// Three quarters of it, so that a quarter is left for giving and taking back.
    pub targets: Instant,
    /// The run's own.
    pub run: Instant,
}

impl Deadlines {
    /// Of a run that begins now and has so long.
    pub fn within(time: Duration) -> Self {
        let now = Instant::now();
        Self { sources: now + time / 2, targets: now + time * 3 / 4, run: now + time }
    }
}

/// Requests sent so far, by source.
pub type SourceRequests = BTreeMap<String, u64>;

/// One target, connected.
pub struct Connected {
    pub name: String,
    pub target: Box<dyn Target>,
    context: Context,
}

impl Connected {
    /// Requests sent so far.
    pub fn requests(&self) -> u64 {
        self.context.requests()
    }

    async fn see(&self, asked: &Asked, owned: Vec<Owned>) -> Seen {
        // The adapter's own calls end by then, with a better sentence; what it waits for otherwise (a disk) does not.
        let read = timeout_at(self.context.deadline(), self.target.read(asked));
        let current = read.await.unwrap_or_else(|_| Err(late()));
        Seen::new(owned, current.map_err(|error| format!("{error:#}")), |one| self.target.tenure(one))
    }
}

/// One source, connected, and what it is asked.
struct Reader<'a> {
    name: &'a String,
    asked: &'a BTreeSet<OnCall>,
    source: Box<dyn Source>,
    context: Context,
}

impl RunContext<'_> {
    /// Reads every source that `selection` asks, and every target that its rules name or that we own something on: those
    /// learn meanwhile what needs nobody's name, and the rest once it is known who is on call.
    ///
    /// What could not be read is an error inside the answer.
    ///
    /// # Errors
    /// Where a source or target cannot even be set up, for instance because a secret is missing, and when told to stop.
    pub async fn survey(
        &self,
        selection: &Selection,
        now: DateTime<Utc>,
        window: Period,
        owned: BTreeMap<String, Vec<Owned>>,
    ) -> Result<(Inputs, Vec<Connected>, SourceRequests)> {
        self.unless_stopped(self.look(selection, now, window, owned)).await
    }

    /// Questions change nothing, so that nobody waits for their answers once the word to stop is said.
    async fn unless_stopped<T>(&self, asking: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            answer = asking => answer,
            () = self.stop.asked() => bail!("told to stop while reading; nothing was changed"),
        }
    }

    async fn look(
        &self,
        selection: &Selection,
        now: DateTime<Utc>,
        window: Period,
        mut owned: BTreeMap<String, Vec<Owned>>,
    ) -> Result<(Inputs, Vec<Connected>, SourceRequests)> {
        let aliases = &self.config.aliases;
        let names = selection.rules.iter().flat_map(|rule| rule.grant.keys()).chain(owned.keys());
        let names = names.filter(|name| selection.purpose.asks(name, aliases, &owned)).cloned().collect();
        let (connected, readers) = tokio::try_join!(self.connect(&names), self.readers(&selection.asked))?;
        let limits = self.config.limits;
        let mut inputs = Inputs {
            purpose: selection.purpose.clone(),
            now,
            window,
            rules: selection.rules.clone(),
            partial: selection.partial,
            aliases: aliases.clone(),
            limits: Limits { max_changes: limits.max_changes, max_revoke_percent: limits.max_revoke_percent },
            on_drift: self.config.on_drift,
            readings: Readings::new(),
            targets: BTreeMap::new(),
            lost: owned.keys().filter(|name| !self.config.targets.contains_key(*name)).cloned().collect(),
            witnesses: Witnesses::default(),
        };
        let asking = connected.iter().map(|connected| {
            let owned = owned.remove(&connected.name).unwrap_or_default();
            (connected, asked(&selection.rules, &connected.name, &owned), owned)
        });
        let asking: Vec<(&Connected, Asked, Vec<Owned>)> = asking.collect();
        let shifts = async {
            let period = window.pad(selection.back(), selection.ahead());
            let (readings, requests) = self.ask(&readers, period).await;
            inputs.readings = readings;
            let known = inputs.known();
            for (connected, asked, _) in &asking {
                asked.emails.tell(&known.emails(&connected.name) | &selection.also);
            }
            requests
        };
        let stage = self.progress.bar("Reading targets", connected.len());
        let reading = asking.iter().map(async |(connected, asked, owned)| {
            let seen = connected.see(asked, owned.clone()).await;
            stage.step();
            (connected.name.clone(), seen)
        });
        let (requests, targets) = tokio::join!(shifts, join_all(reading));
        inputs.targets = targets.into_iter().collect();
        connected.iter().for_each(|connected| connected.context.prolong(self.deadlines.run));
        let unread = owned.into_iter().filter(|(_, owned)| !owned.is_empty()).map(|(name, owned)| {
            let why = if inputs.lost.contains(&name) { lost(owned.len()) } else { "it was not asked".into() };
            (name, Seen { owned, current: Err(why), tenures: BTreeMap::new() })
        });
        inputs.targets.extend(unread);
        let contexts = readers.iter().map(|reader| &reader.context).chain(connected.iter().map(|one| &one.context));
        inputs.witnesses.servers = contexts.filter_map(Context::witness).collect();
        Ok((inputs, connected, requests))
    }

    /// Reads every source that is asked something. What could not be read is an error inside the answer.
    ///
    /// # Errors
    /// Where a source cannot even be set up, for instance because a secret is missing, and when told to stop.
    pub async fn sources(
        &self,
        asked: &BTreeMap<String, BTreeSet<OnCall>>,
        window: Period,
    ) -> Result<(Readings, SourceRequests)> {
        self.unless_stopped(async { Ok(self.ask(&self.readers(asked).await?, window).await) }).await
    }

    /// What each source says of `period`, and how many requests it took.
    async fn ask(&self, readers: &[Reader<'_>], period: Period) -> (Readings, SourceRequests) {
        let stage = self.progress.bar("Reading schedules", readers.len());
        let reading = readers.iter().map(|reader| async {
            let answers = read_all(&*reader.source, reader.asked, period, self.deadlines.sources).await;
            stage.step();
            answers
        });
        let answers = join_all(reading).await;
        let (mut readings, mut requests) = (Readings::new(), SourceRequests::new());
        for (Reader { name, context, .. }, answers) in readers.iter().zip(answers) {
            requests.insert((*name).clone(), context.requests());
            readings.extend(answers.into_iter().map(|(asked, answer)| (((*name).clone(), asked), answer)));
        }
        (readings, requests)
    }

    /// Sets up every source that is asked something.
    ///
    /// # Errors
    /// Where one cannot be set up, for instance because a secret is missing.
    async fn readers<'a>(&self, asked: &'a BTreeMap<String, BTreeSet<OnCall>>) -> Result<Vec<Reader<'a>>> {
        let connecting = asked.iter().map(|(name, asked)| async move {
            let config = self.config.sources.get(name).with_context(|| format!("there is no source '{name}'"))?;
            let context = Context::new(self.clock, self.deadlines.sources).heeding(self.stop);
            let source = config.connect(context.clone()).await.with_context(|| format!("source '{name}'"))?;
            Ok(Reader { name, asked, source, context })
        });
        try_join_all(connecting).await
    }

    /// Sets up every target called `names`.
    ///
    /// # Errors
    /// Where one cannot be set up, for instance because a secret is missing.
    async fn connect(&self, names: &BTreeSet<String>) -> Result<Vec<Connected>> {
        let connecting = names.iter().filter_map(|name| Some((name, self.config.targets.get(name)?)));
        let connecting = connecting.map(|(name, config)| async move {
            let context = Context::new(self.clock, self.deadlines.targets).heeding(self.stop);
            let target = config.connect(context.clone()).await.with_context(|| format!("target '{name}'"))?;
            Ok::<_, anyhow::Error>(Connected { name: name.clone(), target, context })
        });
        try_join_all(connecting).await
    }
}

/// Asks `source`, and holds it to its word: an answer for everything that was asked.
async fn read_all(
    source: &dyn Source,
    asked: &BTreeSet<OnCall>,
    window: Period,
    deadline: Instant,
) -> BTreeMap<OnCall, Result<crate::domain::Reading, String>> {
    let Ok(mut answers) = timeout_at(deadline, source.read(asked, window)).await else {
        return asked.iter().map(|asked| (asked.clone(), Err(format!("{asked}: {LATE}")))).collect();
    };
    let answer = |asked: &OnCall| match answers.remove(asked) {
        Some(answer) => answer.map_err(|error| format!("{error:#}")),
        None => Err(format!("the source said nothing about {asked}")),
    };
    asked.iter().cloned().zip(asked.iter().map(answer)).collect()
}

/// What did not come to an end in its part of the run's time.
const LATE: &str = "it was not read in the time that `deadline` in the config leaves for it";

fn late() -> anyhow::Error {
    anyhow::anyhow!(LATE)
}

fn lost(owned: usize) -> String {
    let (grants, are, they) = (count(owned, "grant"), agree(owned, "is", "are"), agree(owned, "it", "they"));
    format!(
        "the ledger says that {grants} {are} ours here, and the config has no such target; describe it again so that \
         {they} can be taken back, or give up what is there with `oncall-sync release --target`"
    )
}

/// What a target is asked for, by whoever will be known to be on call.
fn asked(rules: &[Rule], target: &str, owned: &[Owned]) -> Asked {
    let entitlements = rules.iter().filter_map(|rule| rule.grant.get(target)).flatten().cloned().collect();
    let owned = owned.iter().map(|owned| owned.grant.access.clone()).collect();
    Asked { emails: Emails::awaited(), entitlements, owned }
}
