//! Whether somebody has access, and which step of the way from a shift to a grant gives it or is missing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::desired::{Duty, duties};
use super::{
    Access, Account, AccountId, Answer, Change, Current, Email, Entitlement, Held, Known, Limit, Note, OnCall, OnDuty,
    Owned, Period, Person, Plan, Reading, Rule, Shift, Step, Verdict, Wanted,
};

/// A question about one person and one target, at an instant that is not past.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    pub known: Known<'a>,
    pub target: &'a str,
    pub current: &'a Current,
    pub owned: &'a [Owned],
    pub plan: &'a Plan,
    /// Every address of the person, at sources and on targets.
    pub emails: &'a BTreeSet<Email>,
    pub at: DateTime<Utc>,
}

/// A grant that the target shows.
struct Holding<'a> {
    held: &'a Held,
    ours: Option<&'a Owned>,
    until: Option<DateTime<Utc>>,
}

impl Holding<'_> {
    fn contains(&self, at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        // What the target keeps without an end is there until it is taken back, whatever the ledger says.
        let until = if at == now { self.held.until } else { self.until };
        self.held.from.is_none_or(|from| from <= at) && until.is_none_or(|until| at < until)
    }
}

impl<'a> Case<'a> {
    /// One answer for each entitlement that a rule gives on the target, and that the person holds there.
    pub fn answers(&self) -> Vec<Answer> {
        let desired = self.known.desired(self.target, self.current, self.owned);
        let mut given: BTreeMap<&Entitlement, Vec<&Rule>> = BTreeMap::new();
        let mut broken: BTreeMap<&str, Vec<Step>> = BTreeMap::new();
        for rule in self.known.rules {
            for spelling in rule.grant.get(self.target).into_iter().flatten() {
                match self.current.entitlements.get(spelling) {
                    Some(Ok(found)) => found.iter().for_each(|one| {
                        let rules = given.entry(one).or_default();
                        if !rules.iter().any(|known| known.name == rule.name) {
                            rules.push(rule);
                        }
                    }),
                    Some(Err(why)) => {
                        let step = Step::NoEntitlement { rule: rule.name.clone(), why: why.clone() };
                        broken.entry(spelling).or_default().push(step);
                    }
                    None => {}
                }
            }
        }
        let accounts = self.accounts();
        let shown = self.current.grants.iter().map(|held| &held.access);
        let mine = shown.chain(self.owned.iter().map(|owned| &owned.grant.access));
        for access in mine.filter(|access| accounts.contains(&access.account)) {
            given.entry(&access.entitlement).or_default();
        }
        let wanted = |entitlement: &Entitlement| {
            let mine = |wanted: &&Wanted| {
                wanted.grant.access.entitlement == *entitlement && accounts.contains(&wanted.grant.access.account)
            };
            desired.grants.iter().filter(mine).collect::<Vec<_>>()
        };
        let mut answers: Vec<Answer> =
            given.iter().map(|(one, rules)| self.answer(one, rules, &accounts, &wanted(one))).collect();
        answers.extend(broken.into_iter().map(|(spelling, steps)| {
            let entitlement = Entitlement { id: spelling.into(), name: spelling.into() };
            Answer { entitlement, verdict: Verdict::Not, steps }
        }));
        answers
    }

    /// The person's accounts here, those of what we own included.
    fn accounts(&self) -> BTreeSet<&'a AccountId> {
        let shown = self.current.accounts.iter().filter(|account| self.emails.contains(&account.email));
        let owned = self.owned.iter().filter(|owned| self.emails.contains(&owned.grant.email));
        shown.map(|account| &account.id).chain(owned.map(|owned| &owned.grant.access.account)).collect()
    }

    fn answer(
        &self,
        entitlement: &Entitlement,
        rules: &[&Rule],
        accounts: &BTreeSet<&AccountId>,
        wanted: &[&Wanted],
    ) -> Answer {
        let holdings = self.holdings(entitlement, accounts);
        let ours = |owned: &Owned| {
            owned.grant.access.entitlement == *entitlement && accounts.contains(&owned.grant.access.account)
        };
        let is_hidden = self.current.hidden.contains_key(&*entitlement.id) && self.owned.iter().any(ours);
        let verdict = match self.verdict(&holdings, wanted) {
            // What lies ahead is not known where a schedule was not read.
            Verdict::Not | Verdict::Had { .. } if self.at > self.known.now && !self.all_read(rules) => Verdict::Unknown,
            Verdict::Not | Verdict::Had { .. } if is_hidden => Verdict::Unknown,
            verdict => verdict,
        };
        let focus = match verdict {
            Verdict::Will { from, .. } => from,
            Verdict::Has { .. } | Verdict::Had { .. } | Verdict::Not | Verdict::Unknown => self.at,
        };
        let mut steps = self.shifts(rules, focus);
        if rules.is_empty() {
            steps.push(Step::NoRule);
        }
        steps.extend(self.account());
        let merged = wanted.iter().find(|wanted| wanted.grant.period.contains(focus) && wanted.reasons.len() > 1);
        steps
            .extend(merged.map(|wanted| Step::Merged { period: wanted.grant.period, reasons: wanted.reasons.clone() }));
        for Holding { held, ours, until } in holdings.iter().filter(|holding| holding.contains(focus, self.known.now)) {
            steps.push(match ours {
                Some(owned) => Step::Ours { id: Some(held.id.clone()), period: owned.grant.period },
                None => Step::Theirs { id: held.id.clone(), from: held.from, until: *until },
            });
        }
        steps.extend(self.planned(entitlement, accounts, focus));
        steps.dedup();
        Answer { entitlement: entitlement.clone(), verdict, steps }
    }

    fn holdings(&self, entitlement: &Entitlement, accounts: &BTreeSet<&AccountId>) -> Vec<Holding<'a>> {
        let confirmed = |held: &Held| {
            self.plan.changes.iter().find_map(|change| match change {
                Change::Confirm { owned, id } if *id == held.id => {
                    self.owned.iter().find(|known| known.entry == owned.entry)
                }
                _ => None,
            })
        };
        let mine = |held: &&Held| held.access.entitlement == *entitlement && accounts.contains(&held.access.account);
        let holding = |held: &'a Held| {
            let ours = self.owned.iter().find(|owned| owned.id.as_ref() == Some(&held.id)).or_else(|| confirmed(held));
            let ours = ours.filter(|_| !held.foreign);
            Holding { held, ours, until: held.until.or(ours.map(|owned| owned.grant.period.end())) }
        };
        self.current.grants.iter().filter(mine).map(holding).collect()
    }

    /// At this instant what the target shows; later what it will show once the plan is carried out.
    fn verdict(&self, holdings: &[Holding], wanted: &[&Wanted]) -> Verdict {
        let now = self.known.now;
        let later = self.at > now;
        let stays = |holding: &&Holding| !later || holding.ours.is_none();
        let there = || holdings.iter().filter(stays);
        let has = there().filter(|holding| holding.contains(self.at, now)).map(|one| (one.held.from, one.until));
        let will = wanted.iter().flat_map(|wanted| self.given(wanted));
        let will_have = will.clone().filter(|period| later && period.contains(self.at));
        let all = has.chain(will_have.map(|period| (Some(period.start()), Some(period.end()))));
        if let Some((from, until)) = all.reduce(longest) {
            return Verdict::Has { from, until };
        }
        let theirs = holdings.iter().filter(|holding| holding.ours.is_none());
        let shown = theirs.filter_map(|one| Some((one.held.from.filter(|from| *from > self.at)?, one.until)));
        let begins = |wanted: &&&Wanted| {
            let kept = |one: &Holding| one.ours.is_some_and(|owned| owned.grant.period.overlaps(&wanted.grant.period));
            !wanted.stands || holdings.iter().any(kept)
        };
        let planned = wanted.iter().filter(begins).flat_map(|wanted| self.given(wanted));
        let planned = planned.filter(|period| period.end() > self.at);
        let planned = planned.map(|period| (period.start().max(now), Some(period.end())));
        if let Some((from, until)) = shown.chain(planned).min_by_key(|(from, _)| *from) {
            return Verdict::Will { from, until };
        }
        will.map(|period| period.end()).max().map_or(Verdict::Not, |until| Verdict::Had { until })
    }

    /// What is wanted, without the time for which somebody's taking it away by hand is respected.
    fn given(&self, wanted: &Wanted) -> Vec<Period> {
        let access = &wanted.grant.access;
        let respected = self.plan.notes.iter().filter_map(|note| match note {
            Note::Drift { grant, respected_until: Some(until) } if grant.access == *access => Some(*until),
            _ => None,
        });
        respected.fold(vec![wanted.grant.period], |given, until| {
            let gone =
                self.owned.iter().filter(|owned| owned.grant.access == *access && owned.grant.period.end() == until);
            gone.fold(given, |given, owned| given.iter().flat_map(|one| one.without(&owned.grant.period)).collect())
        })
    }

    fn all_read(&self, rules: &[&Rule]) -> bool {
        let read = |rule: &Rule, asked: &OnCall| {
            matches!(self.known.readings.get(&(rule.source.clone(), asked.clone())), Some(Ok(_)))
        };
        rules.iter().all(|rule| rule.on_call.iter().all(|asked| read(rule, asked)))
    }

    /// The shifts that give access at `focus`; where there are none, what is missing, rule by rule.
    fn shifts(&self, rules: &[&Rule], focus: DateTime<Utc>) -> Vec<Step> {
        let (mut there, mut missing, mut down) = (Vec::new(), Vec::new(), Vec::new());
        for rule in rules {
            for asked in &rule.on_call {
                match self.known.readings.get(&(rule.source.clone(), asked.clone())) {
                    Some(Ok(reading)) => match self.on_duty(rule, reading, focus) {
                        found if found.is_empty() => missing.extend(self.missing(rule, reading, focus)),
                        found => there.extend(found),
                    },
                    Some(Err(error)) => down.push(self.down(rule, error)),
                    None => down.push(self.down(rule, &unasked(asked))),
                }
            }
        }
        if there.is_empty() {
            there = missing;
        }
        there.extend(down);
        there
    }

    fn down(&self, rule: &Rule, error: &str) -> Step {
        Step::SourceDown { rule: rule.name.clone(), source: rule.source.clone(), error: error.to_owned() }
    }

    fn is_theirs(&self, shift: &Shift) -> bool {
        let own = shift.person.email.as_ref().is_some_and(|email| self.emails.contains(email));
        own || self.known.email(shift).is_some_and(|email| self.emails.contains(email))
    }

    fn duties<'r>(&self, rule: &Rule, reading: &'r Reading) -> Vec<Duty<'r>> {
        duties(rule, reading).into_iter().filter(|duty| self.is_theirs(duty.shift())).collect()
    }

    fn on_duty(&self, rule: &Rule, reading: &Reading, focus: DateTime<Utc>) -> Vec<Step> {
        let Known { now, window, .. } = self.known;
        let gives = |duty: &Duty| {
            rule.span(duty.start, duty.end, now, window).is_some_and(|due| due.period.contains(focus.max(now)))
        };
        let step = |duty: Duty| {
            let cut = |length: TimeDelta| duty.end.zip(duty.start).is_none_or(|(end, start)| end - start > length);
            let limit = match (rule.duration, rule.max_duration) {
                (Some(length), _) => Some(Limit::Duration(length)),
                (None, most) => most.filter(|most| cut(*most - rule.early - rule.late)).map(Limit::MaxDuration),
            };
            Step::OnCall(OnDuty {
                rule: rule.name.clone(),
                source: rule.source.clone(),
                schedule: reading.schedule.clone(),
                person: duty.shift().person.name.clone(),
                start: duty.start,
                end: duty.end,
                overrides: duty.shifts.iter().flat_map(|shift| shift.overrides.clone()).collect(),
                early: rule.early,
                late: rule.late,
                limit,
            })
        };
        self.duties(rule, reading).into_iter().filter(gives).map(step).collect()
    }

    /// Why `rule` gives nothing at `focus` by what was read.
    fn missing(&self, rule: &Rule, reading: &Reading, focus: DateTime<Utc>) -> Vec<Step> {
        let (name, schedule) = (rule.name.clone(), reading.schedule.name.clone());
        let during = |start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>| {
            start.is_none_or(|start| start <= focus) && end.is_none_or(|end| focus < end)
        };
        let on_call: Vec<&Shift> =
            reading.shifts.iter().filter(|shift| during(shift.start, shift.end) && self.is_theirs(shift)).collect();
        let filtered = on_call.iter().find_map(|shift| shift.level.filter(|_| !rule.takes(shift)));
        if let (Some(seen), Some(levels)) = (filtered, &rule.levels) {
            return vec![Step::Level { rule: name, schedule, seen, levels: levels.clone() }];
        }
        let length = rule.duration.map(Limit::Duration).or(rule.max_duration.map(Limit::MaxDuration));
        if let (false, Some(limit)) = (on_call.is_empty(), length) {
            return vec![Step::UsedUp { rule: name, schedule, limit }];
        }
        let begins =
            self.duties(rule, reading).iter().filter_map(|duty| duty.start).filter(|start| *start > focus).min();
        let mut steps = vec![Step::NotOnCall { rule: name, schedule: schedule.clone(), next: begins }];
        if begins.is_none() {
            let nameless = |shift: &&Shift| shift.person.email.is_none() && during(shift.start, shift.end);
            let people: BTreeSet<&Person> = reading.shifts.iter().filter(nameless).map(|shift| &shift.person).collect();
            steps.extend(
                people.into_iter().map(|person| Step::NoEmail { person: person.clone(), schedule: schedule.clone() }),
            );
        }
        steps
    }

    /// What is wrong with the person's account, if anything.
    fn account(&self) -> Option<Step> {
        let mut accounts: BTreeMap<&Email, Vec<&Account>> = BTreeMap::new();
        for account in self.current.accounts.iter().filter(|account| self.emails.contains(&account.email)) {
            accounts.entry(&account.email).or_default().push(account);
        }
        let one = |(email, found): (&&Email, &Vec<&Account>)| match found.as_slice() {
            [account] if account.suspended => Some(Step::Suspended { email: (*email).clone() }),
            [_] => None,
            several => Some(Step::ManyAccounts { email: (*email).clone(), accounts: several.len() }),
        };
        if accounts.is_empty() {
            let why = self.emails.iter().find_map(|email| self.current.absent.get(email)).cloned();
            return Some(Step::NoAccount { why });
        }
        accounts.iter().find_map(one)
    }

    /// What the plan makes of it.
    fn planned(&self, entitlement: &Entitlement, accounts: &BTreeSet<&AccountId>, focus: DateTime<Utc>) -> Vec<Step> {
        let mine = |access: &Access| access.entitlement == *entitlement && accounts.contains(&access.account);
        let notes = self.plan.notes.iter().filter_map(|note| match note {
            Note::Stands { grant } if mine(&grant.access) => Some(Step::Stands),
            Note::Hidden { grant, why } if mine(&grant.access) => Some(Step::Hidden { why: why.clone() }),
            Note::Drift { grant, respected_until } if mine(&grant.access) => {
                Some(Step::Drift { respected_until: *respected_until })
            }
            Note::NotYet { grant } if mine(&grant.access) && grant.period.contains(focus) => {
                Some(Step::NotYet { from: grant.period.start() })
            }
            _ => None,
        });
        let changes = self.plan.changes.iter().filter(|change| mine(&change.grant().access));
        let changes = changes.filter_map(|change| match change {
            Change::Create { grant, .. } => {
                Some(Step::Gives { period: grant.period }).filter(|_| grant.period.contains(focus))
            }
            Change::Amend { to, .. } => Some(Step::Moves { to: to.period }),
            Change::Revoke { .. } | Change::Expire { .. } => Some(Step::TakesBack),
            Change::Adopt { .. }
            | Change::Confirm { .. }
            | Change::Forget { .. }
            | Change::Release { .. }
            | Change::Retime { .. } => None,
        });
        notes.chain(changes).collect()
    }
}

/// From the earlier start to the later end.
fn longest(
    one: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    other: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    let from = one.0.zip(other.0).map(|(one, other)| one.min(other));
    let until = one.1.zip(other.1).map(|(one, other)| one.max(other));
    (from, until)
}

fn unasked(asked: &OnCall) -> String {
    format!("{asked} was not asked for")
}
