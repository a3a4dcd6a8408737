//! What is: every source and every target read, side by side.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use futures_util::future::{join_all, try_join_all};

use crate::config::Config;
use crate::domain::{Asked, Current, Email, Known, OnCall, Owned, Period, Plan, Readings, plan};
use crate::net::{Clock, Context};
use crate::progress::Progress;
use crate::source::Source;
use crate::stop::Stop;
use crate::target::Target;

/// What every part of a run shares.
pub struct RunContext<'a> {
    pub config: &'a Config,
    pub clock: Clock,
    pub deadline: tokio::time::Instant,
    pub stop: &'a Stop,
    pub progress: &'a Progress,
}

/// What the sources answered.
pub struct Sources {
    pub readings: Readings,
    pub requests: BTreeMap<String, u64>,
}

/// One target, connected.
pub struct Connected {
    pub name: String,
    pub target: Box<dyn Target>,
    context: Context,
}

/// One target, read and planned for; or why not.
pub struct Surveyed {
    pub connected: Connected,
    pub owned: Vec<Owned>,
    pub planned: Result<(Current, Plan)>,
}

impl Connected {
    pub fn requests(&self) -> u64 {
        self.context.requests()
    }
}

impl RunContext<'_> {
    /// Reads every source that is asked something. What could not be read is an error inside the answer.
    ///
    /// # Errors
    /// Where a source cannot even be set up, for instance because a secret is missing.
    pub async fn sources(&self, asked: &BTreeMap<String, BTreeSet<OnCall>>, window: Period) -> Result<Sources> {
        let connecting = asked.iter().map(|(name, asked)| async move {
            let config = self.config.sources.get(name).with_context(|| format!("there is no source '{name}'"))?;
            let context = Context::new(self.clock, self.deadline);
            let source = config.connect(context.clone()).await.with_context(|| format!("source '{name}'"))?;
            Ok::<_, anyhow::Error>((name, asked, source, context))
        });
        let connected = try_join_all(connecting).await?;
        let stage = self.progress.bar("Reading schedules", connected.len());
        let reading = connected.iter().map(|(_, asked, source, _)| async {
            let answers = read_all(&**source, asked, window).await;
            stage.step();
            answers
        });
        let answers = join_all(reading).await;
        let mut sources = Sources { readings: Readings::new(), requests: BTreeMap::new() };
        for ((name, _, _, context), answers) in connected.iter().zip(answers) {
            sources.requests.insert((*name).clone(), context.requests());
            sources.readings.extend(answers.into_iter().map(|(asked, answer)| (((*name).clone(), asked), answer)));
        }
        Ok(sources)
    }

    /// Sets up every target called `names`.
    ///
    /// # Errors
    /// Where one cannot be set up, for instance because a secret is missing.
    pub async fn connect(&self, names: &BTreeSet<String>) -> Result<Vec<Connected>> {
        let connecting = names.iter().filter_map(|name| Some((name, self.config.targets.get(name)?)));
        let connecting = connecting.map(|(name, config)| async move {
            let context = Context::new(self.clock, self.deadline);
            let target = config.connect(context.clone()).await.with_context(|| format!("target '{name}'"))?;
            Ok::<_, anyhow::Error>(Connected { name: name.clone(), target, context })
        });
        try_join_all(connecting).await
    }

    /// Reads every target and plans for it.
    pub async fn targets(
        &self,
        known: &Known<'_>,
        connected: Vec<Connected>,
        mut owned: BTreeMap<String, Vec<Owned>>,
    ) -> Vec<Surveyed> {
        let stage = self.progress.bar("Reading targets", connected.len());
        let reading = connected.into_iter().map(|connected| {
            let owned = owned.remove(&connected.name).unwrap_or_default();
            let stage = &stage;
            async move {
                let asked = asked(known, &connected.name, &owned);
                let current = connected.target.read(&asked).await;
                stage.step();
                let planned = current.map(|current| {
                    let desired = known.desired(&connected.name, &current, &owned);
                    let tenure = |entitlement: &_| connected.target.tenure(entitlement);
                    let plan = plan(known.now, &tenure, &desired, &current, &owned);
                    (current, plan)
                });
                Surveyed { connected, owned, planned }
            }
        });
        join_all(reading).await
    }
}

/// Asks `source`, and holds it to its word: an answer for everything that was asked.
async fn read_all(
    source: &dyn Source,
    asked: &BTreeSet<OnCall>,
    window: Period,
) -> BTreeMap<OnCall, Result<crate::domain::Reading, String>> {
    let mut answers = source.read(asked, window).await;
    let answer = |asked: &OnCall| match answers.remove(asked) {
        Some(answer) => answer.map_err(|error| format!("{error:#}")),
        None => Err(format!("the source said nothing about {asked}")),
    };
    asked.iter().cloned().zip(asked.iter().map(answer)).collect()
}

fn asked(known: &Known, target: &str, owned: &[Owned]) -> Asked {
    let emails: BTreeSet<Email> = known.emails(target);
    let entitlements = known.rules.iter().filter_map(|rule| rule.grant.get(target)).flatten().cloned().collect();
    let owned = owned.iter().map(|owned| owned.grant.access.clone()).collect();
    Asked { emails, entitlements, owned }
}
