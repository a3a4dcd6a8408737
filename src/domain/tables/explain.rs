//! What is answered to somebody who asks why they have access, or why not.

use super::*;

impl Setup {
    /// The answers to person P at `minute`, in words: the verdict on `e`, and its steps.
    fn explains(&self, tenure: Tenure, minute: i64) -> String {
        let show = |owned: &Owned| Held {
            access: owned.grant.access.clone(),
            id: owned.id.clone().expect("no intent"),
            from: (tenure == Tenure::Scheduled).then(|| owned.grant.period.start()),
            until: (tenure != Tenure::Standing).then(|| owned.grant.period.end()),
            foreign: false,
        };
        let grants = self.owned.iter().map(show).chain(self.current.grants.clone()).collect();
        let current = Current { grants, ..self.current.clone() };
        let plan = super::plan(at(NOW), &|_| tenure, OnDrift::Restore, &self.desired(), &current, &self.owned);
        let emails = BTreeSet::from([Email::new("p@example.com")]);
        let (known, owned, plan, emails) = (self.known(), &*self.owned, &plan, &emails);
        let case = Case { known, target: "target", current: &current, owned, plan, emails, at: at(minute) };
        let told = |answer: &Answer| format!("{}: {}", verdict(answer.verdict), steps(&answer.steps));
        case.answers().iter().map(told).collect::<Vec<_>>().join(" | ")
    }
}

fn minute(instant: DateTime<Utc>) -> i64 {
    (instant - DateTime::UNIX_EPOCH).num_minutes()
}

fn bound(instant: Option<DateTime<Utc>>) -> String {
    instant.map(|instant| minute(instant).to_string()).unwrap_or_default()
}

fn verdict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Has { from, until } => format!("has {}..{}", bound(from), bound(until)),
        Verdict::Will { from, until } => format!("will {}..{}", minute(from), bound(until)),
        Verdict::Had { until } => format!("had ..{}", minute(until)),
        Verdict::Not => "not".into(),
        Verdict::Unknown => "unknown".into(),
    }
}

fn steps(steps: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::OnCall(duty) => {
            let limit = duty.limit.map(|limit| format!(" {}", length(limit))).unwrap_or_default();
            let overrides = if duty.overrides.is_empty() { "" } else { " by override" };
            format!("{} {}..{}{limit}{overrides}", duty.rule, bound(duty.start), bound(duty.end))
        }
        Step::Merged { period, reasons } => format!("{} merged {}", reasons.len(), minutes(*period)),
        Step::Ours { period, .. } => format!("ours {}", minutes(*period)),
        Step::Theirs { until, .. } => format!("theirs ..{}", bound(*until)),
        Step::Stands => "stands".into(),
        Step::Hidden { why } => format!("hidden: {why}"),
        Step::Drift { .. } => "drift".into(),
        Step::NotYet { from } => format!("not yet {}", minute(*from)),
        Step::Gives { period } => format!("gives {}", minutes(*period)),
        Step::Moves { to } => format!("moves to {}", minutes(*to)),
        Step::TakesBack => "takes back".into(),
        Step::NoRule => "no rule".into(),
        Step::NotOnCall { rule, next, .. } => format!("{rule} off call, next {}", bound(*next)),
        Step::Level { seen, .. } => format!("level {seen}"),
        Step::UsedUp { limit, .. } => format!("used up {}", length(*limit)),
        Step::NoEmail { person, .. } => format!("no e-mail of {}", person.name),
        Step::SourceDown { rule, error, .. } => format!("{rule} {error}"),
        Step::NoAccount { why } => why.as_ref().map_or("no account".into(), |why| format!("no account: {why}")),
        Step::ManyAccounts { accounts, .. } => format!("{accounts} accounts"),
        Step::Suspended { .. } => "suspended".into(),
        Step::NoEntitlement { why, .. } => why.clone(),
    };
    steps.iter().map(step).collect::<Vec<_>>().join(", ")
}

fn length(limit: Limit) -> String {
    match limit {
        Limit::MaxDuration(most) => format!("at most {}", most.num_minutes()),
        Limit::Duration(length) => format!("for {}", length.num_minutes()),
    }
}

fn on_call() -> Setup {
    Setup::new().reads("S", [shift(50, 200)])
}

fn holding() -> Setup {
    on_call().owns("rule", &shift(50, 200), 200)
}

#[test]
fn every_verdict() {
    let ahead = || Setup::new().reads("S", [shift(150, 200)]);
    let theirs = Setup::new().with(|setup| setup.current.grants.push(held(Tenure::Scheduled, "x", 50, 300)));
    for (name, setup, minute, says) in [
        ("has it", holding(), 100, "has 50..200: rule 50..200, ours 50..200"),
        ("has it then", holding(), 199, "has 100..200: rule 50..200, ours 50..200"),
        ("had it by then", holding(), 200, "had ..200: rule off call, next "),
        ("gets it with the next run", on_call(), 100, "will 100..200: rule 50..200, gives 100..200"),
        ("is to have it then", on_call(), 150, "has 100..200: rule 50..200, gives 100..200"),
        ("will have it", ahead(), 100, "will 150..200: rule 150..200, gives 150..200"),
        ("does not have it", Setup::new(), 100, "not: rule off call, next "),
        ("somebody else gave it", theirs, 100, "has 50..300: rule off call, next , theirs ..300"),
    ] {
        assert_eq!(setup.explains(Tenure::Scheduled, minute), says, "{name}");
    }
}

#[test]
fn every_missing_step() {
    let level = |seen| Shift { level: Some(seen), ..shift(50, 200) };
    let nameless = Shift { person: Person { id: "Q".into(), name: "Quinn".into(), email: None }, ..shift(50, 200) };
    let account = |suspended| Account { id: "b".into(), email: Email::new("p@example.com"), suspended };
    let hour = TimeDelta::minutes(60);
    for (says, setup) in [
        ("not: level 2", Setup::new().reads("S", [level(2)]).rule(|rule| rule.levels = Some([1].into()))),
        ("not: rule off call, next , no e-mail of Quinn", Setup::new().reads("S", [nameless])),
        ("not: used up at most 30", on_call().rule(|rule| rule.max_duration = Some(hour / 2))),
        ("not: used up for 30", on_call().rule(|rule| rule.duration = Some(hour / 2))),
        ("not: rule down", on_call().down("S")),
        ("not: rule 50..200, no account", on_call().with(|setup| setup.current.accounts.clear())),
        ("not: rule 50..200, 2 accounts", on_call().with(|setup| setup.current.accounts.push(account(false)))),
        ("not: rule 50..200, suspended", on_call().with(|setup| setup.current.accounts = vec![account(true)])),
        (
            "not: there is no 'e'",
            on_call().with(|setup| drop(setup.current.entitlements.insert("e".into(), Err("there is no 'e'".into())))),
        ),
        ("", on_call().with(|setup| setup.rules.clear())),
    ] {
        assert_eq!(setup.explains(Tenure::Scheduled, NOW), says);
    }
}

#[test]
fn what_becomes_of_what_is_held() {
    let held = |until| on_call().owns("rule", &shift(50, 200), until);
    let drifted = || on_call().with(|setup| setup.owned.push(owned(1, Some("gone"), 50, 200)));
    for (says, setup) in [
        ("has 50..150: rule 50..200, ours 50..150, moves to 100..200", held(150)),
        ("has 50..200: rule off call, next , ours 50..200, takes back", holding().reads("S", [])),
        ("has 50..200: rule down, ours 50..200, stands", holding().down("S")),
        ("has 50..200: no rule, ours 50..200, takes back", holding().with(|setup| setup.rules.clear())),
    ] {
        assert_eq!(setup.explains(Tenure::Scheduled, NOW), says);
    }
    // What is owned and not shown was taken away by hand.
    let plan = |setup: &Setup| {
        let plan = super::plan(
            at(NOW),
            &|_| Tenure::Scheduled,
            OnDrift::Restore,
            &setup.desired(),
            &setup.current,
            &setup.owned,
        );
        let (known, emails) = (setup.known(), BTreeSet::from([Email::new("p@example.com")]));
        let (current, owned, plan, emails) = (&setup.current, &*setup.owned, &plan, &emails);
        let answers = Case { known, target: "target", current, owned, plan, emails, at: at(NOW) }.answers();
        steps(&answers[0].steps)
    };
    assert_eq!(plan(&drifted()), "rule 50..200, drift, gives 100..200");
}

/// What somebody took away by hand and stays away is not promised, before its end.
#[test]
fn what_is_respected_is_not_promised() {
    for (until, minute, says) in
        [(200, NOW, "not"), (200, 150, "not"), (150, NOW, "will 150..200"), (150, 160, "has 150..200")]
    {
        let setup = on_call().with(|setup| setup.owned.push(owned(1, Some("gone"), 50, until)));
        for tenure in [Tenure::Scheduled, Tenure::Expiring, Tenure::Standing] {
            let (desired, current, owned) = (setup.desired(), &setup.current, &*setup.owned);
            let plan = &super::plan(at(NOW), &|_| tenure, OnDrift::Respect, &desired, current, owned);
            let (known, emails) = (setup.known(), &BTreeSet::from([Email::new("p@example.com")]));
            let case = Case { known, target: "target", current, owned, plan, emails, at: at(minute) };
            assert_eq!(verdict(case.answers()[0].verdict), says, "until {until}, asked of {minute}, {tenure:?}");
        }
    }
}

#[test]
fn what_lies_ahead_is_not_known_where_a_schedule_was_not_read() {
    assert_eq!(on_call().down("S").explains(Tenure::Scheduled, 150), "unknown: rule down");
}

#[test]
fn a_target_that_cannot_be_told_ahead_is_waited_for() {
    let ahead = Setup::new().reads("S", [shift(150, 200)]);
    assert_eq!(ahead.explains(Tenure::Standing, NOW), "will 150..200: rule 150..200, not yet 150");
    assert_eq!(ahead.explains(Tenure::Expiring, NOW), "will 150..200: rule 150..200, not yet 150");
}

/// Without an end at the target it stays until a run takes it back, whatever the ledger says.
#[test]
fn what_stands_is_there_until_it_is_taken_back() {
    let over = Setup::new().owns("rule", &shift(50, 90), 90);
    assert_eq!(over.explains(Tenure::Standing, NOW), "has ..90: rule off call, next , ours 50..90, takes back");
    assert_eq!(over.explains(Tenure::Standing, 150), "not: rule off call, next , takes back");
}

#[test]
fn padding_caps_overrides_and_merges_are_steps() {
    let hour = TimeDelta::minutes(60);
    let capped = on_call().rule(|rule| rule.max_duration = Some(hour));
    assert_eq!(capped.explains(Tenure::Scheduled, NOW), "will 100..110: rule 50..200 at most 60, gives 100..110");
    let roomy = on_call().rule(|rule| rule.max_duration = Some(hour * 3));
    assert_eq!(roomy.explains(Tenure::Scheduled, NOW), "will 100..200: rule 50..200, gives 100..200", "nothing is cut");
    let early = Setup::new().reads("S", [shift(110, 200)]).rule(|rule| rule.early = hour / 4);
    assert_eq!(early.explains(Tenure::Scheduled, NOW), "will 100..200: rule 110..200, gives 100..200");
    let swapped = Override { period: period(60, 80), reason: None };
    let swapped = Setup::new().reads("S", [Shift { overrides: vec![swapped], ..shift(50, 200) }]);
    assert_eq!(swapped.explains(Tenure::Scheduled, NOW), "will 100..200: rule 50..200 by override, gives 100..200");
    let two = on_call().second_rule().reads("T", [shift(150, 300)]);
    let says = "will 100..300: rule 50..200, 2 merged 100..300, gives 100..300";
    assert_eq!(two.explains(Tenure::Scheduled, NOW), says);
}
