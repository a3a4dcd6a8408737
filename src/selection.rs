//! Which rules this run is about. What the others gave stands.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail, ensure};
use chrono::TimeDelta;

use crate::config::{Config, RuleConfig, near};
use crate::domain::{Email, OnCall, Purpose, Rule};
use crate::span::Span;

/// What the command line narrows a run to; nothing: all of the config.
#[derive(Debug, Clone, Default)]
pub struct Narrowing {
    pub schedules: BTreeSet<String>,
    pub rules: BTreeSet<String>,
}

/// The rules of one run, and what they ask of each source.
#[derive(Debug, Clone)]
pub struct Selection {
    pub rules: Vec<Rule>,
    pub asked: BTreeMap<String, BTreeSet<OnCall>>,
    /// There are rules that this run leaves out.
    pub partial: bool,
    pub purpose: Purpose,
    /// People to look up on every target although nobody may have them on call.
    pub also: BTreeSet<Email>,
}

impl Selection {
    /// The rules of `config` that `narrowing` names.
    ///
    /// # Errors
    /// Where it names a rule or a schedule that the config does not, with near matches.
    pub fn new(config: &Config, narrowing: &Narrowing) -> Result<Self> {
        for name in &narrowing.rules {
            let names: Vec<&str> = config.rules.iter().map(|rule| &*rule.name).collect();
            ensure!(names.contains(&&**name), "no rule is called '{name}'{}", near(name, names.iter().copied()));
        }
        for schedule in &narrowing.schedules {
            let all: BTreeSet<&str> =
                config.rules.iter().flat_map(|rule| &rule.schedules).map(|name| &**name).collect();
            if !all.contains(&**schedule) {
                let hint = near(schedule, all.iter().copied());
                bail!(
                    "no rule follows a schedule '{schedule}'{hint}; say what it gives with --grant TARGET=ENTITLEMENT"
                );
            }
        }
        let named = |rule: &&RuleConfig| narrowing.rules.is_empty() || narrowing.rules.contains(&rule.name);
        let follows = |schedule: &String| narrowing.schedules.is_empty() || narrowing.schedules.contains(schedule);
        let mut asked: BTreeMap<String, BTreeSet<OnCall>> = BTreeMap::new();
        let mut rules = Vec::new();
        for rule in config.rules.iter().filter(named).filter(|rule| rule.schedules.iter().any(follows)) {
            let followed = rule.schedules.iter().filter(|schedule| follows(schedule)).cloned().map(OnCall::Schedule);
            asked.entry(rule.source.clone()).or_default().extend(followed);
            rules.push(domain(rule));
        }
        ensure!(
            !rules.is_empty() || config.rules.is_empty(),
            "no rule named with --rule follows a schedule named with --schedule, so there would be nothing to do"
        );
        let partial = !narrowing.rules.is_empty() || !narrowing.schedules.is_empty();
        Ok(Self { rules, asked, partial, purpose: Purpose::Sync, also: BTreeSet::new() })
    }

    /// The same for another purpose.
    ///
    /// # Errors
    /// Where it names a target that the config does not.
    pub fn for_purpose(self, purpose: Purpose, config: &Config) -> Result<Self> {
        if !purpose.needs_shifts() {
            return Ok(Self { purpose, asked: BTreeMap::new(), ..self });
        }
        let mut also = self.also;
        if let Purpose::Adopt(choice) = &purpose {
            for target in &choice.targets {
                let known = config.targets.keys().map(String::as_str);
                ensure!(config.targets.contains_key(target), "no target is called '{target}'{}", near(target, known));
            }
            also.extend(choice.emails.iter().flat_map(|email| config.addresses(email)));
        }
        Ok(Self { purpose, also, ..self })
    }

    /// How far before now shifts matter: those that are over may still be padded, and a length of access that is capped or
    /// fixed counts from the first of the pieces that a source cuts somebody's time into.
    pub fn back(&self) -> TimeDelta {
        let back = |rule: &Rule| {
            let counted = [rule.duration, rule.max_duration].into_iter().flatten().max();
            rule.late.max(counted.unwrap_or_default())
        };
        self.rules.iter().map(back).max().unwrap_or_default()
    }

    /// How far beyond the window shifts matter: access may begin before them.
    pub fn ahead(&self) -> TimeDelta {
        self.rules.iter().map(|rule| rule.early).max().unwrap_or_default()
    }
}

fn domain(rule: &RuleConfig) -> Rule {
    let RuleConfig { name, source, schedules, levels, early, late, max_duration, duration, grant } = rule;
    Rule {
        name: name.clone(),
        source: source.clone(),
        on_call: schedules.iter().cloned().map(OnCall::Schedule).collect(),
        levels: levels.clone(),
        early: early.delta(),
        late: late.delta(),
        max_duration: max_duration.map(Span::delta),
        duration: duration.map(Span::delta),
        grant: grant.iter().map(|(target, names)| (target.clone(), names.iter().cloned().collect())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(change: impl FnOnce(&mut Rule)) -> Rule {
        let mut rule = Rule::plain();
        change(&mut rule);
        rule
    }

    fn back(change: impl FnOnce(&mut Rule)) -> TimeDelta {
        let (asked, also) = (BTreeMap::new(), BTreeSet::new());
        Selection { rules: vec![rule(change)], asked, partial: false, purpose: Purpose::Sync, also }.back()
    }

    /// A cap counts from the start of the first of the pieces of somebody's time. Were that piece out of sight as soon as
    /// it is over, the next one would begin the cap anew.
    #[test]
    fn looks_back_as_far_as_a_shift_that_is_over_still_counts() {
        let hours = TimeDelta::hours;
        assert_eq!(back(|_| {}), hours(0));
        assert_eq!(back(|rule| rule.late = hours(1)), hours(1));
        assert_eq!(back(|rule| rule.duration = Some(hours(8))), hours(8));
        assert_eq!(back(|rule| rule.max_duration = Some(hours(3))), hours(3));
        assert_eq!(back(|rule| (rule.late, rule.max_duration) = (hours(4), Some(hours(3)))), hours(4));
    }
}
