//! What a run that adopts shows or takes over.

use std::collections::{BTreeMap, BTreeSet};

use super::{Decision, Inputs, Seen};
use crate::domain::{
    Account, Adoptable, Candidate, Change, Choice, Grant, GrantId, Held, Item, Known, Names, Note, OnDrift, Owned,
    Plan, Unfit, Unknown, adopt, unknown_id,
};

/// By target, or why it could not be read.
type Found = BTreeMap<String, Result<Adoptable, String>>;

/// Of what was read.
const NOWHERE: Unknown = Unknown {
    target: "no target is called",
    email: "nobody who is on call in the window, or holds what rules give, goes by",
    entitlement: "neither a rule nor a target nor the ledger knows an entitlement",
};

impl Inputs {
    pub(super) fn adopt(&self, choice: &Choice) -> Decision {
        let known = self.known();
        let look = |(name, seen): (&String, &Seen)| {
            let asked = choice.targets.is_empty() || choice.targets.contains(name);
            let found = if asked { seen.adoptable(&known, name, self.on_drift) } else { Ok(Adoptable::default()) };
            (name.clone(), found)
        };
        let found: Found = self.targets.iter().map(look).collect();
        let fit = |(name, found)| each(found).map(move |one: &Candidate| (name, one));
        let all: Vec<(&String, &Candidate)> = found.iter().flat_map(fit).collect();
        let items: Vec<Item> =
            all.iter().map(|(name, one)| Item { target: name, id: Some(&one.id), grant: &one.grant }).collect();
        let is_chosen = choice.choose(&self.aliases, &items);
        let chosen: BTreeSet<_> = all.iter().zip(is_chosen).filter_map(|(one, is)| is.then_some(*one)).collect();
        let plan = |(name, found): (&String, &Result<Adoptable, String>)| {
            let found = found.as_ref().map_err(String::clone)?;
            let mine: Vec<Candidate> =
                chosen.iter().filter(|(of, _)| *of == name).map(|(_, one)| (*one).clone()).collect();
            let mut plan = self.targets[name].adoption(&known, name, self.on_drift, mine)?;
            plan.notes.extend(self.left(choice, name, found));
            plan.notes.sort();
            Ok(plan)
        };
        let plans = found.iter().map(|one| (one.0.clone(), plan(one))).collect();
        let missing = choice.ids.iter().filter(|id| !chosen.iter().any(|(_, one)| one.id == **id));
        let mut missed: Vec<String> = missing.map(|id| self.missed(id, &found)).collect();
        let mut names = self.names();
        // The config knows them, or the run would not have begun; perhaps no rule of this run gives anything there.
        names.targets.extend(choice.targets.iter().cloned());
        missed.extend(names.missed(choice, NOWHERE).into_iter().map(|one| one + &self.unread(&found)));
        Decision { plans, refusals: self.witnesses.refusal(self.window).into_iter().collect(), missed }
    }

    /// What is desired and cannot be adopted; of no use to somebody who named ids.
    fn left(&self, choice: &Choice, name: &str, found: &Adoptable) -> Vec<Note> {
        let told = |(why, _): &&(Unfit, Option<Grant>)| {
            choice.ids.is_empty() && matches!(why, Unfit::AnotherWay | Unfit::Needless)
        };
        let left: Vec<(&GrantId, Unfit, &Grant)> = found
            .unfit
            .iter()
            .filter(|(_, one)| told(one))
            .filter_map(|(id, (why, grant))| Some((id, *why, grant.as_ref()?)))
            .collect();
        let items: Vec<Item> = left.iter().map(|(id, _, grant)| Item { target: name, id: Some(*id), grant }).collect();
        let meant = choice.choose(&self.aliases, &items);
        let meant = left.iter().zip(meant).filter(|(_, meant)| *meant);
        meant
            .map(|((id, why, grant), _)| Note::NotAdoptable { grant: (*grant).clone(), id: (*id).clone(), why: *why })
            .collect()
    }

    /// Why the grant with this id cannot be adopted.
    fn missed(&self, id: &GrantId, found: &Found) -> String {
        let all = || found.values().flatten();
        if let Some((why, _)) = all().find_map(|found| found.unfit.get(id)) {
            return format!("grant '{id}' cannot be adopted: {why}");
        }
        let fit = || all().flat_map(|found| &found.fit).map(|one| &one.id);
        if fit().any(|other| other == id) {
            return format!("grant '{id}' is none of those that --target, --email and --entitlement leave");
        }
        unknown_id("no grant of what the rules give has", id, fit()) + &self.unread(found)
    }

    /// The tail of a sentence about a name that is unknown: what might know it and could not be read.
    fn unread(&self, found: &Found) -> String {
        let unread = self.readings.values().filter_map(|reading| reading.as_ref().err());
        let unread = unread.chain(found.values().filter_map(|found| found.as_ref().err()));
        unread.map(|error| format!("; not everything could be read: {error}")).collect()
    }

    /// Everything that was read, by its names.
    fn names(&self) -> Names {
        let mut names = Names::default();
        names.add_spellings(&self.rules);
        let shifts = self.readings.values().flatten().flat_map(|reading| &reading.shifts);
        names.emails.extend(shifts.filter_map(|shift| shift.person.email.clone()));
        for (name, seen) in &self.targets {
            names.targets.insert(name.clone());
            seen.owned.iter().for_each(|owned| names.add_owned(name, owned));
            let Ok(current) = &seen.current else { continue };
            let holds = |account: &&Account| current.grants.iter().any(|held| held.access.account == account.id);
            names.emails.extend(current.accounts.iter().filter(holds).map(|account| account.email.clone()));
            seen.entitlements().for_each(|entitlement| names.add_entitlement(entitlement));
        }
        names.add_aliases(&self.aliases);
        names
    }
}

fn each(found: &Result<Adoptable, String>) -> impl Iterator<Item = &Candidate> {
    found.iter().flat_map(|found| &found.fit)
}

impl Seen {
    fn adoptable(&self, known: &Known, name: &str, on_drift: OnDrift) -> Result<Adoptable, String> {
        let plan = self.plan(known, name, on_drift, &self.owned)?;
        let current = self.current.as_ref().map_err(String::clone)?;
        let desired = known.desired(name, current, &self.owned).grants;
        let tenure = |held: &Held| self.tenure(&held.access.entitlement);
        Ok(adopt(known.now, &tenure, &desired, &current.grants, &self.owned, &plan))
    }

    /// The plan that makes `chosen` ours, and says what the next sync does with each.
    fn adoption(&self, known: &Known, name: &str, on_drift: OnDrift, chosen: Vec<Candidate>) -> Result<Plan, String> {
        // Numbers that no ledger has come to.
        let ours = chosen.iter().zip((0..).map(|at| i64::MAX - at)).map(|(one, entry)| one.owned(entry));
        let owned: Vec<Owned> = self.owned.iter().cloned().chain(ours).collect();
        let after = self.plan(known, name, on_drift, &owned)?;
        let note = |one: &Candidate| {
            let next = one.next(&after, self.tenure(&one.grant.access.entitlement));
            Note::NextSync { grant: one.grant.clone(), id: one.id.clone(), next }
        };
        let notes = chosen.iter().map(note).collect();
        let adopt = |Candidate { id, grant, reasons }| Change::Adopt { grant, id, reasons };
        Ok(Plan { changes: chosen.into_iter().map(adopt).collect(), notes })
    }
}
