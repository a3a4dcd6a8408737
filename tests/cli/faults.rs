//! Every request of a run spoilt in turn, in every way a network or a server has: the exit code says so, and the next run
//! makes it good.

use std::collections::BTreeMap;
use std::fmt;

use tonic::Code;

use super::handover::{Handover, InFile, State, expect, in_parallel};
use super::*;
use crate::fakes::gate::Loss;
use crate::fakes::pagerduty::Fault as Source;
use crate::fakes::strongdm::{Fault as Target, Several, Trouble};

/// Worlds at a time: most of a run that is disturbed is spent waiting for what does not come.
const WORKERS: usize = 12;

/// Seconds: long enough for a run to get to where it is disturbed; where a busy machine takes longer, there is more.
const DEADLINE: u32 = 4;

/// The same with the time that a move on strongDM has to have before it deletes the old grant first.
const DEADLINE_OF_A_MOVE: u32 = 9;

/// Of one attempt, in a run that has time for another.
const TIMEOUT: &str = "1500ms";

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// From here on nobody is there.
    Refused,
    /// Before it was carried out.
    Reset,
    /// After it was carried out.
    ResetAfter,
    /// It is not carried out.
    PastTheDeadline,
    /// It is carried out, and the answer never comes.
    DonePastTheDeadline,
    /// The same, with time for another attempt.
    Late,
    Error,
    /// It is carried out all the same.
    DoneButError,
    /// It is carried out.
    Garbage,
}

use Way::*;

/// A question is carried out or not: nobody can tell.
const OF_QUESTIONS: [Way; 6] = [Refused, Reset, PastTheDeadline, Late, Error, Garbage];

const OF_WRITES: [Way; 9] =
    [Refused, Reset, ResetAfter, PastTheDeadline, DonePastTheDeadline, Late, Error, DoneButError, Garbage];

/// One request of the run, and what happens to it.
struct Point {
    /// Its method, or its number for a source.
    request: String,
    nth: usize,
    way: Way,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {} ({})", self.way, self.request, self.nth + 1)
    }
}

/// What came of a disturbed run.
struct Outcome {
    met: bool,
    code: i32,
    good: Result<(), String>,
}

fn is_write(method: &str) -> bool {
    !method.ends_with(".List")
}

fn of_target(way: Way) -> Target {
    match way {
        Refused => Target::Gone,
        Reset => Target::Break,
        ResetAfter => Target::LostReply,
        PastTheDeadline => Target::Hang,
        DonePastTheDeadline | Late => Target::DoneInSilence,
        Error => Target::Refuse(Code::Internal),
        DoneButError => Target::DoneBut(Code::Internal),
        Garbage => Target::Garbage,
    }
}

fn of_source(way: Way) -> Source {
    match way {
        Refused => Source::Gone,
        Reset => Source::Lost(Loss::After(0)),
        // In the middle of its answer.
        ResetAfter => Source::Lost(Loss::After(200)),
        PastTheDeadline | DonePastTheDeadline | Late => Source::Lost(Loss::Never),
        Error | DoneButError => Source::Html(500),
        Garbage => Source::Garbage(1000),
    }
}

/// The methods of strongDM that the undisturbed run calls, with their number each; how often it asks PagerDuty; what it
/// comes to.
fn requests(world: &Handover) -> (Vec<(String, usize)>, usize, State) {
    world.reset();
    let asked = world.office.pagerduty.requests().len();
    world.run(0).exits(0);
    let (calls, wanted) = (world.office.strongdm.calls(), world.state());
    let asked = world.office.pagerduty.requests().len() - asked;
    world.converges(&wanted).expect("undisturbed, it has nothing left to do");
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut number = |method: String| {
        let nth = seen.entry(method.clone()).or_default();
        *nth += 1;
        (method, *nth - 1)
    };
    (calls.into_iter().map(|call| number(call.method)).collect(), asked, wanted)
}

/// One disturbed run, armed by `arm`, and the two after it. Where the deadline came before the request, once more with a
/// longer one.
fn disturb(world: &Handover, point: &Point, deadline: u32, wanted: &State, arm: impl Fn(&Point)) -> Outcome {
    let mut outcome = disturb_within(world, point, deadline, wanted, &arm);
    for times in [2, 4, 8] {
        if outcome.met || outcome.good.is_err() || !is_slow(point.way) {
            break;
        }
        outcome = disturb_within(world, point, deadline * times, wanted, &arm);
    }
    outcome
}

fn disturb_within(world: &Handover, point: &Point, deadline: u32, wanted: &State, arm: impl Fn(&Point)) -> Outcome {
    world.reset();
    match point.way {
        PastTheDeadline | DonePastTheDeadline => world.within(&format!("{deadline}s"), "2m"),
        Late => world.within("4m", TIMEOUT),
        _ => {}
    }
    arm(point);
    let Office { strongdm, pagerduty, .. } = &world.office;
    let ran = world.run(0);
    let met = strongdm.change(|world| world.is_spent()) && pagerduty.is_spent();
    strongdm.change(|world| world.troubles.clear());
    strongdm.gate().settle();
    strongdm.gate().open();
    pagerduty.heal();
    world.within("4m", "20s");

    let honest = match ran.code {
        // A retry healed it: then all is as it should be.
        0 => expect(world.state() == *wanted, || format!("it says that all is well, and it is not: {}", ran.out)),
        1 | 2 => expect(!ran.out.is_empty() || !ran.err.is_empty(), || "it does not say what is wrong".into()),
        code => Err(format!("it exits {code}: {}{}", ran.out, ran.err)),
    };
    let good = honest.and_then(|()| world.converges(wanted)).map_err(|why| format!("{why}\nit had said: {}", ran.out));
    Outcome { met, code: ran.code, good }
}

/// Prints what was met and how it ended, and fails where a point did not end well.
#[track_caller]
fn judge(title: &str, done: &[(Point, Outcome)]) {
    let mut ends: BTreeMap<Way, BTreeMap<i32, usize>> = BTreeMap::new();
    for (point, outcome) in done.iter().filter(|(_, outcome)| outcome.met) {
        *ends.entry(point.way).or_default().entry(outcome.code).or_default() += 1;
    }
    let met = done.iter().filter(|(_, outcome)| outcome.met).count();
    let each: Vec<_> = ends.iter().map(|(way, codes)| format!("  {way:?}: by exit code {codes:?}\n")).collect();
    #[expect(clippy::disallowed_macros, reason = "how many there were is what the test is read for")]
    {
        println!("{title}: {met} of {} requests spoilt\n{}", done.len(), each.concat());
    }
    let failed: Vec<_> =
        done.iter().filter_map(|(point, outcome)| Some(format!("{point}: {}", outcome.good.as_ref().err()?))).collect();
    assert!(failed.is_empty(), "{} of {met}:\n{}", failed.len(), failed.join("\n\n"));
    let missed: Vec<_> = done.iter().filter(|(_, outcome)| !outcome.met).map(|(point, _)| point.to_string()).collect();
    // On a machine that is very busy a deadline may come first.
    assert!(missed.len() * 5 <= done.len(), "requests that never came: {missed:?}");
}

/// Spoils the calls of strongDM that `wanted` picks.
#[track_caller]
fn spoil_target(title: &str, several: Several, deadline: u32, picked: impl Fn(&str, Way) -> bool, least: usize) {
    let world = || Handover::later(InFile::default(), several);
    let (calls, _, wanted) = requests(&world());
    let ways = |method: &str| if is_write(method) { OF_WRITES.to_vec() } else { OF_QUESTIONS.to_vec() };
    let points: Vec<Point> = calls
        .iter()
        .flat_map(|(method, nth)| ways(method).into_iter().map(|way| Point { request: method.clone(), nth: *nth, way }))
        .filter(|point| picked(&point.request, point.way))
        .collect();
    assert!(points.len() >= least, "{} points", points.len());
    let done = in_parallel(points, WORKERS, world, |world, point| {
        disturb(world, point, deadline, &wanted, |point| {
            let method = METHODS.iter().find(|known| **known == point.request).expect("a method of the run");
            world.office.strongdm.trouble(Trouble::new(method, of_target(point.way)).skipping(point.nth));
        })
    });
    judge(title, &done);
}

/// What a run calls on strongDM.
const METHODS: [&str; 9] = [
    "Accounts.List",
    "Resources.List",
    "Roles.List",
    "AccountGrants.List",
    "AccountGrants.Create",
    "AccountGrants.Delete",
    "AccountAttachments.List",
    "AccountAttachments.Create",
    "AccountAttachments.Delete",
];

/// What keeps one waiting for the whole deadline.
fn is_slow(way: Way) -> bool {
    matches!(way, PastTheDeadline | DonePastTheDeadline)
}

#[test]
fn strongdm_fails_where_room_is_made_first() {
    spoil_target("strongDM, one grant at a time", Several::Disjoint, DEADLINE, |_, way| !is_slow(way), 90);
}

#[test]
fn strongdm_fails_where_giving_comes_first() {
    let picked = |method: &str, way| is_write(method) || is_slow(way);
    spoil_target("strongDM, several grants side by side", Several::Any, DEADLINE, picked, 60);
}

#[test]
fn strongdm_never_answers_where_room_is_made_first() {
    let picked = |method: &str, way| is_write(method) && is_slow(way);
    spoil_target("strongDM in silence, one grant at a time", Several::Disjoint, DEADLINE_OF_A_MOVE, picked, 14);
}

#[test]
fn pagerduty_fails() {
    let world = || Handover::later(InFile::default(), Several::Disjoint);
    let (_, asked, wanted) = requests(&world());
    let ways = [Refused, Reset, ResetAfter, PastTheDeadline, Late, Error, Garbage];
    let points: Vec<Point> = (0..asked)
        .flat_map(|nth| ways.map(|way| Point { request: "a request to PagerDuty".into(), nth, way }))
        .collect();
    assert!(points.len() >= 14, "{} points", points.len());
    let done = in_parallel(points, WORKERS, world, |world, point| {
        disturb(world, point, DEADLINE, &wanted, |point| {
            world.office.pagerduty.fail_after("", point.nth, 1, of_source(point.way));
        })
    });
    judge("PagerDuty", &done);
}
