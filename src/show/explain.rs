//! `explain`: whether somebody has access, and why; from live data, or from the ledger alone.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};

use super::audit::Pages;
use crate::audit::{Ending, Failed, History, Stint};
use crate::config::{Config, near};
use crate::decision::{Decision, Inputs};
use crate::domain::{Case, Email, Names, Owned, Step, Verdict};
use crate::exit::Exit;
use crate::near::hint;
use crate::report::{self, AnswerReport, Asking, Explanation, ReasonReport, StepReport, Style};
use crate::run;
use crate::selection::Selection;
use crate::span::Span;
use crate::survey::RunContext;
use crate::zone::Zone;

/// What is asked.
#[derive(Debug)]
pub struct Question {
    pub email: String,
    pub entitlement: Option<String>,
    pub target: Option<String>,
    /// The present instant where nothing else was said.
    pub at: DateTime<Utc>,
    pub offline: bool,
}

type Owning = BTreeMap<String, Vec<Owned>>;

/// Whether somebody has access at an instant, and why or why not. Nothing is written.
///
/// # Errors
/// Where the question makes no sense, or the ledger or a secret cannot be read.
pub async fn explain(
    run: &RunContext<'_>,
    selection: Selection,
    question: &Question,
    now: DateTime<Utc>,
    window: Span,
    style: &Style<'_>,
    json: bool,
) -> Result<u8> {
    let config = run.config;
    let email = Email::parse(&question.email);
    ensure!(email.is_some(), "'{}' is no e-mail address", question.email);
    if let Some(target) = &question.target {
        let known = config.targets.keys().map(String::as_str);
        ensure!(config.targets.contains_key(target), "no target is called '{target}'{}", near(target, known));
    }
    let emails: BTreeSet<Email> = email.iter().flat_map(|email| config.addresses(email)).collect();
    let history = history(config, &emails).await?;
    let owned = run::owned(&config.ledger).await?;
    let mut explanation = Explanation {
        version: report::VERSION,
        email: question.email.clone(),
        addresses: emails.iter().map(|email| email.as_str().to_owned()).collect(),
        at: question.at,
        as_of: None,
        unknown: None,
        answers: Vec::new(),
        errors: Vec::new(),
    };
    let view = View { question, emails: &emails, history: &history, now, zone: style.zone };
    // What is past is in the audit log and nowhere else.
    let offline = question.offline || question.at < now;
    if offline {
        explanation.as_of = history.as_of;
        view.by_ledger(&owned, &mut explanation);
    } else {
        let ahead = TimeDelta::seconds(1) + (question.at - now);
        let window = Span(window.0.max(ahead.to_std()?));
        crate::config::check_window(window)
            .map_err(|_| anyhow::anyhow!("--at is more than 90 days ahead, and no source shows that"))?;
        let selection = Selection { also: emails.clone(), ..selection };
        let (inputs, _, _) = run.survey(&selection, now, run::window(now, window)?, owned).await?;
        view.live(&inputs, &inputs.decide(), &mut explanation);
    }
    let exit = Exit::when(explanation.errors.is_empty());
    if json {
        report::print(&report::json(&explanation))?;
    } else {
        report::tell(&report::explained_text(&explanation, offline, style.zone))?;
    }
    Ok(exit.code())
}

/// What the audit log tells of the person.
async fn history(config: &Config, emails: &BTreeSet<Email>) -> Result<History> {
    let mut history = History::new(emails.clone());
    let mut pages = Pages::after(config, 0).await?;
    while let Some(page) = pages.next().await? {
        for record in &page {
            history.see(&record.event()?);
        }
    }
    Ok(history)
}

/// What an answer is made from, beside what was read.
struct View<'a> {
    question: &'a Question,
    emails: &'a BTreeSet<Email>,
    history: &'a History,
    now: DateTime<Utc>,
    zone: &'a Zone,
}

impl View<'_> {
    fn asking<'t>(&'t self, target: &'t str) -> Asking<'t> {
        let (email, at) = (&*self.question.email, self.question.at);
        Asking { email, target, now: self.now, at, zone: self.zone }
    }

    fn is_asked(&self, target: &str) -> bool {
        self.question.target.as_deref().is_none_or(|asked| asked == target)
    }

    fn live(&self, inputs: &Inputs, decision: &Decision, explanation: &mut Explanation) {
        let mut known = self.history.known.clone();
        known.add_spellings(&inputs.rules);
        let shifts = inputs.readings.values().flatten().flat_map(|reading| &reading.shifts);
        known.emails.extend(shifts.filter_map(|shift| shift.person.email.clone()));
        let refused: Vec<String> = match decision.refusals.as_slice() {
            [] => self.history.refused.iter().map(|why| format!("the last run was refused: {why}")).collect(),
            now => now.iter().map(|why| format!("the next run is going to be refused: {why}")).collect(),
        };
        let mut accounts = false;
        for (name, seen) in inputs.targets.iter().filter(|(name, _)| self.is_asked(name)) {
            seen.owned.iter().for_each(|owned| known.add_owned(name, owned));
            let (Ok(current), Ok(plan)) = (&seen.current, &decision.plans[name]) else {
                let error = seen.current.as_ref().err().cloned().unwrap_or_default();
                explanation.errors.push(format!("target {name}: {error}"));
                self.unread(name, &seen.owned, explanation);
                continue;
            };
            accounts |= current.accounts.iter().any(|account| self.emails.contains(&account.email));
            let (emails, at) = (self.emails, self.question.at);
            let case = Case { known: inputs.known(), target: name, current, owned: &seen.owned, plan, emails, at };
            let spelled = |id: &str| {
                let mut of =
                    current.entitlements.iter().filter(|(_, found)| found.iter().flatten().any(|one| &*one.id == id));
                of.any(|(spelling, _)| Some(spelling) == self.question.entitlement.as_ref())
            };
            for answer in case.answers() {
                let (id, called) = (&*answer.entitlement.id, &*answer.entitlement.name);
                known.add_entitlement(&answer.entitlement);
                let asked = self.question.entitlement.as_deref();
                if asked.is_some_and(|asked| asked != id && asked != called && !spelled(id)) {
                    continue;
                }
                let down = answer.steps.iter().filter_map(|step| match step {
                    Step::SourceDown { source, error, .. } => Some(format!("source {source}: {error}")),
                    _ => None,
                });
                explanation.errors.extend(down);
                let mut told = AnswerReport::new(&self.asking(name), &answer);
                self.past(&mut told, &answer.verdict, &refused);
                explanation.answers.push(told);
            }
        }
        explanation.errors.sort();
        explanation.errors.dedup();
        self.nothing(explanation, &known, "Nobody on call in the window and nothing in the ledger", accounts);
    }

    /// What the log adds where somebody has no access now: when it ended, and what went wrong last.
    fn past(&self, told: &mut AnswerReport, verdict: &Verdict, refused: &[String]) {
        if matches!(verdict, Verdict::Has { .. }) {
            return;
        }
        let mine = |stint: &&Stint| stint.target == told.target && stint.entitlement_id == told.entitlement_id;
        let ended = self.history.stints.iter().filter(mine).filter(|stint| stint.until <= self.question.at);
        if let (Verdict::Not, Some(last)) = (verdict, ended.max_by_key(|stint| stint.until)) {
            let ending = ending(last);
            let names = (&*told.entitlement.clone(), &*told.entitlement_id.clone());
            let why = std::mem::take(&mut told.why);
            *told =
                AnswerReport::of(&self.asking(&told.target.clone()), names, Verdict::Had { until: last.until }, why);
            told.why.extend(last.reasons.iter().map(|reason| was_for(reason, self.zone)).chain(ending));
        }
        told.why.extend(self.failed(&told.target, &told.entitlement_id));
        if told.why.iter().any(|step| step.kind == "gives") {
            told.why.extend(refused.iter().map(|text| StepReport::new("refused", text.clone())));
        }
    }

    /// That giving it failed last time.
    fn failed(&self, target: &str, id: &str) -> Option<StepReport> {
        let failed = self.history.failed.get(&(target.to_owned(), id.to_owned()));
        let Failed { at, error, .. } = failed.filter(|failed| failed.at <= self.question.at)?;
        Some(StepReport::new("failed", format!("giving it failed at {}: {error}", self.zone.format(*at))))
    }

    /// A target that could not be read: what the ledger says of it.
    fn unread(&self, target: &str, owned: &[Owned], explanation: &mut Explanation) {
        let held = self.held(target, owned);
        let asking = self.asking(target);
        for ((name, id), spans) in held {
            let ours = spans.iter().filter(|span| span.from <= self.question.at && self.question.at < span.until);
            let why = ours.map(|span| {
                let bounds = report::bounds(Some(span.from), Some(span.until), self.zone);
                StepReport::new("ours", format!("by the ledger it is ours, {bounds}"))
            });
            explanation.answers.push(AnswerReport::of(&asking, (&name, &id), Verdict::Unknown, why.collect()));
        }
    }

    fn by_ledger(&self, owned: &Owning, explanation: &mut Explanation) {
        let logged = self.history.stints.iter().map(|stint| &*stint.target);
        let targets: BTreeSet<&str> = owned.keys().map(String::as_str).chain(logged).collect();
        for target in targets.into_iter().filter(|target| self.is_asked(target)) {
            let owned = owned.get(target).map(Vec::as_slice).unwrap_or_default();
            for (names, spans) in self.held(target, owned) {
                explanation.answers.push(self.by_spans(target, &names, &spans));
            }
        }
        let mut known = self.history.known.clone();
        owned.iter().for_each(|(target, all)| all.iter().for_each(|one| known.add_owned(target, one)));
        self.nothing(explanation, &known, "Nothing in the ledger and its audit log", false);
    }

    /// What of one target the ledger and its log tell, by the entitlement's name and id.
    fn held<'s>(&'s self, target: &str, owned: &'s [Owned]) -> BTreeMap<(String, String), Vec<Held<'s>>> {
        let mut held: BTreeMap<(String, String), Vec<Held>> = BTreeMap::new();
        for stint in self.history.stints.iter().filter(|stint| stint.target == target) {
            let key = (stint.entitlement.clone(), stint.entitlement_id.clone());
            let span = Held { from: stint.from, until: stint.until, stint: Some(stint), owned: None };
            held.entry(key).or_default().push(span);
        }
        for owned in owned.iter().filter(|owned| self.emails.contains(&owned.grant.email)) {
            let entitlement = &owned.grant.access.entitlement;
            let spans = held.entry((entitlement.name.to_string(), entitlement.id.to_string())).or_default();
            let same = |span: &&mut Held| {
                span.stint
                    .is_some_and(|stint| stint.id.is_some() && stint.id.as_ref() == owned.id.as_ref().map(|id| &id.0))
            };
            match spans.iter_mut().rfind(same) {
                Some(span) => span.owned = Some(owned),
                None => {
                    let period = owned.grant.period;
                    spans.push(Held { from: period.start(), until: period.end(), stint: None, owned: Some(owned) });
                }
            }
        }
        let failed =
            self.history.failed.iter().filter(|((on, _), failed)| on == target && failed.at <= self.question.at);
        for ((_, id), Failed { entitlement, .. }) in failed {
            held.entry((entitlement.clone(), id.clone())).or_default();
        }
        let asked = self.question.entitlement.as_deref();
        held.retain(|(name, id), _| asked.is_none_or(|asked| asked == name || asked == id));
        held
    }

    fn by_spans(&self, target: &str, (name, id): &(String, String), spans: &[Held]) -> AnswerReport {
        let at = self.question.at;
        let there = spans.iter().filter(|span| span.from <= at && at < span.until);
        let later = spans.iter().filter(|span| at < span.from).min_by_key(|span| span.from);
        let last = spans.iter().filter(|span| span.until <= at).max_by_key(|span| span.until);
        let (verdict, about) = match (there.max_by_key(|span| span.until), later, last) {
            (Some(span), ..) => {
                (Verdict::Has { from: Some(first(span, spans)), until: Some(end(span, spans)) }, Some(span))
            }
            (None, Some(span), _) => (Verdict::Will { from: span.from, until: Some(end(span, spans)) }, Some(span)),
            (None, None, Some(span)) => (Verdict::Had { until: span.until }, Some(span)),
            (None, None, None) => (Verdict::Not, None),
        };
        let mut why = about.map(|span| span.why(self.zone)).unwrap_or_default();
        if matches!(verdict, Verdict::Had { .. })
            && about.is_some_and(|span| span.owned.is_some() && span.until <= self.now)
        {
            let text = "it is still in the ledger: a target that keeps no end has it until the next run takes it back";
            why.push(StepReport::new("overdue", text.into()));
        }
        if !matches!(verdict, Verdict::Has { .. }) {
            why.extend(self.failed(target, id));
            let refused = self.history.refused.iter().filter(|_| at >= self.now);
            why.extend(refused.map(|why| StepReport::new("refused", format!("the last run was refused: {why}"))));
        }
        AnswerReport::of(&self.asking(target), (name, id), verdict, why)
    }

    /// Says so where there is no answer, or nobody knows the address.
    fn nothing(&self, explanation: &mut Explanation, known: &Names, nobody: &str, account: bool) {
        let email = &*self.question.email;
        if !self.emails.iter().any(|email| known.emails.contains(email)) {
            let near = hint(email, known.emails.iter().map(Email::as_str));
            explanation.unknown = Some(format!("{nobody} goes by {email}{near}"));
            if !account && explanation.errors.is_empty() {
                explanation.answers.retain(|answer| answer.verdict != "not");
            }
        } else if explanation.answers.is_empty() {
            let asked = self.question.entitlement.as_deref();
            let near = asked.map(|asked| known.hint(asked)).unwrap_or_default();
            let what = asked.unwrap_or("anything");
            explanation.unknown = Some(format!("Nothing says that {email} has, had or is to have {what}{near}"));
        }
    }
}

/// A stretch of access by the log, by the ledger, or by both.
struct Held<'a> {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    stint: Option<&'a Stint>,
    owned: Option<&'a Owned>,
}

impl Held<'_> {
    fn why(&self, zone: &Zone) -> Vec<StepReport> {
        let reasons: Vec<ReasonReport> = match (self.stint, self.owned) {
            (_, Some(owned)) => owned.reasons.iter().map(ReasonReport::from).collect(),
            (Some(stint), None) => stint.reasons.clone(),
            (None, None) => Vec::new(),
        };
        let mut why: Vec<StepReport> = reasons.iter().map(|reason| report::reason_step(reason, zone)).collect();
        why.extend(self.stint.and_then(ending));
        why
    }
}

/// Why it was given once.
fn was_for(reason: &ReasonReport, zone: &Zone) -> StepReport {
    StepReport::new("was-for", format!("it was given for {}", report::reason_step(reason, zone).text))
}

/// How it came to its end, where that was not by its own date.
fn ending(stint: &Stint) -> Option<StepReport> {
    match stint.ending {
        Ending::Dated | Ending::Moved => None,
        Ending::TakenBack => Some(StepReport::new("taken-back", "a run took it back".into())),
        Ending::Released => Some(StepReport::new(
            "released",
            "somebody had it released: it stayed on the target, and is a stranger's".into(),
        )),
        Ending::Gone => Some(StepReport::new("gone", "a run found it gone: somebody took it away by hand".into())),
    }
}

/// When the unbroken stretch that `span` is part of begins.
fn first(span: &Held, all: &[Held]) -> DateTime<Utc> {
    let mut from = span.from;
    while let Some(before) = all.iter().find(|one| one.from < from && one.until >= from) {
        from = before.from;
    }
    from
}

/// When it ends.
fn end(span: &Held, all: &[Held]) -> DateTime<Utc> {
    let mut until = span.until;
    while let Some(after) = all.iter().find(|one| one.until > until && one.from <= until) {
        until = after.until;
    }
    until
}
