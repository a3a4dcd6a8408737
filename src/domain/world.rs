//! A model world for the properties: people, shifts, a target of each tenure and a ledger, changed at random.

mod event;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::*;

pub use event::{Event, event, modes, rules};

pub const PEOPLE: usize = 4;
pub const ENTITLEMENTS: usize = 2;
pub const TARGET: &str = "target";
const WINDOW: i64 = 2000;

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
    pub on_drift: OnDrift,
    pub rules: Vec<Rule>,
    /// Every shift that ever was, as it really was.
    pub shifts: Vec<Shift>,
    pub suspended: BTreeSet<usize>,
    pub grants: Vec<Held>,
    pub owned: Vec<Owned>,
    /// What of ours was taken away, and by no run that lived to write it down.
    pub taken: BTreeSet<GrantId>,
    /// A stranger's that became ours, or ours that became a stranger's.
    switched: BTreeSet<GrantId>,
    next: i64,
}

impl World {
    pub fn new((tenure, on_drift): (Tenure, OnDrift), rules: Vec<Rule>) -> Self {
        Self {
            now: DateTime::UNIX_EPOCH + TimeDelta::days(20_000),
            tenure,
            on_drift,
            rules,
            shifts: Vec::new(),
            suspended: BTreeSet::new(),
            grants: Vec::new(),
            owned: Vec::new(),
            taken: BTreeSet::new(),
            switched: BTreeSet::new(),
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
            Event::TakeOver { grant } => self.take_over(grant),
            Event::Adopt => self.adopt(),
            Event::Release { person } => {
                let plan = release(&self.owned, &theirs(person), false);
                plan.changes.iter().for_each(|change| self.write_down(change));
            }
            Event::Revoke { person } => {
                let (current, tenure) = (self.current(), self.tenure);
                let plan = revoke(self.now, &|_| tenure, self.on_drift, &current, &self.owned, &theirs(person));
                self.apply(&plan, &mut usize::MAX.clone(), &mut Vec::new());
            }
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
        let of = |held: &&Held| self.is_ours(&held.id) != strangers;
        let ids: Vec<GrantId> = self.grants.iter().filter(of).map(|held| held.id.clone()).collect();
        if !ids.is_empty() {
            let id = &ids[at % ids.len()];
            self.grants.retain(|held| held.id != *id);
            self.taken.insert(id.clone());
        }
    }

    fn take_over(&mut self, at: usize) {
        let ours = |held: &&Held| self.is_ours(&held.id) && !held.foreign;
        let ids: Vec<GrantId> = self.grants.iter().filter(ours).map(|held| held.id.clone()).collect();
        if !ids.is_empty() {
            let id = &ids[at % ids.len()];
            self.grants.iter_mut().filter(|held| held.id == *id).for_each(|held| held.foreign = true);
            // Of an intent no run can tell any more that it was carried out; what the ledger knows, a run gives up.
            if !self.owned.iter().any(|owned| owned.id.as_ref() == Some(id)) {
                self.switch(id.clone());
            }
        }
    }

    /// By what was done, and not by the ledger.
    pub fn is_ours(&self, id: &GrantId) -> bool {
        id.0.starts_with("ours") != self.switched.contains(id)
    }

    fn switch(&mut self, id: GrantId) {
        if !self.switched.remove(&id) {
            self.switched.insert(id);
        }
    }

    fn adopt(&mut self) {
        let (readings, aliases) = (self.readings([false; 2]), BTreeMap::new());
        let plan = self.plan(&readings);
        let wanted = self.known(&readings, &aliases).desired(TARGET, &self.current(), &self.owned).grants;
        let Adoptable { fit, .. } = adopt(self.now, &|_| self.tenure, &wanted, &self.grants, &self.owned, &plan);
        for Candidate { id, grant, reasons } in fit {
            self.write_down(&Change::Adopt { grant, id, reasons });
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
            ..Current::default()
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

    fn known<'a>(&'a self, readings: &'a Readings, aliases: &'a Aliases) -> Known<'a> {
        let (now, window, rules) = (self.now, self.window(), &*self.rules);
        Known { now, window, rules, readings, aliases, other_rules_stand: false }
    }

    pub fn plan(&self, readings: &Readings) -> Plan {
        let (aliases, current) = (BTreeMap::new(), self.current());
        let desired = self.known(readings, &aliases).desired(TARGET, &current, &self.owned);
        plan(self.now, &|_| self.tenure, self.on_drift, &desired, &current, &self.owned)
    }

    fn run(&mut self, failed: [bool; 2], killed_after: Option<usize>, check: &dyn Fn(&Run)) {
        let readings = self.readings(failed);
        let plan = self.plan(&readings);
        let (owned_before, grants_before) = (self.owned.clone(), self.grants.clone());
        let mut steps = Vec::new();
        let mut left = killed_after.unwrap_or(usize::MAX);
        self.apply(&plan, &mut left, &mut steps);
        let killed = left == 0;
        check(&Run { world: self, failed, killed, readings, plan, owned_before, grants_before, steps });
    }

    fn apply(&mut self, plan: &Plan, left: &mut usize, steps: &mut Vec<Vec<Held>>) {
        let (bookkeeping, calls): (Vec<&Change>, Vec<&Change>) =
            plan.changes.iter().partition(|change| change.is_bookkeeping());
        // One transaction of the ledger.
        if !bookkeeping.is_empty() && *left > 0 {
            *left -= 1;
            bookkeeping.into_iter().for_each(|change| self.write_down(change));
            steps.push(self.grants.clone());
        }
        for change in calls {
            self.carry_out(change, left, steps);
        }
    }

    fn write_down(&mut self, change: &Change) {
        match change.clone() {
            Change::Confirm { owned, id } => self.row(owned.entry).id = Some(id),
            Change::Retime { owned, period, reasons } => {
                let row = self.row(owned.entry);
                (row.grant.period, row.reasons) = (period, reasons);
            }
            Change::Adopt { grant, id, reasons } => {
                let entry = self.number();
                self.switch(id.clone());
                self.owned.push(Owned { entry, id: Some(id), grant, reasons });
            }
            change => {
                let Owned { entry, id, .. } = change.owned().expect("it is forgotten or released").clone();
                if let (Change::Release { .. }, Some(id)) = (&change, id) {
                    self.switch(id);
                }
                self.owned.retain(|owned| owned.entry != entry);
            }
        }
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
            Change::Expire { owned } | Change::Revoke { owned } => {
                effect(self, &mut |world| {
                    world.grants.retain(|held| Some(&held.id) != owned.id.as_ref());
                    world.taken.extend(owned.id.clone());
                });
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
            change => unreachable!("{change:?} is bookkeeping"),
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

fn theirs(person: usize) -> impl Fn(&Owned) -> bool {
    move |owned| owned.grant.email == email(person)
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
