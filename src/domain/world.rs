//! A model world for the properties: people, shifts, a target of each tenure and a ledger, changed at random.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::*;

pub const PEOPLE: usize = 4;
pub const ENTITLEMENTS: usize = 2;
pub const TARGET: &str = "target";
const WINDOW: i64 = 2000;

/// What happens between two runs, and how the next run goes. Times are minutes.
#[derive(Debug, Clone)]
pub enum Event {
    Wait {
        minutes: i64,
    },
    Shift {
        schedule: usize,
        person: usize,
        level: u32,
        ahead: i64,
        length: Option<i64>,
    },
    /// An override: the shift ends here, and another person takes the rest.
    Cut {
        shift: usize,
        ahead: i64,
        person: usize,
    },
    Drop {
        shift: usize,
    },
    Stranger {
        person: usize,
        entitlement: usize,
        minutes: Option<i64>,
    },
    StrangerLeaves {
        grant: usize,
    },
    HandRemoves {
        grant: usize,
    },
    Suspend {
        person: usize,
    },
    Resume {
        person: usize,
    },
    /// A run whose sources `failed`, and which is killed after `steps` effects on the target or the ledger.
    Run {
        failed: [bool; 2],
        killed_after: Option<usize>,
    },
}

pub fn event() -> impl Strategy<Value = Event> {
    let person = 0..PEOPLE;
    prop_oneof![
        3 => (0..400i64).prop_map(|minutes| Event::Wait { minutes }),
        3 => (0..2usize, person.clone(), 1..3u32, -300..1500i64, prop_oneof![9 => (1..800i64).prop_map(Some), 1 => Just(None)])
            .prop_map(|(schedule, person, level, ahead, length)| Event::Shift { schedule, person, level, ahead, length }),
        2 => (any::<prop::sample::Index>(), 0..500i64, person.clone())
            .prop_map(|(shift, ahead, person)| Event::Cut { shift: shift.index(1000), ahead, person }),
        1 => any::<prop::sample::Index>().prop_map(|shift| Event::Drop { shift: shift.index(1000) }),
        1 => (person.clone(), 0..ENTITLEMENTS, prop::option::of(1..900i64))
            .prop_map(|(person, entitlement, minutes)| Event::Stranger { person, entitlement, minutes }),
        1 => any::<prop::sample::Index>().prop_map(|grant| Event::StrangerLeaves { grant: grant.index(1000) }),
        1 => any::<prop::sample::Index>().prop_map(|grant| Event::HandRemoves { grant: grant.index(1000) }),
        1 => person.clone().prop_map(|person| Event::Suspend { person }),
        1 => person.prop_map(|person| Event::Resume { person }),
        6 => (prop::array::uniform2(prop::bool::weighted(0.15)), prop::option::weighted(0.2, 0..6usize))
            .prop_map(|(failed, killed_after)| Event::Run { failed, killed_after }),
    ]
}

/// What is drawn for a rule: early, late, cap, duration, level.
type Drawn = (i64, i64, Option<i64>, Option<i64>, Option<u32>);

pub fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let rule =
        (0..40i64, 0..40i64, prop::option::of(60..900i64), prop::option::of(30..400i64), prop::option::of(1..3u32));
    prop::array::uniform2(rule).prop_map(|drawn| {
        let rule = |(at, (early, late, cap, duration, level)): (usize, Drawn)| Rule {
            name: format!("rule {at}"),
            source: format!("source {at}"),
            on_call: BTreeSet::from([asked(at)]),
            levels: level.map(|level| BTreeSet::from([level])),
            early: TimeDelta::minutes(early),
            late: TimeDelta::minutes(if duration.is_some() { 0 } else { late }),
            max_duration: cap.filter(|_| at == 1).map(TimeDelta::minutes),
            duration: duration.filter(|_| at == 1).map(TimeDelta::minutes),
            grant: BTreeMap::from([(
                TARGET.into(),
                (0..=at.min(ENTITLEMENTS - 1)).map(|at| format!("e{at}")).collect(),
            )]),
        };
        drawn.into_iter().enumerate().map(rule).collect()
    })
}

pub fn tenure() -> impl Strategy<Value = Tenure> {
    prop_oneof![Just(Tenure::Scheduled), Just(Tenure::Expiring), Just(Tenure::Standing)]
}

fn asked(schedule: usize) -> OnCall {
    OnCall::Schedule(format!("S{schedule}"))
}

fn email(person: usize) -> Email {
    Email::new(&format!("p{person}@example.com"))
}

pub fn access(person: usize, entitlement: usize) -> Access {
    let id = format!("e{entitlement}");
    Access {
        account: AccountId(format!("a{person}")),
        entitlement: Entitlement { name: id.as_str().into(), id: id.into() },
    }
}

/// One run of the tool in the model world: what it knew, what it decided, and what the target showed around it.
pub struct Run<'w> {
    pub world: &'w World,
    pub failed: [bool; 2],
    pub killed: bool,
    pub readings: Readings,
    pub plan: Plan,
    pub owned_before: Vec<Owned>,
    pub grants_before: Vec<Held>,
    /// What the target showed after each effect.
    pub steps: Vec<Vec<Held>>,
}

pub struct World {
    pub now: DateTime<Utc>,
    pub tenure: Tenure,
    pub rules: Vec<Rule>,
    /// Every shift that ever was, as it really was.
    pub shifts: Vec<Shift>,
    pub suspended: BTreeSet<usize>,
    pub grants: Vec<Held>,
    pub owned: Vec<Owned>,
    next: i64,
}

impl World {
    pub fn new(tenure: Tenure, rules: Vec<Rule>) -> Self {
        Self {
            now: DateTime::UNIX_EPOCH + TimeDelta::days(20_000),
            tenure,
            rules,
            shifts: Vec::new(),
            suspended: BTreeSet::new(),
            grants: Vec::new(),
            owned: Vec::new(),
            next: 1,
        }
    }

    pub fn window(&self) -> Period {
        Period::new(self.now, self.now + TimeDelta::minutes(WINDOW)).expect("not empty")
    }

    /// Lives through `events`, and has `check` look at every run.
    pub fn live(mut self, events: &[Event], check: &dyn Fn(&Run)) {
        for event in events {
            match event {
                Event::Run { failed, killed_after } => self.run(*failed, *killed_after, check),
                event => self.happen(event),
            }
            let now = self.now;
            // A target that keeps ends stops showing what has ended, at least before long.
            self.grants.retain(|held| held.until.is_none_or(|until| until > now - TimeDelta::minutes(30)));
        }
        self.run([false; 2], None, check);
    }

    fn happen(&mut self, event: &Event) {
        let minutes = TimeDelta::minutes;
        match *event {
            Event::Wait { minutes: wait } => self.now += minutes(wait),
            Event::Shift { schedule, person, level, ahead, length } => {
                let start = self.now + minutes(ahead);
                let end = length.map(|length| start + minutes(length));
                // Nobody can have been on call in the past without our having seen it coming.
                let start = start.max(self.now);
                if end.is_none_or(|end| end > start) {
                    self.shifts.push(shift(schedule, person, level, start, end));
                }
            }
            Event::Cut { shift: at, ahead, person } => {
                let cut = self.now + minutes(ahead);
                let Some(at) = self.future(at) else { return };
                let old = &mut self.shifts[at];
                if old.start.is_some_and(|start| start < cut) && old.end.is_none_or(|end| end > cut) {
                    let schedule = if old.schedule.id == "S0" { 0 } else { 1 };
                    let rest = shift(schedule, person, old.level.unwrap_or(1), cut, old.end);
                    old.end = Some(cut);
                    self.shifts.push(rest);
                }
            }
            Event::Drop { shift } => {
                let Some(at) = self.future(shift) else { return };
                let now = self.now;
                match self.shifts[at].start {
                    Some(start) if start < now => self.shifts[at].end = Some(now),
                    _ => drop(self.shifts.remove(at)),
                }
            }
            Event::Stranger { person, entitlement, minutes: length } => {
                let access = access(person, entitlement);
                let free = self.tenure == Tenure::Scheduled || !self.grants.iter().any(|held| held.access == access);
                // A target that keeps no dates cannot tell a stranger's grant from one of ours that a killed run may have
                // made. It is taken for ours: the other way, what we gave could stay for ever.
                let open = self.owned.iter().any(|owned| owned.id.is_none() && owned.grant.access == access);
                let free = free && (self.tenure == Tenure::Scheduled || !open);
                if free {
                    let until =
                        length.filter(|_| self.tenure != Tenure::Standing).map(|length| self.now + minutes(length));
                    let from = (self.tenure == Tenure::Scheduled).then_some(self.now);
                    let id = GrantId(format!("stranger {}", self.number()));
                    self.grants.push(Held { id, access, from, until, foreign: false });
                }
            }
            Event::StrangerLeaves { grant } => self.remove(grant, true),
            Event::HandRemoves { grant } => self.remove(grant, false),
            Event::Suspend { person } => drop(self.suspended.insert(person)),
            Event::Resume { person } => drop(self.suspended.remove(&person)),
            Event::Run { .. } => unreachable!("runs are made by `live`"),
        }
    }

    /// A shift that is not over: the past does not change.
    fn future(&self, at: usize) -> Option<usize> {
        let open: Vec<usize> =
            (0..self.shifts.len()).filter(|at| self.shifts[*at].end.is_none_or(|end| end > self.now)).collect();
        (!open.is_empty()).then(|| open[at % open.len()])
    }

    fn remove(&mut self, at: usize, strangers: bool) {
        let of = |held: &&Held| held.id.0.starts_with("stranger") == strangers;
        let ids: Vec<GrantId> = self.grants.iter().filter(of).map(|held| held.id.clone()).collect();
        if !ids.is_empty() {
            self.grants.retain(|held| held.id != ids[at % ids.len()]);
        }
    }

    fn number(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    pub fn current(&self) -> Current {
        let account = |person| Account {
            id: AccountId(format!("a{person}")),
            email: email(person),
            suspended: self.suspended.contains(&person),
        };
        let resolved = |at| (format!("e{at}"), Ok(BTreeSet::from([access(0, at).entitlement])));
        Current {
            accounts: (0..PEOPLE).map(account).collect(),
            entitlements: (0..ENTITLEMENTS).map(resolved).collect(),
            grants: self.grants.clone(),
        }
    }

    /// What the sources answer: shifts that touch the window, nothing of the past.
    pub fn readings(&self, failed: [bool; 2]) -> Readings {
        let reading = |schedule: usize| {
            let name = format!("S{schedule}");
            let shown = |shift: &&Shift| shift.schedule.id == name && shift.end.is_none_or(|end| end > self.now);
            Reading {
                schedule: Schedule { id: name.clone(), name: name.clone() },
                coverage: Coverage::Window,
                shifts: self.shifts.iter().filter(shown).cloned().collect(),
                remarks: Vec::new(),
            }
        };
        let answer = |at: usize| if failed[at] { Err("down".to_owned()) } else { Ok(reading(at)) };
        (0..2).map(|at| ((format!("source {at}"), asked(at)), answer(at))).collect()
    }

    pub fn plan(&self, readings: &Readings) -> Plan {
        let aliases = BTreeMap::new();
        let known = Known {
            now: self.now,
            window: self.window(),
            rules: &self.rules,
            readings,
            aliases: &aliases,
            other_rules_stand: false,
        };
        let current = self.current();
        let desired = known.desired(TARGET, &current, &self.owned);
        plan(self.now, &|_| self.tenure, &desired, &current, &self.owned)
    }

    fn run(&mut self, failed: [bool; 2], killed_after: Option<usize>, check: &dyn Fn(&Run)) {
        let readings = self.readings(failed);
        let plan = self.plan(&readings);
        let (owned_before, grants_before) = (self.owned.clone(), self.grants.clone());
        let mut steps = Vec::new();
        let mut left = killed_after.unwrap_or(usize::MAX);
        for change in &plan.changes {
            self.carry_out(change, &mut left, &mut steps);
        }
        let killed = left == 0;
        check(&Run { world: self, failed, killed, readings, plan, owned_before, grants_before, steps });
    }

    /// Intent, act, confirm; each may be the last thing that happens.
    fn carry_out(&mut self, change: &Change, left: &mut usize, steps: &mut Vec<Vec<Held>>) {
        let mut effect = |world: &mut Self, act: &mut dyn FnMut(&mut Self)| {
            if *left > 0 {
                *left -= 1;
                act(world);
                steps.push(world.grants.clone());
            }
        };
        let entry = |owned: &Owned| owned.entry;
        match change.clone() {
            Change::Forget { owned } => effect(self, &mut |world| world.owned.retain(|o| o.entry != entry(&owned))),
            Change::Confirm { owned, id } => effect(self, &mut |world| world.row(owned.entry).id = Some(id.clone())),
            Change::Retime { owned, period, reasons } => effect(self, &mut |world| {
                let row = world.row(owned.entry);
                (row.grant.period, row.reasons) = (period, reasons.clone());
            }),
            Change::Expire { owned } | Change::Revoke { owned } => {
                effect(self, &mut |world| world.grants.retain(|held| Some(&held.id) != owned.id.as_ref()));
                effect(self, &mut |world| world.owned.retain(|o| o.entry != entry(&owned)));
            }
            Change::Create { grant, reasons } => {
                let number = self.number();
                effect(self, &mut |world| world.owned.push(intent(number, &grant, &reasons)));
                effect(self, &mut |world| world.give(number, &grant));
                effect(self, &mut |world| world.row(number).id = Some(GrantId(format!("ours {number}"))));
            }
            Change::Amend { owned, to, reasons } => {
                let number = self.number();
                effect(self, &mut |world| world.owned.push(intent(number, &to, &reasons)));
                match self.tenure {
                    Tenure::Scheduled => {
                        effect(self, &mut |world| world.give(number, &to));
                        effect(self, &mut |world| world.grants.retain(|held| Some(&held.id) != owned.id.as_ref()));
                        effect(self, &mut |world| {
                            world.row(number).id = Some(GrantId(format!("ours {number}")));
                            world.owned.retain(|o| o.entry != entry(&owned));
                        });
                    }
                    Tenure::Expiring | Tenure::Standing => {
                        effect(self, &mut |world| {
                            let held = world.grants.iter_mut().find(|held| Some(&held.id) == owned.id.as_ref());
                            held.expect("ours is shown").until = Some(to.period.end());
                        });
                        effect(self, &mut |world| {
                            world.row(number).id = owned.id.clone();
                            world.owned.retain(|o| o.entry != entry(&owned));
                        });
                    }
                }
            }
        }
    }

    fn row(&mut self, entry: i64) -> &mut Owned {
        self.owned.iter_mut().find(|owned| owned.entry == entry).expect("the entry is there")
    }

    fn give(&mut self, number: i64, grant: &Grant) {
        let access = grant.access.clone();
        let single = self.tenure != Tenure::Scheduled;
        self.grants
            .retain(|held| !(single && held.access == access && held.until.is_some_and(|until| until <= self.now)));
        assert!(!(single && self.grants.iter().any(|held| held.access == access)), "one grant for one access");
        let from = (self.tenure == Tenure::Scheduled).then(|| grant.period.start());
        let until = (self.tenure != Tenure::Standing).then(|| grant.period.end());
        self.grants.push(Held { id: GrantId(format!("ours {number}")), access, from, until, foreign: false });
    }
}

fn intent(entry: i64, grant: &Grant, reasons: &Reasons) -> Owned {
    Owned { entry, id: None, grant: grant.clone(), reasons: reasons.clone() }
}

fn shift(schedule: usize, person: usize, level: u32, start: DateTime<Utc>, end: Option<DateTime<Utc>>) -> Shift {
    let (id, email) = (format!("S{schedule}"), Some(email(person)));
    Shift {
        schedule: Schedule { name: id.clone(), id },
        level: Some(level),
        person: Person { id: format!("P{person}"), name: format!("Person {person}"), email },
        start: Some(start),
        end,
        overrides: Vec::new(),
    }
}
