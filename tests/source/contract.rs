//! What every source promises, whatever is behind it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use chrono::TimeDelta;
use oncall_sync::domain::{Coverage, OnCall, Period, Reading, Shift};
use oncall_sync::source::Source;

/// A source in a known state.
///
/// A case is worth most when `known` holds a shift that began before `window` and ends after it, one in each half of the
/// window, an address that the vendor spells with capitals, and more rows than fit on a page; and when the service also
/// has shifts just outside the window, which are not in `known`.
pub struct Case {
    pub source: Box<dyn Source>,
    /// Every shift that touches `window`, for each thing that can be asked; the order does not matter.
    pub known: Vec<(OnCall, Vec<Shift>)>,
    /// What the service does not know.
    pub unknown: OnCall,
    /// The name that the refusal of `unknown` has to propose.
    pub near: &'static str,
    /// At least two seconds long.
    pub window: Period,
}

/// Runs the whole contract.
pub async fn run(case: Case) {
    let Case { source, known, unknown, near, window } = case;
    let source = source.as_ref();
    let mut asked: BTreeSet<OnCall> = known.iter().map(|(on_call, _)| on_call.clone()).collect();
    let known: BTreeMap<_, _> = known.into_iter().map(|(on_call, shifts)| (on_call, sorted(shifts))).collect();

    let all = source.read(&asked, window).await;
    assert_eq!(all.keys().collect::<Vec<_>>(), asked.iter().collect::<Vec<_>>(), "one entry for each thing asked");
    for (on_call, shifts) in &known {
        tells_whole_shifts(on_call, shifts, &all[on_call], window);
    }
    for (on_call, shifts) in &known {
        let alone = source.read(&BTreeSet::from([on_call.clone()]), window).await;
        assert_eq!(alone.len(), 1, "asked for one thing");
        assert_eq!(&shifts_of(on_call, &alone[on_call]), shifts, "{on_call} alone differs from {on_call} among others");
    }
    halves_make_the_whole(source, &asked, &known, window).await;

    asked.insert(unknown.clone());
    let mixed = source.read(&asked, window).await;
    assert_eq!(mixed.len(), asked.len(), "what is unknown has an entry too");
    names_the_unknown(&unknown, near, &mixed[&unknown]);
    for (on_call, shifts) in &known {
        assert_eq!(&shifts_of(on_call, &mixed[on_call]), shifts, "{on_call} suffers from another that is unknown");
    }
    assert!(source.read(&BTreeSet::new(), window).await.is_empty(), "nothing asked, nothing answered");
}

/// Asserts that a source that cannot read says so for each thing asked; answers the sentences.
pub async fn fails(source: &dyn Source, asked: &BTreeSet<OnCall>, window: Period) -> BTreeMap<OnCall, String> {
    let answer = source.read(asked, window).await;
    assert_eq!(answer.keys().collect::<Vec<_>>(), asked.iter().collect::<Vec<_>>(), "one entry for each thing asked");
    let sentence = |(on_call, reading): (OnCall, Result<Reading>)| match reading {
        Ok(reading) => panic!("{on_call} could not be read, and yet answers {reading:?}"),
        Err(error) => (on_call, format!("{error:#}")),
    };
    answer.into_iter().map(sentence).collect()
}

/// The shifts of a reading that has to be there, in order.
pub fn shifts_of(on_call: &OnCall, reading: &Result<Reading>) -> Vec<Shift> {
    match reading {
        Ok(reading) => sorted(reading.shifts.clone()),
        Err(error) => panic!("{on_call} cannot be read: {error:#}"),
    }
}

fn tells_whole_shifts(on_call: &OnCall, known: &[Shift], reading: &Result<Reading>, window: Period) {
    assert_eq!(shifts_of(on_call, reading), known, "the shifts of {on_call}");
    let reading = reading.as_ref().expect("its shifts were just read");
    for shift in &reading.shifts {
        assert_eq!(shift.schedule, reading.schedule, "a shift of {on_call} belongs to another schedule");
        let touches =
            shift.start.is_none_or(|start| start < window.end()) && shift.end.is_none_or(|end| end > window.start());
        assert!(touches, "{shift:?} lies outside of {window:?}");
        if let Some(email) = &shift.person.email {
            assert_eq!(email.as_str(), email.as_str().to_lowercase(), "e-mails are in lower case");
        }
    }
}

/// Two windows that meet tell what the window over both does, once repetitions are gone.
async fn halves_make_the_whole(
    source: &dyn Source,
    asked: &BTreeSet<OnCall>,
    known: &BTreeMap<OnCall, Vec<Shift>>,
    window: Period,
) {
    let middle = window.start() + TimeDelta::seconds(window.length().num_seconds() / 2);
    let half = |start, end| Period::new(start, end).expect("the window is at least two seconds long");
    let first = source.read(asked, half(window.start(), middle)).await;
    let second = source.read(asked, half(middle, window.end())).await;
    for (on_call, whole) in known {
        let covers_window =
            |reading: &Result<Reading>| reading.as_ref().is_ok_and(|it| it.coverage == Coverage::Window);
        if !(covers_window(&first[on_call]) && covers_window(&second[on_call])) {
            continue;
        }
        let mut both = shifts_of(on_call, &first[on_call]);
        both.extend(shifts_of(on_call, &second[on_call]));
        let mut both = sorted(both);
        both.dedup();
        assert_eq!(&both, whole, "the halves of the window tell another story of {on_call}");
    }
}

fn names_the_unknown(unknown: &OnCall, near: &str, reading: &Result<Reading>) {
    let OnCall::Schedule(name) = unknown;
    let Err(error) = reading else { panic!("{unknown} is unknown, and yet answers {reading:?}") };
    let sentence = format!("{error:#}");
    assert!(sentence.contains(name.as_str()), "does not name {name}: {sentence}");
    assert!(sentence.contains(near), "does not propose {near}: {sentence}");
}

fn sorted(mut shifts: Vec<Shift>) -> Vec<Shift> {
    shifts.sort();
    shifts
}
