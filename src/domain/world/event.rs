//! What happens in the model world, drawn at random.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use proptest::prelude::*;

use super::super::{OnDrift, Rule, Tenure};
use super::{ENTITLEMENTS, PEOPLE, TARGET, asked};

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
    /// Somebody else gives what is ours another way, which keeps it.
    TakeOver {
        grant: usize,
    },
    /// Everything that can be is adopted.
    Adopt,
    Release {
        person: usize,
    },
    Revoke {
        person: usize,
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
        1 => any::<prop::sample::Index>().prop_map(|grant| Event::TakeOver { grant: grant.index(1000) }),
        1 => Just(Event::Adopt),
        1 => person.clone().prop_map(|person| Event::Release { person }),
        1 => person.clone().prop_map(|person| Event::Revoke { person }),
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

/// Who keeps time, and what is done where somebody took something away.
pub fn modes() -> impl Strategy<Value = (Tenure, OnDrift)> {
    let tenure = prop_oneof![Just(Tenure::Scheduled), Just(Tenure::Expiring), Just(Tenure::Standing)];
    (tenure, prop_oneof![Just(OnDrift::Restore), Just(OnDrift::Respect)])
}
