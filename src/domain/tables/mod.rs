//! What the planner decides, case by case, where the random histories seldom reach.
//!
//! Times are minutes, and it is always minute 100: what began before is given from minute 100 on.

mod clock;
mod desired;
mod drift;
mod explain;
mod limits;
mod outage;
mod ownership;
mod plan;
mod standing;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::*;

const NOW: i64 = 100;
const TENURES: [Tenure; 3] = [Tenure::Scheduled, Tenure::Expiring, Tenure::Standing];
/// The end of a grant or a shift that has none.
const FOREVER: i64 = i64::MAX;

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
}

fn end(minute: i64) -> Option<DateTime<Utc>> {
    (minute != FOREVER).then(|| at(minute))
}

fn period(from: i64, until: i64) -> Period {
    Period::new(at(from), at(until)).expect("not empty")
}

fn entitlement(id: &str) -> Entitlement {
    Entitlement { id: id.into(), name: id.into() }
}

fn access(account: &str, to: &str) -> Access {
    Access { account: account.into(), entitlement: entitlement(to) }
}

fn grant(from: i64, until: i64) -> Grant {
    Grant { access: access("a", "e"), email: Email::new("p@example.com"), period: period(from, until) }
}

fn wanted(from: i64, until: i64) -> Wanted {
    Wanted { grant: grant(from, until), reasons: Reasons::default(), open: false, stands: false }
}

fn owned(entry: i64, id: Option<&str>, from: i64, until: i64) -> Owned {
    Owned { entry, id: id.map(GrantId::from), grant: grant(from, until), reasons: Reasons::default() }
}

/// A grant as a target of this tenure shows it.
fn held(tenure: Tenure, id: &str, from: i64, until: i64) -> Held {
    let from = (tenure == Tenure::Scheduled).then(|| at(from));
    let until = end(until).filter(|_| tenure != Tenure::Standing);
    Held { id: id.into(), access: access("a", "e"), from, until, foreign: false }
}

fn schedule(id: &str) -> Schedule {
    Schedule { id: id.into(), name: id.into() }
}

/// Person P's shift in schedule S.
fn shift(start: i64, until: i64) -> Shift {
    let email = Some(Email::new("p@example.com"));
    let person = Person { id: "P".into(), name: "Pat".into(), email };
    Shift {
        schedule: schedule("S"),
        level: None,
        person,
        start: Some(at(start)),
        end: end(until),
        overrides: Vec::new(),
    }
}

/// Gives `e` on the target to whoever is on call in schedule S.
fn rule(name: &str) -> Rule {
    Rule {
        name: name.into(),
        on_call: BTreeSet::from([OnCall::Schedule("S".into())]),
        grant: BTreeMap::from([("target".into(), BTreeSet::from(["e".into()]))]),
        ..Rule::plain()
    }
}

/// A plan in words: its changes, then its notes.
fn said(plan: &Plan) -> String {
    let changes = plan.changes.iter().map(|change| match change {
        Change::Confirm { owned, id } => format!("confirm #{} as {id}", owned.entry),
        Change::Forget { owned } => format!("forget #{}", owned.entry),
        Change::Retime { owned, period, .. } => format!("retime #{} to {}", owned.entry, minutes(*period)),
        Change::Adopt { grant, id, .. } => format!("adopt {id} for {}", what(grant)),
        Change::Release { owned } => format!("release #{}", owned.entry),
        Change::Expire { owned } => format!("expire #{}", owned.entry),
        Change::Create { grant, .. } => format!("create {}", what(grant)),
        Change::Amend { owned, to, .. } => format!("amend #{} to {}", owned.entry, what(to)),
        Change::Revoke { owned } => format!("revoke #{}", owned.entry),
    });
    let notes = plan.notes.iter().map(|note| match note {
        Note::NoEmail { person, schedule } => format!("no e-mail of {} in {}", person.name, schedule.name),
        Note::NoAccount { email, name, why } => {
            let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("no account of {name}, {email}{why}")
        }
        Note::ManyAccounts { email, name } => format!("many accounts of {name}, {email}"),
        Note::Suspended { email, name } => format!("suspended {name}, {email}"),
        Note::NoEntitlement { rule, entitlement, why } => format!("no {entitlement} for {rule}: {why}"),
        Note::AlreadyHeld { grant, by } => format!("already held {} by {by}", what(grant)),
        Note::TakenOver { grant, by } => format!("taken over {} by {by}", what(grant)),
        Note::NotYet { grant } => format!("not yet {}", what(grant)),
        Note::Hidden { grant, why } => format!("hidden {}: {why}", what(grant)),
        Note::Stands { grant } => format!("stands {}", what(grant)),
        Note::Drift { grant, respected_until: None } => format!("drift {}", what(grant)),
        Note::Drift { grant, respected_until: Some(until) } => {
            format!("drift {} until {}", what(grant), minute(*until))
        }
        Note::Unsettled { grant, given } => format!("unsettled {} {given}", what(grant)),
        Note::NextSync { id, next, .. } => format!("next of {id}: {next:?}"),
        Note::NotAdoptable { id, why, .. } => format!("not adoptable {id}: {why:?}"),
    });
    changes.chain(notes).collect::<Vec<_>>().join("; ")
}

fn what(grant: &Grant) -> String {
    let (period, Access { account, entitlement }) = (minutes(grant.period), &grant.access);
    if grant.access == access("a", "e") { period } else { format!("{period} of {account}/{}", entitlement.id) }
}

fn minutes(period: Period) -> String {
    format!("{}..{}", minute(period.start()), minute(period.end()))
}

fn minute(instant: DateTime<Utc>) -> f64 {
    (instant - DateTime::UNIX_EPOCH).as_seconds_f64() / 60.0
}

/// Everything that one run knows: at first one rule, one account, and a schedule with nobody in it.
struct Setup {
    window: i64,
    rules: Vec<Rule>,
    readings: Readings,
    aliases: BTreeMap<Email, Email>,
    other_rules_stand: bool,
    current: Current,
    owned: Vec<Owned>,
}

impl Setup {
    fn new() -> Self {
        let account = Account { id: "a".into(), email: Email::new("p@example.com"), suspended: false };
        let current = Current {
            accounts: vec![account],
            entitlements: ["e", "f"].map(|id| (id.into(), Ok(BTreeSet::from([entitlement(id)])))).into(),
            ..Current::default()
        };
        let setup = Self {
            window: 2100,
            rules: vec![rule("rule")],
            readings: Readings::new(),
            aliases: BTreeMap::new(),
            other_rules_stand: false,
            current,
            owned: Vec::new(),
        };
        setup.reads("S", [])
    }

    /// The same, changed.
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The same with its first rule changed.
    fn rule(self, change: impl FnOnce(&mut Rule)) -> Self {
        self.with(|setup| change(&mut setup.rules[0]))
    }

    /// The rule asks for another schedule too.
    fn asks(self, id: &str) -> Self {
        self.rule(|rule| rule.on_call.extend([OnCall::Schedule(id.into())]))
    }

    /// There is another rule, which asks for schedule T.
    fn second_rule(self) -> Self {
        let on_call = BTreeSet::from([OnCall::Schedule("T".into())]);
        self.with(|setup| setup.rules.push(Rule { on_call, ..rule("second") }))
    }

    /// Schedule `id` is read, and has these shifts and no others.
    fn reads(mut self, id: &str, shifts: impl IntoIterator<Item = Shift>) -> Self {
        let shifts = shifts.into_iter().map(|shift| Shift { schedule: schedule(id), ..shift }).collect();
        let reading = Reading { schedule: schedule(id), coverage: Coverage::Window, shifts, remarks: Vec::new() };
        self.readings.insert(("source".into(), OnCall::Schedule(id.into())), Ok(reading));
        self
    }

    /// Schedule `id` cannot be read.
    fn down(mut self, id: &str) -> Self {
        self.readings.insert(("source".into(), OnCall::Schedule(id.into())), Err("down".into()));
        self
    }

    /// The ledger's next entry: `e` from the start of `shift` until `until`, given for it by `rule`. It is shown.
    fn owns(mut self, rule: &str, shift: &Shift, until: i64) -> Self {
        let entry = self.owned.len() as i64 + 1;
        let reasons = vec![Reason::new(rule, "source", shift)].into();
        let start = (shift.start.expect("it has a start") - at(0)).num_minutes();
        let id = format!("g{entry}");
        self.owned.push(Owned { reasons, ..owned(entry, Some(&id), start, until) });
        self
    }

    /// The last entry is of `to` for `account`.
    fn of(mut self, account: &str, to: &str) -> Self {
        self.owned.last_mut().expect("something is owned").grant.access = access(account, to);
        self
    }

    fn known(&self) -> Known<'_> {
        let Self { rules, readings, aliases, other_rules_stand, .. } = self;
        let (now, window) = (at(NOW), period(NOW, self.window));
        Known { now, window, rules, readings, aliases, other_rules_stand: *other_rules_stand }
    }

    fn desired(&self) -> Desired {
        self.known().desired("target", &self.current, &self.owned)
    }

    /// What is desired, in words, and the names of the rules that are its reasons.
    fn wants(&self) -> String {
        let one = |wanted: &Wanted| {
            let rules: BTreeSet<&str> = wanted.reasons.iter().map(|reason| &*reason.rule).collect();
            let rules: Vec<&str> = rules.into_iter().collect();
            format!("{} by {}", what(&wanted.grant), rules.join("+"))
        };
        self.desired().grants.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    fn plan(&self, tenure: Tenure) -> String {
        said(&self.planned(tenure))
    }

    fn planned(&self, tenure: Tenure) -> Plan {
        let show = |owned: &Owned| Held {
            access: owned.grant.access.clone(),
            id: owned.id.clone().expect("no intent"),
            from: (tenure == Tenure::Scheduled).then(|| owned.grant.period.start()),
            until: (tenure != Tenure::Standing).then(|| owned.grant.period.end()),
            foreign: false,
        };
        let current = Current { grants: self.owned.iter().map(show).collect(), ..self.current.clone() };
        super::plan(at(NOW), &|_| tenure, OnDrift::Restore, &self.desired(), &current, &self.owned)
    }

    /// The plan of a target of any tenure, where it makes no difference.
    #[track_caller]
    fn plans(&self, expected: &str) {
        for tenure in TENURES {
            assert_eq!(self.plan(tenure), expected, "{tenure:?}");
        }
    }
}
