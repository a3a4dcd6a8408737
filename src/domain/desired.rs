//! What should be: rules and shifts, looked up in a target's accounts.
//!
//! Where something could not be read, what we already gave because of it stands: it is copied into the desired state,
//! so that the plan needs no exceptions. It ends by its own dates all the same.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::rule::Due;
use super::{
    Access, Account, AccountId, Current, Email, Entitlement, Grant, Note, Owned, Period, Reading, Readings, Reason,
    Reasons, Rule, Shift,
};

/// What a run knows before it looks at a target.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    pub now: DateTime<Utc>,
    pub window: Period,
    pub rules: &'a [Rule],
    /// A thing that some rule asks for and that is not here was left out of this run: what it gave stands.
    pub readings: &'a Readings,
    /// The e-mail of a person at the source → the e-mail of their account.
    pub aliases: &'a BTreeMap<Email, Email>,
    /// What rules gave that are not in `rules` stands. Otherwise such a rule is gone for good, and so is what it gave.
    pub other_rules_stand: bool,
}

/// Access that should be, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    pub grant: Grant,
    pub reasons: Reasons,
    /// Has no end of its own: an end that leaves half of the time ahead is as good.
    pub open: bool,
    /// Only there because what it rests on could not be read: it keeps what is, and begins nothing.
    pub stands: bool,
}

/// What should be on one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desired {
    /// Disjoint in time for each access, in order.
    pub grants: Vec<Wanted>,
    pub notes: Vec<Note>,
}

/// One shift's share of an access. It borrows what it can: there is one for each shift and entitlement.
struct Piece<'a> {
    account: &'a AccountId,
    entitlement: &'a Entitlement,
    span: Due,
    email: &'a Email,
    reasons: Reasons,
    stands: bool,
}

impl<'a> Piece<'a> {
    fn access(&self) -> (&'a AccountId, &'a Entitlement) {
        (self.account, self.entitlement)
    }
}

impl Known<'_> {
    /// The shifts that `rule` takes, by what was read.
    fn read<'a>(&'a self, rule: &'a Rule) -> impl Iterator<Item = &'a Reading> {
        let answers = rule.on_call.iter().map(|asked| self.readings.get(&(rule.source.clone(), asked.clone())));
        answers.filter_map(|answer| answer?.as_ref().ok())
    }

    pub(super) fn email<'a>(&'a self, shift: &'a Shift) -> Option<&'a Email> {
        let email = shift.person.email.as_ref()?;
        Some(self.aliases.get(email).unwrap_or(email))
    }

    /// Whose accounts have to be looked up on `target`: everybody on call by a rule that gives something there.
    pub fn emails(&self, target: &str) -> BTreeSet<Email> {
        let rules = self.rules.iter().filter(|rule| rule.grant.contains_key(target));
        let mut emails = BTreeSet::new();
        for rule in rules {
            for shift in self.read(rule).flat_map(|reading| &reading.shifts).filter(|shift| rule.takes(shift)) {
                emails.extend(self.email(shift));
            }
        }
        emails.into_iter().cloned().collect()
    }

    /// Who is to have something on `target`, now or later in the window.
    pub fn due(&self, target: &str) -> BTreeSet<Email> {
        let rules = self.rules.iter().filter(|rule| rule.grant.contains_key(target));
        let duties = rules
            .flat_map(|rule| self.read(rule).flat_map(|reading| duties(rule, reading)).map(move |duty| (rule, duty)));
        let due = duties.filter(|(rule, duty)| rule.span(duty.start, duty.end, self.now, self.window).is_some());
        due.filter_map(|(_, duty)| self.email(duty.shift()).cloned()).collect()
    }

    /// What should be on `target`, whose reading is `current`, given what we own there.
    pub fn desired(&self, target: &str, current: &Current, owned: &[Owned]) -> Desired {
        let mut collector = Collector::new(self, current);
        for rule in self.rules {
            if let Some(spellings) = rule.grant.get(target) {
                collector.rule(rule, spellings);
            }
        }
        collector.past(owned);
        collector.standing(owned);
        collector.finish()
    }
}

/// What this run read of a rule.
struct Read<'a> {
    rule: &'a Rule,
    schedules: BTreeSet<&'a str>,
    /// Something that the rule asks for is missing.
    missing: bool,
}

struct Collector<'a> {
    known: &'a Known<'a>,
    current: &'a Current,
    accounts: BTreeMap<&'a Email, Vec<&'a Account>>,
    /// Every rule of the run by its name.
    rules: BTreeMap<&'a str, Read<'a>>,
    pieces: Vec<Piece<'a>>,
    notes: BTreeSet<Note>,
    /// What each rule gives, for the rules that name this target.
    entitlements: BTreeMap<&'a str, BTreeSet<&'a Entitlement>>,
    /// Rules with a spelling that stands for nothing.
    broken: BTreeSet<&'a str>,
    /// People on call without an e-mail or without one usable account, by source and id: what they hold was perhaps given
    /// under another e-mail.
    unserved: BTreeSet<(&'a str, &'a str)>,
    /// The e-mails that lead to no usable account.
    unmatched: BTreeSet<&'a Email>,
}

impl<'a> Collector<'a> {
    fn new(known: &'a Known<'a>, current: &'a Current) -> Self {
        let mut accounts: BTreeMap<&Email, Vec<&Account>> = BTreeMap::new();
        for account in &current.accounts {
            accounts.entry(&account.email).or_default().push(account);
        }
        let read = |rule: &'a Rule| {
            let schedules: Vec<&str> = known.read(rule).map(|reading| &*reading.schedule.id).collect();
            let missing = schedules.len() < rule.on_call.len();
            (&*rule.name, Read { rule, schedules: schedules.into_iter().collect(), missing })
        };
        Self {
            known,
            current,
            accounts,
            rules: known.rules.iter().map(read).collect(),
            pieces: Vec::new(),
            notes: BTreeSet::new(),
            entitlements: BTreeMap::new(),
            broken: BTreeSet::new(),
            unserved: BTreeSet::new(),
            unmatched: BTreeSet::new(),
        }
    }

    fn rule(&mut self, rule: &'a Rule, spellings: &'a BTreeSet<String>) {
        let mut entitlements = BTreeSet::new();
        for spelling in spellings {
            match self.current.entitlements.get(spelling) {
                Some(Ok(found)) => entitlements.extend(found),
                Some(Err(why)) => self.without(rule, spelling, why.clone()),
                None => self.without(rule, spelling, format!("the target said nothing about '{spelling}'")),
            }
        }
        let known = self.known;
        for reading in known.read(rule) {
            for duty in duties(rule, reading) {
                self.duty(rule, &duty, &entitlements);
            }
        }
        self.entitlements.insert(&rule.name, entitlements);
    }

    fn without(&mut self, rule: &'a Rule, spelling: &str, why: String) {
        self.broken.insert(&rule.name);
        self.notes.insert(Note::NoEntitlement { rule: rule.name.clone(), entitlement: spelling.to_owned(), why });
    }

    fn duty(&mut self, rule: &'a Rule, duty: &Duty<'a>, entitlements: &BTreeSet<&'a Entitlement>) {
        let known = self.known;
        let Some(span) = rule.span(duty.start, duty.end, known.now, known.window) else { return };
        let Some(email) = known.email(duty.shift()) else {
            self.unserved.insert((&rule.source, &duty.shift().person.id));
            let (person, schedule) = (duty.shift().person.clone(), duty.shift().schedule.clone());
            self.notes.insert(Note::NoEmail { person, schedule });
            return;
        };
        let Some(account) = self.account(email, &duty.shift().person.name) else {
            self.unserved.insert((&rule.source, &duty.shift().person.id));
            self.unmatched.insert(email);
            return;
        };
        let reasons: Reasons = duty.shifts.iter().map(|shift| Reason::new(&rule.name, &rule.source, shift)).collect();
        let account = &account.id;
        self.pieces.extend(entitlements.iter().map(|entitlement| {
            let reasons = reasons.clone();
            Piece { account, entitlement, span, email, reasons, stands: false }
        }));
    }

    /// The one usable account behind `email`, or a note that says why there is none.
    fn account(&mut self, email: &Email, name: &str) -> Option<&'a Account> {
        let found = self.accounts.get(email).map(Vec::as_slice);
        if let Some([account]) = found
            && !account.suspended
        {
            return Some(account);
        }
        let (email, name) = (email.clone(), name.to_owned());
        let note = match found {
            Some([_]) => Note::Suspended { email, name },
            Some([_, _, ..]) => Note::ManyAccounts { email, name },
            _ => Note::NoAccount { why: self.current.absent.get(&email).cloned(), email, name },
        };
        self.notes.insert(note);
        None
    }

    /// Whether `reason` rests on something that this run has not read.
    fn unread(&self, reason: &Reason) -> bool {
        let read = self.rules.get(&*reason.rule);
        read.map_or(self.known.other_rules_stand, |Read { schedules, missing, .. }| {
            *missing && !schedules.contains(&*reason.schedule.id)
        })
    }

    /// Whether `rule`, by what its spellings stand for now, gives what is owned.
    fn gives(&self, rule: &str, owned: &Owned) -> bool {
        self.entitlements.get(rule).is_some_and(|given| given.contains(&owned.grant.access.entitlement))
    }

    /// What is past cannot be taken back: a shift that the ledger knows to have ended still counts for its padding, whether
    /// or not the source still shows it.
    fn past(&mut self, owned: &'a [Owned]) {
        let Known { now, window, .. } = *self.known;
        for owned in owned {
            for reason in owned.reasons.iter().filter(|reason| reason.end.is_some_and(|end| end <= now)) {
                let Some(Read { rule, .. }) = self.rules.get(&*reason.rule) else { continue };
                if let Some(span) = rule.span(reason.start, reason.end, now, window)
                    && self.gives(&reason.rule, owned)
                    && !self.unread(reason)
                {
                    self.keep(owned, span, Reasons::from_iter([reason.clone()]), false);
                }
            }
        }
    }

    /// What rests on something that was not read, or on somebody who could not be found, stands to its own end.
    fn standing(&mut self, owned: &'a [Owned]) {
        for owned in owned {
            let Some(period) = owned.grant.period.from(self.known.now) else { continue };
            let unmatched = self.unmatched.contains(&owned.grant.email);
            let reasons = owned.reasons.iter().filter(|reason| unmatched || self.stands(owned, reason));
            let reasons: Reasons = reasons.cloned().collect();
            if !reasons.is_empty() {
                self.keep(owned, Due { period, open: false }, reasons, true);
            }
        }
    }

    fn stands(&self, owned: &Owned, reason: &Reason) -> bool {
        // Given by a run that looked further ahead.
        let beyond = owned.grant.period.start() >= self.known.window.end();
        self.unread(reason)
            || (beyond && self.gives(&reason.rule, owned))
            || self.unserved.contains(&(&*reason.source, &*reason.person))
            || (self.broken.contains(&*reason.rule) && !self.gives(&reason.rule, owned))
    }

    fn keep(&mut self, owned: &'a Owned, span: Due, reasons: Reasons, stands: bool) {
        let Grant { access: Access { account, entitlement }, email, period: _ } = &owned.grant;
        self.pieces.push(Piece { account, entitlement, span, email, reasons, stands });
    }

    fn finish(mut self) -> Desired {
        let key = |piece: &Piece<'a>| (piece.access(), piece.span.period, piece.email);
        self.pieces.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.reasons.cmp(&b.reasons)));
        Desired { grants: merge(self.pieces), notes: self.notes.into_iter().collect() }
    }
}

/// One person's time on call, however many pieces the source cut it into.
pub(super) struct Duty<'a> {
    /// Never empty.
    pub shifts: Vec<&'a Shift>,
    pub start: Option<DateTime<Utc>>,
    pub end: Option<DateTime<Utc>>,
}

/// The shifts of `reading` that `rule` takes, joined where one person's overlap or meet.
pub(super) fn duties<'a>(rule: &Rule, reading: &'a Reading) -> Vec<Duty<'a>> {
    let mut shifts: Vec<&Shift> = reading.shifts.iter().filter(|shift| rule.takes(shift)).collect();
    shifts.sort_by(|a, b| (&a.person.id, a.start, *a).cmp(&(&b.person.id, b.start, *b)));
    let mut duties: Vec<Duty> = Vec::with_capacity(shifts.len());
    for shift in shifts {
        match duties.last_mut().filter(|duty| duty.shift().person.id == shift.person.id && duty.meets(shift)) {
            Some(duty) => {
                duty.end = duty.end.zip(shift.end).map(|(a, b)| a.max(b));
                duty.shifts.push(shift);
            }
            None => duties.push(Duty { shifts: vec![shift], start: shift.start, end: shift.end }),
        }
    }
    duties
}

impl<'a> Duty<'a> {
    pub fn shift(&self) -> &'a Shift {
        self.shifts.first().expect("never empty")
    }

    /// Whether `next`, which does not start before it, leaves no gap after it.
    fn meets(&self, next: &Shift) -> bool {
        match (self.end, next.start) {
            (Some(end), Some(start)) => start <= end,
            _ => true,
        }
    }
}

/// The pieces, which come in order, joined where those of one access overlap or meet; each keeps all of its reasons.
fn merge(pieces: Vec<Piece>) -> Vec<Wanted> {
    let mut merged: Vec<Wanted> = Vec::new();
    for piece in pieces {
        let (account, entitlement) = piece.access();
        let Piece { span: Due { period, open }, email, reasons, stands, .. } = piece;
        let same = |access: &Access| access.account == *account && access.entitlement == *entitlement;
        match merged.last_mut().filter(|last| last.grant.period.touches(&period) && same(&last.grant.access)) {
            Some(last) => {
                let end = last.grant.period.end();
                last.open = match period.end().cmp(&end) {
                    std::cmp::Ordering::Less => last.open,
                    std::cmp::Ordering::Equal => last.open && open,
                    std::cmp::Ordering::Greater => open,
                };
                last.grant.period = last.grant.period.hull(&period);
                last.reasons = last.reasons.union(&reasons);
                last.stands &= stands;
            }
            None => {
                let access = Access { account: account.clone(), entitlement: entitlement.clone() };
                let grant = Grant { access, email: email.clone(), period };
                merged.push(Wanted { grant, reasons, open, stands });
            }
        }
    }
    merged
}
